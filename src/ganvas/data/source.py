"""Where batches come from: point laws, arrays, and stacked digits.

A source knows three things: its finite splits in data units, how to draw the next block of its
endless training stream, and how to turn rows of such a block into network units on a device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.data.graphs import HeldOut
from ganvas.data.items import Collection, Items
from ganvas.data.laws import REFERENCE_SEED, Law
from ganvas.data.spec import DataSpec, Images, Points
from ganvas.errors import UsageError, did_you_mean

REFERENCE = "reference"
REFERENCE_SIZE = 10_000
RESIDENT_SHARE = 1 / 3
"""A data set moves to the accelerator if it takes at most this share of the free memory."""

Rows = tuple[Tensor, ...]
"""Tensors of equal length; row i of each belongs to item i."""


@dataclass
class Batch:
    """Some items in network units.

    Attributes:
        x: float32 (N, *shape).
        label: class of each item, int64 (N,), or None.
        index: position of each item in its split, int64 (N,), or None for drawn items.
        links: pairs of linked items (E, 2) int64, of a graph whose nodes they are, or None.
    """

    x: Tensor
    label: Tensor | None = None
    index: Tensor | None = None
    links: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``."""
        return Batch(
            self.x.to(device, non_blocking=True),
            None if self.label is None else self.label.to(device, non_blocking=True),
            None if self.index is None else self.index.to(device, non_blocking=True),
            None if self.links is None else self.links.to(device, non_blocking=True),
        )


class Source(ABC):
    """A data set that batches can be drawn from.

    Attributes:
        spec: what networks are built from.
        splits: names of the splits; "train" first.
        law: the law that points are drawn from, where it is known.
        held_out: of a graph, the pairs of nodes that training does not see, by split.
    """

    spec: DataSpec
    splits: tuple[str, ...]
    law: Law | None = None
    held_out: Mapping[str, HeldOut] = MappingProxyType({})

    @abstractmethod
    def items(self, split: str) -> Items:
        """Return a whole finite split in data units.

        Raises:
            UsageError: there is no such split, or it is endless.
        """

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the next block of the endless training stream, as rows for `gather`."""

    @abstractmethod
    def table(self, device: torch.device) -> Rows:
        """Return what `gather` reads: training data on ``device``, or on the CPU if too large."""

    @abstractmethod
    def gather(self, table: Rows, rows: Rows) -> Batch:
        """Return the items that ``rows`` stand for, in network units, where ``table`` lies."""

    def classes_like(self, items: Items, n: int) -> npt.NDArray[np.int64] | None:
        """Return classes (n,) as frequent as those of some items, or None where they have none.

        A conditional generator is asked for these wherever it is measured.

        Args:
            items: what its samples are compared with, in random order.
            n: how many samples.
        """
        return None if items.label is None else np.resize(items.label, n)

    def _require(self, split: str, *, finite: bool = True) -> None:
        """Refuse an unknown split, and the endless "train" split where ``finite`` is false."""
        if split not in self.splits:
            raise UsageError(
                f"{self.spec.name} has no split '{split}'.{did_you_mean(split, self.splits)} "
                f"Its splits are {', '.join(self.splits)}."
            )
        if split == "train" and not finite:
            raise UsageError(
                f"{self.spec.name} is drawn without end, so its 'train' split has no epoch; draw "
                f"from it with next(), or go through the fixed split '{REFERENCE}' of "
                f"{REFERENCE_SIZE:,} items."
            )


class LawSource(Source):
    """Points drawn online from a law; the split "reference" is its fixed evaluation set.

    Network units are data units unless ``standardise`` is set; then shift and scale are those of
    the reference points.
    """

    BLOCK = 2**15
    """Numbers drawn ahead at a time: enough to hide the cost of a call, little to redraw."""

    def __init__(self, law: Law, *, labels: bool = True, standardise: bool = False) -> None:
        self.law = self._law = law
        self.splits = ("train", REFERENCE)
        classes = law.K if labels else 0
        box = law.box
        view = None if box is None else (box[0, 0], box[1, 0], box[0, 1], box[1, 1])
        self.spec = DataSpec(
            name=law.name,
            domain=points_domain(
                law.reference(REFERENCE_SIZE if standardise else 1)[0], standardise, view
            ),
            classes=classes,
            class_names=[str(k) for k in range(classes)],
        )
        self._block = max(self.BLOCK // law.dim, 1)

    def items(self, split: str) -> Items:
        """Return the split "reference": 10,000 points of seed 424242, labelled by mode."""
        self._require(split, finite=False)
        points, component = self._law.reference(REFERENCE_SIZE)
        return Items(points, component if self.spec.classes else None)

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the next points, in network units, and the mode of each."""
        points, component = self._law.sample(self._block, rng)
        return self.spec.domain.stage(points), torch.from_numpy(component)

    def table(self, device: torch.device) -> Rows:
        """Return an empty tensor on ``device``: drawn points need no table."""
        return (torch.empty(0, device=device),)

    def gather(self, table: Rows, rows: Rows) -> Batch:
        """Return the points that the rows are."""
        # A copy: slices of one block share a version counter, which autograd watches.
        points, component = rows
        return Batch(points.clone(), component.clone() if self.spec.classes else None)


class ArraySource(Source):
    """Finite splits held as arrays; training goes through shuffled epochs without replacement."""

    def __init__(self, collection: Collection, *, standardise: bool = True) -> None:
        self.splits = tuple(collection.splits)
        self._splits = dict(collection.splits)
        if collection.kind == "images":
            # Kept plane by plane, so that batches are cheap and the table on the CPU is no copy.
            train = collection.splits["train"]
            planes = np.ascontiguousarray(np.moveaxis(train.x, -1, 1))
            self._splits["train"] = Items(np.moveaxis(planes, 1, -1), train.label)
        self._train = self._splits["train"]
        self.spec = DataSpec(
            name=collection.name,
            domain=_domain(collection, standardise),
            classes=len(collection.class_names),
            class_names=list(collection.class_names),
            size=len(self._train),
        )

    def items(self, split: str) -> Items:
        """Return a whole split."""
        self._require(split)
        return self._splits[split]

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the items of one epoch in random order."""
        return (torch.from_numpy(rng.permutation(len(self._train))),)

    def table(self, device: torch.device) -> Rows:
        """Return all training items on ``device``, and their labels if there are some."""
        staged = self.spec.domain.stage(self._train.x)
        if not _fits(staged, device):
            device = torch.device("cpu")
        if self._train.label is None:
            return (staged.to(device),)
        return staged.to(device), torch.from_numpy(self._train.label).to(device)

    def gather(self, table: Rows, rows: Rows) -> Batch:
        """Return the training items at the row numbers."""
        (index,) = rows
        x = self.spec.domain.normalise(table[0].index_select(0, index))
        label = table[1].index_select(0, index) if len(table) > 1 else None
        return Batch(x, label, index.clone())


class StackSource(Source):
    """Three independent digits as the three channels of an image: 1,000 modes.

    The mode of digits (a, b, c) is 100a + 10b + c. Training draws new triples without end, or
    goes through ``triples`` in shuffled epochs where they are fixed (PacGAN's protocol). The
    splits "reference" and, where the digits have held-out ones, "test" are 10,000 fixed triples
    each, drawn with seed 424242.
    """

    BLOCK = 4096
    CLASSES = 1000

    def __init__(
        self, name: str, digits: Collection, *, labels: bool = True, fixed: int | None = None
    ) -> None:
        self._digits = digits.splits
        self._train = digits.splits["train"]
        self._triples = None if fixed is None else self._fixed_triples(fixed)
        self.splits = ("train", REFERENCE, *(("test",) if "test" in digits.splits else ()))
        _, height, width, _ = self._train.x.shape
        classes = self.CLASSES if labels else 0
        self.spec = DataSpec(
            name=name,
            domain=Images(channels=3, height=height, width=width),
            classes=classes,
            class_names=[f"{mode:03d}" for mode in range(classes)],
            size=fixed,
        )

    @property
    def digits(self) -> dict[str, Items]:
        """The single digits that triples are made of, by split."""
        return self._digits

    def items(self, split: str) -> Items:
        """Return the 10,000 fixed triples of split "reference" or "test", as images."""
        self._require(split, finite=False)
        pool = self._digits["test" if split == "test" else "train"]
        rng = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
        triples = rng.integers(len(pool), size=(REFERENCE_SIZE, 3))
        images = np.moveaxis(pool.x[triples, :, :, 0], 1, -1)
        label = None
        if self.spec.classes and pool.label is not None:
            label = pool.label[triples] @ np.array([100, 10, 1])
        return Items(np.ascontiguousarray(images), label)

    def classes_like(self, items: Items, n: int) -> npt.NDArray[np.int64] | None:
        """Return classes (n,) of new triples: of 10,000 known ones a thousandth is no frequency."""
        label = self._train.label
        if items.label is None or label is None:
            return None
        rng = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
        return label[rng.integers(len(label), size=(n, 3))] @ np.array([100, 10, 1])

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the next triples of digit numbers."""
        if self._triples is not None:
            return (torch.from_numpy(self._triples[rng.permutation(len(self._triples))]),)
        return (torch.from_numpy(rng.integers(len(self._train), size=(self.BLOCK, 3))),)

    def table(self, device: torch.device) -> Rows:
        """Return all single digits on ``device``, and their labels."""
        label = self._train.label if self._train.label is not None else np.empty(0, np.int64)
        return (
            torch.from_numpy(self._train.x[..., 0]).to(device),
            torch.from_numpy(label).to(device),
        )

    def gather(self, table: Rows, rows: Rows) -> Batch:
        """Return the triples as images."""
        (triples,) = rows
        images, labels = table
        flat = triples.reshape(-1)
        _, height, width = images.shape
        planes = images.index_select(0, flat).reshape(-1, 3, height, width)
        x = self.spec.domain.normalise(planes)
        if not self.spec.classes:
            return Batch(x)
        a, b, c = labels.index_select(0, flat).reshape(-1, 3).unbind(1)
        return Batch(x, 100 * a + 10 * b + c)

    def _fixed_triples(self, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        rng = np.random.Generator(np.random.PCG64(0))
        return rng.integers(len(self._train), size=(count, 3))


def points_domain(
    points: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    standardise: bool,
    view: tuple[float, float, float, float] | None = None,
) -> Points:
    """Return the domain of points (N, D): shift is their mean, scale² their mean axis variance."""
    dim = points.shape[1]
    if not standardise:
        return Points(dim=dim, shift=[0.0] * dim, scale=1.0, view=view)
    exact = points.astype(np.float64)
    scale = float(np.sqrt(exact.var(axis=0).mean()))
    if scale == 0:
        raise UsageError("All training points are equal; there is no distribution to learn.")
    return Points(dim=dim, shift=exact.mean(axis=0).tolist(), scale=scale, view=view)


def _domain(collection: Collection, standardise: bool) -> Points | Images:
    x = collection.splits["train"].x
    if collection.kind == "points":
        return points_domain(x, standardise)
    _, height, width, channels = x.shape
    return Images(channels=channels, height=height, width=width)


def _fits(staged: Tensor, device: torch.device) -> bool:
    """Tell whether the tensor may live on ``device`` for the whole run."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return staged.nbytes <= RESIDENT_SHARE * free
