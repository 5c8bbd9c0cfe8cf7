"""Parzen windows: values of the definition, invariances, and the choice of the width."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from ganvas.api import train
from ganvas.cli.app import run
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.metrics import neighbours
from ganvas.metrics.of import plain
from ganvas.metrics.parzen import WIDTHS, gaussians, likelihood, log_densities
from ganvas.recipes import load_recipe


def normal(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("width", "nats"), [(0.1, 1084.779), (0.2, 541.352), (1.0, -720.448)])
def test_a_sample_that_is_the_item(width: float, nats: float) -> None:
    x = normal(1, 784)
    assert log_densities(x, x, [width]).item() == pytest.approx(nats, abs=1e-3)


def test_the_definition_written_out() -> None:
    x, samples = normal(5, 3).double(), normal(7, 3, 1).double()
    for width, found in zip((0.3, 2.0), log_densities(x, samples, (0.3, 2.0)), strict=True):
        window = torch.distributions.MultivariateNormal(samples, width**2 * torch.eye(3).double())
        expected = window.log_prob(x[:, None]).exp().mean(1).log()
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_chunks_order_and_repetition_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, samples = normal(50, 20), normal(40, 20, 1)
    whole = log_densities(x, samples, WIDTHS)
    torch.testing.assert_close(log_densities(x, samples.flip(0), WIDTHS), whole)
    torch.testing.assert_close(log_densities(x, samples.repeat(3, 1), WIDTHS), whole)
    monkeypatch.setattr(neighbours, "BLOCK", 40 * 3)
    torch.testing.assert_close(log_densities(x, samples, WIDTHS), whole, rtol=0, atol=1e-6)


def test_the_width_is_the_best_one_for_the_validation_items() -> None:
    samples, validation, test = normal(300, 2), normal(200, 2, 1), 5 * normal(100, 2, 2)
    means = {w: log_densities(validation, samples, [w]).mean().item() for w in WIDTHS}
    found = likelihood(samples, validation, test)
    assert found.width == max(means, key=lambda width: means[width])
    assert WIDTHS[0] < found.width < WIDTHS[-1]
    values = log_densities(test, samples, [found.width])[0]
    assert found.mean == pytest.approx(values.mean().item())
    assert found.error == pytest.approx(values.std().item() / math.sqrt(100))


def test_real_digits_are_better_samples_than_a_gaussian_for_each_class() -> None:
    source = open_data(DataSettings(source="digits8"))
    items = source.items("train")
    x, y = plain(source.spec.domain, items.x).double(), torch.from_numpy(items["label"])
    known, validation, test = x[:800], x[800:1000], x[1000:]
    drawn = gaussians(known, y[:800], 800)
    of_laws = likelihood(drawn, validation, test)
    real = likelihood(known, validation, test)
    assert real.mean > of_laws.mean + 3 * (real.error + of_laws.error)


def test_gaussians_have_the_moments_of_their_classes() -> None:
    """Class 5 is far from class 2, and its second number does not vary."""
    label = torch.tensor([2, 5]).repeat(50)
    items = normal(100, 2) + 100.0 * (label == 5)[:, None]
    items[label == 5, 1] = 7.0
    found = gaussians(items, label, 20_001)
    for rows, k in ((found[0::2], 2), (found[1::2], 5)):
        own = items[label == k]
        torch.testing.assert_close(rows.mean(0), own.mean(0), atol=0.05, rtol=0)
        torch.testing.assert_close(rows.std(0), own.std(0, correction=0), atol=0.05, rtol=0)
    assert torch.equal(found, gaussians(items, label, 20_001))
    assert not torch.equal(found, gaussians(items, label, 20_001, seed=1))


def test_what_does_not_go_together() -> None:
    with pytest.raises(UsageError, match="items of 3 numbers and samples of 2"):
        log_densities(torch.zeros(1, 3), torch.zeros(1, 2), [0.1])
    with pytest.raises(UsageError, match="widths above 0"):
        log_densities(torch.zeros(1, 3), torch.zeros(1, 3), [0.0])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ["train.rounds=2", "evaluate.at_end=false", "train.tensorboard=false"]
    recipe = load_recipe("cgan/digits", ["data.source=digits8", "data.hold_out=0.2", *changes])
    train(recipe, tmp_path / "run", quiet=True)
    assert run(["parzen", str(tmp_path / "run"), "--count", "50"]) == 0
    head, samples, real, laws, last = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["windows", "around"]
    assert samples.startswith("50 samples")
    assert real.startswith("50 training items")
    assert laws.startswith("50 draws of a Gaussian for each class")
    values = [float(line.split("±")[0].split()[-1]) for line in (samples, laws, real)]
    assert values[0] < values[2]
    assert values[1] < values[2]
    assert last == "of 240 held-out items; 119 others chose the width"


def test_points_of_a_law_are_measured_by_its_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["train.rounds=1", "evaluate.at_end=false", "train.tensorboard=false"]
    train(load_recipe("gan/points", few), tmp_path / "run", quiet=True)
    assert run(["parzen", str(tmp_path / "run"), "--count", "20"]) == 0
    _, samples, last = capsys.readouterr().out.splitlines()
    assert samples.startswith("20 samples")
    assert last == "of 6,667 items, none of which the run holds out; 3,333 others chose the width"
