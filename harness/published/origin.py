"""Where the data of a home comes from, and that the sample never replaces it (rule 16)."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.foundation.errors import HarnessError
from harness.foundation.home import Home

INVENTED = "This is the sample: its organizations and invoices are invented."


def source_to_load(home: Home, given: str | None, command: str, home_option: list[str]) -> str:
    """The source that --from names, and the sample where it names none.

    Raises HarnessError where the sample would take the place of other data in the home.
    """
    if given is not None and given != "sample":
        return given
    for record in _records(home):
        if record["source"] == "sample":
            continue
        again = command_again(command, record["source"], [*_options(record), *home_option])
        raise HarnessError(
            f"{home.path} holds data of {record['source']}, and the sample never replaces data; to"
            f" load that source again: {again}; for the sample give another --home"
        )
    return "sample"


def command_again(command: str, source: str, options: list[str]) -> str:
    """How to type the `harness` command that loads a source as it is recorded, once more."""
    # A database is recorded with its schema behind a comma, and without user and password.
    address = source.partition(", ")[0] if "://" in source else source
    given = [] if source == "sample" else ["--from", address]
    typed = shlex.join(["harness", command, *given, *options])
    if source.startswith(("https://", "http://")):
        return f"LAGO_API_KEY=... {typed}"
    return f"{typed} (with user and password, as before)" if "://" in source else typed


def _options(record: dict[str, Any]) -> list[str]:
    return list(record.get("options") or record.get("load", {}).get("options") or [])


def _records(home: Home) -> Iterator[dict[str, Any]]:
    """What is recorded of each load and version in the home, the current ones first."""
    raw, published = home.raw.parent, home.published
    files = [raw / "current" / "load.json", published / "current" / "manifest.json"]
    others = [*published.glob("[!.]*/manifest.json"), *raw.glob("[!.]*/load.json")]
    for file in [*files, *sorted(others, reverse=True)]:
        if file.exists():
            yield _record(file)


def _record(file: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        record["source"].startswith("")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError(
            f"{file} cannot be read ({error}), so the sample might replace data; name the source"
            " with --from, or give another --home"
        ) from error
    return record
