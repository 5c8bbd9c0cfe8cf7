"""Views that change each image by numbers drawn for it, and know the way back.

A judge's score of a changed image is D(T(x)), T affine in x. Penalties on its slope at samples are
on ∇ₓ D(T(x)) = Tᵀ ∇D, so that a change that hides or repeats pixels weighs as it should (Karras et
al. 2020, section 3.1): what was drawn goes with the batch as one more field.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganvas.data.batch import Batch
from ganvas.data.domain import PLANE
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.play import Turns


class Change(nn.Module, ABC):
    """A view of images x ↦ A x + b, with A and b of each image made from numbers drawn for it.

    Attributes:
        field: under which the batch holds these numbers, (N, `numbers`).
        numbers: for each image.
    """

    of_run: ClassVar[bool] = True
    field: ClassVar[str]
    numbers: int

    @abstractmethod
    def draw(self, x: Tensor, turn: Turns) -> Tensor:
        """Return numbers (N, `numbers`) for images (N, C, H, W)."""

    @abstractmethod
    def change(self, x: Tensor, drawn: Tensor) -> Tensor:
        """Return images under the changes that numbers say, differentiable twice."""

    def forward(self, batch: Batch, turn: Turns) -> Batch:
        """Return the batch with its main field changed, and how."""
        drawn = self.draw(batch.x, turn)
        return batch.replace(**{batch.main: self.change(batch.x, drawn), self.field: drawn})

    def back(self, gradient: Tensor, drawn: Tensor) -> Tensor:
        """Return Aᵀ g of the slope g at changed images, in packs or not, shaped like it."""
        numbers = drawn.reshape(-1, self.numbers)
        g = gradient.reshape(len(numbers), -1, *gradient.shape[2:])
        with torch.enable_grad():
            blank = torch.zeros_like(g).requires_grad_()
            changed = self.change(blank, numbers)
            (pulled,) = torch.autograd.grad(changed, blank, g, create_graph=True)
        return pulled.view_as(gradient)

    def hear(self, believed: Tensor) -> None:
        """Take note of which real images, (N,), the judge took for real; by default nothing."""

    def adapt(self, turn: Turns) -> None:
        """Heed what was heard in the judge's turn that is just over; by default nothing."""


def refuse_others(spec: DataSpec, option: str) -> None:
    """Refuse data that are no images.

    Raises:
        UsageError: they are none.
    """
    if spec.domain.grid != PLANE:
        raise UsageError(
            f"game.{option} changes images, but {spec.name} holds {spec.domain.plural}: leave it "
            "out"
        )
