"""Is this mode collapse, and what should I change?

Rules on the numbers of a run's log and of one look at its generator. Each rule returns evidence,
sentences with numbers, or nothing; the first that has any names the verdict. The thresholds are
explained in ``docs/diagnose.md``. The warnings of a run in progress come from the same rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganvas.config import Schedule
from ganvas.data.spec import DataSpec
from ganvas.diagnosis.following import KAPPA, LATENTS
from ganvas.diagnosis.remedies import Causes, remedies
from ganvas.diagnosis.signs import STARVED, Case, Row, State, case_of, latest, usual
from ganvas.metrics.copies import Copies
from ganvas.metrics.neighbourhood import SET_SAMPLES
from ganvas.play import Game
from ganvas.play.advice import Remedy, Setup, Verdict, tree_of
from ganvas.play.shipped import Shipped

YOUNG = 0.2
"""Before this share of the run, missing modes are normal."""
RECENT = 0.2
"""Roll-backs within this last share of the rounds say that the run diverges."""
AGAIN = 0.1
"""The same warning is not given twice within this share of the run."""

PATIENT = (
    *("dropping modes", "discriminator overpowered", "labels have no effect"),
    *("frozen motion", "one content"),
)
"""Of these a run is warned only once earlier looks show that nothing improves."""
COLLAPSES = ("collapsed", "latents have no effect")
"""On these ``guard.on_collapse`` acts."""
SETTLED = 0.1
"""Once a learning rate has fallen to this share of its first value, lost modes have come back."""

SHORT = 0.5
"""A run that is to last for less than this share of its recipe's length is a short one."""
FROZEN = 0.2
"""Frozen motion: pixels change less than this from frame to frame, in units of real clips."""
VARIED = 0.6
"""What clips show, or how they move, is covered if it varies so much, in units of real clips,"""
ALONE = 0.45
"""and is one thing if it varies less than this."""
SAMENESS = 0.3
"""Collapsed: samples differ less than this, in units of how much real items differ."""
COPIES = 0.5
"""Collapsed: a larger share of samples has a near copy."""
COPIED = 0.05
"""Of samples that are training items again, by so much more than if each were as frequent."""
FEW = 0.25
"""Collapsed: samples come near at most this share of the modes."""
ONE_CLASS = 0.3
"""Collapsed: entropy of the classes, in units of that of equal shares."""
ALIKE = 0.1
"""Latents have no effect: the variance within classes, in units of that of real items, is less."""
STILL = 1e-3
"""The same: samples under equal conditions differ by less of the variance of real items."""
TELLING = 0.2
"""Labels are judged where those of fresh items can be told so far beyond chance (Cohen's κ),"""
OBEYED = 0.5
"""and have no effect if those of samples are told beyond chance less than so often as these."""
LOST = 0.5
"""Collapsed: coverage is below this share of its best."""
CERTAIN = 0.98
"""The discriminator prefers real to generated items this often: it has won."""
MEMORY = 0.65
"""It prefers training items to held-out ones this often: it knows them by heart."""
BY_HEART = 0.3
"""Memorising: a larger share of samples are copies of training items, beyond that of fresh items
(``docs/decisions/0007-memorising.md``)."""
BLIND = 0.6
"""The discriminator tells samples from data less often than this."""
ORDERS = 100.0
"""Diverging: a norm or loss has grown by this factor, to more than `LARGE`."""
LARGE = 10.0


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a run, why one thinks so, and what to try.

    Attributes:
        verdict: which of `RULES`, or "healthy".
        evidence: sentences with numbers.
        remedies: best first; none for a healthy run.
        played: share of the run's current stage that is over, None if unknown.
        numbers: of the look that was judged.
        annealing: whether a learning rate is still high, and will have fallen by the end.
    """

    verdict: Verdict
    evidence: list[str]
    remedies: list[Remedy] = field(default_factory=list[Remedy])
    played: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    annealing: bool = False

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
            "annealing": self.annealing,
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
        if self.verdict == "dropping modes" and self.annealing:
            return None
        now = logged[-1]["round"]
        again = AGAIN * now / max(self.played or 1.0, YOUNG)
        for row in rows:
            said = row.get("event") == "warning" and str(row["message"]).startswith(self.verdict)
            if said and now - row["round"] < again:
                return None
        tries = " | ".join(remedy.text for remedy in self.remedies[:2])
        return f"{self.verdict}: {'; '.join(self.evidence)}. Try: {tries}"


def diagnose(
    rows: Sequence[Row],
    numbers: Mapping[str, float],
    config: Mapping[str, Any],
    spec: DataSpec,
    game: type[Game],
    shipped: Shipped | None = None,
) -> Diagnosis:
    """Return what is wrong with a run.

    Args:
        rows: of its ``metrics.jsonl``, events included.
        numbers: of a fresh look at its generator; if there are none, those last logged count.
        config: its recipe as a tree of plain values.
        spec: of its data.
        game: whose rules it plays.
        shipped: what the packaged recipes say.
    """
    case = case_of(rows, numbers, config, spec)
    young = case.played is not None and case.played < YOUNG
    annealing = _annealing(case.played, Setup(config, spec, game.system))
    for verdict, rule in RULES[:1] if young else RULES:
        if evidence := [*rule(case), *_own_signs(game, verdict, case)]:
            if verdict == "dropping modes" and annealing:
                evidence.append("learning rates are still high: modes may come back as they fall")
            return Diagnosis(
                verdict,
                evidence,
                remedies(verdict, _causes(case, shipped), config, spec, game, shipped),
                case.played,
                case.now.numbers,
                annealing,
            )
    return Diagnosis("healthy", _health(case), [], case.played, case.now.numbers, annealing)


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
    recent = [event for event in case.rollbacks if event["round"] >= (1 - RECENT) * end]
    if recent:
        found.append(
            f"{_count(len(recent), 'roll-back')} lately, the last to round {recent[-1]['round']:,}"
        )
    series, last = case.series("loss/", "grad_norm/"), case.rows[-10:]
    broken = sum(any(not math.isfinite(row.get(name, 0)) for name in series) for row in last)
    if broken > 1:
        found.append(
            f"steps were left out because their gradients were not finite, in {broken} of the last "
            f"{len(last)} log rows"
        )
    for name, values in series.items():
        before, now = usual(values), latest(values)
        if before and now and now > max(ORDERS * before, LARGE):
            found.append(
                f"{name} has grown {now / before:,.0f}-fold, from {before:.3g} to {now:.3g}"
            )
    return found


def frozen(case: Case) -> list[str]:
    """Clips that show as much as real ones, and do not move, or all alike."""
    content, motion, amount = _of_clips(case.now)
    if content is None or content < VARIED:
        return []
    found: list[str] = []
    if amount is not None and amount < FROZEN:
        found.append(
            f"pixels change {amount:.2g} times as much from frame to frame as in real clips"
        )
    if motion is not None and motion < ALONE:
        found.append(
            f"motions differ {motion:.2g} times as much as real ones, contents {content:.2g} times"
        )
    return found


def one_content(case: Case) -> list[str]:
    """Clips that move as real ones do, and all show the same."""
    content, motion, amount = _of_clips(case.now)
    if content is None or motion is None or content >= ALONE or motion < VARIED:
        return []
    if amount is not None and amount < FROZEN:
        return []
    return [f"contents differ {content:.2g} times as much as real ones do, motions {motion:.2g}"]


def _of_clips(now: State) -> tuple[float | None, float | None, float | None]:
    """Return how clips vary in what they show and in how they move, and how much they move."""
    content, motion = (now.get(f"coverage/{side}_diversity") for side in ("content", "motion"))
    return content, motion, now.get("coverage/motion")


def collapsed(case: Case) -> list[str]:
    """Samples that are all alike, near few modes, in one class, or have lost what was covered."""
    now, found = case.now, list[str]()
    diversity, copies = now.get("coverage/diversity"), now.get("coverage/duplicates")
    near, entropy = now.share_of_modes("modes_near"), now.get("coverage/class_entropy")
    if diversity is not None and diversity < SAMENESS:
        found.append(f"samples differ {diversity:.2g} times as much as real items do")
    by_heart = bool(memorising(case)) and case.size is not None
    usual = 1 - (1 - 1 / case.size) ** SET_SAMPLES if by_heart and case.size else 0.0
    if copies is not None and copies > max(COPIES, usual + COPIED) and now.poor:
        found.append(f"{copies:.0%} of the samples have a near copy, of real items 1 %")
    if near is not None and near <= FEW:
        found.append(f"samples come near {round(near * now.modes)} of {now.modes} modes only")
    if entropy is not None and entropy < ONE_CLASS:
        count = round(now.get("coverage/classes") or 0)
        found.append(f"samples fall into {_count(count, 'class', 'classes')} only")
    best = case.best
    fell = best is not None and now.covered is not None and now.covered < LOST * best
    if fell and best is not None and best > FEW:
        found.append(f"{now.words()}; it was {best:.0%} before")
    return found


def same_of_each(now: State) -> list[str]:
    """Samples of a class, or under equal conditions, that are all alike, though others are not."""
    effect = now.get(f"coverage/{LATENTS}")
    if effect is not None and effect < STILL and not disobedient(now):
        return [
            f"samples under the same conditions differ by {effect:.2g} of the variance of real "
            "items: the generator draws one thing for all latents"
        ]
    within, obeyed = now.get("coverage/label_variance"), _obeyed(now)
    if within is None or within >= ALIKE or obeyed is None or obeyed < OBEYED:
        return []
    return [
        f"samples of one class vary {within:.2g} times as much as real items of that class do: the "
        "generator draws one thing for each label"
    ]


def disobedient(now: State) -> list[str]:
    """Samples that do not show what they were asked for."""
    deaf = {name: share for name, share in _followed(now).items() if share < OBEYED}
    if deaf:
        return [
            f"samples follow '{name}' {share:.0%} as far as fresh items do, beyond chance"
            for name, share in deaf.items()
        ]
    obeyed, share = _obeyed(now), now.get("coverage/label_agreement")
    if obeyed is None or obeyed >= OBEYED or share is None:
        return []
    fresh = now.get("coverage/label_agreement_fresh") or 0.0
    return [
        f"{share:.0%} of the samples show the class that they were asked for, by their nearest "
        f"training item, of fresh items {fresh:.0%}: {obeyed:.0%} of that, beyond chance"
    ]


def label_faults(numbers: Mapping[str, float]) -> dict[str, list[str]]:
    """Return evidence that labels, or latents, have no effect, by verdict, from a look alone."""
    now = State(numbers, 0)
    rules = {"latents have no effect": same_of_each, "labels have no effect": disobedient}
    return {verdict: found for verdict, rule in rules.items() if (found := rule(now))}


def _obeyed(now: State) -> float | None:
    """Return how far samples follow their labels, in units of fresh items; None: not to be told."""
    found, fresh = (now.get(f"coverage/label_kappa{n}") for n in ("", "_fresh"))
    return None if found is None or fresh is None or fresh < TELLING else max(found / fresh, 0.0)


def _followed(now: State) -> dict[str, float]:
    """Return the same of conditions that are no single class, by field."""
    start, end, found = f"coverage/{KAPPA}_", "_fresh", dict[str, float]()
    for name, fresh in now.numbers.items():
        if name.startswith(start) and name.endswith(end) and fresh >= TELLING:
            field = name.removeprefix(start).removesuffix(end)
            found[field] = max(now.numbers.get(f"{start}{field}", 0.0) / fresh, 0.0)
    return found


def memorising(case: Case) -> list[str]:
    """Samples that are training items again."""
    share, fresh = (case.now.get(f"coverage/{n}") for n in ("memorised", "memorised_fresh"))
    if share is None or fresh is None or Copies(share, fresh).excess < BY_HEART:
        return []
    return [
        f"{share:.0%} of the samples are copies of training items, of fresh items {fresh:.0%}: "
        "three times as near to one of them as to any other"
    ]


def overpowered(case: Case) -> list[str]:
    """A discriminator that has won: nothing to learn from it, or only the training items."""
    now, found = case.now, list[str]()
    auc, memory = now.get("discriminator/auc"), now.get("discriminator/overfit")
    if auc is not None and auc >= CERTAIN and (now.poor or case.starved):
        found.append(f"the discriminator tells real from generated items {auc:.1%} of the time")
        if case.starved:
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


def _own_signs(game: type[Game], verdict: Verdict, case: Case) -> list[str]:
    """Return what the game's own numbers say for a verdict."""
    signs = [sign for sign in game.signs if sign.verdict == verdict]
    values = {s: latest(case.series(s.number).get(s.number, [])) for s in signs}
    told = {s: v for s, v in values.items() if v is not None and not s.below <= v <= s.above}
    return [sign.words.format(value=v) for sign, v in told.items()]


RULES: list[tuple[Verdict, Rule]] = [
    ("diverging", diverging),
    ("latents have no effect", lambda case: same_of_each(case.now)),
    ("frozen motion", frozen),
    ("one content", one_content),
    ("collapsed", collapsed),
    ("labels have no effect", lambda case: disobedient(case.now)),
    ("memorising", memorising),
    ("discriminator overpowered", overpowered),
    ("dropping modes", dropping),
]
"""In the order in which they are asked; of a young run only the first."""


def _annealing(played: float | None, setup: Setup) -> bool:
    """Whether a learning rate is still above a tenth of its first value, and will fall below."""
    if played is None:
        return False
    rates = [Schedule.model_validate(rate) for rate in setup.rates().values() if tree_of(rate)]
    return any(rate.end <= SETTLED * rate.start < rate.at(played) for rate in rates)


def _causes(case: Case, shipped: Shipped | None) -> Causes:
    auc = case.now.get("discriminator/auc")
    memory = case.now.get("discriminator/overfit")
    return Causes(
        blurred=case.now.blurred,
        weak=auc is not None and auc < BLIND,
        starved=case.starved,
        memorised=memory is not None and memory >= MEMORY,
        rising=case.rising,
        short=_short(case, shipped),
    )


def _short(case: Case, shipped: Shipped | None) -> bool | None:
    """Whether a run is to be far shorter than its recipe; None if that has no known length."""
    if shipped is None or case.length is None or not (shipped.rounds or shipped.kimg):
        return None
    length, unit = case.length
    usual = shipped.rounds if unit == "rounds" else shipped.kimg
    if usual is None:  # in the other unit: as many images a round as the run has seen
        pace = case.pace
        if pace is None:
            return None
        usual = shipped.kimg / pace if shipped.kimg else (shipped.rounds or 0) * pace
    return length < SHORT * usual


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
    if case.rollbacks:
        found.append(f"{_count(len(case.rollbacks), 'roll-back')} earlier, recovered since")
    return found or ["nothing has been measured yet"]


def _count(n: int, word: str, several: str = "") -> str:
    return f"{n} {word if n == 1 else several or word + 's'}"
