"""The classifiers that come with the library: their weight files, and the gate before them.

The weights are made once, by the command that each entry names, and checked against the 10,000 test
images of the data set. The SHA-256 of the weight file stands in the protocol of every score made
with it; weights that state too low an accuracy are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, cast

from ganvas.errors import GanvasError, UsageError
from ganvas.metrics.digit_classifier import DigitNet
from ganvas.metrics.residual_classifier import AffineDigitNet, ClothingNet, ResidualNet

ClassifierNet = DigitNet | ResidualNet
"""Maps images in [0, 1] to features by ``hidden``, and those to logits by ``head``."""


@dataclass(frozen=True)
class Shipped:
    """One classifier whose weights are part of the package.

    Attributes:
        name: of the extractor, and of the weight file.
        build: makes the network, untrained.
        required: share of the test images that it must classify rightly.
        retrain: the command that makes its weights.
    """

    name: str
    build: Callable[[], ClassifierNet]
    required: float
    retrain: str

    @property
    def path(self) -> Path:
        """The weight file inside the package."""
        file = f"{self.name.replace('-', '_')}.safetensors"
        return Path(str(resources.files("ganvas.metrics") / "weights" / file))

    def load(self, path: Path | None = None) -> tuple[ClassifierNet, str, float]:
        """Return the network in evaluation mode, the SHA-256 of its file, and its test accuracy.

        Raises:
            UsageError: the weight file is missing.
            GanvasError: the file's recorded accuracy is absent or below ``required``.
        """
        from safetensors.torch import load

        path = path or self.path
        if not path.is_file():
            raise UsageError(
                f"{self.name} weights not found: {path}; make them by `{self.retrain}`"
            )
        content = path.read_bytes()
        accuracy = float(weight_metadata(path).get("test_accuracy", "nan"))
        refuse_below(accuracy, self.required, f"the {self.name} in {path}", self.retrain)
        net = self.build()
        net.load_state_dict(load(content))  # halves become whole numbers again
        net.eval().requires_grad_(False)
        return net, hashlib.sha256(content).hexdigest(), accuracy


DIGITS: Final = Shipped(
    "digit-classifier", DigitNet, 0.992, "python scripts/train_digit_classifier.py"
)
CLOTHING: Final = Shipped(
    "clothing-classifier",
    ClothingNet,
    0.9407,  # that of the ResNet of Kim et al. 2018
    "python scripts/train_image_classifiers.py clothing",
)
AFFINE_DIGITS: Final = Shipped(
    "affine-digit-classifier",
    AffineDigitNet,
    0.9897,  # that of the AlexNet of Kim et al. 2018
    "python scripts/train_image_classifiers.py affine-digits",
)


def weight_metadata(path: Path) -> Mapping[str, str]:
    """Return what a weight file says about itself: accuracy, training command, data hash."""
    import safetensors

    opener = cast("Any", safetensors).safe_open
    with opener(path, framework="pt") as file:
        return file.metadata() or {}


def refuse_below(accuracy: float, threshold: float, what: str, retrain: str = "") -> None:
    """Raise unless ``accuracy`` reaches ``threshold``: scores from a weak classifier mislead.

    Raises:
        GanvasError: too low, or not a number.
    """
    if not accuracy >= threshold:
        remedy = f"; retrain it by `{retrain}`" if retrain else ""
        raise GanvasError(
            f"{what} has test accuracy {accuracy:.4f}, required is >= {threshold:.4f}{remedy}"
        )
