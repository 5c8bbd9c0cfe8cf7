"""Fields that are worked out of items on their way: a copy with a part hidden, a coarser one.

Each kind is a file here, found by its name. Rounds are given such fields beside the item, drawn
anew each time where there is chance in them; of finite splits they are worked out when they are
asked for, alike each time. Needs no torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from ganvas.config import Settings
from ganvas.data.domain import AnyArray, Domain
from ganvas.kinds import ByKind

if TYPE_CHECKING:
    from torch import Tensor


class Derivation(Settings, ABC):
    """How a field is worked out of the main one.

    Attributes:
        chances: how many numbers in [0, 1) it takes for each item.
    """

    chances: ClassVar[int] = 0

    kind: Any

    @abstractmethod
    def domain(self, of: Domain) -> Domain:
        """Return kind, shape and units of the field, for items of a kind.

        Raises:
            UsageError: nothing of the sort can be worked out of such items.
        """

    @abstractmethod
    def work_out(self, x: Tensor, chances: Tensor) -> Tensor:
        """Return the field of items (N, *shape) in network units, in its own network units.

        Args:
            x: the items.
            chances: (N, chances) uniform on [0, 1).
        """

    @abstractmethod
    def alike(self, x: Tensor, field: Tensor) -> Tensor:
        """Return the field of items by the chances that a field (N, …) of others was made with."""

    @abstractmethod
    def shown(self, field: AnyArray, of: Domain) -> AnyArray:
        """Return the field in data units as items that people can see beside those it is of."""

    def restored(self, made: AnyArray, field: AnyArray) -> AnyArray:
        """Return items made for a field, in data units, with what it tells for sure put back."""
        return made


AnyDerivation = Annotated[Derivation, ByKind(__name__)]
"""A field of settings that holds any way to work out a field."""
