"""The eighteen changes of ADA (Karras et al. 2020, appendix B), each with its own chance.

All that move pixels are one affine map, all that mix colours one matrix, all bands one filter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from ganvas.play import Noise

Operation = Literal[
    "flip",
    "quarter_turns",
    "shift",
    "scale",
    "rotation",
    "stretch",
    "drift",
    "brightness",
    "contrast",
    "luma_flip",
    "hue",
    "saturation",
    "band_0",
    "band_1",
    "band_2",
    "band_3",
    "noise",
    "cutout",
]
"""Changes: three that move whole pixels, four that move any, five of colours, one of each of four
bands of frequencies, two that spoil."""
Group = Literal[
    "blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc"
]
"""Groups of them, by the names of the authors' code."""
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)
GROUPS: Final[Mapping[Group, tuple[Operation, ...]]] = {
    "blit": OPERATIONS[:3],
    "geom": OPERATIONS[3:7],
    "color": OPERATIONS[7:12],
    "filter": OPERATIONS[12:16],
    "noise": ("noise",),
    "cutout": ("cutout",),
    "bg": OPERATIONS[:7],
    "bgc": OPERATIONS[:12],
    "bgcf": OPERATIONS[:16],
    "bgcfn": OPERATIONS[:17],
    "bgcfnc": OPERATIONS,
}

SHIFT: Final = 0.125
"""Share of a side: the most of shifts by whole pixels, and the deviation of drifts."""
SIZES: Final = 0.2
"""Deviation of the binary logarithms of scale and stretch."""
BRIGHTNESS: Final = 0.2
"""Deviation of an offset, in network units."""
CONTRAST, SATURATION, BAND = 0.5, 1.0, 1.0
"""Deviations of binary logarithms of factors."""
NOISE: Final = 0.1
"""Deviation of the noise's own deviation."""
HOLE: Final = 0.5
"""Share of each side that a cutout hides."""
POWER: Final = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""Shares of the bands in an image's power that are expected: a spectrum of 1/f."""


class Told(NamedTuple):
    """What is to happen to images.

    Attributes:
        moves: from pixels of the result to those of the image, as (across, down, 1) about its
            middle, (N, 2, 3).
        colours: from (red, green, blue, 1), (N, 3, 4).
        gains: of the four bands, lowest first, (N, 4).
        hole: the places of its middle across and down, and its size, as shares of a side, (N, 3).
    """

    moves: Tensor
    colours: Tensor
    gains: Tensor
    hole: Tensor

    def rows(self) -> Tensor:
        """Return all of it in rows, (N, 25)."""
        return torch.cat([part.flatten(1) for part in self], 1)

    @classmethod
    def of(cls, rows: Tensor) -> Told:
        """Return what is in rows (N, 25)."""
        moves, colours, gains, hole = torch.split(rows, [6, 12, 4, 3], 1)
        return cls(moves.view(-1, 2, 3), colours.view(-1, 3, 4), gains, hole)


class Law:
    """Draws what happens to n images; what does not happen is the identity, exactly.

    Args:
        n: images.
        p: the probability of each change, 0-d.
        operations: those that may happen.
        noise: where draws come from.
    """

    def __init__(self, n: int, p: Tensor, operations: frozenset[Operation], noise: Noise) -> None:
        self.n, self.p, self.operations, self.noise = n, p, operations, noise

    def happens(self, operation: Operation, p: Tensor | None = None) -> Tensor:
        """Return to which images an operation happens, (N,), by default with probability p."""
        if operation not in self.operations:
            return torch.zeros(self.n, dtype=torch.bool, device=self.p.device)
        return self.noise.uniform(self.n) < (self.p if p is None else p)

    def moves(self, height: int, width: int) -> Tensor:
        """Return inverse maps (N, 2, 3): three of whole pixels, then four others."""
        n, noise = self.n, self.noise
        moves = torch.eye(3, dtype=self.p.dtype, device=self.p.device).expand(n, 3, 3)
        sides = self.p.new_tensor([width, height])

        def then(operation: Operation, matrix: Tensor, p: Tensor | None = None) -> None:
            nonlocal moves
            happens = self.happens(operation, p)
            moves = torch.where(happens[:, None, None], moves @ matrix.to(moves), moves)

        def angles() -> Tensor:
            return math.pi * (2 * noise.uniform(n) - 1)

        def sizes() -> Tensor:
            return torch.exp2(SIZES * noise.normal(n))

        one = torch.ones_like(self.p).expand(n)
        then("flip", _scaling(1 - 2 * (noise.uniform(n) < 0.5) * one, one))
        quarters = noise.integers(n, 4)
        cosine, sine = self.p.new_tensor([[1, 0, -1, 0], [0, 1, 0, -1]])
        then("quarter_turns", _turning(cosine[quarters], sine[quarters]))
        then("shift", _moving(((2 * noise.uniform(n, 2) - 1) * SHIFT * sides).round()))
        scale = sizes()
        then("scale", _scaling(scale, scale))
        either = 1 - (1 - self.p).clamp_min(0).sqrt()  # one of two turns, or both: p
        before, stretch, after = angles(), sizes(), angles()
        then("rotation", _turning(before.cos(), before.sin()), either)
        then("stretch", _scaling(stretch, 1 / stretch))
        then("rotation", _turning(after.cos(), after.sin()), either)
        then("drift", _moving(SHIFT * noise.normal(n, 2) * sides))
        return moves[:, :2]

    def colours(self, channels: int) -> Tensor:
        """Return affine maps of colours, (N, 3, 4); hue and saturation of what has some."""
        n, noise = self.n, self.noise
        colours = torch.eye(4, dtype=self.p.dtype, device=self.p.device).expand(n, 4, 4)
        eye = colours[0]
        grey = eye.new_tensor([1.0, 1.0, 1.0, 0.0]) * 3**-0.5
        along = grey.outer(grey)

        def then(operation: Operation, matrix: Tensor) -> None:
            nonlocal colours
            happens = self.happens(operation)
            colours = torch.where(happens[:, None, None], matrix.to(colours) @ colours, colours)

        def each(numbers: Tensor) -> Tensor:
            return numbers[:, None, None]

        offset = grey[:, None] * (3**0.5 * eye[3])  # adds to each of the three
        rgb = torch.diag(eye.new_tensor([1.0, 1.0, 1.0, 0.0]))
        then("brightness", eye + each(BRIGHTNESS * noise.normal(n)) * offset)
        then("contrast", eye + each(torch.exp2(CONTRAST * noise.normal(n)) - 1) * rgb)
        then("luma_flip", eye - 2 * each(noise.uniform(n) < 0.5) * along)
        if channels == 1:
            return colours[:, :3]
        hue = math.pi * (2 * noise.uniform(n) - 1)
        a, b, c, _ = grey
        o = torch.zeros_like(a)
        across = torch.stack([o, -c, b, o, c, o, -a, o, -b, a, o, o, o, o, o, o]).view(4, 4)
        round_grey = along + each(hue.cos()) * (rgb - along) + each(hue.sin()) * across
        then("hue", torch.diag(eye[3]) + round_grey)
        saturation = torch.exp2(SATURATION * noise.normal(n))
        then("saturation", along + (eye - along) * each(saturation) + (1 - each(saturation))
             * torch.diag(eye[3]))  # fmt: skip
        return colours[:, :3]

    def gains(self) -> Tensor:
        """Return gains of the bands, (N, 4), that keep the power of an image as expected."""
        gains = torch.ones(self.n, len(POWER), dtype=self.p.dtype, device=self.p.device)
        power = self.p.new_tensor(POWER)
        for band, operation in enumerate(GROUPS["filter"]):
            if operation not in self.operations:
                continue
            one = torch.ones_like(gains)
            one[:, band] = torch.exp2(BAND * self.noise.normal(self.n))
            one = one / (power * one.square()).sum(1, keepdim=True).sqrt()
            gains = torch.where(self.happens(operation)[:, None], gains * one, gains)
        return gains

    def spread(self) -> Tensor:
        """Return the deviation of each image's noise, (N, 1, 1, 1)."""
        spread = NOISE * self.noise.normal(self.n).abs()
        return (spread * self.happens("noise"))[:, None, None, None]

    def hole(self) -> Tensor:
        """Return the middle and the size of each hole, (N, 3)."""
        if "cutout" not in self.operations:
            return torch.zeros(self.n, 3, dtype=self.p.dtype, device=self.p.device)
        size = HOLE * self.happens("cutout").to(self.p.dtype)
        return torch.cat([self.noise.uniform(self.n, 2), size[:, None]], 1)


def coloured(x: Tensor, colours: Tensor) -> Tensor:
    """Return images (N, C, H, W) under affine maps (N, 3, 4) of their first three channels.

    Of grey ones it is the mean of the three; what is transparent stays so.
    """
    if x.shape[1] == 1:
        colours = colours.mean(1, keepdim=True)
        return x * colours[:, :, :3].sum(2)[:, :, None, None] + colours[:, :, 3, None, None]
    mixed = (colours[:, :, :3] @ x[:, :3].flatten(2)).view_as(x[:, :3])
    mixed = mixed + colours[:, :, 3, None, None]
    return mixed if x.shape[1] == 3 else torch.cat([mixed, x[:, 3:]], 1)


def cut(x: Tensor, hole: Tensor) -> Tensor:
    """Return images (N, C, H, W) with a grey rectangle each: middle and size (N, 3) as shares."""
    shown = torch.zeros(len(x), 1, *x.shape[2:], dtype=torch.bool, device=x.device)
    for axis, side in ((3, x.shape[3]), (2, x.shape[2])):
        place = (torch.arange(side, device=x.device) + 0.5) / side
        apart = (place - hole[:, 3 - axis, None]).abs() >= hole[:, 2, None] / 2
        shown = shown | apart[:, None, None] if axis == 3 else shown | apart[:, None, :, None]
    return x * shown


def _scaling(across: Tensor, down: Tensor) -> Tensor:
    """Return the inverses (N, 3, 3) of maps that make images larger by these factors."""
    return torch.diag_embed(torch.stack([1 / across, 1 / down, torch.ones_like(across)], 1))


def _turning(cosine: Tensor, sine: Tensor) -> Tensor:
    """Return rotations (N, 3, 3)."""
    o, one = torch.zeros_like(cosine), torch.ones_like(cosine)
    rows = [cosine, -sine, o, sine, cosine, o, o, o, one]
    return torch.stack(rows, 1).view(-1, 3, 3)


def _moving(by: Tensor) -> Tensor:
    """Return the inverses (N, 3, 3) of shifts by (across, down), (N, 2)."""
    eye = torch.eye(3, dtype=by.dtype, device=by.device).repeat(len(by), 1, 1)
    eye[:, :2, 2] = -by
    return eye
