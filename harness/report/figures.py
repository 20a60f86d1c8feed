"""The figures of the HTML report: per organization, currency and month, exact but for ratios."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, cached_property

from harness.collection.collection import Collection, Organization
from harness.collection.sums import NOTHING, Sum, Sums
from harness.published.show import decimals_of, major_units

YEAR = 12
_SETTLED = 20
"""A month of which no more than one part in so many is open is settled."""


class MonthFigures(Sums):
    """The invoices of one month in one currency.

    `ends` are how far their stacked amounts go above zero, and below, in cents.
    """

    def __init__(self, by_status: dict[str, Sum], month: date) -> None:
        super().__init__(by_status)
        self.month = month
        above = sum(each.amount_cents for each in by_status.values() if each.amount_cents > 0)
        self.ends = above, self.invoiced.amount_cents - above


@dataclass(frozen=True)
class CurrencyFigures:
    """One currency of an organization: all months in order, the as-of month being the last."""

    code: str
    subunits_per_unit: int
    months: tuple[MonthFigures, ...]
    over: int
    """How many of the months, from the first, were over when the data were loaded."""

    @property
    def partial(self) -> tuple[MonthFigures, ...]:
        """The months that were not over: the month of the load, if the report reaches it."""
        return self.months[self.over :]

    def complete(self, ago: int = 0) -> MonthFigures | None:
        """The last complete month, or one so many months before it; None where there is none."""
        number = self.over - 1 - ago
        return self.months[number] if number >= 0 else None

    @property
    def last_months(self) -> tuple[MonthFigures, ...]:
        """The last twelve complete months, or as many as there are."""
        return self.months[max(0, self.over - YEAR) : self.over]

    @cached_property
    def settling(self) -> tuple[MonthFigures, ...]:
        """The newest months, as far back as more than a twentieth of the amounts is open."""
        start = len(self.months)
        for number in range(len(self.months) - 1, -1, -1):
            each = self.months[number]
            invoiced, pending = each.invoiced.amount_cents, each.by_status["pending"].amount_cents
            if number >= self.over or (invoiced > 0 and _SETTLED * pending > invoiced):
                start = number
            elif each.invoiced.invoices_count:
                break
        return self.months[start:]

    @property
    def empty_months(self) -> list[date]:
        """The months without invoices."""
        return [each.month for each in self.months if not each.invoiced.invoices_count]

    @property
    def decimals(self) -> int:
        """How many decimals an amount has."""
        return decimals_of(self.subunits_per_unit)

    def money(self, cents: int) -> str:
        """The exact amount in units of the currency."""
        return major_units(cents, self.subunits_per_unit)


def currency_figures(
    organization: Organization, collection: Collection, loaded_at: str
) -> Iterator[CurrencyFigures]:
    """The figures of each currency that the organization has invoices in, in order of code."""
    by_code: dict[str, dict[date, dict[str, Sum]]] = {}
    for row in organization.rows:
        months_of = by_code.setdefault(row.currency, {})
        by_status = months_of.setdefault(row.month, dict(NOTHING))
        by_status[row.payment_status] = Sum(row.invoices_count, row.amount_cents)
    over = months_over(organization.months, loaded_at)
    for code, found in sorted(by_code.items()):
        months = tuple(
            MonthFigures(found.get(month, NOTHING), month) for month in organization.months
        )
        yield CurrencyFigures(code, collection.subunits_per_unit[code], months, over)


def months_over(months: Sequence[date], loaded_at: str) -> int:
    """How many of the months, from the first, were over at the moment of the load (UTC)."""
    month_of_load = datetime.fromisoformat(loaded_at).astimezone(UTC).date().replace(day=1)
    return sum(month < month_of_load for month in months)


def counted(count: int) -> str:
    """A number of invoices in words."""
    return f"{count:,} invoice{'' if count == 1 else 's'}"


@cache
def named(month: date) -> str:
    """A month in words."""
    return f"{month:%B %Y}"
