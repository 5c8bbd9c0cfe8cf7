"""Arrays in .npy and .npz files: points, uint8 images or clips, a graph, with optional labels."""

from __future__ import annotations

import lzma
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ganvas.data.columns import parts
from ganvas.data.graph_files import LINK_KEYS, graph_of
from ganvas.data.items import (
    Collection,
    Items,
    encode_labels,
    refuse_huge,
    require_several,
    suggested_kind,
)
from ganvas.data.mapped import is_mapped
from ganvas.data.memory import amount, free_memory
from ganvas.data.readers.table import checked_names, details
from ganvas.data.unpacked import SMALL, mapped_member, require_memory
from ganvas.errors import UsageError
from ganvas.files import misspelt, replacing

SUFFIXES = (".npy", ".npz")
FEATURE_KEYS = ("x", "features")
DATA_KEYS = ("x", "images", "videos", "points", "lines", "data", "x_train", "train", "arr_0")
LABEL_KEYS = ("y", "labels", "label", "y_train")
TEST_KEYS = ("x_test", "test")
TEST_LABEL_KEYS = ("y_test", "labels_test")
COLUMNS, WHOLE = "columns", "whole"

UNPACKED = 100
ALWAYS = 2**30
"""An .npz file may hold this many times its own size; arrays of so many bytes may always be."""
HEADERS = {
    b"\x01\x00": np.lib.format.read_array_header_1_0,
    b"\x02\x00": np.lib.format.read_array_header_2_0,
}
DAMAGE = (
    *(OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError, SyntaxError, tokenize.TokenError, OverflowError),
    *(MemoryError, TypeError, LookupError, struct.error),
)
"""What NumPy and zipfile raise of files that are not what they should be."""

AnyArray = npt.NDArray[Any]


def read_file(path: Path, cache: str = "auto") -> Collection:
    """Read points (N, D), images (N, H, W[, C]), clips (N, T, H, W, C) or a graph from .npy, .npz.

    Large arrays are mapped (see `load_arrays`).

    Raises:
        UsageError: the file is damaged, or as of `collect`.
    """
    return collect(path, load_arrays(path, cache))


def collect(path: Path, arrays: Mapping[str, AnyArray]) -> Collection:
    """Return the data set of the arrays of a file, or of arrays in memory under such names.

    The data are under one of `DATA_KEYS` (or the only array), labels under one of `LABEL_KEYS`,
    a test split under `TEST_KEYS` and `TEST_LABEL_KEYS`. Points may have names under `COLUMNS`, and
    `WHOLE` says which of their columns hold whole numbers. With links between items, under one of
    `LINK_KEYS`, it is a graph.

    Raises:
        UsageError: there are objects, NaN, a single sample or an unknown shape.
    """
    if link_key := _first(LINK_KEYS, arrays):
        found = (_first(keys, arrays) for keys in (FEATURE_KEYS, LABEL_KEYS))
        features, label = (None if key is None else arrays[key] for key in found)
        return graph_of(path, arrays[link_key], features, label)
    key = _data_key(path, arrays)
    splits = {"train": _item_array(path, key, arrays[key])}
    if test_key := _first(TEST_KEYS, arrays):
        splits["test"] = _item_array(path, test_key, arrays[test_key])
        if splits["test"].shape[1:] != splits["train"].shape[1:]:
            raise UsageError(
                f"{path}: '{test_key}' holds items of shape {splits['test'].shape[1:]}, "
                f"'{key}' of shape {splits['train'].shape[1:]}; they must agree."
            )
    require_several(str(path), len(splits["train"]), least=1)
    labels, names = _labels(path, arrays, splits)
    items = {split: Items(x, labels.get(split)) for split, x in splits.items()}
    columns = _columns(path, arrays, splits["train"])
    return Collection(path.stem, items, names, details=columns)


def save_arrays(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Write arrays as an .npz file, uncompressed: it can be mapped.

    Raises:
        GanvasError: it cannot be written.
    """
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def _columns(path: Path, arrays: Mapping[str, AnyArray], x: AnyArray) -> dict[str, Any]:
    """Return what is known of the columns of points (N, D), where something is."""
    known = [(key, kinds) for key, kinds in ((COLUMNS, "U"), (WHOLE, "b")) if key in arrays]
    for key, kinds in known:
        if x.ndim != 2 or arrays[key].shape != x.shape[1:] or arrays[key].dtype.kind not in kinds:
            raise UsageError(
                f"{path}: '{key}' is {arrays[key].dtype} of shape {arrays[key].shape}; expected "
                f"{'a name' if key == COLUMNS else 'true or false'} for each column of the points."
            )
    if not known:
        return {}
    names = checked_names(str(path), arrays[COLUMNS].tolist()) if COLUMNS in arrays else ()
    whole = arrays.get(WHOLE, np.full(x.shape[1:], x.dtype.kind in "iu"))
    return details(names, whole.tolist())


def kind_of_file(path: Path) -> str:
    """Return the kind of data in a .npy file by the shape in its head; points if it has none."""
    try:
        return suggested_kind(next(iter(load_arrays(path).values())))
    except (UsageError, StopIteration):
        return "points"


def load_arrays(path: Path, cache: str = "auto") -> dict[str, AnyArray]:
    """Return the arrays of a .npy file, under "x", or of an .npz file.

    Arrays of `SMALL` bytes and more are not read: they are mapped where they lie, and compressed
    ones from a copy in the cache. Sizes are looked at first: an array must be as large as its
    header says, and a compressed file may come to `UNPACKED` times its own size.

    Args:
        path: of the file, which must stay as it is while mapped arrays are used.
        cache: where compressed ones are unpacked (``data.cache``); ``memory``: read everything.

    Raises:
        UsageError: the file is damaged, holds something else than arrays, or is too large.
    """
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                file.seek(0)
                end = file.seek(0, os.SEEK_END)
                file.seek(0)
                _check_member(path, "", file, end)
                return {"x": _of_file(path, end, cache)}
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            large = [m for m in members if m.file_size >= SMALL and cache != "memory"]
            _require_honest(path, members)
            _require_room(path, sum(m.file_size for m in members if m not in large))
            for member in members:
                with archive.open(member) as file:
                    _check_member(path, f" '{member.filename}'", file, member.file_size)
            mapped = {m.filename.removesuffix(".npy"): mapped_member(path, m, cache) for m in large}
        with np.load(path, allow_pickle=False) as loaded:
            return {key: mapped[key] if key in mapped else loaded[key] for key in loaded.files}
    except DAMAGE as error:
        raise UsageError(f"{path} cannot be read as a NumPy file: {_brief(error)}.") from None


def load_array(path: Path, what: str = "file") -> AnyArray:
    """Return the one array of a .npy file, whole.

    Args:
        path: of the file.
        what: it should be, for messages.

    Raises:
        UsageError: there is no such file, it is damaged, or it holds something else.
    """
    if not path.is_file():
        raise UsageError(f"there is no {what} {path}{misspelt(path)}")
    match list(load_arrays(path, cache="memory").values()):
        case [array]:
            return array
        case several:
            raise UsageError(f"{path} holds {len(several)} arrays: expected one, as of numpy.save")


def _of_file(path: Path, size: int, cache: str) -> AnyArray:
    if size < SMALL or cache == "memory":
        _require_room(path, size)
        return np.load(path, allow_pickle=False)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _require_honest(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse a compressed file whose arrays are much more than it can hold."""
    size = sum(member.file_size for member in members)
    most = max(UNPACKED * path.stat().st_size, ALWAYS)
    if size > most:
        raise UsageError(
            f"{path} comes to {amount(size)} when it is read; here it may be {amount(most)}: "
            f"{UNPACKED} times the file, or {amount(ALWAYS)} if that is more. If it is really so "
            "large, save it with np.save."
        )


def _require_room(path: Path, size: int) -> None:
    """Refuse to read more than this machine can hold."""
    most = free_memory()
    if most is not None and size > most:
        raise UsageError(
            f"{path} comes to {amount(size)} when it is read, and here it may be {amount(most)}: "
            "that much memory is free. Leave data.cache at auto: large arrays then stay on disk."
        )


def _check_member(path: Path, name: str, file: IO[bytes], size: int) -> None:
    """Refuse what is no array of numbers, or no array of the size that its header says."""
    magic = file.read(len(np.lib.format.MAGIC_PREFIX))
    if magic != np.lib.format.MAGIC_PREFIX:
        what = f"the part{name} is no array" if name else "it is none"
        raise ValueError(what)
    version = file.read(2)
    if version not in HEADERS:
        raise ValueError(f"its format is version {'.'.join(map(str, version))}")
    shape, _, dtype = HEADERS[version](file)
    if dtype.hasobject:
        raise UsageError(
            f"{path} holds Python objects, which are never loaded; save a plain number array, "
            "for example np.save(path, np.stack(list_of_equal_arrays))."
        )
    declared = math.prod(shape) * dtype.itemsize
    if file.tell() + declared != size or min(shape, default=0) < 0:
        raise ValueError(f"the array{name} should take {declared:,} bytes, and does not")


def _brief(error: Exception) -> str:
    """Return what is wrong in one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _first(keys: tuple[str, ...], arrays: Mapping[str, AnyArray]) -> str | None:
    return next((key for key in keys if key in arrays), None)


def _data_key(path: Path, arrays: Mapping[str, AnyArray]) -> str:
    if key := _first(DATA_KEYS, arrays):
        return key
    if len(arrays) == 1:
        return next(iter(arrays))
    raise UsageError(
        f"{path} holds the arrays {', '.join(arrays) or '(none)'}; call the data one of "
        f"{', '.join(DATA_KEYS[:5])} and labels 'y'."
    )


def _item_array(path: Path, key: str, array: AnyArray) -> AnyArray:
    """Return the array as points or lines of its own type or uint8 images, or refuse it."""
    where = f"{path}" if path.suffix != ".npz" else f"{path}, array '{key}',"
    if array.dtype.kind == "U" and array.ndim == 1:
        return array
    if array.dtype.kind not in "biuf":
        raise UsageError(
            f"{where} holds {array.dtype} values; points, images and clips are real numbers, "
            "lines of text an array of str (N,)."
        )
    if array.ndim == 2 and array.shape[1] > 0:
        return _points(where, array)
    if array.ndim == 3 or (array.ndim in (4, 5) and array.shape[-1] in (1, 3, 4)):
        return _images(where, array if array.ndim > 3 else array[..., None])
    hint = ""
    if array.ndim == 1:
        hint = " A single column of numbers is array[:, None]."
    elif array.ndim in (4, 5) and array.shape[1] in (1, 3, 4):
        hint = " Bring the channels last with np.moveaxis(array, 1, -1)."
    elif array.ndim == 4:
        hint = " Grey clips are array[..., None]."
    raise UsageError(
        f"{where} has shape {array.shape}; expected points (N, D), grey images (N, H, W), "
        f"images (N, H, W, C) or clips (N, T, H, W, C) with C = 1, 3 or 4.{hint}"
    )


def _points(where: str, array: AnyArray) -> AnyArray:
    """Return points in the type that they have, after a look at each number."""
    broken, first = 0, (0, 0)
    for rows in parts(array):
        part = array[rows]
        finite = np.isfinite(part)
        if not finite.all():
            row, column = (int(place) for place in np.argwhere(~finite)[0])
            first = first if broken else (rows.start + row, column)
            broken += int((~finite.all(axis=1)).sum())
        refuse_huge(where, np.where(finite, part, 0))
    if broken:
        raise UsageError(
            f"{where} holds NaN or infinite values in {broken} of {len(array)} rows, first in row "
            f"{first[0]}, column {first[1]}: drop them with "
            "array[np.isfinite(array).all(axis=1)]."
        )
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array


def _images(where: str, array: AnyArray) -> AnyArray:
    """Return uint8 images or clips: the array itself if it holds such, else a copy."""
    ends = [(array[part].min(), array[part].max()) for part in parts(array) if array.size]
    least, most = min((low for low, _ in ends), default=0), max((up for _, up in ends), default=0)
    if array.dtype.kind not in "iu" or least < 0 or most > 255:
        found = f"{array.dtype}"
        if array.size and not np.isfinite(float(least) + float(most)):
            found += " with NaN or infinite values"
        elif array.size:
            found += f" from {least:g} to {most:g}"
        what = "images" if array.ndim < 5 else "clips"
        raise UsageError(
            f"{where} holds {what} as {found}; expected whole numbers 0 to 255. Convert "
            f"values in {_conversion(array.dtype, float(least), float(most))}.astype(np.uint8)."
        )
    if is_mapped(array) and array.dtype == np.uint8:
        return array
    require_memory(where, array.size)
    return np.ascontiguousarray(array, dtype=np.uint8)


def _conversion(dtype: np.dtype[Any], least: float, most: float) -> str:
    """Return what pixels of another range seem to be, and how they become 0 to 255."""
    if dtype.kind in "iu" and least >= 0 and most < 2**16:
        return "[0, 65535] with (array // 257)"
    if dtype.kind == "f" and -1 <= least < 0 and most <= 1:
        return "[-1, 1] with (127.5 * (array + 1)).round()"
    return "[0, 1] with (255 * array).round()"


def _labels(
    path: Path, arrays: Mapping[str, AnyArray], splits: dict[str, AnyArray]
) -> tuple[dict[str, npt.NDArray[np.int64]], tuple[str, ...]]:
    given: dict[str, AnyArray] = {}
    for split, keys in (("train", LABEL_KEYS), ("test", TEST_LABEL_KEYS)):
        key = _first(keys, arrays)
        if key is None or split not in splits:
            continue
        labels = arrays[key]
        if labels.shape not in ((len(splits[split]),), (len(splits[split]), 1)):
            raise UsageError(
                f"{path}: labels '{key}' have shape {labels.shape}; expected one per item, "
                f"({len(splits[split])},)."
            )
        if labels.dtype.kind not in "biuU":
            raise UsageError(
                f"{path}: labels '{key}' are {labels.dtype}; expected whole numbers or names."
            )
        given[split] = labels.ravel()
    if not given:
        return {}, ()
    if len(given) < len(splits):
        raise UsageError(f"{path} labels only the {next(iter(given))} split; label both or none.")
    distinct = {split: np.unique(labels, return_inverse=True) for split, labels in given.items()}
    words = {split: [str(word) for word in few.tolist()] for split, (few, _) in distinct.items()}
    codes, names = encode_labels(words)
    return {split: codes[split][places] for split, (_, places) in distinct.items()}, names
