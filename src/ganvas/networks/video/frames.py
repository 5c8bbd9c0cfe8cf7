"""TGAN's image generator G1: frames of what rests and what moves (Saito et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.networks.base import Generator, GeneratorSettings, Output, OutputUnit, labels_of
from ganvas.networks.conditions import NONE, Conditions, Given, repeated
from ganvas.networks.convolutional import Block, Up, image_shape
from ganvas.networks.upsampling import Upsampling, deconvolution
from ganvas.networks.video.layers import levels
from ganvas.nn import BatchNorm, Init, initialise, one_hot

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


@runtime_checkable
class OfClips(Protocol):
    """A generator of frames that computes once for a clip what all of its frames share."""

    def of_clips(self, slow: Tensor, fast: Tensor, y: Given = None) -> Tensor:
        """Return frames (N·K, C, H, W) of slow latents (N, S) and fast ones (N, K, F)."""
        ...


class TGANGenerator(Upsampling, GeneratorSettings):
    """Settings of a generator that projects slow and fast latents to maps of their own.

    Attributes:
        width: channels of the finest hidden level; each coarser one has twice as many, …
        max_width: … up to this limit.
        stages: doublings; None: so many that the smaller side begins with 7 at most.
        slow: whether it sees the slow latents at all.
        output: last non-linearity.
        init, init_scale: initialisation (`ganvas.nn.initialise`).
    """

    kind: Literal["tgan"] = "tgan"
    width: PositiveInt = 32
    max_width: PositiveInt = 256
    stages: PositiveInt | None = None
    slow: bool = True
    output: Output = "tanh"
    init: Init = "uniform"
    init_scale: float | None = 0.01 / 3**0.5

    def build(self, domain: Domain, latent: int, conditions: Conditions = NONE) -> Generator:
        """Refuse: it is for frames.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "tgan networks make frames of two latents: they are for game.system=tgan or mocogan; "
            f"{domain.plural} are made by a dcgan network"
        )

    def build_frames(
        self, frame: Domain, slow: int, fast: int, conditions: Conditions = NONE
    ) -> TGANGeneratorNet:
        """Return the network.

        Raises:
            UsageError: a condition lies in space.
        """
        conditions.refuse_maps("tgan")
        return TGANGeneratorNet(self, image_shape(frame, "tgan"), (slow, fast), conditions)


class Branch(nn.Module):
    """Linear without bias → batch norm of each unit → ReLU → maps."""

    def __init__(self, inputs: int, start: tuple[int, int, int]) -> None:
        super().__init__()
        units = start[0] * start[1] * start[2]
        self.linear = nn.Linear(inputs, units, bias=False)
        self.norm = BatchNorm(units)
        self.start = start

    def forward(self, z: Tensor) -> Tensor:
        """Return maps (N, *start) of latents (N, inputs)."""
        return torch.relu(self.norm(self.linear(z))).view(z.shape[0], *self.start)


class TGANGeneratorNet(Generator):
    """[branch of z0; branch of z1; branch of labels] → level S → … → level 0 → frame.

    Statistics of batch norms are over N·K frames; those of the slow branch are the same over N
    clips, so that it computes for clips alone.
    """

    def __init__(
        self,
        config: TGANGenerator,
        shape: tuple[int, int, int],
        widths: tuple[int, int],
        conditions: Conditions,
    ) -> None:
        super().__init__(sum(widths), conditions, shape)
        self.widths = widths
        sizes = levels(shape[1:], config.stages)
        top = len(sizes) - 1

        def width(level: int) -> int:
            return min(config.width * 2**level, config.max_width)

        start = (width(top - 1), *sizes[top])
        self.slow = Branch(widths[0], start) if config.slow else None
        self.fast = Branch(widths[1], start)
        self.told = Branch(self.classes, start) if self.classes else None
        channels = start[0] * (1 + config.slow + (self.told is not None))
        grow = config.growing(top, deconvolution)[::-1]  # to each level
        blocks: list[nn.Module] = []
        for level in range(top - 1, -1, -1):
            up = Up(channels, width(level), 4, sizes[level], False, grow[level])
            blocks.append(Block(up, BatchNorm(width(level)), nn.ReLU()))
            channels = width(level)
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(channels, shape[0], 3, 1, 1)
        self.output = OutputUnit(config.output)
        initialise(self, config.init, config.init_scale)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return frames (N, C, H, W) of latents (N, slow + fast), the slow ones first."""
        slow = self.widths[0]
        return self.of_clips(z[:, :slow], z[:, None, slow:], y)

    def of_clips(self, slow: Tensor, fast: Tensor, y: Given = None) -> Tensor:
        """Return frames (N·K, C, H, W) of slow latents (N, S) and fast ones (N, K, F)."""
        count = fast.shape[1]
        maps: list[Tensor] = []
        if self.slow is not None:
            maps.append(self.slow(slow).repeat_interleave(count, 0))
        maps.append(self.fast(fast.flatten(0, 1)))
        if self.told is not None:
            label = one_hot(labels_of(self.vector(y), self.classes), self.classes, fast.dtype)
            maps.append(self.told(label).repeat_interleave(count, 0))
        x = torch.cat(maps, 1)
        for block in self.blocks:
            x = block(x)
        return self.output(self.last(x))


def frames_of(network: Generator, slow: Tensor, fast: Tensor, y: Given = None) -> Tensor:
    """Return frames (N·K, C, H, W) of slow latents (N, S) or (N, K, S) and fast ones (N, K, F)."""
    if slow.dim() == 2 and isinstance(network, OfClips):
        return network.of_clips(slow, fast, y)
    count = fast.shape[1]
    rest = slow if slow.dim() == 3 else slow[:, None].expand(-1, count, -1)
    return network(torch.cat([rest, fast], 2).flatten(0, 1), repeated(y, count))
