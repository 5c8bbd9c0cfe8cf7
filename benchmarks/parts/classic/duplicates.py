"""Near duplicates of a set with known copies: precision and recall of an autoencoder's keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import Row

from ganvas.data.near_duplicates import groups, keys
from ganvas.data.procedural.rooms import Rooms

MINUTES = 2
ITEMS, COPIED = 5000, 0.05
KINDS = {"equal": (0, 0.0), "noise": (0, 2.0), "moved": (1, 2.0)}
"""Of copies: by how many pixels of 64 they are moved at most, and the spread of noise on levels."""
SEEDS = (0, 1)

Array8 = npt.NDArray[np.uint8]


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give a run for each seed."""
    del work
    for seed in SEEDS:
        yield f"rooms with copies {seed}", lambda seed=seed: measured(seed)


def measured(seed: int) -> Row:
    """Return precision and recall over pairs of one group, recall of each kind of copy, too.

    All rooms have all three objects: empty ones of nearly equal walls are near duplicates, and
    nobody knows of how many.
    """
    rng = np.random.default_rng(seed)
    rooms = Rooms.draw(ITEMS, 100 + seed).having(bed=1, lamp=1, window=1).pictures(64)
    copied = rng.choice(ITEMS, round(COPIED * ITEMS), replace=False)
    kinds = [list(KINDS)[at % len(KINDS)] for at in range(len(copied))]
    copies = [_copy(rooms[row], rng, *KINDS[k]) for row, k in zip(copied, kinds, strict=True)]
    found = groups(keys(np.concatenate([rooms, np.stack(copies)])))
    told = {(a, b) for rows in found for i, a in enumerate(rows) for b in rows[i + 1 :]}
    true = {(int(row), ITEMS + at): kinds[at] for at, row in enumerate(copied)}
    hit = [kind for pair, kind in true.items() if pair in told]
    return {
        "pairs": len(told),
        "precision": len(hit) / max(len(told), 1),
        "recall": len(hit) / len(true),
        **{f"recall_{kind}": hit.count(kind) / kinds.count(kind) for kind in KINDS},
    }


def _copy(image: Array8, rng: np.random.Generator, shift: int, noise: float) -> Array8:
    by = rng.integers(-shift, shift + 1, 2).tolist()
    moved: npt.NDArray[Any] = np.roll(image, by, axis=(0, 1))
    return (
        np.clip(moved + noise * rng.standard_normal(image.shape), 0, 255).round().astype(np.uint8)
    )
