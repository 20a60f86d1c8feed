"""The checks that stand between a build and its publication."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb

from harness.build.building import UNIQUENESS_TEST, Build, current_build, dbt_results
from harness.check.fixture import differences
from harness.collection import contract
from harness.collection.answers import PATH, answer
from harness.collection.collection import Collection, read_collection
from harness.foundation.errors import HarnessError
from harness.foundation.home import PROJECT, Home, read_json, write_json
from harness.load.loading import Load, current_load

SAMPLE_FIXTURE = PROJECT / "tests" / "cases" / "sample.csv"

# What an invoice with a data fault has in the place that is at fault.
_GIVEN = {
    "unknown_organization": "organization_id",
    "unknown_status": "status_code",
    "unknown_payment_status": "payment_status_code",
    "missing_issuing_date": "issuing_date_given",
    "invalid_issuing_date": "issuing_date_given",
    "missing_currency": "currency",
    "unknown_currency": "currency",
    "invalid_amount": "amount_given",
    "invalid_self_billed": "self_billed",
}

_ROWS_SHOWN = 10


@dataclass(frozen=True)
class Finding:
    """What one check found; `rows` are the rows that show it, of differing or failing ones ten."""

    check: Literal["dbt", "fixture", "contract", "accounting", "data faults"]
    name: str
    status: Literal["pass", "warn", "fail"]
    message: str
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Exclusion:
    """Invoices of one organization that are left out for one reason."""

    organization_id: str | None
    reason: str
    invoices_count: int
    example_invoice_id: str
    is_data_fault: bool
    given: str | None
    """What the example has in the place at fault; None where that is missing, or no fault."""

    def __str__(self) -> str:
        count = f"{self.invoices_count:,} invoice{'s' if self.invoices_count != 1 else ''}"
        where = f" of organization {self.organization_id}" if self.organization_id else ""
        text = f"{self.reason}: {count}{where}"
        if self.is_data_fault:
            value = "nothing" if self.given is None else repr(self.given)
            text += f", such as {self.example_invoice_id} with {value} for {_GIVEN[self.reason]}"
        return text


@dataclass(frozen=True)
class Report:
    """All findings about one build, and what the build leaves out."""

    build: Build
    load: Load
    strict: bool
    findings: list[Finding]
    exclusions: list[Exclusion]
    scratch_sha256: str

    @property
    def passed(self) -> bool:
        """Whether the build may be published."""
        return not any(finding.status == "fail" for finding in self.findings)

    @property
    def data_faults(self) -> list[Exclusion]:
        """The exclusions that are faults of the data."""
        return [exclusion for exclusion in self.exclusions if exclusion.is_data_fault]

    def as_json(self) -> dict[str, Any]:
        """The report as JSON: of dates and numbers, text."""
        return {
            "passed": self.passed,
            "build_id": self.build.build_id,
            "load_id": self.load.load_id,
            "as_of_date": self.build.as_of_date,
            "strict": self.strict,
            "scratch_sha256": self.scratch_sha256,
            "findings": [asdict(finding) for finding in self.findings],
            "exclusions": [asdict(exclusion) for exclusion in self.exclusions],
        }


def check(home: Home, fixture: Path | None = None, strict: bool = False) -> Report:
    """Check the scratch build and record the result beside it.

    With `strict`, any data fault fails. Without a `fixture`, the sample at its own as-of date is
    compared with the project's. Raises HarnessError when nothing is built, when raw data was loaded
    again since, or when the fixture cannot be used.
    """
    built = current_build(home)
    load = current_load(home)
    if built.load_id != load.load_id:
        raise HarnessError("raw data was loaded again since the build; run: harness build")
    if fixture is None and built.as_of_date == load.as_of_date:
        fixture = SAMPLE_FIXTURE
    database = home.scratch / "collection.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        findings = list(_dbt_findings(home, connection))
        exclusions: list[Exclusion] = []
        if built.succeeded:
            exclusions = _exclusions(connection)
            if fixture:
                findings.append(_fixture_finding(connection, fixture, built.as_of_date))
            findings += _contract_findings(scratch_collection(connection, built))
            findings.append(_accounting_finding(connection, load))
            findings.append(_faults_finding(exclusions, strict))
    digest = hashlib.sha256(database.read_bytes()).hexdigest()
    report = Report(built, load, strict, findings, exclusions, digest)
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


BILLING_ENTITIES_QUERY = (
    "select organization_id, billing_entity_code, billing_entity_id"
    " from int_billing_entities_resolved where not is_deleted"
)


def _dbt_findings(home: Home, connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    for result in dbt_results(home)["results"]:
        kind, _, name, *_ = result["unique_id"].split(".")
        if kind in ("exposure", "saved_query"):
            continue
        if result["status"] in ("pass", "success"):
            yield Finding("dbt", f"{kind} {name}", "pass", result["message"] or result["status"])
        elif result["status"] == "skipped":
            yield Finding("dbt", f"{kind} {name}", "fail", "skipped, since an earlier step failed")
        else:
            rows = _failing_rows(connection, result) if result["failures"] else []
            yield Finding("dbt", f"{kind} {name}", "fail", result["message"].strip(), rows)
    if current_build(home).ids_proven_by_load:
        message = "left out: the load has found each id once, and raw is as it left it"
        yield Finding("dbt", f"test {UNIQUENESS_TEST}", "pass", message)


def _failing_rows(
    connection: duckdb.DuckDBPyConnection, result: dict[str, Any]
) -> list[dict[str, Any]]:
    found = connection.execute(f"select * from ({result['compiled_code']}) limit {_ROWS_SHOWN}")
    names = [column[0] for column in found.description]
    return [
        {
            name: None if value is None else str(value)
            for name, value in zip(names, row, strict=True)
        }
        for row in found.fetchall()
    ]


def _fixture_finding(
    connection: duckdb.DuckDBPyConnection, fixture: Path, as_of_date: str
) -> Finding:
    rows = differences(connection, fixture, as_of_date)
    if not rows:
        return Finding("fixture", fixture.name, "pass", "all rows are equal")
    message = f"{len(rows):,} rows differ from {fixture}"
    return Finding("fixture", fixture.name, "fail", message, rows[:_ROWS_SHOWN])


def _contract_findings(collection: Collection) -> Iterator[Finding]:
    differences = contract.document_differences()
    yield Finding(
        "contract",
        "OpenAPI document",
        "fail" if differences else "pass",
        "; ".join(differences) or "promises what Lago's contract does",
    )
    for organization in collection.organizations.values():
        body = json_body(collection, organization.id)
        violations = contract.body_violations(body)
        yield Finding(
            "contract",
            f"JSON of {organization.id}",
            "fail" if violations else "pass",
            "; ".join(violations[:_ROWS_SHOWN])
            or f"all {len(body['invoice_collections']):,} rows are valid",
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
    adds_up = load.read == load.superseded + raw and raw == collected + excluded
    message = (
        f"{load.read:,} read = {load.superseded:,} superseded + {raw:,} raw;"
        f" {raw:,} raw = {collected:,} collected + {excluded:,} excluded"
    )
    if not adds_up:
        message = f"does not add up: {message}"
    return Finding("accounting", "every invoice", "pass" if adds_up else "fail", message)


def _faults_finding(exclusions: list[Exclusion], strict: bool) -> Finding:
    count = sum(each.invoices_count for each in exclusions if each.is_data_fault)
    if not count:
        return Finding("data faults", "every invoice", "pass", "none")
    rows = [asdict(each) for each in exclusions if each.is_data_fault]
    message = f"{count:,} invoices with data faults" + (
        ", and --strict allows none" if strict else ", within the limits"
    )
    return Finding("data faults", "every invoice", "fail" if strict else "warn", message, rows)


def _exclusions(connection: duckdb.DuckDBPyConnection) -> list[Exclusion]:
    found = connection.execute(
        "select organization_id, exclusion_reason, sum(invoices_count), min(example_invoice_id)"
        " from invoice_exclusions group by organization_id, exclusion_reason"
        " order by organization_id nulls last, exclusion_reason"
    ).fetchall()
    examples = _invoices(connection, [row[3] for row in found if row[1] in _GIVEN])
    exclusions = [
        Exclusion(
            organization_id=organization_id,
            reason=reason,
            invoices_count=int(count),
            example_invoice_id=example,
            is_data_fault=reason in _GIVEN,
            given=examples[example][_GIVEN[reason]] if reason in _GIVEN else None,
        )
        for organization_id, reason, count, example in found
    ]
    return sorted(exclusions, key=lambda each: not each.is_data_fault)


def _invoices(
    connection: duckdb.DuckDBPyConnection, ids: list[str]
) -> dict[str, dict[str, str | None]]:
    columns = sorted(set(_GIVEN.values()))
    texts = ", ".join(f"cast({column} as varchar)" for column in columns)
    found = connection.execute(
        f"select cast(invoice_id as varchar), {texts} from stg_lago__invoices"
        " where list_contains($1, cast(invoice_id as varchar))",
        [ids],
    ).fetchall()
    return {id_: dict(zip(columns, values, strict=True)) for id_, *values in found}
