"""The invoice collection worked out a second time, invoice by invoice, in plain Python.

Nothing of the project is imported or read: no SQL, no seed, no harness. The tables of codes and
currencies stand below, so a mistake in the project's own tables shows as a difference.

    python tests/cases/calculate.py DIRECTORY AS_OF

prints the collection of the tables in DIRECTORY as a fixture, that is, as a CSV file.
"""

import argparse
import csv
import gzip
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

Record = dict[str, str | None]

INVOICE_STATUSES = (
    "draft",
    "finalized",
    "voided",
    "generating",
    "failed",
    "open",
    "closed",
    "pending",
    "deleted",
)
PAYMENT_STATUSES = ("pending", "succeeded", "failed")

# The 138 currencies that Lago publishes, and the four that it takes without publishing them.
CURRENCY_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BIF BMD BND BOB BRL BSD BWP BYN BZD
    CAD CDF CHF CLF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP
    GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR ISK JMD JPY KES KGS KHR KMF KRW KYD KZT LAK
    LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRO MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
    NZD PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLL SOS SRD STD
    SZL THB TJS TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
    BHD IRR JOD KWD
"""
CURRENCIES = frozenset(CURRENCY_CODES.split())

# A field of a CSV file and what ends it. Only a quoted field may hold commas and line breaks.
FIELD = re.compile(r'(?:"(?P<quoted>[^"]*(?:""[^"]*)*)"|(?P<bare>[^,"\r\n]*))(?P<end>,|\r?\n|\Z)')

LOWEST_CENTS, HIGHEST_CENTS = -(2**63), 2**63 - 1


class Cell(NamedTuple):
    """What a row of the collection is about; in the order in which the rows are sorted."""

    organization_id: str
    month: date
    payment_status: str
    currency: str


class Entity(NamedTuple):
    """The billing entity of an invoice, as far as the tables know it."""

    billing_entity_id: str | None
    billing_entity_code: str | None


# The most days past due of each bucket of the ageing.
BUCKETS = ((0, "not_due"), (30, "1-30"), (60, "31-60"), (90, "61-90"), (10**9, "over_90"))


class Uncollected(NamedTuple):
    """An invoice that counts and is not paid; amounts in cents, `paid` None where not known."""

    cell: Cell
    invoice_id: str
    number: str | None
    customer_id: str | None
    external_customer_id: str | None
    customer_name: str | None
    due_date: date | None
    amount_cents: int
    paid_cents: int | None
    due_cents: int
    days_past_due: int
    bucket: str


@dataclass(frozen=True)
class CollectedRow:
    """One row of the collection; `amount_cents` in the currency's smallest unit."""

    organization_id: str
    month: date
    payment_status: str
    currency: str
    invoices_count: int
    amount_cents: int


@dataclass(frozen=True)
class Result:
    """The collection of some tables, and what was left out of it.

    `exclusions` counts invoices by organization (None where the invoice names none) and reason.
    `by_billing_entity` holds the count and cents of the collected rows, split by billing entity.
    `superseded` counts older versions of invoices, which are neither collected nor excluded.
    """

    rows: tuple[CollectedRow, ...]
    exclusions: dict[tuple[str | None, str], int]
    by_billing_entity: dict[tuple[Cell, Entity], tuple[int, int]]
    superseded: int


def collect(directory: Path, as_of: date) -> Result:
    """The collection of the tables in a directory; ValueError if they cannot be read."""
    organizations = {
        required(record, "id"): month_of(utc(required(record, "created_at")))
        for record in read_table(directory, "organizations")
    }
    entity_codes = {
        required(record, "id"): record.get("code")
        for record in read_table(directory, "billing_entities", optional=True)
    }
    invoices, superseded = newest_versions(read_table(directory, "invoices"))

    exclusions: Counter[tuple[str | None, str]] = Counter()
    counts: Counter[tuple[Cell, Entity]] = Counter()
    cents: Counter[tuple[Cell, Entity]] = Counter()
    for invoice in invoices:
        reason = exclusion_reason(invoice, organizations, month_of(as_of))
        if reason is not None:
            exclusions[invoice.get("organization_id"), reason] += 1
            continue
        key = cell_of(invoice), entity_of(invoice, entity_codes)
        counts[key] += 1
        cents[key] += amount(invoice["total_amount_cents"]) or 0

    cell_counts: Counter[Cell] = Counter()
    cell_cents: Counter[Cell] = Counter()
    for cell, entity in counts:
        cell_counts[cell] += counts[cell, entity]
        cell_cents[cell] += cents[cell, entity]
    return Result(
        rows=tuple(
            CollectedRow(*cell, invoices_count=cell_counts[cell], amount_cents=cell_cents[cell])
            for cell in sorted(cell_counts)
        ),
        exclusions=dict(exclusions),
        by_billing_entity={key: (counts[key], cents[key]) for key in counts},
        superseded=superseded,
    )


def collected_invoices(directory: Path, as_of: date) -> Iterator[Record]:
    """The invoices that the collection of the tables in a directory counts."""
    organizations = {
        required(record, "id"): month_of(utc(required(record, "created_at")))
        for record in read_table(directory, "organizations")
    }
    invoices, _ = newest_versions(read_table(directory, "invoices"))
    for invoice in invoices:
        if exclusion_reason(invoice, organizations, month_of(as_of)) is None:
            yield invoice


def uncollected(directory: Path, as_of: date) -> list[Uncollected]:
    """What of the collection is pending or failed, by id."""
    customers = {
        (record["organization_id"], record["id"]): record
        for record in read_table(directory, "customers", optional=True)
    }
    found = []
    for invoice in collected_invoices(directory, as_of):
        cell = cell_of(invoice)
        if cell.payment_status == "succeeded":
            continue
        customer = customers.get((cell.organization_id, invoice.get("customer_id")), {})
        due_date = day(invoice.get("payment_due_date") or "")
        cents = amount(invoice["total_amount_cents"]) or 0
        paid = amount(invoice.get("total_paid_amount_cents"))
        days = max(0, (as_of - due_date).days) if due_date else 0
        found.append(
            Uncollected(
                cell,
                required(invoice, "id"),
                invoice.get("number"),
                invoice.get("customer_id"),
                customer.get("external_id"),
                customer.get("name"),
                due_date,
                cents,
                paid,
                cents - (paid or 0),
                days,
                next(bucket for most, bucket in BUCKETS if days <= most),
            )
        )
    return sorted(found, key=lambda each: each.invoice_id)


def by_customer(directory: Path, as_of: date) -> dict[tuple[Cell, str | None], tuple[int, int]]:
    """How many invoices of what amount each customer (None: of none) has in each cell."""
    sums: dict[tuple[Cell, str | None], tuple[int, int]] = {}
    for invoice in collected_invoices(directory, as_of):
        key = cell_of(invoice), invoice.get("customer_id")
        count, cents = sums.get(key, (0, 0))
        sums[key] = count + 1, cents + (amount(invoice["total_amount_cents"]) or 0)
    return sums


def exclusion_reason(
    invoice: Record, organizations: dict[str, date], last_month: date
) -> str | None:
    """Why an invoice is left out: the first reason that fits, or None if it is collected."""
    first_month = organizations.get(invoice.get("organization_id") or "")
    status = decoded(invoice.get("status"), INVOICE_STATUSES)
    payment_status = decoded(invoice.get("payment_status"), PAYMENT_STATUSES)
    self_billed = flag(invoice.get("self_billed"))
    issuing_date = invoice.get("issuing_date") or ""
    issued_on = day(issuing_date)
    currency = invoice.get("currency") or ""

    if first_month is None:
        return "unknown_organization"
    if status is None:
        return "unknown_status"
    if status != "finalized":
        return "not_finalized"
    if self_billed is True:
        return "self_billed"
    if invoice.get("payment_dispute_lost_at"):
        return "payment_dispute_lost"
    if payment_status is None:
        return "unknown_payment_status"
    if not issuing_date:
        return "missing_issuing_date"
    if issued_on is None:
        return "invalid_issuing_date"
    if not currency:
        return "missing_currency"
    if currency not in CURRENCIES:
        return "unknown_currency"
    if amount(invoice.get("total_amount_cents")) is None:
        return "invalid_amount"
    if self_billed is None:
        return "invalid_self_billed"
    if month_of(issued_on) < first_month:
        return "before_first_month"
    if month_of(issued_on) > last_month:
        return "future_month"
    return None


def cell_of(invoice: Record) -> Cell:
    """Where a collected invoice belongs."""
    issued_on = day(required(invoice, "issuing_date"))
    payment_status = decoded(invoice.get("payment_status"), PAYMENT_STATUSES)
    if issued_on is None or payment_status is None:
        raise ValueError(f"invoice {invoice.get('id')} is not one that can be collected")
    return Cell(
        required(invoice, "organization_id"),
        month_of(issued_on),
        payment_status,
        required(invoice, "currency"),
    )


def entity_of(invoice: Record, entity_codes: dict[str, str | None]) -> Entity:
    """The billing entity that an invoice names, by its id or only by its code."""
    entity_id = invoice.get("billing_entity_id") or None
    code = invoice.get("billing_entity_code") or entity_codes.get(entity_id or "")
    return Entity(entity_id, code)


def decoded(value: str | None, labels: tuple[str, ...]) -> str | None:
    """The label that a code or a label stands for, or None."""
    if value in labels:
        return value
    codes = {str(code): label for code, label in enumerate(labels)}
    return codes.get(value or "")


def flag(value: str | None) -> bool | None:
    """A boolean as databases write it; null is false, anything else is None."""
    if value is None:
        return False
    return {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}.get(
        value.lower()
    )


def day(value: str) -> date | None:
    """The date that YYYY-MM-DD means, or None if it is written otherwise or does not exist."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def amount(value: str | None) -> int | None:
    """The whole number of cents that a text means, or None if it is none or exceeds 64 bits."""
    if value is None or not re.fullmatch(r"-?[0-9]+", value):
        return None
    digits = value.lstrip("-0")
    if len(digits) > len(str(HIGHEST_CENTS)):
        return None
    cents = int(digits or "0") * (-1 if value.startswith("-") else 1)
    return cents if LOWEST_CENTS <= cents <= HIGHEST_CENTS else None


def utc(value: str) -> datetime:
    """A moment in UTC; one without an offset is in UTC already."""
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def month_of(value: date) -> date:
    """The first day of a date's month."""
    return date(value.year, value.month, 1)


def newest_versions(invoices: Iterator[Record]) -> tuple[list[Record], int]:
    """Each invoice as it was last updated, and how many older versions there were.

    Raises ValueError where two differing versions claim to be the newest.
    """
    never = datetime.min.replace(tzinfo=UTC)
    newest: dict[str, tuple[datetime, Record]] = {}
    superseded = 0
    for invoice in invoices:
        invoice_id = required(invoice, "id")
        updated_at = invoice.get("updated_at")
        moment = utc(updated_at) if updated_at else never
        if invoice_id in newest:
            superseded += 1
            other_moment, other = newest[invoice_id]
            if moment == other_moment and invoice != other:
                raise ValueError(f"invoice {invoice_id} has two newest versions that differ")
            if moment <= other_moment:
                continue
        newest[invoice_id] = moment, invoice
    return [invoice for _, invoice in newest.values()], superseded


def read_table(directory: Path, name: str, *, optional: bool = False) -> Iterator[Record]:
    """The rows of a table's CSV file, packed or not; None is null and '' an empty string."""
    plain, packed = directory / f"{name}.csv", directory / f"{name}.csv.gz"
    if plain.exists():
        text = plain.read_bytes().decode("utf-8-sig")
    elif packed.exists():
        text = gzip.decompress(packed.read_bytes()).decode("utf-8-sig")
    elif optional:
        return
    else:
        raise ValueError(f"{directory} holds neither {plain.name} nor {packed.name}")

    rows = read_rows(text)
    header = [column or "" for column in next(rows, [])]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(
                f"{name}, row {number}: {len(row)} fields, but {len(header)} columns in the header"
            )
        yield dict(zip(header, row, strict=True))


def read_rows(text: str) -> Iterator[list[str | None]]:
    """The rows of a CSV text: an empty field is None unless it is quoted; empty lines are skipped.

    Python's own reader gives '' for both, and the difference is the one between missing and empty.
    """
    position = 0
    row: list[str | None] = []
    while position < len(text) or row:
        match = FIELD.match(text, position)
        if match is None:
            line = text.count("\n", 0, position) + 1
            raise ValueError(f"line {line}: a quotation mark stands where none may")
        quoted, bare = match["quoted"], match["bare"]
        row.append(bare or None if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if match["end"] != ",":
            if row != [None]:
                yield row
            row = []


def required(record: Record, column: str) -> str:
    """The value of a column that must have one."""
    value = record.get(column)
    if not value:
        raise ValueError(f"row {record.get('id')} has no {column}")
    return value


def main() -> None:
    """Prints the fixture of a directory of tables."""
    parser = argparse.ArgumentParser(description="Print the invoice collection of Lago's tables.")
    parser.add_argument("directory", type=Path, help="where organizations.csv and the others are")
    parser.add_argument("as_of", type=date.fromisoformat, help="YYYY-MM-DD")
    arguments = parser.parse_args()

    try:
        result = collect(arguments.directory, arguments.as_of)
    except ValueError as error:
        sys.exit(f"calculate.py: {error}")

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*Cell._fields, "invoices_count", "amount_cents"])
    for row in result.rows:
        writer.writerow(vars(row).values())


if __name__ == "__main__":
    main()
