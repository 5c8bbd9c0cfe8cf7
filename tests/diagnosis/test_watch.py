"""Looks at generators of known behaviour find what is there, and leave everything as it was."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from ganvas.data.domains.images import ImageOptions
from ganvas.data.feed import Feed
from ganvas.data.items import Collection, Items
from ganvas.data.laws import law
from ganvas.data.open import open_data, views_of
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, LawSource
from ganvas.diagnosis.look import known_items, preference
from ganvas.diagnosis.watch import Watch, diagnose_run
from ganvas.metrics.copies import Copies
from ganvas.metrics.floors import hq_floor
from ganvas.metrics.neighbourhood import class_numbers, set_size
from ganvas.metrics.of import measures_of
from ganvas.play import Noise, build
from ganvas.recipes import load_recipe
from tests.training.players import Known, blob, log, points_source, ring, ring_source

CONFIG: dict[str, Any] = {"train": {"rounds": 1000}, "game": {}, "data": {"source": "ring8"}}
HALFWAY = log(500, coverage__modes_strict=4.0, coverage__ratio=0.3)


def watch(source: Any, rows: list[dict[str, Any]] | None = None, seed: int = 0) -> Watch:
    return Watch(source, seed, lambda: rows or [], CONFIG)


# ---- laws with modes ----------------------------------------------------------------------------


def test_the_law_itself_has_all_modes_and_no_warning() -> None:
    source = ring_source()
    finding = watch(source, HALFWAY)(Known(source, ring()))
    numbers = finding.numbers
    assert numbers["coverage/modes"] == numbers["coverage/modes_strict"] == 8
    assert numbers["coverage/hq"] == pytest.approx(hq_floor(2), abs=0.7)
    assert numbers["coverage/sigma_ratio"] == pytest.approx(1, abs=0.05)
    assert numbers["coverage/diversity"] == pytest.approx(1, abs=0.02)
    assert numbers["discriminator/auc"] == pytest.approx(0.5, abs=0.03)
    assert finding.warning is None


def test_a_point_mass_is_a_collapse_named_with_evidence_and_remedies() -> None:
    source = ring_source()
    game = Known(source, ring(modes=1, width=0.0))
    finding = watch(source, HALFWAY)(game)
    assert finding.numbers["coverage/modes"] == 1
    assert finding.numbers["coverage/kl_modes"] == pytest.approx(np.log(8), abs=1e-6)
    assert finding.numbers["coverage/diversity"] == pytest.approx(0, abs=1e-6)
    assert finding.warning is not None
    assert finding.warning.startswith("collapsed: ")
    assert "1 of 8 modes" in finding.warning
    assert "Try: " in finding.warning


def test_half_the_modes_are_missed_and_said_once_in_a_while() -> None:
    source, game = ring_source(), Known(ring_source(), ring(modes=4))
    finding = watch(source, HALFWAY)(game)
    assert finding.numbers["coverage/modes_strict"] == finding.numbers["coverage/modes"] == 4
    assert finding.numbers["coverage/modes_near"] == 4
    assert finding.warning is not None
    assert finding.warning.startswith("dropping modes: 4 of 8")
    said = {"round": 450, "event": "warning", "message": finding.warning}
    assert watch(source, [*HALFWAY, said])(game).warning is None
    assert watch(source, [*HALFWAY, {**said, "round": 350}])(game).warning is not None


def test_early_on_missing_modes_are_normal() -> None:
    source = ring_source()
    for rows in ([], log(100)):
        assert watch(source, rows)(Known(source, ring(modes=1, width=0.0))).warning is None


def test_blurred_samples_are_near_all_modes_without_being_good() -> None:
    source = ring_source()
    numbers = watch(source).look(Known(source, ring(width=8.0)))
    assert numbers["coverage/modes_near"] == 8
    assert numbers["coverage/hq"] == pytest.approx(100 * (1 - np.exp(-4.5 / 64)), abs=2)


def test_modes_are_counted_in_data_units() -> None:
    source = ring_source(standardise=True)
    scale = source.spec.domain.scale  # pyright: ignore
    shift = torch.tensor(source.spec.domain.shift)  # pyright: ignore
    numbers = watch(source).look(Known(source, lambda z: (ring()(z) - shift) / scale))
    assert numbers["coverage/modes_strict"] == 8


def test_a_law_on_a_shell_is_judged_on_its_shell() -> None:
    mix = law("mix1200")

    def sample(z: torch.Tensor) -> torch.Tensor:
        rng = np.random.Generator(np.random.PCG64(3))
        return torch.from_numpy(mix.sample(len(z), rng)[0])

    source = LawSource(mix)
    numbers = watch(source).look(Known(source, sample))
    assert numbers["coverage/modes_strict"] == 10
    assert numbers["coverage/hq_cal"] > 98


# ---- other data ---------------------------------------------------------------------------------


def test_the_cloud_itself_is_covered() -> None:
    source = points_source(test=1000)
    numbers = watch(source).look(Known(source, blob))
    for name in ("precision", "recall", "density", "coverage"):
        assert numbers[f"coverage/{name}"] > 0.9, name
    assert numbers["coverage/ratio"] == pytest.approx(1, abs=0.03)
    assert numbers["coverage/diversity"] == pytest.approx(1, abs=0.05)
    assert numbers["coverage/duplicates"] == pytest.approx(0.01, abs=0.01)
    assert numbers["discriminator/overfit"] == pytest.approx(0.5, abs=0.04)


def test_half_the_cloud_has_good_samples_and_half_the_coverage() -> None:
    source = points_source()
    finding = watch(source, HALFWAY)(Known(source, lambda z: blob(z).abs() * torch.tensor([1, 1])))
    assert finding.numbers["coverage/precision"] > 0.9
    assert finding.numbers["coverage/ratio"] == pytest.approx(0.25, abs=0.06)
    assert finding.warning is not None
    assert finding.warning.startswith("dropping modes")


def test_copies_of_a_few_points_are_duplicates() -> None:
    source = points_source()
    few = torch.randn(20, 2)
    finding = watch(source, HALFWAY)(Known(source, lambda z: few[(z[:, 0].abs() * 99).long() % 20]))
    assert finding.numbers["coverage/duplicates"] > 0.99
    assert finding.warning is not None
    assert "near copy" in finding.warning


def test_ties_in_the_data_silence_the_duplicate_rate() -> None:
    grid = np.random.Generator(np.random.PCG64(0)).integers(0, 5, (1000, 2)).astype(np.float32)
    source = ArraySource(
        Collection("dice", {"train": Items(grid)}), DataSettings(source="plain", standardise=False)
    )
    assert "coverage/duplicates" not in watch(source).look(Known(source, blob))


def test_a_law_without_modes_is_a_cloud() -> None:
    source = LawSource(law("swiss_roll"))
    numbers = watch(source).look(Known(source, blob))
    assert "coverage/ratio" in numbers
    assert "coverage/modes" not in numbers


def test_digits_are_judged_by_features_and_classes() -> None:
    source = open_data(DataSettings(source="digits"))
    real = source.spec.domain.encode(source.items("train").x[:4000])

    def pick(z: torch.Tensor) -> torch.Tensor:
        return real[(torch.special.ndtr(z[:, 0].double()) * 4000).long().clamp(max=3999)]

    numbers = watch(source).look(Known(source, pick))
    assert numbers["coverage/classes"] == 10
    assert numbers["coverage/classes_missing"] == 0
    assert numbers["coverage/class_entropy"] > 0.99
    assert numbers["coverage/ratio"] > 0.9
    assert numbers["coverage/precision"] > 0.7
    assert numbers["coverage/diversity"] == pytest.approx(1, abs=0.05)


# ---- learning by heart --------------------------------------------------------------------------


def copied(train: torch.Tensor, noise: float = 0.02) -> Any:
    """Return the map of a generator that gives training items (N, *shape) back, with noise."""
    flat = train.flatten(1)

    def sample(z: torch.Tensor) -> torch.Tensor:
        which = (torch.special.ndtr(z[:, 0].double()) * len(flat)).long().clamp(max=len(flat) - 1)
        far = z[:, 1:].norm(dim=1, keepdim=True)
        return (flat[which] + noise * far * torch.sin(torch.arange(flat.shape[1]))).view(
            -1, *train.shape[1:]
        )

    return sample


def digits_source(train: int, test: int, **settings: Any) -> ArraySource:
    items = open_data(DataSettings(source="digits")).items("train").x
    splits = {"train": Items(items[:train])}
    if test:
        splits["test"] = Items(items[-test:])
    return ArraySource(Collection("few", splits), DataSettings(source="few", **settings))


@pytest.mark.parametrize(("train", "test"), [(5, 0), (5, 300), (300, 0), (300, 300)])
def test_a_generator_that_copies_its_training_images_memorises(train: int, test: int) -> None:
    source = digits_source(train, test)
    rows = log(1000)
    known = source.spec.domain.encode(source.items("train").x)
    numbers = watch(source).look(Known(source, copied(known)))
    assert numbers["coverage/memorised"] > 0.9
    assert numbers["coverage/memorised_fresh"] < 0.05
    found = diagnose_run(Known(source, copied(known)), source, rows, CONFIG)
    assert found.verdict == "memorising"
    assert "of fresh items 0%" in found.evidence[0]
    fresh = source.spec.domain.encode(open_data(DataSettings(source="digits")).items("test").x)
    assert watch(source).look(Known(source, copied(fresh, 0)))["coverage/memorised"] < 0.05


def test_copies_of_mirrored_items_are_copies_where_they_are_trained_on() -> None:
    for mirror, least in ((False, 0.0), (True, 0.9)):
        source = digits_source(200, 0)
        source.views = views_of(DataSettings(source="few", mirror=mirror).of(ImageOptions))
        known = source.spec.domain.encode(source.items("train").x).flip(-1)
        found = watch(source).look(Known(source, copied(known)))["coverage/memorised"]
        assert (found > 0.5) == mirror
        assert found >= least


def test_a_right_generator_of_dense_or_repeated_points_does_not_memorise() -> None:
    for source in (points_source(), points_source(test=500), points_source(n=50)):
        numbers = watch(source).look(Known(source, blob))
        excess = Copies(numbers["coverage/memorised"], numbers["coverage/memorised_fresh"]).excess
        assert excess < 0.2
    tiles = Items(np.random.default_rng(0).integers(3, size=(400, 2)).astype(np.float32))
    source = ArraySource(
        Collection("tiles", {"train": tiles}), DataSettings(source="tiles", standardise=False)
    )
    seen = watch(source).look(Known(source, lambda z: z[:, :2].sign() + 1))
    assert (seen["coverage/memorised"], seen["coverage/memorised_fresh"]) == (1, 1)
    assert diagnose_run(
        Known(source, lambda z: z[:, :2].sign() + 1), source, log(1000), CONFIG
    ).verdict not in ("memorising", "healthy")  # tiles in the middle are left out


# ---- the discriminator --------------------------------------------------------------------------


def test_stacked_digits_are_counted_by_modes() -> None:
    source = open_data(DataSettings(source="digits_stack", labels=False))
    real = next(iter(known_items(source).values()))
    probe = measures_of(source).probe(real)
    encode = source.spec.domain.encode
    items = encode(source.items("reference").x)
    whole = probe(items)
    assert len(items) == probe.samples == 10_000
    assert whole["modes"] >= 998
    assert whole["kl_modes"] == pytest.approx(999 / 20_000, rel=0.15)
    collapsed = probe(items[:1].expand(300, -1, -1, -1))
    assert collapsed["modes"] == 1
    assert collapsed["diversity"] == 0


def test_preference_is_the_share_of_pairs_won_with_ties_halved() -> None:
    a, b = torch.randint(0, 9, (57,)).float(), torch.randint(0, 9, (43,)).float()
    wins = (a[:, None] > b).double() + 0.5 * (a[:, None] == b).double()
    assert preference(a, b) == pytest.approx(float(wins.mean()), abs=1e-12)
    assert preference(b, a) == pytest.approx(1 - preference(a, b), abs=1e-12)


def test_a_discriminator_that_knows_its_training_items_overfits() -> None:
    source = points_source(test=1000)
    train = torch.from_numpy(source.items("train").x)

    def memory(x: torch.Tensor) -> torch.Tensor:
        return -torch.cdist(x, train).amin(1)

    numbers = watch(source).look(Known(source, lambda z: 9 + blob(z), memory))
    assert numbers["discriminator/auc"] == 1
    assert numbers["discriminator/overfit"] > 0.99
    assert numbers["discriminator/gap"] < 0.1  # fresh items are far more alike than samples


def test_the_gap_is_0_for_an_honest_discriminator_and_1_for_one_that_only_remembers() -> None:
    source = points_source(test=1000)
    train = torch.from_numpy(source.items("train").x)

    def known(x: torch.Tensor) -> torch.Tensor:
        return (torch.cdist(x, train).amin(1) == 0).float()

    found = watch(source).look(Known(source, lambda z: 9 + blob(z), known))
    assert found["discriminator/gap"] == 1
    inside = Known(source, lambda z: 9 + blob(z), lambda x: (x.norm(dim=1) < 8).float())
    assert watch(source).look(inside)["discriminator/gap"] == pytest.approx(0, abs=0.05)


def test_samples_that_are_not_finite_are_counted_and_nothing_else() -> None:
    source = ring_source()

    def broken(z: torch.Tensor) -> torch.Tensor:
        return torch.where(z[:, :1] > 0, torch.nan, ring()(z))

    finding = watch(source, log(100))(Known(source, broken))
    assert set(finding.numbers) == {"coverage/finite"}
    assert finding.numbers["coverage/finite"] == pytest.approx(0.5, abs=0.05)
    assert finding.warning is not None
    assert finding.warning.startswith("diverging")


def test_classes_count_from_a_fifth_of_their_share() -> None:
    real = torch.tensor([0.5, 0.25, 0.25, 0.0], dtype=torch.float64)
    shares = torch.tensor([0.86, 0.05, 0.04, 0.05], dtype=torch.float64)
    found = class_numbers(shares, real)
    assert found["classes"] == 2
    assert found["classes_missing"] == 1
    even = class_numbers(torch.full((4,), 0.25, dtype=torch.float64), real)
    assert even["class_entropy"] == pytest.approx(1)


def test_large_images_are_compared_in_smaller_sets() -> None:
    assert set_size((3, 64, 64)) == 1000
    assert set_size((3, 256, 256)) * 3 * 256**2 <= 1 << 26


# ---- numbers of the game's own -----------------------------------------------------------------


class Gauged(Known):
    """Gauges the mean of its held-out samples, and a few things beside it."""

    def gauge(self, x: torch.Tensor) -> dict[str, float]:
        mean = float(x.double().mean())
        return {"own/mean": mean, "own/small": 1.23456789e-9, "own/broken": math.inf}


def test_what_a_game_gauges_is_a_mean_over_all_held_out_samples() -> None:
    source = points_source(test=730)  # in batches of 250, the last one smaller
    numbers = watch(source).look(Gauged(source, blob))
    real = source.spec.domain.encode(source.items("test").x)
    assert numbers["own/mean"] == pytest.approx(float(real.double().mean()), rel=1e-5)
    assert numbers["own/small"] == pytest.approx(1.23457e-9, rel=1e-6)
    assert "own/broken" not in numbers
    assert not any(name.startswith("own/") for name in watch(source).look(Known(source, blob)))


class Critical(Known):
    """Estimates the difference of mean scores, as a critic does."""

    def estimate(self, real: torch.Tensor, fake: torch.Tensor) -> dict[str, float]:
        assert real.shape == fake.shape
        return {"estimate/own": float(real.mean() - fake.mean())}


def test_an_estimate_is_made_of_training_and_of_held_out_items() -> None:
    source = points_source(n=400, test=1000)
    train = torch.from_numpy(source.items("train").x)

    def memory(x: torch.Tensor) -> torch.Tensor:
        return 5.0 * (torch.cdist(x, train).amin(1) < 1e-3)

    numbers = watch(source).look(Critical(source, lambda z: 9 + blob(z), memory))
    assert numbers["estimate/own_train"] == 5
    assert numbers["estimate/own_held_out"] == 0
    assert numbers["estimate/own_gap"] == 5
    alone = watch(points_source(n=400)).look(Critical(source, blob, memory))
    assert not any(name.startswith("estimate/") for name in alone)


# ---- no side effects ----------------------------------------------------------------------------


def test_a_look_is_deterministic_and_leaves_no_trace() -> None:
    recipe = load_recipe("sngan/ring8")
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, 0).eval()
    feed = Feed(source, batch=8, seed=0)
    feed.next()
    before = {k: v.clone() for k, v in game.state_dict().items()}
    streams, randomness = json.dumps(feed.state_dict()), torch.get_rng_state()
    seen = watch(source)
    first = seen.look(game)
    assert torch.equal(torch.get_rng_state(), randomness)
    assert json.dumps(feed.state_dict()) == streams
    assert all(torch.equal(v, before[k]) for k, v in game.state_dict().items())
    assert not game.training
    assert all(p.grad is None for p in game.parameters())
    torch.rand(5), Noise(0).normal(3)
    assert seen.look(game) == first == watch(source).look(game)
    assert watch(source, seed=1).look(game) != first


def test_classes_of_a_conditional_game_are_drawn_as_in_the_data() -> None:
    recipe = load_recipe("cgan/digits")
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, 0).eval()
    numbers = watch(source).look(game)
    assert 0 <= numbers["discriminator/auc"] <= 1


def test_a_finished_run_is_diagnosed_afresh() -> None:
    source = ring_source()
    found = diagnose_run(Known(source, ring(modes=4)), source, log(1000), CONFIG)
    assert found.verdict == "dropping modes"
    assert found.played == 1
    assert found.numbers["coverage/modes"] == 4
    json.dumps(found.to_json(), allow_nan=False)


def test_a_generator_whose_training_has_not_begun_is_not_judged() -> None:
    recipe = load_recipe("diwgan/ring8_sheet", ["game.autoencoder_rounds=1000"])
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, 0).eval()
    rows = [{**row, "stage": "autoencoder"} for row in log(900)]
    found = diagnose_run(game, source, rows, recipe.tree())
    assert (found.verdict, found.numbers) == ("healthy", {})
    assert found.evidence == [
        "the run is in its stage 'autoencoder': the generator is not trained yet"
    ]
    begun = [*rows, *log(recipe.train.rounds or 1)]
    assert diagnose_run(game, source, begun, recipe.tree()).verdict == "collapsed"
