"""Style transfer in one pass: a network that paints pictures in the manner of one picture.

Source: Johnson, Alahi & Fei-Fei 2016, with the up-sampler as a switch, since deconvolutions leave
heavy checkerboards here (Odena, Dumoulin & Olah 2016). There is no adversary: a frozen network φ
of features tells what a picture shows and how it is painted. Each of its depths counts alike and in
units of its own, so that weights mean the same with any φ; the paper's sums do not.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor

from ganvas.config import Amount, Settings, value_at
from ganvas.data.domain import PLANE, AnyArray
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.networks.conditions import Conditions, Given
from ganvas.networks.perceptual import RANDOM, FeaturesName, feature_network, gram
from ganvas.networks.transfer import TransferNetwork
from ganvas.nn import Frozen
from ganvas.play import Adam, Game, Noise, OptimiserConfig, Player, Turns

IMAGE = "image"
"""The condition: the picture that is painted anew."""
WAVES = 5
"""Of the style that is drawn where none is given, along a picture's longer side."""
TINY = 1e-12


class StyleTransferConfig(Settings):
    """The paper's losses, each without a unit.

    Attributes:
        style: a picture, in whose manner the network is to paint; None: saturated waves.
        generator: the network, with its up-samplers.
        features: φ, see `ganvas.networks.perceptual.feature_network`.
        content: weight of what a picture shows.
        content_depth: by which of φ's maps that is told, 0 the first.
        manner: weight of how it is painted, by all of φ's maps.
        smoothness: weight of differences between neighbouring pixels.
        optimiser: of the network.
    """

    style: Path | None = None
    generator: TransferNetwork = TransferNetwork()
    features: FeaturesName = RANDOM
    content: Amount = 1.0
    content_depth: NonNegativeInt = 1
    manner: Amount = 5.0
    smoothness: float = Field(default=0.0, ge=0)
    optimiser: OptimiserConfig = Adam(lr=1e-3)


class StyleTransfer(Game[StyleTransferConfig]):
    """One player, the network; pictures are given (`data.derive`), and nothing is drawn."""

    system: ClassVar[str] = "style-transfer"
    averaged: ClassVar[tuple[str, ...]] = ("generator",)

    style: Tensor

    def __init__(self, config: StyleTransferConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        if IMAGE not in spec.fields or spec.domain.grid != PLANE:
            raise UsageError(
                "style transfer is given pictures of the data's own kind: set "
                f"data.derive={{{IMAGE}: {{kind: whole}}}} for data that are images"
            )
        self.conditions = Conditions({IMAGE: spec.fields[IMAGE]})
        self.generator = config.generator.build(spec.domain)
        self.seen = Frozen(partial(feature_network, config.features, spec.shape[0]))
        # In checkpoints: a run goes on with the picture that it began with.
        self.register_buffer("style", spec.domain.encode(waves(spec.domain.array_shape)[None]))
        self.players = {"generator": Player(self.generator, config.optimiser)}

    def vet(self) -> None:
        """Refuse a style that is no picture, and features that cannot see the data.

        Raises:
            UsageError: as said.
        """
        self._read()
        depths = len(self.seen(self.style))
        if self.config.content_depth >= depths:
            raise UsageError(
                f"game.content_depth={self.config.content_depth}: {self.config.features} has maps "
                f"of {depths} depths, 0 to {depths - 1}"
            )

    def begin(self, data: Feed) -> None:
        """Look at the style."""
        if (found := self._read()) is not None:
            self.style.copy_(found)

    def _read(self) -> Tensor | None:
        path, domain = self.config.style, self.spec.domain
        return None if path is None else domain.encode(domain.parse(str(path))[None])

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step on a ℓ_content + b ℓ_style + c ℓ_TV."""
        x = data.next().x  # which is what is given, too
        with turn("generator") as generator:
            made = self.generator(x)
            content, manner = self.losses(made, x)
            a, b = (value_at(w, turn.progress) for w in (self.config.content, self.config.manner))
            loss = a * content + b * manner + self.config.smoothness * roughness(made)
            generator.minimise(loss)
        turn.log(**{"transfer/content": content, "transfer/manner": manner})

    def losses(self, made: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far pictures are from what is shown (Eq. 2), and from how it is to be painted.

        Args:
            made: pictures (N, C, H, W) in network units.
            x: those that they are to show.

        Returns:
            ‖φ_j(x̂) − φ_j(x)‖²/‖φ_j(x)‖² of one depth j, and the mean over all depths of
            ‖G_j(x̂) − G_j(s)‖²/‖G_j(s)‖² with the Gram matrices of the style s (Eqs. 3 and 4).
        """
        found = self.seen(made)
        with torch.no_grad():
            depth = self.config.content_depth
            shown, painted = self.seen(x)[depth], [gram(one) for one in self.seen(self.style)]
        content = _apart(found[depth], shown)
        each = [_apart(gram(one), like) for one, like in zip(found, painted, strict=True)]
        return content, torch.stack(each).mean()

    # ---- what a trained model can do ------------------------------------------------------------

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        """Return n latents without a number, (n, 0)."""
        return noise.normal(n, 0)

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        """Return the pictures given (N, C, H, W), painted anew."""
        return self.generator(self.conditions.laid(y, self.spec.domain.shape[1:]))


def _apart(a: Tensor, b: Tensor) -> Tensor:
    """Return ‖a − b‖²/‖b‖² of each item (N or 1, …), the mean over items."""
    length = b.flatten(1).square().sum(1).clamp_min(TINY)
    return ((a - b).flatten(1).square().sum(1) / length).mean()


def roughness(x: Tensor) -> Tensor:
    """Return the mean squared difference of neighbouring pixels (total variation, β = 2)."""
    down, across = x[:, :, 1:] - x[:, :, :-1], x[:, :, :, 1:] - x[:, :, :, :-1]
    return down.square().mean() + across.square().mean()


def waves(shape: tuple[int, ...]) -> AnyArray:
    """Return a picture (H, W, C) of saturated waves, uint8: those of each colour go another way."""
    height, width, channels = shape
    rows, columns = np.indices((height, width)) / max(height, width)
    turns = 2 * np.pi * np.arange(channels) / channels
    ways = (np.cos(t) * rows + np.sin(t) * columns + 0.1 * np.sin(9 * columns) for t in turns)
    bands = [np.sin(2 * np.pi * WAVES * way + turn) for way, turn in zip(ways, turns, strict=True)]
    return np.uint8(255 * (np.stack(bands, -1) > 0))  # pyright: ignore[reportReturnType]
