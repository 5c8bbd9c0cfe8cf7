"""Folders of images: what is in them, what is broken, and how they become one uint8 array."""

from __future__ import annotations

import csv
import logging
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ganvas.data import pixels
from ganvas.data.items import Collection, Items, encode_labels, require_several
from ganvas.data.pixels import Form, Size
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LABEL_FILE = "labels.csv"
TEST_FOLDERS = ("test", "val", "valid", "validation")
READ_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow raises on damaged files."""
THREADS = min(8, os.cpu_count() or 1)
LISTED = 10
"""How many broken files a message names."""

log = logging.getLogger("ganvas")


@dataclass(frozen=True)
class Entry:
    """One image file: where it is, its name below the folder, its split and its class."""

    path: Path
    name: str
    split: str
    label: str | None


@dataclass(frozen=True)
class Header:
    """What the head of an image file says."""

    size: Size
    grey: bool
    alpha: bool


@dataclass(frozen=True)
class Broken:
    """A file that cannot be used, and why."""

    name: str
    reason: str


def read_folder(folder: Path, settings: DataSettings) -> Collection:
    """Read a folder of png, jpg and webp images, with its labels and splits.

    Raises:
        UsageError: no images; broken files (unless ``skip_broken``); mixed sizes without a rule;
            a labels.csv that does not fit.
    """
    entries = scan(folder, labels=settings.labels)
    headers, broken = probe(entries)
    if broken and not settings.skip_broken:
        broken += verify([entry for entry in entries if entry.name in headers])
        raise UsageError(_refusal(folder, broken, len(entries)))
    entries = [entry for entry in entries if entry.name in headers]
    require_several(str(folder), sum(entry.split == "train" for entry in entries))
    form = _form(headers, settings)
    images, damaged = _load(entries, form)
    if damaged and not settings.skip_broken:
        raise UsageError(_refusal(folder, damaged, len(entries)))
    if broken or damaged:
        log.warning("%s", _omission(folder, broken + damaged))
        lost = {one.name for one in damaged}
        kept = np.array([entry.name not in lost for entry in entries])
        entries, images = [entry for entry in entries if entry.name not in lost], images[kept]
    if settings.channels == "auto" and form.channels == "rgba" and images[..., 3].min() == 255:
        images = np.ascontiguousarray(images[..., :3])  # alpha channels that say nothing
    return _collect(folder.resolve().name, entries, images)


def scan(folder: Path, *, labels: bool = True) -> list[Entry]:
    """List the image files below ``folder`` in a fixed order; files are not opened.

    Splits: "train" and "test" where the folder holds a subfolder ``train`` and one of ``test``,
    ``val``, ``valid``, ``validation`` and nothing else; else all is "train". Classes, if ``labels``
    asks for them: labels.csv where there is one; else the subfolders, where all images lie in two
    or more of them.

    Raises:
        UsageError: there are no images, or labels.csv does not fit them.
    """
    files = _image_files(folder)
    if not files:
        raise UsageError(_nothing_in(folder))
    test = _test_folder(files)
    classes = _classes(folder, files, split=test is not None) if labels else {}
    return [
        Entry(
            folder / name,
            name,
            "test" if test is not None and name.startswith(f"{test}/") else "train",
            classes.get(name),
        )
        for name in files
    ]


def probe(entries: Sequence[Entry]) -> tuple[dict[str, Header], list[Broken]]:
    """Read the head of every file: headers by name, and the files that have none."""
    headers: dict[str, Header] = {}
    broken: list[Broken] = []
    for entry in entries:
        try:
            with Image.open(entry.path) as image:
                size = (image.height, image.width)
                if image.getexif().get(ExifTags.Base.Orientation, 1) >= 5:  # lying on its side
                    size = (image.width, image.height)
                headers[entry.name] = Header(
                    size, pixels.is_grey(image), pixels.is_transparent(image)
                )
        except READ_ERRORS as error:
            broken.append(Broken(entry.name, _reason(entry.path, error)))
    return headers, broken


def verify(entries: Sequence[Entry]) -> list[Broken]:
    """Decode every file completely and return those that fail."""

    def attempt(entry: Entry) -> Broken | None:
        try:
            with Image.open(entry.path) as image:
                image.load()
        except READ_ERRORS as error:
            return Broken(entry.name, _reason(entry.path, error))
        return None

    with ThreadPoolExecutor(THREADS) as pool:
        return [found for found in pool.map(attempt, entries) if found is not None]


def _load(entries: Sequence[Entry], form: Form) -> tuple[pixels.Array8, list[Broken]]:
    """Decode all files into one array; rows of files that fail stay black."""
    images = np.zeros((len(entries), *form.shape), dtype=np.uint8)

    def attempt(row: int) -> Broken | None:
        entry = entries[row]
        try:
            with Image.open(entry.path) as image:
                images[row] = pixels.conform(ImageOps.exif_transpose(image), form)
        except READ_ERRORS as error:
            return Broken(entry.name, _reason(entry.path, error))
        return None

    with ThreadPoolExecutor(THREADS) as pool:
        return images, [one for one in pool.map(attempt, range(len(entries))) if one is not None]


def _form(headers: dict[str, Header], settings: DataSettings) -> Form:
    size = pixels.choose_size(settings, ((name, head.size) for name, head in headers.items()))
    grey = all(head.grey for head in headers.values())
    alpha = all(head.alpha for head in headers.values())
    channels = pixels.choose_channels(settings, grey, alpha)
    return Form(size, settings.resize, channels, settings.colour)


def _collect(name: str, entries: Sequence[Entry], images: pixels.Array8) -> Collection:
    rows = {
        split: [i for i, entry in enumerate(entries) if entry.split == split]
        for split in ("train", "test")
    }
    names = {split: [entries[i].label for i in rows[split]] for split in rows}
    given = {split: [label for label in names[split] if label is not None] for split in rows}
    if sum(map(len, given.values())) == len(entries):
        labels, classes = encode_labels(given)
    else:
        labels, classes = {}, ()
    if len(rows["test"]) == 0:
        return Collection(name, {"train": Items(images, labels.get("train"))}, classes)
    return Collection(
        name,
        {split: Items(images[rows[split]], labels.get(split)) for split in rows},
        classes,
    )


def _image_files(folder: Path) -> list[str]:
    """Return the names of all image files below the folder, hidden ones left out, sorted."""
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        below = Path(root).relative_to(folder)
        found += [
            (below / name).as_posix()
            for name in files
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(found)


def _test_folder(files: Sequence[str]) -> str | None:
    """Return the subfolder of test images, where all lie either in it or in ``train``."""
    tops = {name.split("/")[0] if "/" in name else "" for name in files}
    found = [name for name in TEST_FOLDERS if tops == {"train", name}]
    return found[0] if found else None


def _classes(folder: Path, files: Sequence[str], *, split: bool) -> dict[str, str]:
    """Return the class of each image, from labels.csv or else from folders; nothing if no class."""
    if (folder / LABEL_FILE).is_file():
        return _csv_labels(folder, files)
    below = {name: name.split("/")[1:] if split else name.split("/") for name in files}
    classes = {name: parts[0] for name, parts in below.items() if len(parts) > 1}
    return classes if len(classes) == len(files) and len(set(classes.values())) > 1 else {}


def _csv_labels(folder: Path, files: Sequence[str]) -> dict[str, str]:
    """Read labels.csv: a header line, then file name and class of each image."""
    path = folder / LABEL_FILE
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header, *lines = list(csv.reader(stream)) or [[]]
    if [cell.strip().lower() for cell in header] != ["file", "label"]:
        raise UsageError(
            f"{path} must begin with the header 'file,label' (one class per image); "
            f"it begins with '{','.join(header)}'."
        )
    labels: dict[str, str] = {}
    for number, cells in enumerate(lines, start=2):
        if len(cells) != 2 or not cells[1].strip():
            raise UsageError(f"{path}, line {number}: expected 'file,label', found {cells}.")
        if _is_fraction(cells[1]):
            raise UsageError(
                f"{path}, line {number}: '{cells[1].strip()}' is not a class; "
                "labels are names or whole numbers."
            )
        labels[Path(cells[0].strip()).as_posix()] = cells[1].strip()
    known = set(files)
    if stray := next((name for name in labels if name not in known), None):
        raise UsageError(f"{path} names {stray}, which is not an image in {folder}.")
    if missing := next((name for name in files if name not in labels), None):
        raise UsageError(f"{path} gives no label for {missing}; every image needs one.")
    return labels


def _is_fraction(text: str) -> bool:
    try:
        return not float(text).is_integer()
    except ValueError:
        return False


def _nothing_in(folder: Path) -> str:
    others = sorted(path.name for path in folder.iterdir())[:3]
    found = f"it holds {', '.join(others)}" if others else "it is empty"
    return f"There is no png, jpg or webp image in {folder}: {found}."


def _reason(path: Path, error: Exception) -> str:
    """Say in a few words why a file cannot be read as an image."""
    try:
        content = path.read_bytes()[:4096]
    except OSError as failure:
        return f"cannot be read: {failure.strerror or failure}"
    if not content:
        return "empty file (0 bytes)"
    if not isinstance(error, UnidentifiedImageError):
        return f"damaged: {str(error) or type(error).__name__}"
    printable = all(32 <= byte < 127 or byte in b"\t\n\r" for byte in content)
    return "text, not an image" if printable else "not a png, jpg or webp image"


def _listing(broken: Sequence[Broken]) -> str:
    lines = [f"  {one.name}: {one.reason}" for one in broken[:LISTED]]
    if len(broken) > LISTED:
        lines.append(f"  … and {len(broken) - LISTED} more")
    return "\n".join(lines)


def _refusal(folder: Path, broken: Sequence[Broken], total: int) -> str:
    return (
        f"{len(broken)} of {total} image files in {folder} are broken:\n{_listing(broken)}\n"
        "Repair or delete them, or leave them out with data.skip_broken=true."
    )


def _omission(folder: Path, broken: Sequence[Broken]) -> str:
    return f"Left out {len(broken)} broken image files in {folder}:\n{_listing(broken)}"
