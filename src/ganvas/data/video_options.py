"""What a data set of clips can be told."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ganvas.data.image_options import ImageOptions, Pixels

FRAMES = 16
"""How many frames a clip has where nothing says otherwise."""

Short = Literal["refuse", "drop", "repeat", "pingpong"]


class VideoOptions(ImageOptions):
    """What clips can be told, beside all that images can be.

    Attributes:
        videos: read a folder as videos though no video file is in it: animated pictures, folders
            of frames, strips of frames.
        frames: how many a clip has. None: 16, or as many as clips in an array have.
        stride: every so many frames one is taken.
        fps: frames a second instead, by the times of frames; those of a frame folder, a strip or
            an array are taken as they are.
        short: what becomes of a video of fewer frames than a clip needs: ``refuse``; ``drop`` it;
            ``repeat`` its last frame; ``pingpong``: go back and forth.
        crop: where a clip is cut out under ``resize=fit-crop``: ``centre``, or ``random``: anew
            for each clip, at one place for all of its frames.
        short_edge: of frames that clips are cut out of at random, in pixels; None: frames are as
            small as they may be.
        uniform: over ``videos``, of which each then is seen as often, or over all ``clips``.
        hold_by: what ``hold_out`` holds out: whole ``videos``, the last ``time`` of each, or
            ``auto``: time if there is one video, else videos.
        strips: a picture that is 4 times as long as wide, or more, is one of square frames; or
            frames are of this [height, width]; false: no picture is.
    """

    owner: ClassVar[str] = "videos"
    videos: bool = False
    frames: int | None = Field(default=None, ge=1, le=100_000)
    stride: int = Field(default=1, ge=1, le=100_000)
    fps: float | None = Field(default=None, gt=0)
    short: Short = "refuse"
    crop: Literal["centre", "random"] = "centre"
    short_edge: Pixels | None = None
    uniform: Literal["videos", "clips"] = "videos"
    hold_by: Literal["auto", "videos", "time"] = "auto"
    strips: bool | tuple[Pixels, Pixels] = True

    @model_validator(mode="after")
    def _one_pace(self) -> Self:
        if self.fps is not None and self.stride != 1:
            raise ValueError(
                f"fps={self.fps:g} and stride={self.stride} both say which frames are taken: "
                "choose one"
            )
        if self.crop == "random" and self.resize != "fit-crop":
            raise ValueError("crop=random cuts clips out of larger ones: set resize=fit-crop, too")
        if self.short_edge is not None and self.crop != "random":
            raise ValueError("short_edge is that of frames that clips are cut out of: crop=random")
        return self
