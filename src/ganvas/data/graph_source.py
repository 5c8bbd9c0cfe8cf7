"""A graph as a source: all nodes in every batch, and links held out of training.

Its splits are the whole graph with the links that training sees; "validation" and "test" have two
further fields, without a row for each node: ``pairs`` (M, 2), the links held out first and as many
pairs without a link after them, and ``linked`` (M,); of a known law also ``rates`` (M,).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ganvas.data.batch import Batch
from ganvas.data.graph_laws import GraphLaw
from ganvas.data.graphs import HeldOut, Pairs, split_links, unlinked
from ganvas.data.items import Collection, Items
from ganvas.data.laws import REFERENCE_SEED
from ganvas.data.records import LABEL
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, Rows, Table
from ganvas.errors import UsageError

LINKS = "links"


class GraphSource(ArraySource):
    """A graph whose nodes are always served together, with the links that training may see.

    The links held out are the same for every seed, and so are the equally many pairs without a
    link beside them, which no split shares.

    Args:
        collection: its split "train" holds the whole graph.
        settings: ``hold_out`` is the share of the links kept for tests, and half as many more are
            kept for validation.
        law: the law that the graph was drawn from, where it is known.
    """

    def __init__(
        self, collection: Collection, settings: DataSettings, law: GraphLaw | None = None
    ) -> None:
        whole = collection.splits["train"]
        rng = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
        links = split_links(whole[LINKS], settings.hold_out, rng)
        label = whole.get(LABEL) if settings.labels else None
        seen = whole.replace(links=links.pop("train"), label=label)
        super().__init__(collection.with_splits({"train": seen}), settings)
        self._held_out = _with_others(links, whole, law, rng)
        self.splits = ("train", *self._held_out)

    def content(self) -> Mapping[str, Items]:
        """Return the graph, and as splits of their own the pairs that training does not see."""
        held = {split: Items(pairs.pairs) for split, pairs in self._held_out.items()}
        return {**self._splits, **held}

    def items(self, split: str) -> Items:
        """Return the nodes and the links that training sees, and the pairs of a held-out split."""
        self._require(split)
        graph = self._splits["train"]
        if split == "train":
            return graph
        held = self._held_out[split]
        asked = {"pairs": held.pairs, "linked": held.linked, "rates": held.rates}
        return Items({**graph.fields, **asked}, main=graph.main, loose=graph.loose | asked.keys())

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the numbers of all nodes, in order."""
        return (torch.arange(len(self._train)),)

    def take(self, table: Table, rows: Rows) -> Batch:
        """Return the graph.

        Raises:
            UsageError: only a part of it is wanted.
        """
        (index,) = rows
        if len(index) != len(self._train):
            raise UsageError(
                f"{self.spec.name} is a graph of {len(self._train):,} nodes, which belong "
                f"together, and {len(index):,} were asked for. Train a system for graphs: "
                "svgae/graph."
            )
        return super().take(table, rows)


def _with_others(
    links: dict[str, Pairs], whole: Items, law: GraphLaw | None, rng: np.random.Generator
) -> dict[str, HeldOut]:
    """Put as many pairs without a link beside the links of every split."""
    none = unlinked(whole[LINKS], len(whole), sum(map(len, links.values())), rng)
    found: dict[str, HeldOut] = {}
    for split, held in links.items():
        pairs = np.concatenate([held, none[: len(held)]])
        none = none[len(held) :]
        linked = np.arange(len(pairs)) < len(held)
        found[split] = HeldOut(pairs, linked, None if law is None else law.rate(pairs))
    return found
