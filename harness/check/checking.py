"""The checks that stand between a build and its publication."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from harness.build.building import current_build
from harness.check.answers import contract_findings
from harness.check.dbt_findings import LIMITS_TEST, dbt_findings
from harness.check.exclusions import faults_finding, find_exclusions
from harness.check.findings import ROWS_SHOWN, Finding, Report, counted
from harness.check.fixture import differences
from harness.check.months import months_findings
from harness.check.shrinkage import shrinkage_findings
from harness.foundation.errors import HarnessError
from harness.foundation.files import read_json, sha256_of, write_json
from harness.foundation.home import PROJECT, Home
from harness.foundation.versions import newest_in
from harness.load.loading import Load, current_load
from harness.sources.formats import literal

SAMPLE_FIXTURE = PROJECT / "tests" / "cases" / "sample.csv"


def check(
    home: Home, fixture: Path | None = None, strict: bool = False, allow_shrink: bool = False
) -> Report:
    """Check the scratch build and record the result beside it.

    With `strict`, any data fault fails; with `allow_shrink`, less than is published does not.
    Without a `fixture`, the sample at its own as-of date is compared with the project's. Raises
    HarnessError when nothing is built, when raw data was loaded again since, or when the fixture
    cannot be used.
    """
    # Whatever keeps this check from its end, an earlier one does not speak for the build.
    (home.scratch / "check.json").unlink(missing_ok=True)
    built = current_build(home)
    load = current_load(home)
    if built.load_id != load.load_id:
        raise HarnessError("raw data was loaded again since the build; run: harness build")
    if fixture is None and built.as_of_date == load.as_of_date:
        fixture = SAMPLE_FIXTURE
    database = home.scratch / "collection.duckdb"
    with duckdb.connect() as connection:
        # Under the name by which dbt's queries call it, whatever its path.
        connection.execute(f"attach {literal(str(database))} as collection (read_only)")
        connection.execute("use collection")
        findings = list(dbt_findings(home, built, connection))
        if built.succeeded:
            as_of_date = date.fromisoformat(built.as_of_date)
            if fixture:
                findings.append(_fixture_finding(connection, fixture, built.as_of_date))
            findings += contract_findings(connection, as_of_date)
            findings.append(_accounting_finding(connection, load))
            findings += months_findings(connection, as_of_date)
            findings += shrinkage_findings(home, connection, as_of_date, allow_shrink)
        # Whatever has failed, why invoices are left out is told as far as it is known.
        exclusions = find_exclusions(connection, home.raw / "invoices.parquet")
        if exclusions is not None:
            limits = {finding.status for finding in findings if LIMITS_TEST in finding.name}
            findings.append(faults_finding(exclusions, strict, limits == {"pass"}))
    compared = newest_in(home.published)
    report = Report(
        built,
        load,
        strict,
        findings,
        exclusions,
        sha256_of(database),
        compared.name if compared else None,
    )
    write_json(home.scratch / "check.json", report.as_json())
    return report


def recorded_check(home: Home) -> dict[str, Any]:
    """The last check of the scratch build as JSON; raises HarnessError where there is none."""
    return read_json(home.scratch / "check.json", "nothing is checked; run: harness check")


def _fixture_finding(
    connection: duckdb.DuckDBPyConnection, fixture: Path, as_of_date: str
) -> Finding:
    rows = differences(connection, fixture, as_of_date)
    if not rows:
        return Finding("fixture", fixture.name, "pass", "all rows are equal")
    message = f"{counted(len(rows), 'row')} not as in {fixture}"
    return Finding("fixture", fixture.name, "fail", message, rows[:ROWS_SHOWN])


def _accounting_finding(connection: duckdb.DuckDBPyConnection, load: Load) -> Finding:
    counts = connection.execute(
        "select (select count(*) from stg_lago__invoices),"
        " (select coalesce(sum(invoices_count), 0) from invoice_collection),"
        " (select coalesce(sum(invoices_count), 0) from invoice_exclusions)"
    ).fetchone()
    assert counts is not None
    raw, collected, excluded = (int(count) for count in counts)
    adds_up = load.read == load.deleted + load.superseded + raw and raw == collected + excluded
    deleted = f"{load.deleted:,} deleted at the source + " if load.deleted else ""
    message = (
        f"{load.read:,} read = {deleted}{load.superseded:,} superseded + {raw:,} raw;"
        f" {raw:,} raw = {collected:,} collected + {excluded:,} excluded"
    )
    if not adds_up:
        message = f"does not add up: {message}"
    return Finding("accounting", "every invoice", "pass" if adds_up else "fail", message)
