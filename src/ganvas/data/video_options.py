"""What a data set of clips can be told."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ganvas.data.image_options import ImageOptions

FRAMES = 16
"""How many frames a clip has where nothing says otherwise."""

Short = Literal["refuse", "drop", "repeat", "pingpong"]


class VideoOptions(ImageOptions):
    """What clips can be told, beside all that images can be.

    Attributes:
        frames: how many a clip has. None: 16, or as many as clips in an array have.
    """

    owner: ClassVar[str] = "videos"
    frames: int | None = Field(default=None, ge=1)
