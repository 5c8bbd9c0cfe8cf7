from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.data.settings import DataSettings
from ganvas.data.standard import mnist
from ganvas.errors import GanvasError, UsageError
from ganvas.metrics.digit_classifier import (
    REQUIRED_ACCURACY,
    DigitNet,
    load_digit_net,
    refuse_below,
    shipped_weights,
    weight_metadata,
)
from ganvas.metrics.extractor import extract
from ganvas.metrics.extractors import DigitClassifier


def test_weights_are_small_and_say_where_they_come_from():
    assert shipped_weights().stat().st_size < 1_000_000
    metadata = weight_metadata()
    assert float(metadata["test_accuracy"]) >= REQUIRED_ACCURACY
    assert metadata["command"].startswith("python scripts/train_digit_classifier.py")
    assert len(metadata["train_sha256"]) == len(metadata["test_sha256"]) == 64


def test_hash_is_that_of_the_file(classifier: DigitClassifier):
    assert classifier.weights == hashlib.sha256(shipped_weights().read_bytes()).hexdigest()


def test_network_has_the_stated_size():
    net = DigitNet().eval()
    assert sum(p.numel() for p in net.parameters()) == 187_050
    images = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert net.hidden(images).shape == (3, net.width)
    assert net(images).shape == (3, net.classes)


def test_packaged_digits_are_classified(classifier: DigitClassifier, real_digits):
    _, _, images, labels = real_digits
    look = extract(classifier, images)
    assert look.probabilities is not None
    accuracy = (look.probabilities.argmax(1).numpy() == labels).mean()
    assert accuracy >= 0.98
    assert (look.features >= 0).all()
    torch.testing.assert_close(look.probabilities.sum(1), torch.ones(len(images)))


def test_full_test_set_reaches_the_required_accuracy(classifier: DigitClassifier):
    try:
        split = mnist(DataSettings(source="mnist")).splits["test"]
    except UsageError as absent:
        pytest.skip(str(absent))
    probabilities = extract(classifier, split.x, batch=500).probabilities
    assert probabilities is not None
    accuracy = (probabilities.argmax(1).numpy() == split.label).mean()
    assert accuracy >= REQUIRED_ACCURACY
    assert accuracy == pytest.approx(classifier.accuracy, abs=2e-4)


def test_weak_or_missing_weights_are_refused(weight_copy: Path, tmp_path: Path):
    with pytest.raises(GanvasError, match=r"0\.9700, required is >= 0\.9920"):
        load_digit_net(weight_copy)
    with pytest.raises(UsageError, match="train_digit_classifier"):
        DigitClassifier(tmp_path / "none.safetensors")


@pytest.mark.parametrize("accuracy", [0.9899, np.nan])
def test_gate(accuracy: float):
    refuse_below(0.99, 0.99, "classifier")
    with pytest.raises(GanvasError, match="classifier"):
        refuse_below(accuracy, 0.99, "classifier")
