"""What to change when a run goes wrong: exact overrides of its own recipe, best first.

The order in each plan is that of expected value in the field's own comparisons: relativistic
pairing with both zero-centred penalties keeps modes that every other loss drops (Huang et al.
2024, table 1), a penalty alone steadies most games (Mescheder et al. 2018), then come rates, steps
and batch sizes. A remedy is left out where the recipe has no such setting, or has it already.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from ganvas.data.spec import DataSpec, Images, Points
from ganvas.metrics.extractors import DIGIT_SETS

Verdict = Literal[
    "healthy", "dropping modes", "collapsed", "discriminator overpowered", "diverging"
]
Tree = dict[str, Any]
Number = float | Tree

MOST = 5
"""Remedies proposed at once."""

PLANE = 3
"""Up to so many coordinates Fourier features are worth proposing."""


@dataclass(frozen=True)
class Remedy:
    """One thing to try.

    Attributes:
        why: what it does, in one sentence.
        settings: overrides ``key=value`` of the run's recipe, to be given together.
        command: a whole command, where another recipe is the remedy.
    """

    why: str
    settings: tuple[str, ...] = ()
    command: str = ""

    @property
    def text(self) -> str:
        """The command, or the overrides quoted for a shell."""
        return self.command or shlex.join(self.settings)

    def to_json(self) -> Tree:
        """Return plain values."""
        return {"settings": list(self.settings), "command": self.command, "why": self.why}


@dataclass(frozen=True)
class Causes:
    """What a diagnosis knows beyond its verdict.

    Attributes:
        blurred: modes are met, but few samples are good.
        weak: the discriminator hardly tells samples from data.
        starved: hardly any gradient reaches the generator.
        memorised: the discriminator knows training items from held-out ones.
    """

    blurred: bool = False
    weak: bool = False
    starved: bool = False
    memorised: bool = False


class Recipe:
    """The settings of a run, asked for what can be changed in them."""

    def __init__(self, config: Mapping[str, Any], spec: DataSpec, system: str) -> None:
        self.spec, self.system = spec, system
        self.data, self.game, self.train = (
            _tree(config.get(part)) for part in ("data", "game", "train")
        )
        self.penalties = {
            name: _tree(p) for name, p in _tree(self.game.get("penalties")).items() if p
        }

    def kind(self, part: str) -> str:
        """Return which alternative a part of the game is."""
        return str(_tree(self.game.get(part)).get("kind", ""))

    def penalised(self, *kinds: str) -> bool:
        """Whether a penalty of one of these kinds is in force."""
        if "gamma" in self.game and {"r1", "r2"} & set(kinds):
            return True
        return any(p.get("kind") in kinds for p in self.penalties.values())

    def rates(self, only: str = "") -> dict[str, Number]:
        """Return the learning rates by key, of all players or of one."""
        return {
            f"game.{key}.lr": optimiser["lr"]
            for key, value in self.game.items()
            if key.endswith("optimiser") and key.startswith(only)
            for optimiser in [_tree(value)]
            if "lr" in optimiser
        }

    def without_batch_norm(self) -> tuple[str, ...]:
        """Return what a discriminator needs before its gradient can be penalised."""
        network = _tree(self.game.get("discriminator"))
        if network.get("norm") == "batch":
            return ("game.discriminator.norm=layer",)
        return ("game.discriminator.batch_norm=false",) if network.get("batch_norm") else ()

    def penalty_weight(self) -> str:
        """Return γ for a first try: it grows with the number of pixels (Karras et al. 2020)."""
        if isinstance(self.spec.domain, Images):
            return f"{1e-4 * self.spec.domain.height * self.spec.domain.width:.1g}"
        return "0.1"


Proposal = Callable[[Recipe], Remedy | None]


def remedies(
    verdict: Verdict, causes: Causes, config: Mapping[str, Any], spec: DataSpec, system: str
) -> list[Remedy]:
    """Return what to try against a verdict, best first; nothing for a healthy run.

    Args:
        verdict: of the diagnosis.
        causes: what else it found.
        config: the run's recipe as a tree of plain values.
        spec: of the data.
        system: the run's.
    """
    recipe = Recipe(config, spec, system)
    found = [proposal(recipe) for proposal in _plan(verdict, causes)]
    return [remedy for remedy in dict.fromkeys(found) if remedy is not None][:MOST]


def _plan(verdict: Verdict, causes: Causes) -> list[Proposal]:
    steady: list[Proposal] = [pair, penalise, press, halve_rates]
    if verdict == "diverging":
        return [halve_rates, penalise, press, full_precision, calm, enlarge, switch]
    if verdict == "collapsed":
        return [*([strengthen] if causes.weak else []), unsaturate, *steady, enlarge, switch]
    if verdict == "discriminator overpowered":
        more: list[Proposal] = [mirror] if causes.memorised else []
        first: list[Proposal] = [unsaturate] if causes.starved else []
        return [*first, *more, penalise, press, slow_discriminator, fewer_steps, pair, switch]
    if verdict == "dropping modes":
        if causes.blurred:
            return [decay, lengthen, average, sharpen, relax]
        return [pair, penalise, press, sharpen, unsaturate, enlarge, switch]
    return []


# ---- the loss and its penalties -----------------------------------------------------------------


def pair(recipe: Recipe) -> Remedy | None:
    """Relativistic pairing with R1 and R2."""
    if not {"objective", "penalties"} <= recipe.game.keys():
        return None
    if recipe.kind("objective") == "relativistic" and recipe.penalised("r2"):
        return None
    weight = recipe.penalty_weight()
    settings = ["game.objective={kind: relativistic}"]
    for name in ("r1", "r2"):
        if not recipe.penalised(name):
            settings.append(f"game.penalties.{name}={{kind: {name}, weight: {weight}}}")
    settings += [
        f"game.penalties.{name}=null"
        for name, penalty in recipe.penalties.items()
        if penalty.get("kind") == "gradient"
    ]
    if recipe.kind("constraint") == "clip":
        settings.append("game.constraint=null")
    if recipe.game.get("generator_batch", 1) != 1:
        settings.append("game.generator_batch=1")
    if recipe.game.get("conditional"):
        settings.append("game.labels={fakes: batch, generator: batch}")
    return Remedy(
        "pairing every sample with a real one, with R1 and R2, leaves no gain in a few modes",
        (*settings, *recipe.without_batch_norm()),
    )


def penalise(recipe: Recipe) -> Remedy | None:
    """R1, where nothing limits the discriminator's gradient."""
    if "penalties" not in recipe.game or recipe.penalised("r1", "gradient", "dragan"):
        return None
    if recipe.kind("constraint") == "clip":
        return Remedy(
            "a gradient penalty in place of clipping keeps the critic smooth at full capacity",
            (
                "game.constraint=null",
                "game.penalties.gradient={kind: gradient, weight: 10.0}",
                *recipe.without_batch_norm(),
            ),
        )
    weight = recipe.penalty_weight()
    return Remedy(
        "R1 flattens the discriminator at the data, so that its slope stays useful",
        (
            f"game.penalties.r1={{kind: r1, weight: {weight}}}",
            *recipe.without_batch_norm(),
        ),
    )


def press(recipe: Recipe) -> Remedy | None:
    """Stronger penalties."""
    return _penalties_times(recipe, 4.0, "a stronger penalty steadies the discriminator")


def relax(recipe: Recipe) -> Remedy | None:
    """Weaker penalties."""
    return _penalties_times(recipe, 0.25, "a weaker penalty lets the discriminator see finer")


def _penalties_times(recipe: Recipe, factor: float, why: str) -> Remedy | None:
    weights = {
        f"game.penalties.{name}.weight": penalty["weight"]
        for name, penalty in recipe.penalties.items()
        if penalty.get("weight")
    }
    if "gamma" in recipe.game:
        weights["game.gamma"] = recipe.game["gamma"]
    return _times(weights, factor, why)


def unsaturate(recipe: Recipe) -> Remedy | None:
    """The non-saturating loss."""
    if recipe.kind("objective") != "minimax":
        return None
    return Remedy(
        "the minimax loss has no slope where samples are bad; its non-saturating twin has",
        ("game.objective={kind: nonsaturating}",),
    )


# ---- rates, steps, batches ----------------------------------------------------------------------


def halve_rates(recipe: Recipe) -> Remedy | None:
    """Half the learning rate for every player."""
    return _times(recipe.rates(), 0.5, "smaller steps keep the players from overshooting")


def slow_discriminator(recipe: Recipe) -> Remedy | None:
    """Half the discriminator's learning rate."""
    rates = recipe.rates("discriminator")
    return _times(rates, 0.5, "a slower discriminator leaves the generator time to follow")


def decay(recipe: Recipe) -> Remedy | None:
    """Learning rates that fall towards the end."""
    rates = {key: lr for key, lr in recipe.rates().items() if not isinstance(lr, dict)}
    settings = tuple(
        f"{key}={{start: {_show(lr)}, end: {_show(float(lr) / 100)}}}" for key, lr in rates.items()
    )
    return Remedy("falling rates let the samples settle at the end", settings) if rates else None


def calm(recipe: Recipe) -> Remedy | None:
    """Less momentum in Adam."""
    heavy = [
        key
        for key, value in recipe.game.items()
        if key.endswith("optimiser") and _tree(value).get("kind") == "adam"
        if _tree(value).get("beta1", 0) > 0.5
    ]
    settings = tuple(f"game.{key}.beta1=0.5" for key in heavy)
    return Remedy("less momentum damps the game's oscillation", settings) if heavy else None


def strengthen(recipe: Recipe) -> Remedy | None:
    """More steps for a discriminator that does not see the collapse."""
    return _whole(
        recipe.game, "game.discriminator_steps", lambda k: 2 * k if k < 5 else None,
        "the discriminator hardly tells samples from data; more steps let it see what is missing",
    )  # fmt: skip


def fewer_steps(recipe: Recipe) -> Remedy | None:
    """One discriminator step a round; a Wasserstein critic is meant to be ahead."""
    if recipe.kind("objective") == "wasserstein":
        return None
    return _whole(
        recipe.game, "game.discriminator_steps", lambda k: 1 if k > 1 else None,
        "fewer steps keep the discriminator from running ahead",
    )  # fmt: skip


def enlarge(recipe: Recipe) -> Remedy | None:
    """A batch of twice the size."""
    return _whole(
        recipe.train, "train.batch", lambda n: 2 * n,
        "larger batches show rare modes in every step and make gradients less noisy",
    )  # fmt: skip


def lengthen(recipe: Recipe) -> Remedy | None:
    """Training for twice as long."""
    why = "modes are found first and sharpened later: train for longer"
    return _whole(recipe.train, "train.rounds", lambda n: 2 * n, why) or _whole(
        recipe.train, "train.kimg", lambda n: 2 * n, why
    )


def average(recipe: Recipe) -> Remedy | None:
    """A moving average of the generator's weights."""
    if "average" not in recipe.train or recipe.train["average"]:
        return None
    return Remedy("averaged weights do not swing from mode to mode", ("train.average={}",))


def full_precision(recipe: Recipe) -> Remedy | None:
    """Single precision instead of bfloat16."""
    if recipe.train.get("precision") != "bf16":
        return None
    return Remedy("single precision rules rounding out as the cause", ("train.precision=fp32",))


# ---- networks and data --------------------------------------------------------------------------


def sharpen(recipe: Recipe) -> Remedy | None:
    """Fourier features for a discriminator of points."""
    network = _tree(recipe.game.get("discriminator"))
    domain = recipe.spec.domain
    if network.get("fourier") != 0 or not isinstance(domain, Points) or domain.dim > PLANE:
        return None
    return Remedy(
        "Fourier features let the discriminator see modes that lie close together",
        ("game.discriminator.fourier=64", "game.discriminator.fourier_scale=8"),
    )


def mirror(recipe: Recipe) -> Remedy | None:
    """Mirrored images, where left and right may be exchanged."""
    if not isinstance(recipe.spec.domain, Images) or recipe.data.get("mirror") is not False:
        return None
    if recipe.spec.name in DIGIT_SETS:
        return None
    return Remedy(
        "twice as many different images, if yours may be mirrored: harder to learn by heart",
        ("data.mirror=true",),
    )


def switch(recipe: Recipe) -> Remedy | None:
    """The steadiest system there is."""
    if recipe.system == "r3gan":
        return None
    source = shlex.quote(str(recipe.data.get("source") or recipe.spec.name))
    return Remedy(
        "R3GAN with its own networks and schedules is the least likely to lose modes",
        command=f"ganvas train r3gan/{recipe.spec.kind} --data {source} --out runs/r3gan",
    )


# ---- writing overrides --------------------------------------------------------------------------


def _times(numbers: Mapping[str, Number], factor: float, why: str) -> Remedy | None:
    """Return the overrides that multiply (scheduled) numbers."""
    settings: list[str] = []
    for key, number in numbers.items():
        if isinstance(number, dict):
            ends = (f"{end}: {_show(factor * float(number[end]))}" for end in ("start", "end"))
            settings.append(f"{key}={{{', '.join(ends)}}}")
        else:
            settings.append(f"{key}={_show(factor * number)}")
    return Remedy(why, tuple(settings)) if settings else None


def _whole(
    tree: Tree, key: str, change: Callable[[Any], float | None], why: str
) -> Remedy | None:
    """Return the override of one number as it is now, if it has a value."""
    now = tree.get(key.partition(".")[2])
    new = None if now is None else change(now)
    return None if new is None else Remedy(why, (f"{key}={_show(new)}",))


def _show(number: float) -> str:
    """Return a number as YAML reads it back: a whole one without a point."""
    return str(number) if isinstance(number, int) else f"{number:.4g}"


def _tree(value: object) -> Tree:
    return cast(Tree, value) if isinstance(value, dict) else {}
