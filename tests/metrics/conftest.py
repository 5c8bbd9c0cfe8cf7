from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from ganvas.data.packaged import digits
from ganvas.metrics.classifiers import DIGITS
from ganvas.metrics.extractors import DigitClassifier

Images = NDArray[np.uint8]


@pytest.fixture(scope="session")
def classifier() -> DigitClassifier:
    return DigitClassifier()


@pytest.fixture(scope="session")
def real_digits() -> tuple[Images, NDArray[np.int64], Images, NDArray[np.int64]]:
    """1,000 training and 600 held-out digits with labels, in random order."""
    splits = digits().splits
    rng = np.random.Generator(np.random.PCG64(5))
    found = []
    for split, count in (("train", 1000), ("test", 600)):
        chosen = rng.permutation(len(splits[split]))[:count]
        found += [splits[split].x[chosen], splits[split]["label"][chosen]]
    return tuple(found)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(12345))


@pytest.fixture
def weight_copy(tmp_path: Path) -> Path:
    """A copy of the shipped classifier that claims to classify 97 % rightly."""
    path = tmp_path / "weak.safetensors"
    save_file(load_file(DIGITS.path), path, {"test_accuracy": "0.9700"})
    return path
