"""Features of every kind of discriminator, each item's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganvas.abilities.forget import forgetting, heaviest, hidden_layer, learn_object
from ganvas.abilities.guided import sight
from ganvas.data.readers.regions import Region
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import Adversarial
from ganvas.metrics.probe import Labelled
from ganvas.model import Model, Provenance
from ganvas.model.features import Features, untrained
from ganvas.model.labels_alone import labels_alone
from ganvas.nn import BatchNorm
from ganvas.play import Game, build
from tests.games.cases import CASES
from tests.model.conftest import saved

RNG = np.random.default_rng(0)


def model_of(name: str) -> Model:
    case = CASES[name]
    return Model(build(case.game, case.config, case.source().spec, 0), Provenance(), "cpu")


def one_of_each_kind() -> list[str]:
    """Return cases with discriminators of images, one for each family of networks."""
    found: dict[str, str] = {}
    for name, case in CASES.items():
        config: Any = case.config
        judges = has_scores(case.game) and config.packing == 1
        if judges and not ("points" in name or "text" in name):
            found.setdefault(config.discriminator.kind, name)
    return list(found.values())


def has_scores(game: type[Game]) -> bool:
    return issubclass(game, Adversarial) and game.scores_are == "judgements"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return saved(tmp_path_factory.mktemp("pictures"), "pictures")


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return RNG.integers(0, 256, size=(40, 16, 16, 1)).astype(np.uint8)


@pytest.mark.parametrize("name", one_of_each_kind())
def test_every_discriminator_of_images_has_layers(name: str) -> None:
    model = model_of(name)
    found = Features(model)
    assert found.width == sum(layer.width for layer in found.layers) > 0
    shape = model.read_by("score").array_shape
    images = RNG.integers(0, 256, size=(5, *shape)).astype(np.uint8)
    whole = found(images)
    assert whole.shape == (5, found.width)
    assert np.isfinite(whole).all()
    assert (whole.std(0) > 0).any()
    np.testing.assert_allclose(found(images[3:4])[0], whole[3], rtol=1e-3, atol=1e-4)


def test_features_are_the_pooled_maps_behind_the_rectifiers(pictures: Model, x: np.ndarray) -> None:
    found = Features(pictures)
    assert [layer.shape for layer in found.layers] == [(4, 8, 8), (8, 4, 4)]
    network: Any = pictures.game.judge.network  # pyright: ignore
    with torch.no_grad():
        first = network.blocks[0](pictures.domain.encode(x))
        second = network.blocks[1](first)
    wanted = torch.cat(
        [first.view(40, 4, 4, 2, 4, 2).amax((3, 5)).flatten(1), second.flatten(1)], 1
    )
    np.testing.assert_allclose(found(x), wanted.numpy(), rtol=1e-5, atol=1e-6)
    last = Features(pictures, ["2"])
    assert last.layers == found.layers[1:]
    np.testing.assert_array_equal(last(x), found(x)[:, 64:])
    assert Features(pictures, [found.layers[0].name], side=2).width == 16


def test_a_layer_that_is_not_there_is_named_with_those_that_are(pictures: Model) -> None:
    for word in ("3", "0", "blocks.1.akt"):
        with pytest.raises(UsageError, match=f"no layer '{word}'.* 1 blocks.0.act, 2 blocks.1.act"):
            Features(pictures, [word])
    with pytest.raises(UsageError, match="Did you mean 'blocks.1.act'"):
        Features(pictures, ["blocks.1.akt"])


def test_packs_have_no_features_of_one_item() -> None:
    model = model_of("gan with remedies")
    with pytest.raises(UsageError, match="about one item alone"):
        Features(model)


def test_likelihoods_are_no_discriminator() -> None:
    with pytest.raises(UsageError, match="svae has no discriminator: its scores are likelihoods"):
        Features(model_of("svae normal"))


def test_batch_statistics_are_taken_anew(tmp_path: Path, x: np.ndarray) -> None:
    model = saved(tmp_path, "pictures")
    found = Features(model)
    before = found(x)
    found.restate(x)
    norm: Any = next(m for m in model.game.judge.modules() if isinstance(m, BatchNorm))  # pyright: ignore
    seen: list[tuple[torch.Tensor, ...]] = []
    handle = norm.register_forward_pre_hook(
        lambda norm, args: seen.append(
            (args[0], norm.running_mean.clone(), norm.running_var.clone())
        )
    )
    after = found(x)
    handle.remove()
    ((inputs, mean, variance),) = seen
    torch.testing.assert_close(mean, inputs.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(variance, inputs.transpose(0, 1).flatten(1).var(1))
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_array_equal(Features(model)(x), before)  # the model itself is as it was


def test_guided_gradients_of_the_most_exciting_items(pictures: Model, x: np.ndarray) -> None:
    found = Features(pictures)
    found.restate(x)
    seen = sight(found, "blocks.1.act", 2, x, top=3)
    values = found(x)[:, 64:].reshape(40, 8, 16)[:, 2].max(1)
    np.testing.assert_array_equal(seen.rows, np.argsort(-values, kind="stable")[:3])
    np.testing.assert_allclose(seen.responses, values[seen.rows], rtol=1e-5)
    assert seen.gradients.shape == (3, 16, 16, 1)
    # only the part of the picture that the place of the largest response sees
    assert (seen.gradients != 0).any()
    assert (seen.gradients == 0).any()


def test_an_untrained_twin_has_other_weights_and_the_same_layers(pictures: Model) -> None:
    fresh = untrained(pictures, seed=5)
    assert Features(fresh).layers == Features(pictures).layers
    mine, theirs = (next(m.game.judge.parameters()) for m in (pictures, fresh))  # pyright: ignore
    assert not torch.equal(mine, theirs)


def test_labels_alone_train_a_twin_and_leave_the_model_be(pictures: Model) -> None:
    label = np.arange(80) % 2
    bright = (label[:, None, None, None] * 120 + RNG.integers(0, 100, (80, 16, 16, 1))).astype("u1")
    items = Labelled(bright, label)
    before = next(pictures.game.judge.parameters()).clone()  # pyright: ignore
    found = labels_alone(pictures, items, [np.arange(8), np.arange(8, 16)], items, items, steps=25)
    assert found.mean > 0.9
    assert torch.equal(before, next(pictures.game.judge.parameters()))  # pyright: ignore


def test_samples_without_some_maps(pictures: Model) -> None:
    layer = hidden_layer(pictures)
    assert layer == hidden_layer(pictures, layer.name)
    assert layer.shape == (8, 4, 4)  # the second from the picture
    before = pictures.sample(4, seed=3).x
    with forgetting(pictures, layer, []):
        np.testing.assert_array_equal(pictures.sample(4, seed=3).x, before)
    with forgetting(pictures, layer, range(8)):
        gone = pictures.sample(4, seed=3).x
    assert (gone == gone[:1]).all()  # nothing of the latent is left
    mask = np.zeros((16, 16), bool)
    mask[:8, :8] = True
    told = learn_object(pictures, [Region(0, mask), Region(2, mask)], layer)
    assert told.positives == 8
    assert heaviest(told) == told.maps
    assert heaviest(told, 1) == [int(np.argmax(told.weights))]
