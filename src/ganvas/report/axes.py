"""Scales of plots: where values go, which round ones are marked, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Axis:
    """The map from values in [low, high] to pixels in [start, stop]; linear or logarithmic."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the pixel of ``value``."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return self.start + (value - low) / (high - low) * (self.stop - self.start)

    def shows(self, value: float) -> bool:
        """Whether the axis has a place for ``value``."""
        return math.isfinite(value) and (value > 0 or not self.log)

    @property
    def ends(self) -> tuple[float, float]:
        """The values at its ends."""
        return self.low, self.high

    @property
    def floor(self) -> float:
        """The pixel on which bars stand: that of 0, or the start of a logarithmic axis."""
        return self.start if self.log else self.at(0.0)

    def ticks(self, count: int = 5) -> list[float]:
        """Return about ``count`` round values on the axis, which may run backwards."""
        if self.low > self.high:
            return replace(self, low=self.high, high=self.low).ticks(count)
        if not self.log:
            return linear_ticks(self.low, self.high, count)
        decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
        return [10.0**k for k in decades[:: max(1, math.ceil(len(decades) / count))]]

    def marked(self) -> list[tuple[float, str]]:
        """Return the pixels of the ticks, and how their values are written."""
        return [(self.at(tick), written(tick, log=self.log)) for tick in self.ticks()]


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Return at most ``count + 1`` multiples of 1, 2 or 5 times a power of ten in [low, high]."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def range_of(values: Iterable[float], margin: float, *, log: bool = False) -> tuple[float, float]:
    """Return the range of what can be shown, widened on either side by a share of itself."""
    shown = [v for v in values if math.isfinite(v) and (v > 0 or not log)] or [1.0]
    low, high = min(shown), max(shown)
    if log:
        room = (high / low) ** margin if high > low else 2.0
        return low / room, high * room
    room = (high - low) * margin if high > low else 0.5 * abs(low) or 0.5
    return low - room, high + room


def number(value: float) -> str:
    """Write a number for people: four significant digits, thousands as k and millions as M."""
    if abs(value) >= 1e6 and math.isfinite(value):
        return f"{value / 1e6:.4g}M"
    if abs(value) >= 1e4 and math.isfinite(value):
        return f"{value / 1e3:.4g}k"
    return f"{value:.4g}"


def written(value: float, *, log: bool) -> str:
    """Write a number at its tick; powers of ten on a logarithmic axis by their exponents."""
    if log and not 0.0099 <= value <= 1001:
        return f"1e{round(math.log10(value))}".replace("-", "−")
    return number(0.0 if abs(value) < 1e-12 else value).replace("-", "−")
