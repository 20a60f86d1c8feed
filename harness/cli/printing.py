"""Printing results on standard output, which may be closed, full, or unable to write a name."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from harness.foundation.progress import say, visible

if TYPE_CHECKING:
    from harness.collection.version import Published


def echo(text: object) -> None:
    """Print a line of a result, or bytes as they are.

    Where whoever read it has gone, nothing more is printed.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # A terminal that cannot write a name gets it in escapes.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        click.echo(text if isinstance(text, bytes) else visible(str(text)))
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def echo_columns(lines: Sequence[Sequence[str]], right: Container[int] = ()) -> None:
    """Print lines of as many cells each in columns; those at the places in `right` end flush."""
    shown = [[visible(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for line in shown:
        cells = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        echo("  ".join(cells).rstrip())


def echo_json(content: Any) -> None:
    """Print a result as JSON, in UTF-8 whatever the terminal's encoding is."""
    echo(json.dumps(content, indent=2, ensure_ascii=False).encode())


@contextlib.contextmanager
def after_publishing(version: "Published") -> Iterator[None]:
    """Print in here what was published; where that fails, it is a warning."""
    try:
        yield
    except Exception as error:
        say(f"warning: version {version.path.name} is published, but cannot be printed: {error}")
