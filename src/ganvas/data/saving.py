"""Records as files: each field as its own kind writes it, the main one where the user said."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from glob import escape
from pathlib import Path

import numpy as np

from ganvas.data.domain import EACH, PLANE, AnyArray, Domain
from ganvas.data.items import Items
from ganvas.data.readers.labels_csv import FILE, LABEL_FILE
from ganvas.data.readers.writing import is_table, save_table
from ganvas.errors import UsageError
from ganvas.files import filling, replacing


def save_records(
    items: Items, domains: Mapping[str, Domain], out: Path, columns: int | None = None
) -> list[Path]:
    """Save the main field of some records as ``out``, and the others with it or beside it.

    An .npz file holds all fields, a table of points all that are columns. A folder gets a
    labels.csv of what is a column of a table, which ganvas reads again; beside any other file it is
    ``NAME-labels.csv``. What is no column, such as a mask of a picture, is a file of the same kind:
    ``NAME-FIELD.png``.

    Args:
        items: in data units.
        domains: the kind of each field.
        out: where the main field goes; its suffix says how.
        columns: so many items stand in a row of a picture.

    Returns:
        All that was written, ``out`` first.

    Raises:
        UsageError: the main field is not written in such a way.
    """
    others = [name for name in items if name != items.main]
    told: dict[str, AnyArray] = {}
    for name in others:
        told |= domains[name].columns(name, items[name])
    apart = {name: items[name] for name in others if not domains[name].columns(name, items[name])}
    if out.suffix.lower() == ".npz" and others:
        with replacing(out) as file:
            whole = {domains[items.main].named: items.x, **apart, **told}
            np.savez_compressed(file, allow_pickle=False, **whole)
        return [out]
    own = domains[items.main].table(items.x)
    together = is_table(out) and bool(own)
    if together:
        save_table(out, {**own, **told})
    each = EACH in out.name
    place = out.parent if each else out  # of a folder all of it, or none
    whole = filling(place) if each or not out.suffix else nullcontext()
    with whole:
        if not together:
            domains[items.main].save(items.x, out, columns)
        written = [out]
        if told and not together:
            written.append(_save_columns(told, out))
    for name, array in apart.items():
        beside = out.with_name(f"{out.stem}-{name}")
        written.append(_save_beside(domains[name], array, beside, out, columns))
    return written


def _save_columns(columns: dict[str, AnyArray], out: Path) -> Path:
    """Save columns of a table about the items in ``out``, by file if that is a folder."""
    path = out.with_name(f"{out.stem}-{LABEL_FILE}")
    folder = out.parent if EACH in out.name else out
    if folder.is_dir():
        own = "*".join(map(escape, out.name.split(EACH))) if EACH in out.name else "[0-9]*"
        files = np.array(sorted(file.name for file in folder.glob(own)))
        path, columns = folder / LABEL_FILE, {FILE: files, **columns}
    save_table(path, columns)
    return path


def _save_beside(
    domain: Domain, array: AnyArray, path: Path, out: Path, columns: int | None
) -> Path:
    """Save a field as a file of the kind of ``out``, as a picture, or as .npy.

    Such as the image behind each clip of a film, which is written as none.
    """
    pictures = [".png"] if domain.grid >= PLANE else []
    path = path.with_name(path.name.replace(EACH, "").lstrip("-"))  # one file, beside those of each
    for suffix in (out.suffix, *pictures, ".npy"):
        like = path.with_name(f"{path.name}{suffix}")
        try:
            domain.save(array, like, columns)
        except UsageError:
            continue
        break
    return like
