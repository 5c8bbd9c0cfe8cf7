"""Animations: frames as GIF or WebP, by Pillow, or as MP4, by the optional ``av`` package."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganvas.errors import UsageError
from ganvas.loading import extra

AnyArray = npt.NDArray[Any]

EDGE = 256
"""Small frames are enlarged by a whole factor to about this edge."""
MOST = 240
"""Frames in a second."""
FASTEST = 50
"""The same of a GIF: viewers take shorter pauses for a tenth of a second."""


def require(suffix: str, rate: float) -> None:
    """Refuse an animation that cannot be written here, before any work is done.

    Raises:
        UsageError: the suffix is none of an animation, the rate makes no sense, or ``av`` is
            missing.
    """
    if suffix not in WRITERS:
        raise UsageError(f"an animation is a {' or '.join(WRITERS)} file, not '{suffix}'")
    if not 0 < rate <= MOST:
        raise UsageError(f"an animation shows 0 to {MOST} frames a second, not {rate:g}")
    if suffix == ".mp4":
        _library()


def animated(frames: AnyArray, suffix: str, rate: float = 24.0, *, enlarge: bool = True) -> bytes:
    """Return the content of a file that shows frames one after the other, for ever where it may.

    Args:
        frames: uint8 (T, H, W, C), C = 1, 3 or 4; transparent ones are laid on white.
        suffix: of the file, ``.gif`` or ``.mp4``.
        rate: frames a second.
        enlarge: repeat the pixels of small frames, so that people see them.

    Raises:
        UsageError: as of `require`.
    """
    require(suffix, rate)
    factor = max(1, round(EDGE / max(frames.shape[1:3]))) if enlarge else 1
    shown = _opaque(frames).repeat(factor, axis=1).repeat(factor, axis=2)
    return WRITERS[suffix](shown, rate)


def webp(frames: AnyArray, rate: float) -> bytes:
    """Return the content of a WebP file that shows frames, (T, H, W, C), without any loss."""
    times = np.rint(1000 * np.arange(len(frames) + 1) / rate).astype(int)
    return webp_timed(frames, np.diff(times).tolist())


def webp_timed(frames: AnyArray, pauses: Sequence[int]) -> bytes:
    """Return what `webp` does, each frame shown for so many milliseconds."""
    pictures = [Image.fromarray(f[:, :, 0] if f.shape[-1] == 1 else f) for f in frames]
    content = io.BytesIO()
    first, *others = pictures
    told: dict[str, Any] = {"save_all": True, "append_images": others, "duration": list(pauses)}
    first.save(content, "webp", lossless=True, exact=True, loop=0, **told)
    return content.getvalue()


def lossless(frames: AnyArray, rate: float) -> bytes:
    """Return the content of an MP4 file whose frames are exactly those given, opaque, any size.

    Not every player shows such files: their colours are not those of squares of pixels.
    """
    return _encoded(_opaque(frames), rate, "libx264rgb", "rgb24", {"qp": "0"})


def _opaque(frames: AnyArray) -> AnyArray:
    """Return frames without transparency, (T, H, W, 1) or (T, H, W, 3)."""
    if frames.shape[-1] != 4:
        return frames
    alpha = frames[..., 3:].astype(np.uint16)
    laid = (frames[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return laid.astype(np.uint8)


def _gif(frames: AnyArray, rate: float) -> bytes:
    rate = min(rate, FASTEST)
    # A GIF counts hundredths of a second: pauses differ by one, and none is lost in all.
    times = np.rint(100 * np.arange(len(frames) + 1) / rate).astype(int)
    pictures = [Image.fromarray(f[:, :, 0] if f.shape[-1] == 1 else f) for f in frames]
    content, pauses = io.BytesIO(), (10 * np.diff(times)).tolist()
    first, *others = pictures
    first.save(content, "gif", save_all=True, append_images=others, duration=pauses, loop=0)
    return content.getvalue()


def _mp4(frames: AnyArray, rate: float) -> bytes:
    # Colours are kept for squares of 2×2 pixels: an odd side has its last row or column twice.
    odd = [(0, side % 2) for side in frames.shape[1:3]]
    even = np.pad(frames, [(0, 0), *odd, (0, 0)], mode="edge")
    return _encoded(even, rate, "h264", "yuv420p", {"crf": "16"})


def _encoded(
    frames: AnyArray, rate: float, codec: str, form: str, options: dict[str, str]
) -> bytes:
    av = _library()
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as file:
        stream = file.add_stream(codec, rate=Fraction(rate).limit_denominator(1001))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.options = form, options
        for frame in frames:
            colours = np.broadcast_to(frame, (*frame.shape[:2], 3))
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(colours), format="rgb24")
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return content.getvalue()


def _library() -> Any:
    return extra("av", "an .mp4", "video", instead="write a .gif")


WRITERS = {".gif": _gif, ".mp4": _mp4}
