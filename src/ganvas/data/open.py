"""From settings to a source: the one door through which data enters training."""

from __future__ import annotations

from ganvas.data.affine import AffineSource
from ganvas.data.catalogue import AFFINE, STACKS, conformed, read
from ganvas.data.graph_laws import GRAPH_NAMES, graph_law
from ganvas.data.graph_source import GraphSource
from ganvas.data.items import Collection, Items, require_several
from ganvas.data.laws import LAW_NAMES, law
from ganvas.data.settings import AffineSettings, DataSettings
from ganvas.data.source import ArraySource, LawSource, Source, StackSource
from ganvas.data.splits import held_out_rows
from ganvas.errors import UsageError

__all__ = ["DataSettings", "open_data"]


def open_data(settings: DataSettings) -> Source:
    """Open the data that ``settings`` describe.

    Raises:
        UsageError: it is not there, is broken, or does not fit the settings.
    """
    name = settings.source
    if name in AFFINE:
        return _open_affine(name, settings)
    _refuse_affine(settings)
    if name in LAW_NAMES:
        _refuse_image_keys(settings)
        return LawSource(law(name), labels=settings.labels, standardise=bool(settings.standardise))
    if name in STACKS:
        return _open_stack(name, settings)
    collection = read(settings)
    if collection.kind == "graph":
        _refuse_image_keys(settings, "a graph")
        return GraphSource(
            collection,
            hold_out=settings.hold_out,
            law=graph_law(name) if name in GRAPH_NAMES else None,
            labels=settings.labels,
            standardise=settings.standardise is not False,
        )
    collection = _with_split(collection, settings)
    collection = _with_labels(collection, settings)
    if collection.kind == "points":
        _refuse_image_keys(settings)
        return ArraySource(collection, standardise=settings.standardise is not False)
    _refuse_standardise(settings)
    return ArraySource(collection)


def _open_stack(name: str, settings: DataSettings) -> StackSource:
    _refuse_standardise(settings)
    stack = STACKS[name]
    digits = conformed(stack.read_digits(settings), settings)
    if digits.splits["train"].x.shape[-1] != 1:
        raise UsageError(f"{name} stacks grey digits: leave data.channels at auto.")
    return StackSource(name, digits, labels=settings.labels, fixed=stack.triples)


def _open_affine(name: str, settings: DataSettings) -> AffineSource:
    _refuse_standardise(settings)
    digits = _with_labels(conformed(AFFINE[name](settings), settings), settings)
    return AffineSource(name, digits, settings.affine or AffineSettings())


def _with_labels(collection: Collection, settings: DataSettings) -> Collection:
    """Return the set as it is, or stripped of its labels if they are not wanted."""
    if settings.labels:
        return collection
    splits = {split: Items(items.x) for split, items in collection.splits.items()}
    return Collection(collection.name, splits)


def _with_split(collection: Collection, settings: DataSettings) -> Collection:
    """Hold a random part out as "test", the same for every seed, unless there is one already."""
    train = collection.splits["train"]
    count = len(train)
    if settings.hold_out and "test" not in collection.splits:
        kept, held = held_out_rows(count, settings.hold_out)
        splits = {"train": train.take(kept), "test": train.take(held)}
        collection = Collection(collection.name, splits, collection.class_names)
    require_several(collection.name, len(collection.splits["train"]))
    return collection


def _refuse_image_keys(settings: DataSettings, found: str = "points") -> None:
    if keys := settings.image_keys_set():
        raise UsageError(
            f"data.{keys[0]} is for images, but {settings.source} holds {found}: leave it out."
        )


def _refuse_affine(settings: DataSettings) -> None:
    if settings.affine is not None:
        raise UsageError(
            f"data.affine is for {' and '.join(AFFINE)}, not for {settings.source}: leave it out."
        )


def _refuse_standardise(settings: DataSettings) -> None:
    if settings.standardise is not None:
        raise UsageError(
            f"data.standardise is for points, but {settings.source} holds images: leave it out."
        )
