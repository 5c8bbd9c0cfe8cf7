"""The contract of a way in which data come: what it recognises, and how it is opened.

ganvas' own ways stand in `ganvas.data.catalogue`. A reader of one's own is a subclass in one's own
module, known once that is imported; it is asked before all others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganvas.data.settings import DataSettings
    from ganvas.data.source import Source


class Reader(ABC):
    """One way in which data come."""

    @classmethod
    @abstractmethod
    def recognises(cls, source: str) -> bool:
        """Whether ``data.source`` is of this way."""

    @classmethod
    @abstractmethod
    def open(cls, settings: DataSettings) -> Source:
        """Open the data.

        Raises:
            UsageError: they are not there, are broken, or do not fit the settings.
        """


def own_reader(source: str) -> type[Reader] | None:
    """Return the reader of one's own that recognises ``source``, the last imported first."""
    found = (reader for reader in reversed(_below(Reader)) if reader.recognises(source))
    return next(found, None)


def _below(of: type[Reader]) -> list[type[Reader]]:
    return [found for sub in of.__subclasses__() for found in (sub, *_below(sub))]
