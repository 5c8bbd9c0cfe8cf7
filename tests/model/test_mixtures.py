"""Mixtures of classes in samples and on ways, and squares between four classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.data.domains.classes import Classes
from ganvas.data.items import Items
from ganvas.data.saving import save_records
from ganvas.errors import UsageError
from ganvas.latent.interpolation import square
from ganvas.model import Model
from ganvas.play import has
from ganvas.play.abilities import CanSample
from tests.model.conftest import saved


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return saved(tmp_path_factory.mktemp("classes"), "classes")


def made(model: Model, z: Tensor, weights: list[list[float]]) -> object:
    assert has(model.game, CanSample)
    with torch.no_grad():
        return model.domain.decode(model.game.sample(z, torch.tensor(weights)))


def test_a_mixture_weighs_the_classes(model: Model) -> None:
    z, _ = model.latents(2, seed=4)
    wanted = made(model, z, [[0.25, 0, 0.75]] * 2)
    for label in ("a:1,c:3", "0:.25, 2:.75", {"a": 0.25, "c": 0.75}, {0: 2, 2: 6}):
        found = model.sample(2, seed=4, label=label)
        np.testing.assert_allclose(found.x, wanted, rtol=1e-5)
        np.testing.assert_allclose(found["label"], [[0.25, 0, 0.75]] * 2)
    np.testing.assert_allclose(model.sample(2, seed=4, given={"label": "a:1,c:3"}).x, wanted)
    mixed = model.sample(3, label=["b", "a:1,b:1", 2])["label"]
    np.testing.assert_allclose(mixed, [[0, 1, 0], [0.5, 0.5, 0], [0, 0, 1]])
    one = model.sample(2, seed=4, label={"b": 1})
    np.testing.assert_allclose(one.x, model.sample(2, seed=4, label="b").x, rtol=1e-6)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("a:1,d:1", "no class 'd': expected label 0 to 2, or one of a, b, c"),
        ("a:1,b", "'b' is not CLASS:SHARE, as in 3:0.5,8:0.5"),
        ("a:-1,b:2", "'a:-1,b:2': shares of classes are 0 or more"),
        ({"a": 0.0}, "not all 0"),
    ],
)
def test_what_is_no_mixture(model: Model, label: str | dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        model.sample(1, label=label)


def test_a_square_between_four_classes_at_one_latent(model: Model) -> None:
    found = model.square([7] * 4, 3, corner_labels=["a", "b", "c", "a:1,b:1"])
    z = model.latents(1, seed=7)[0].expand(9, -1)
    corners = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]])
    np.testing.assert_allclose(found, made(model, z, square(corners, 3).tolist()), rtol=1e-5)
    for corner, label in ((0, "a"), (2, "b"), (6, "c")):
        one = model.decode(z[:1].numpy(), label=label).x
        np.testing.assert_allclose(found[corner : corner + 1], one, rtol=1e-5)
    with pytest.raises(UsageError, match="four classes"):
        model.square([7] * 4, 3, corner_labels=["a", "b"])


def test_a_way_may_begin_and_end_at_mixtures(model: Model) -> None:
    found = model.interpolate(7, 7, 3, label="a:1,b:1", to_label="c")
    z = model.latents(1, seed=7)[0].expand(3, -1)
    weights = [[0.5, 0.5, 0], [0.25, 0.25, 0.5], [0, 0, 1]]
    np.testing.assert_allclose(found, made(model, z, weights), rtol=1e-5)


def test_mixtures_are_written_in_words(tmp_path: Path) -> None:
    classes = Classes(count=3, called=["a", "b", "c"])
    weights = np.array([[0.25, 0, 0.75], [0, 1, 0]], np.float32)
    assert classes.words(weights[0]) == "a:0.25,c:0.75"
    assert classes.columns("label", weights)["label"].tolist() == ["a:0.25,c:0.75", "b:1"]
    items = Items(np.zeros((2, 2), np.float32), weights)
    from tests.model.conftest import POINTS

    paths = save_records(items, POINTS.fields, tmp_path / "points.csv")
    assert "a:0.25,c:0.75" in paths[0].read_text()
