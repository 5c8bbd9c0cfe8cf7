"""Random changes of all images that the discriminator is shown, real and fake under one law.

They let a discriminator train on few images without learning them by heart, and, each being
absent with probability 1 − p, they do not leak into what the generator draws (Karras et al. 2020,
section 2.2). All are linear in the image, or affine, so gradients and second derivatives pass.
"""

from __future__ import annotations

import torch
from pydantic import Field, field_validator
from torch import Tensor

from ganvas.config import Schedule, Settings, Share, value_at
from ganvas.data.batch import Batch
from ganvas.data.domain import PLANE
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.play import Noise, Turns


class Augment(Settings):
    """Every change happens to each image alone, with probability p.

    Attributes:
        probability: p, a number in [0, 1] or a schedule; at 0 nothing is changed nor drawn.
        flip: left to right, in half of the cases.
        shift: by whole pixels, at most this share of each side; what is missing is mirrored.
        cutout: a grey rectangle with this share of each side hides a part.
        brightness: standard deviation of an offset, in network units.
        contrast: of the binary logarithm of a factor, about grey.
    """

    probability: Share = Schedule(start=0.0, end=0.5)
    flip: bool = True
    shift: float = Field(default=0.125, ge=0, lt=1)
    cutout: float = Field(default=0.5, ge=0, lt=1)
    brightness: float = Field(default=0.2, ge=0)
    contrast: float = Field(default=0.5, ge=0)

    @field_validator("probability")
    @classmethod
    def _is_a_probability(cls, p: float | Schedule) -> float | Schedule:
        ends = (p.start, p.end) if isinstance(p, Schedule) else (p,)
        if not all(0 <= end <= 1 for end in ends):
            raise ValueError("a probability lies between 0 and 1")
        return p

    def view(self, spec: DataSpec) -> Augmented:
        """Return the changes as a view of a judge.

        Raises:
            UsageError: the data are no images.
        """
        if spec.domain.grid != PLANE:
            raise UsageError(
                f"game.augment changes images, but {spec.name} holds {spec.domain.plural}: "
                "leave it out"
            )
        return Augmented(self)

    def change(self, x: Tensor, p: float, noise: Noise) -> Tensor:
        """Return images (N, C, H, W), each changed on its own with probability ``p``."""
        if not p:
            return x
        n, height, width = len(x), x.shape[2], x.shape[3]

        def happens() -> Tensor:
            return noise.uniform(n) < p

        rows, columns = (torch.arange(side, device=x.device) for side in (height, width))
        if self.shift:
            moved = happens()
            rows = mirrored(rows + (moved * _steps(n, self.shift * height, noise))[:, None], height)
            columns = mirrored(
                columns + (moved * _steps(n, self.shift * width, noise))[:, None], width
            )
        if self.flip:
            turned = happens() & (noise.uniform(n) < 0.5)
            columns = torch.where(turned[:, None], width - 1 - columns, columns)
        if self.shift or self.flip:
            x = picked(x, rows.expand(n, -1), columns.expand(n, -1))
        if self.brightness:
            x = x + _each(happens() * self.brightness * noise.normal(n))
        if self.contrast:
            x = x * _each(torch.exp2(happens() * self.contrast * noise.normal(n)))
        if self.cutout:
            covered = happens()
            down = _hidden(height, self.cutout, noise.uniform(n))
            across = _hidden(width, self.cutout, noise.uniform(n))
            hole = covered[:, None, None] & down[:, :, None] & across[:, None, :]
            x = x.masked_fill(hole[:, None], 0.0)
        return x


class Augmented:
    """A view of a judge: every image under random changes."""

    def __init__(self, augment: Augment) -> None:
        self.augment = augment

    def __call__(self, batch: Batch, turn: Turns) -> Batch:
        """Return the batch with its main field changed."""
        p = value_at(self.augment.probability, turn.progress)
        return batch.replace(**{batch.main: self.augment.change(batch.x, p, turn.noise)})


def mirrored(places: Tensor, side: int) -> Tensor:
    """Return indices with those outside 0 … side − 1, by less than a side, mirrored at the ends."""
    places = places.abs()
    return side - 1 - (side - 1 - places).abs()


def picked(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return images (N, C, H, W) whose pixel (i, j) is (rows[n, i], columns[n, j]) of image n."""
    channels, height, width = x.shape[1:]
    x = x.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width))
    return x.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))


def _steps(n: int, largest: float, noise: Noise) -> Tensor:
    """Return whole numbers (N,), uniform on −⌊largest⌋ … ⌊largest⌋."""
    return noise.integers(n, 2 * int(largest) + 1) - int(largest)


def _hidden(side: int, share: float, centre: Tensor) -> Tensor:
    """Return which places (N, side) lie within share · side / 2 of each centre (N,) in [0, 1)."""
    places = (torch.arange(side, device=centre.device) + 0.5) / side
    return (places - centre[:, None]).abs() < share / 2


def _each(numbers: Tensor) -> Tensor:
    """Return numbers (N,) so that each meets its own image: (N, 1, 1, 1)."""
    return numbers[:, None, None, None]
