"""Make the digits that come with the library from full MNIST; `make data` brings MNIST first.

Usage: python scripts/package_digits.py

Chooses 800 training and 200 held-out images of each class at random (PCG64, seed 20261122), the
former from the MNIST training file, the latter from its test file, in random order. Beside the
images the file records where each stands in the MNIST file it came from. scikit-learn's 1,797
digits of 8×8 lie beside them, as their levels 0 to 16.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from ganvas.data.settings import DataSettings
from ganvas.data.standard import mnist

SEED = 20261122
PER_CLASS = {"train": 800, "test": 200}
FOLDER = Path(__file__).parents[1] / "src" / "ganvas" / "data" / "packaged"


def main() -> None:
    """Write both files."""
    package("digits.npz", **mnist_digits())
    bunch = load_digits()
    package("digits8.npz", x=bunch.images.astype(np.uint8), y=bunch.target.astype(np.uint8))


def mnist_digits() -> dict[str, np.ndarray]:
    """Return the chosen digits of MNIST, and where they stand in it."""
    collection = mnist(DataSettings(source="mnist"))
    rng = np.random.Generator(np.random.PCG64(SEED))
    packed: dict[str, np.ndarray] = {}
    for split, count in PER_CLASS.items():
        items = collection.splits[split]
        chosen = [
            rng.choice(np.flatnonzero(items["label"] == digit), size=count, replace=False)
            for digit in range(10)
        ]
        index = rng.permutation(np.concatenate(chosen))
        packed[f"x_{split}"] = items.x[index, :, :, 0]
        packed[f"y_{split}"] = items["label"][index].astype(np.uint8)
        packed[f"index_{split}"] = index.astype(np.uint16)
    return packed


def package(name: str, **arrays: np.ndarray) -> None:
    """Write arrays into a packaged file."""
    FOLDER.mkdir(exist_ok=True)
    np.savez_compressed(FOLDER / name, **arrays)
    print(f"{name}: {(FOLDER / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
