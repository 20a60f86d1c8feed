"""The commands that make figures: run, load, build, check, publish."""

from datetime import date
from pathlib import Path
from typing import Any

import click

from harness.build.building import Build, build, dbt_results
from harness.check.checking import check
from harness.check.findings import Report, counted
from harness.check.output import as_junit, as_text
from harness.cli.options import (
    ALLOW_SHRINK,
    AS_OF,
    BY_CUSTOMER,
    FIXTURE,
    FORMAT,
    KEEP,
    LOADING,
    NO_REPORT,
    RESOURCES,
    STRICT,
    command,
    home_option,
)
from harness.cli.printing import after_publishing, echo, echo_json
from harness.cli.read import draw_report
from harness.collection.version import Published
from harness.foundation.errors import HarnessError, Refused
from harness.foundation.home import Home
from harness.foundation.progress import say
from harness.foundation.resources import Resources
from harness.load.loading import Load, load
from harness.load.options import Options
from harness.published.origin import source_to_load
from harness.published.publishing import publish
from harness.published.screen import on_one_screen


@command(
    "run",
    *(*LOADING, AS_OF, BY_CUSTOMER, FIXTURE, STRICT, ALLOW_SHRINK, KEEP, NO_REPORT, *RESOURCES),
)
def run(
    home: Home,
    as_of: date | None,
    by_customer: bool,
    fixture: Path | None,
    strict: bool,
    allow_shrink: bool,
    keep: int,
    no_report: bool,
    memory_limit: str | None,
    threads: int | None,
    **source: Any,
) -> None:
    """Load, build, check, publish and draw the report: the main job.

    Publishes only what passed every check; otherwise the version that is published stays. A report
    that cannot be drawn does not take back what is published. Prints the last twelve months on one
    screen, of many organizations the largest.

    \b
    harness run --from exports/lago --as-of 2026-10-31
    harness run                                          on the sample
    """
    with home.locked() as lock:
        resources = Resources(memory_limit, threads)
        say(_load_line(_load("run", home, resources, **source)))
        say("building and testing the marts with dbt")
        say(_build_line(build(home, as_of, lock, resources, by_customer)))
        report = check(home, fixture, strict, allow_shrink)
        for line in as_text(report, brief=True):
            say(line)
        _refuse_failed(report)
        version = publish(home, keep)
        try:
            if not no_report:
                draw_report(version)
        except HarnessError as error:
            say(f"warning: {error}")
    with after_publishing(version):
        for line in on_one_screen(version):
            echo(line)
        _print_places(version)


@command("load", *LOADING, *RESOURCES)
def load_(home: Home, memory_limit: str | None, threads: int | None, **source: Any) -> None:
    """Land raw data: all of it, or on any error nothing.

    \b
    harness load --from exports/lago
    harness load --from invoices.csv.gz --organizations organizations.csv
    AWS_PROFILE=billing harness load --from s3://exports/lago/
    PGPASSWORD=... harness load --from postgresql://reader@db.example.com/lago
    LAGO_API_KEY=... harness load --from https://api.getlago.com
    """
    with home.locked():
        echo(_load_line(_load("load", home, Resources(memory_limit, threads), **source)))


@command("build", AS_OF, BY_CUSTOMER, *RESOURCES)
def build_(
    home: Home,
    as_of: date | None,
    by_customer: bool,
    memory_limit: str | None,
    threads: int | None,
) -> None:
    """Run dbt on the scratch database: models and data tests.

    \b
    harness build --as-of 2026-10-31
    """
    with home.locked() as lock:
        built = build(home, as_of, lock, Resources(memory_limit, threads), by_customer)
        if not built.succeeded:
            failed = [
                " ".join(result["unique_id"].split(".")[::2][:2])
                for result in dbt_results(home)["results"]
                if result["status"] in ("error", "fail")
            ]
            raise Refused(
                f"{_build_line(built)}: {', '.join(failed)}; for the reasons: harness check"
            )
        echo(_build_line(built))


@command(
    "check",
    FIXTURE,
    STRICT,
    ALLOW_SHRINK,
    FORMAT,
    click.option(
        "--junit",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="PATH",
        help="Write the findings as JUnit XML, too.",
    ),
)
def check_(
    home: Home,
    fixture: Path | None,
    strict: bool,
    allow_shrink: bool,
    format_: str,
    junit: Path | None,
) -> None:
    """Check the build: dbt's tests, fixture, contract, accounting, months, the version before.

    Prints what is left out of the report by reason, faults of the data first.

    \b
    harness check --strict
    harness check --fixture expected.csv --format json --junit check.xml
    """
    with home.locked():
        report = check(home, fixture, strict, allow_shrink)
    if format_ == "json":
        echo_json(report.as_json())
    else:
        for line in as_text(report):
            echo(line)
    for fault in report.data_faults:
        say(f"data fault: {fault}")
    if junit:
        junit.write_bytes(as_junit(report))
    _refuse_failed(report)


@command("publish", KEEP)
def publish_(home: Home, keep: int) -> None:
    """Make the checked build the current version, in one step.

    \b
    harness publish --keep 10
    """
    with home.locked():
        version = publish(home, keep)
    with after_publishing(version):
        _print_places(version)


def _load(
    command_name: str, home: Home, resources: Resources, source: str | None, **options: Any
) -> Load:
    return load(
        home,
        source_to_load(home, source, command_name, home_option(home)),
        options=Options(**options),
        resources=resources,
        warn=lambda text: say(f"warning: {text}"),
    )


def _load_line(loaded: Load) -> str:
    deleted = f", {loaded.deleted:,} deleted at the source" if loaded.deleted else ""
    return (
        f"loaded {counted(loaded.raw)} from {loaded.source}"
        f" ({loaded.read:,} read, {counted(loaded.superseded, 'older version')}{deleted})"
    )


def _build_line(built: Build) -> str:
    date_, seconds = built.as_of_date, built.elapsed_seconds
    if built.succeeded:
        return f"dbt built and tested the marts as of {date_} in {seconds:.1f} s"
    return f"not all models and tests succeeded as of {date_} ({seconds:.1f} s of dbt)"


def _refuse_failed(report: Report) -> None:
    if not report.passed:
        failed = len(report.failed) - len(report.skipped)
        keeps = "keeps" if failed == 1 else "keep"
        raise Refused(
            f"{counted(failed, 'finding')} {keeps} this build from being published; see above"
        )


def _print_places(version: Published) -> None:
    echo(f"published version {version.manifest['version']} in {version.path.parent}/current:")
    tables = len(version.manifest["rows"]) - 1
    echo(f"  invoice_collection.csv and .parquet, and {tables} more tables likewise")
    for name in ("invoice_collection.duckdb", "manifest.json", "report.html"):
        if (version.path / name).exists():
            echo(f"  {name}")
