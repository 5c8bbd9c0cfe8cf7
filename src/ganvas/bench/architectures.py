"""Random architectures of WGAN-GP's robustness study (Gulrajani et al. 2017, table 1).

The paper does not say how a network of n layers is built. Here one of 4 is a DCGAN for 32×32 (4²,
8², 16², 32²), and (n − 4)/4 further 3×3 convolutions follow at each of the four resolutions.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["generator", "discriminator"]
NONLINEARITIES = ("relu", "leaky_relu", "softplus", "tanh")
DEPTHS = (4, 8, 12, 20)
WIDTHS = (32, 64, 128)
METHODS: dict[str, dict[str, Any]] = {
    "gan": {
        "optimiser": {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.999},
        "norm": "batch",
    },
    "wgan-gp": {
        "optimiser": {"kind": "adam", "lr": 1e-4, "beta1": 0.0, "beta2": 0.9},
        "norm": "layer",
    },
}
"""Each method's optimiser, and the norm of its discriminators; decay 1e-3 goes with a norm in D."""


@dataclass(frozen=True)
class Side:
    """What is random of one network.

    Attributes:
        activation: non-linearity of hidden layers.
        depth: layers in all.
        normalised: whether there are norms: batch norm, or layer norm in WGAN-GP's critic.
        width: channels at the highest resolution.
    """

    activation: str
    depth: int
    normalised: bool
    width: int

    @property
    def words(self) -> str:
        """What is random of it, in a few words."""
        norm = " norm" if self.normalised else ""
        return f"{self.activation} {self.depth}×{self.width}{norm}"

    def settings(self, norm: str) -> dict[str, Any]:
        """Return the settings of the network."""
        further = (self.depth - 4) // 4
        return {
            "kind": "dcgan",
            "stages": 3,
            "kernel": 5,
            "bias": True,
            "init": "uniform",
            "activation": self.activation,
            "width": self.width,
            "norm": norm if self.normalised else "none",
            "extra": further,
            "full_resolution": further > 0,
            "full_extra": max(further - 1, 0),
        }


@dataclass(frozen=True)
class Architecture:
    """A generator and a discriminator, drawn apart from each other."""

    generator: Side
    discriminator: Side

    def game(self, method: str) -> dict[str, Any]:
        """Return the game's settings under a method of `METHODS`."""
        rule = METHODS[method]
        decay = {"weight_decay": 1e-3} if self.discriminator.normalised else {}
        return {
            "system": method,
            "latent": {"kind": "normal", "dim": 128},
            "generator": self.generator.settings("batch"),
            "discriminator": self.discriminator.settings(rule["norm"]),
            "generator_optimiser": rule["optimiser"],
            "discriminator_optimiser": rule["optimiser"] | decay,
        }

    @property
    def words(self) -> str:
        """What is random of it, in a few words."""
        return f"G {self.generator.words}, D {self.discriminator.words}"


def sides(depths: Sequence[int] = DEPTHS, widths: Sequence[int] = WIDTHS) -> Iterator[Side]:
    """Return all networks of the study, 96 of them by default."""
    for choice in itertools.product(NONLINEARITIES, depths, (True, False), widths):
        yield Side(*choice)


def draw(
    count: int, seed: int = 0, depths: Sequence[int] = DEPTHS, widths: Sequence[int] = WIDTHS
) -> list[Architecture]:
    """Return so many different architectures, drawn uniformly from the 96² = 9,216 of the study.

    The first of a longer list are those of a shorter one.

    Args:
        count: how many; 200 in the paper.
        seed: of the draw.
        depths: the choices; fewer and smaller ones make a quick trial.
        widths: the same.
    """
    known = list(sides(depths, widths))
    rng = random.Random(seed)
    drawn: dict[Architecture, None] = {}
    while len(drawn) < min(count, len(known) ** 2):
        drawn[Architecture(rng.choice(known), rng.choice(known))] = None
    return list(drawn)
