"""A compact residual classifier of grey images, and the two that ganvas ships.

He et al. 2016, narrow and shallow: as accurate as its 0.9 MB of weights allow, and trained in some
twenty minutes on one core. `ClothingNet` judges Fashion-MNIST, `AffineDigitNet` digits
that were turned and moved on a canvas of 40×40. Their weights are made once, by
``scripts/train_image_classifiers.py``.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two 3×3 convolutions and a shortcut: (N, C, H, W) to (N, out, H / stride, W / stride)."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(out)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride), nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        h = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(h)) + self.shortcut(x))


class ResidualNet(nn.Module):
    """Residual classifier of (N, 1, size, size) grey images in [0, 1].

    A stem at full size, then blocks at each coarser size, the mean over positions, and one linear
    layer. `hidden` gives that mean, used as features; `forward` gives the logits.

    Attributes:
        size: edge of the images.
        classes: number of them.
        widths: channels of the stem and of each coarser size; the last is that of the features.
        blocks: how many at each coarser size.
        mean: of the pixels of the training images.
        spread: standard deviation of those pixels.
        mirrored: in evaluation, average the features of an image and of its mirror image.
    """

    size: int
    classes = 10
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    mean: float
    spread: float
    mirrored = False

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(1, self.widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(self.widths[0]),
            nn.ReLU(),
        ]
        for (before, after), blocks in zip(pairwise(self.widths), self.blocks, strict=True):
            layers.append(Block(before, after, stride=2))
            layers += [Block(after, after, stride=1) for _ in range(blocks - 1)]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(self.widths[-1], self.classes)

    def hidden(self, images: Tensor) -> Tensor:
        """Return the (N, widths[-1]) features of (N, 1, size, size) images in [0, 1]."""
        x = (images - self.mean) / self.spread
        if self.training or not self.mirrored:
            return self.body(x)
        return (self.body(x) + self.body(x.flip(-1))) / 2

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 10) logits of (N, 1, size, size) images in [0, 1]."""
        return self.head(self.hidden(images))


class ClothingNet(ResidualNet):
    """Classifier of 28×28 pieces of clothing, 359,866 trainable numbers."""

    size = 28
    widths, blocks = (16, 64, 96), (1, 2)
    mean, spread = 0.2860, 0.3530
    mirrored = True


class AffineDigitNet(ResidualNet):
    """Classifier of digits turned and moved on 40×40 black canvases, 165,626 trainable numbers."""

    size = 40
    widths, blocks = (16, 32, 64), (2, 2)
    mean, spread = 0.0642, 0.2141
