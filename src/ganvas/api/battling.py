"""Two trained models against each other: whose samples fool the other's critic more often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganvas.api.measuring import reference, samples_like
from ganvas.api.run_data import run_data
from ganvas.errors import UsageError
from ganvas.games import permitted
from ganvas.metrics.battle import Critic, fairness
from ganvas.metrics.battle import battle as score_of
from ganvas.model import load
from ganvas.play import Game
from ganvas.recipes.loader import named_system
from ganvas.training.folder import CONFIG, RunFolder

SAMPLES = 1024


@dataclass(frozen=True)
class Battle:
    """What came of it.

    Attributes:
        score: the share of the first model's samples that the second one's critic takes for real,
            over the share of the second's that the first's does: above 1 the first model wins.
        fairness: the ratio of both critics' accuracies on real items: near 1 they are as strict.
        samples: how many samples of each, and real items at most.
    """

    score: float
    fairness: float
    samples: int


def battle(
    first: str | Path,
    second: str | Path,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    games: Sequence[str | type[Game]] = (),
) -> Battle:
    """Let two runs' generators try to fool each other's critics.

    Source: Im et al. 2016, the generative adversarial metric; Saito et al. 2017, section 5.3, with
    thresholds where a critic best tells held-out items from its own samples.

    Args:
        first: a run folder.
        second: another, of a run on the same data.
        samples: how many of each model, and held-out items at most.
        seed: of the samples.
        games: those of the runs that are of the user's own, ``module:Class`` or the classes.

    Raises:
        UsageError: their data or conditions differ.
        CannotError: a model has no scores, or no samples.
    """
    folders = [RunFolder.open(run).path for run in (first, second)]
    owned = [permitted(named_system(folder / CONFIG), games) for folder in folders]
    known, other = (run_data(f, game=game) for f, game in zip(folders, owned, strict=True))
    a, b = (load(folder, game=game) for folder, game in zip(folders, owned, strict=True))
    if known.recipe.data != other.recipe.data or list(a.game.conditions) != list(b.game.conditions):
        raise UsageError(
            f"{first} and {second} differ in their data or conditions: critics can judge samples "
            "of each other on the same alone"
        )
    source = known.source
    items = reference(source)
    real = items.rows(np.arange(min(samples, len(items))))
    mine, theirs = (samples_like(model, source, samples, seed) for model in (a, b))
    critic_a = Critic(a.score(real), a.score(mine), a.score(theirs))
    critic_b = Critic(b.score(real), b.score(theirs), b.score(mine))
    return Battle(score_of(critic_a, critic_b), fairness(critic_a, critic_b), samples)
