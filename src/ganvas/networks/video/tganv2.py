"""Networks of clips at several levels at once (Saito et al. 2020, TGANv2).

Sources: the paper, and the authors' code (pfnet-research/tgan2) where they differ. A recurrent
layer of maps unfolds z in time; then frames are images in a batch, and blocks double them. At each
level a renderer of its own makes a clip, and between two levels, in training, frames are left out:
the lowest level has all frames and few pixels, the highest few frames and all pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.errors import UsageError
from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    Head,
    Presets,
)
from ganvas.networks.conditions import NONE, Conditions, Given, repeated
from ganvas.networks.convolutional import norm, normalise
from ganvas.networks.temporal import AnyTemporal
from ganvas.networks.temporal.conv_lstm import ConvLSTM
from ganvas.networks.upsampling import Growing, Upsampling, resize_convolution
from ganvas.networks.video.layers import Shape, clip_shape
from ganvas.nn import Cuts, Pyramid, initialise, unrounded, upsample_nearest, widen

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

SMALLEST = 4
"""Pixels of the smaller side, at most, with which the maps begin."""

SHORTCUT = 1
"""Kernel of shortcuts."""

ROWS = 2
"""Dimensions of items that are rows of a pyramid."""


class _Levels(Settings):
    """What generator and discriminator have in common.

    Attributes:
        levels: L; 1 for the baselines, in which there is one renderer and one critic.
    """

    kind: Literal["tganv2"] = "tganv2"
    levels: PositiveInt = 4


class TGANv2Generator(_Levels, Upsampling, GeneratorSettings):
    """Settings of the generator; labels join z as one-hot weights, and choose the norms' gains.

    Attributes:
        width: channels of the last two blocks; towards the first they double.
        state: channels of the maps of each moment; null: twice those of the first block.
        temporal: unfolds the first maps in time.
        concat_z: give z to the first block again with each moment, as the paper's text says; its
            figures and its code do not.
    """

    width: PositiveInt = 32
    state: PositiveInt | None = None
    temporal: AnyTemporal = ConvLSTM()
    concat_z: bool = False

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> TGANv2GeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are no clips, of sides that do not halve, or a condition lies in
                space.
        """
        conditions.refuse_maps("tganv2")
        return TGANv2GeneratorNet(self, clip_shape(domain, "tganv2"), latent, conditions)

    def stages(self, sides: tuple[int, int]) -> list[int]:
        """Return how many blocks each level has: those of the first lead to its size.

        Raises:
            UsageError: the sides do not halve so often.
        """
        further = self.levels - 1
        small = tuple(side >> further for side in sides)
        first = 0
        while not first or min(small) >> first > SMALLEST:
            first += 1
        if any(side % (1 << (first + further)) for side in sides):
            raise UsageError(
                f"tganv2 networks of {self.levels} levels double their maps {first + further} "
                f"times, and {sides[0]}×{sides[1]} does not halve so often: set data.size to a "
                f"multiple of {1 << (first + further)}, or game.generator.levels and "
                "game.discriminator.levels to fewer"
            )
        return [first] + [1] * further


class Up(nn.Module):
    """A residual block that doubles maps: norm, ReLU, ×2 and 3×3, norm, ReLU, 3×3, beside ×2, 1×1.

    Of the shortcut the 1×1 comes first: it is the same, on a quarter of the pixels.
    """

    def __init__(self, inputs: int, outputs: int, conditions: Conditions, grow: Growing) -> None:
        super().__init__()
        self.norm1 = norm("batch", inputs, conditions)
        self.conv1 = grow(inputs, outputs, 3)
        self.norm2 = norm("batch", outputs, conditions)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, SHORTCUT)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Return (N, outputs, 2H, 2W)."""
        h = self.conv1(F.relu(normalise(self.norm1, x, y)))
        h = self.conv2(F.relu(normalise(self.norm2, h, y)))
        return h + upsample_nearest(self.shortcut(x))


class Stage(nn.Module):
    """The blocks of a level."""

    def __init__(self, blocks: Iterable[Up]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Return maps of the level's size."""
        for block in self.blocks:
            x = block(x, y)
        return x


class Render(nn.Module):
    """Frames of maps: norm, ReLU, 3×3, tanh."""

    def __init__(self, inputs: int, channels: int, conditions: Conditions) -> None:
        super().__init__()
        self.norm = norm("batch", inputs, conditions)
        self.conv = nn.Conv2d(inputs, channels, 3, padding=1)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Return (N, channels, H, W)."""
        return torch.tanh(self.conv(F.relu(normalise(self.norm, x, y))))


class TGANv2GeneratorNet(Generator):
    """z → maps → their future → blocks by level, each level with a renderer.

    Attributes:
        frames: that it makes.
        level: whose renderer is used, from 0; all before it lie below.
    """

    def __init__(
        self, config: TGANv2Generator, shape: Shape, latent: int, conditions: Conditions
    ) -> None:
        super().__init__(latent, conditions, shape)
        channels, self.frames, height, width = shape
        stages = config.stages((height, width))
        self.level = len(stages) - 1
        count = sum(stages)
        widths = [config.width << max(k - 1, 0) for k in reversed(range(count))]
        state = config.state or 2 * widths[0]
        self.start = (state, height >> count, width >> count)
        self.concat_z = config.concat_z
        self.project = nn.Linear(latent + self.classes, state * self.start[1] * self.start[2])
        self.unfold = config.temporal.build(self.start, self.start, self.frames)
        given = [state + latent * config.concat_z, *widths]
        vectors = conditions.vectors
        growing = config.growing(count, resize_convolution)
        blocks = iter(
            [Up(*pair, vectors, one) for pair, one in zip(pairwise(given), growing, strict=True)]
        )
        self.stages = nn.ModuleList(Stage(islice(blocks, several)) for several in stages)
        ends = [widths[sum(stages[: level + 1]) - 1] for level in range(len(stages))]
        self.renderers = nn.ModuleList(Render(width, channels, vectors) for width in ends)
        _initialise_residual(self)

    def forward(
        self, z: Tensor, y: Given = None, cuts: Cuts | None = None, pyramid: Pyramid | None = None
    ) -> Tensor:
        """Return clips (N, C, T, H, W) for z (N, latent) and labels: all frames, of one level.

        With ``cuts`` they are those of all levels, as rows of a pyramid (G', Eq. 6): each level
        goes on from the maps that are kept of the one before.
        """
        label = self.vector(y)
        moments: Tensor = self.moments(z, y)
        found: list[Tensor] = []
        for level, stage in enumerate(self.stages):
            if level and cuts is not None and pyramid is not None:
                moments = moments[:: pyramid.thinning].index_select(1, cuts[level - 1][0])
                label = None if label is None else label[:: pyramid.thinning]
            n, frames = moments.shape[:2]
            each = _of_frames(label, frames)
            maps: Tensor = stage(moments.flatten(0, 1), each)
            moments = maps.view(n, frames, *maps.shape[1:])
            if cuts is not None or level == self.level:
                images = self.renderers[level](maps, each)
                found.append(images.view(n, frames, *images.shape[1:]).transpose(1, 2))
            if cuts is None and level == self.level:
                break
        return found[0] if pyramid is None or cuts is None else pyramid.packed(found)

    @property
    def times(self) -> list[float]:
        """When each frame is seen, in frames of the clips of training."""
        return [float(k) for k in range(self.frames)]

    @property
    def fresh(self) -> int:
        """How many numbers follow z in a latent: what is drawn anew on the way, of some paths."""
        each = self.unfold.fresh
        return self.unfold.steps(self.times) * math.prod(each) if each else 0

    def moments(self, z: Tensor, y: Given) -> Tensor:
        """Return the maps of each moment, (N, T, state, h, w)."""
        z, fresh = z[:, : self.latent], z[:, self.latent :]
        first = self.project(self.with_vector(z, y)).view(-1, *self.start)
        drawn = fresh.view(z.shape[0], -1, *self.unfold.fresh)
        found = self.unfold(first, drawn, self.times)
        if not self.concat_z:
            return found
        again = z[:, None, :, None, None].expand(-1, self.frames, -1, *self.start[1:])
        return torch.cat([found, again], 2)


def _of_frames(y: Tensor | None, frames: int) -> Tensor | None:
    """Return the labels of clips for each of their frames."""
    each = repeated(y, frames)
    assert each is None or isinstance(each, Tensor)
    return each


class TGANv2Discriminator(_Levels, DiscriminatorSettings):
    """Settings of the discriminator: a critic for each level, all alike, without normalisation.

    Attributes:
        width: channels of a critic's first block; each further one doubles them.
        blocks: that halve after the first one.
        frame: beside the critic of clips, one of single frames, which sees one at random (the
            paper's baseline "3-D + 2-D"); there is one level then.
        combine: what becomes of the levels' logits: each has a loss, and their mean counts (the
            code), or they are added up before it (Eq. 7).
        labels: by an inner product with the features at each level, or not at all.
    """

    width: PositiveInt = 64
    blocks: int = Field(default=4, ge=0)
    frame: bool = False
    combine: Literal["mean", "sum"] = "mean"
    labels: Literal["none", "projection"] = "projection"

    @model_validator(mode="after")
    def _frames_are_of_clips(self) -> TGANv2Discriminator:
        if self.frame and self.levels > 1:
            raise ValueError(f"frame: true needs levels: 1, not {self.levels}")
        return self

    def build(self, domain: Domain, conditions: Conditions = NONE) -> TGANv2DiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are no clips, or a condition lies in space.
        """
        conditions.refuse_maps("tganv2")
        return TGANv2DiscriminatorNet(self, clip_shape(domain, "tganv2"), conditions)


def shrunk(x: Tensor, axes: tuple[int, ...] = (2, 3, 4)) -> Tensor:
    """Return maps (N, C, T, H, W) halved by means along each axis that is longer than 1.

    Odd axes are padded with a zero on both ends, which counts in the mean: 3 becomes 2.
    """
    halved = [int(axis in axes and x.shape[axis] > 1) for axis in (2, 3, 4)]
    odd = [h * (size % 2) for h, size in zip(halved, x.shape[2:], strict=True)]
    return F.avg_pool3d(x, [1 + h for h in halved], padding=odd)


class Look(nn.Module):
    """The first block of a critic: 3³, ReLU, 3³, halved in space, beside halved and 1³."""

    def __init__(self, channels: int, outputs: int, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        padding = kernel[0] // 2, kernel[1] // 2, kernel[2] // 2
        self.conv1 = nn.Conv3d(channels, outputs, kernel, padding=padding)
        self.conv2 = nn.Conv3d(outputs, outputs, kernel, padding=padding)
        self.shortcut = nn.Conv3d(channels, outputs, SHORTCUT)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, T, H/2, W/2)."""
        h = self.conv2(F.relu(self.conv1(x)))
        return shrunk(h, (3, 4)) + self.shortcut(shrunk(x, (3, 4)))


class Down(nn.Module):
    """A further block: ReLU, 3³, ReLU, 3³, halved, beside 1³, halved."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        padding = kernel[0] // 2, kernel[1] // 2, kernel[2] // 2
        self.conv1 = nn.Conv3d(inputs, inputs, kernel, padding=padding)
        self.conv2 = nn.Conv3d(inputs, outputs, kernel, padding=padding)
        self.shortcut = nn.Conv3d(inputs, outputs, SHORTCUT)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, …) with each axis that is longer than 1 halved."""
        h = self.conv2(F.relu(self.conv1(F.relu(x))))
        return shrunk(h) + shrunk(self.shortcut(x))


class LevelCritic(nn.Module):
    """Scores clips of any length and size: blocks, then a linear score of the sum over all places.

    Args:
        config: its widths.
        channels: of clips.
        classes: K, or 0.
        flat: it looks at single frames, by kernels of one frame.
    """

    def __init__(
        self, config: TGANv2Discriminator, channels: int, classes: int, flat: bool = False
    ) -> None:
        super().__init__()
        kernel = (1, 3, 3) if flat else (3, 3, 3)
        widths = [config.width << k for k in range(config.blocks + 1)]
        downs = [Down(*pair, kernel) for pair in pairwise(widths)]
        self.body = nn.Sequential(Look(channels, widths[0], kernel), *downs)
        self.width = widths[-1]
        labels = config.labels if classes else "none"
        self.head = Head(self.width, classes, labels)

    def features(self, x: Tensor) -> Tensor:
        """Return (N, F) of clips (N, C, T, H, W)."""
        return F.relu(self.body(x)).sum((2, 3, 4))

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return logits (N,) of clips, and their features (N, F)."""
        h = widen(self.features(x))
        with unrounded(h):
            return self.head(h, y), h


class TGANv2DiscriminatorNet(Discriminator):
    """A critic for each level of a pyramid; ``forward`` gives the logits of all of them.

    Items are rows of a pyramid, as the game shows them; or whole clips, of whose levels the first
    frames are kept.

    Attributes:
        levels: how many a generator has that goes with it.
        pyramid: which levels rows hold; a game sets its own.
    """

    def __init__(self, config: TGANv2Discriminator, shape: Shape, conditions: Conditions) -> None:
        super().__init__(conditions, config.labels)
        self.added = config.combine == "sum"
        looks = [False] * config.levels + [True] * config.frame
        critics = [LevelCritic(config, shape[0], self.classes, flat) for flat in looks]
        self.critics = nn.ModuleList(critics)
        self.levels = config.levels
        strides = (shape[1],) if config.frame else (1,) * (config.levels - 1)
        self.pyramid = Pyramid(shape, strides, zoom=1 if config.frame else 2)
        _initialise_residual(self)
        for critic in critics:
            initialise(critic.head, "glorot")

    def seen(self, x: Tensor) -> list[Tensor]:
        """Return the levels (N, C, T, H, W) of rows (N, …), or of whole clips."""
        if x.dim() == ROWS:
            return self.pyramid.unpacked(x)
        whole = replace(self.pyramid, thinning=1)
        return whole.of(x, whole.cuts(lambda _: torch.zeros(1, dtype=torch.long, device=x.device)))

    def judge(self, x: Tensor, y: Given = None) -> tuple[Tensor, Tensor]:
        """Return the logits of all levels, (N, L), or their sum (N,), and their features (N, F).

        Of rows that hold several clips of a level each has a logit.
        """
        levels, label = self.seen(x), self.conditions.flat(y)
        n = len(levels[-1])  # of the last level a row holds one
        found: list[tuple[Tensor, Tensor]] = [
            critic(clips, label) for critic, clips in zip(self.critics, levels, strict=True)
        ]
        logits, features = (
            torch.cat([part.view(n, -1) for part in parts], 1) for parts in zip(*found, strict=True)
        )
        return logits.sum(1) if self.added else logits, features

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the last layers of all levels, (N, F)."""
        return self.judge(x, y)[1]


def _initialise_residual(network: nn.Module) -> None:
    """Initialise blocks: Glorot with scale √2 in their convolutions, and 1 in shortcuts."""
    for block in network.modules():
        if isinstance(block, Up | Look | Down):
            initialise(block.conv1, "glorot", math.sqrt(2))
            initialise(block.conv2, "glorot", math.sqrt(2))
            initialise(block.shortcut, "glorot")


PRESETS: Presets = {
    # 192×192×3, latent 256: 88,032,460 and four times 29,019,265.
    "tganv2": (TGANv2Generator(), TGANv2Discriminator()),
    # the paper's baselines: one level, judged as clips, or as clips and as single frames
    "tganv2_clip": (TGANv2Generator(levels=1), TGANv2Discriminator(levels=1)),
    "tganv2_clip_frame": (TGANv2Generator(levels=1), TGANv2Discriminator(levels=1, frame=True)),
}
"""Networks of this family that papers and benchmarks use, by name."""
