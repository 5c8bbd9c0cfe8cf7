"""A graph as a source: all nodes in every batch, and links held out of training."""

from __future__ import annotations

import numpy as np
import torch

from ganvas.data.graph_laws import GraphLaw
from ganvas.data.graphs import HeldOut, Pairs, split_links, unlinked
from ganvas.data.items import Collection, Items
from ganvas.data.laws import REFERENCE_SEED
from ganvas.data.source import Batch, Rows, Source
from ganvas.data.spec import AnyArray, DataSpec, Graph
from ganvas.errors import UsageError


class GraphSource(Source):
    """A graph whose nodes are always served together, with the links that training may see.

    The links held out are the same for every seed, and so are the equally many pairs without a
    link beside them, which no split shares.

    Args:
        collection: its split "train" holds the whole graph.
        hold_out: share of the links kept for tests; half as many more are kept for validation.
        law: the law that the graph was drawn from, where it is known.
        labels: serve the nodes' classes, if there are some.
        standardise: divide features by the root mean square of those that are not 0.
    """

    splits = ("train",)

    def __init__(
        self,
        collection: Collection,
        *,
        hold_out: float = 0.0,
        law: GraphLaw | None = None,
        labels: bool = True,
        standardise: bool = True,
    ) -> None:
        whole = collection.splits["train"]
        assert whole.links is not None
        rng = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
        links = split_links(whole.links, hold_out, rng)
        label = whole.label if labels else None
        self._graph = Items(whole.x, label, links.pop("train"))
        self.held_out = _with_others(links, whole, law, rng)
        names = list(collection.class_names) if label is not None else []
        self.spec = DataSpec(
            name=collection.name,
            domain=Graph(features=whole.x.shape[1], scale=_scale(whole.x) if standardise else 1.0),
            classes=len(names),
            class_names=names,
            size=len(whole),
        )

    def items(self, split: str) -> Items:
        """Return the nodes and the links that training sees."""
        self._require(split)
        return self._graph

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the numbers of all nodes, in order."""
        return (torch.arange(len(self._graph)),)

    def table(self, device: torch.device) -> Rows:
        """Return features, links and, if there are some, labels on ``device``."""
        assert self._graph.links is not None
        staged = self.spec.domain.stage(self._graph.x), torch.from_numpy(self._graph.links)
        label = self._graph.label
        named = () if label is None else (torch.from_numpy(label),)
        return tuple(tensor.to(device) for tensor in (*staged, *named))

    def gather(self, table: Rows, rows: Rows) -> Batch:
        """Return the graph.

        Raises:
            UsageError: only a part of it is wanted.
        """
        (index,) = rows
        x, links, *label = table
        if len(index) != len(x):
            raise UsageError(
                f"{self.spec.name} is a graph of {len(x):,} nodes, which belong together, and "
                f"{len(index):,} were asked for. Train a system for graphs: svgae/graph."
            )
        return Batch(self.spec.domain.normalise(x), label[0] if label else None, index, links)


def _with_others(
    links: dict[str, Pairs], whole: Items, law: GraphLaw | None, rng: np.random.Generator
) -> dict[str, HeldOut]:
    """Put as many pairs without a link beside the links of every split."""
    assert whole.links is not None
    none = unlinked(whole.links, len(whole), sum(map(len, links.values())), rng)
    found: dict[str, HeldOut] = {}
    for split, held in links.items():
        pairs = np.concatenate([held, none[: len(held)]])
        none = none[len(held) :]
        linked = np.arange(len(pairs)) < len(held)
        found[split] = HeldOut(pairs, linked, None if law is None else law.rate(pairs))
    return found


def _scale(features: AnyArray) -> float:
    """Return the root mean square of the features that are not 0."""
    nonzero = features[features != 0].astype(np.float64)
    return float(np.sqrt(np.mean(nonzero**2))) if nonzero.size else 1.0
