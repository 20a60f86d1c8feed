"""The commands that read what is published: report, show, get."""

from collections.abc import Container
from pathlib import Path

import click

from harness.cli.options import (
    FORMAT_OF_ROWS,
    ONLY_ORGANIZATION,
    ORGANIZATION,
    command,
)
from harness.cli.printing import echo, echo_json
from harness.collection.answers import answer
from harness.collection.version import Published, published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.foundation.progress import Progress, say
from harness.published.origin import INVENTED
from harness.published.show import rows_as_csv, rows_as_json, table


@command("report")
def report_(home: Home) -> None:
    """Draw the HTML report of the published version, and print where it is.

    One file without scripts, for screen, phone and paper: cards, charts and tables by organization
    and currency, and what is left out and why.
    Payment statuses are those at the time of loading, whatever the as-of date.

    \b
    harness report
    """
    with home.locked():
        draw_report(published(home))
    echo(home.published / "current" / "report.html")


@command(
    "show",
    click.option(
        "--months",
        type=click.IntRange(min=1),
        default=12,
        show_default=True,
        help="How many months, the as-of month being the last.",
    ),
    click.option("--currency", metavar="CODE", help="Only this currency."),
    ONLY_ORGANIZATION,
    FORMAT_OF_ROWS,
)
def show(
    home: Home, months: int, currency: str | None, organization: str | None, format_: str
) -> None:
    """Print the published collection, as a table or as its rows.

    The table has a block per organization and currency, amounts in units of the currency, and the
    collection rate: the amount that succeeded of all. Rows of CSV and JSON have amounts in the
    currency's smallest unit, as integers.

    \b
    harness show --months 6 --currency EUR
    harness show --format csv > collection.csv
    """
    print_collection(published(home), months, currency, organization, format_)


@command("get", click.argument("path"), ORGANIZATION)
def get(home: Home, path: str, organization: str | None) -> None:
    """Print the API's JSON for a path and query. Exit code 1 for any status but 200.

    \b
    harness get '/api/v1/analytics/invoice_collection?months=12&currency=EUR' --organization ID
    """
    version = published(home)
    id_ = version.organization_id(organization)
    collection = version.collection([id_])
    response = answer(collection, collection.organizations[id_], path)
    echo(response.body)
    if response.status != 200:
        raise click.exceptions.Exit(1)


def draw_report(version: Published) -> Path:
    """Draw the report of a version; raises HarnessError where that fails."""
    say("drawing the report")
    progress = Progress()
    try:
        # What draws takes a second to load, which the other commands do not wait for.
        from harness.report.writing import write_report

        return write_report(version, progress.show)
    except Exception as error:
        raise HarnessError(
            f"the report cannot be drawn ({type(error).__name__}: {error}); version"
            f" {version.manifest['version']} stays published without it; try: harness report"
        ) from error
    finally:
        progress.end()


def known_currency(currency: str, known: Container[str]) -> str:
    """The code of a currency in any letter case; raises HarnessError where Lago knows none."""
    if not currency.isascii() or currency.upper() not in known:
        raise HarnessError(f"{currency!r} is no currency that Lago knows; give a code such as EUR")
    return currency.upper()


def print_collection(
    version: Published,
    months: int,
    currency: str | None = None,
    organization: str | None = None,
    format_: str = "text",
) -> None:
    """Print a version; raises HarnessError for an unknown currency or organization."""
    only = None if organization is None else [version.organization_id(organization)]
    collection = version.collection(only)
    code = known_currency(currency, collection.subunits_per_unit) if currency else None
    shown = list(collection.organizations.values())
    if version.is_sample and format_ != "text":
        say(INVENTED)
    if format_ == "csv":
        echo(rows_as_csv(shown, months, code).rstrip("\n").encode())
    elif format_ == "json":
        echo_json(rows_as_json(collection, shown, months, code))
    else:
        echo(f"Invoice collection as of {collection.as_of_date}, count and amount per month")
        echo(INVENTED if version.is_sample else "")
        for line in table(collection, shown, months, code):
            echo(line)
