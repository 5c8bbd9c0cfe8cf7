"""Data in data units, before anything has turned it into tensors. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ganvas.data.records import Records
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

AnyArray = npt.NDArray[Any]

WHOLE = re.compile(r"-?[0-9]{1,18}")
"""A class name that is a number; longer ones are names."""


class Items(Records[AnyArray]):
    """One split as arrays in data units, such as images x (N, H, W, C) uint8 and label (N,) int64.

    An array may be mapped from a file: it is read where its rows are asked for. To numpy, items are
    the array of their main field.
    """

    __slots__ = ()

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        return np.array(self.x, dtype, copy=True if copy else None)


@dataclass(frozen=True)
class Collection:
    """A finite data set as read.

    Attributes:
        name: what it is called.
        splits: "train" always among them.
        class_names: of the field "label", in index order.
        kind: of the main field (`ganvas.data.domains`); by default what the shape suggests.
        domains: of further fields, by name.
        files: what the file of each record is called, by split, where each comes from one.
        details: of the main field's domain that its array does not tell, such as names.
    """

    name: str
    splits: dict[str, Items]
    class_names: tuple[str, ...] = ()
    kind: str = ""
    domains: Mapping[str, Domain] = field(default_factory=dict[str, "Domain"])
    files: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", suggested_kind(self.splits["train"].x))

    def with_splits(self, splits: dict[str, Items]) -> Collection:
        """Return the set with other splits."""
        return replace(self, splits=splits, files={})


def suggested_kind(array: AnyArray) -> str:
    """Return the kind of data that an array (N, …) suggests by its shape."""
    return {1: "text", 2: "points", 5: "videos"}.get(array.ndim, "images")


def refuse_huge(where: str, array: npt.NDArray[Any]) -> None:
    """Refuse finite numbers that networks, which compute with 32-bit numbers, cannot hold.

    Raises:
        UsageError: there are some.
    """
    largest = max(float(array.max(initial=0)), -float(array.min(initial=0)))
    most = float(np.finfo(np.float32).max)
    if largest > most:
        raise UsageError(
            f"{where} holds numbers up to {largest:.3g}, and networks compute with 32-bit numbers, "
            f"up to {most:.3g}: give them in a larger unit, such as array / {largest:.0e}."
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


def require_several(name: str, count: int, least: int = 2) -> None:
    """Refuse a data set that one item cannot make.

    Args:
        name: of the set.
        count: of its training items.
        least: so few do for what is asked; a trained model may be asked about one.

    Raises:
        UsageError: there are fewer.
    """
    if count < least:
        found = "a single sample" if count == 1 else "no samples"
        raise UsageError(
            f"{name} holds {found}; training learns a distribution and needs at least 2, "
            "better thousands."
        )
