"""Random architectures, the GAN against WGAN-GP (Gulrajani et al. 2017, table 2)."""

from __future__ import annotations

from ganvas.bench.architectures import DEPTHS, METHODS, WIDTHS, draw
from ganvas.bench.contest import Budget, Entry, Tree
from ganvas.bench.pictures import DIGITS, INCEPTION, inception

DATA: Tree = DIGITS
UNIT = INCEPTION
score = inception
PAIRS = (("wgan-gp", "gan"),)
TIERS = {
    "smoke": Budget(rounds=2, batch=4, samples=60, seeds=1, size=16, width=2, count=1),
    "cpu": Budget(
        rounds=400, batch=32, samples=1000, seeds=1, size=16, width=16, hurry=10, count=24
    ),
    "gpu": Budget(
        rounds=1000, batch=64, samples=5000, seeds=1, size=32, width=64, hurry=5, count=12
    ),
    "paper": Budget(
        rounds=100_000, batch=64, samples=50_000, seeds=1, size=32, width=128, count=200
    ),
}


def entries(budget: Budget) -> list[Entry]:
    """Return architectures drawn with seed 0, each under both methods.

    Widths are a quarter, a half and all of the budget's, as 32, 64 and 128 are in the paper.
    """
    widths = [max(budget.width * width // max(WIDTHS), 1) for width in WIDTHS]
    return [
        Entry(f"{number:03d} {one.words}", method, one.game(method))
        for number, one in enumerate(draw(budget.count, 0, DEPTHS, widths), 1)
        for method in METHODS
    ]
