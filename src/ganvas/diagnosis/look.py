"""What a look at a generator compares its samples with, and how the discriminator judges.

All numbers have stable names, ``coverage/…`` and ``discriminator/…``, which `docs/diagnose.md`
explains; what they mean for a run is decided in `ganvas.diagnosis.verdicts`, and what is measured
of which data in `ganvas.metrics.of`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ganvas.data.choice import places
from ganvas.data.items import Items
from ganvas.data.source import REFERENCE, Source
from ganvas.errors import UsageError
from ganvas.metrics.neighbourhood import FEWEST, set_size

Numbers = dict[str, float]


def preference(a: Tensor, b: Tensor) -> float:
    """Return P(a > b) for independent members of (N,) and (M,), ties counting half.

    The area under the receiver operating characteristic (Mann and Whitney 1947), exact.
    """
    ordered = b.double().sort().values
    x = a.double().contiguous()
    below = torch.searchsorted(ordered, x)
    upto = torch.searchsorted(ordered, x, right=True)
    return float((below + upto).double().mean()) / (2 * len(ordered))


def known_items(source: Source) -> dict[str, Items]:
    """Return up to 1,000 real items each, "held-out" first and "train", as far as there are any.

    A held-out split that is too small to compare with is left out.
    """
    found: dict[str, Items] = {}
    n = set_size(source.spec.shape)
    for split in ("test", REFERENCE):
        items = _finite_split(source, split)
        if items is not None and len(items) >= FEWEST and "held-out" not in found:
            found["held-out"] = items.rows(places(len(items), n))
    train = _finite_split(source, "train")
    return found if train is None else {**found, "train": train.rows(places(len(train), n))}


def _finite_split(source: Source, split: str) -> Items | None:
    """Return a whole split, or None where there is none or it is endless."""
    if split not in source.splits:
        return None
    try:
        return source.items(split)
    except UsageError:
        return None


def named(group: str, numbers: Mapping[str, float]) -> Numbers:
    """Return finite numbers under their group's name: JSON has no word for the others."""
    return {
        f"{group}/{name}": round(value, 6)
        for name, value in numbers.items()
        if math.isfinite(value)
    }
