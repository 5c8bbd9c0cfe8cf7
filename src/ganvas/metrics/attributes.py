"""Scorers: what tells attributes of pictures, learnt from labels, and believed above a gate only.

From hundreds of labelled pictures on, a convolutional network is trained; of fewer a logistic
regression on the maps of a frozen network of features. Each attribute's accuracy on pictures that
were not trained on stands beside it; below the gate nothing is measured by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.data.splits import held_out_rows
from ganvas.errors import UsageError
from ganvas.metrics.attribute_nets import AttributeNet, FeatureNet
from ganvas.metrics.extractor import checked_images
from ganvas.networks.perceptual import RANDOM, FeaturesName
from ganvas.slices import slices

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Kind = Literal["network", "features"]

GATE: Final = 0.95
"""Accuracy from which on an attribute's scores are believed."""
FEW: Final = 500
"""Labelled pictures below which features are better than a network of one's own."""
FEWEST: Final = 5
"""Of each side of an attribute: one for each part of a cross-validation."""
HELD_OUT: Final = 0.2
EPOCHS: Final = 12
BATCH: Final = 64
STEEP: Final = 3.0
"""Logits of a number that is one deviation above its border."""
LOOK: Final = 250
"""Pictures that are looked at at once."""
SHIFT: Final = 2
"""Pixels by which training pictures are moved at most."""


@dataclass(frozen=True)
class Labelled:
    """Pictures and what is known of them.

    Attributes:
        names: of m attributes.
        x: uint8 (N, H, W, C).
        targets: (N, m) 1 with the attribute, 0 without; not a number where it is not known.
        clear: (N, m) where the truth is beyond doubt; accuracies are taken there.
        degrees: (N, m) how much of each attribute there is, 0 to 1, which is what a network is
            taught; None: the targets.
    """

    names: tuple[str, ...]
    x: Images
    targets: Floats
    clear: Bools
    degrees: Floats | None = None

    def rows(self, which: npt.NDArray[np.int64]) -> Labelled:
        """Return some of them."""
        degrees = None if self.degrees is None else self.degrees[which]
        return Labelled(self.names, self.x[which], self.targets[which], self.clear[which], degrees)

    def __len__(self) -> int:
        return len(self.x)


class Build(NamedTuple):
    """What a scorer's network is made from.

    Attributes:
        kind: "network", trained whole, or "features", a regression on frozen ones.
        shape: of the pictures, (channels, height, width).
        outputs: how many attributes.
        features: name of the frozen network.
    """

    kind: Kind
    shape: tuple[int, int, int]
    outputs: int
    features: FeaturesName = RANDOM

    def network(self) -> AttributeNet | FeatureNet:
        """Return it, untrained."""
        if self.kind == "network":
            return AttributeNet(*self.shape, self.outputs)
        return FeatureNet(self.features, *self.shape, self.outputs)


@dataclass(frozen=True, eq=False)
class Scorer:
    """A network that scores attributes, and how far it can be believed.

    Attributes:
        names: of the attributes.
        build: what its network is made from.
        network: gives logits.
        accuracy: of each attribute, on pictures that were not trained on.
        gate: the accuracy from which on an attribute is believed.
    """

    names: tuple[str, ...]
    build: Build
    network: nn.Module
    accuracy: Mapping[str, float]
    gate: float = GATE

    @property
    def trusted(self) -> tuple[str, ...]:
        """The attributes whose accuracy reaches the gate."""
        return tuple(name for name in self.names if self.accuracy[name] >= self.gate)

    @property
    def withheld(self) -> dict[str, str]:
        """Why nothing is measured of the others, by attribute."""
        return {
            name: f"told rightly in {self.accuracy[name]:.1%} of pictures, the gate is "
            f"{self.gate:.1%}"
            for name in self.names
            if name not in self.trusted
        }

    @torch.no_grad()
    def __call__(self, images: Images) -> Floats:
        """Return logits (N, m) of uint8 pictures (N, H, W, C).

        Raises:
            UsageError: they are of another size or of other channels.
        """
        channels, height, width = self.build.shape
        if checked_images(images).shape[1:] != (height, width, channels):
            raise UsageError(
                f"this scorer sees pictures of {height}x{width} with {channels} channels, not of "
                f"{'x'.join(map(str, images.shape[1:3]))} with {images.shape[3]}: train one for "
                "them with ganvas scorer"
            )
        device = next(self.network.parameters()).device
        parts = slices(len(images), LOOK)
        found = [self.network(_in_units(images[part]).to(device)) for part in parts]
        return torch.cat(found).double().cpu().numpy()


def degrees_of(values: Floats, above: float) -> Floats:
    """Return how much more numbers (N,) are than one, 0 to 1: a logistic curve of deviations.

    Where a number is known a network learns more of it than of which side it is on.
    """
    spread = float(values.std()) or 1.0
    return 1 / (1 + np.exp(-STEEP * (values - above) / spread))


def learn(
    told: Labelled,
    held: Labelled | None = None,
    *,
    kind: Kind | None = None,
    features: FeaturesName = RANDOM,
    gate: float = GATE,
    epochs: int = EPOCHS,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Scorer:
    """Learn a scorer of attributes from labelled pictures.

    Args:
        told: what is trained on.
        held: what accuracies are taken of; None: a fifth of ``told`` that is then held out, or, of
            few pictures, all of them by turns (cross-validation).
        kind: of the network; None: "network" from 500 pictures on, else "features".
        features: which network's, for the latter.
        gate: accuracy from which on an attribute is believed.
        epochs: times that a network sees each picture.
        seed: of weights and order.
        device: on which to train.

    Raises:
        UsageError: an attribute has labels of one side only, or too few.
    """
    _, height, width, channels = checked_images(told.x).shape
    chosen = kind or ("network" if len(told) >= FEW else "features")
    build = Build(chosen, (channels, height, width), len(told.names), features)
    _refuse_one_sided(told)
    if build.kind == "features":
        net = _regression(build, told)
        accuracy = _crossed(build, told) if held is None else _accuracy(net, held)
    else:
        if held is None:
            kept, out = held_out_rows(len(told), HELD_OUT)
            told, held = told.rows(kept), told.rows(out)
        net = _trained(build, told, epochs, seed, device)
        accuracy = _accuracy(net, held)
    return Scorer(told.names, build, net.eval(), dict(zip(told.names, accuracy, strict=True)), gate)


def _refuse_one_sided(told: Labelled) -> None:
    for name, column in zip(told.names, told.targets.T, strict=True):
        having, lacking = int((column == 1).sum()), int((column == 0).sum())
        if min(having, lacking) < FEWEST:
            raise UsageError(
                f"attribute '{name}' has {having} pictures labelled 1 and {lacking} labelled 0: "
                f"expected {FEWEST} or more of each"
            )


def _in_units(images: Images) -> Tensor:
    """Return pictures (N, C, H, W) in [−1, 1]."""
    planes = np.ascontiguousarray(np.moveaxis(np.asarray(images), -1, 1))
    return torch.from_numpy(planes).float() / 127.5 - 1


@torch.no_grad()
def _accuracy(net: nn.Module, held: Labelled) -> list[float]:
    """Return the share of clear pictures of each attribute that a network tells rightly."""
    device = next(net.parameters()).device
    net.eval()
    parts = [net(_in_units(held.x[part]).to(device)).cpu() for part in slices(len(held), LOOK)]
    return _right(torch.cat(parts).numpy(), held)


def _right(logits: npt.NDArray[Any], held: Labelled) -> list[float]:
    counted = held.clear & np.isfinite(held.targets)
    right = ((logits > 0) == (held.targets == 1)) & counted
    return (right.sum(axis=0) / np.maximum(counted.sum(axis=0), 1)).tolist()


def _trained(
    build: Build, told: Labelled, epochs: int, seed: int, device: str | torch.device
) -> nn.Module:
    """Return a network trained on all pictures, moved, dimmed and made noisy anew each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build.network().to(device).train()
        taught = told.targets if told.degrees is None else told.degrees
        targets = torch.from_numpy(taught).float()
        known, wanted = targets.isfinite().float(), targets.nan_to_num()
        optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
        each = -(-len(told) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=epochs * each)
        for _ in range(epochs):
            for rows in torch.split(torch.randperm(len(told)), BATCH):
                if len(rows) == 1:  # a batch norm has nothing to compare it with
                    continue
                logits = net(_varied(_in_units(told.x[rows.numpy()])).to(device))
                loss = F.binary_cross_entropy_with_logits(
                    logits, wanted[rows].to(device), weight=known[rows].to(device)
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    return net.eval()


def _varied(x: Tensor) -> Tensor:
    """Return pictures moved by up to two pixels, brighter or darker, and a little noisy."""
    n, _, height, width = x.shape
    padded = F.pad(x, (SHIFT,) * 4, mode="replicate")
    top, left = (int(torch.randint(0, 2 * SHIFT + 1, ())) for _ in range(2))
    moved = padded[..., top : top + height, left : left + width]
    gain, shift = 1 + 0.2 * (torch.rand(2, n, 1, 1, 1) - 0.5)
    return moved * gain + (shift - 1) + 0.03 * torch.rand(n, 1, 1, 1) * torch.randn_like(x)


def _regression(build: Build, told: Labelled) -> FeatureNet:
    """Return a logistic regression for each attribute, on standardised features."""
    net = FeatureNet(build.features, *build.shape, build.outputs)
    _fit(net, _seen(net, told.x), told.targets)
    return net


def _seen(net: FeatureNet, x: Images) -> Tensor:
    return torch.cat([net.represent(_in_units(x[part])) for part in slices(len(x), LOOK)])


def _fit(net: FeatureNet, seen: Tensor, targets: Floats) -> None:
    """Fit a network's mean, spread and head to features (N, F)."""
    net.mean.copy_(seen.mean(0))
    net.spread.copy_(seen.std(0).clamp(min=1e-6) * seen.shape[1] ** 0.5)
    standard = ((seen - net.mean) / net.spread).double().numpy()
    regression: Any = import_module("sklearn.linear_model").LogisticRegression
    for number, column in enumerate(targets.T):
        known = np.isfinite(column)
        fitted = regression(C=10.0, class_weight="balanced", max_iter=1000)
        fitted.fit(standard[known], column[known] == 1)
        with torch.no_grad():
            net.head.weight[number] = torch.from_numpy(fitted.coef_[0]).float()
            net.head.bias[number] = float(fitted.intercept_[0])


def _crossed(build: Build, told: Labelled) -> list[float]:
    """Return accuracies where each fifth of the pictures is told by what the others taught."""
    net = FeatureNet(build.features, *build.shape, build.outputs)
    seen, logits = _seen(net, told.x), np.zeros_like(told.targets)
    splitter: Any = import_module("sklearn.model_selection").StratifiedKFold
    for number, column in enumerate(told.targets.T):
        (known,) = np.nonzero(np.isfinite(column))
        folds = splitter(FEWEST, shuffle=True, random_state=0).split(known, column[known])
        for train, test in folds:
            _fit(net, seen[known[train]], told.targets[known[train]][:, [number] * build.outputs])
            with torch.no_grad():
                of = net.head((seen[known[test]] - net.mean) / net.spread)
            logits[known[test], number] = of[:, number].numpy()
    return _right(logits, told)
