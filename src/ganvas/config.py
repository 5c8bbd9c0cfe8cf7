"""Building blocks of every validated configuration."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """Frozen, typed settings; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Schedule(Settings):
    """A number that moves from ``start`` to ``end`` during training.

    It moves between ``begin`` and ``until``, fractions of the recipe's horizon, and rests before
    and after.
    """

    start: float
    end: float
    shape: Literal["cosine", "linear", "exponential"] = "cosine"
    begin: float = Field(default=0.0, ge=0, le=1)
    until: float = Field(default=1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> Schedule:
        if self.until <= self.begin:
            raise ValueError(f"until ({self.until}) must be greater than begin ({self.begin})")
        if self.shape == "exponential" and (self.start <= 0 or self.end <= 0):
            raise ValueError("an exponential schedule needs start > 0 and end > 0")
        return self

    def at(self, progress: float) -> float:
        """Return the value at ``progress``, the share of the horizon already played (0 to 1)."""
        share = min(max((progress - self.begin) / (self.until - self.begin), 0.0), 1.0)
        if self.shape == "exponential":
            return self.start * (self.end / self.start) ** share
        if self.shape == "cosine":
            share = 0.5 - 0.5 * math.cos(math.pi * share)
        return self.start + (self.end - self.start) * share


Scheduled = Annotated[
    float | Schedule,
    Field(description="a number, or {start, end, shape, begin, until}", union_mode="left_to_right"),
]
"""A number that may be given as a constant or as a `Schedule`."""


def value_at(number: float | Schedule, progress: float) -> float:
    """Return the value of a scheduled number at ``progress`` in [0, 1]."""
    return number.at(progress) if isinstance(number, Schedule) else number


def scaled(number: float | Schedule, factor: float) -> float | Schedule:
    """Return the scheduled number multiplied by ``factor`` throughout."""
    if isinstance(number, Schedule):
        return number.model_copy(
            update={"start": number.start * factor, "end": number.end * factor}
        )
    return number * factor
