"""Lines of text, character by character."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from ganvas.config import Settings
from ganvas.data.domain import AnyArray, Domain, Preview, Size
from ganvas.data.options import DataOptions
from ganvas.data.readers.writing import WRITERS, is_table, save_table
from ganvas.errors import UsageError
from ganvas.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

    from ganvas.data.items import Collection
    from ganvas.data.report import DataReport

PADDING, UNKNOWN = 0, 1
"""Places in the vocabulary of what follows a line's end, and of characters that are not in it."""
STRANGE = "\N{REPLACEMENT CHARACTER}"
"""How an unknown character is written."""
SHOWN = 32
"""Lines in a picture of samples."""
OFTEN = 100
"""Characters that come more seldom in all training lines are hardly learnt."""
UNEVEN = 4
"""So many times as long as the mean line is much longer."""

Codes = npt.NDArray[np.int64]


class TextOptions(DataOptions):
    """What text can be told.

    Attributes:
        length: characters of a line, to which shorter ones are padded; None: those of the longest.
        long: what becomes of longer lines: ``refuse`` them, ``cut`` them there, or ``drop`` them.
        vocabulary: how many signs there are at most, the most frequent characters, one that stands
            for all others and the padding.
        lines: each line of a table's file is text, and no row of numbers.
    """

    owner: ClassVar[str] = "text"
    length: int | None = Field(default=None, ge=1)
    long: Literal["refuse", "cut", "drop"] = "refuse"
    vocabulary: int = Field(default=2048, ge=3)
    lines: bool = False


class Text(Domain):
    """Lines of up to ``length`` characters; for networks weights of all signs at each place.

    Data units are strings (N,). Network units are one-hot, float32 (N, signs, length): sign 0 is
    the padding behind a line, 1 an unknown character, k + 2 that of ``characters[k]``. What is
    generated has shares that sum to 1 in their place. It is read as the likeliest sign of each, and
    a line ends with its first padding.

    Attributes:
        length: characters of a line.
        characters: those that are known, the most frequent first.
    """

    plural: ClassVar[str] = "lines"
    named: ClassVar[str] = "lines"
    array: ClassVar[str] = "str (16,)"
    grid: ClassVar[int] = 1
    Options: ClassVar[type[DataOptions] | None] = TextOptions

    kind: Literal["text"] = "text"
    length: int = Field(ge=1)
    characters: str = Field(min_length=1)

    @field_validator("characters")
    @classmethod
    def _each_once(cls, value: str) -> str:
        if len(set(value)) < len(value):
            raise ValueError("a character stands twice in the vocabulary")
        return value

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        """Return the domain of lines (N,), with the characters that are most frequent in them."""
        most = settings.vocabulary if isinstance(settings, TextOptions) else 2048
        points, counts = np.unique(_points(array, _width(array)), return_counts=True)
        found = sorted(zip(-counts, points, strict=True))
        signs = [chr(point) for _, point in found if point]
        return cls(length=_width(array), characters="".join(signs[: most - 2]))

    @classmethod
    def conformed(cls, collection: Collection, settings: Settings) -> Collection:
        """Return the set without empty lines, all of one length at most.

        Raises:
            UsageError: a line is longer than was asked for and no rule says what becomes of it, or
                there are no lines.
        """
        asked = settings if isinstance(settings, TextOptions) else TextOptions()
        splits = dict(collection.splits)
        for split, items in splits.items():
            sizes = np.array([len(line) for line in items.x], np.int64)
            most = asked.length or int(sizes.max(initial=1))
            kept = sizes > 0
            if asked.long == "drop":
                kept &= sizes <= most
            elif asked.long == "refuse" and (sizes > most).any():
                raise UsageError(_too_long(collection.name, sizes, most))
            splits[split] = items.rows(np.flatnonzero(kept))
        longest = max((len(line) for items in splits.values() for line in items.x), default=0)
        if not longest:
            raise UsageError(f"{collection.name} has no line that holds text")
        kind = f"U{asked.length or longest}"
        return collection.with_splits(
            {
                split: items.replace(**{items.main: np.array(items.x, kind)})
                for split, items in splits.items()
            }
        )

    @classmethod
    def describe(cls, collection: Collection, report: DataReport) -> None:
        """Enter how long lines are, and of which characters they consist."""
        lines = collection.splits["train"].x
        sizes = np.char.str_len(lines)
        found = Counter("".join(lines.tolist()))
        often = " ".join(repr(sign) for sign, _ in found.most_common(10))
        report.facts += [
            f"characters of a line: {sizes.min()} to {sizes.max()}, {sizes.mean():.3g} in the mean",
            f"different characters: {len(found):,}, most often {often}",
            f"different lines: {len(np.unique(lines)):,}",
        ]
        usual = sum(count >= OFTEN for count in found.values())
        if 0 < usual < len(found) / 3:
            report.warnings.append(
                f"{len(found) - usual:,} of {len(found):,} characters come fewer than {OFTEN} times"
                f": data.vocabulary={usual + 2} makes one sign of them"
            )
        if sizes.max() > UNEVEN * sizes.mean():
            report.warnings.append(
                "a few lines are much longer than the others, which are padded to their length: "
                f"data.length={int(np.quantile(sizes, 0.95))} with data.long=cut or data.long=drop"
            )

    def described(self) -> str:
        """Return length and number of characters in words."""
        return f"lines of up to {self.length} of {len(self.characters)} characters"

    @property
    def shape(self) -> Size:
        """Shape of one line in network units: (signs, length)."""
        return (len(self.characters) + 2, self.length)

    @property
    def array_shape(self) -> Size:
        """Shape of one line in data units: a string is one thing."""
        return ()

    @property
    def reading(self) -> Mapping[str, Any]:
        """Files are read line by line, whatever they are called."""
        return {"lines": True}

    def check(self, array: AnyArray) -> None:
        """Refuse an array that holds no lines, or a line longer than the model's.

        Raises:
            UsageError: it does.
        """
        if array.ndim != 1 or array.dtype.kind != "U" or not len(array):
            raise UsageError(
                "expected lines of text, an array of str (n,), got "
                f"{array.dtype} of shape {array.shape}"
            )
        sizes = np.char.str_len(array)
        if (sizes > self.length).any():
            raise UsageError(_longer("the lines", sizes, self.length, "the model's lines have"))

    # ---- units ----------------------------------------------------------------------------------

    def codes(self, array: AnyArray) -> Codes:
        """Return the places (N, length) in the vocabulary of the characters of lines (N,)."""
        points = _points(array, self.length)
        known = np.array([ord(sign) for sign in self.characters], np.uint32)
        order = np.argsort(known)
        places = order[np.searchsorted(known[order], points).clip(max=len(known) - 1)]
        found = np.where(known[places] == points, places + 2, UNKNOWN)
        return np.where(points == 0, PADDING, found)

    def lines(self, codes: Codes) -> AnyArray:
        """Return the lines (N,) of places (N, length) in the vocabulary: the inverse of `codes`."""
        signs = np.array([0, ord(STRANGE), *map(ord, self.characters)], np.uint32)
        over = np.logical_or.accumulate(codes == PADDING, axis=1)
        points = np.ascontiguousarray(np.where(over, np.uint32(0), signs[codes]))
        return points.view(f"U{self.length}")[:, 0]

    def stage(self, array: AnyArray) -> Tensor:
        """Return the tensor that a device keeps: places (N, length) in the vocabulary."""
        import torch

        small = np.uint8 if self.shape[0] <= 256 else np.int32
        return torch.from_numpy(self.codes(array).astype(small))

    def normalise(self, staged: Tensor) -> Tensor:
        """Return staged lines one-hot, float32 (N, signs, length)."""
        import torch

        count, length = staged.shape
        weights = torch.zeros(count, self.shape[0], length, device=staged.device)
        return weights.scatter_(1, staged.long()[:, None], 1.0)

    def decode(self, tensor: Tensor) -> AnyArray:
        """Return the lines (N,) of the likeliest sign in each place."""
        return self.lines(tensor.detach().argmax(1).cpu().numpy())

    # ---- files and pictures ---------------------------------------------------------------------

    def parse(self, text: str) -> AnyArray:
        """Return a line as it stands there."""
        return np.array(text)

    def table(self, array: AnyArray) -> dict[str, AnyArray]:
        """Return the lines as a column of that name."""
        return {"line": array}

    def preview(self, array: AnyArray, columns: int | None = None) -> Preview:
        """Return the lines in one SVG, below one another, in the reader's own fixed-width font."""
        return Preview(_drawn(array.tolist(), self.length).encode(), ".svg")

    def sheet(self, classes: int) -> tuple[int, int]:
        """Return how many lines fill a picture."""
        return 0, SHOWN

    def save(self, array: AnyArray, path: Path, columns: int | None = None) -> None:
        """Save lines as UTF-8 text (.txt), as a table (.csv, .parquet), or as .npy or .npz.

        Raises:
            UsageError: the suffix is none of these.
        """
        if is_table(path):
            save_table(path, self.table(array))
        elif path.suffix.lower() == ".txt":
            with replacing(path) as file:
                file.write("".join(f"{line}\n" for line in array.tolist()).encode())
        else:
            self._save(array, path, columns, (".txt", *WRITERS))


def _width(array: AnyArray) -> int:
    """Return how many characters the strings of an array can have."""
    return array.dtype.itemsize // np.dtype("U1").itemsize


def _points(array: AnyArray, length: int) -> npt.NDArray[np.uint32]:
    """Return the code points (N, length) of lines (N,), 0 behind their ends."""
    padded = np.ascontiguousarray(array.astype(f"U{length}"))
    return padded.view(np.uint32).reshape(len(array), length)


def _too_long(name: str, sizes: Codes, most: int) -> str:
    """Say which line is longer than was asked for, and what can be done about it."""
    return _longer(name, sizes, most, f"data.length={most} allows") + (
        f". For example: data.long=cut (keeps the first {most}), data.long=drop (leaves such lines "
        f"out) or data.length={int(sizes.max())}"
    )


def _longer(name: str, sizes: Codes, most: int, whose: str) -> str:
    """Name the first of the lines that have more than so many characters."""
    first = int(np.argmax(sizes > most))
    others = int((sizes > most).sum()) - 1
    more = f" (and {others:,} more are too long)" if others else ""
    return f"{name}, line {first + 1}, has {sizes[first]} characters{more}; {whose} {most} at most"


def _drawn(lines: list[str], length: int) -> str:
    """Return lines as an SVG of one column; signs that no page may hold become `STRANGE`."""
    high, wide = 18, 9
    rows = "".join(
        f'<text x="8" y="{high * (place + 1)}" xml:space="preserve">{_printed(line)}</text>'
        for place, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(wide * length, 80) + 16}" '
        f'height="{high * len(lines) + 10}" font-family="ui-monospace,monospace" font-size="14">'
        f'<rect width="100%" height="100%" fill="#fff"/>{rows}</svg>'
    )


def _printed(line: str) -> str:
    """Return a line as XML can hold it."""
    return escape("".join(sign if sign.isprintable() else STRANGE for sign in line))
