"""What a row of the benchmark says of a model, against the model itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas.bench import Job
from ganvas.bench.coverage import measure
from ganvas.data.laws import law
from ganvas.data.open import open_data
from ganvas.metrics import modes
from ganvas.metrics.floors import hq_floor
from ganvas.metrics.measures import coverage_measures
from ganvas.metrics.of.law import LawMeasures
from ganvas.model import load, save_model
from ganvas.play import Noise, build

RING = law("ring8")


@pytest.mark.parametrize("seed", [0, 2])
def test_each_run_is_measured_by_samples_of_its_own_seed(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LawMeasures, "customary", (200, 300))
    job = Job("ring8", "nsgan", "toyV", "smoke", seed)
    recipe = job.recipe()
    game = build(recipe.game_type, recipe.game_config, open_data(recipe.data).spec, 0)
    generator: Any = game.get_submodule("generator")
    last = [layer for layer in generator.modules() if isinstance(layer, torch.nn.Linear)][-1]
    with torch.no_grad():  # around the first mode, and twice as wide
        last.weight.mul_(0.02 / generator(game.prior(500, Noise(0))).std(0).mean())  # pyright: ignore
        last.bias.copy_(torch.from_numpy(RING.centres[0]))
    save_model(tmp_path / "model", game)

    row = measure(tmp_path, recipe.data, seed)
    assert row["sample_seed"] == 777 + seed
    assert row["samples"] == [200, 300]
    for n in row["samples"]:
        points = load(tmp_path).sample(n, seed=777 + seed).x
        found = coverage_measures(points, RING)
        assert 5 < found["hq"] < 95
        for name in ("hq", "sigma_ratio"):
            assert row["scores"][str(n)][name] == pytest.approx(found[name], abs=1e-6)
    assert row["floors"]["300"]["hq"] == hq_floor(2)
    points = load(tmp_path).sample(300, seed=777 + seed).x
    assert row["histogram"] == modes.assign(points, RING).counts.tolist()
    assert row["generator_parameters"] == sum(p.numel() for p in generator.parameters())
    assert (row["points"] is None) == (seed > 0)
    if row["points"]:
        assert row["points"] == points.astype(float).round(2).tolist()
