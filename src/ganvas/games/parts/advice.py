"""What adversarial games propose when they go wrong: changes of their own options.

Which of these comes when is decided in `ganvas.diagnosis.remedies`, by the names in `ADVICE`; those
of `MEASURED` are ranked by what the mode-coverage benchmark found, under the names that they have
there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from ganvas.data.domain import PLANE
from ganvas.networks import DiscriminatorConfig
from ganvas.play.advice import Proposal, Remedy, Setup, times, tree_of, whole

NETWORKS: TypeAdapter[object] = TypeAdapter(DiscriminatorConfig)

FEW = 3
"""Up to so many coordinates Fourier features are worth proposing."""

LOSSES = {"minimax": "gan", "hinge": "hinge", "least_squares": "lsgan"}
"""The plain game as the benchmark calls it, by its objective; by default it does not saturate."""


def plain_method(setup: Setup) -> str:
    """Return as which method of the benchmark a plain game is measured."""
    return LOSSES.get(setup.kind("objective"), "nsgan")


def pair(setup: Setup) -> Remedy | None:
    """Relativistic pairing with R1 and R2."""
    if not {"objective", "penalties"} <= setup.game.keys():
        return None
    if setup.game.get("memory"):
        return None  # its probability of real is no score to pair
    if setup.kind("objective") == "relativistic" and _penalised(setup, "r2"):
        return None
    # On points what the benchmark measured; R1 alone wants less.
    weight = _penalty_weight(setup) if setup.spec.domain.grid else "1.0"
    settings = ["game.objective={kind: relativistic}"]
    for name in ("r1", "r2"):
        if not _penalised(setup, name):
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
        (*settings, *_without_batch_norm(setup)),
    )


def penalise(setup: Setup) -> Remedy | None:
    """R1, where nothing limits the discriminator's gradient."""
    if "penalties" not in setup.game or setup.game.get("memory"):
        return None  # the networks of a memory have batch norms
    if _penalised(setup, "r1", "gradient", "dragan"):
        return None
    if setup.kind("constraint") == "clip":
        return Remedy(
            "a gradient penalty in place of clipping keeps the critic smooth at full capacity",
            (
                "game.constraint=null",
                "game.penalties.gradient={kind: gradient, weight: 10.0}",
                *_without_batch_norm(setup),
            ),
        )
    weight = _penalty_weight(setup)
    return Remedy(
        "R1 flattens the discriminator at the data, so that its slope stays useful",
        (
            f"game.penalties.r1={{kind: r1, weight: {weight}}}",
            *_without_batch_norm(setup),
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


def use_labels(setup: Setup) -> Remedy | None:
    """Another use of labels by the discriminator."""
    now = tree_of(setup.game.get("discriminator")).get("labels")
    other = {
        "concat": ("projection", "a projection head weighs features by the class at the end"),
        "projection": (
            "auxiliary",
            "a classifier in the discriminator asks for the class itself",
        ),
    }
    if not setup.game.get("conditional") or now not in other or setup.game.get("memory"):
        return None
    labels, why = other[now]
    return Remedy(why, (f"game.discriminator.labels={labels}",))


def slow_discriminator(setup: Setup) -> Remedy | None:
    """Half the discriminator's learning rate."""
    rates = setup.rates("discriminator")
    return times(rates, 0.5, "a slower discriminator leaves the generator time to follow")


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


def sharpen(setup: Setup) -> Remedy | None:
    """Fourier features for a discriminator of points."""
    why = "Fourier features let the discriminator see modes that lie close together"
    settings = _finer(setup, scale=8)
    return Remedy(why, settings) if settings else None


def augment(setup: Setup) -> Remedy | None:
    """Random changes of all images that the discriminator is shown."""
    if setup.spec.domain.grid != PLANE or setup.game.get("augment", "") is not None:
        return None
    return Remedy(
        "a discriminator that is shown changed images cannot know any by heart",
        ("game.augment={probability: 0.3}",),
    )


def _penalised(setup: Setup, *kinds: str) -> bool:
    """Whether a penalty of one of these kinds is in force."""
    if "gamma" in setup.game and {"r1", "r2"} & set(kinds):
        return True
    return any(p.get("kind") in kinds for p in setup.penalties.values())


def _without_batch_norm(setup: Setup) -> tuple[str, ...]:
    """Return what a discriminator needs before its gradient can be penalised."""
    network = tree_of(setup.game.get("discriminator"))
    if network.get("norm") == "batch":
        other = "layer" if _is_network({**network, "norm": "layer"}) else "none"
        return (f"game.discriminator.norm={other}",)
    return ("game.discriminator.batch_norm=false",) if network.get("batch_norm") else ()


def _is_network(tree: Mapping[str, object]) -> bool:
    """Whether there are discriminators with these settings."""
    try:
        NETWORKS.validate_python(tree)
    except ValidationError:
        return False
    return True


def _finer(setup: Setup, scale: int) -> tuple[str, ...]:
    """Return what gives a discriminator of points Fourier features, if it can have some."""
    network, domain = tree_of(setup.game.get("discriminator")), setup.spec.domain
    if network.get("fourier") != 0 or domain.grid or domain.shape[0] > FEW:
        return ()
    return ("game.discriminator.fourier=64", f"game.discriminator.fourier_scale={scale}")


def _penalty_weight(setup: Setup) -> str:
    """Return γ for a first try: it grows with the number of pixels (Karras et al. 2020)."""
    domain = setup.spec.domain
    return f"{1e-4 * math.prod(domain.shape[1:]):.1g}" if domain.grid else "0.1"


def nothing(setup: Setup) -> Remedy | None:
    """Nothing: a game has no place for what others of its kind propose."""
    del setup
    return None


ADVICE: Mapping[str, Proposal] = {
    "unsaturate": unsaturate,
    "penalise": penalise,
    "press": press,
    "relax": relax,
    "pair": pair,
    "sharpen": sharpen,
    "augment": augment,
    "strengthen": strengthen,
    "fewer steps": fewer_steps,
    "slow discriminator": slow_discriminator,
    "use labels": use_labels,
}

MEASURED: Mapping[str, Proposal] = {
    "r3gan": pair,
    "pacgan": pack,
    "mbd": discriminate_batches,
    "feature-matching": match,
}
