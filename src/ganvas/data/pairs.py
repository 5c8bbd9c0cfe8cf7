"""Features of items with one of their tags each: what a system that tags is trained on.

A row of the stream is a pair of an item and a tag. An item with T tags gives T pairs, one without
gives none. Splits are of items: no item has pairs on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from ganvas.data.batch import Batch
from ganvas.data.domains.vector import Vector
from ganvas.data.domains.words import Words
from ganvas.data.items import Items
from ganvas.data.records import MAIN
from ganvas.data.settings import DataSettings
from ganvas.data.source import INDEX, Rows, Source, Table
from ganvas.data.spec import DataSpec
from ganvas.data.splits import held_out_rows
from ganvas.data.tagged import FEATURES, Tagged

PAIRS, VECTORS = "pairs", "vectors"


class PairSource(Source):
    """Pairs of features and the vector of a tag; the vector is the main field.

    Args:
        tagged: items, tags and vectors.
        settings: ``hold_out`` is the share of items that are the split "test".
    """

    def __init__(self, tagged: Tagged, settings: DataSettings) -> None:
        self._tagged = tagged
        self.vocabulary = tagged.vocabulary
        self._pairs = split_pairs(tagged.pairs, settings.hold_out)
        self.splits = tuple(self._pairs)
        seen = self._pairs["train"]
        items = tagged.features[np.unique(seen[:, 0])]
        self.spec = DataSpec(
            name=tagged.name,
            fields={
                MAIN: Words.of(tagged.vocabulary.vectors[seen[:, 1]], settings),
                FEATURES: Vector.around(items),
            },
            size=len(seen),
        )

    def content(self) -> Mapping[str, Items]:
        """Return features, vectors and pairs, each as it is."""
        parts = {FEATURES: self._tagged.features, VECTORS: self._tagged.vocabulary.vectors}
        return {name: Items(array) for name, array in {**parts, **self._pairs}.items()}

    def pairs(self, split: str) -> npt.NDArray[np.int64]:
        """Return which item has which word, (P, 2), in a split."""
        self._require(split)
        return self._pairs[split]

    def items(self, split: str) -> Items:
        """Return the vector of a tag and the features of its item, for each pair of a split."""
        item, word = self.pairs(split).T
        return Items(
            {MAIN: self._tagged.vocabulary.vectors[word], FEATURES: self._tagged.features[item]}
        )

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the pairs of one epoch in random order."""
        return (torch.from_numpy(rng.permutation(len(self._pairs["train"]))),)

    def table(self, device: torch.device) -> Table:
        """Return vectors, features and pairs on ``device``; features once for each item."""
        fields = self.spec.fields
        staged = {
            MAIN: fields[MAIN].stage(self._tagged.vocabulary.vectors),
            FEATURES: fields[FEATURES].stage(self._tagged.features),
            PAIRS: torch.from_numpy(self._pairs["train"]),
        }
        return Table(device, {name: tensor.to(device) for name, tensor in staged.items()})

    def take(self, table: Table, rows: Rows) -> Batch:
        """Return the pairs at the row numbers, which are their field "index"."""
        (index,) = rows
        item, word = table.fields[PAIRS].index_select(0, index).unbind(1)
        return Batch(
            {
                MAIN: table.fields[MAIN].index_select(0, word),
                FEATURES: table.fields[FEATURES].index_select(0, item),
                INDEX: index.clone(),
            }
        )


def split_pairs(pairs: npt.NDArray[np.int64], hold_out: float) -> dict[str, npt.NDArray[np.int64]]:
    """Return the pairs (P, 2) of items that are trained on, and of those held out if any are."""
    if not hold_out:
        return {"train": pairs}
    tagged = np.unique(pairs[:, 0])
    _, held = held_out_rows(len(tagged), hold_out)
    test = np.isin(pairs[:, 0], tagged[held])
    return {"train": pairs[~test], "test": pairs[test]}
