"""The shipped classifiers: small, as accurate as they state, and refused if they are not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError, UsageError
from ganvas.metrics.classifiers import (
    AFFINE_DIGITS,
    CLOTHING,
    DIGITS,
    Shipped,
    refuse_below,
    weight_metadata,
)
from ganvas.metrics.digit_classifier import DigitNet
from ganvas.metrics.extractor import extract
from ganvas.metrics.extractors import (
    AffineDigitClassifier,
    ClothingClassifier,
    DigitClassifier,
    ShippedClassifier,
)
from ganvas.metrics.residual_classifier import AffineDigitNet, ClothingNet

KNOWN = pytest.mark.parametrize(
    "shipped", [DIGITS, CLOTHING, AFFINE_DIGITS], ids=lambda shipped: shipped.name
)


@KNOWN
def test_weights_are_small_and_say_where_they_come_from(shipped: Shipped):
    assert shipped.path.stat().st_size < 1_000_000
    metadata = weight_metadata(shipped.path)
    assert float(metadata["test_accuracy"]) >= shipped.required
    assert metadata["command"].startswith(shipped.retrain)
    assert len(metadata["train_sha256"]) == len(metadata["test_sha256"]) == 64


@KNOWN
def test_loading_gives_the_hash_of_the_file_and_a_frozen_network(shipped: Shipped):
    net, weights, accuracy = shipped.load()
    assert weights == hashlib.sha256(shipped.path.read_bytes()).hexdigest()
    assert accuracy >= shipped.required
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    assert all(p.dtype == torch.float32 for p in net.parameters())


@pytest.mark.parametrize(
    ("net", "size", "features"),
    [(DigitNet(), 187_050, 128), (ClothingNet(), 359_866, 96), (AffineDigitNet(), 165_626, 64)],
    ids=["digits", "clothing", "affine-digits"],
)
def test_networks_have_the_stated_size(
    net: DigitNet | ClothingNet | AffineDigitNet, size: int, features: int
):
    assert sum(p.numel() for p in net.parameters()) == size
    images = torch.rand(3, 1, net.size, net.size, generator=torch.Generator().manual_seed(0))
    hidden = net.eval().hidden(images)
    assert hidden.shape == (3, features)
    assert torch.equal(net(images), net.head(hidden))


def test_clothes_have_no_left_and_right():
    net = CLOTHING.load()[0]
    images = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(net(images.flip(-1)), net(images))


def test_packaged_digits_are_classified(classifier: DigitClassifier, real_digits):
    _, _, images, labels = real_digits
    look = extract(classifier, images)
    assert look.probabilities is not None
    accuracy = (look.probabilities.argmax(1).numpy() == labels).mean()
    assert accuracy >= 0.98
    assert (look.features >= 0).all()
    torch.testing.assert_close(look.probabilities.sum(1), torch.ones(len(images)))


def test_packaged_affine_digits_are_classified():
    items = open_data(DataSettings(source="affine_digits")).items("test")
    probabilities = extract(AffineDigitClassifier(), items.x[:500]).probabilities
    assert probabilities is not None
    assert "label" in items
    assert (probabilities.argmax(1).numpy() == items["label"][:500]).mean() >= 0.97


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "source"),
    [
        (DigitClassifier, "mnist"),
        (ClothingClassifier, "fashion_mnist"),
        (AffineDigitClassifier, "affine_mnist"),
    ],
    ids=["digits", "clothing", "affine-digits"],
)
def test_full_test_set_reaches_the_required_accuracy(make: type[ShippedClassifier], source: str):
    try:
        split = open_data(DataSettings(source=source)).items("test")
    except UsageError as absent:
        pytest.skip(str(absent))
    classifier = make()
    probabilities = extract(classifier, split.x, batch=500).probabilities
    assert probabilities is not None
    accuracy = (probabilities.argmax(1).numpy() == split["label"]).mean()
    assert accuracy >= classifier.known.required
    assert accuracy == pytest.approx(classifier.accuracy, abs=2e-4)


def test_weak_or_missing_weights_are_refused(weight_copy: Path, tmp_path: Path):
    with pytest.raises(GanvasError, match=r"0\.9700, required is >= 0\.9920; retrain it by"):
        DIGITS.load(weight_copy)
    with pytest.raises(GanvasError, match=r"clothing.* 0\.9000, required is >= 0\.9407"):
        refuse_below(0.9, CLOTHING.required, "the clothing-classifier")
    with pytest.raises(UsageError, match="train_digit_classifier"):
        DigitClassifier(tmp_path / "none.safetensors")
    with pytest.raises(UsageError, match="train_image_classifiers.py clothing"):
        ClothingClassifier(tmp_path / "none.safetensors")


@pytest.mark.parametrize("accuracy", [0.9899, np.nan])
def test_gate(accuracy: float):
    refuse_below(0.99, 0.99, "classifier")
    with pytest.raises(GanvasError, match="classifier"):
        refuse_below(accuracy, 0.99, "classifier")
