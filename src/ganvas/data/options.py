"""Settings under ``data`` that belong to one kind of data, or to one source of it."""

from __future__ import annotations

from typing import ClassVar

from ganvas.config import Settings


class DataOptions(Settings):
    """Settings that stand beside the others under ``data``, and that others refuse.

    Attributes:
        owner: what understands them, in words.
    """

    owner: ClassVar[str] = ""
