"""What the report lists beside its figures: what is open, and what is left out and why."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from harness.collection.reasons import Reason, reason

LISTED = 10
"""How many invoices a page lists at most, the largest; the files beside it have all."""
_EXAMPLES = 3


@dataclass(frozen=True)
class OpenInvoice:
    """An invoice that is to be collected; amounts are in the currency's smallest unit."""

    id: str
    number: str | None
    customer: str | None
    issuing_date: date
    payment_due_date: date | None
    days_past_due: int
    payment_status: str
    paid_cents: int | None
    due_cents: int


@dataclass(frozen=True)
class Receivables:
    """What is to be collected in one currency: by age, and the largest invoices."""

    aging: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By bucket: how many invoices, and what is due of them in cents."""
    largest: list[OpenInvoice] = field(default_factory=list)

    @property
    def invoices_count(self) -> int:
        """How many invoices there are."""
        return sum(count for count, _ in self.aging.values())

    @property
    def due_cents(self) -> int:
        """What is due in all."""
        return sum(cents for _, cents in self.aging.values())

    @property
    def past_due(self) -> tuple[int, int]:
        """How many invoices are past their due date, and what is due of them in cents."""
        past = [sums for bucket, sums in self.aging.items() if bucket != "not_due"]
        return sum(count for count, _ in past), sum(cents for _, cents in past)


@dataclass(frozen=True)
class LeftOut:
    """Invoices that are left out for one reason."""

    reason: Reason
    invoices_count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class FaultyInvoice:
    """An invoice that is left out for a fault of the data, with what it has there."""

    id: str
    number: str | None
    reason: Reason
    given: str | None
    month: date | None
    currency: str | None
    amount_cents: int | None


@dataclass(frozen=True)
class Details:
    """What is listed of one organization, or of those that are not known."""

    receivables: dict[str, Receivables] = field(default_factory=dict)
    """By currency."""
    left_out: list[LeftOut] = field(default_factory=list)
    faulty: list[FaultyInvoice] = field(default_factory=list)

    @property
    def faults(self) -> list[LeftOut]:
        """What is left out for a fault of the data."""
        return [each for each in self.left_out if each.reason.is_data_fault]

    @property
    def on_purpose(self) -> list[LeftOut]:
        """What the rules leave out."""
        return [each for each in self.left_out if not each.reason.is_data_fault]


def read_details(
    connection: duckdb.DuckDBPyConnection, organizations: Iterable[str]
) -> dict[str, Details]:
    """The details of these organizations, by id."""
    found = {id_: Details() for id_ in organizations}
    ids = [list(found)]
    chosen = "list_contains(?, organization_id)"
    for id_, currency, bucket, count, cents in connection.execute(
        "select organization_id, currency, aging_bucket, invoices_count, due_amount_cents"
        f" from receivables_aging where {chosen}",
        ids,
    ).fetchall():
        receivables = found[id_].receivables.setdefault(currency, Receivables())
        receivables.aging[bucket] = int(count), int(cents)
    for id_, currency, *invoice in connection.execute(
        "select organization_id, currency, invoice_id, invoice_number,"
        " coalesce(customer_name, external_customer_id, customer_id), issuing_date,"
        " payment_due_date, days_past_due, payment_status, paid_amount_cents, due_amount_cents"
        f" from uncollected_invoices where {chosen} qualify row_number() over"
        " (partition by organization_id, currency order by due_amount_cents desc, invoice_id)"
        f" <= {LISTED} order by due_amount_cents desc, invoice_id",
        ids,
    ).fetchall():
        found[id_].receivables[currency].largest.append(OpenInvoice(*invoice))
    for owner, details in _left_out(connection, chosen, ids).items():
        found[str(owner)].left_out.extend(details.left_out)
        found[str(owner)].faulty.extend(details.faulty)
    return found


def read_unknown(connection: duckdb.DuckDBPyConnection) -> Details:
    """What is left out of organizations that are not known, all of them together."""
    known = "select organization_id from organizations"
    chosen = f"(organization_id is null or organization_id not in ({known}))"
    return _left_out(connection, chosen, [], owner="null").get(None, Details())


def _left_out(
    connection: duckdb.DuckDBPyConnection,
    chosen: str,
    parameters: list[Any],
    owner: str = "organization_id",
) -> dict[str | None, Details]:
    found: dict[str | None, Details] = {}
    for id_, code, count, examples in connection.execute(
        f"select {owner} as owner, exclusion_reason, sum(invoices_count) as invoices,"
        f" list(example_invoice_id order by month desc nulls last)[:{_EXAMPLES}]"
        f" from invoice_exclusions where {chosen} group by owner, exclusion_reason"
        " order by invoices desc, exclusion_reason",
        parameters,
    ).fetchall():
        each = LeftOut(reason(code), int(count), tuple(examples))
        found.setdefault(id_, Details()).left_out.append(each)
    for id_, invoice_id, number, code, *facts in connection.execute(
        f"select {owner} as owner, invoice_id, invoice_number, exclusion_reason, value_given,"
        f" month, currency, amount_cents from faulty_invoices where {chosen} qualify row_number()"
        " over (partition by owner order by amount_cents desc nulls last, invoice_id)"
        f" <= {LISTED} order by amount_cents desc nulls last, invoice_id",
        parameters,
    ).fetchall():
        invoice = FaultyInvoice(invoice_id, number, reason(code), *facts)
        found.setdefault(id_, Details()).faulty.append(invoice)
    return found
