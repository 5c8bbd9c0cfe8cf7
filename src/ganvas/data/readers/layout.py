"""What folders mean: a wrapper, a split, a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganvas.data.readers.place import File, LeftOut
from ganvas.errors import UsageError

TRAIN = ("train", "training")
TEST = ("test", "testing")
VALIDATION = ("val", "valid", "validation")


@dataclass(frozen=True)
class Layout:
    """Which files make up which split, and what their folders say about them.

    Attributes:
        splits: files by split, "train" first and "test" last.
        classes: class of each file, by split, of those splits that have classes.
        left_out: files that belong to no split.
    """

    splits: dict[str, list[File]]
    classes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])


def wrapper(names: Sequence[str]) -> str:
    """Return the folder, "" or ending in a slash, that holds all files and nothing beside them.

    A folder that is named like a split is no wrapper.
    """
    first, last = min(names, default=""), max(names, default="")
    found = ""
    while "/" in (rest := first[len(found) :]):
        top = rest[: rest.index("/") + 1]
        if not last.startswith(found + top) or split_of(top[:-1]):
            break
        found += top
    return found


def lay_out(path: Path, files: Sequence[File], *, classes: bool) -> Layout:
    """Return the splits and, if asked for, the classes that the folders of files say.

    Splits: below the wrapper, where there is a folder of test or validation images. Those images
    are never trained on: training is on the folder ``train``, or on everything else where there
    is none. Of validation images alone, "test" is made. Classes: the folders directly below, where
    all training images lie in two or more of them.

    Raises:
        UsageError: there are only images to test on.
    """
    base = wrapper([file.name for file in files])
    tops: dict[str, list[File]] = {}
    for file in files:
        head, slash, _ = file.name[len(base) :].partition("/")
        tops.setdefault(head if slash else "", []).append(file)
    found: dict[str, list[str]] = {}
    for top in tops:
        found.setdefault(split_of(top), []).append(top)
    loose = found.pop("", [])
    left_out: list[LeftOut] = []
    if set(found) <= {"train"} and (loose or not files):
        return _unsplit(base, files, classes)  # a class may be called "train"
    if "train" not in found and not loose:
        name = next(iter(found.values()))[0]
        raise UsageError(
            f"{path} holds only images of the folder '{name}', which are never trained on; to "
            f"train on them nonetheless name that folder: --data {path / base / name}"
        )
    if "train" in found:
        reason = "outside of the folders of the splits"
        left_out += [LeftOut(file.name, reason) for top in loose for file in tops[top]]
    else:
        found["train"] = loose
    if "validation" in found and "test" not in found:
        found["test"] = found.pop("validation")
    order = [split for split in ("train", "validation", "test") if split in found]
    splits = {split: sorted(f for top in found[split] for f in tops[top]) for split in order}
    below = {split: [f"{base}{top}/" for top in found[split]] for split in order}
    if "" in tops or not all(map(split_of, found["train"])):
        below["train"] = [base]  # the classes lie beside the folder of test images
    return Layout(splits, _classes(splits, below) if classes else {}, left_out)


def _unsplit(base: str, files: Sequence[File], classes: bool) -> Layout:
    splits = {"train": list(files)}
    return Layout(splits, _classes(splits, {"train": [base]}) if classes else {})


def _classes(splits: dict[str, list[File]], below: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the folder of each file below the roots of its split, where all lie in folders."""
    found: dict[str, list[str]] = {}
    inner = wrapper([_stripped(file.name, below["train"]) for file in splits["train"]])
    for split, files in splits.items():
        names = [_stripped(file.name, below[split]).removeprefix(inner) for file in files]
        parts = [name.partition("/") for name in names]
        if parts and all(slash for _, slash, _ in parts):
            found[split] = [head for head, _, _ in parts]
    train = set(found.get("train", ()))
    if len(train) < 2:
        return {}
    # Folders of another split that have nothing in common with these are something else.
    return {split: heads for split, heads in found.items() if train.intersection(heads)}


def _stripped(name: str, roots: Sequence[str]) -> str:
    return next((name[len(root) :] for root in roots if name.startswith(root)), name)


def split_of(folder: str) -> str:
    """Return which split a folder's name says: "" for none."""
    name = folder.lower()
    kinds = (("train", TRAIN), ("test", TEST), ("validation", VALIDATION))
    return next((split for split, words in kinds if name in words), "")
