"""The commands, in the order in which they are used."""

from importlib import import_module
from typing import NamedTuple

import click

from harness import __version__


class _Place(NamedTuple):
    module: str
    name: str
    purpose: str


_COMMANDS = {
    "run": _Place("make", "run", "The whole job: load, build, check, publish, report."),
    "load": _Place("make", "load_", "Land raw data: all of it, or on any error nothing."),
    "build": _Place("make", "build_", "Run dbt: models and data tests."),
    "check": _Place("make", "check_", "Check what is built, and say what is left out."),
    "publish": _Place("make", "publish_", "Make the checked build the current version."),
    "report": _Place("read", "report_", "Draw the HTML report of the published version."),
    "show": _Place("read", "show", "Print the published collection."),
    "invoices": _Place("invoices", "invoices", "List the invoices behind a figure."),
    "get": _Place("read", "get", "Print the API's JSON for a path and query."),
    "diff": _Place("compare", "diff_", "Compare what is published with Lago's own answer."),
    "versions": _Place("kept", "versions", "List the published versions that are kept."),
    "rollback": _Place("kept", "rollback", "Go back to a kept version, in one step."),
    "serve": _Place("serving", "serve_", "Serve the API over the published version."),
    "keys": _Place("serving", "keys_group", "Add, list and revoke keys of the API."),
}


class _Commands(click.Group):
    """Imports a command when it is called: none waits for what only another needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        command: click.Command = getattr(import_module(f"harness.cli.{place.module}"), place.name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.NoSuchCommand(name, possibilities=_COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.purpose) for name, place in _COMMANDS.items()])


@click.group(
    cls=_Commands,
    name="harness",
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="harness")
def main_group() -> None:
    """Lago's invoice collection report from your own data.

    \b
    harness run                                   the whole job, on the sample
    harness run --from DIR                        the same on your tables
    harness show --months 6 --currency EUR        look at the result

    Results go to standard output, everything else to standard error. Exit codes: 0 fine; 1 the
    answer is no (a check failed, a request was refused); 2 wrong usage, input or a crash.
    """
