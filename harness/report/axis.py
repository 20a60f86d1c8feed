"""The money axis of a chart: its scale, and which bars are longer than it."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.figures import CurrencyFigures, MonthFigures

_SCALES = {
    **{10**18: "quintillion ", 10**15: "quadrillion ", 10**12: "trillion "},
    **{10**9: "billion ", 10**6: "million ", 1: ""},
}
_OUTLIER = 5
"""A stack of so many times the next largest one is one; they are a quarter of all at most."""


@dataclass(frozen=True)
class Axis:
    """The money axis: ticks in the currency's smallest unit, and how they are labelled.

    A label is the tick divided by `divisor`, with so many decimals.
    """

    ticks: tuple[int, ...]
    divisor: int
    decimals: int
    title: str

    def label(self, tick: int) -> str:
        """What stands at a tick."""
        scaled = tick * 10**self.decimals // self.divisor
        whole, rest = divmod(abs(scaled), 10**self.decimals)
        fraction = f".{rest:0{self.decimals}}" if self.decimals else ""
        return f"{'-' if tick < 0 else ''}{whole:,}{fraction}"


def broken(figures: CurrencyFigures) -> list[MonthFigures]:
    """The months whose stacks are so much larger than all others that these would be flat."""
    sizes = sorted((_size(each) for each in figures.months), reverse=True)
    sizes = [each for each in sizes if each]
    for count in range(1, max(1, len(sizes) // 4) + 1 if len(sizes) > 2 else 0):
        if sizes[count - 1] >= _OUTLIER * sizes[count]:
            return [each for each in figures.months if _size(each) > sizes[count]]
    return []


def money_axis(figures: CurrencyFigures, beyond: Sequence[MonthFigures]) -> Axis:
    """The axis that all stacks but those `beyond` fit into, of at most seven ticks; zero is one."""
    ends = [each.ends for each in figures.months if each not in beyond]
    high = max(0, *(above for above, _ in ends))
    low = min(0, *(below for _, below in ends))
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


def _size(month: MonthFigures) -> int:
    above, below = month.ends
    return max(above, -below)
