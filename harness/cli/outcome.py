"""What comes of a command line: the one place where errors become messages and exit codes."""

import sys
import traceback

import click

from harness.cli.group import main_group
from harness.foundation.ending import is_told
from harness.foundation.errors import HarnessError
from harness.foundation.progress import say
from harness.foundation.resources import machine_fault


def outcome(arguments: list[str]) -> int:
    """Run a command; returns its exit code, once what is wrong is told."""
    try:
        return int(main_group.main(arguments, standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return 2
    except Exception as error:
        if is_told():
            # Whatever it was that could not go on, this is why.
            return 2
        if "--debug" in sys.argv:
            traceback.print_exc()
        if isinstance(error, HarnessError):
            say(f"error: {error}")
            return error.exit_code
        # Only now: it takes longer than the rest of a command that needs no data.
        import duckdb

        expected = isinstance(error, OSError | duckdb.Error)
        hint = "" if expected else f" ({type(error).__name__}; more with --debug)"
        say(f"error: {machine_fault(str(error)) or error}{hint}")
        return 2
