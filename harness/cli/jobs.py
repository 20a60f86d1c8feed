"""The commands of the main job: run, and its steps load, build, check, publish."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from harness.build.building import Build, build, dbt_results
from harness.check.checking import check
from harness.check.findings import Report
from harness.check.output import as_junit, as_text
from harness.cli.looking import draw, print_places, print_table
from harness.cli.options import (
    ALLOW_SHRINK,
    AS_OF,
    FIXTURE,
    FORMAT,
    KEEP,
    LOADING,
    RESOURCES,
    STRICT,
    Commands,
)
from harness.foundation.errors import Refused
from harness.foundation.home import Home
from harness.foundation.progress import say
from harness.foundation.resources import Resources
from harness.load.held import chosen_source
from harness.load.loading import Load, load
from harness.load.origin import Options
from harness.published.publishing import publish


def add_jobs(group: Commands) -> None:
    """Add the commands to the group."""
    group.add("run", *LOADING, AS_OF, FIXTURE, STRICT, ALLOW_SHRINK, KEEP, *RESOURCES)(_run)
    group.add("load", *LOADING, *RESOURCES)(_load)
    group.add("build", AS_OF, *RESOURCES)(_build)
    group.add("check", FIXTURE, STRICT, ALLOW_SHRINK, FORMAT, _JUNIT)(_check)
    group.add("publish", KEEP)(_publish)


_JUNIT = click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Write the findings as JUnit XML, too.",
)


def _run(
    home: Home,
    as_of: date | None,
    fixture: Path | None,
    strict: bool,
    allow_shrink: bool,
    keep: int,
    memory_limit: str | None,
    threads: int | None,
    **source: Any,
) -> None:
    """Load, build, check, publish and draw the report: the main job.

    Publishes only what passed every check; otherwise the version that is published stays. A report
    that cannot be drawn does not take back what is published.

    \b
    harness run
    harness run --from exports/lago --as-of 2026-10-31
    """
    with home.locked():
        resources = Resources(memory_limit, threads)
        say(_load_line(_loaded(home, resources, **source)))
        say("building and testing the marts with dbt")
        built = build(home, as_of, resources)
        say(_build_line(built))
        report = check(home, fixture, strict, allow_shrink)
        for line in as_text(report, only_faults=True):
            say(line)
        _refuse_failed(report)
        version = publish(home, keep)
        print_table(version, 12, None)
        print_places(version)
        click.echo(f"  {draw(version).name}")


def _load(home: Home, memory_limit: str | None, threads: int | None, **source: Any) -> None:
    """Land raw data: all of it, or on any error nothing.

    \b
    harness load --from exports/lago
    harness load --from invoices.csv.gz --organizations organizations.csv
    PGPASSWORD=... harness load --from postgresql://reader@db.example.com/lago
    LAGO_API_KEY=... harness load --from https://api.getlago.com
    """
    with home.locked():
        click.echo(_load_line(_loaded(home, Resources(memory_limit, threads), **source)))


def _build(home: Home, as_of: date | None, memory_limit: str | None, threads: int | None) -> None:
    """Run dbt on the scratch database: models and data tests.

    \b
    harness build --as-of 2026-10-31
    """
    with home.locked():
        built = build(home, as_of, Resources(memory_limit, threads))
        if not built.succeeded:
            failed = [
                result["unique_id"]
                for result in dbt_results(home)["results"]
                if result["status"] in ("error", "fail")
            ]
            raise Refused(f"dbt failed at {', '.join(failed)}; for the reasons: harness check")
        click.echo(_build_line(built))


def _check(
    home: Home,
    fixture: Path | None,
    strict: bool,
    allow_shrink: bool,
    format_: str,
    junit: Path | None,
) -> None:
    """Check the build: dbt's tests, fixture, contract, accounting, what is published.

    Prints what is left out of the report by reason, faults of the data first.

    \b
    harness check --strict
    harness check --fixture expected.csv --format json --junit check.xml
    """
    with home.locked():
        report = check(home, fixture, strict, allow_shrink)
    if format_ == "json":
        click.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        for line in as_text(report):
            click.echo(line)
    for fault in report.data_faults:
        say(f"data fault: {fault}")
    if junit:
        junit.write_bytes(as_junit(report))
    _refuse_failed(report)


def _publish(home: Home, keep: int) -> None:
    """Make the checked build the current version, in one step.

    \b
    harness publish --keep 10
    """
    with home.locked():
        version = publish(home, keep)
    print_places(version)


def _loaded(home: Home, resources: Resources, source: str | None, **options: Any) -> Load:
    return load(
        home,
        chosen_source(home, source),
        options=Options(**options),
        resources=resources,
        warn=lambda text: say(f"warning: {text}"),
    )


def _load_line(loaded: Load) -> str:
    gone = f"{loaded.superseded:,} older versions"
    if loaded.deleted:
        gone += f", {loaded.deleted:,} deleted at the source"
    return f"loaded {loaded.raw:,} invoices from {loaded.source} ({loaded.read:,} read, {gone})"


def _build_line(built: Build) -> str:
    took = f"as of {built.as_of_date} in {built.elapsed_seconds:.1f} s"
    if built.succeeded:
        return f"dbt built and tested the marts {took}"
    return f"dbt ran {took}, and not everything succeeded"


def _refuse_failed(report: Report) -> None:
    if not report.passed:
        findings = "1 finding keeps" if report.failures == 1 else f"{report.failures} findings keep"
        raise Refused(f"{findings} this build from being published; see above")
