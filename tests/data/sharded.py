"""Small shards for tests: tar archives whose images name themselves."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence

import fsspec
import numpy as np
from PIL import Image

Members = Sequence[tuple[str, bytes]]


def picture(number: int, edge: int = 4) -> bytes:
    """Return a PNG file whose first pixel is (number mod 256, number div 256, 0)."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (edge, edge, 3), dtype=np.uint8)
    pixels[0, 0] = (number % 256, number // 256, 0)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def samples(numbers: Sequence[int], edge: int = 4) -> list[tuple[str, bytes]]:
    """Return images and their classes, number mod 3."""
    return [
        member
        for i in numbers
        for member in ((f"{i:04d}.png", picture(i, edge)), (f"{i:04d}.cls", str(i % 3).encode()))
    ]


def tar(members: Members) -> bytes:
    """Return an archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def put(shards: Mapping[str, bytes]) -> None:
    """Write files, by their paths or addresses."""
    for url, content in shards.items():
        with fsspec.open(url, "wb") as file:
            file.write(content)


def write(folder: str, count: int, shards: int, edge: int = 4) -> str:
    """Write ``count`` samples into so many shards; return the pattern of their names."""
    parts = np.array_split(np.arange(count), shards)
    put({f"{folder}/{i:03d}.tar": tar(samples(p.tolist(), edge)) for i, p in enumerate(parts)})
    return f"{folder}/{{000..{shards - 1:03d}}}.tar"


def numbers(pictures: np.ndarray) -> list[int]:
    """Return which pictures (N, H, W, 3) these are."""
    return (pictures[:, 0, 0, 0] + 256 * pictures[:, 0, 0, 1].astype(int)).tolist()
