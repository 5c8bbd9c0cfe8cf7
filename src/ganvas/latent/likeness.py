"""How unlike two items are, as a loss: pixels, features of frozen networks, networks of one's own.

What a loss is to be near to is told once, `Likeness.from_target`, so that its features are computed
once; what that gives is called with every attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.data.domain import PLANE, Domain
from ganvas.errors import UsageError, did_you_mean
from ganvas.files import misspelt
from ganvas.networks.perceptual import FeatureNetwork, FeaturesName, feature_network

Apart = Callable[[Tensor], Tensor]
"""From items (N, *shape) in network units to their distances from N targets, (N,)."""

PIXELS: Final = "pixels"
STLPIPS: Final = "stlpips[vgg]"
"""How the distance of the shift-tolerant VGG is called, too."""
LARGEST: Final = 256
"""Side to which images are brought before a network sees them, if they are larger."""


class Likeness(Protocol):
    """A loss between items and targets."""

    @property
    def name(self) -> str:
        """What it is called in results."""
        ...

    def from_target(self, target: Tensor) -> Apart:
        """Return the distances from targets (N, *shape) in network units."""
        ...


@dataclass(frozen=True)
class Pixels:
    """The mean squared error of network units: of images four times that of pixels in [0, 1]."""

    name: str = PIXELS

    def from_target(self, target: Tensor) -> Apart:
        """Return mean squared errors."""
        return lambda x: (x - target).square().flatten(1).mean(1)


@dataclass(frozen=True, eq=False)
class Features:
    """The distance of a network of features, of images of at most 256 pixels.

    Attributes:
        network: which one.
    """

    network: FeatureNetwork

    @property
    def name(self) -> str:
        """The network's."""
        return self.network.name

    def from_target(self, target: Tensor) -> Apart:
        """Return perceptual distances."""
        network = self.network.to(target)
        with torch.no_grad():
            maps = network(smaller(target))
        return lambda x: network.apart(network(smaller(x)), maps)


@dataclass(frozen=True, eq=False)
class Scripted:
    """A TorchScript file of one's own.

    Either it takes two batches of images in [−1, 1] and gives their distances, or it is a published
    network of LPIPS features, which takes images in [0, 255] with ``return_lpips=True``: then the
    distance is that of squares of its features.

    Attributes:
        path: the file.
        module: what is in it.
        features: whether it is of the second kind.
    """

    path: Path
    module: Any
    features: bool

    @property
    def name(self) -> str:
        """The file's."""
        return self.path.name

    def from_target(self, target: Tensor) -> Apart:
        """Return what the file says."""
        module = self.module.to(target.device)
        if not self.features:
            small = smaller(target)
            return lambda x: module(smaller(x), small).flatten(1).sum(1)

        def look(x: Tensor) -> Tensor:
            seen = (smaller(x) + 1) * 127.5
            colour = seen.expand(-1, 3, -1, -1) if seen.shape[1] == 1 else seen[:, :3]
            return module(colour, resize_images=False, return_lpips=True)

        with torch.no_grad():
            wanted = look(target)
        return lambda x: (look(x) - wanted).square().flatten(1).sum(1)


@dataclass(frozen=True)
class Sum:
    """Several losses, added up.

    Attributes:
        parts: the losses.
    """

    parts: Sequence[Likeness]

    @property
    def name(self) -> str:
        """All names."""
        return "+".join(part.name for part in self.parts)

    def from_target(self, target: Tensor) -> Apart:
        """Return sums of distances."""
        each = [part.from_target(target) for part in self.parts]
        return lambda x: torch.stack([apart(x) for apart in each]).sum(0)


def likeness_of(words: str, domain: Domain) -> Likeness:
    """Return a loss by its name, or several joined by ``+``.

    Args:
        words: ``pixels``, a network of features, or a TorchScript file.
        domain: of the items.

    Raises:
        UsageError: there is no such loss, its weights are missing, or it is for images alone.
    """
    parts = [_one(word.strip(), domain) for word in words.split("+")]
    return parts[0] if len(parts) == 1 else Sum(parts)


def _one(word: str, domain: Domain) -> Likeness:
    if word == PIXELS:
        return Pixels()
    known = (PIXELS, *get_args(FeaturesName), STLPIPS)
    path = Path(word)
    if word not in known and path.suffix not in (".pt", ".pth", ".jit", ".ts"):
        raise UsageError(
            f"there is no loss '{word}'.{did_you_mean(word, known)} There are: "
            f"{', '.join(known)}, and TorchScript files (.pt)"
        )
    if domain.grid != PLANE:
        raise UsageError(f"the loss {word} is for images; {domain.plural} have {PIXELS}")
    if word not in known:
        return scripted(path)
    name: Any = "vgg16_shift_tolerant" if word == STLPIPS else word
    network = feature_network(name, domain.shape[0]).requires_grad_(False).eval()
    network.refuse(domain.shape)
    return Features(network)


def scripted(path: Path) -> Scripted:
    """Return the loss in a TorchScript file.

    Raises:
        UsageError: there is none, or it takes something else.
    """
    if not path.is_file():
        raise UsageError(f"there is no TorchScript file {path}{misspelt(path)}")
    try:
        module = cast(Any, torch.jit.load(str(path), map_location="cpu"))
        takes: list[str] = [one.name for one in module.forward.schema.arguments[1:]]
    except (RuntimeError, ValueError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"{path} is no TorchScript module ({reason}): write one with torch.jit.script(…).save"
        ) from None
    features = "return_lpips" in takes
    if not features and len(takes) != 2:
        raise UsageError(
            f"{path} takes {', '.join(takes) or 'nothing'}: expected two batches of images, or "
            "images with return_lpips"
        )
    return Scripted(path, module.eval(), features)


def smaller(x: Tensor) -> Tensor:
    """Return images (N, C, H, W) brought to at most 256 pixels a side by means of areas."""
    height, width = x.shape[2:]
    factor = LARGEST / max(height, width)
    if factor >= 1:
        return x
    return F.interpolate(x, size=(round(height * factor), round(width * factor)), mode="area")
