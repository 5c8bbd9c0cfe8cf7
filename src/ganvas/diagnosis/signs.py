"""What the rules of the diagnosis look at: one look in common terms, and the log around it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ganvas.data.laws import LAW_NAMES, law
from ganvas.data.spec import DataSpec
from ganvas.diagnosis.horizon import Horizon

Row = Mapping[str, Any]

DONE = 0.95
"""From this share on, nothing that still has to come excuses what is missing."""
LATELY = 0.1
"""A number improves if it beats what it was this share of the run ago."""
THIN = 0.6
"""Dropping modes: coverage in units of what fresh real items reach."""
FAITHFUL = 0.5
"""Below this precision, or share of good samples, samples are blurred rather than missing."""
STARVED = 0.01
"""The generator's gradient is below this share of its usual norm."""


@dataclass(frozen=True)
class State:
    """One look, in terms common to laws with modes and to other data; None: not measured.

    Attributes:
        numbers: by their names in the log.
        modes: how many the data have; 0 if that is not known.
    """

    numbers: Mapping[str, float]
    modes: int

    def get(self, name: str) -> float | None:
        """Return a number of the look by its name in the log."""
        return self.numbers.get(name)

    def share_of_modes(self, name: str) -> float | None:
        """Return a count of modes as a share of all."""
        count = self.get(f"coverage/{name}")
        return None if count is None or not self.modes else count / self.modes

    @cached_property
    def covered(self) -> float | None:
        """How much of the data is covered: strict modes, or coverage against real items'."""
        if self.modes:
            return self.share_of_modes("modes_strict")
        return self.get("coverage/ratio")

    @cached_property
    def faithful(self) -> float | None:
        """The share of samples that might be real."""
        if not self.modes:
            return self.get("coverage/precision")
        good = self.get("coverage/hq")
        good = self.get("coverage/hq_cal") if good is None else good
        return None if good is None else good / 100

    @property
    def poor(self) -> bool:
        """Whether something is missing."""
        if self.covered is not None and self.covered < (1 if self.modes else THIN):
            return True
        return bool(self.get("coverage/classes_missing"))

    @property
    def blurred(self) -> bool:
        """Whether what is missing is met, but not well enough to count."""
        near = self.share_of_modes("modes_near")
        if near is not None and near < 1:
            return False
        return self.faithful is not None and self.faithful < FAITHFUL

    def words(self) -> str:
        """Return the coverage in words."""
        if self.modes and self.covered is not None:
            n = round(self.covered * self.modes)
            return f"{n} of {self.modes} modes have a fair share of good samples"
        if self.covered is not None:
            return f"coverage is {self.covered:.0%} of what fresh real items reach"
        return "coverage was not measured"


@dataclass(frozen=True)
class Case:
    """A run, as far as it is judged: the current stage of its log and the last look.

    Attributes:
        rows: of the current stage, without events.
        shares: of that stage that are over with each row; None: unknown.
        events: of the whole log.
        now: the look that is judged.
        past: earlier looks, each with its share.
        length: of the whole run as it is planned, and its unit, "rounds" or "kimg".
        size: how many training items there are; None where they are endless.
    """

    rows: Sequence[Row]
    shares: Sequence[float | None]
    events: Sequence[Row]
    now: State
    past: Sequence[tuple[float | None, State]]
    length: tuple[float, str] | None = None
    size: int | None = None

    @property
    def pace(self) -> float | None:
        """Thousands of images that a round takes; None before the first row."""
        last: Row = self.rows[-1] if self.rows else {}
        return last["kimg"] / last["round"] if last.get("round") and last.get("kimg") else None

    @property
    def played(self) -> float | None:
        """Share of the current stage that is over."""
        return self.shares[-1] if self.shares else None

    @property
    def done(self) -> bool:
        """Whether the run is at its end, or of unknown length."""
        return self.played is None or self.played >= DONE

    @cached_property
    def rising(self) -> bool:
        """Whether coverage or fidelity beats all that was seen up to a tenth of the run ago."""
        until = (self.played or 0.0) - LATELY
        before = [state for share, state in self.past if share is not None and share <= until]
        return _grew(self.now.covered, [state.covered for state in before]) or _grew(
            self.now.faithful, [state.faithful for state in before]
        )

    @property
    def improving(self) -> bool:
        """Whether what is missing may still come."""
        return self.rising and not self.done

    @property
    def best(self) -> float | None:
        """Return the best coverage of earlier looks."""
        return max((s.covered for _, s in self.past if s.covered is not None), default=None)

    def series(self, *prefixes: str) -> dict[str, list[float]]:
        """Return all numbers below these prefixes by name, in the order of the log."""
        found: dict[str, list[float]] = {}
        for row in self.rows:
            for name, value in row.items():
                if name.startswith(prefixes) and isinstance(value, int | float):
                    found.setdefault(name, []).append(abs(value))
        return found

    @cached_property
    def rollbacks(self) -> list[Row]:
        """Roll-backs for numbers that were not finite; those for collapse are none of these."""
        return [
            event
            for event in self.events
            if event["event"] == "rollback" and "collapsed" not in str(event.get("message", ""))
        ]

    @cached_property
    def starved(self) -> bool:
        """Whether the generator's gradient has all but vanished."""
        values = self.series("grad_norm/generator").get("grad_norm/generator", [])
        before, now = usual(values), latest(values)
        return before is not None and now is not None and now < STARVED * before


def case_of(
    rows: Sequence[Row], numbers: Mapping[str, float], config: Mapping[str, Any], spec: DataSpec
) -> Case:
    """Return the case of a run; arguments as in `ganvas.diagnosis.verdicts.diagnose`."""
    train: Mapping[str, Any] = config.get("train") or {}
    horizon = Horizon(train.get("rounds"), train.get("kimg"))
    events = [row for row in rows if "event" in row]
    logged = [row for row in rows if "event" not in row]
    shares = [horizon.read(row) for row in logged]
    here = [i for i, row in enumerate(logged) if row.get("stage") == horizon.stage]
    logged, shares = [logged[i] for i in here], [shares[i] for i in here]
    modes = law(spec.name).K if spec.size is None and spec.name in LAW_NAMES else 0
    past = [(share, State(row, modes)) for share, row in zip(shares, logged, strict=True)]
    past = [(share, state) for share, state in past if state.covered is not None]
    watched = numbers or (past[-1][1].numbers if past else {})
    told = {k: v for k, v in watched.items() if k.startswith(("coverage/", "discriminator/"))}
    now = State(told, modes)
    return Case(logged, shares, events, now, past, horizon.length, spec.size)


def usual(values: Sequence[float]) -> float | None:
    """Return the median of the second and third fifth of a series that is long enough."""
    n = len(values)
    finite = [v for v in values[n // 5 : 3 * n // 5] if math.isfinite(v)]
    return statistics.median(finite) if n >= 20 and finite else None


def latest(values: Sequence[float]) -> float | None:
    """Return the median of the last tenth of a series, at least three values."""
    finite = [v for v in values[-max(3, len(values) // 10) :] if math.isfinite(v)]
    return statistics.median(finite) if finite else None


def _grew(now: float | None, before: Sequence[float | None]) -> bool:
    """Whether a share beats all earlier ones by a twentieth, and there were some."""
    known = [value for value in before if value is not None]
    return now is not None and bool(known) and now > 1.05 * max(known)
