"""Two runs whose generators try to fool each other's critics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganvas import api
from ganvas.api.measuring import reference
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.metrics.battle import Critic
from ganvas.metrics.battle import battle as score_of
from tests.cli.conftest import Ganvas

SMALL: dict[str, Any] = {
    "train.watch_every": 0,
    "train.sample_every": 0,
    "train.tensorboard": False,
    "train.batch": 64,
    "evaluate.samples": 100,
    "game.generator.widths": [16],
    "game.discriminator.widths": [16],
}


def trained(out: Path, rounds: int, recipe: str = "gan/ring8", **more: Any) -> Path:
    told: dict[str, Any] = {**SMALL, "train.rounds": rounds, **more}
    api.train(recipe, out, quiet=True, **told)
    return out


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return runs of two lengths, told the class of each item."""
    folder = tmp_path_factory.mktemp("battle")
    told: dict[str, Any] = {"game.conditional": True}
    return trained(folder / "long", 300, **told), trained(folder / "short", 40, **told)


def test_a_battle_the_other_way_is_its_inverse(runs: tuple[Path, Path]) -> None:
    found, back = api.battle(*runs, samples=300), api.battle(*reversed(runs), samples=300)
    assert 0 < found.score < float("inf")
    assert found.score * back.score == pytest.approx(1)
    assert found.fairness * back.fairness == pytest.approx(1)
    itself = api.battle(runs[0], runs[0], samples=300)
    assert (itself.score, itself.fairness) == (1, 1)


def test_critics_judge_samples_under_the_classes_that_they_were_drawn_for(
    runs: tuple[Path, Path],
) -> None:
    n, models = 200, [api.load(run) for run in runs]
    source = open_data(DataSettings(source="ring8"))
    known = reference(source)
    items, classes = known.rows(np.arange(n)), source.classes_like(known, n)
    assert classes is not None
    x = [model.sample(n, seed=3, label=classes.tolist()).x for model in models]

    def critic(own: int, other: int) -> Critic:
        judge = models[own]
        real = judge.score(items.x, label=items["label"].tolist())
        return Critic(real, *(judge.score(x[k], label=classes.tolist()) for k in (own, other)))

    found = api.battle(*runs, samples=n, seed=3)
    assert found.score == pytest.approx(score_of(critic(0, 1), critic(1, 0)))


def test_battles_that_are_refused(runs: tuple[Path, Path], tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain", 2)
    with pytest.raises(UsageError, match="differ in their data or conditions"):
        api.battle(runs[0], plain)
    grid = trained(tmp_path / "grid", 2, "gan/grid25")
    with pytest.raises(UsageError, match="differ in their data or conditions"):
        api.battle(plain, grid)


def test_a_battle_on_the_command_line(ganvas: Ganvas, runs: tuple[Path, Path]) -> None:
    said = ganvas("compare", *runs, "--battle")
    assert said.code == 0
    found = api.battle(*runs)
    assert f"battle of 1,024 samples: {found.score:.3g} (above 1 {runs[0]} wins)" in said.out
    assert f"its fairness: {found.fairness:.3g}" in said.out
    assert ganvas("compare", *runs, runs[0], "--battle").code == 2
