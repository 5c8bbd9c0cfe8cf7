"""Images decoded from blocks that are read in advance, in an order that follows the blocks."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganvas.data import pixels
from ganvas.data.items import Collection, Items, require_several
from ganvas.data.pixels import Array8, Form
from ganvas.data.readers.blocks import WINDOW, Blocks, Numbers
from ganvas.data.readers.decode import READ_ERRORS, image_in, why
from ganvas.data.readers.images import log_broken, refuse_broken, uniform
from ganvas.data.readers.index import Index, require_pairs
from ganvas.data.readers.lazy import OnDemand
from ganvas.data.readers.place import grouped
from ganvas.data.settings import DataSettings
from ganvas.data.splits import held_out_rows
from ganvas.errors import GanvasError, UsageError
from ganvas.slices import slices

DENSE = 4
"""Blocks are read for images of which every fourth is asked for; others are read one by one."""

log = logging.getLogger("ganvas")


@dataclass(frozen=True)
class Indexed:
    """A set of encoded images that was looked at once.

    Attributes:
        name: what the set is called.
        where: where it lies.
        shards: names of its parts.
        splits: numbers of the parts of each split; "train" first.
        index: what is known of the images.
        blocks: where they are.
    """

    name: str
    where: str
    shards: Sequence[str]
    splits: Mapping[str, Sequence[int]]
    index: Index
    blocks: Blocks

    def rows(self, split: str) -> Numbers:
        """Return the rows of a split, which ascend."""
        count = len(self.shards)
        shard = self.index.rows["shard"]
        ends: list[int] = np.searchsorted(shard, np.arange(count + 1)).tolist()
        return np.concatenate([np.arange(ends[i], ends[i + 1]) for i in self.splits[split]])

    def called(self, row: int) -> str:
        """Return the names of an image and of its shard."""
        return f"{self.shards[int(self.index.rows['shard'][row])]}/{self.index.name(row)}"

    def classes(self, settings: DataSettings) -> tuple[str, ...]:
        """Return the names of the classes, where there are some and they are asked for.

        Raises:
            UsageError: some images have none.
        """
        if not settings.labels or not self.index.class_names:
            return ()
        require_pairs(self.index, self.shards)
        return self.index.class_names


def read_stream(found: Indexed, settings: DataSettings) -> Collection:
    """Return a set of which nothing is held: images are decoded when they are asked for.

    Raises:
        UsageError: an image is broken (unless ``skip_broken``), or has no class where others have
            one; sizes differ without a rule.
    """
    for line in grouped(found.index.others):
        log.warning("%s: left out %s", found.where, line)
    if broken := found.index.broken:
        if not settings.skip_broken:
            refuse_broken(found.where, broken, len(found.index.rows) + len(broken))
        log_broken(found.where, broken)
    names = found.classes(settings)
    rows = {split: found.rows(split) for split in found.splits}
    count = len(rows["train"])
    require_several(found.where, count)
    if settings.hold_out and "test" not in rows:
        kept, held = held_out_rows(count, settings.hold_out)
        rows = {"train": rows["train"][kept], "test": rows["train"][held]}
    form = _form(found, settings)
    splits: dict[str, Items] = {}
    for split, some in rows.items():
        images: Any = StreamedImages(found.blocks, form, some)
        label = found.index.rows["label"][some].astype(np.int64) if names else None
        splits[split] = Items(images, label)
    return Collection(found.name, splits, names)


def _form(found: Indexed, settings: DataSettings) -> Form:
    known = found.index
    first: list[int] = np.unique(known.rows["head"], return_index=True)[1].tolist()
    heads = {found.called(row): known.heads[int(known.rows["head"][row])] for row in first}
    form = uniform(list(heads.items()), settings)
    if not any(head.deep for head in heads.values()):
        return form
    if settings.bits is None:
        raise UsageError(
            f"{found.where} has files of more than 8 bits; say how many are used, for nobody "
            "looks at the pixels of a stream before training: data.bits=16."
        )
    return replace(form, top=2.0**settings.bits - 1)


class StreamedImages(OnDemand):
    """Some images of blocks, of which nothing is held but row numbers.

    Args:
        blocks: where they are.
        form: that they take.
        rows: which of their rows these are, in order.
    """

    def __init__(self, blocks: Blocks, form: Form, rows: Numbers) -> None:
        super().__init__(form)
        self._blocks, self._rows = blocks, rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def window(self) -> int:
        """How many images are shuffled with one another, about."""
        whole = max(int(self._blocks.sizes.sum()), 1)
        return min(max(len(self) * WINDOW // whole, 1), len(self))

    def digest(self) -> str:
        """Return a hash of the images as they are stored, wherever that is."""
        return self._blocks.digest(self._rows)

    def shuffled(self, rng: np.random.Generator) -> Numbers:
        """Return the numbers of all images in a random order, block by block."""
        return self._blocks.shuffled(self._rows, rng)

    def foresee(self, rows: Numbers) -> None:
        """Begin to read the blocks of images that will be asked for soon."""
        self._blocks.want(np.unique(self._blocks.of(self._rows[rows])).tolist())

    def _images(self, rows: Numbers) -> Iterator[Array8]:
        for part in slices(len(rows), self.window):
            some = rows[part]
            if len(some) > 1 and np.ptp(some) < DENSE * len(some):
                self.foresee(some)
            yield from super()._images(some)

    def _image(self, row: int) -> Array8:
        at = int(self._rows[row])
        content = self._blocks.content(at)
        try:
            with image_in(io.BytesIO(content)) as image:
                return pixels.conform(image, self._form)
        except READ_ERRORS as error:
            raise GanvasError(
                f"{self._blocks.called(at)}: {why(error, bytes(content[:4096]))}. Write the shard "
                "anew, or start a run that leaves such images out: data.skip_broken=true."
            ) from None
