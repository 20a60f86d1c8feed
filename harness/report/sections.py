"""What a page shows of a currency, and what the overview shows of an organization."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup, escape

from harness.collection.sums import Sums
from harness.published.show import major_units, percent
from harness.report.axis import broken
from harness.report.chart import STACKED, bars, lines, sparkline
from harness.report.details import Details, OpenInvoice, Receivables
from harness.report.figures import CurrencyFigures, MonthFigures, named

# A table whose amounts take more characters in a line is printed across the page.
_FITS_UPRIGHT = 45


@dataclass(frozen=True)
class CurrencySection:
    """What a page shows of one currency."""

    figures: CurrencyFigures
    receivables: Receivables

    @cached_property
    def year(self) -> Sums:
        """The last twelve complete months together."""
        return Sums.of(self.figures.last_months)

    @cached_property
    def total(self) -> Sums:
        """All months together."""
        return Sums.of(self.figures.months)

    @cached_property
    def broken(self) -> list[MonthFigures]:
        """The months whose bars are longer than the scale."""
        return broken(self.figures)

    @property
    def is_wide(self) -> bool:
        """Whether the table of months is too wide for paper."""
        sums = [*self.total.by_status.values(), self.total.invoiced]
        return sum(len(self.figures.money(each.amount_cents)) for each in sums) > _FITS_UPRIGHT

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
        return bars(figures, self.broken, f"{figures.code}-bars", title, text)

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


def month_lines(figures: CurrencyFigures) -> Markup:
    """The lines of the table of months, each with its cells.

    There are thousands of such cells; in a template they would take several times as long.
    """
    lines = []
    for number, each in enumerate(figures.months):
        name = named(each.month) + (" (partial)" if number >= figures.over else "")
        cells = _sums_cells(figures.subunits_per_unit, each)
        lines.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    return Markup("\n".join(lines))


def sums_cells(figures: CurrencyFigures, sums: Sums) -> Markup:
    """The cells of a table's line: how many and how much by status, and the shares."""
    return Markup(_sums_cells(figures.subunits_per_unit, sums))


def invoice_lines(figures: CurrencyFigures, invoices: Sequence[OpenInvoice]) -> Markup:
    """The lines of the table of invoices to be collected."""
    lines = []
    for each in invoices:
        paid = "" if each.paid_cents is None else figures.money(each.paid_cents)
        lines.append(
            f'<tr><th scope="row" class="named"><bdi>{escape(each.number or each.id)}</bdi></th>'
            f'<td class="wrap"><bdi>{escape(each.customer or "")}</bdi></td>'
            f"<td>{each.issuing_date}</td><td>{each.payment_due_date or ''}</td>"
            f'<td class="number">{each.days_past_due or ""}</td><td>{each.payment_status}</td>'
            f'<td class="number">{paid}</td>'
            f'<td class="number">{figures.money(each.due_cents)}</td></tr>'
        )
    return Markup("\n".join(lines))


def _sums_cells(subunits_per_unit: int, sums: Sums) -> str:
    cells: list[str] = []
    for count, cents in (sums.invoiced, *(sums.by_status[status] for status in STACKED)):
        cells += f"{count:,}", major_units(cents, subunits_per_unit)
    cells += percent(sums.rate), percent(sums.failed_share)
    return f"<td>{'</td><td>'.join(cells)}</td>"


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
