"""Is this mode collapse, and what should I change?

Rules on the numbers of a run's log and of one look at its generator. Each rule returns evidence,
sentences with numbers, or nothing; the first that has any names the verdict. The thresholds are
explained in ``docs/diagnose.md``. The warnings of a run in progress come from the same rules.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ganvas.data.laws import LAW_NAMES, law
from ganvas.data.spec import DataSpec
from ganvas.train.horizon import Horizon
from ganvas.train.remedies import Causes, Remedy, Verdict, remedies

Row = Mapping[str, Any]

YOUNG = 0.2
"""Before this share of the run, missing modes are normal."""
DONE = 0.95
"""From this share on, nothing that still has to come excuses what is missing."""
LATELY = 0.1
"""A number improves if it beats what it was this share of the run ago."""
RECENT = 0.2
"""Roll-backs within this last share of the rounds say that the run diverges."""
AGAIN = 0.1
"""The same warning is not given twice within this share of the run."""

PATIENT = ("dropping modes", "discriminator overpowered")
"""Of these a run is warned only once earlier looks show that nothing improves."""

SAMENESS = 0.3
"""Collapsed: samples differ less than this, in units of how much real items differ."""
COPIES = 0.5
"""Collapsed: a larger share of samples has a near copy."""
FEW = 0.25
"""Collapsed: samples come near at most this share of the modes."""
ONE_CLASS = 0.3
"""Collapsed: entropy of the classes, in units of that of equal shares."""
LOST = 0.5
"""Collapsed: coverage is below this share of its best."""
THIN = 0.6
"""Dropping modes: coverage in units of what fresh real items reach."""
FAITHFUL = 0.5
"""Below this precision, or share of good samples, samples are blurred rather than missing."""
CERTAIN = 0.98
"""The discriminator prefers real to generated items this often: it has won."""
MEMORY = 0.65
"""It prefers training items to held-out ones this often: it knows them by heart."""
STARVED = 0.01
"""The generator's gradient is below this share of its usual norm."""
BLIND = 0.6
"""The discriminator tells samples from data less often than this."""
ORDERS = 100.0
"""Diverging: a norm or loss has grown by this factor, to more than `LARGE`."""
LARGE = 10.0


@dataclass(frozen=True)
class State:
    """One look, in terms common to laws with modes and to other data; None: not measured."""

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
class Diagnosis:
    """What is wrong with a run, why one thinks so, and what to try.

    Attributes:
        verdict: one of five.
        evidence: sentences with numbers.
        remedies: best first; none for a healthy run.
        played: share of the run's current stage that is over, None if unknown.
        numbers: of the look that was judged.
    """

    verdict: Verdict
    evidence: list[str]
    remedies: list[Remedy] = field(default_factory=list[Remedy])
    played: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def young(self) -> bool:
        """Whether it is too early to judge coverage."""
        return self.played is not None and self.played < YOUNG

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "verdict": self.verdict,
            "evidence": self.evidence,
            "remedies": [remedy.to_json() for remedy in self.remedies],
            "played": self.played,
            "numbers": dict(self.numbers),
        }

    def warning(self, rows: Sequence[Row]) -> str | None:
        """Return one line for a run in progress, or None if all is well or it was just said.

        Args:
            rows: of the log so far; a first row must have been logged.
        """
        logged = [row for row in rows if "event" not in row]
        if self.verdict == "healthy" or not logged:
            return None
        looks = sum(any(name.startswith("coverage/") for name in row) for row in logged)
        if self.verdict in PATIENT and looks < 2:
            return None
        now = logged[-1]["round"]
        again = AGAIN * now / max(self.played or 1.0, YOUNG)
        for row in rows:
            said = row.get("event") == "warning" and str(row["message"]).startswith(self.verdict)
            if said and now - row["round"] < again:
                return None
        tries = " | ".join(remedy.text for remedy in self.remedies[:2])
        return f"{self.verdict}: {'; '.join(self.evidence)}. Try: {tries}"


@dataclass(frozen=True)
class Case:
    """All that the rules look at."""

    rows: Sequence[Row]
    shares: Sequence[float | None]
    events: Sequence[Row]
    now: State
    past: Sequence[tuple[float | None, State]]

    @property
    def played(self) -> float | None:
        """Share of the current stage that is over."""
        return self.shares[-1] if self.shares else None

    @property
    def done(self) -> bool:
        """Whether the run is at its end, or of unknown length."""
        return self.played is None or self.played >= DONE

    @cached_property
    def improving(self) -> bool:
        """Whether coverage or fidelity beats all that was seen up to a tenth of the run ago."""
        if self.done or self.played is None:
            return False
        before = [
            s for share, s in self.past if share is not None and share <= self.played - LATELY
        ]
        return any(
            _grew(getattr(self.now, name), [getattr(state, name) for state in before])
            for name in ("covered", "faithful")
        )

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


def diagnose(
    rows: Sequence[Row],
    numbers: Mapping[str, float],
    config: Mapping[str, Any],
    spec: DataSpec,
    system: str,
) -> Diagnosis:
    """Return what is wrong with a run.

    Args:
        rows: of its ``metrics.jsonl``, events included.
        numbers: of a fresh look at its generator; if there are none, those last logged count.
        config: its recipe as a tree of plain values.
        spec: of its data.
        system: which game it plays.
    """
    case = _case(rows, numbers, config, spec)
    young = case.played is not None and case.played < YOUNG
    for verdict, rule in RULES[:1] if young else RULES:
        if evidence := rule(case):
            return Diagnosis(
                verdict,
                evidence,
                remedies(verdict, _causes(case), config, spec, system),
                case.played,
                case.now.numbers,
            )
    return Diagnosis("healthy", _health(case), [], case.played, case.now.numbers)


# ---- rules --------------------------------------------------------------------------------------

Rule = Callable[[Case], list[str]]


def diverging(case: Case) -> list[str]:
    """Numbers that are not finite, roll-backs, norms or losses that have grown by orders."""
    found: list[str] = []
    finite = case.now.get("coverage/finite")
    if finite is not None:
        found.append(f"{1 - finite:.1%} of the samples are not finite numbers")
    end = case.rows[-1]["round"] if case.rows else 0
    for event in case.events:
        if event["event"] == "failed" and event["round"] >= end:
            found.append(f"the run gave up at round {event['round']:,}: {event['message']}")
    rollbacks = _rollbacks(case)
    recent = [event for event in rollbacks if event["round"] >= (1 - RECENT) * end]
    if recent:
        found.append(
            f"{_count(len(recent), 'roll-back')} lately, the last to round {recent[-1]['round']:,}"
        )
    series = case.series("loss/", "grad_norm/")
    broken = sum(
        any(not math.isfinite(float(row.get(name, 0))) for name in series)
        for row in case.rows[-10:]
    )
    if broken > 1:
        found.append(
            f"steps were left out because their gradients were not finite, in {broken} of the last "
            f"{len(case.rows[-10:])} log rows"
        )
    for name, values in series.items():
        before, now = _usual(values), _latest(values)
        if before and now and now > max(ORDERS * before, LARGE):
            found.append(
                f"{name} has grown {now / before:,.0f}-fold, from {before:.3g} to {now:.3g}"
            )
    return found


def collapsed(case: Case) -> list[str]:
    """Samples that are all alike, near few modes, in one class, or have lost what was covered."""
    now, found = case.now, list[str]()
    diversity, copies = now.get("coverage/diversity"), now.get("coverage/duplicates")
    near, entropy = now.share_of_modes("modes_near"), now.get("coverage/class_entropy")
    if diversity is not None and diversity < SAMENESS:
        found.append(f"samples differ {diversity:.2g} times as much as real items do")
    if copies is not None and copies > COPIES and now.poor:
        found.append(f"{copies:.0%} of the samples have a near copy, of real items 1 %")
    if near is not None and near <= FEW:
        found.append(f"samples come near {round(near * now.modes)} of {now.modes} modes only")
    if entropy is not None and entropy < ONE_CLASS:
        count = round(now.get("coverage/classes") or 0)
        found.append(f"samples fall into {_count(count, 'class', 'classes')} only")
    best = case.best()
    fell = best is not None and now.covered is not None and now.covered < LOST * best
    if fell and best is not None and best > FEW:
        found.append(f"{now.words()}; it was {best:.0%} before")
    return found


def overpowered(case: Case) -> list[str]:
    """A discriminator that has won: nothing to learn from it, or only the training items."""
    now, found = case.now, list[str]()
    auc, memory = now.get("discriminator/auc"), now.get("discriminator/overfit")
    if auc is not None and auc >= CERTAIN and (now.poor or _starved(case)):
        found.append(f"the discriminator tells real from generated items {auc:.1%} of the time")
        if _starved(case):
            found.append(f"the generator's gradient is under {STARVED:.0%} of its usual norm")
    if memory is not None and memory >= MEMORY and now.poor:
        found.append(
            f"it prefers training items to held-out ones {memory:.0%} of the time: it knows them "
            "by heart"
        )
    if not found or case.improving:
        return []
    return [*found, now.words()]


def dropping(case: Case) -> list[str]:
    """Modes, classes or regions of the data that samples leave out."""
    now = case.now
    if not now.poor or case.improving or (now.blurred and not case.done):
        return []
    found = [now.words()]
    missing = now.get("coverage/classes_missing")
    if missing:
        found.append(f"{_count(round(missing), 'class', 'classes')} (almost) never shown")
    if now.blurred and now.faithful is not None:
        found.append(
            f"only {now.faithful:.0%} of the samples are good: what is missing is blurred rather "
            "than left out"
        )
    elif now.faithful is not None:
        found.append(f"though {now.faithful:.0%} of the samples are good")
    return found


RULES: list[tuple[Verdict, Rule]] = [
    ("diverging", diverging),
    ("collapsed", collapsed),
    ("discriminator overpowered", overpowered),
    ("dropping modes", dropping),
]
"""In the order in which they are asked; of a young run only the first."""


# ---- what the rules are made of -----------------------------------------------------------------


def _case(
    rows: Sequence[Row], numbers: Mapping[str, float], config: Mapping[str, Any], spec: DataSpec
) -> Case:
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
    return Case(logged, shares, events, State(told, modes), past)


def _causes(case: Case) -> Causes:
    auc = case.now.get("discriminator/auc")
    memory = case.now.get("discriminator/overfit")
    return Causes(
        blurred=case.now.blurred,
        weak=auc is not None and auc < BLIND,
        starved=_starved(case),
        memorised=memory is not None and memory >= MEMORY,
    )


def _health(case: Case) -> list[str]:
    """Return what speaks for the run, and what to keep an eye on."""
    now, found = case.now, list[str]()
    if case.played is not None and case.played < YOUNG:
        found.append(f"only {case.played:.0%} of the run is played: too early to judge coverage")
    if now.covered is not None:
        found.append(now.words())
    if now.faithful is not None:
        found.append(f"{now.faithful:.0%} of the samples are good")
    auc = now.get("discriminator/auc")
    if auc is not None:
        found.append(f"the discriminator tells real from generated items {auc:.0%} of the time")
    if now.poor and case.improving:
        found.append("coverage or quality is still improving")
    if rollbacks := _rollbacks(case):
        found.append(f"{_count(len(rollbacks), 'roll-back')} earlier, recovered since")
    return found or ["nothing has been measured yet"]


def _rollbacks(case: Case) -> list[Row]:
    """Return roll-backs for numbers that were not finite; those for collapse are none of these."""
    return [
        event
        for event in case.events
        if event["event"] == "rollback" and "collapsed" not in str(event.get("message", ""))
    ]


def _starved(case: Case) -> bool:
    """Whether the generator's gradient has all but vanished."""
    values = case.series("grad_norm/generator").get("grad_norm/generator", [])
    before, now = _usual(values), _latest(values)
    return before is not None and now is not None and now < STARVED * before


def _usual(values: Sequence[float]) -> float | None:
    """Return the median of the second and third fifth of a series that is long enough."""
    n = len(values)
    finite = [v for v in values[n // 5 : 3 * n // 5] if math.isfinite(v)]
    return statistics.median(finite) if n >= 20 and finite else None


def _latest(values: Sequence[float]) -> float | None:
    """Return the median of the last tenth of a series, at least three values."""
    finite = [v for v in values[-max(3, len(values) // 10) :] if math.isfinite(v)]
    return statistics.median(finite) if finite else None


def _grew(now: float | None, before: Sequence[float | None]) -> bool:
    """Whether a share beats all earlier ones by a twentieth, and there were some."""
    known = [value for value in before if value is not None]
    return now is not None and bool(known) and now > 1.05 * max(known)


def _count(n: int, word: str, several: str = "") -> str:
    return f"{n} {word if n == 1 else several or word + 's'}"
