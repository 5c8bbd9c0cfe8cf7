"""Pairs of linked records: the links of a graph, which belong to all its nodes together."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from ganvas.config import Settings
from ganvas.data.domain import AnyArray, Domain, Size


class Links(Domain):
    """Pairs (E, 2) int64 of record numbers i < j, each link once."""

    plural: ClassVar[str] = "links"
    named: ClassVar[str] = "links"
    loose: ClassVar[bool] = True

    kind: Literal["links"] = "links"

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of links."""
        return cls()

    @property
    def shape(self) -> Size:
        """Shape of one link: a pair."""
        return (2,)
