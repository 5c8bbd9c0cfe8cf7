"""Folders and archives of images: what is in them, and how they become one uint8 array."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from ganvas.data import pixels
from ganvas.data.cache import Cache, key_of, user_cache
from ganvas.data.domain import Domain
from ganvas.data.items import Collection, Items, encode_labels, require_several
from ganvas.data.memory import amount, free_memory
from ganvas.data.pixels import Array8, Form
from ganvas.data.readers.archive import SUFFIX, Archive
from ganvas.data.readers.dataset_json import JSON_FILE, read_dataset_json
from ganvas.data.readers.decode import Decoded, decode, heads, largest_level, verify
from ganvas.data.readers.fields import read_field
from ganvas.data.readers.folder import Folder
from ganvas.data.readers.labels_csv import LABEL, LABEL_FILE, read_labels
from ganvas.data.readers.layout import lay_out, wrapper
from ganvas.data.readers.lazy import LazyImages
from ganvas.data.readers.place import File, Head, LeftOut, Place, grouped, listing, nothing_in
from ganvas.data.records import MAIN
from ganvas.data.settings import DataSettings
from ganvas.data.splits import held_out_rows
from ganvas.errors import DataError, UsageError

SMALL = 64 * 2**20
"""Sets of fewer bytes, as files and decoded, are decoded into memory each time."""
SPARE = 0.9
"""Share of the free memory that a set may take."""

Columns = dict[str, list[str]]

log = logging.getLogger("ganvas")


@dataclass(frozen=True)
class Survey:
    """What a place holds, by the names in it.

    Attributes:
        place: where the files are.
        splits: files by split; "train" first.
        columns: by split, what is known of each file; column ``label`` is its class.
        left_out: everything that is no part of the set, and why.
        least: so many training images make a set.
    """

    place: Place
    splits: dict[str, list[File]]
    columns: dict[str, Columns]
    left_out: list[LeftOut]
    least: int = 2

    @property
    def files(self) -> list[File]:
        """All files of the set, split after split."""
        return [file for files in self.splits.values() for file in files]


def is_images(path: Path) -> bool:
    """Tell whether a path may be a place of images: a folder, or an archive."""
    return path.is_dir() or path.suffix.lower() == SUFFIX


def read_images(path: Path, settings: DataSettings, *, whole: bool = False) -> Collection:
    """Read the images of a folder or zip archive, with its labels and splits.

    They are decoded once, and kept as ``data.cache`` says.

    Args:
        path: where they are.
        settings: how they become uniform.
        whole: all of them are one split "train", whatever the folders say, without labels.

    Raises:
        UsageError: no images; broken files (unless ``skip_broken``); mixed sizes without a rule;
            labels that do not fit; too little room.
    """
    return read_survey(survey(path, labels=settings.labels, whole=whole), settings)


def read_survey(found: Survey, settings: DataSettings) -> Collection:
    """Read the images that were found, with their labels and splits, as `read_images` does.

    Raises:
        UsageError: likewise.
    """
    where = found.place.where
    for line in grouped(found.left_out):
        log.warning("%s: left out %s", where, line)
    found = _with_split(found, settings)
    if found.place.broken and not settings.skip_broken:
        _refuse(found, found.place.broken + _all_broken(found))
    x, broken = _STORES.get(settings.cache, _on_disk)(found, settings)
    if broken and not settings.skip_broken:
        _refuse(found, broken)
    if lost := [*found.place.broken, *broken]:
        log_broken(where, lost)
    return _collect(found, x, {one.name for one in broken})


def survey(path: Path, *, labels: bool = True, whole: bool = False) -> Survey:
    """List the images of a place in a fixed order; no image is opened.

    Classes, if ``labels`` asks for them: from labels.csv or dataset.json where there is one, else
    from folders.

    Raises:
        UsageError: there are no images, or a table of labels does not fit them.
    """
    place = Folder(path) if path.is_dir() else Archive(path)
    if not place.files and not place.broken:
        raise UsageError(nothing_in(place, place.others, "image"))
    if whole:
        return Survey(place, {"train": place.files}, {}, place.others, least=1)
    return laid_out(path, place, place.files, labels=labels)


def laid_out(path: Path, place: Place, found: Sequence[File], *, labels: bool) -> Survey:
    """Return files as the splits that their folders make, with what is told of each.

    Args:
        path: of the place.
        place: where they are.
        found: the files of the set.
        labels: whether classes are asked for.

    Raises:
        UsageError: a table of labels does not fit them.
    """
    table, names = _table(place, found)
    layout = lay_out(path, found, classes=labels and table is None)
    others = [one for one in place.others if one.name != table] + layout.left_out
    if table is None or not labels:
        columns: dict[str, Columns] = {s: {LABEL: c} for s, c in layout.classes.items()}
        return Survey(place, layout.splits, columns, others)
    base = table.rpartition("/")[0]
    content = place.text(table) or b""
    reader = read_labels if table.endswith(LABEL_FILE) else read_dataset_json
    below = [name[len(base) + 1 if base else 0 :] for name in names]
    known = reader(path / table, content, below)
    row = {name: i for i, name in enumerate(names)}
    columns = {
        split: {
            column: [values[row[file.name]] for file in files] for column, values in known.items()
        }
        for split, files in layout.splits.items()
    }
    return Survey(place, layout.splits, columns, others)


def form_of(found: Sequence[tuple[File, Head]], place: Place, settings: DataSettings) -> Form:
    """Return the one form that all images take, from what their heads say.

    Raises:
        UsageError: sizes differ and no rule says how they become one.
    """
    form = uniform([(file.name, head) for file, head in found], settings)
    files = [file for file, head in found if head.deep]
    if not files:
        return form
    top = 2.0**settings.bits - 1 if settings.bits else largest_level(place, files)
    if settings.bits is None and top != 2**16 - 1:
        log.warning(
            "%s: %d files of more than 8 bits; %s is taken for white (data.bits=16 for 65,535)",
            *(place.where, len(files), f"{top:,.0f}"),
        )
    return replace(form, top=top)


def uniform(found: Sequence[tuple[str, Head]], settings: DataSettings) -> Form:
    """Return size and channels that all images take, from their names and heads.

    Raises:
        UsageError: sizes differ and no rule says how they become one.
    """
    size = pixels.choose_size(settings, ((name, head.size) for name, head in found))
    grey = all(head.grey for _, head in found)
    alpha = all(head.alpha for _, head in found)
    channels = pixels.choose_channels(settings, grey, alpha)
    return Form(size, settings.resize, channels, settings.colour)


def _on_disk(found: Survey, settings: DataSettings) -> tuple[Any, list[LeftOut]]:
    """Return the images from the cache, into which they are decoded if need be."""
    named = settings.cache != "auto"
    cache = Cache(Path(settings.cache).expanduser() if named else user_cache())
    name = found.place.where
    key = _key(found, settings)
    if stored := cache.find(key, name):
        return _seen(stored.planes), _noted(stored.about)
    form, sound, broken = _formed(found, settings)
    size = len(sound) * int(np.prod(form.shape))
    if not named and max(size, sum(file.size for file in sound)) < SMALL:
        return _into_memory(found, form, sound, broken, settings)

    def fill(write: Callable[[Array8], None]) -> tuple[dict[str, Any], int]:
        told = decode(found.place, sound, form, write)
        lost = [*broken, *told.broken]
        if lost and not settings.skip_broken:
            _refuse(found, lost)
        return {"broken": lost}, _channels(form, told, settings)

    height, width, channels = form.shape
    try:
        stored = cache.make(key, name, (channels, height, width), len(sound), fill)
    except OSError as error:
        reason = f"{cache.root} cannot be written ({error.strerror or error})"
        if named:
            raise UsageError(
                f"{reason}: give another folder with data.cache=DIR, or data.cache=memory."
            ) from None
        _require_memory(found, size, f"{reason}, and ")
        log.warning("%s: %s is kept in memory", reason, name)
        return _into_memory(found, form, sound, broken, settings)
    return _seen(stored.planes), _noted(stored.about)


def _in_memory(found: Survey, settings: DataSettings) -> tuple[Any, list[LeftOut]]:
    form, sound, broken = _formed(found, settings)
    _require_memory(found, len(sound) * int(np.prod(form.shape)))
    return _into_memory(found, form, sound, broken, settings)


def _on_demand(found: Survey, settings: DataSettings) -> tuple[Any, list[LeftOut]]:
    """Return images that are decoded anew whenever they are looked at, after one look at all."""
    form, sound, broken = _formed(found, settings)
    told = decode(found.place, sound, form, lambda _: None)
    if _channels(form, told, settings) < form.shape[2]:
        form = replace(form, channels="rgb")
    lost = {one.name for one in told.broken}
    sound = [file for file in sound if file.name not in lost]
    return LazyImages(found.place, sound, form), [*broken, *told.broken]


_STORES = {"memory": _in_memory, "none": _on_demand}


def _into_memory(
    found: Survey, form: Form, sound: list[File], broken: list[LeftOut], settings: DataSettings
) -> tuple[Any, list[LeftOut]]:
    height, width, channels = form.shape
    planes = np.empty((len(sound), channels, height, width), np.uint8)
    filled = 0

    def write(some: Array8) -> None:
        nonlocal filled
        planes[filled : filled + len(some)] = some
        filled += len(some)

    told = decode(found.place, sound, form, write)
    planes = planes[:filled]
    if (kept := _channels(form, told, settings)) < channels:
        planes = np.ascontiguousarray(planes[:, :kept])
    return _seen(planes), [*broken, *told.broken]


def _formed(found: Survey, settings: DataSettings) -> tuple[Form, list[File], list[LeftOut]]:
    """Return the form of the set, the files that have a head, and the others."""
    files = found.files
    known, broken = heads(found.place, files)
    if broken and not settings.skip_broken:
        sound = [file for file, head in zip(files, known, strict=True) if head is not None]
        _refuse(found, broken + verify(found.place, sound))
    pairs = [(f, head) for f, head in zip(files, known, strict=True) if head is not None]
    lost = {one.name for one in broken}
    count = sum(file.name not in lost for file in found.splits["train"])
    if count < found.least:
        require_several(found.place.where, count)
    return form_of(pairs, found.place, settings), [file for file, _ in pairs], broken


def _channels(form: Form, told: Decoded, settings: DataSettings) -> int:
    """Return how many channels are worth keeping: no alpha channel that says nothing."""
    unsaid = settings.channels == "auto" and form.channels == "rgba" and told.opaque
    return 3 if unsaid else form.shape[2]


def _seen(planes: Array8) -> Array8:
    """Return images (N, C, H, W) as (N, H, W, C), in the same memory."""
    return np.moveaxis(planes, 1, -1)


def _noted(about: dict[str, Any]) -> list[LeftOut]:
    return [LeftOut(*map(str, pair)) for pair in about["broken"]]


def _key(found: Survey, settings: DataSettings) -> str:
    """Return what the decoded images depend on: files, their order, and settings."""
    keys = ("size", "resize", "channels", "background", "bits")
    return key_of(found.place.stamp(), [getattr(settings, key) for key in keys], found.files)


def _with_split(found: Survey, settings: DataSettings) -> Survey:
    """Hold a random part out as "test", the same for every seed, unless there is one already.

    Here and not later, so that each split is one piece of the file in which the images are kept.
    """
    count = len(found.splits["train"])
    if not settings.hold_out or "test" in found.splits or count < 2:
        return found
    kept, held = held_out_rows(count, settings.hold_out)
    rows: dict[str, list[int]] = {"train": kept.tolist(), "test": held.tolist()}
    train, known = found.splits["train"], found.columns.get("train", {})
    splits = {split: [train[i] for i in some] for split, some in rows.items()}
    columns = {
        split: {column: [values[i] for i in some] for column, values in known.items()}
        for split, some in rows.items()
    }
    return replace(found, splits=splits, columns=columns)


def _collect(found: Survey, x: Any, lost: set[str]) -> Collection:
    """Cut the images into splits, each with its classes and whatever else is known of them."""
    splits: dict[str, Any] = {}
    classes: dict[str, list[str]] = {}
    others: dict[str, dict[str, list[str]]] = {}
    names_of: dict[str, list[str]] = {}
    start = 0
    for split, files in found.splits.items():
        kept = [i for i, file in enumerate(files) if file.name not in lost]
        names_of[split] = [files[i].name for i in kept]
        stop = start + len(kept)
        splits[split] = x.part(start, stop) if isinstance(x, LazyImages) else x[start:stop]
        start = stop
        for column, words in found.columns.get(split, {}).items():
            of = classes if column == LABEL else others.setdefault(column, {})
            of[split] = [words[i] for i in kept]
    labels, names = encode_labels(classes) if "train" in classes else ({}, ())
    fields = {split: {MAIN: some, LABEL: labels.get(split)} for split, some in splits.items()}
    domains: dict[str, Domain] = {}
    for name, words in others.items():
        if "train" in words:
            arrays, domains[name] = read_field(name, words, names_of, found.place.where)
            for split, array in arrays.items():
                fields[split][name] = array
    items = {split: Items(some) for split, some in fields.items() if len(splits[split])}
    return Collection(found.place.name, items, names, domains=domains, files=names_of)


def _table(place: Place, found: Sequence[File]) -> tuple[str | None, list[str]]:
    """Return the file with labels, at the top or in the folder that wraps all; and all images."""
    names = [file.name for file in found] + [one.name for one in place.broken]
    others = {one.name for one in place.others}
    base = wrapper(names)
    bases = ["", *(base[: i + 1] for i, sign in enumerate(base) if sign == "/")]
    candidates = [top + file for file in (LABEL_FILE, JSON_FILE) for top in bases]
    return next((name for name in candidates if name in others), None), names


def without_broken(found: Survey) -> tuple[Survey, list[LeftOut]]:
    """Return a set without its broken images, and these; all of them are decoded to know.

    Raises:
        UsageError: too few training images are left to make a set.
    """
    broken = [*found.place.broken, *_all_broken(found)]
    lost = {one.name for one in broken}
    kept = {s: [file.name not in lost for file in files] for s, files in found.splits.items()}
    if broken and sum(kept["train"]) < found.least:
        _refuse(found, broken)
    splits = {s: [*compress(files, kept[s])] for s, files in found.splits.items()}
    columns = {
        split: {column: [*compress(values, kept[split])] for column, values in known.items()}
        for split, known in found.columns.items()
    }
    return replace(found, splits=splits, columns=columns), broken


def _all_broken(found: Survey) -> list[LeftOut]:
    files = found.files
    known, broken = heads(found.place, files)
    sound = [file for file, head in zip(files, known, strict=True) if head is not None]
    return broken + verify(found.place, sound)


def _require_memory(found: Survey, size: int, why: str = "") -> None:
    free = free_memory()
    if free is None or size <= SPARE * free:
        return
    raise DataError(
        f"{why}{found.place.where} takes {amount(size)} decoded, with {amount(free)} of memory "
        "free.",
        "Keep it on disk with data.cache=auto or data.cache=DIR, make the images smaller with "
        "data.size, or decode each batch anew with data.cache=none (slow).",
    )


def _refuse(found: Survey, broken: Sequence[LeftOut]) -> None:
    total = len(found.files) + len(found.place.broken)
    refuse_broken(found.place.where, broken, total)


def refuse_broken(where: str, broken: Sequence[LeftOut], total: int) -> None:
    """Refuse a set with broken images.

    Raises:
        UsageError: always.
    """
    raise DataError(
        f"{len(broken)} of {total} image files in {where} are broken:\n"
        f"{listing(broken)}\n"
        "Repair or delete them.",
        "Or leave them out with data.skip_broken=true.",
    )


def log_broken(where: str, lost: Sequence[LeftOut]) -> None:
    """Say which broken images are left out."""
    log.warning("Left out %d broken image files in %s:\n%s", len(lost), where, listing(lost))
