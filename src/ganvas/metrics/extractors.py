"""The feature extractors that need no download, and the way to bring one's own.

None of them is the Inception network of the literature: a number made here is called by the
network that made it, as in ``fid[digit-classifier]``, and cannot be compared with published FIDs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from ganvas.errors import UsageError, did_you_mean
from ganvas.metrics.classifiers import AFFINE_DIGITS, CLOTHING, DIGITS, Shipped
from ganvas.metrics.extractor import Extractor, Look, scaled, scaling
from ganvas.networks.perceptual import (
    LITE0,
    RANDOM,
    VGG,
    Lite0Features,
    RandomFeatures,
    feature_network,
)
from ganvas.nn import hash_of

PIXELS: Final = "pixels"
DIGIT_CLASSIFIER: Final = DIGITS.name
CLOTHING_CLASSIFIER: Final = CLOTHING.name
AFFINE_DIGIT_CLASSIFIER: Final = AFFINE_DIGITS.name
RANDOM_CONV: Final = RANDOM

PADDING: Final = 4
"""Images larger than a shipped classifier takes by at most this are cropped, not scaled."""

OWN_PREFIX: Final = "own:"
"""Stands before the names of users' networks, so that none can pass for another."""


class Pixels:
    """The pixels themselves, in [0, 1]: for duplicates and as the plainest baseline.

    Images with an edge above 32 are scaled down first, the longer edge to 32.
    """

    name = PIXELS
    weights = "none"
    edge = 32

    def resize(self, height: int, width: int, channels: int) -> str:
        """Return how far such images are scaled down."""
        del channels
        return scaling((height, width), self._target(height, width))

    def look(self, images: Tensor) -> Look:
        """Return (N, C h w) pixels of (N, C, H, W) images."""
        return Look(scaled(images, self._target(*images.shape[-2:])).flatten(1))

    def _target(self, height: int, width: int) -> tuple[int, int]:
        factor = min(1.0, self.edge / max(height, width))
        return max(1, round(factor * height)), max(1, round(factor * width))


class ShippedClassifier:
    """A classifier from the package: penultimate features and ten probabilities.

    For grey images as in its data set, bright on black. Frames up to 4 pixels larger than its own
    are cropped at the centre, which undoes the customary padding; other sizes are scaled.

    Args:
        path: other weights for the same network.
        device: on which to compute.
    """

    known: Shipped

    def __init__(self, path: Path | None = None, device: str | torch.device = "cpu") -> None:
        net, self.weights, self.accuracy = self.known.load(path)
        self._net = net.to(device)
        self._edge = net.size

    @property
    def name(self) -> str:
        """The network's own name."""
        return self.known.name

    def resize(self, height: int, width: int, channels: int) -> str:
        """Return the crop or scale that brings such images to the network's size."""
        edge = self._edge
        if channels != 1:
            raise UsageError(
                f"the {self.name} takes grey images, these have {channels} channels; "
                f"use extractor {RANDOM_CONV} or {LITE0}"
            )
        if (height, width) != (edge, edge) and self._crops(height, width):
            return f"centre crop {height}x{width} to {edge}x{edge}"
        return scaling((height, width), (edge, edge))

    def _crops(self, height: int, width: int) -> bool:
        return min(height, width) >= self._edge and max(height, width) <= self._edge + PADDING

    def look(self, images: Tensor) -> Look:
        """Return features (N, F) and probabilities (N, 10) of (N, 1, H, W) images."""
        height, width = images.shape[-2:]
        edge = self._edge
        if self._crops(height, width):
            top, left = (height - edge) // 2, (width - edge) // 2
            images = images[..., top : top + edge, left : left + edge]
        features = self._net.hidden(scaled(images, (edge, edge)))
        return Look(features, self._net.head(features).softmax(1))


class DigitClassifier(ShippedClassifier):
    """Of handwritten digits, 28×28: 128 features."""

    known = DIGITS


class ClothingClassifier(ShippedClassifier):
    """Of the ten classes of Fashion-MNIST, 28×28: 96 features."""

    known = CLOTHING


class AffineDigitClassifier(ShippedClassifier):
    """Of digits turned and moved on canvases of 40×40: 64 features."""

    known = AFFINE_DIGITS


class RandomConv:
    """Random convolutions with a fixed seed: honest offline features for any image.

    Four layers of stride two; mean and standard deviation over positions of every channel of every
    layer, F = 480. Random features see texture, colour and coarse shape, no semantics: fit to
    compare runs on one data set, not to rank realism.
    """

    name = RANDOM_CONV

    def __init__(self, channels: int, seed: int = 0, device: str | torch.device = "cpu") -> None:
        net = RandomFeatures(channels, seed)
        self.channels = channels
        self.weights = hash_of(net.state_dict())
        self._net = net.to(device)

    def resize(self, height: int, width: int, channels: int) -> str:
        """Return "none": every size is taken as it is."""
        del height, width
        if channels != self.channels:
            raise UsageError(
                f"this {RANDOM_CONV} extractor was made for {self.channels} channels, the images "
                f"have {channels}"
            )
        return "none"

    def look(self, images: Tensor) -> Look:
        """Return features (N, 480) of (N, C, H, W) images."""
        found: list[Tensor] = []
        for map in self._net(2 * images - 1):
            positions = map.flatten(2)
            found += [positions.mean(2), positions.std(2, correction=0)]
        return Look(torch.cat(found, 1))


class EfficientNetLite0:
    """EfficientNet-Lite0 trained on ImageNet, from an optional package: 1,280 features.

    Not the Inception network: its distances have their own scale and name.
    """

    name = LITE0

    def __init__(self, size: int = 64, device: str | torch.device = "cpu") -> None:
        self.size = size
        known = Lite0Features()
        self.weights = hashlib.sha256(known.path.read_bytes()).hexdigest()
        self._net = known.to(device).net

    def resize(self, height: int, width: int, channels: int) -> str:
        """Return the scaling to the size chosen at construction."""
        if channels not in (1, 3):
            raise UsageError(
                f"{LITE0} takes grey or RGB images, these have {channels} channels; "
                f"use extractor {RANDOM_CONV}"
            )
        return scaling((height, width), (self.size, self.size))

    def look(self, images: Tensor) -> Look:
        """Return features (N, 1280) and ImageNet probabilities (N, 1000) of (N, C, H, W) images."""
        x = scaled(images.expand(-1, 3, -1, -1), (self.size, self.size))
        features = self._net.extract_features((255 * x - 127) / 128).mean((2, 3))
        return Look(features, self._net._fc(features).softmax(1))


class VggShiftTolerant:
    """A VGG-16 trained on ImageNet that hardly minds a shift: 1,472 features.

    Means over positions of the last map of each of five sizes. `make data` brings its weights.
    """

    name = VGG

    def __init__(self, device: str | torch.device = "cpu") -> None:
        net = feature_network(VGG)
        self.weights = hash_of(net.state_dict())
        self._net = net.to(device)

    def resize(self, height: int, width: int, channels: int) -> str:
        """Return the scaling of images that are too small for it; others are taken as they are."""
        if channels not in (1, 3):
            raise UsageError(
                f"{VGG} takes grey or RGB images, these have {channels} channels; "
                f"use extractor {RANDOM_CONV}"
            )
        return scaling((height, width), self._target(height, width))

    def _target(self, height: int, width: int) -> tuple[int, int]:
        factor = max(1.0, self._net.smallest / min(height, width))
        return round(factor * height), round(factor * width)

    def look(self, images: Tensor) -> Look:
        """Return features (N, 1472) of (N, C, H, W) images."""
        x = scaled(images, self._target(*images.shape[-2:]))
        return Look(torch.cat([map.mean((2, 3)) for map in self._net(2 * x - 1)], 1))


class OwnExtractor:
    """A network of the user's own as an extractor.

    Args:
        name: shown as ``own:NAME``, so that it cannot be mistaken for a known network.
        module: maps (N, C, H, W) images in [0, 1] to features (N, F); put in evaluation mode.
        size: edge to which images are scaled first; None leaves them.
        classifier: maps features to logits (N, K), if there is one.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        *,
        size: int | None = None,
        classifier: nn.Module | None = None,
    ) -> None:
        self.name = OWN_PREFIX + name.removeprefix(OWN_PREFIX)
        self._module = module.eval()
        self._classifier = None if classifier is None else classifier.eval()
        self._size = None if size is None else (size, size)
        parts = nn.ModuleList([module] if classifier is None else [module, classifier])
        self.weights = hash_of(parts.state_dict())

    def resize(self, height: int, width: int, channels: int) -> str:
        """Return the scaling to the size chosen at construction, if any."""
        del channels
        return "none" if self._size is None else scaling((height, width), self._size)

    def look(self, images: Tensor) -> Look:
        """Return features, and probabilities if there is a classifier, of (N, C, H, W) images."""
        features = self._module(images if self._size is None else scaled(images, self._size))
        if features.ndim != 2 or len(features) != len(images):
            raise UsageError(
                f"extractor {self.name} must give (N, F) features, got {tuple(features.shape)} "
                f"for {len(images)} images"
            )
        if self._classifier is None:
            return Look(features)
        return Look(features, self._classifier(features).softmax(1))


EXTRACTORS: Final[dict[str, Callable[[int, str | torch.device], Extractor]]] = {
    AFFINE_DIGIT_CLASSIFIER: lambda channels, device: AffineDigitClassifier(device=device),
    CLOTHING_CLASSIFIER: lambda channels, device: ClothingClassifier(device=device),
    DIGIT_CLASSIFIER: lambda channels, device: DigitClassifier(device=device),
    LITE0: lambda channels, device: EfficientNetLite0(device=device),
    PIXELS: lambda channels, device: Pixels(),
    RANDOM_CONV: lambda channels, device: RandomConv(channels, device=device),
    VGG: lambda channels, device: VggShiftTolerant(device),
}
"""Makes each named extractor for images of so many channels on a device."""

CLASSIFIERS: Final = {
    "digits": DIGIT_CLASSIFIER,
    "mnist": DIGIT_CLASSIFIER,
    "fashion_mnist": CLOTHING_CLASSIFIER,
    "affine_digits": AFFINE_DIGIT_CLASSIFIER,
    "affine_mnist": AFFINE_DIGIT_CLASSIFIER,
}
"""The classifier that is the default of each data set that has its own."""

DIGIT_SETS: Final = frozenset({"digits", "mnist", "affine_digits", "affine_mnist"})
"""Data sets of digits: their mirror images are none."""


def open_extractor(name: str, *, channels: int, device: str | torch.device = "cpu") -> Extractor:
    """Return the extractor of this name.

    Raises:
        UsageError: unknown name, or an optional package is missing.
    """
    if name not in EXTRACTORS:
        raise UsageError(
            f"unknown extractor '{name}'.{did_you_mean(name, EXTRACTORS)} "
            f"Known: {', '.join(sorted(EXTRACTORS))}"
        )
    return EXTRACTORS[name](channels, device)


def default_extractor(data: str, *, channels: int, device: str | torch.device = "cpu") -> Extractor:
    """Return the offline default for a data set: its own classifier, or else random-conv.

    Args:
        data: name of the data set.
        channels: of its images.
        device: on which to compute.
    """
    own = CLASSIFIERS.get(data) if channels == 1 else None
    return open_extractor(own or RANDOM_CONV, channels=channels, device=device)
