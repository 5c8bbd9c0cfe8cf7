"""What tells a generator that copies its training items from one that does not.

Prints, for generators of known behaviour, the share of samples nearer to a training item than 1 %
of held-out items are (``copy_share``), and the share of samples, and of held-out items, that are
three times as near to one training item as to the next (``memorised``).

    python benchmarks/memorising.py
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ganvas.data.open import DataSettings, open_data
from ganvas.data.source import Source
from ganvas.metrics.copies import copies
from ganvas.metrics.duplicates import copy_share
from ganvas.metrics.of import plain

N = 1_000
NOISE = 0.05


def gaussians(dim: int, size: int, rng: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
    """Give the generators of a standard normal law, after its training and held-out items."""
    train = rng.standard_normal((size, dim))
    yield "train", torch.from_numpy(train)
    yield "held out", torch.from_numpy(rng.standard_normal((N, dim)))
    noise = rng.standard_normal((N, dim))
    yield "the law itself", torch.from_numpy(noise)
    yield "half its spread", torch.from_numpy(noise / 2)
    yield "its middle", torch.from_numpy(NOISE * noise)
    copied = train[rng.integers(size, size=N)] + NOISE * noise
    yield "noisy copies", torch.from_numpy(copied)


def digits(source: Source, size: int, rng: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
    """Give generators of digits, after some training digits and half of the held-out ones."""
    domain, train = source.spec.domain, source.items("train").x
    held_out = source.items("test").x
    yield "train", plain(domain, train[:size])
    yield "held out", plain(domain, held_out[:N])
    yield "the law itself", plain(domain, held_out[N : 2 * N])
    pairs = (train[rng.integers(len(train), size=N)] for _ in range(2))
    yield "means of two", plain(domain, (sum(x / 2 for x in pairs)).astype(np.uint8))
    drawn = train[:size][rng.integers(size, size=N)]
    noisy = np.clip(drawn + 255 * NOISE * rng.standard_normal(drawn.shape), 0, 255)
    yield "noisy copies", plain(domain, noisy.astype(np.uint8))


def show(title: str, sets: Iterator[tuple[str, Tensor]]) -> None:
    """Print a line for each generator."""
    (_, train), (_, held_out), *generators = sets
    for name, x in generators:
        found = copies(x, train, held_out=held_out)
        share = copy_share(x, train, held_out)
        print(
            f"| {title} | {name} | {share:.2f} | {found.share:.3f} | {found.fresh:.3f} "
            f"| {found.excess:.3f} |"
        )


def main() -> None:
    """Print the table."""
    rng = np.random.Generator(np.random.PCG64(0))
    print("| data | generator | copy_share | memorised | held out | excess |")
    print("|---|---|---|---|---|---|")
    for dim, size in ((1, 1000), (2, 50), (2, 1000), (12, 1000), (50, 1000)):
        show(f"normal, {dim}-D, {size:,} items", gaussians(dim, size, rng))
    source = open_data(DataSettings(source="digits"))
    for size in (5, 50, len(source.items("train"))):
        show(f"{size:,} digits, pixels", digits(source, size, rng))


if __name__ == "__main__":
    main()
