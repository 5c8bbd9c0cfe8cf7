"""The best model by a measure stays beside the last iterate, however the run came to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import ganvas
from ganvas.api.choosing import chooser, value
from ganvas.data.choice import some
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.metrics.parzen import MOST, SHARE, WIDTHS, log_densities
from ganvas.model import load
from ganvas.training.best import Champion
from ganvas.training.settings import Best

SMALL: dict[str, Any] = {
    "train.rounds": 40,
    "train.checkpoint_every": 10,
    "train.batch": 32,
    "train.watch_every": 0,
    "train.sample_every": 0,
    "train.tensorboard": False,
    "evaluate.at_end": False,
    "game.generator.widths": [8],
    "game.discriminator.widths": [8],
}


def trained(out: Path, **changes: Any) -> Path:
    best = {"train.best.measure": "parzen", "train.best.samples": 50}
    ganvas.train("gan/ring8", out, quiet=True, **{**SMALL, **best, **changes})
    return out


def events(run: Path, kind: str = "best") -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("event") == kind]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("best") / "run")


def test_a_value_beats_those_before_it_in_the_direction_of_its_measure() -> None:
    values = [3.0, 4.0, 2.0, float("nan"), 2.0, 1.0]
    low, high = Champion(Best(measure="fid[digits]")), Champion(Best(measure="parzen"))
    assert [low.beaten(v, at) for at, v in enumerate(values)] == [1, 0, 1, 0, 0, 1]
    assert [high.beaten(v, at) for at, v in enumerate(values)] == [1, 1, 0, 0, 0, 0]
    assert (high.value, high.round) == (4.0, 1)
    assert not Best(measure="recall[pixels]", better="lower").higher


def test_the_best_is_kept_whatever_comes_after(run: Path) -> None:
    told = [(row["round"], float(row["message"].split()[1].strip(","))) for row in events(run)]
    assert told[0][0] == 10
    assert [v for _, v in told] == sorted(v for _, v in told)
    best = load(run / "best")
    assert best.provenance.rounds == told[-1][0]
    assert load(run).provenance.rounds == 40
    # The number is the one that the model has when it is measured as every model is.
    source = open_data(DataSettings(source="ring8"))
    found = chooser(Best(measure="parzen", samples=50), source)(best.game)
    assert found == pytest.approx(told[-1][1], rel=1e-3)


def test_scores_say_of_which_model_they_are(run: Path) -> None:
    scores = ganvas.evaluate(run, 100, best=True)
    kept = json.loads((run / "evaluation.json").read_text())
    assert "model" not in kept  # nobody has measured the last iterate
    assert kept["best"]["model"]["rounds"] == events(run)[-1]["round"]
    assert kept["best"]["model"]["sha256"] == load(run / "best").digest
    assert kept["best"]["scores"]["w1"]["value"] == scores["w1"].value
    assert "The best model, of round" in (run / "report.html").read_text()
    with pytest.raises(UsageError, match="leave --against out"):
        ganvas.evaluate(run, best=True, against="ring8")


def test_a_run_that_was_interrupted_keeps_the_same_model(run: Path, tmp_path: Path) -> None:
    other = trained(tmp_path / "run", **{"train.stop_at": 10})
    for part in (other / "best").iterdir():  # killed before it was written
        part.unlink()
    ganvas.resume(other, ["train.stop_at=17"], quiet=True)
    assert [row["round"] for row in events(other)] == [10]  # round 17 chooses nothing
    ganvas.resume(other, quiet=True)
    assert load(other / "best").digest == load(run / "best").digest
    assert load(other).digest == load(run).digest
    assert [row["message"] for row in events(other)] == [row["message"] for row in events(run)]


def test_a_measure_that_is_none_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"train.best.measure=jsd_gird: .*Did you mean 'jsd_grid'"):
        trained(tmp_path / "run", **{"train.best.measure": "jsd_gird"})
    assert not (tmp_path / "run").exists()


def test_windows_choose_by_validation_items_alone(run: Path) -> None:
    model, source = load(run), open_data(DataSettings(source="ring8"))
    told = Best(measure="parzen", samples=50)
    held_out = torch.from_numpy(some(source.items("reference").x, MOST))
    x = torch.from_numpy(model.sample(50, seed=0).x)
    first = held_out[: len(held_out) // SHARE]
    expected = log_densities(first, x, WIDTHS).mean(1).max()
    assert value(model, source, told) == pytest.approx(float(expected), rel=1e-6)
    with pytest.raises(UsageError, match=r"train.best.measure=parzen needs held-out items"):
        value(model, open_data(DataSettings(source="digits8")), told)


def test_a_run_without_one_says_so(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    other.mkdir()
    (other / "config.yaml").write_text((run / "config.yaml").read_text())
    with pytest.raises(UsageError, match=r"kept no best model: train with train.best.measure"):
        ganvas.evaluate(other, best=True)
