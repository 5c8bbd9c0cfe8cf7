"""The network of the shipped classifier of 28x28 grey handwritten digits.

Its weights are made once, by ``scripts/train_digit_classifier.py``, on the 60,000 MNIST training
images, and checked against the 10,000 test images; `ganvas.metrics.classifiers` loads them.
"""

from __future__ import annotations

from torch import Tensor, nn


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
