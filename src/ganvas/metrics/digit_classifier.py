"""The shipped classifier of 28x28 grey handwritten digits: network, loading, accuracy gate.

Its weights are made once, by ``scripts/train_digit_classifier.py``, on the 60,000 MNIST training
images, and checked against the 10,000 test images. The SHA-256 of the weight file stands in the
protocol of every score made with it.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from torch import Tensor, nn

from ganvas.errors import GanvasError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIRED_ACCURACY: Final = 0.992
"""Share of the MNIST test images that weights must classify rightly, or they are refused."""

RETRAIN: Final = "python scripts/train_digit_classifier.py"


class DigitNet(nn.Module):
    """Convolutional classifier of (N, 1, 28, 28) grey images in [0, 1], white ink on black.

    Three convolutions and one hidden layer, 187,050 trainable numbers. `hidden` gives the
    penultimate layer, used as features; `forward` gives the ten logits.
    """

    classes = 10
    width = 128
    size = 28

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 96, 3, padding=1, bias=False),
            nn.BatchNorm2d(96),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.25),
            nn.Linear(96 * 3 * 3, self.width, bias=False),
            nn.BatchNorm1d(self.width),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(0.25), nn.Linear(self.width, self.classes))

    def hidden(self, images: Tensor) -> Tensor:
        """Return the (N, 128) penultimate activations of (N, 1, 28, 28) images in [0, 1]."""
        return self.body((images - 0.1307) / 0.3081)  # mean and spread of MNIST's pixels

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 10) logits of (N, 1, 28, 28) images in [0, 1]."""
        return self.head(self.hidden(images))


def shipped_weights() -> Path:
    """Return the path of the weight file inside the package."""
    return Path(str(resources.files("ganvas.metrics") / "weights" / "digit_classifier.safetensors"))


def load_digit_net(path: Path | None = None) -> tuple[DigitNet, str, float]:
    """Return the network in evaluation mode, the SHA-256 of its file, and its test accuracy.

    Raises:
        UsageError: the weight file is missing.
        GanvasError: the file's recorded accuracy is absent or below `REQUIRED_ACCURACY`.
    """
    from safetensors.torch import load

    path = path or shipped_weights()
    if not path.is_file():
        raise UsageError(f"digit classifier weights not found: {path}; make them by `{RETRAIN}`")
    content = path.read_bytes()
    accuracy = float(weight_metadata(path).get("test_accuracy", "nan"))
    refuse_below(accuracy, REQUIRED_ACCURACY, f"the digit classifier in {path}")
    net = DigitNet()
    net.load_state_dict(load(content))
    return net.eval().requires_grad_(False), hashlib.sha256(content).hexdigest(), accuracy


def weight_metadata(path: Path | None = None) -> Mapping[str, str]:
    """Return what the weight file says about itself: accuracy, training command, data hash."""
    import safetensors

    opener = cast("Any", safetensors).safe_open
    with opener(path or shipped_weights(), framework="pt") as file:
        return file.metadata() or {}


def refuse_below(accuracy: float, threshold: float, what: str) -> None:
    """Raise unless ``accuracy`` reaches ``threshold``: scores from a weak classifier mislead.

    Raises:
        GanvasError: too low, or not a number.
    """
    if not accuracy >= threshold:
        raise GanvasError(
            f"{what} has test accuracy {accuracy:.4f}, required is >= {threshold:.4f}; "
            f"retrain it by `{RETRAIN}`"
        )
