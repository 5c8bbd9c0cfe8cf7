"""Building blocks of every validated configuration."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """Frozen, typed settings; unknown keys are errors, and so are numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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


def _ends(holds: Callable[[float, float], bool], wanted: str) -> AfterValidator:
    """Return a check of both ends of a schedule; what is between them lies between them."""

    def check(schedule: Schedule) -> Schedule:
        low, high = sorted((schedule.start, schedule.end))
        if not holds(low, high):
            raise ValueError(f"start and end must be {wanted}")
        return schedule

    return AfterValidator(check)


_EITHER = Field(
    description="a number, or {start, end, shape, begin, until}", union_mode="left_to_right"
)

Scheduled = Annotated[float | Schedule, _EITHER]
"""A number that may be given as a constant or as a `Schedule`."""

Rate = Annotated[
    Annotated[float, Field(gt=0)]
    | Annotated[
        Schedule, _ends(lambda low, high: low >= 0 < high, "at least 0, and one of them more")
    ],
    _EITHER,
]
"""A scheduled number above 0, such as a learning rate; a schedule may begin or end at 0."""

Amount = Annotated[
    Annotated[float, Field(ge=0)]
    | Annotated[Schedule, _ends(lambda low, _: low >= 0, "at least 0")],
    _EITHER,
]
"""A scheduled number from 0 on, such as the weight of a penalty."""

Share = Annotated[
    Annotated[float, Field(ge=0, le=1)]
    | Annotated[Schedule, _ends(lambda low, high: low >= 0 and high <= 1, "between 0 and 1")],
    _EITHER,
]
"""A scheduled number from 0 to 1, such as a probability."""

Decay = Annotated[
    Annotated[float, Field(ge=0, lt=1)]
    | Annotated[
        Schedule, _ends(lambda low, high: low >= 0 and high < 1, "at least 0 and less than 1")
    ],
    _EITHER,
]
"""A scheduled number from 0 to less than 1: which share of a moving average is kept."""


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
