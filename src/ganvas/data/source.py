"""Where batches come from: point laws, arrays, and stacked digits.

A source knows its finite splits in data units, how to draw the next block of rows of its endless
training stream, and how to take the records that rows stand for from where they lie.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.domain import Domain
from ganvas.data.domains import find_domain
from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points, Rule
from ganvas.data.items import Collection, Items
from ganvas.data.laws import REFERENCE_SEED, Law
from ganvas.data.mapped import is_mapped
from ganvas.data.readers.streamed import StreamedImages
from ganvas.data.records import LABEL, MAIN
from ganvas.data.settings import DataSettings
from ganvas.data.spec import DataSpec, spec_of
from ganvas.data.views import Derive, View
from ganvas.data.words import Vocabulary
from ganvas.errors import UsageError, did_you_mean

REFERENCE = "reference"
REFERENCE_SIZE = 10_000
RESIDENT_SHARE = 1 / 3
"""A data set moves to the accelerator if it takes at most this share of the free memory."""
INDEX = "index"
"""The field of a batch that says which rows of the training split its records are."""

Rows = tuple[Tensor, ...]
"""Tensors of equal length; row i of each says what item i is."""


@dataclass(frozen=True)
class Table:
    """Training data as a device keeps them.

    Attributes:
        device: where they lie, and where rows are looked up.
        fields: staged tensors by name; nothing where records are drawn.
        mapped: some lie in files, which are read where their rows are asked for.
    """

    device: torch.device
    fields: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    mapped: bool = False


class Source(ABC):
    """A data set that batches can be drawn from.

    Attributes:
        spec: what networks are built from.
        splits: names of the splits; "train" first.
        horizon: how many rows ahead of a batch `foresee` is told of; 0: none.
        views: what is done to every batch of every stream.
        law: the law that points are drawn from, where it is known.
        vocabulary: the words whose vectors are the main field, where they are.
        measured: name of the file in `ganvas.metrics.of` that measures samples; by default that of
            the main field's kind.
    """

    spec: DataSpec
    splits: tuple[str, ...]
    horizon: int = 0
    views: tuple[View, ...] = ()
    law: Law | None = None
    vocabulary: Vocabulary | None = None
    measured: str = ""

    @abstractmethod
    def items(self, split: str) -> Items:
        """Return a whole finite split in data units.

        Raises:
            UsageError: there is no such split, or it is endless.
        """

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the next block of the endless training stream, as rows for `take`."""

    @abstractmethod
    def table(self, device: torch.device) -> Table:
        """Return what `take` reads: training data on ``device``, or on the CPU if too large."""

    @abstractmethod
    def take(self, table: Table, rows: Rows) -> Batch:
        """Return the records that ``rows`` stand for, staged, where ``table`` lies."""

    def take_frames(self, table: Table, rows: Rows, frame: Tensor) -> Batch:
        """Return what `take` does of clips, with one frame of each, x (n, C, H, W), by number."""
        batch = self.take(table, rows)
        one = batch.x[torch.arange(len(frame), device=frame.device), :, frame]
        return batch.replace(**{batch.main: one})

    def foresee(self, rows: Rows) -> None:  # noqa: B027 - most read nothing
        """Be told of rows that will be taken soon, so that they can be on their way."""

    def batch(self, items: Items) -> Batch:
        """Return items in data units as a batch in network units, on the CPU.

        Fields that are worked out of them are, by the same chances each time.
        """
        known = {name: d for name, d in self.spec.fields.items() if name in items}
        fields = {name: domain.encode(items[name]) for name, domain in known.items()}
        batch = Batch(fields, main=items.main, loose=items.loose)
        chance = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
        for view in self.views:
            if isinstance(view, Derive):
                batch = view(batch, view.draw(chance, len(batch)), self.spec)
        return batch

    def content(self) -> Mapping[str, Items]:
        """Return the items that the data are made of, by split; none of data drawn by a formula."""
        return {}

    @property
    def known(self) -> Items:
        """Training items, or the fixed ones that stand for endlessly many, in data units."""
        return self.items(REFERENCE if REFERENCE in self.splits else "train")

    def classes_like(self, items: Items, n: int) -> npt.NDArray[np.int64] | None:
        """Return classes (n,) as frequent as those of some items, or None where they have none.

        A conditional generator is asked for these wherever it is measured.

        Args:
            items: what its samples are compared with, in random order.
            n: how many samples.
        """
        return None if LABEL not in items else np.resize(items[LABEL], n)

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

    Network units are data units unless ``standardise`` says by which rule they are not; then shift
    and scale are those of the reference points.
    """

    BLOCK = 2**15
    """Numbers drawn ahead at a time: enough to hide the cost of a call, little to redraw."""

    def __init__(self, law: Law, *, labels: bool = True, standardise: Rule | None = None) -> None:
        self.law = self._law = law
        self.splits = ("train", REFERENCE)
        self.measured = "law"
        classes = law.K if labels else 0
        box = law.box
        view = None if box is None else (box[0, 0], box[1, 0], box[0, 1], box[1, 1])
        some = law.reference(REFERENCE_SIZE if standardise else 1)[0]
        self.spec = spec_of(
            law.name,
            Points.around(some, standardise, view),
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

    def table(self, device: torch.device) -> Table:
        """Return an empty table: drawn points need none."""
        return Table(device)

    def take(self, table: Table, rows: Rows) -> Batch:
        """Return the points that the rows are."""
        # A copy: slices of one block share a version counter, which autograd watches.
        points, component = rows
        return Batch(points.clone(), component.clone() if self.spec.classes else None)


class ArraySource(Source):
    """Finite splits held as arrays; training goes through shuffled epochs without replacement.

    Args:
        collection: the splits, in memory or mapped from files.
        settings: say what is made of them; None: what their kinds of data do by default.
    """

    def __init__(self, collection: Collection, settings: DataSettings | None = None) -> None:
        self.splits = tuple(collection.splits)
        self.spec = _spec(collection, settings or DataSettings(source=collection.name))
        train, domain = collection.splits["train"], self.spec.domain
        # Laid out as a table keeps it, which then is no copy.
        x = domain.laid_out(train.x) if _is_kept(domain, train.x) else train.x
        self._train = train.replace(**{train.main: x})
        self._stream = x if isinstance(x, StreamedImages) else None
        self.horizon = 0 if self._stream is None else -(-3 * self._stream.window // 4)
        self._splits = {**collection.splits, "train": self._train}

    def content(self) -> Mapping[str, Items]:
        """Return all splits."""
        return self._splits

    def items(self, split: str) -> Items:
        """Return a whole split."""
        self._require(split)
        return self._splits[split]

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the items of one epoch in random order."""
        stream = self._stream
        rows = rng.permutation(len(self._train)) if stream is None else stream.shuffled(rng)
        return (torch.from_numpy(rows),)

    def take_frames(self, table: Table, rows: Rows, frame: Tensor) -> Batch:
        """Return what `take` does of clips, with one frame of each, x (n, C, H, W), by number."""
        batch = self.take(table, rows)
        one = batch.x[torch.arange(len(frame), device=frame.device), :, frame]
        return batch.replace(**{batch.main: one})

    def foresee(self, rows: Rows) -> None:
        """Let a stream read ahead."""
        if self._stream is not None:
            self._stream.foresee(rows[0].numpy())

    def table(self, device: torch.device) -> Table:
        """Return all fields of the training items on ``device``."""
        staged = {
            name: domain.stage(self._train[name])
            for name, domain in self.spec.fields.items()
            if name in self._train and _is_kept(domain, self._train[name])
        }
        mapped = is_mapped(self._train.x) or len(staged) < len(self._train.fields)
        if mapped or not _fits(sum(tensor.nbytes for tensor in staged.values()), device):
            device = torch.device("cpu")
        return Table(device, {name: t.to(device) for name, t in staged.items()}, mapped)

    def take(self, table: Table, rows: Rows) -> Batch:
        """Return the training items at the row numbers, which are their field "index"."""
        (index,) = rows
        loose = self.spec.loose
        picked = _read if table.mapped else _selected
        fields = {
            name: tensor if name in loose else picked(tensor, index)
            for name, tensor in table.fields.items()
        }
        for name in self._train.fields.keys() - fields.keys():  # read when it is asked for
            fields[name] = self.spec.fields[name].stage(self._train[name][index.numpy()])
        return Batch({**fields, INDEX: index.clone()}, main=self.spec.main, loose=loose)


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
        self.measured = "stacks"
        _, height, width, _ = self._train.x.shape
        classes = self.CLASSES if labels else 0
        self.spec = spec_of(
            name,
            Images(channels=3, height=height, width=width),
            classes=classes,
            class_names=[f"{mode:03d}" for mode in range(classes)],
            size=fixed,
        )

    @property
    def digits(self) -> dict[str, Items]:
        """The single digits that triples are made of, by split."""
        return self._digits

    def content(self) -> Mapping[str, Items]:
        """Return the single digits, by split."""
        return self._digits

    def items(self, split: str) -> Items:
        """Return the 10,000 fixed triples of split "reference" or "test", as images."""
        self._require(split, finite=False)
        pool = self._digits["test" if split == "test" else "train"]
        rng = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
        triples = rng.integers(len(pool), size=(REFERENCE_SIZE, 3))
        images = np.moveaxis(pool.x[triples, :, :, 0], 1, -1)
        label = None
        if self.spec.classes and LABEL in pool:
            label = pool[LABEL][triples] @ np.array([100, 10, 1])
        return Items(np.ascontiguousarray(images), label)

    def classes_like(self, items: Items, n: int) -> npt.NDArray[np.int64] | None:
        """Return classes (n,) of new triples: of 10,000 known ones a thousandth is no frequency."""
        label = self._train.get(LABEL)
        if LABEL not in items or label is None:
            return None
        rng = np.random.Generator(np.random.PCG64(REFERENCE_SEED))
        return label[rng.integers(len(label), size=(n, 3))] @ np.array([100, 10, 1])

    def draw(self, rng: np.random.Generator) -> Rows:
        """Return the next triples of digit numbers."""
        if self._triples is not None:
            return (torch.from_numpy(self._triples[rng.permutation(len(self._triples))]),)
        return (torch.from_numpy(rng.integers(len(self._train), size=(self.BLOCK, 3))),)

    def table(self, device: torch.device) -> Table:
        """Return all single digits on ``device``, and their labels."""
        label = self._train.get(LABEL)
        label = label if label is not None else np.empty(0, np.int64)
        digits = {MAIN: self._train.x[..., 0], LABEL: label}
        return Table(device, {k: torch.from_numpy(v).to(device) for k, v in digits.items()})

    def take(self, table: Table, rows: Rows) -> Batch:
        """Return the triples as images."""
        (triples,) = rows
        images, labels = table.fields[MAIN], table.fields[LABEL]
        flat = triples.reshape(-1)
        _, height, width = images.shape
        planes = images.index_select(0, flat).reshape(-1, 3, height, width)
        if not self.spec.classes:
            return Batch(planes)
        a, b, c = labels.index_select(0, flat).reshape(-1, 3).unbind(1)
        return Batch(planes, 100 * a + 10 * b + c)

    def _fixed_triples(self, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        rng = np.random.Generator(np.random.PCG64(0))
        return rng.integers(len(self._train), size=(count, 3))


def _selected(tensor: Tensor, index: Tensor) -> Tensor:
    return tensor.index_select(0, index)


def _read(tensor: Tensor, index: Tensor) -> Tensor:
    """Return rows as `_selected` does, by NumPy, beside which other threads of Python go on."""
    return torch.from_numpy(np.take(tensor.numpy(), index.numpy(), axis=0))


def _is_kept(domain: Domain, array: object) -> bool:
    """Tell whether a table keeps all of an array: it is in memory, or lies in a file as staged."""
    if not isinstance(array, np.ndarray):
        return False
    few = cast(npt.NDArray[Any], array[:2])
    if not is_mapped(few):
        return True
    return few.flags.writeable and np.may_share_memory(domain.stage(few).numpy(), few)


def _spec(collection: Collection, settings: DataSettings) -> DataSpec:
    """Return what is known of a finite set: the domain of each of its fields."""
    train = collection.splits["train"]
    domain = find_domain(collection.kind).of(train.x, settings)
    fields: dict[str, Domain] = {train.main: domain.model_copy(update=dict(collection.details))}
    if LABEL in train and LABEL not in collection.domains:
        names = list(collection.class_names)
        count = len(names) or int(train[LABEL].max(initial=0)) + 1
        fields[LABEL] = find_domain("classes").model_validate({"count": count, "called": names})
    fields |= collection.domains
    return DataSpec(name=collection.name, fields=fields, main=train.main, size=len(train))


def _fits(size: int, device: torch.device) -> bool:
    """Tell whether so many bytes may live on ``device`` for the whole run."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return size <= RESIDENT_SHARE * free
