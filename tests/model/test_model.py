from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from ganvas.config import Settings
from ganvas.data.domains.images import Images
from ganvas.errors import GanvasError, UsageError
from ganvas.model import Model, Provenance, load
from ganvas.play import Game
from tests.model.conftest import POINTS, build_game, saved


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal up to the last bits of floats: at most one grey level in images."""
    if a.dtype == np.uint8:
        return bool((np.abs(a.astype(int) - b.astype(int)) <= 1).all())
    return np.allclose(a, b, atol=1e-5)


# ---- samples ----------------------------------------------------------------------------------


def test_samples_are_in_data_units(model: Model) -> None:
    x = model.sample(5).x
    if isinstance(model.domain, Images):
        assert x.shape == (5, 16, 16, 1)
        assert x.dtype == np.uint8
    else:
        assert x.shape == (5, 2)
        assert x.dtype == np.float32
        y = model.latents(5)[1] if model.conditional else None
        inner = model.game.sample(model.latents(5)[0], y).detach().numpy()
        assert np.allclose(x, inner * 2.0 + [3.0, -1.0], atol=1e-6)


def test_a_seed_means_the_same_samples(model: Model) -> None:
    assert np.array_equal(model.sample(7, seed=3).x, model.sample(7, seed=3).x)
    assert not np.array_equal(model.sample(7, seed=3).x, model.sample(7, seed=4).x)


def test_samples_do_not_depend_on_chunks_or_their_number(model: Model) -> None:
    whole = model.sample(150, seed=2).x
    for batch in (1, 7, 64, 149, 1000):
        assert same(model.sample(150, seed=2, batch=batch).x, whole)
    for n in (1, 63, 64, 65, 149):
        assert same(model.sample(n, seed=2).x, whole[:n])


def test_distant_seeds_and_blocks_differ(tmp_path: Path) -> None:
    model = saved(tmp_path, "points")
    blocks = [
        model.latents(64, seed)[0].numpy().tobytes() for seed in (0, 1, 2**31, 2**32, 2**32 + 1)
    ]
    blocks.append(model.latents(128, 0)[0][64:].numpy().tobytes())
    assert len(set(blocks)) == len(blocks)


def test_sampling_leaves_global_randomness_and_buffers_alone(model: Model) -> None:
    before = torch.random.get_rng_state()
    state = {k: v.clone() for k, v in model.game.state_dict().items()}
    model.sample(70)
    model.interpolate(0, 1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(v, state[k]) for k, v in model.game.state_dict().items())


def test_truncation_draws_latents_to_the_middle(tmp_path: Path) -> None:
    model = saved(tmp_path, "points")
    full, half, none = (model.latents(50, 0, truncation=t)[0] for t in (1.0, 0.5, 0.0))
    assert torch.allclose(half, full / 2)
    assert not none.any()
    assert np.ptp(model.sample(50, truncation=0.0).x, axis=0).max() == 0


@pytest.mark.parametrize("n", [0, -1])
def test_no_samples_is_no_request(model: Model, n: int) -> None:
    with pytest.raises(UsageError, match="n is .*: expected a whole number from 1 on"):
        model.sample(n)


def test_a_negative_seed_is_refused(model: Model) -> None:
    with pytest.raises(UsageError, match="seed is -1: expected a whole number from 0 on"):
        model.sample(1, seed=-1)


# ---- classes ----------------------------------------------------------------------------------


def test_a_class_by_index_by_name_or_one_each(tmp_path: Path) -> None:
    model = saved(tmp_path, "classes")
    by_index = model.sample(6, label=1).x
    assert np.array_equal(model.sample(6, label="b").x, by_index)
    assert np.array_equal(model.sample(6, label="1").x, by_index)
    assert np.array_equal(model.sample(6, label=["b"] * 6).x, by_index)
    assert np.array_equal(model.sample(6, label=np.full(6, 1)).x, by_index)
    others = model.sample(6, label=[0, 1, 2, 0, 1, 2]).x
    assert np.array_equal(others[[1, 4]], by_index[[1, 4]])
    assert model.sample(6, label="b")["label"].tolist() == [1] * 6
    assert model.sample(6, label=[0, 1, 2, 0, 1, 2])["label"].tolist() == [0, 1, 2, 0, 1, 2]
    assert not np.isclose(others[[0, 2, 3, 5]], by_index[[0, 2, 3, 5]]).all(axis=1).any()


def test_without_a_label_classes_are_drawn_uniformly(tmp_path: Path) -> None:
    model = saved(tmp_path, "classes")
    n = 3000
    _, y = model.latents(n)
    assert y is not None
    counts = np.bincount(y.numpy(), minlength=3)
    # chi-square with 2 degrees of freedom: exp(-x/2) is the tail probability
    statistic = float(((counts - n / 3) ** 2 / (n / 3)).sum())
    assert math.exp(-statistic / 2) > 1e-4
    assert np.allclose(model.sample(5).x, model.sample(5, label=y[:5].tolist()).x)
    drawn = model.sample(5)
    assert list(drawn) == ["x", "label"]
    assert drawn["label"].tolist() == y[:5].tolist()
    z = model.latents(5)[0].numpy()
    assert np.allclose(model.decode(z, label=y[:5].tolist()), drawn)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (3, r"no class '3': expected label 0 to 2, or one of a, b, c"),
        ("d", r"no class 'd'"),
        ([0, 1], "expected 6 labels"),
    ],
)
def test_a_wrong_class(tmp_path: Path, label: int | str | list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        saved(tmp_path, "classes").sample(6, label=label)


def test_classes_of_a_model_without(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without classes"):
        saved(tmp_path, "points").sample(2, label=0)


# ---- scores -----------------------------------------------------------------------------------


def test_scores_are_the_discriminators(tmp_path: Path, kind: str) -> None:
    model = saved(tmp_path, kind)
    x = model.sample(20).x
    label = [i % 3 for i in range(20)] if model.conditional else None
    scores = model.score(x, label=label)
    assert scores.shape == (20,)
    inner = model.domain.encode(x)
    y = torch.tensor(label) if label else None
    assert np.allclose(scores, model.game.score(inner, y).detach().numpy(), atol=1e-5)
    assert np.allclose(scores, model.score(x, label=label, batch=3), atol=1e-5)


def test_scores_need_fitting_data(tmp_path: Path) -> None:
    model = saved(tmp_path, "pictures")
    with pytest.raises(UsageError, match=r"expected data of shape \(n, 16, 16, 1\), got \(3, 2\)"):
        model.score(np.zeros((3, 2)))
    with pytest.raises(UsageError, match="with their class"):
        saved(tmp_path, "classes").score(np.zeros((3, 2)))


# ---- interpolation ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["slerp", "lerp"])
def test_an_interpolation_ends_at_its_ends(model: Model, how: str) -> None:
    way = model.interpolate(3, 4, steps=5, how=how)
    assert len(way) == 5
    label = None
    if model.conditional:
        label = int(model.latents(1, 3)[1])
    assert same(way[:1], model.sample(1, seed=3, label=label).x)
    assert same(way[-1:], model.sample(1, seed=4, label=label).x)


def test_an_interpolation_takes_latents(model: Model) -> None:
    a, b = (model.latents(1, seed)[0][0].numpy() for seed in (3, 4))
    label = 1 if model.conditional else None
    ends = model.interpolate(3, 4, steps=4, label=label)
    assert same(model.interpolate(a, b, steps=4, label=label), ends)
    with pytest.raises(UsageError, match=r"latent of shape \(5,\), got one of shape \(4,\)"):
        model.interpolate(a, b[:4])
    with pytest.raises(UsageError, match="at least 2 steps"):
        model.interpolate(0, 1, steps=1)


def test_a_way_from_class_to_class_mixes_them(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", "classes")
    way = model.interpolate(3, 3, steps=3, label=0, to_label=2)
    assert same(way[:1], model.sample(1, seed=3, label=0).x)
    assert same(way[-1:], model.sample(1, seed=3, label=2).x)
    z = model.latents(1, 3)[0]
    half = torch.tensor([[0.5, 0.0, 0.5]])
    assert same(way[1:2], model.domain.decode(model.game.generator(z, half)))
    with pytest.raises(UsageError, match="the one class it begins with"):
        model.interpolate(3, 3, to_label=2)


def test_a_way_to_a_class_needs_classes(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", "points")
    with pytest.raises(UsageError, match="without classes"):
        model.interpolate(3, 3, label=0, to_label=2)


# ---- verbs ------------------------------------------------------------------------------------


class Mute(Game):
    system: ClassVar[str] = "mute"


def test_a_model_says_what_it_can(model: Model) -> None:
    assert model.capabilities == ("sample", "interpolate", "score")
    assert "can sample, interpolate, score" in repr(model)


@pytest.mark.parametrize("verb", ["slots", "codes"])
def test_what_it_cannot_it_says_in_one_line(model: Model, verb: str) -> None:
    message = f"a model of gan has no '{verb}'; it has: sample, interpolate, score"
    with pytest.raises(GanvasError, match=message):
        getattr(model, verb)
    assert not hasattr(model, verb)


def test_a_model_without_samples_has_no_interpolation() -> None:
    model = Model(Mute(Settings(), POINTS), Provenance(), "cpu")
    assert model.capabilities == ()
    for ask in (lambda: model.sample(1).x, lambda: model.interpolate(0, 1)):
        with pytest.raises(GanvasError, match=r"has no .*; it has: nothing"):
            ask()


def test_other_attributes_are_missing_as_usual(model: Model) -> None:
    with pytest.raises(AttributeError, match="'Model' has no attribute 'smaple'"):
        _ = model.smaple


def test_inference_only(model: Model) -> None:
    assert not model.game.training
    assert not any(p.requires_grad for p in model.game.parameters())
    assert build_game("points").training  # a fresh game is not


def test_what_a_caller_confused_is_told_in_words(tmp_path: Path) -> None:
    model = saved(tmp_path, "points")
    points = np.zeros((3, 2))
    for call, message in (
        (lambda: model.sample(2.5), r"n is 2.5: expected a whole number"),
        (lambda: model.sample("3"), r"n is '3': expected a whole number"),
        (lambda: model.sample(True), r"n is True: expected a whole number"),
        (lambda: model.sample(2, seed=None), r"seed is None: expected a whole number"),
        (lambda: model.sample(10**15), r"samples take .* or more, with .* of memory free"),
        (lambda: model.latents(10**15), r"latents take .* or more, with .* of memory free"),
        (lambda: model.latents(0), "n is 0: expected a whole number from 1 on"),
        (lambda: model.sample(2, batch=0), "batch is 0: expected a whole number from 1 on"),
        (lambda: model.score(points, batch=0), "batch is 0: expected a whole number from 1 on"),
        (lambda: model.sample(2, given=2.5), "given is 2.5: expected conditions by field"),
        (lambda: model.interpolate(1, 2, 2.5), "steps is 2.5: expected a whole number"),
        (lambda: model.square(3), "corners is 3: a square has four corners"),
        (lambda: model.project(torch.zeros(3, 2).requires_grad_()), "expected data as an array"),
        (lambda: load(tmp_path, device=None), "device is None: expected a name, such as 'cpu'"),
        (lambda: model.score([[1, 2]]), r"expected data of shape \(n, 2\), got a list"),
        (lambda: model.score("points.npy"), r"expected data of shape \(n, 2\), got a str"),
        (lambda: model.score(points + 1j), "expected real numbers, got complex128"),
        (lambda: model.score(points.astype(object)), "expected real numbers, got object"),
        (lambda: model.score(points * np.nan), "expected finite numbers"),
        (lambda: model.decode("z"), r"expected latents of shape \(n, 5\)"),
        (lambda: model.decode(None), r"expected latents of shape \(n, 5\)"),
        (lambda: model.interpolate("a", 1, 3), r"a latent of shape \(5,\), got 'a'"),
        (lambda: load(tmp_path, precision="half"), "precision='half': expected one of fp32, bf16"),
        (lambda: load(tmp_path, game=int), "expected a class of games, or its module:Class"),
    ):
        with pytest.raises(UsageError, match=message):
            call()


def test_a_class_is_a_number_or_a_name(tmp_path: Path) -> None:
    model = saved(tmp_path, "classes")
    with pytest.raises(UsageError, match=r"there is no class '2.5'"):
        model.sample(2, label=2.5)
