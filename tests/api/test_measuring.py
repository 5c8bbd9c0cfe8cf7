"""A perfect conditional generator scores what real data score, however uneven the classes are."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas import api
from ganvas.api.measuring import drawn, measure_codes, measure_own
from ganvas.config import Settings
from ganvas.data.items import Collection, Items
from ganvas.data.laws import law
from ganvas.data.open import DataSettings, open_data
from ganvas.data.source import ArraySource, LawSource, Source
from ganvas.data.spec import DataSpec
from ganvas.diagnosis.watch import Watch
from ganvas.games.parts.priors.normal import Normal
from ganvas.metrics.floors import stacked_floors
from ganvas.metrics.held_out import accuracy_score
from ganvas.metrics.modes import kl_to_uniform
from ganvas.metrics.protocol import Protocol, Score
from ganvas.model import Model, Provenance
from ganvas.networks import Conditions
from ganvas.play import Game, Noise

MIDDLES = torch.tensor([[0.0, 0.0], [10.0, 0.0]])


class Perfect(Game):
    """Two classes of points, each as the data have it; the classes are the caller's."""

    system: ClassVar[str] = "perfect"

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.conditions = Conditions(spec.conditions)

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 2) * truncation

    def sample(self, z: Tensor, y: Tensor) -> Tensor:
        return self.spec.domain.encode((0.5 * z + MIDDLES[y]).numpy())


class Broken(Perfect):
    """Its encoder gives NaN for one item."""

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.conditions = Conditions()

    latent = Normal(dim=2)

    def draw(self, x: Tensor, noise: Noise) -> Tensor:
        return torch.where(x == x[3], torch.nan, x)


def uneven(n: int, seed: int) -> Items:
    """90 % of class 0 and 10 % of class 1, sorted."""
    label = np.repeat([0, 1], [9 * n // 10, n // 10])
    rng = np.random.default_rng(seed)
    x = MIDDLES.numpy()[label] + 0.5 * rng.standard_normal((n, 2))
    return Items(x.astype(np.float32), label)


@pytest.fixture(scope="module")
def source() -> Source:
    splits = {"train": uneven(1000, 0), "test": uneven(1000, 1)}
    return ArraySource(Collection("uneven", splits, ("often", "rarely")))


def model_of(game: type[Game], source: Source) -> Model:
    return Model(game(Settings(), source.spec), Provenance(), "cpu")


def test_a_perfect_conditional_generator_reaches_its_floor_on_uneven_classes(
    source: Source,
) -> None:
    scores = api.measure(model_of(Perfect, source), source, 500, seed=3)
    w1 = scores["w1"]
    assert w1.value == pytest.approx(w1.floor, abs=0.25)  # of even classes 4, four tenths of 10
    assert scores["density"].value == pytest.approx(1, abs=0.1)


def test_labels_are_as_frequent_as_in_the_reference_and_in_no_order(source: Source) -> None:
    x, asked = drawn(model_of(Perfect, source), source, 1000, seed=3)
    assert asked is not None
    assert np.bincount(asked).tolist() == [900, 100]
    assert abs(asked[:500].sum() - 50) < 20  # four deviations of a random half
    assert (np.abs(x - MIDDLES.numpy()[asked]).max(1) < 4).all()
    _, more = drawn(model_of(Perfect, source), source, 2000, seed=3)
    assert np.bincount(more).tolist() == [1800, 200]


def test_the_monitor_asks_for_the_same_frequencies(source: Source) -> None:
    seen: list[Tensor] = []

    class Watched(Perfect):
        def sample(self, z: Tensor, y: Tensor) -> Tensor:
            seen.append(y)
            return super().sample(z, y)

    Watch(source, 0, list, {}).look(Watched(Settings(), source.spec))
    assert torch.bincount(torch.cat(seen)).tolist() == [900, 100]


def test_laws_are_asked_for_their_own_components() -> None:
    source = LawSource(law("ring8"))
    items = source.items("reference")
    asked = source.classes_like(items, 20_000)
    assert asked is not None
    assert (np.bincount(asked) == 2 * np.bincount(items["label"])).all()


def test_stacks_are_asked_for_as_many_modes_as_fresh_stacks_show() -> None:
    """Labels of 10,000 known stacks, repeated, would be .05 nats from uniform."""
    source = open_data(DataSettings(source="digits_stack"))
    asked = source.classes_like(source.items("reference"), 26_000)
    assert asked is not None
    digits = source.digits["train"]["label"]
    floor = stacked_floors(26_000, np.bincount(digits))["kl_modes"]
    found = kl_to_uniform(np.bincount(asked, minlength=1000))
    assert found == pytest.approx(floor.value, abs=4 * floor.spread)


def test_codes_that_are_not_finite_leave_their_measures_out(source: Source) -> None:
    scores = measure_codes(model_of(Broken, source), source)
    assert not scores
    assert set(scores.left_out) == {"latent_mean", "latent_covariance", "latent_ks", "latent_mmd"}
    assert "codes are not finite in 4 of 1,000 rows (3, 259" in scores.left_out["latent_mean"]


class Judging(Perfect):
    """Measures itself: one number is there, one is none."""

    def measures(self, source: Source, seed: int) -> dict[str, Score]:
        values = {"good": 1.0, "broken": float("nan")}
        return {
            name: Score(value=value, protocol=Protocol(metric=name, samples=3))
            for name, value in values.items()
        }


class Unable(Perfect):
    """Its classifier says NaN of all items."""

    def measures(self, source: Source, seed: int) -> dict[str, Score]:
        return accuracy_score(lambda x: x * torch.nan, source, 10, seed, torch.device("cpu"))


def test_numbers_of_a_game_that_are_not_finite_are_left_out(source: Source) -> None:
    scores = measure_own(model_of(Judging, source), source)
    assert list(scores) == ["good"]
    assert "not finite" in scores.left_out["broken"]
    scores = measure_own(model_of(Unable, source), source)
    assert not scores
    assert "1,000 of 1,000 rows" in scores.left_out["measures of perfect"]


class Elsewhere(Broken):
    """Its codes are of another space than what it draws samples from."""

    draw = None

    def encode(self, x: Tensor, y: Tensor | None) -> Tensor:
        return x


def test_codes_that_are_no_latents_of_the_prior_are_not_compared_with_it(source: Source) -> None:
    scores = measure_codes(model_of(Elsewhere, source), source)
    assert not scores
    assert not scores.left_out


class Encoded(Broken):
    """Its codes are normal numbers."""

    def draw(self, x: Tensor, noise: Noise) -> Tensor:
        return torch.randn(len(x), 2, generator=torch.Generator().manual_seed(len(x)))


def test_the_floor_of_codes_is_of_other_numbers_than_those_they_are_compared_with() -> None:
    """The discrepancy of a set from itself is −2/N · (1 − mean kernel), never near 0."""
    few = {"train": uneven(1000, 0), "test": uneven(100, 1)}
    source = ArraySource(Collection("uneven", few, ("often", "rarely")))
    floors = [
        measure_codes(model_of(Encoded, source), source, seed)["latent_mmd"].floor
        for seed in range(12)
    ]
    assert max(floors) > 0
    assert abs(np.mean(floors)) < 0.004  # against itself: -.008 every time
