"""DiffAugment (Zhao et al. 2020): differentiable changes of all images, always on.

A policy names groups in the order in which they are done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Final

import torch
from pydantic import AfterValidator
from torch import Tensor

from ganvas.data.spec import DataSpec
from ganvas.errors import did_you_mean
from ganvas.games.parts.changes import Change, refuse_others
from ganvas.nn import folded
from ganvas.play import Turns

SHIFT: Final = 0.125
"""Share of each side by which images are shifted at most; what is missing is 0."""
HOLE: Final = 0.5
"""Share of each side of the square that is hidden."""


def brightness(x: Tensor, u: Tensor) -> Tensor:
    """Return x + b with b uniform on [−½, ½), from u (N, 1) uniform on [0, 1)."""
    return _colours(x, lambda c: c + _each(u[:, 0] - 0.5))


def saturation(x: Tensor, u: Tensor) -> Tensor:
    """Return pixels as far from the mean of their channels as a factor on [0, 2) says, (N, 1)."""
    return _colours(x, lambda c: _about(c, c.mean(1, keepdim=True), 2 * u[:, 0]))


def contrast(x: Tensor, u: Tensor) -> Tensor:
    """Return pixels as far from the mean of the image as a factor on [½, 1½) says, (N, 1)."""
    return _colours(x, lambda c: _about(c, c.mean((1, 2, 3), keepdim=True), u[:, 0] + 0.5))


def translation(x: Tensor, u: Tensor) -> Tensor:
    """Return images shifted by whole pixels, from (N, 2) for down and across; 0 comes in."""
    for axis in (2, 3):
        side = x.shape[axis]
        most = int(SHIFT * side + 0.5)
        by = (u[:, axis - 2] * (2 * most + 1)).floor().long() - most
        place = torch.arange(side, device=x.device) + by[:, None]
        there = (place >= 0) & (place < side)
        shape = (len(x), 1, side, 1) if axis == 2 else (len(x), 1, 1, side)
        x = x.gather(axis, folded(place, side).view(shape).expand_as(x)) * there.view(shape)
    return x


def cutout(x: Tensor, u: Tensor) -> Tensor:
    """Return images with a square of zeros each, whose middle (N, 2) is anywhere inside."""
    hidden = torch.ones(len(x), 1, *x.shape[2:], dtype=torch.bool, device=x.device)
    for axis in (2, 3):
        side = x.shape[axis]
        size = int(HOLE * side + 0.5)
        first = (u[:, axis - 2] * (side + 1 - size % 2)).floor().long() - size // 2
        place = torch.arange(side, device=x.device) - first[:, None]
        inside = (place >= 0) & (place < size)
        shape = (len(x), 1, side, 1) if axis == 2 else (len(x), 1, 1, side)
        hidden = hidden & inside.view(shape)
    return x * ~hidden


POLICIES: Final[dict[str, tuple[tuple[Callable[[Tensor, Tensor], Tensor], int], ...]]] = {
    "color": ((brightness, 1), (saturation, 1), (contrast, 1)),
    "translation": ((translation, 2),),
    "cutout": ((cutout, 2),),
}
"""What each group does in turn, and how many uniform numbers it takes for each image."""


def _known(policy: str) -> str:
    for name in policy.split(","):
        if name not in POLICIES:
            raise ValueError(
                f"'{name}' is no group of changes.{did_you_mean(name, POLICIES)} A policy is some "
                f"of {', '.join(POLICIES)}, joined by commas"
            )
    return policy


Policy = Annotated[str, AfterValidator(_known)]
"""Groups of changes, joined by commas, in the order in which they are done."""


class DiffAugment(Change):
    """A view of a judge: the changes of a policy.

    Args:
        policy: groups of changes.
        spec: of the data.

    Raises:
        UsageError: the data are no images.
    """

    field: ClassVar[str] = "~diffaugment"

    def __init__(self, policy: Policy, spec: DataSpec) -> None:
        super().__init__()
        refuse_others(spec, "diffaugment")
        self.steps = [step for name in policy.split(",") for step in POLICIES[name]]
        self.numbers = sum(count for _, count in self.steps)

    def draw(self, x: Tensor, turn: Turns) -> Tensor:
        """Return uniform numbers (N, …) for images."""
        return turn.noise.uniform(len(x), self.numbers).to(x.dtype)

    def change(self, x: Tensor, drawn: Tensor) -> Tensor:
        """Return images (N, C, H, W), changed as numbers say."""
        parts = torch.split(drawn, [count for _, count in self.steps], 1)
        for (step, _), part in zip(self.steps, parts, strict=True):
            x = step(x, part)
        return x


def _colours(x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Return images with their colours changed; what is transparent stays so."""
    return torch.cat([change(x[:, :3]), x[:, 3:]], 1) if x.shape[1] > 3 else change(x)


def _about(x: Tensor, middle: Tensor, factor: Tensor) -> Tensor:
    return middle + _each(factor) * (x - middle)


def _each(numbers: Tensor) -> Tensor:
    """Return numbers (N,) so that each meets its own image: (N, 1, 1, 1)."""
    return numbers[:, None, None, None]
