"""Small data of one's own for golden runs, equal on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def colours(folder: Path, side: int = 16) -> Path:
    """Make 48 smooth RGB images in three classes."""
    down, across = np.mgrid[:side, :side] / side
    for number in range(48):
        waves = [np.sin(6 * across * (k + 1) + 5 * down + number) for k in range(3)]
        pixels = np.stack(waves, -1) * (90 + number % 3 * 15) + 127.5
        path = folder / "colours" / "abc"[number % 3] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder / "colours"


def cloud(folder: Path) -> Path:
    """Make 300 points in four dimensions, far from 0 and of unequal spread."""
    points = np.random.Generator(np.random.PCG64(5)).normal(size=(300, 4))
    np.save(folder / "cloud.npy", points * (1, 2, 5, 0.1) + (3, -40, 7, 0.5))
    return folder / "cloud.npy"


def labelled(folder: Path) -> Path:
    """Make 300 points in the plane, in three classes, 60 of them held out."""
    generator = np.random.Generator(np.random.PCG64(6))
    y = np.arange(300) % 3
    x = generator.normal(size=(300, 2)) + 4 * np.stack([np.cos(2.1 * y), np.sin(2.1 * y)], 1)
    parts = {"x": x[:240], "y": y[:240], "x_test": x[240:], "y_test": y[240:]}
    np.savez(folder / "labelled.npz", **parts)
    return folder / "labelled.npz"


def friends(folder: Path) -> Path:
    """Make a graph of 60 nodes in two halves, with features and classes."""
    generator = np.random.Generator(np.random.PCG64(7))
    y = np.arange(60) % 2
    near = generator.random((60, 60)) < np.where(y[:, None] == y, 0.15, 0.02)
    features = generator.normal(size=(60, 5)) + y[:, None]
    links = np.argwhere(np.triu(near, 1))
    np.savez(folder / "friends.npz", links=links, features=features, labels=y)
    return folder / "friends.npz"


FILES = {f"${make.__name__}": make for make in (colours, cloud, labelled, friends)}
"""What ``data.source`` of a case may name besides what ganvas knows."""
