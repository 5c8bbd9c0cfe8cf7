"""The links that a model misses in a graph."""

from __future__ import annotations

import numpy as np

from ganvas.data.graphs import Pairs, unlinked_rows
from ganvas.errors import UsageError
from ganvas.model.model import Model
from ganvas.model.trained import Array


def missing_links(model: Model, x: Array, links: Pairs, count: int) -> tuple[Pairs, Array]:
    """Return the pairs without a link that a model believes most likely to have one.

    Args:
        model: of a graph.
        x: features (N, F) of the nodes, in data units.
        links: all links that are known, (E, 2).
        count: how many pairs, at most.

    Returns:
        Pairs (M, 2), the likeliest first, and their probabilities (M,) float32.

    Raises:
        UsageError: the graph does not fit the model, or ``count`` is no number of pairs.
    """
    if count < 1:
        raise UsageError(f"expected at least 1 pair, not {count}")
    best, chances = np.empty((0, 2), np.int64), np.empty(0, np.float32)
    for pairs in unlinked_rows(links, len(x)):
        best = np.concatenate([best, pairs])
        chances = np.concatenate([chances, model.predict(x, links=links, pairs=pairs)])
        order = np.argsort(-chances, kind="stable")[:count]
        best, chances = best[order], chances[order]
    return best, chances
