"""What to change when a run goes wrong: exact overrides of its own recipe, best first.

Against dropped modes those remedies come first that the mode-coverage benchmark measured, by how
many more modes they keep than the game that is played (`ganvas.diagnosis.found`), and only those
that keep more. The others follow in the order of the field's own comparisons: a penalty alone
steadies most games (Mescheder et al. 2018), then come steps, rates and batch sizes. A remedy is
left out where the recipe has no such setting, or has it already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ganvas.data.spec import DataSpec
from ganvas.diagnosis.found import found
from ganvas.diagnosis.overrides import Remedy, Setup, show, times, tree_of, whole
from ganvas.diagnosis.shipped import Shipped
from ganvas.metrics.extractors import DIGIT_SETS

Verdict = Literal[
    "healthy",
    "dropping modes",
    "collapsed",
    "memorising",
    "discriminator overpowered",
    "diverging",
]
MOST = 5
"""Remedies proposed at once."""
PLANE = 2
"""Dimensions of space of an image."""
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


Proposal = Callable[[Setup], Remedy | None]


def remedies(
    verdict: Verdict,
    causes: Causes,
    config: Mapping[str, Any],
    spec: DataSpec,
    system: str,
    shipped: Shipped | None = None,
) -> list[Remedy]:
    """Return what to try against a verdict, best first; nothing for a healthy run.

    Args:
        verdict: of the diagnosis.
        causes: what else it found.
        config: the run's recipe as a tree of plain values.
        spec: of the data.
        system: the run's.
        shipped: what the packaged recipes say.
    """
    setup = Setup(config, spec, system, shipped)
    proposed = [proposal(setup) for proposal in _plan(verdict, causes, setup)]
    return [remedy for remedy in dict.fromkeys(proposed) if remedy is not None][:MOST]


def _plan(verdict: Verdict, causes: Causes, setup: Setup) -> list[Proposal]:
    if verdict == "diverging":
        return [halve_rates, penalise, press, full_precision, calm, enlarge, switch]
    if verdict == "memorising":
        return [more_data, mirror, augment, shorten, penalise, press, hold_out]
    unfinished: list[Proposal] = [finish] if causes.short else []
    if verdict == "collapsed":
        seeing: list[Proposal] = [strengthen] if causes.weak else []
        others = [switch, penalise, press, *seeing, sharpen, halve_rates, enlarge]
        return [*unfinished, unsaturate, *measured(setup), *others]
    if verdict == "discriminator overpowered":
        first: list[Proposal] = [unsaturate] if causes.starved else []
        first += [mirror] if causes.memorised else []
        others = [penalise, press, slow_discriminator, fewer_steps, pair, switch]
        return [*unfinished, *first, *others]
    if verdict == "dropping modes":
        if causes.rising and not causes.short:
            unfinished = [lengthen]
        if causes.blurred:
            perhaps: list[Proposal] = [lengthen] if causes.short is None else []
            return [*unfinished, decay, *perhaps, average, sharpen, relax]
        others = [switch, penalise, press, sharpen, enlarge, halve_rates]
        return [*unfinished, unsaturate, *measured(setup), *others]
    return []


def measured(setup: Setup) -> list[Proposal]:
    """Return the remedies that kept more modes than a run's own game, best first, with numbers.

    None for R3GAN: its own recipes keep all modes of all laws (``benchmarks/points.py``). None for
    graphs, whose links are predicted, not drawn.
    """
    if setup.system == "r3gan" or setup.spec.loose:
        return []
    played, kind = setup.method(), setup.spec.kind
    gains = {method: found().gain(method, kind, played) for method in BENCHMARKED}
    better = {method: gain for method, gain in gains.items() if gain is not None and gain > 0}
    order = sorted(better, key=lambda method: -better[method])
    return [_cited(BENCHMARKED[method], method, played) for method in order[:MEASURED]]


def _cited(proposal: Proposal, method: str, played: str) -> Proposal:
    def cited(setup: Setup) -> Remedy | None:
        remedy = proposal(setup)
        if remedy is None:
            return None
        numbers = found().words(method, setup.spec.kind, played)
        return replace(remedy, why=f"{remedy.why}; in the benchmark {numbers}")

    return cited


# ---- the loss and its penalties -----------------------------------------------------------------


def pair(setup: Setup) -> Remedy | None:
    """Relativistic pairing with R1 and R2."""
    if not {"objective", "penalties"} <= setup.game.keys():
        return None
    # A memory's probability of real is no score to pair; memoryGAN has no such losses without one.
    if setup.game.get("memory") or "mcgn" in setup.game:
        return None
    if setup.kind("objective") == "relativistic" and setup.penalised("r2"):
        return None
    # On points what the benchmark measured; R1 alone wants less.
    weight = setup.penalty_weight() if setup.spec.domain.grid else "1.0"
    settings = ["game.objective={kind: relativistic}"]
    for name in ("r1", "r2"):
        if not setup.penalised(name):
            settings.append(f"game.penalties.{name}={{kind: {name}, weight: {weight}}}")
    settings += [
        f"game.penalties.{name}=null"
        for name, penalty in setup.penalties.items()
        if penalty.get("kind") == "gradient"
    ]
    if setup.kind("constraint") == "clip":
        settings.append("game.constraint=null")
    if setup.game.get("generator_batch", 1) != 1:
        settings.append("game.generator_batch=1")
    if setup.game.get("conditional"):
        settings.append("game.labels={fakes: batch, generator: batch}")
    return Remedy(
        "pairing every sample with a real one, with R1 and R2, leaves no gain in a few modes",
        (*settings, *setup.without_batch_norm()),
    )


def penalise(setup: Setup) -> Remedy | None:
    """R1, where nothing limits the discriminator's gradient."""
    if "penalties" not in setup.game or setup.game.get("memory"):
        return None  # the networks of a memory have batch norms
    if setup.penalised("r1", "gradient", "dragan"):
        return None
    if setup.kind("constraint") == "clip":
        return Remedy(
            "a gradient penalty in place of clipping keeps the critic smooth at full capacity",
            (
                "game.constraint=null",
                "game.penalties.gradient={kind: gradient, weight: 10.0}",
                *setup.without_batch_norm(),
            ),
        )
    weight = setup.penalty_weight()
    return Remedy(
        "R1 flattens the discriminator at the data, so that its slope stays useful",
        (
            f"game.penalties.r1={{kind: r1, weight: {weight}}}",
            *setup.without_batch_norm(),
        ),
    )


def press(setup: Setup) -> Remedy | None:
    """Stronger penalties."""
    return _penalties_times(setup, 4.0, "a stronger penalty steadies the discriminator")


def relax(setup: Setup) -> Remedy | None:
    """Weaker penalties."""
    return _penalties_times(setup, 0.25, "a weaker penalty lets the discriminator see finer")


def _penalties_times(setup: Setup, factor: float, why: str) -> Remedy | None:
    weights = {
        f"game.penalties.{name}.weight": penalty["weight"]
        for name, penalty in setup.penalties.items()
        if penalty.get("weight")
    }
    if "gamma" in setup.game:
        weights["game.gamma"] = setup.game["gamma"]
    return times(weights, factor, why)


def unsaturate(setup: Setup) -> Remedy | None:
    """The non-saturating loss."""
    if setup.kind("objective") != "minimax":
        return None
    return Remedy(
        "the minimax loss has no slope where samples are bad; its non-saturating twin has",
        ("game.objective={kind: nonsaturating}",),
    )


# ---- options and other systems ------------------------------------------------------------------


def pack(setup: Setup) -> Remedy | None:
    """Pairs of samples judged together."""
    batch = setup.train.get("batch", 1)
    keyed = setup.game.get("memory") and setup.game.get("mcgn")  # a pack has no single key
    if setup.game.get("packing") != 1 or setup.game.get("conditional") or keyed or batch % 2:
        return None
    return Remedy(
        "packs of two, judged together, show the discriminator sameness", ("game.packing=2",)
    )


def discriminate_batches(setup: Setup) -> Remedy | None:
    """Minibatch discrimination."""
    if "minibatch" not in setup.game or setup.game["minibatch"] or setup.game.get("memory"):
        return None
    return Remedy(
        "minibatch discrimination tells how alike the samples of a batch are",
        ("game.minibatch={kind: discrimination, kernels: 8, dim: 4}",),
    )


def match(setup: Setup) -> Remedy | None:
    """Feature matching."""
    if "feature_matching" not in setup.game or setup.game["feature_matching"]:
        return None
    return Remedy(
        "matching mean features gives the generator the whole batch as its aim",
        ("game.feature_matching={weight: 1.0, alone: true}",),
    )


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


def slow_discriminator(setup: Setup) -> Remedy | None:
    """Half the discriminator's learning rate."""
    rates = setup.rates("discriminator")
    return times(rates, 0.5, "a slower discriminator leaves the generator time to follow")


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


def strengthen(setup: Setup) -> Remedy | None:
    """More steps for a discriminator that does not see the collapse."""
    return whole(
        setup.game, "game.discriminator_steps", lambda k: 2 * k if k < 5 else None,
        "the discriminator hardly tells samples from data; more steps let it see what is missing",
    )  # fmt: skip


def fewer_steps(setup: Setup) -> Remedy | None:
    """One discriminator step a round; a Wasserstein critic is meant to be ahead."""
    if setup.kind("objective") == "wasserstein":
        return None
    return whole(
        setup.game, "game.discriminator_steps", lambda k: 1 if k > 1 else None,
        "fewer steps keep the discriminator from running ahead",
    )  # fmt: skip


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


def sharpen(setup: Setup) -> Remedy | None:
    """Fourier features for a discriminator of points."""
    why = "Fourier features let the discriminator see modes that lie close together"
    settings = setup.finer(scale=8)
    return Remedy(why, settings) if settings else None


def mirror(setup: Setup) -> Remedy | None:
    """Mirrored images, where left and right may be exchanged."""
    if not setup.spec.domain.grid or setup.data.get("mirror") is not False:
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


def augment(setup: Setup) -> Remedy | None:
    """Random changes of all images that the discriminator is shown."""
    if setup.spec.domain.grid != PLANE or setup.game.get("augment", "") is not None:
        return None
    return Remedy(
        "a discriminator that is shown changed images cannot know any by heart",
        ("game.augment={probability: 0.3}",),
    )


def hold_out(setup: Setup) -> Remedy | None:
    """Items that are not trained on, where there are enough to spare some."""
    if setup.data.get("hold_out") != 0 or (setup.spec.size or 0) < SPARE:
        return None
    return Remedy(
        "items held out show when learning by heart begins: discriminator/overfit in the log",
        ("data.hold_out=0.1",),
    )


def switch(setup: Setup) -> Remedy | None:
    """The steadiest system there is."""
    if setup.spec.loose:
        return None
    why = "R3GAN with its own networks and schedules is the least likely to lose modes"
    return anew("r3gan", why)(setup)


BENCHMARKED: dict[str, Proposal] = {
    "r3gan": pair,
    "pacgan": pack,
    "mbd": discriminate_batches,
    "feature-matching": match,
    "wgan-gp": anew(
        "wgan-gp", "a critic of limited slope measures a distance, which grows with what is missing"
    ),
    "unrolled": anew(
        "unrolled", "a generator that sees the discriminator's next steps does not chase one mode"
    ),
    "veegan": anew(
        "veegan", "noise that has to be recovered from the samples cannot be mapped to few of them"
    ),
    "diwgan": anew(
        "diwgan", "weights on both sides draw the generator to items that it hardly ever meets"
    ),
}
"""Methods of the benchmark that are remedies of a run, and how they are proposed."""
