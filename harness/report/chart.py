"""The charts of the HTML report as SVG: stacked bars by month, and shares as lines over them.

Coordinates are integers, so that a figure goes into a picture by integer arithmetic alone; what
they look like is in the page's style sheet.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from functools import cache, lru_cache

from markupsafe import Markup, escape

from harness.report.axis import money_axis
from harness.report.figures import CurrencyFigures, MonthFigures

STACKED = ("succeeded", "pending", "failed")
"""The payment statuses from the bottom of a bar to its top."""

# Four units are a pixel where the picture has its full size.
_LEFT, _WIDTH, _RIGHT = 304, 2000, 96
_TOP, _BARS, _LINES, _BOTTOM = 160, 800, 320, 152
_WIDEST_BAR, _BASELINE = 176, 56
_SPARK_WIDTH, _SPARK_HEIGHT = 60, 16

_MONTHS_BETWEEN_LABELS = (1, 2, 3, 6, 12, 24, 60, 120)


def bars(
    figures: CurrencyFigures,
    beyond: Sequence[MonthFigures],
    id_: str,
    title: str,
    description: str,
) -> Markup:
    """The stacked amounts by month; those `beyond` the scale are broken, and marked as such.

    `id_` must be the only one of its kind on the page; the other texts are read out instead of it.
    """
    axis = money_axis(figures, beyond)
    low, high = axis.ticks[0], axis.ticks[-1]

    def y(cents: int) -> int:
        inside = low if cents < low else min(cents, high)
        return _TOP + (2 * (high - inside) * _BARS // (high - low) + 1) // 2

    columns = _columns(len(figures.months))
    paths: dict[str, list[str]] = {status: [] for status in STACKED}
    breaks = []
    zero = y(0)
    for number, month in enumerate(figures.months):
        above = below = 0
        top = bottom = zero
        for status in STACKED:
            cents = month.by_status[status].amount_cents
            if cents > 0:
                above += cents
                start, top = top, y(above)
                paths[status].append(columns.bar(number, top, start))
            elif cents:
                below += cents
                start, bottom = bottom, y(below)
                paths[status].append(columns.bar(number, start, bottom))
        if above > high:
            breaks.append(columns.gap(number, _TOP + 40))
        if below < low:
            breaks.append(columns.gap(number, _TOP + _BARS - 64))
    parts = [
        *_band(figures, figures.partial, _BARS, "not over yet"),
        *_grid((y(tick), axis.label(tick)) for tick in axis.ticks),
        f'<text x="0" y="{_TOP - 52}">{axis.title}</text>',
        *(f'<path class="{status}" d="{"".join(paths[status])}"/>' for status in STACKED),
        f'<path class="gap" d="{"".join(breaks)}"/>' if breaks else "",
        f'<path class="zero" d="M{_LEFT} {zero}h{_WIDTH}"/>',
        *_month_labels(figures, columns, _BARS),
    ]
    return _picture("bars", _BARS, parts, id_, title, description)


def lines(figures: CurrencyFigures, id_: str, title: str, description: str) -> Markup:
    """The collection rate and the failed share by month, from 0% to 100%.

    A share beyond that is drawn at the edge; `id_` and the texts are as for `bars`.
    """
    columns = _columns(len(figures.months))

    def y(share: Fraction) -> int:
        return _TOP + _LINES - _height(share, _LINES)

    parts = [
        *_band(figures, figures.settling, _LINES, "still settling"),
        *_grid((y(Fraction(tick, 100)), f"{tick}%") for tick in (0, 50, 100)),
    ]
    all_shares = {
        "failed": [each.failed_share for each in figures.months],
        "succeeded": [each.rate for each in figures.months],
    }
    for status, shares in all_shares.items():
        points = [
            None if share is None else (columns.middles[number], y(share))
            for number, share in enumerate(shares)
        ]
        parts.append(f'<path class="line {status}" d="{_line(points)}"/>')
    parts += _month_labels(figures, columns, _LINES)
    return _picture("lines", _LINES, parts, id_, title, description)


def sparkline(shares: Sequence[Fraction | None]) -> Markup:
    """Shares as a small line; what they are must stand beside it."""
    last = max(1, len(shares) - 1)
    points = [
        None
        if share is None
        else (
            number * _SPARK_WIDTH // last,
            _SPARK_HEIGHT - _height(share, _SPARK_HEIGHT),
        )
        for number, share in enumerate(shares)
    ]
    return Markup(
        '<svg class="spark" viewBox="-1 -1 62 18" aria-hidden="true"><path d="{}"/></svg>'
    ).format(_line(points))


@cache
def short(month: date) -> str:
    """A month in few letters."""
    return f"{month:%b %Y}"


def _height(share: Fraction, whole: int) -> int:
    """So much of a height; all or nothing of it where the share is more or less."""
    inside = min(max(share.numerator, 0), share.denominator)
    return (2 * inside * whole // share.denominator + 1) // 2


class _Columns:
    """Where so many months stand in a picture."""

    def __init__(self, count: int) -> None:
        self.width = max(4, min(_WIDTH * 4 // (5 * count), _WIDEST_BAR))
        self.starts = [_LEFT + number * _WIDTH // count for number in range(count)]
        self.middles = [_LEFT + (2 * number + 1) * _WIDTH // (2 * count) for number in range(count)]
        self._bars = [
            (f"M{middle - self.width // 2} ", f"h{self.width}v", f"h-{self.width}z")
            for middle in self.middles
        ]

    def bar(self, number: int, top: int, bottom: int) -> str:
        """A rectangle of any amount, at least as high as can be seen."""
        start, right, back = self._bars[number]
        return f"{start}{top}{right}{max(2, bottom - top)}{back}"

    def gap(self, number: int, y: int) -> str:
        """A zigzag across a bar."""
        left, step = self.middles[number] - self.width // 2 - 8, (self.width + 16) / 4
        corners = (
            f"L{left + step * each:.0f} {y + (24 if each % 2 else 0)}" for each in range(1, 5)
        )
        return f"M{left} {y}{''.join(corners)}"


# Those of one load are alike in all pictures.
_columns = lru_cache(16)(_Columns)


def _band(
    figures: CurrencyFigures, months: Sequence[MonthFigures], height: int, what: str
) -> Iterator[str]:
    """A ground under the last months, and what is so about them above it."""
    if months:
        columns = _columns(len(figures.months))
        left = columns.starts[-len(months)]
        yield (
            f'<rect class="band" x="{left}" y="{_TOP}" width="{_LEFT + _WIDTH - left}"'
            f' height="{height}"/>'
        )
        first, last = short(months[0].month), short(months[-1].month)
        span = last if len(months) == 1 else f"{first} to {last}"
        edge = _LEFT + _WIDTH + _RIGHT
        yield f'<text class="end" x="{edge}" y="{_TOP - 52}">{span}: {what}</text>'


def _grid(ticks: Iterable[tuple[int, str]]) -> Iterator[str]:
    labelled = list(ticks)
    path = "".join(f"M{_LEFT} {y}h{_WIDTH}" for y, _ in labelled)
    yield f'<path class="grid" d="{path}"/>'
    for y, label in labelled:
        yield f'<text class="end" x="{_LEFT - 24}" y="{y + 18}">{label}</text>'


def _month_labels(figures: CurrencyFigures, columns: _Columns, height: int) -> Iterator[str]:
    months = [each.month for each in figures.months]
    step = next(
        (step for step in _MONTHS_BETWEEN_LABELS if len(months) <= 6 * step),
        _MONTHS_BETWEEN_LABELS[-1],
    )
    y = _TOP + height + 48 + _BASELINE
    for number, each in enumerate(months):
        if (each.year * 12 + each.month - 1) % step == 0:
            yield f'<text class="middle" x="{columns.middles[number]}" y="{y}">{short(each)}</text>'


def _line(points: Sequence[tuple[int, int] | None]) -> str:
    """A path through points with gaps; one alone is a line without length, which has round ends."""
    path, drawing = [], False
    for number, point in enumerate(points):
        if point:
            path.append(f"{'L' if drawing else 'M'}{point[0]} {point[1]}")
            if not drawing and (number + 1 == len(points) or not points[number + 1]):
                path.append("h0")
        drawing = point is not None
    return "".join(path)


def _picture(
    kind: str, height: int, parts: Iterable[str], id_: str, title: str, description: str
) -> Markup:
    return Markup(
        f'<svg class="{kind}" viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {_TOP + height + _BOTTOM}"'
        f' role="img" aria-labelledby="{id_}-title" aria-describedby="{id_}-desc">'
        f'<title id="{id_}-title">{escape(title)}</title>'
        f'<desc id="{id_}-desc">{escape(description)}</desc>{"".join(parts)}</svg>'
    )
