"""What a page shows of a currency, and what the overview shows of an organization."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.published.show import percent
from harness.report.axis import broken
from harness.report.chart import bars, lines, sparkline
from harness.report.details import Details, Receivables
from harness.report.figures import CurrencyFigures, MonthFigures, Sums, named

# A table of so many characters in a line is printed across a page of paper.
_WIDE_LINE = 90


@dataclass(frozen=True)
class CurrencySection:
    """What a page shows of one currency."""

    figures: CurrencyFigures
    receivables: Receivables

    @property
    def year(self) -> Sums:
        """The last twelve complete months together."""
        return Sums.of(self.figures.last_months)

    @property
    def total(self) -> Sums:
        """All months together."""
        return Sums.of(self.figures.months)

    @property
    def broken(self) -> list[MonthFigures]:
        """The months whose bars are longer than the scale."""
        return broken(self.figures)

    @property
    def is_wide(self) -> bool:
        """Whether the table of months is too wide for paper."""
        sums = [*self.total.by_status.values(), self.total.invoiced]
        return sum(len(self.figures.money(each.amount_cents)) for each in sums) > _WIDE_LINE - 45

    @property
    def bars(self) -> Markup:
        """The chart of amounts."""
        figures = self.figures
        largest = max(figures.months, key=lambda each: each.invoiced.amount_cents)
        text = (
            f"Stacked bars from {_span(figures)}: collected at the bottom, open in the middle,"
            f" failed on top. Most was invoiced in {named(largest.month)}:"
            f" {figures.money(largest.invoiced.amount_cents)} {figures.code}. All figures are in"
            " the table below."
        )
        title = f"Amounts in {figures.code} by month and payment status"
        return bars(figures, f"{figures.code}-bars", title, text)

    @property
    def lines(self) -> Markup:
        """The chart of collection rate and failed share."""
        figures = self.figures
        text = f"Lines from {_span(figures)}. All shares are in the table below."
        title = f"Collection rate and failed share in {figures.code} by month"
        return lines(figures, f"{figures.code}-lines", title, text)


@dataclass(frozen=True)
class Entry:
    """What the overview shows of an organization: cells by currency, and its data faults."""

    page: str
    title: str
    lines: list[tuple[str, ...]]
    faults: int

    @classmethod
    def of(
        cls, page: str, title: str, sections: Sequence[CurrencySection], details: Details
    ) -> "Entry":
        """The entry of an organization with these sections and details."""
        return cls(
            page,
            title,
            [_cells(each) for each in sections] or [("",) * 6],
            sum(each.invoices_count for each in details.faults),
        )


def _cells(section: CurrencySection) -> tuple[str, ...]:
    figures = section.figures
    due = figures.money(section.receivables.due_cents)
    now = figures.complete()
    if not now:
        return figures.code, "", "", "", "", due
    return (
        figures.code,
        figures.money(now.invoiced.amount_cents),
        figures.money(now.by_status["succeeded"].amount_cents),
        percent(now.rate),
        sparkline([each.rate for each in figures.last_months]),
        due,
    )


def _span(figures: CurrencyFigures) -> str:
    text = f"{named(figures.months[0].month)} to {named(figures.months[-1].month)}"
    return f"{text}, which was not over when the data were loaded" if figures.partial else text
