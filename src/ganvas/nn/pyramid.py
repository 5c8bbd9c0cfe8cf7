"""Clips at several levels: many small frames, and few large ones of the same scene.

Source: Saito et al. 2020 (TGANv2). Between two levels a subsampling layer keeps every s-th frame
from a random one on, and the frames of the next level are twice as large. A level's clips are
(N, C, T, H, W). All levels lie side by side in rows of numbers, so that whatever looks at items
looks at all levels of a clip together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.errors import UsageError

Cuts = Sequence[Tensor]
"""Of each subsampling layer the frames that it keeps, of those that it is given: (1, T) for all
clips, or (N, T)."""


@dataclass(frozen=True)
class Pyramid:
    """Which frames of a clip, and how large, each level holds, from many small ones to few.

    Attributes:
        shape: (C, T, H, W) of a whole clip.
        strides: s of each layer between two levels.
        thinning: each layer keeps every so manieth clip of a batch, too; 1 for all of them.
        zoom: by which sides grow from level to level.

    Raises:
        UsageError: frames or sides do not come out even.
    """

    shape: tuple[int, int, int, int]
    strides: tuple[int, ...]
    thinning: int = 1
    zoom: int = 2

    def __post_init__(self) -> None:
        _, length, height, width = self.shape
        coarsest = self.shrinks[0]
        if height % coarsest or width % coarsest:
            raise UsageError(
                f"the first of {self.levels} levels is {coarsest} times as small as a clip, and "
                f"{height}×{width} does not come out even: set data.size to a multiple of "
                f"{coarsest}, or fewer levels"
            )
        for before, stride in zip(self.frames, self.strides, strict=False):
            if stride > length:
                raise UsageError(
                    f"a stride of {stride} is more than the {length} frames of a clip: choose "
                    f"{length} at most, or longer clips (data.frames)"
                )
            if stride < before and before % stride:
                even = [s for s in range(1, before + 1) if before % s == 0]
                raise UsageError(
                    f"a stride of {stride} does not divide the {before} frames that are left of "
                    f"{length}: choose one of {', '.join(map(str, even))}"
                )

    @property
    def levels(self) -> int:
        """How many there are."""
        return len(self.strides) + 1

    @cached_property
    def shrinks(self) -> list[int]:
        """By how much the sides of each level are smaller than those of a clip."""
        return [self.zoom**k for k in reversed(range(self.levels))]

    @cached_property
    def frames(self) -> list[int]:
        """Frames of each level: T, T/s, …, at least one."""
        found = [self.shape[1]]
        for stride in self.strides:
            found.append(max(found[-1] // stride, 1))
        return found

    @cached_property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        """(C, T, H, W) of the clips of each level."""
        channels, _, height, width = self.shape
        return [
            (channels, frames, height // by, width // by)
            for frames, by in zip(self.frames, self.shrinks, strict=True)
        ]

    @cached_property
    def together(self) -> list[int]:
        """Clips of each level in a row: more than one where batches are thinned."""
        return [self.thinning**k for k in reversed(range(self.levels))]

    @property
    def group(self) -> int:
        """Clips of a batch that make a row."""
        return self.together[0]

    @cached_property
    def numbers(self) -> list[int]:
        """Numbers of each level in a row."""
        return [n * math.prod(s) for n, s in zip(self.together, self.shapes, strict=True)]

    def cuts(self, draw: Callable[[int], Tensor]) -> list[Tensor]:
        """Return what each layer keeps: b, b + s, … with b uniform on {0, …, min(s, T) − 1}.

        Args:
            draw: gives whole numbers (N,) below a bound, one for each clip, or (1,) for all.
        """
        found: list[Tensor] = []
        for stride, before, after in zip(self.strides, self.frames, self.frames[1:], strict=False):
            first = draw(min(stride, before))
            found.append(first[:, None] + stride * torch.arange(after, device=first.device))
        return found

    def kept(self, cuts: Cuts) -> list[Tensor]:
        """Return the frames of each level by their numbers in the whole clip, (1 or N, T) each."""
        device = cuts[0].device if cuts else None
        found = [torch.arange(self.shape[1], device=device)[None]]
        for cut in cuts:
            found.append(found[-1].expand(len(cut), -1).gather(1, cut))
        return found

    def of(self, clips: Tensor, cuts: Cuts) -> list[Tensor]:
        """Return the levels of whole clips (N, C, T, H, W), each pixel a mean of those it covers.

        Args:
            clips: as many as make rows.
            cuts: what each layer keeps.
        """
        found: list[Tensor] = []
        for level, frames in enumerate(self.kept(cuts)):
            few = clips[:: self.thinning**level]
            if level:
                rows = frames.expand(len(clips), -1)[:: self.thinning**level]
                each = torch.arange(len(few), device=few.device)[:, None]
                few = few[each, :, rows].movedim(2, 1)
            size = self.shrinks[level]
            found.append(F.avg_pool3d(few, (1, size, size)) if size > 1 else few)
        return found

    def packed(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the levels of clips as rows of numbers.

        Raises:
            UsageError: the clips make no whole rows.
        """
        if len(levels[0]) % self.group:
            raise UsageError(
                f"a batch of {len(levels[0])} clips cannot be thinned {self.levels - 1} times by "
                f"{self.thinning}: choose train.batch (per process, and per part of "
                f"game.accumulate) as a multiple of {self.group}"
            )
        rows = len(levels[0]) // self.group
        return torch.cat([level.reshape(rows, -1) for level in levels], 1)

    def unpacked(self, rows: Tensor) -> list[Tensor]:
        """Return the levels of clips (N, C, T, H, W) that rows of numbers hold."""
        parts = torch.split(rows, self.numbers, dim=1)
        return [part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True)]
