"""The figures of the HTML report: per organization, currency and month, exact but for ratios."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import cache, cached_property
from typing import NamedTuple

from harness.collection.collection import PAYMENT_STATUSES, Collection, Organization, Row
from harness.published.show import decimals_of, major_units, rate

YEAR = 12
_SETTLED = 20
"""A month of which no more than one part in so many is open is settled."""


class Sum(NamedTuple):
    """Some invoices: how many, and their amount in the currency's smallest unit."""

    invoices_count: int
    amount_cents: int


_NOTHING = Sum(0, 0)


@dataclass(frozen=True)
class Sums:
    """Invoices of some months in one currency: a sum per payment status, and of all of them."""

    by_status: dict[str, Sum]

    @classmethod
    def of(cls, several: Sequence["Sums"]) -> "Sums":
        """All of them together."""
        return cls(
            {
                status: Sum(
                    sum(each.by_status[status].invoices_count for each in several),
                    sum(each.by_status[status].amount_cents for each in several),
                )
                for status in PAYMENT_STATUSES
            }
        )

    @cached_property
    def invoiced(self) -> Sum:
        """All invoices that count, whatever their payment status."""
        one, two, three = self.by_status.values()
        return Sum(
            one.invoices_count + two.invoices_count + three.invoices_count,
            one.amount_cents + two.amount_cents + three.amount_cents,
        )

    @cached_property
    def rate(self) -> Fraction | None:
        """What was collected of what was invoiced; None where that was nothing or less."""
        return rate(self.by_status["succeeded"].amount_cents, self.invoiced.amount_cents)

    @cached_property
    def failed_share(self) -> Fraction | None:
        """What failed of what was invoiced; None where that was nothing or less."""
        return rate(self.by_status["failed"].amount_cents, self.invoiced.amount_cents)


@dataclass(frozen=True)
class MonthFigures(Sums):
    """The invoices of one month in one currency."""

    month: date


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
    by_code: dict[str, dict[tuple[date, str], Row]] = {}
    for row in organization.rows:
        by_code.setdefault(row.currency, {})[row.month, row.payment_status] = row
    over = months_over(organization.months, loaded_at)
    for code, cells in sorted(by_code.items()):
        months = tuple(_month_figures(cells, month) for month in organization.months)
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


def _month_figures(cells: dict[tuple[date, str], Row], month: date) -> MonthFigures:
    sums = {}
    for status in PAYMENT_STATUSES:
        row = cells.get((month, status))
        sums[status] = Sum(row.invoices_count, row.amount_cents) if row else _NOTHING
    return MonthFigures(sums, month)
