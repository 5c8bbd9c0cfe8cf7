"""Scores by rounds and by seconds of four methods (Gulrajani et al. 2017, figure 3)."""

from __future__ import annotations

from ganvas.bench.contest import Budget, Entry, Tree
from ganvas.bench.pictures import CLIPPING, DIGITS, GAN, INCEPTION, PENALTY, inception

DATA: Tree = DIGITS
UNIT = INCEPTION
score = inception
PAIRS = (("penalty, Adam", "clipping"), ("penalty, RMSProp", "clipping"))
TIERS = {
    "smoke": Budget(rounds=4, batch=4, samples=60, seeds=1, size=16, width=4, looks=1),
    "cpu": Budget(
        rounds=600, batch=32, samples=1000, seeds=1, size=16, width=16, hurry=10, looks=5
    ),
    "paper": Budget(
        rounds=100_000, batch=64, samples=50_000, seeds=1, size=32, width=128, looks=49
    ),
}
RMSPROP: Tree = {
    name: CLIPPING[name] for name in ("generator_optimiser", "discriminator_optimiser")
}
ADAM: Tree = {name: {"kind": "adam", "lr": 1e-4, "beta1": 0.5, "beta2": 0.9} for name in RMSPROP}
METHODS: dict[str, tuple[Tree, str]] = {
    "clipping": (CLIPPING, "batch"),
    "penalty, RMSProp": (PENALTY | RMSPROP, "none"),
    "penalty, Adam": (PENALTY | ADAM, "none"),
    "DCGAN": (GAN, "batch"),
}
"""Rules, and the norm of the critic."""


def entries(budget: Budget) -> list[Entry]:
    """Return the one pair of networks, the CIFAR-10 DCGAN, under each method."""
    networks: Tree = {"preset": "cifarW", "width": budget.width}
    return [
        Entry(
            "DCGAN networks",
            method,
            {
                **rule,
                "latent": {"kind": "normal", "dim": 128},
                "generator": networks,
                "discriminator": networks | {"norm": norm},
            },
        )
        for method, (rule, norm) in METHODS.items()
    ]
