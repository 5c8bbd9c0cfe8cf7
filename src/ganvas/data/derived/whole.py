"""The item itself: what a network is given that changes how a picture looks, not what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ganvas.data.derived import Derivation
from ganvas.data.domain import AnyArray, Domain

if TYPE_CHECKING:
    from torch import Tensor


class Whole(Derivation):
    """The item as it is."""

    kind: Literal["whole"] = "whole"

    def domain(self, of: Domain) -> Domain:
        """Return the items' own kind."""
        return of

    def work_out(self, x: Tensor, chances: Tensor) -> Tensor:
        """Return the items."""
        return x

    def alike(self, x: Tensor, field: Tensor) -> Tensor:
        """Return the items, in which there is no chance."""
        return x

    def shown(self, field: AnyArray, of: Domain) -> AnyArray:
        """Return the items."""
        return field
