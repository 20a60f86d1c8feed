"""The command that lists the invoices behind a figure."""

import csv
import io
import re
from datetime import date
from typing import Any

import click

from harness.cli.options import FORMAT_OF_ROWS, ONLY_ORGANIZATION, command
from harness.cli.printing import echo, echo_columns, echo_json
from harness.cli.read import known_currency
from harness.collection.collection import PAYMENT_STATUSES
from harness.collection.reasons import reasons
from harness.collection.version import Published, published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.foundation.progress import say
from harness.published.invoices import Choice, Listing, list_invoices
from harness.published.origin import INVENTED
from harness.published.show import major_units

_LINES = 50


class _Month(click.ParamType[date]):
    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if not re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])", value) or value < "0001":
            self.fail(f"{value!r} is not a month; write it as YYYY-MM", param, ctx)
        return date.fromisoformat(f"{value}-01")


@command(
    "invoices",
    click.option("--month", type=_Month(), help="The month of the issuing date."),
    click.option("--currency", metavar="CODE", help="Only this currency."),
    click.option(
        "--payment-status",
        "payment_statuses",
        type=click.Choice(PAYMENT_STATUSES),
        multiple=True,
        help="Only this payment status; may be given twice.",
    ),
    click.option("--billing-entity", metavar="CODE|ID", help="Only this billing entity."),
    click.option(
        "--customer", metavar="ID|NAME", help="A customer's id, external id, or exact name."
    ),
    ONLY_ORGANIZATION,
    click.option(
        "--excluded",
        is_flag=False,
        flag_value="",
        metavar="[REASON]",
        help="Instead of what counts, what the report leaves out, for this reason or for any.",
    ),
    click.option(
        "--limit",
        type=click.IntRange(min=1),
        help=f"How many to print at most. Default: {_LINES}, and all of them as CSV and JSON.",
    ),
    FORMAT_OF_ROWS,
)
def invoices(
    home: Home,
    month: date | None,
    currency: str | None,
    payment_statuses: tuple[str, ...],
    billing_entity: str | None,
    customer: str | None,
    organization: str | None,
    excluded: str | None,
    limit: int | None,
    format_: str,
) -> None:
    """List the invoices behind a figure, the largest first.

    They are those of the published version. Without an option, all that count are listed; the
    last lines say how many there are and what they come to, which is the figure.

    \b
    harness invoices --month 2026-05 --payment-status pending --currency EUR
    harness invoices --payment-status pending --payment-status failed --currency EUR --limit 10
    harness invoices --excluded unknown_currency
    harness invoices --customer 'Fjord Bakeries 27' --format csv > invoices.csv
    """
    version = published(home)
    if excluded and excluded not in reasons():
        raise HarnessError(f"{excluded!r} is no reason; there is: {', '.join(reasons())}")
    if currency is not None and (excluded is None or not currency):
        currency = known_currency(currency, version.subunits_per_unit())
    id_ = None if organization is None else version.organization_id(organization)
    choice = Choice(
        organization_id=id_,
        month=month,
        currency=currency,
        payment_statuses=payment_statuses,
        billing_entity=billing_entity,
        customer=customer,
        excluded=excluded,
    )
    if limit is None and format_ == "text":
        limit = _LINES
    found = list_invoices(version, choice, limit)
    if version.is_sample:
        say(INVENTED)
    for note in found.notes:
        say(f"note: {note}")
    if format_ == "json":
        echo_json([_plain(each) for each in found.invoices])
    elif format_ == "csv":
        echo(_as_csv(found).rstrip("\n").encode())
    else:
        _print(version, found)


def _plain(invoice: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in invoice.items()
    }


def _as_csv(found: Listing) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, found.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_plain, found.invoices))
    return text.getvalue()


def _print(version: Published, found: Listing) -> None:
    units = version.subunits_per_unit()

    def money(cents: int | None, currency: str | None) -> str:
        if cents is None:
            return ""
        return major_units(cents, units[currency]) if currency in units else f"{cents:,} cents"

    lines: list[tuple[str, ...]] = [
        ("number", "id", "customer", "issued", "due", "status", "amount", "paid", "")
    ]
    for each in found.invoices:
        lines.append(
            (
                each["invoice_number"] or "",
                each["invoice_id"],
                each["customer_name"] or each["external_customer_id"] or each["customer_id"] or "",
                str(each["issuing_date"] or ""),
                str(each["payment_due_date"] or ""),
                each["exclusion_reason"] or each["payment_status"],
                money(each["amount_cents"], each["currency"]),
                money(each["paid_amount_cents"], each["currency"]),
                each["currency"] or "",
            )
        )
    if found.invoices:
        echo_columns(lines, right=(6, 7))
    count = sum(each for each, *_ in found.totals.values())
    if count > len(found.invoices):
        echo(f"... and {count - len(found.invoices):,} more; --limit {count} shows all")
    for currency, (number, valid, cents) in found.totals.items():
        plural = "invoice" if number == 1 else "invoices"
        amount = f"{money(cents, currency)} {currency or 'without currency'}"
        if valid < number:
            unknown = f"{number - valid:,} without a valid amount"
            amount = (
                f"{amount} and {unknown}" if valid else f"{currency or 'no currency'}, {unknown}"
            )
        echo(f"{number:,} {plural}, {amount}")
    if not count:
        echo("no invoice")
