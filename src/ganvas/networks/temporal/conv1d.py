"""Transposed convolutions in time: TGAN's G0 (Saito et al. 2017)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.data.domain import Size
from ganvas.networks.temporal import Temporal, TemporalSettings, Times, vector
from ganvas.nn import BatchNorm, Init, along, initialise


class Conv1d(TemporalSettings):
    """Settings of a ladder from a single step to all frames, doubling each time.

    Attributes:
        widths: channels at 1, 2, 4, … steps; the last one goes on for longer clips.
        norm: "batch" norms have statistics over clips and steps together; "step": each step's are
            its own (an extension), so that a way which all clips share does not crowd out where
            they differ.
        offset: whether batch norms have offsets; the code's have gains alone.
        init, init_scale: initialisation (`ganvas.nn.initialise`).
    """

    kind: Literal["conv1d"] = "conv1d"
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (512, 256, 128, 128)
    norm: Literal["batch", "step"] = "batch"
    offset: bool = True
    init: Init = "he_normal"
    init_scale: float | None = None

    def build(
        self, start: Size, shape: Size, frames: int, given: int = 0, from_start: bool = False
    ) -> Convolved:
        """Return the network.

        Raises:
            UsageError: the latents are maps.
        """
        return Convolved(self, vector(start, self.kind), vector(shape, self.kind), frames, given)


class StepNorm(nn.Module):
    """Batch norm of (N, channels, steps) whose statistics, over clips, are each step's own.

    Gains and offsets are those of channels, as in a plain one: a path is not to be learnt by them.
    """

    def __init__(self, channels: int, steps: int, offset: bool) -> None:
        super().__init__()
        self.norm = BatchNorm(channels * steps, affine=False)
        self.weight = nn.Parameter(torch.ones(channels, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1)) if offset else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps, of mean 0 and variance 1 over clips at each step, before gains."""
        x = self.norm(x.flatten(1)).view_as(x) * self.weight
        return x if self.bias is None else x + self.bias


def _norm(config: Conv1d, channels: int, steps: int) -> nn.Module:
    if config.norm == "step":
        return StepNorm(channels, steps, config.offset)
    return BatchNorm(channels, offset=config.offset)


class Convolved(Temporal):
    """[z; v] as one step → transposed convolutions, each doubling the steps → tanh."""

    kind = "conv1d"
    longer: ClassVar[bool] = False

    def __init__(self, config: Conv1d, start: int, width: int, frames: int, given: int) -> None:
        super().__init__(frames)
        self.start, self.given = (start,), given
        doublings = max(1, (frames - 1).bit_length())
        widths = [*config.widths[:doublings]]
        widths += widths[-1:] * (doublings - len(widths))
        layers: list[nn.Module] = [nn.ConvTranspose1d(start + given, widths[0], 1)]
        for level, (inputs, outputs) in enumerate(zip(widths, [*widths[1:], width], strict=True)):
            layers += [_norm(config, inputs, 2**level), nn.ReLU()]
            layers += [nn.ConvTranspose1d(inputs, outputs, 4, 2, 1)]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        initialise(self, config.init, config.init_scale)

    def forward(
        self, start: Tensor, fresh: Tensor, times: Times, given: Tensor | None = None
    ) -> Tensor:
        """Return latents in (−1, 1) at the times, (N, K, width); straight between frames."""
        self.check(times)
        if self.given:
            assert given is not None
            start = torch.cat([start, given.to(start)], 1)
        return along(self.layers(start[..., None]).transpose(1, 2)[:, : self.frames], times)
