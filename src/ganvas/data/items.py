"""Data in data units, before anything has turned it into tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ganvas.errors import UsageError

Kind = Literal["points", "images", "graph"]

WHOLE = re.compile(r"-?[0-9]{1,18}")
"""A class name that is a number; longer ones are names."""


@dataclass(frozen=True, eq=False)
class Items:
    """One split, in data units.

    Attributes:
        x: points (N, D) float32, images (N, H, W, C) uint8, or features (N, F) float32 of nodes.
        label: class of each item, (N,) int64, or None.
        links: pairs of linked items (E, 2) int64, i < j, of a graph whose nodes they are, or None.
    """

    x: npt.NDArray[Any]
    label: npt.NDArray[np.int64] | None = None
    links: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: npt.NDArray[np.int64]) -> Items:
        """Return the items at ``index``, in that order, without links."""
        return Items(self.x[index], None if self.label is None else self.label[index])


@dataclass(frozen=True)
class Collection:
    """A finite data set as read: its splits ("train" always among them) and its class names."""

    name: str
    splits: dict[str, Items]
    class_names: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """Whether the items are points, images, or the nodes of a graph."""
        train = self.splits["train"]
        if train.links is not None:
            return "graph"
        return "points" if train.x.ndim == 2 else "images"


def refuse_huge(where: str, array: npt.NDArray[Any]) -> None:
    """Refuse finite numbers that samples, which are 32-bit numbers, cannot hold.

    Raises:
        UsageError: there are some.
    """
    largest, most = float(np.abs(array).max(initial=0)), float(np.finfo(np.float32).max)
    if largest > most:
        raise UsageError(
            f"{where} holds numbers up to {largest:.3g}, and samples are 32-bit numbers, up to "
            f"{most:.3g}: give them in a larger unit, such as array / {largest:.0e}."
        )


def class_order(names: Sequence[str]) -> tuple[str, ...]:
    """Return the distinct class names in order: by value if all are whole numbers, else by name."""
    distinct = set(names)
    numeric = all(WHOLE.fullmatch(name) for name in distinct)
    return tuple(sorted(distinct, key=int if numeric else str))


def encode_labels(
    splits: Mapping[str, Sequence[str]],
) -> tuple[dict[str, npt.NDArray[np.int64]], tuple[str, ...]]:
    """Turn class names into indices 0..classes−1, alike in every split.

    Returns:
        The (N,) int64 labels of each split, and the class names in index order.
    """
    names = class_order([name for labels in splits.values() for name in labels])
    index = {name: i for i, name in enumerate(names)}
    labels = {
        split: np.array([index[name] for name in labels], dtype=np.int64)
        for split, labels in splits.items()
    }
    return labels, names


def require_several(name: str, count: int) -> None:
    """Refuse a data set that one item cannot make.

    Raises:
        UsageError: there are fewer than two training items.
    """
    if count < 2:
        found = "a single sample" if count == 1 else "no samples"
        raise UsageError(
            f"{name} holds {found}; training learns a distribution and needs at least 2, "
            "better thousands."
        )
