"""Settings under ``data`` that belong to one kind of data, or to one source of it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganvas.config import Settings


class DataOptions(Settings):
    """Settings that stand beside the others under ``data``, and that others refuse.

    Attributes:
        owner: what understands them, in words.
    """

    owner: ClassVar[str] = ""


class CacheOptions(DataOptions):
    """What data that come as files can be told.

    Attributes:
        cache: where they are kept unpacked, images decoded and tables as numbers. ``auto``: small
            sets in memory, others on disk in the user's cache folder; a folder: there; ``memory``;
            ``none``: nowhere, each batch of images is decoded anew. Arrays that are not compressed
            are mapped where they lie.
    """

    cache: str = Field(default="auto", min_length=1)
