"""The options of the command line, and what their values may be."""

import os
import re
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click

from harness.foundation.home import DEFAULT_HOME, IS_CHECKOUT, Home
from harness.load import options as of_sources

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _Date(click.ParamType[date]):
    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as YYYY-MM-DD", param, ctx)


class _Size(click.ParamType[str]):
    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch("[0-9]+([.][0-9]+)? ?[KMGT]i?B", value, re.IGNORECASE):
            self.fail(f"{value!r} is no size; write it as 512MB or 2GB", param, ctx)
        return str(value)


_HOME_VARIABLE = "LAGO_COLLECTION_HOME"

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_HOME,
    envvar=_HOME_VARIABLE,
    show_envvar=True,
    show_default="warehouse/ in the project" if IS_CHECKOUT else "./warehouse",
    callback=lambda _context, _option, value: Home(value.absolute()),
    help="Where everything is kept: raw data, the build, the published versions.",
)
DEBUG = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show a traceback when something breaks."
)
SOURCE = click.option(
    "--from",
    "source",
    metavar="sample|DIR|FILE|URL",
    show_default="the sample, where the home is empty or holds the sample",
    help="A directory with Lago's tables, whole or in parts, or with saved API responses; such a"
    " directory in an object store, s3://BUCKET/DIR/ (needs boto3; credentials in AWS_* variables"
    " or a profile); a file of invoices, such as Lago's own CSV export; postgresql://HOST/NAME,"
    " Lago's database (the password better in PGPASSWORD or ~/.pgpass than in the URL);"
    " https://HOST, Lago's API, with the key in LAGO_API_KEY; or sample, invented data, which never"
    " replaces other data.",
)
ORGANIZATIONS = click.option(
    "--organizations",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The organizations table, where --from is a file. Without it the report begins with the"
    " first invoice that counts.",
)
SCHEMA = click.option(
    "--schema",
    metavar="NAME",
    help=f"The schema of Lago's tables, of a database. Default: {of_sources.SCHEMA}.",
)
ONLY = click.option(
    "--organization",
    metavar="ID|NAME",
    help="Of a database, load this organization alone; of files whose invoices do not say whose"
    " they are, the one that they are of.",
)
PER_PAGE = click.option(
    "--per-page",
    type=click.IntRange(1, 1000),
    help=f"How many invoices to ask an API for at a time. Default: {of_sources.PER_PAGE}.",
)
CONNECTIONS = click.option(
    "--connections",
    type=click.IntRange(1, 16),
    help=f"How many pages to ask an API for at once. Default: {of_sources.CONNECTIONS}.",
)
INSECURE = click.option(
    "--insecure",
    is_flag=True,
    help="Allow http:// beyond this machine; it shows the key to others.",
)
LOADING = (SOURCE, ORGANIZATIONS, SCHEMA, ONLY, PER_PAGE, CONNECTIONS, INSECURE)
AS_OF = click.option(
    "--as-of",
    type=_Date(),
    help="The report's last month is the month of this date. Default: today in UTC, and for the"
    " sample its own date. It does not bring back payment statuses of the past.",
)
BY_CUSTOMER = click.option(
    "--by-customer",
    is_flag=True,
    help="Build the collection by customer, too, which may be as large as the invoices.",
)
MEMORY_LIMIT = click.option(
    "--memory-limit",
    type=_Size(),
    help="How much memory DuckDB may take to load and build, such as 2GB; the rest goes to a"
    " directory in --home. Default: 80% of the machine's.",
)
THREADS = click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="How many processors DuckDB may use. Default: all.",
)
RESOURCES = (MEMORY_LIMIT, THREADS)
FIXTURE = click.option(
    "--fixture",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A CSV with the expected rows, beside a .yml with as_of_date, organizations and origin.",
)
KEEP = click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How many published versions to keep, this one included; the one before stays anyway.",
)
ALLOW_SHRINK = click.option(
    "--allow-shrink",
    is_flag=True,
    help="Let organizations vanish or lose invoices against the published version.",
)
NO_REPORT = click.option(
    "--no-report", is_flag=True, help="Publish without drawing the report; harness report draws it."
)
STRICT = click.option("--strict", is_flag=True, help="Let any data fault fail the check.")


def _format(*others: str) -> Decorator:
    return click.option(
        "--format",
        "format_",
        type=click.Choice(["text", *others]),
        default="text",
        show_default=True,
        help="How to print it.",
    )


FORMAT = _format("json")
FORMAT_OF_ROWS = _format("csv", "json")
ORGANIZATION = click.option(
    "--organization",
    metavar="ID|NAME",
    help="An id or an exact name; may be left out where there is only one.",
)
ONLY_ORGANIZATION = click.option(
    "--organization", metavar="ID|NAME", help="Only this organization, by id or exact name."
)


class Commands(click.Group):
    """A group that lists its commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class _Loading(click.Command):
    """A command with --from, which says so where a source is given without it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            words = shlex.join(["harness", str(self.name), "--from", rest[0]])
            ctx.fail(f"{rest[0]!r} stands alone; a source is given with --from: {words}")
        return rest


def command(name: str, *options: Decorator) -> Callable[[Callable[..., None]], click.Command]:
    """A command with the given options and those that every command has."""

    def decorate(function: Callable[..., None]) -> click.Command:
        for option in reversed((*options, HOME, DEBUG)):
            function = option(function)
        return click.command(name, cls=_Loading if SOURCE in options else click.Command)(function)

    return decorate


def home_option(home: Home) -> list[str]:
    """The words that name the home on a command line, none where it is taken without them."""
    taken = os.environ.get(_HOME_VARIABLE) or DEFAULT_HOME
    return [] if Path(taken).absolute() == home.path else ["--home", str(home.path)]
