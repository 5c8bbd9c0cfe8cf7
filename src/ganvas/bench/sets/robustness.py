"""Seven pairs of networks by four methods (Gulrajani et al. 2017, figure 2)."""

from __future__ import annotations

from ganvas.bench.contest import Budget, Entry, Tree
from ganvas.bench.pictures import DIGITS, INCEPTION, METHODS, inception, normed

DATA: Tree = DIGITS
UNIT = INCEPTION
score = inception
PAIRS = (("wgan-gp", "clipping"), ("wgan-gp", "gan"), ("wgan-gp", "lsgan"))
TIERS = {
    "smoke": Budget(rounds=2, batch=4, samples=60, seeds=1, size=16, width=4),
    "cpu": Budget(rounds=300, batch=32, samples=1000, seeds=1, size=16, width=16, hurry=10),
    "paper": Budget(rounds=200_000, batch=64, samples=50_000, seeds=1, size=64, width=64),
}
NETWORKS: dict[str, tuple[Tree, Tree]] = {
    "baseline": ({"preset": "dcganW"}, {"preset": "dcganW"}),
    "no batch norm, constant width": ({"preset": "constant"}, {"preset": "dcganW"}),
    "MLP": ({"preset": "mlpW"}, {"preset": "dcganW"}),
    "no normalisation": (
        {"preset": "dcganW", "norm": "none"},
        {"preset": "dcganW", "norm": "none"},
    ),
    "gated": (
        {"preset": "dcganW", "activation": "gated"},
        {"preset": "dcganW", "activation": "gated"},
    ),
    "tanh": (
        {"preset": "dcganW", "activation": "tanh"},
        {"preset": "dcganW", "activation": "tanh"},
    ),
    "101 layers": ({"preset": "resnet101"}, {"preset": "resnet101"}),
}
"""The figure's rows: generator and critic."""


def entries(budget: Budget) -> list[Entry]:
    """Return every pair of networks under every method."""
    return [
        Entry(case, method, game(generator, critic, method, budget.width))
        for case, (generator, critic) in NETWORKS.items()
        for method in METHODS
    ]


def game(generator: Tree, critic: Tree, method: str, width: int) -> Tree:
    """Return the settings of networks of a width under a method; MLPs keep theirs."""
    sized = generator if generator["preset"] == "mlpW" else generator | {"width": width}
    norm = {"norm": normed(method)} if critic.get("norm") != "none" else {}
    return {
        **METHODS[method],
        "latent": {"kind": "normal", "dim": 128},
        "generator": sized,
        "discriminator": critic | norm | {"width": width},
    }
