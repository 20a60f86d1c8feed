"""Sums of the collection's cells: by payment status, and together."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from harness.collection.collection import PAYMENT_STATUSES


def rate(part_cents: int, invoiced_cents: int) -> Fraction | None:
    """A part of what was invoiced, as a ratio; None where that was nothing or less."""
    return Fraction(part_cents, invoiced_cents) if invoiced_cents > 0 else None


class Sum(NamedTuple):
    """Some invoices: how many, and their amount in the currency's smallest unit."""

    invoices_count: int
    amount_cents: int


NOTHING = dict.fromkeys(PAYMENT_STATUSES, Sum(0, 0))


class Sums:
    """Invoices of some months in one currency: a sum per payment status, and what follows of them.

    `invoiced` is all that count; `rate` is the part of its amount that was collected, and
    `failed_share` that which failed, both None where it is nothing or less.
    """

    def __init__(self, by_status: dict[str, Sum]) -> None:
        """There must be a sum of each payment status, in their order."""
        self.by_status = by_status
        one, two, three = by_status.values()
        self.invoiced = Sum(
            one.invoices_count + two.invoices_count + three.invoices_count,
            one.amount_cents + two.amount_cents + three.amount_cents,
        )
        self.rate = rate(by_status["succeeded"].amount_cents, self.invoiced.amount_cents)
        self.failed_share = rate(by_status["failed"].amount_cents, self.invoiced.amount_cents)

    @classmethod
    def of(cls, several: Sequence["Sums"]) -> "Sums":
        """All of them together."""
        total = {}
        for status in PAYMENT_STATUSES:
            count = cents = 0
            for each in several:
                added = each.by_status[status]
                count += added.invoices_count
                cents += added.amount_cents
            total[status] = Sum(count, cents)
        return Sums(total)
