"""The charts of the HTML report: stacked bars by month and payment status, as SVG for a page."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import altair
import vl_convert
from markupsafe import Markup, escape

from harness.report.figures import CurrencyFigures

STACKED = ("succeeded", "pending", "failed")
"""The payment statuses from the bottom of a bar to its top."""

# The picture's own units, which the page scales; in the page's colours and its font.
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 500, 200, 76, 24, 40, 38
_FILLS = ("var(--succeeded)", "url(#pending)", "url(#failed)")
_QUIET, _FONT_SIZE = "var(--muted)", 14

_SCALES = {
    **{10**18: "quintillion ", 10**15: "quadrillion ", 10**12: "trillion "},
    **{10**9: "billion ", 10**6: "million ", 1: ""},
}
_MONTHS_BETWEEN_LABELS = (1, 2, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True)
class Axis:
    """The money axis: ticks in the currency's smallest unit, and how they are labelled.

    A label is the tick divided by `divisor`, with so many decimals.
    """

    ticks: tuple[int, ...]
    divisor: int
    decimals: int
    title: str


def chart(figures: CurrencyFigures, id_: str, title: str, description: str) -> Markup:
    """The chart as an SVG element whose colours are those of the page that it stands in.

    `id_` must be the only one of its kind on the page; the other texts are read out instead of it.
    """
    svg = vl_convert.vegalite_to_svg(_specification(figures), allowed_base_urls=[])
    # What the page gives it instead: its size, and a name.
    inner = re.sub(r"^<svg[^>]*>|</svg>$", "", svg)
    inner = re.sub(r'="[^"]*"', lambda match: re.sub(r"(\.\d\d)\d+", r"\1", match[0]), inner)
    return Markup(
        f'<svg viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {_TOP + _HEIGHT + _BOTTOM}" role="img"'
        f' aria-labelledby="{id_}-title" aria-describedby="{id_}-desc">'
        f'<title id="{id_}-title">{escape(title)}</title>'
        f'<desc id="{id_}-desc">{escape(description)}</desc>{inner}</svg>'
    )


def money_axis(figures: CurrencyFigures) -> Axis:
    """The axis that all stacks fit into, with at most seven ticks; zero is one of them."""
    amounts = [[each.amount_cents for each in month.by_status.values()] for month in figures.months]
    high = max(0, *(sum(cents for cents in stack if cents > 0) for stack in amounts))
    low = min(0, *(sum(cents for cents in stack if cents < 0) for stack in amounts))
    subunits = figures.subunits_per_unit
    # With nothing to show, one unit.
    high = high if high > low else subunits
    steps = (digit * 10**zeros for zeros in range(25) for digit in (1, 2, 5))
    step = next(step for step in steps if step * 5 >= high - low)
    ticks = tuple(range(low // step * step, high + step, step))
    largest = max(ticks[-1], -ticks[0])
    scale = next(each for each in _SCALES if largest >= each * subunits or each == 1)
    divisor = scale * subunits
    fractions = (digits for digits in range(25) if step * 10**digits % divisor == 0)
    decimals = next(fractions)
    if scale == 1 and decimals:
        decimals = figures.decimals
    return Axis(ticks, divisor, decimals, f"{_SCALES[scale]}{figures.code}")


def _specification(figures: CurrencyFigures) -> dict[str, Any]:
    labels = [_label(each.month) for each in figures.months]
    axis = money_axis(figures)
    bar_width = min(0.8 * _WIDTH / len(labels), 44)
    x = (
        altair.X("month:O")
        .scale(domain=labels, padding=0)
        .axis(
            values=_labelled([each.month for each in figures.months]),
            title=None,
            grid=False,
            labelAngle=0,
            labelPadding=12,
        )
    )
    stacks = (
        altair.Chart(altair.NamedData("bars"))
        .mark_bar(size=bar_width, stroke="var(--surface)", strokeWidth=min(1, bar_width / 12))
        .encode(
            x=x,
            y=altair.Y("amount:Q")
            .stack("zero")
            .scale(domain=[axis.ticks[0] / axis.divisor, axis.ticks[-1] / axis.divisor], nice=False)
            .axis(
                values=[tick / axis.divisor for tick in axis.ticks],
                tickCount=len(axis.ticks),
                format=f",.{axis.decimals}f",
                title=axis.title,
                labelPadding=6,
                titleAngle=0,
                titleAlign="left",
                titleX=-_LEFT,
                titleY=-13,
            ),
            order="order:Q",
            fill=altair.Fill("status:N").scale(domain=STACKED, range=_FILLS).legend(None),
        )
    )
    partial = altair.Chart(altair.NamedData("partial"))
    layers = altair.layer(
        partial.mark_rect(color="var(--band)").encode(x=x),
        stacks,
        partial.mark_rule(stroke="var(--axis)").encode(y=altair.datum(0)),
        partial.mark_text(
            text=f"{labels[-1]}: not over yet",
            align="right",
            baseline="bottom",
            fill=_QUIET,
            fontSize=_FONT_SIZE,
        ).encode(x=altair.value(_WIDTH + _RIGHT), y=altair.value(-13)),
        width=_WIDTH,
        height=_HEIGHT,
        padding={"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM},
        autosize="none",
        background="transparent",
        datasets={"bars": _bars(figures, axis), "partial": [{"month": labels[-1]}]},
        config=altair.Config(
            aria=False,
            font="inherit",
            view=altair.ViewConfig(stroke=None),
            axis=altair.AxisConfig(
                domain=False,
                ticks=False,
                gridColor="var(--grid)",
                labelColor=_QUIET,
                labelFontSize=_FONT_SIZE,
                titleColor=_QUIET,
                titleFontSize=_FONT_SIZE,
                titleFontWeight="normal",
            ),
        ),
    )
    return layers.to_dict(validate=False)


def _bars(figures: CurrencyFigures, axis: Axis) -> list[dict[str, Any]]:
    # Pictures may round: here, and only here, an amount becomes a floating point number.
    return [
        {
            "month": _label(each.month),
            "status": status,
            "order": order,
            "amount": each.by_status[status].amount_cents / axis.divisor,
        }
        for each in figures.months
        for order, status in enumerate(STACKED)
        if each.by_status[status].amount_cents
    ]


def _label(month: date) -> str:
    return f"{month:%b %Y}"


def _labelled(months: list[date]) -> list[str]:
    step = next(
        (step for step in _MONTHS_BETWEEN_LABELS if len(months) <= 6 * step),
        _MONTHS_BETWEEN_LABELS[-1],
    )
    return [_label(each) for each in months if (each.year * 12 + each.month - 1) % step == 0]
