"""Whether what the API would answer of a build keeps the contract."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice

import duckdb

from harness.check.findings import ROWS_SHOWN, Finding, counted
from harness.collection import contract
from harness.collection.answers import PATH, answer
from harness.collection.collection import Collection, Organization, Row, read_collection

BILLING_ENTITIES_QUERY = (
    "select organization_id, billing_entity_code, billing_entity_id"
    " from int_billing_entities_resolved where not is_deleted"
)


def contract_findings(connection: duckdb.DuckDBPyConnection, as_of_date: date) -> Iterator[Finding]:
    """Whether every row of every organization's JSON is valid.

    And a warning where there are currencies outside the contract's list.
    """
    # Two answers stand for all; only where one breaks it, each is looked at.
    violations: list[str] = []
    if any(_violations(_stand_ins(connection, as_of_date))):
        violations = list(islice(_violations(_every_one(connection, as_of_date)), ROWS_SHOWN))
    organizations, rows = connection.execute(
        "select (select count(*) from stg_lago__organizations), count(*) from organization_months"
        " left join invoice_collection using (organization_id, month)"
    ).fetchall()[0]
    yield Finding(
        "contract",
        f"JSON of {counted(organizations, 'organization')}",
        "fail" if violations else "pass",
        "; ".join(violations) or f"every row of {rows:,} is valid",
    )
    used = connection.execute("select distinct currency from invoice_collection").fetchall()
    if outside := contract.currencies_outside_contract(currency for (currency,) in used):
        message = f"outside the contract's list, though Lago accepts it: {', '.join(outside)}"
        yield Finding("contract", "currencies", "warn", message)


def _violations(collection: Collection) -> Iterator[str]:
    for organization in collection.organizations.values():
        body = json.loads(answer(collection, organization, PATH).body)
        yield from (f"{organization.id}: {each}" for each in contract.body_violations(body))


def _stand_ins(connection: duckdb.DuckDBPyConnection, as_of_date: date) -> Collection:
    """Two organizations whose answers are valid only if those of all are.

    The document judges each row by itself, and of its numbers their type and bounds. So one has the
    least and the greatest figures of each month, payment status and currency, and the other months
    without invoices.
    """
    found = connection.execute("select distinct month from organization_months order by month")
    months = tuple(month for (month,) in found.fetchall())
    cells = connection.execute(
        "select month, payment_status, currency, min(invoices_count), max(invoices_count),"
        " min(amount_cents), max(amount_cents) from invoice_collection"
        " group by month, payment_status, currency, invoices_count is null, amount_cents is null"
    ).fetchall()
    rows = [
        Row(month, status, currency, count, cents)
        for month, status, currency, least, greatest, lowest, highest in cells
        for count, cents in ((least, lowest), (greatest, highest))
    ]
    return Collection(
        as_of_date,
        {each.id: each for each in (_one("all", months, rows), _one("none", months))},
        {},
    )


def _one(id_: str, months: tuple[date, ...], rows: Iterable[Row] = ()) -> Organization:
    return Organization(id_, None, months, tuple(rows), (), {})


def _every_one(connection: duckdb.DuckDBPyConnection, as_of_date: date) -> Collection:
    names = connection.execute(
        "select organization_id, organization_name from stg_lago__organizations"
    ).fetchall()
    return read_collection(connection, as_of_date, dict(names), BILLING_ENTITIES_QUERY)
