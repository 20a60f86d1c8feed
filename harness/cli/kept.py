"""The commands that show the kept versions, and go back to one."""

import click

from harness.cli.options import FORMAT, command
from harness.cli.printing import echo, echo_columns, echo_json
from harness.foundation.home import Home
from harness.foundation.progress import say
from harness.published.kept import FLUSH_RIGHT, kept_versions, lines_of_versions, roll_back


@command("versions", FORMAT)
def versions(home: Home, format_: str) -> None:
    """List the published versions that are kept; an asterisk marks the current one.

    Per currency, how many invoices of what amount each has: in units of the currency, and in JSON
    in its smallest unit.

    \b
    harness versions
    """
    found = kept_versions(home)
    if format_ == "json":
        echo_json(found)
    elif found:
        echo_columns(lines_of_versions(found), FLUSH_RIGHT)
    else:
        say(f"no version is kept in {home.path}")


@command("rollback", click.argument("version", required=False, metavar="[VERSION]"))
def rollback(home: Home, version: str | None) -> None:
    """Make a kept version the current one, in one step; without a name, the one before.

    Readers and servers follow. The next run publishes a new version, so stop the schedule until the
    cause is mended.

    \b
    harness rollback
    harness rollback 20261123T151446Z-82f8b115
    """
    with home.locked():
        chosen, before = roll_back(home, version)
    as_of = chosen.manifest["as_of_date"]
    was = f"it was {before}" if before else "none was"
    echo(f"{chosen.path.name}, as of {as_of}, is current; {was}")
