"""The checks that stand between a build and its publication."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from harness.build.building import Build, current_build
from harness.check.dbt_findings import dbt_findings
from harness.check.exclusions import Exclusion, exclusions, tables_in
from harness.check.findings import ROWS_SHOWN, Finding, Report
from harness.check.fixture import differences
from harness.check.months import months_findings
from harness.check.shrinkage import shrinkage_finding
from harness.collection import contract
from harness.collection.answers import PATH, answer
from harness.collection.collection import BILLING_ENTITIES_QUERY, Collection, read_collection
from harness.foundation.errors import HarnessError
from harness.foundation.home import PROJECT, Home, read_json, write_json
from harness.load.loading import Load, current_load

SAMPLE_FIXTURE = PROJECT / "tests" / "cases" / "sample.csv"

_MARTS = {
    *("invoice_collection", "invoice_collection_by_billing_entity", "invoice_exclusions"),
    *("organization_months", "int_billing_entities_resolved", "currencies"),
}


def check(
    home: Home, fixture: Path | None = None, strict: bool = False, allow_shrink: bool = False
) -> Report:
    """Check the scratch build and record the result beside it.

    With `strict`, any data fault fails; with `allow_shrink`, organizations that lost invoices since
    the published version are a warning. Without a `fixture`, the sample at its own as-of date is
    compared with the project's. Raises HarnessError when nothing is built, when raw data was loaded
    again since, when dbt's results are not the build's, or when the fixture cannot be used.
    """
    built = current_build(home)
    load = current_load(home)
    if built.load_id != load.load_id:
        raise HarnessError("raw data was loaded again since the build; run: harness build")
    if fixture is None and built.as_of_date == load.as_of_date:
        fixture = SAMPLE_FIXTURE
    database = home.scratch / "collection.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        findings = list(dbt_findings(home, built, connection))
        left_out = exclusions(connection, home.raw)
        # A test that fails leaves the marts as they are, so that all else can be told, too.
        if tables_in(connection) >= _MARTS:
            if fixture:
                findings.append(_fixture_finding(connection, fixture, built.as_of_date))
            findings += _contract_findings(scratch_collection(connection, built))
            findings.append(_accounting_finding(connection, load))
            findings += months_findings(connection, date.fromisoformat(built.as_of_date))
            findings.append(
                shrinkage_finding(home, load, built.as_of_date, connection, allow_shrink)
            )
        if left_out is not None:
            findings.append(_faults_finding(left_out, strict))
    digest = hashlib.sha256(database.read_bytes()).hexdigest()
    report = Report(built, load, strict, findings, left_out, digest)
    write_json(home.scratch / "check.json", report.as_json())
    return report


def recorded_check(home: Home) -> dict[str, Any]:
    """The last check of the scratch build as JSON; raises HarnessError where there is none."""
    return read_json(home.scratch / "check.json", "nothing is checked; run: harness check")


def scratch_collection(connection: duckdb.DuckDBPyConnection, built: Build) -> Collection:
    """The collection of a scratch build."""
    names = connection.execute(
        "select organization_id, organization_name from stg_lago__organizations order by all"
    ).fetchall()
    return read_collection(
        connection, date.fromisoformat(built.as_of_date), dict(names), BILLING_ENTITIES_QUERY
    )


def _fixture_finding(
    connection: duckdb.DuckDBPyConnection, fixture: Path, as_of_date: str
) -> Finding:
    rows = differences(connection, fixture, as_of_date)
    if not rows:
        return Finding("fixture", fixture.name, "pass", "all rows are equal")
    message = f"{len(rows):,} rows differ from {fixture}"
    return Finding("fixture", fixture.name, "fail", message, rows[:ROWS_SHOWN])


def _contract_findings(collection: Collection) -> Iterator[Finding]:
    rows, violations = 0, []
    for organization in collection.organizations.values():
        body = json_body(collection, organization.id)
        rows += len(body["invoice_collections"])
        violations += [f"{organization.id}: {each}" for each in contract.body_violations(body)]
    count = len(collection.organizations)
    yield Finding(
        "contract",
        f"JSON of {count:,} organization{'s' if count != 1 else ''}",
        "fail" if violations else "pass",
        "; ".join(violations[:ROWS_SHOWN]) or f"all {rows:,} rows are valid",
    )
    used = {row.currency for each in collection.organizations.values() for row in each.rows}
    if outside := contract.currencies_outside_contract(used):
        message = f"outside the contract's list, though Lago accepts it: {', '.join(outside)}"
        yield Finding("contract", "currencies", "warn", message)


def json_body(collection: Collection, organization_id: str) -> dict[str, Any]:
    """The parsed JSON of an organization's whole report."""
    body: dict[str, Any] = json.loads(
        answer(collection, collection.organization(organization_id), PATH).body
    )
    return body


def _accounting_finding(connection: duckdb.DuckDBPyConnection, load: Load) -> Finding:
    counts = connection.execute(
        "select (select count(*) from stg_lago__invoices),"
        " (select coalesce(sum(invoices_count), 0) from invoice_collection),"
        " (select coalesce(sum(invoices_count), 0) from invoice_exclusions)"
    ).fetchone()
    assert counts is not None
    raw, collected, excluded = (int(count) for count in counts)
    adds_up = load.read == load.deleted + load.superseded + raw and raw == collected + excluded
    message = (
        f"{load.read:,} read = {load.deleted:,} deleted at the source + {load.superseded:,}"
        f" superseded + {raw:,} raw; {raw:,} raw = {collected:,} collected + {excluded:,} excluded"
    )
    if not adds_up:
        message = f"does not add up: {message}"
    return Finding("accounting", "every invoice", "pass" if adds_up else "fail", message)


def _faults_finding(left_out: list[Exclusion], strict: bool) -> Finding:
    faults = [each for each in left_out if each.is_data_fault]
    count = sum(each.invoices_count for each in faults)
    if not count:
        return Finding("data faults", "every invoice", "pass", "none")
    message = f"{count:,} invoice{'s have' if count != 1 else ' has'} a data fault"
    if strict:
        message += ", and --strict allows none"
    rows = [asdict(each) for each in faults]
    return Finding("data faults", "every invoice", "fail" if strict else "warn", message, rows)
