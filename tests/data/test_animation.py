"""GIF and MP4: what is written is read again, by another library where there is one."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image, ImageSequence

from ganvas.data.animation import animated
from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points
from ganvas.data.previews import media_type
from ganvas.errors import UsageError

SHAPES = [(5, 12, 12, 1), (4, 9, 7, 3), (3, 301, 257, 3), (2, 8, 8, 4)]


def ramps(shape: tuple[int, ...]) -> np.ndarray:
    """Return frames of one level each, different ones."""
    levels = np.linspace(30, 220, shape[0]).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], shape).copy()


def read_gif(content: bytes) -> tuple[np.ndarray, list[int]]:
    with Image.open(io.BytesIO(content)) as file:
        pauses = [frame.info["duration"] for frame in ImageSequence.Iterator(file)]
        shown = [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(file)]
    return np.stack(shown), pauses


@pytest.mark.parametrize("shape", SHAPES)
def test_gifs_show_all_frames_for_as_long_as_asked(shape: tuple[int, ...]) -> None:
    frames = ramps(shape)
    if shape[-1] == 4:
        frames[..., 3] = 255
    content = animated(frames, ".gif", 24)
    shown, pauses = read_gif(content)
    factor = shown.shape[1] // shape[1]
    assert shown.shape[1:3] == (shape[1] * factor, shape[2] * factor)
    assert np.abs(shown[:, 0, 0, 0].astype(int) - frames[:, 0, 0, 0]).max() <= 4
    assert abs(sum(pauses) - 1000 * len(frames) / 24) <= 5  # none is lost to rounding
    assert media_type(".gif", content) == "image/gif"


@pytest.mark.parametrize("shape", SHAPES)
def test_mp4s_have_even_sides_and_all_frames(shape: tuple[int, ...]) -> None:
    av = pytest.importorskip("av")
    frames = ramps(shape)
    if shape[-1] == 4:
        frames[..., 3] = 255
    content = animated(frames, ".mp4", 12.5)
    assert media_type(".mp4", content) == "video/mp4"
    with av.open(io.BytesIO(content)) as file:
        stream = file.streams.video[0]
        assert float(stream.average_rate) == 12.5
        shown = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
    assert len(shown) == shape[0]
    factor = max(1, round(256 / max(shape[1:3])))
    for shown_frame, frame in zip(shown, frames, strict=True):
        sides = [side * factor + side * factor % 2 for side in shape[1:3]]
        assert shown_frame.shape == (*sides, 3)
        assert np.abs(shown_frame.astype(int) - frame[0, 0, 0]).max() <= 6


def test_transparent_frames_lie_on_white() -> None:
    frames = np.zeros((2, 64, 64, 4), np.uint8)
    frames[1, ..., 3] = 255
    shown, _ = read_gif(animated(frames, ".gif"))
    assert (shown[0] == 255).all()
    assert (shown[1] == 0).all()


def test_what_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = ramps((2, 8, 8, 1))
    with pytest.raises(UsageError, match=r"a \.gif or \.mp4 file, not '\.avi'"):
        animated(frames, ".avi")
    for rate in (0, -1, 1e6):
        with pytest.raises(UsageError, match="frames a second"):
            animated(frames, ".gif", rate)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UsageError, match=r"pip install 'ganvas\[video\]', or write a \.gif"):
        animated(frames, ".mp4")


def test_frames_of_points_grow_in_one_view() -> None:
    points = Points(dim=2, shift=[0.0, 0.0], scale=1.0)
    path = np.stack([np.linspace(-1, 1, 5), np.zeros(5)], 1).astype(np.float32)
    frames = points.pictures(path)
    assert frames.shape[0] == 5
    ink = (frames < 255).sum((1, 2, 3))
    assert (np.diff(ink) > 0).all()
    assert ((frames[0] < 255) <= (frames[-1] < 255)).all()
    line = Points(dim=1, shift=[0.0], scale=1.0)
    assert len(line.pictures(path[:, :1])) == 5


def test_frames_of_images_are_themselves() -> None:
    images = ramps((3, 4, 4, 1))
    assert Images(channels=1, height=4, width=4).pictures(images) is images
