"""Undirected graphs as arrays: links in one form, links held out, and pairs that are no links.

A link is a pair (i, j) of node numbers with i < j. Pairs are compared by the single number
i·n + j, so that nothing here loops over links. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganvas.data.items import Items
from ganvas.errors import UsageError
from ganvas.slices import slices

Pairs = npt.NDArray[np.int64]
"""Pairs of node numbers, (M, 2)."""

VALIDATION = "validation"
TEST = "test"
ROWS = 256
"""Rows of the matrix of all pairs that are looked at together."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Pairs of nodes on which the prediction of links is judged.

    Attributes:
        pairs: (M, 2); first the links, then as many pairs that are none.
        linked: which are links, (M,) bool.
        rates: λ of each, (M,), where the law of the graph is known.
    """

    pairs: Pairs
    linked: npt.NDArray[np.bool_]
    rates: npt.NDArray[np.float64] | None = None

    @classmethod
    def of(cls, items: Items) -> HeldOut:
        """Return the pairs of a held-out split of a graph."""
        return cls(items["pairs"], items["linked"], items.get("rates"))


def checked(pairs: npt.ArrayLike, nodes: int) -> Pairs:
    """Return pairs of node numbers as int64 (M, 2).

    Raises:
        UsageError: they are no pairs, or one names a node that is not there.
    """
    ends = np.asarray(pairs)
    if ends.ndim != 2 or ends.shape[1] != 2 or (ends.size and ends.dtype.kind not in "iu"):
        raise UsageError(
            f"expected pairs of node numbers, whole numbers of shape (M, 2), got {ends.dtype} of "
            f"shape {ends.shape}."
        )
    outside = ((ends < 0) | (ends >= nodes)).any(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise UsageError(
            f"pair {row} names the nodes {ends[row, 0]} and {ends[row, 1]}; the {nodes:,} nodes "
            f"have the numbers 0 to {nodes - 1}."
        )
    return ends.astype(np.int64)


def tidy(links: npt.ArrayLike, nodes: int) -> Pairs:
    """Return each undirected link of ``links`` (M, 2) once, in order; none from a node to itself.

    Raises:
        UsageError: as of `checked`.
    """
    ends = checked(links, nodes)
    numbers = _numbers(ends, nodes)
    return _pairs(np.unique(numbers[ends[:, 0] != ends[:, 1]]), nodes)


def split_links(links: Pairs, hold_out: float, rng: np.random.Generator) -> dict[str, Pairs]:
    """Keep links at random out of training (10 % and 5 % in Kipf & Welling 2016).

    Args:
        links: all of them, (E, 2).
        hold_out: the share for tests; half as many more are for validation.
        rng: chooses them.

    Returns:
        The links of the splits "train", "validation" and "test"; of "train" alone if ``hold_out``
        is 0.

    Raises:
        UsageError: no link is left to train on.
    """
    if not hold_out:
        return {"train": links}
    test = max(round(len(links) * hold_out), 1)
    held = test + max(round(len(links) * hold_out / 2), 1)
    if held >= len(links):
        raise UsageError(
            f"data.hold_out={hold_out} leaves none of {len(links):,} links to train on; validation "
            "takes half as many as the test does."
        )
    order = rng.permutation(len(links))
    parts = {"train": order[held:], VALIDATION: order[test:held], TEST: order[:test]}
    return {name: links[np.sort(rows)] for name, rows in parts.items()}


def unlinked(links: Pairs, nodes: int, count: int, rng: np.random.Generator) -> Pairs:
    """Return ``count`` different pairs of different nodes, uniform among those not in ``links``.

    Raises:
        UsageError: there are fewer.
    """
    free = nodes * (nodes - 1) // 2 - len(links)
    if count > free:
        raise UsageError(
            f"{nodes:,} nodes with {len(links):,} links have {free:,} pairs without one, fewer "
            f"than the {count:,} wanted: the graph is too dense to predict links."
        )
    taken = np.sort(_numbers(links, nodes))
    found = np.empty(0, np.int64)
    while len(found) < count:
        ends = rng.integers(nodes, size=(2 * (count - len(found)) + 16, 2))
        drawn = _numbers(ends[ends[:, 0] != ends[:, 1]], nodes)
        fresh = np.concatenate([found, drawn[~_among(drawn, taken)]])
        _, first = np.unique(fresh, return_index=True)
        found = fresh[np.sort(first)]  # in the order drawn, so that a prefix is uniform too
    return _pairs(found[:count], nodes)


def unlinked_rows(links: Pairs, nodes: int) -> Iterator[Pairs]:
    """Give all pairs i < j that are no links, some rows i at a time."""
    taken = _numbers(links, nodes)
    taken.sort()
    columns = np.arange(nodes)
    for part in slices(nodes, ROWS):
        rows = columns[part, None]
        i, j = np.nonzero(rows < columns)
        pairs = np.stack([i + part.start, j], axis=1)
        yield pairs[~_among(_numbers(pairs, nodes), taken)]


def degrees(links: Pairs, nodes: int) -> npt.NDArray[np.int64]:
    """Return the number of links of each node, (nodes,)."""
    return np.bincount(links.ravel(), minlength=nodes)


def _numbers(pairs: Pairs, nodes: int) -> npt.NDArray[np.int64]:
    """Return the number i·n + j, i ≤ j, of each pair."""
    return pairs.min(axis=1) * nodes + pairs.max(axis=1)


def _pairs(numbers: npt.NDArray[np.int64], nodes: int) -> Pairs:
    return np.stack(np.divmod(numbers, nodes), axis=1)


def _among(numbers: npt.NDArray[np.int64], ordered: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Tell which numbers are in the ``ordered`` ones."""
    if not len(ordered):
        return np.zeros(len(numbers), np.bool_)
    place = np.minimum(np.searchsorted(ordered, numbers), len(ordered) - 1)
    return ordered[place] == numbers
