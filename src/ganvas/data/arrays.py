"""Arrays in .npy and .npz files: points, uint8 images or a graph, with optional labels."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.data.graph_files import LINK_KEYS, graph_of
from ganvas.data.items import Collection, Items, encode_labels, require_several
from ganvas.errors import UsageError

SUFFIXES = (".npy", ".npz")
FEATURE_KEYS = ("x", "features")
DATA_KEYS = ("x", "images", "points", "data", "x_train", "train", "arr_0")
LABEL_KEYS = ("y", "labels", "label", "y_train")
TEST_KEYS = ("x_test", "test")
TEST_LABEL_KEYS = ("y_test", "labels_test")

AnyArray = npt.NDArray[Any]


def read_file(path: Path) -> Collection:
    """Read points (N, D) or images (N, H, W), (N, H, W, C) from a .npy or .npz file.

    An .npz file holds the data under one of `DATA_KEYS` (or as its only array), labels under one
    of `LABEL_KEYS`, and a test split under `TEST_KEYS` and `TEST_LABEL_KEYS`. With links between
    items, under one of `LINK_KEYS`, it is a graph. Pickled objects are never loaded.

    Raises:
        UsageError: the file is damaged, holds objects, NaN, a single sample or an unknown shape.
    """
    arrays = _load(path)
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
    require_several(str(path), len(splits["train"]))
    labels, names = _labels(path, arrays, splits)
    items = {split: Items(x, labels.get(split)) for split, x in splits.items()}
    return Collection(path.stem, items, names)


def _load(path: Path) -> dict[str, AnyArray]:
    try:
        loaded: Any = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"x": loaded}
        with loaded:
            return {key: loaded[key] for key in loaded.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if "Object arrays" in str(error):
            raise UsageError(
                f"{path} holds Python objects, which are never loaded; save a plain number array, "
                "for example np.save(path, np.stack(list_of_equal_arrays))."
            ) from None
        # NumPy takes every file that it does not know for a pickle, and says so.
        reason = "it is none" if "allow_pickle" in str(error) else str(error)
        raise UsageError(f"{path} cannot be read as a NumPy file: {reason}.") from None


def _first(keys: tuple[str, ...], arrays: dict[str, AnyArray]) -> str | None:
    return next((key for key in keys if key in arrays), None)


def _data_key(path: Path, arrays: dict[str, AnyArray]) -> str:
    if key := _first(DATA_KEYS, arrays):
        return key
    if len(arrays) == 1:
        return next(iter(arrays))
    raise UsageError(
        f"{path} holds the arrays {', '.join(arrays) or '(none)'}; call the data one of "
        f"{', '.join(DATA_KEYS[:4])} and labels 'y'."
    )


def _item_array(path: Path, key: str, array: AnyArray) -> AnyArray:
    """Return the array as float32 points or uint8 (N, H, W, C) images, or refuse it."""
    where = f"{path}" if path.suffix == ".npy" else f"{path}, array '{key}',"
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{where} holds {array.dtype} values; points and images are real numbers.")
    if array.ndim == 2 and array.shape[1] > 0:
        return _points(where, array)
    if array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3, 4)):
        return _images(where, array if array.ndim == 4 else array[..., None])
    hint = ""
    if array.ndim == 1:
        hint = " A single column of numbers is array[:, None]."
    elif array.ndim == 4 and array.shape[1] in (1, 3, 4):
        hint = " Bring the channels last with np.moveaxis(array, 1, -1)."
    raise UsageError(
        f"{where} has shape {array.shape}; expected points (N, D), grey images (N, H, W) or "
        f"images (N, H, W, C) with C = 1, 3 or 4.{hint}"
    )


def _points(where: str, array: AnyArray) -> AnyArray:
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise UsageError(
            f"{where} holds NaN or infinite values in {int((~finite).sum())} of {len(array)} rows, "
            f"first in row {row}: drop them with array[np.isfinite(array).all(axis=1)]."
        )
    return array.astype(np.float32)


def _images(where: str, array: AnyArray) -> AnyArray:
    if array.dtype.kind not in "iu" or (array.size and (array.min() < 0 or array.max() > 255)):
        found = f"{array.dtype}"
        if array.size:
            found += f" from {array.min():g} to {array.max():g}"
        raise UsageError(
            f"{where} holds images as {found}; expected whole numbers 0 to 255. Convert values "
            "in [0, 1] with (255 * array).round().astype(np.uint8)."
        )
    return np.ascontiguousarray(array, dtype=np.uint8)


def _labels(
    path: Path, arrays: dict[str, AnyArray], splits: dict[str, AnyArray]
) -> tuple[dict[str, npt.NDArray[np.int64]], tuple[str, ...]]:
    given: dict[str, list[str]] = {}
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
        given[split] = [str(label) for label in labels.ravel().tolist()]
    if not given:
        return {}, ()
    if len(given) < len(splits):
        raise UsageError(f"{path} labels only the {next(iter(given))} split; label both or none.")
    return encode_labels(given)
