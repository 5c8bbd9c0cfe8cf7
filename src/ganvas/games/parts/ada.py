"""Adaptive discriminator augmentation (ADA, Karras et al. 2020): eighteen changes of all images.

Each happens to each image alone, with a probability p that follows how sure D is of its training
images. All that move pixels are one affine map, all that mix colours one matrix. As long as p < 1
no change is certain, so that none shows in what G draws (section 2.2).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.data.spec import DataSpec
from ganvas.games.parts.changes import Change, refuse_others
from ganvas.games.parts.eighteen import (
    GROUPS,
    POWER,
    Group,
    Law,
    Operation,
    Told,
    coloured,
    cut,
)
from ganvas.nn import band_filters, banded, changed_rows, warped
from ganvas.play import Turns


class Ada(Settings):
    """Changes with a probability that rises while D is surer than the target, else falls.

    Attributes:
        groups: b(lit), g(eom), c(olor), f(ilter), n(oise) and c(utout) together, or one of them.
        without: changes that are left out of them, such as flips where there are letters.
        probability: p at the start.
        target: of r = E sign D(T(x)) on training images; null: p stays as it is.
        kimg: thousands of images in which p would go from 0 to 1; 100 for fine-tuning.
        every: turns of D between changes of p.
        most: p is never above it. From about 0.8 on, changes begin to show in samples.
    """

    groups: Group = "bgc"
    without: list[Operation] = Field(default=[])
    probability: float = Field(default=0.0, ge=0, le=1)
    target: Annotated[float, Field(gt=-1, lt=1)] | None = 0.6
    kimg: float = Field(default=500.0, gt=0)
    every: int = Field(default=4, ge=1)
    most: float = Field(default=1.0, ge=0, le=1)

    @property
    def operations(self) -> frozenset[Operation]:
        """The changes that may happen."""
        return frozenset(GROUPS[self.groups]) - frozenset(self.without)

    def view(self, spec: DataSpec) -> Adaptive:
        """Return the changes as a view of a judge.

        Raises:
            UsageError: the data are no images.
        """
        refuse_others(spec, "ada")
        return Adaptive(self)


class Adaptive(Change):
    """A view of a judge: ADA's changes, and the controller of their probability.

    Attributes:
        p: the probability, 0-d.
        total: Σ r over the turns since p last changed, 0-d.
        turns, images: how many these were, with how many training images of all processes, 0-d.
    """

    field: ClassVar[str] = "~ada"
    numbers = 25

    p: Tensor
    total: Tensor
    turns: Tensor
    images: Tensor
    bank: Tensor

    def __init__(self, settings: Ada) -> None:
        super().__init__()
        self.settings, self.operations = settings, settings.operations
        self.register_buffer("p", torch.tensor(settings.probability))
        self.register_buffer("total", torch.zeros(()))
        self.register_buffer("turns", torch.zeros((), dtype=torch.long))
        self.register_buffer("images", torch.zeros((), dtype=torch.long))
        self.register_buffer("bank", band_filters(len(POWER)).float(), persistent=False)
        self._heard: list[Tensor] = []

    # ---- the changes ----------------------------------------------------------------------------

    def draw(self, x: Tensor, turn: Turns) -> Tensor:
        """Return what is to happen to images (N, C, H, W)."""
        _, channels, height, width = x.shape
        law = Law(len(x), self.p.to(x.dtype), self.operations, turn.noise)
        told = Told(law.moves(height, width), law.colours(channels), law.gains(), law.hole())
        return told.rows().to(x.dtype)

    def change(self, x: Tensor, drawn: Tensor) -> Tensor:
        """Return images (N, C, H, W) under what was drawn for them, (N, 25)."""
        told = Told.of(drawn)
        if self._may("bg"):
            x = warped(x, told.moves)
        if self._may("color"):
            x = coloured(x, told.colours)
        if self._may("filter"):
            bank = self.bank.to(x.dtype)
            other = (told.gains != 1).any(1)
            x = changed_rows(x, other, lambda some, at: banded(some, told.gains[at] @ bank))
        return cut(x, told.hole) if self._may("cutout") else x

    def _may(self, group: Group) -> bool:
        """Whether anything of a group may happen."""
        return not self.operations.isdisjoint(GROUPS[group])

    def forward(self, batch: Batch, turn: Turns) -> Batch:
        """Return the batch with its main field changed, and how; noise shows outside of holes."""
        batch = super().forward(batch, turn)
        if not self._may("noise"):
            return batch
        x = batch.x
        law = Law(len(x), self.p.to(x.dtype), self.operations, turn.noise)
        noise = cut(law.spread() * turn.noise.normal(*x.shape), Told.of(batch[self.field]).hole)
        return batch.replace(**{batch.main: x + noise})

    # ---- their probability ----------------------------------------------------------------------

    def hear(self, believed: Tensor) -> None:
        """Take note of how sure the judge was of each training image, (N,) in [−1, 1]."""
        self._heard.append(believed)

    @torch.no_grad()
    def adapt(self, turn: Turns) -> None:
        """Move p towards where r is at its target, after the last of so many turns."""
        if not self._heard:
            return
        heard, self._heard = torch.cat(self._heard), []
        self.total += turn.ranks.mean(heard.to(self.total.dtype).mean())
        self.turns += 1
        self.images += len(heard) * turn.ranks.world
        found = self.total / self.turns
        turn.note(**{"ada/p": self.p.clone(), "ada/r": found})
        if self.settings.target is None:
            step = torch.zeros_like(self.p)
        else:
            step = (found - self.settings.target).sign() * self.images / (1000 * self.settings.kimg)
        over = self.turns >= self.settings.every
        self.p.copy_(torch.where(over, (self.p + step).clamp(0, self.settings.most), self.p))
        for count in (self.total, self.turns, self.images):
            count.mul_(~over)
