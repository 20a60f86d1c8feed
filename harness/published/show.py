"""The published collection as a table for people."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from harness.collection.collection import Collection, Organization, Row

STATUSES = ("pending", "succeeded", "failed")


def table(
    collection: Collection,
    organizations: Iterable[Organization],
    months: int,
    currency: str | None = None,
) -> Iterator[str]:
    """The lines of a block per organization and currency: the last `months` months as rows.

    Amounts are in major units with the currency's own number of decimals.
    """
    for organization in organizations:
        title = f"{organization.name or 'Organization'} ({organization.id})"
        currencies = sorted({row.currency for row in organization.rows})
        shown = [code for code in currencies if currency in (None, code)]
        if not shown:
            yield f"{title}: no collected invoices" + (f" in {currency}" if currency else "")
            yield from _block(organization, "", months, 1)
            yield ""
        for code in shown:
            yield f"{title}, {code}"
            yield from _block(organization, code, months, collection.subunits_per_unit[code])
            yield ""


def major_units(cents: int, subunits_per_unit: int) -> str:
    """The amount in units of the currency, exact, with thousands separated by commas."""
    decimals = decimals_of(subunits_per_unit)
    amount = Decimal(cents * (10**decimals // subunits_per_unit)).scaleb(-decimals)
    return f"{amount:,.{decimals}f}"


def decimals_of(subunits_per_unit: int) -> int:
    """How many decimals an exact amount in units of the currency needs."""
    return next(places for places in range(10) if 10**places % subunits_per_unit == 0)


def _block(organization: Organization, code: str, months: int, subunits: int) -> Iterator[str]:
    cells = {
        (row.month, row.payment_status): row for row in organization.rows if row.currency == code
    }
    lines = [["month"] + [heading for status in STATUSES for heading in ("", status)]]
    for month in organization.months[-months:]:
        line = [f"{month:%Y-%m}"]
        for status in STATUSES:
            cell = cells.get((month, status), Row(month, status, code, 0, 0))
            line += [f"{cell.invoices_count:,}", major_units(cell.amount_cents, subunits)]
        lines.append(line)
    widths = [max(len(text) for text in column) for column in zip(*lines, strict=True)]
    for line in lines:
        texts = [text.rjust(width) for text, width in zip(line, widths, strict=True)]
        yield (
            "  "
            + texts[0]
            + "".join(
                f"   {count} {amount}"
                for count, amount in zip(texts[1::2], texts[2::2], strict=True)
            )
        )
