"""The API's answers: from a path and query to a status and a JSON body.

The shapes are those of openapi.yml; the errors are Lago's own.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from harness.collection.collection import Collection, Organization, Row

PATH = "/api/v1/analytics/invoice_collection"

# Lago's names of the statuses: Python's own have changed (422 in 3.13).
_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class Answer:
    """An HTTP status and a JSON body."""

    status: int
    body: bytes


def answer(collection: Collection, organization: Organization, target: str) -> Answer:
    """Answer a request for `target`, a path with or without a query, for one organization."""
    url = urlsplit(target)
    return answer_to(collection, organization, url.path, url.query)


def answer_to(collection: Collection, organization: Organization, path: str, query: str) -> Answer:
    """As `answer`, where path and query string are known apart."""
    if path == PATH:
        return _report(collection, organization, query)
    return error(404, code="not_found")


def _report(collection: Collection, organization: Organization, query: str) -> Answer:
    """Answer the report: 200, 422, or 404 for billing entity or customer."""
    # Of a repeated parameter the last counts; a blank one means no filter.
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    currency = parameters.get("currency", "")
    months = parameters.get("months", "")
    entity_code = parameters.get("billing_entity_code", "")
    customer = parameters.get("external_customer_id", "")

    # Upper-casing could make a code of what is none, as with the long s.
    known = currency.isascii() and currency.upper() in collection.subunits_per_unit
    invalid = {}
    if currency and not known:
        invalid["currency"] = ["value_is_invalid"]
    if months and not re.fullmatch("-?[0-9]+", months):
        invalid["months"] = ["value_is_invalid"]
    if customer and not collection.by_customer:
        invalid["external_customer_id"] = ["not_published_by_customer"]
    elif customer and entity_code:
        invalid["external_customer_id"] = ["not_available_by_billing_entity"]
    if invalid:
        return error(422, code="validation_errors", error_details=invalid)
    if entity_code and entity_code not in organization.billing_entities:
        return error(404, code="billing_entity_not_found")

    rows: Iterable[Row] = organization.rows
    if customer and collection.by_customer:
        # It goes as text, and no text holds a surrogate or a null.
        is_text = "\0" not in customer and not re.search("[\ud800-\udfff]", customer)
        found = collection.by_customer.rows(organization.id, customer) if is_text else None
        if found is None:
            return error(404, code="customer_not_found")
        rows = found
    if entity_code:
        rows = _rows_of_entity(organization, entity_code)
    if currency:
        rows = [row for row in rows if row.currency == currency.upper()]
    shown = _last(organization.months, months)
    return Answer(200, collection_body(rows, shown, with_empty_months=not currency))


def collection_body(rows: Iterable[Row], months: Iterable[Any], with_empty_months: bool) -> bytes:
    """The JSON of the rows in the given months, a month without rows being one with zeros."""
    by_month: dict[Any, list[Row]] = {month: [] for month in months}
    for row in rows:
        if row.month in by_month:
            by_month[row.month].append(row)
    items: list[dict[str, Any]] = []
    for month, cells in by_month.items():
        stamp = f"{month.isoformat()}T00:00:00.000Z"
        items.extend(
            {
                "month": stamp,
                "payment_status": row.payment_status,
                "invoices_count": row.invoices_count,
                "amount_cents": row.amount_cents,
                "currency": row.currency,
            }
            for row in cells
        )
        if not cells and with_empty_months:
            items.append({"month": stamp, "invoices_count": 0, "amount_cents": 0})
    return _json({"invoice_collections": items})


def error(status: int, **more: Any) -> Answer:
    """An error in Lago's shape, with what `more` adds to its status and name."""
    return Answer(status, _json({"status": status, "error": _NAMES[status], **more}))


def _rows_of_entity(organization: Organization, code: str) -> list[Row]:
    id_ = organization.billing_entities[code]
    cells = [
        each.row
        for each in organization.entity_rows
        if each.billing_entity_code == code and (id_ is None or each.billing_entity_id == id_)
    ]
    return _summed(cells) if id_ is None else cells


def _summed(cells: list[Row]) -> list[Row]:
    # Invoices may carry one code with several ids; the report has one row per cell all the same.
    sums: dict[tuple[Any, str, str], Row] = {}
    for row in cells:
        key = (row.month, row.payment_status, row.currency)
        other = sums.get(key)
        count, cents = (other.invoices_count, other.amount_cents) if other else (0, 0)
        sums[key] = Row(*key, row.invoices_count + count, row.amount_cents + cents)
    return list(sums.values())


def _last(months: tuple[Any, ...], given: str) -> tuple[Any, ...]:
    if not given:
        return months
    # Ten digits or more are more months than there are; int() refuses very long ones.
    digits = given.removeprefix("-").lstrip("0")
    count = int(digits or "0") if len(digits) <= 9 else len(months)
    return months[-max(1, 0 if given.startswith("-") else count) :]


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
