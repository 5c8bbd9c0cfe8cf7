"""Three generators, WGAN against the GAN (Arjovsky et al. 2017, figures 5 to 7)."""

from __future__ import annotations

from ganvas.bench.contest import Budget, Entry, Tree
from ganvas.bench.pictures import CLIPPING, DIGITS, GAN, INCEPTION, inception

DATA: Tree = DIGITS
UNIT = INCEPTION
score = inception
PAIRS = (("wgan", "gan"),)
TIERS = {
    "smoke": Budget(rounds=2, batch=4, samples=60, seeds=1, size=16, width=4),
    "cpu": Budget(rounds=1000, batch=64, samples=1000, seeds=3, size=16, width=16, hurry=4),
    "paper": Budget(rounds=100_000, batch=64, samples=50_000, seeds=1, size=64, width=64),
}
GENERATORS: dict[str, Tree] = {
    "DCGAN": {"preset": "dcgan"},
    "no batch norm, constant width": {"preset": "dcgan", "norm": "none", "growth": "constant"},
    "MLP": {"preset": "mlpW"},
}
METHODS = {"wgan": CLIPPING, "gan": GAN}


def entries(budget: Budget) -> list[Entry]:
    """Return each generator against the DCGAN critic under both methods."""
    return [
        Entry(
            case,
            method,
            {
                **rule,
                "latent": {"kind": "normal", "dim": 100},
                "generator": generator
                if generator["preset"] == "mlpW"
                else generator | {"width": budget.width},
                "discriminator": {"preset": "dcgan", "width": budget.width},
            },
        )
        for case, generator in GENERATORS.items()
        for method, rule in METHODS.items()
    ]
