"""Tiny videos of all kinds, written by the libraries that people write them with."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def moving(count: int = 20, height: int = 16, width: int = 24, seed: int = 0) -> np.ndarray:
    """Return frames (T, H, W, 3) whose brightness tells their number, with something that moves."""
    rng = np.random.default_rng(seed)
    texture = rng.integers(40, 90, (height, width, 3))
    frames = np.empty((count, height, width, 3), np.uint8)
    for t in range(count):
        frames[t] = texture + (7 * t) % 130
        x = t % (width - 4)
        frames[t, 4:8, x : x + 4] = (250, 30 + 5 * (t % 20), 20)
    return frames


def film(
    path: Path,
    frames: np.ndarray,
    *,
    rate: int = 10,
    codec: str = "h264",
    times: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    layout: dict[str, str] | None = None,
) -> Path:
    """Write a video file; ``times`` are those of frames, in hundredths of a second."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w", options=layout or {}) as file:
        stream: Any = file.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        stream.options = options or {}
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 100)
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            if times is not None:
                picture.pts, picture.time_base = times[number], Fraction(1, 100)
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return path


def animation(path: Path, frames: np.ndarray, pause: Sequence[int] | int = 100) -> Path:
    """Write an animated picture by the suffix: GIF, WebP or PNG."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    told: dict[str, Any] = {"save_all": True, "append_images": others, "duration": pause}
    if path.suffix == ".webp":
        told |= {"lossless": True, "minimize_size": False}
    first.save(path, **told)
    return path


def folder(path: Path, frames: np.ndarray, name: str = "{}.png") -> Path:
    """Write frames as pictures."""
    path.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(path / name.format(number))
    return path


def rotated(path: Path, degrees: int) -> Path:
    """Turn a video by the matrix in its head, as telephones do."""
    matrix = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 4 + 4 * 4 + 4 + 8 + 8
    a, b, c, d = (value << 16 & 0xFFFFFFFF for value in matrix)
    content[at : at + 36] = struct.pack(">9I", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path
