"""A BigGAN that collapses is called so before numbers are infinite, and another end outlives it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from ganvas import api
from ganvas.diagnosis.verdicts import diagnose
from ganvas.games.biggan import BLIND, BigGAN
from ganvas.recipes import load_recipe
from ganvas.training.folder import RunFolder
from tests.games.cases import digits8

GOOD, FAST = 6, 3000
"""Rounds at rates that the networks bear, and by how much rates are too high after them."""


WORDS = [
    *("data.source=digits8", "data.hold_out=0.2", "game.latent.dim=12"),
    *("game.generator_optimiser.lr=2e-4", "game.discriminator_optimiser.lr=2e-4"),
    "game.generator={kind: biggan, width: 4, shared: 8, attention: [8]}",
    "game.discriminator={kind: biggan, width: 4, attention: [4]}",
    *("train.rounds=40", "train.batch=32", "train.average=null", "train.log_every=1"),
    *("train.checkpoint_every=1", "train.keep=20", "train.sample_every=0", "train.threads=1"),
    *("train.watch_every=0", "train.tensorboard=false", "evaluate.at_end=false"),
]


def rows(run: Path) -> list[dict[str, Any]]:
    return [row for row in RunFolder(run).rows() if "event" not in row]


def called(run: Path) -> bool:
    """Whether the numbers of the log alone call a run collapsed."""
    found = diagnose(rows(run), {}, {"train": {"rounds": 40}}, digits8().spec, BigGAN)
    return found.verdict == "collapsed"


@pytest.mark.slow
def test_a_collapse_is_called_by_name_and_a_branch_from_before_outlives_it(
    tmp_path: Path,
) -> None:
    wild, rescued = tmp_path / "wild", tmp_path / "rescued"
    faster = f"train.interventions=[{{at: {GOOD}, rate: {FAST}}}]"
    recipe = load_recipe("biggan/images", [*WORDS, faster, "train.stop_at=16"])
    api.train(recipe, wild, quiet=True)
    assert called(wild)
    numbers = [v for row in rows(wild) for v in row.values() if isinstance(v, float)]
    assert all(map(math.isfinite, numbers))
    words = ["train.interventions=[]", "train.stop_at=16"]
    api.branch(wild, rescued, words, at=GOOD, quiet=True)
    assert not called(rescued)
    assert min(row["estimate/spread"] for row in rows(rescued)[-5:]) > 3 * BLIND
