"""Which of two models fools the other's critic more often (Im et al. 2016; TGAN's table of scores).

A critic of a Wasserstein game has no natural zero: its threshold is where it best tells real items
from samples of its own generator.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]


class Critic(NamedTuple):
    """What one model's critic says, (n,) scores each; higher is more like real.

    Attributes:
        real: of held-out real items.
        own: of samples of its own generator.
        other: of samples of the other model's.
    """

    real: Scores
    own: Scores
    other: Scores


def threshold(real: Scores, fake: Scores) -> float:
    """Return the score above which items are best taken for real: the fewest errors on both.

    Each side counts as a half, however many items it has. Of several that are as good, the middle.
    """
    levels = np.unique(np.concatenate([real, fake]))
    cuts = np.concatenate([levels[:1] - 1, (levels[1:] + levels[:-1]) / 2, levels[-1:] + 1])
    ranks = (
        np.searchsorted(np.sort(side), cuts, side="right") / len(side) for side in (real, fake)
    )
    missed, caught = ranks  # shares at or below each cut
    best = np.flatnonzero(np.isclose(missed - caught, (missed - caught).min()))
    return float(cuts[best[len(best) // 2]])


def taken_for_real(critic: Critic) -> float:
    """Return the share of the other model's samples that a critic takes for real."""
    return float((critic.other > threshold(critic.real, critic.own)).mean())


def fairness(a: Critic, b: Critic) -> float:
    """Return the ratio of both critics' accuracies on real items: near 1 a battle is fair."""
    found = [float((c.real > threshold(c.real, c.own)).mean()) for c in (a, b)]
    return found[0] / found[1] if found[1] else float("inf")


def battle(a: Critic, b: Critic) -> float:
    """Return S(A, B) = ε(D_B, G_A)/ε(D_A, G_B): above 1, A fools B's critic more often.

    S(A, B)·S(B, A) = 1. It is infinite where A's critic takes nothing of B for real.
    """
    lost = taken_for_real(a)
    won = taken_for_real(b)
    if not lost:
        return float("inf") if won else 1.0
    return won / lost
