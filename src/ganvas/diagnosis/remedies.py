"""What to change when a run goes wrong: exact overrides of its own recipe, best first.

Against dropped modes those remedies come first that the mode-coverage benchmark measured, by how
many more modes they keep than the game that is played (`ganvas.diagnosis.found`), and only those
that keep more. The others follow in the order of the field's own comparisons: a penalty alone
steadies most games (Mescheder et al. 2018), then come steps, rates and batch sizes. A remedy is
left out where the recipe has no such setting, or has it already. What concerns the options of a
game, and which other systems are worth a try, these declare themselves (`ganvas.play.advice`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ganvas.data.domain import PLANE
from ganvas.data.spec import DataSpec
from ganvas.diagnosis.found import found
from ganvas.games import find_game, systems
from ganvas.metrics.extractors import DIGIT_SETS
from ganvas.play import Game
from ganvas.play.advice import (
    Offer,
    Proposal,
    Remedy,
    Setup,
    Verdict,
    show,
    times,
    tree_of,
    whole,
)
from ganvas.play.shipped import Shipped

MOST = 5
"""Remedies proposed at once."""
FAST = 1e-3
"""Learning rates from here on are not made ten times as large."""
SPARE = 1_000
"""With so many items a tenth of them is enough to be compared with."""
MEASURED = 3
"""Of these, so many of those that the benchmark has measured."""


@dataclass(frozen=True)
class Causes:
    """What a diagnosis knows beyond its verdict.

    Attributes:
        blurred: modes are met, but few samples are good.
        weak: the discriminator hardly tells samples from data.
        starved: hardly any gradient reaches the generator.
        memorised: the discriminator knows training items from held-out ones.
        rising: coverage was still getting better at the end.
        short: the run is far from as long as its recipe; None if that is not known.
    """

    blurred: bool = False
    weak: bool = False
    starved: bool = False
    memorised: bool = False
    rising: bool = False
    short: bool | None = None


def remedies(
    verdict: Verdict,
    causes: Causes,
    config: Mapping[str, Any],
    spec: DataSpec,
    game: type[Game],
    shipped: Shipped | None = None,
) -> list[Remedy]:
    """Return what to try against a verdict, best first; nothing for a healthy run.

    Args:
        verdict: of the diagnosis.
        causes: what else it found.
        config: the run's recipe as a tree of plain values.
        spec: of the data.
        game: whose rules the run plays; it declares what is proposed of its own options.
        shipped: what the packaged recipes say.
    """
    setup = Setup(config, spec, game.system, shipped)
    proposed = [proposal(setup) for proposal in _plan(verdict, causes, setup, game)]
    return [remedy for remedy in dict.fromkeys(proposed) if remedy is not None][:MOST]


def _plan(verdict: Verdict, causes: Causes, setup: Setup, game: type[Game]) -> list[Proposal]:
    def own(*names: str) -> list[Proposal]:
        return [game.advice[name] for name in names if name in game.advice]

    penalties = own("penalise", "press")
    if verdict == "diverging":
        return [halve_rates, *penalties, full_precision, calm, enlarge, *steadiest(game)]
    if verdict == "memorising":
        return [more_data, mirror, *own("augment"), shorten, *penalties, hold_out]
    unfinished: list[Proposal] = [finish] if causes.short else []
    if verdict == "labels have no effect":
        return [*unfinished, hasten, *own("use labels"), lengthen, *steadiest(game)]
    if verdict == "latents have no effect":
        return [*unfinished, *measured(setup, game), *penalties, *steadiest(game), enlarge]
    if verdict == "frozen motion":
        return [*unfinished, *own("move"), faster, lengthen, *penalties, *steadiest(game), enlarge]
    if verdict == "one content":
        others = [*penalties, *own("sharpen"), lengthen, enlarge, halve_rates]
        return [*unfinished, *own("unsaturate"), *measured(setup, game), *steadiest(game), *others]
    if verdict == "collapsed":
        seeing = own("strengthen") if causes.weak else []
        others = [*steadiest(game), *penalties, *seeing, *own("sharpen"), halve_rates, enlarge]
        return [*unfinished, *own("unsaturate"), *measured(setup, game), *others]
    if verdict == "discriminator overpowered":
        first = own("unsaturate") if causes.starved else []
        first += [mirror] if causes.memorised else []
        others = own("slow discriminator", "fewer steps", "pair")
        return [*unfinished, *first, *penalties, *others, *steadiest(game)]
    if verdict == "dropping modes":
        if causes.rising and not causes.short:
            unfinished = [lengthen]
        if causes.blurred:
            perhaps: list[Proposal] = [lengthen] if causes.short is None else []
            return [*unfinished, decay, *perhaps, average, *own("sharpen", "relax")]
        others = [*steadiest(game), *penalties, *own("sharpen"), enlarge, halve_rates]
        return [*unfinished, *own("unsaturate"), *measured(setup, game), *others]
    return []


def measured(setup: Setup, game: type[Game]) -> list[Proposal]:
    """Return the remedies that kept more modes than a run's own game, best first, with numbers.

    None for the steadiest system there is, and none for data that are not drawn: links are
    predicted.
    """
    if setup.spec.loose or (game.offer is not None and game.offer.steadiest):
        return []
    known = {**game.measured, **{o.method: anew(name, o.why) for name, o in _offers(False)}}
    played, kind = game.measured_as(setup), setup.spec.kind
    gains = {method: found().gain(method, kind, played) for method in known}
    better = {method: gain for method, gain in gains.items() if gain is not None and gain > 0}
    order = sorted(better, key=lambda method: -better[method])
    return [_cited(known[method], method, played) for method in order[:MEASURED]]


def steadiest(game: type[Game]) -> list[Proposal]:
    """Return the systems that are the least likely to lose modes, to be trained instead."""
    return [_drawn(anew(name, offer.why)) for name, offer in _offers(True) if name != game.system]


def _offers(steadiest: bool) -> list[tuple[str, Offer]]:
    """Return what systems say for themselves, by their names."""
    offers = ((name, find_game(name).offer) for name in systems())
    return [(n, offer) for n, offer in offers if offer and offer.steadiest == steadiest]


def _drawn(proposal: Proposal) -> Proposal:
    """Return a proposal for data that are drawn, which links are not."""
    return lambda setup: None if setup.spec.loose else proposal(setup)


def _cited(proposal: Proposal, method: str, played: str) -> Proposal:
    def cited(setup: Setup) -> Remedy | None:
        remedy = proposal(setup)
        if remedy is None:
            return None
        numbers = found().words(method, setup.spec.kind, played)
        return replace(remedy, why=f"{remedy.why}; in the benchmark {numbers}")

    return cited


# ---- other systems ------------------------------------------------------------------


def anew(system: str, why: str) -> Proposal:
    """Return the proposal of another system, with its own networks and from the start."""

    def proposal(setup: Setup) -> Remedy | None:
        command = None if setup.system == system else setup.start_anew(system)
        return None if command is None else Remedy(why, command=command)

    return proposal


# ---- rates, steps, batches ----------------------------------------------------------------------


def halve_rates(setup: Setup) -> Remedy | None:
    """Half the learning rate for every player."""
    return times(setup.rates(), 0.5, "smaller steps keep the players from overshooting")


def hasten(setup: Setup) -> Remedy | None:
    """Ten times the learning rate for every player, falling to nothing."""
    ends = {key: lr["start"] if isinstance(lr, dict) else lr for key, lr in setup.rates().items()}
    settings = tuple(f"{key}={{start: {show(10 * lr)}, end: 0}}" for key, lr in ends.items())
    why = (
        "tables of classes that start equal grow apart by no more than the sum of all rates: "
        "large ones that fall to 0 give them the way"
    )
    return Remedy(why, settings) if settings and max(ends.values()) < FAST else None


def decay(setup: Setup) -> Remedy | None:
    """Learning rates that fall towards the end."""
    rates = {key: lr for key, lr in setup.rates().items() if not isinstance(lr, dict)}
    settings = tuple(
        f"{key}={{start: {show(lr)}, end: {show(float(lr) / 100)}}}" for key, lr in rates.items()
    )
    return Remedy("falling rates let the samples settle at the end", settings) if rates else None


def calm(setup: Setup) -> Remedy | None:
    """Less momentum in Adam."""
    heavy = [
        key
        for key, value in setup.game.items()
        if key.endswith("optimiser") and tree_of(value).get("kind") == "adam"
        if tree_of(value).get("beta1", 0) > 0.5
    ]
    settings = tuple(f"game.{key}.beta1=0.5" for key in heavy)
    return Remedy("less momentum damps the game's oscillation", settings) if heavy else None


def enlarge(setup: Setup) -> Remedy | None:
    """A batch of twice the size."""
    return whole(
        setup.train, "train.batch", lambda n: 2 * n,
        "larger batches show rare modes in every step and make gradients less noisy",
    )  # fmt: skip


def finish(setup: Setup) -> Remedy | None:
    """Training for as long as the recipe says."""
    unit, length = setup.usual_length() or ("", 0)
    if not unit:
        return None
    why = f"the recipe plays {length:,g} {unit}, this run far fewer: it may only need the time"
    return Remedy(why, (f"train.{unit}={show(length)}",))


def lengthen(setup: Setup) -> Remedy | None:
    """Training for twice as long."""
    why = "modes are found first and sharpened later: longer training lets both go on"
    return _length_times(setup, 2, why)


def shorten(setup: Setup) -> Remedy | None:
    """Training for half as long."""
    why = "items are learnt by heart late: a shorter run ends before that"
    return _length_times(setup, 0.5, why)


def _length_times(setup: Setup, factor: float, why: str) -> Remedy | None:
    return whole(setup.train, "train.rounds", lambda n: max(round(factor * n), 1), why) or whole(
        setup.train, "train.kimg", lambda n: factor * n, why
    )


def average(setup: Setup) -> Remedy | None:
    """A moving average of the generator's weights."""
    if "average" not in setup.train or setup.train["average"]:
        return None
    return Remedy(
        "averaged weights do not swing from mode to mode", ("train.average={half_life: 10}",)
    )


def full_precision(setup: Setup) -> Remedy | None:
    """Single precision instead of bfloat16."""
    if setup.train.get("precision") != "bf16":
        return None
    return Remedy("single precision rules rounding out as the cause", ("train.precision=fp32",))


# ---- networks and data --------------------------------------------------------------------------


def mirror(setup: Setup) -> Remedy | None:
    """Mirrored images, where left and right may be exchanged."""
    if setup.spec.domain.grid != PLANE or setup.data.get("mirror") is not False:
        return None
    if setup.spec.name in DIGIT_SETS:
        return None
    return Remedy(
        "twice as many different images, if yours may be mirrored: harder to learn by heart",
        ("data.mirror=true",),
    )


def more_data(setup: Setup) -> Remedy | None:
    """More data, which no setting can give."""
    size, what = setup.spec.size, setup.spec.domain.plural
    if size is None:
        return None
    return Remedy(f"more {what} than these {size:,}: the surest cure, by data.source or --data")


def faster(setup: Setup) -> Remedy | None:
    """Clips of frames that lie further apart."""
    return whole(
        setup.data, "data.stride", lambda n: 2 * n,
        "frames that lie further apart move more, and a still clip is told at a glance",
    )  # fmt: skip


def hold_out(setup: Setup) -> Remedy | None:
    """Items that are not trained on, where there are enough to spare some."""
    if setup.data.get("hold_out") != 0 or (setup.spec.size or 0) < SPARE:
        return None
    return Remedy(
        "items held out show when learning by heart begins: discriminator/overfit in the log",
        ("data.hold_out=0.1",),
    )
