"""What an item of the gallery is: a figure, and the numbers behind it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from ganvas.files import write_whole


@dataclass(frozen=True)
class Row:
    """One number of an exhibit.

    Attributes:
        quantity: what it is, with its unit where it has one.
        value: as computed here.
        expected: what theory or the source says, if anything.
    """

    quantity: str
    value: float
    expected: float | None = None

    @property
    def error(self) -> float | None:
        """Distance from what is expected; 0 where both are infinite alike."""
        if self.expected is None:
            return None
        return 0.0 if self.value == self.expected else abs(self.value - self.expected)


@dataclass(frozen=True)
class Exhibit:
    """What an item shows.

    Attributes:
        text: what to see, in a sentence or two.
        figure: an SVG.
        rows: its main numbers.
        numbers: all that is drawn, or what it comes from.
        animation: a GIF, if there is one.
    """

    text: str
    figure: str
    rows: Sequence[Row]
    numbers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    animation: bytes | None = None

    def value(self, quantity: str) -> float:
        """Return the value of the row of this name."""
        return next(row.value for row in self.rows if row.quantity == quantity)


@dataclass(frozen=True)
class Item:
    """One item of the gallery.

    Attributes:
        name: as the command line calls it, such as ``g3``.
        title: what it is about.
        make: returns the exhibit for a seed.
        slow: whether it trains for more than a few seconds.
    """

    name: str
    title: str
    make: Callable[[int], Exhibit]
    slow: bool = False


@dataclass(frozen=True)
class Rendered:
    """An item that was written to files: the exhibit, the files, and the seconds it took."""

    item: Item
    exhibit: Exhibit
    files: tuple[Path, ...]
    seconds: float


def render(item: Item, folder: Path, seed: int = 0) -> Rendered:
    """Make an item and write ``NAME.svg``, ``NAME.json`` and, if it moves, ``NAME.gif``.

    Raises:
        GanvasError: a file cannot be written.
    """
    began = time.monotonic()
    with _one_thread():
        exhibit = item.make(seed)
    seconds = time.monotonic() - began
    contents = {"svg": exhibit.figure.encode(), "json": as_json(item, exhibit, seed).encode()}
    if exhibit.animation is not None:
        contents["gif"] = exhibit.animation
    files = {folder / f"{item.name}.{suffix}": held for suffix, held in contents.items()}
    for path, held in files.items():
        write_whole(path, held)
    return Rendered(item, exhibit, tuple(files), seconds)


@contextmanager
def _one_thread() -> Generator[None]:
    """Compute on one thread: as fast for small networks, and the same numbers however many."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def as_json(item: Item, exhibit: Exhibit, seed: int) -> str:
    """Return the numbers of an exhibit as JSON; infinities become the words inf and -inf."""
    rows = [
        {"quantity": row.quantity, "value": row.value, "expected": row.expected}
        for row in exhibit.rows
    ]
    whole = {
        "item": item.name,
        "title": item.title,
        "text": exhibit.text,
        "seed": seed,
        "rows": rows,
        "numbers": dict(exhibit.numbers),
    }
    return json.dumps(_plain(whole), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Return nested values as JSON knows them, numbers with six significant digits."""
    if isinstance(value, Mapping):
        pairs = cast(Mapping[Any, Any], value).items()
        return {str(key): _plain(held) for key, held in pairs}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _plain(cast(Any, value).tolist())
    if isinstance(value, float):
        number = value
        if math.isfinite(number):
            return float(f"{number:.6g}")
        return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"
    return [_plain(held) for held in value]
