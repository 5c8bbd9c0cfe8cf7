"""Scores and labels of samples as commands are told of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ganvas.cli.exemplars import places
from ganvas.cli.speech import say
from ganvas.errors import UsageError, did_you_mean
from ganvas.files import misspelt
from ganvas.loading import own_module

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ganvas.model import Model
    from ganvas.model.attributes import Scoring

    Floats = npt.NDArray[np.float64]

SAMPLE = "sample"
"""The column that names samples, as SEED:NUMBER or by seed."""
JUDGE = "discriminator"
"""Scores are those of the model's own discriminator."""
ADDRESS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
NUMBERS = (".npy", ".csv")
MOST = 1_000_000


class Column(NamedTuple):
    """What a table says of samples.

    Attributes:
        samples: which, as (seed, number); None: 0, 1, … of the seed that is asked for.
        names: of the columns.
        values: (N, m); not a number of an empty cell.
    """

    samples: list[tuple[int, int]] | None
    names: tuple[str, ...]
    values: Floats


@dataclass(frozen=True)
class Scores:
    """Scores as they were asked for: ready, or to be worked out of items.

    Attributes:
        ready: numbers of a file, or None.
        scoring: what gives items scores, or None.
        withheld: attributes that a scorer does not tell well enough, and why.
    """

    ready: Column | None
    scoring: Scoring | None
    withheld: dict[str, str]


def read_scores(word: str, model: Model) -> Scores:
    """Return the scores that a word stands for.

    It is a .npy (N,) or (N, m) or a .csv table of samples 0, 1, … of the seed, or of those that
    its column ``sample`` names; a scorer of ``ganvas scorer``; MODULE:FUNCTION of uint8 pictures
    (N, H, W, C); or ``discriminator``.

    Raises:
        UsageError: it is none of these, or no attribute of a scorer reaches its gate.
    """
    path = Path(word)
    if path.suffix.lower() in NUMBERS:
        found = _read_array(path) if path.suffix.lower() == ".npy" else read_table(path)
        return Scores(found, None, {})
    scoring = read_scoring(word, model)
    return Scores(None, *scoring)


def read_scoring(word: str, model: Model) -> tuple[Scoring, dict[str, str]]:
    """Return what scores items, and which attributes are withheld, why.

    Raises:
        UsageError: the word means none, or no attribute of a scorer reaches its gate.
    """
    from ganvas.model.attributes import Formula

    if word == JUDGE:
        return Formula(("quality",), model.score), {}
    if ADDRESS.fullmatch(word):
        function = _function(word)
        names = tuple(getattr(function, "names", (getattr(function, "__name__", word),)))
        return Formula(names, function), {}
    from ganvas.model.scorers import SUFFIX, load_scorer

    if Path(word).suffix.lower() != SUFFIX:
        raise UsageError(
            f"--scores {word}: expected numbers of samples (.npy, .csv), a scorer of ganvas scorer "
            f"({SUFFIX}), MODULE:FUNCTION of your own, or {JUDGE}"
        )
    scorer = load_scorer(Path(word))
    if not scorer.trusted:
        raise UsageError(
            f"{word} is below its gate in every attribute: "
            f"{'; '.join(f'{n} is {why}' for n, why in scorer.withheld.items())}. Train it on more "
            "pictures"
        )
    return Trusted(scorer), scorer.withheld


class Trusted:
    """Those attributes of a scorer that are believed."""

    def __init__(self, scorer: Any) -> None:
        self._scorer = scorer
        self.names: tuple[str, ...] = scorer.trusted
        self._columns = [scorer.names.index(name) for name in self.names]

    def __call__(self, items: Any, /) -> Floats:
        """Return their scores (N, m)."""
        return self._scorer(items)[:, self._columns]


def say_withheld(withheld: dict[str, str]) -> None:
    """Say what is not measured, and why."""
    for name, why in withheld.items():
        say(f"{name}: withheld, as it is {why}")


def chosen(names: Sequence[str], wanted: Sequence[str] | None) -> list[int]:
    """Return the columns of the attributes that are wanted; of nothing all.

    Raises:
        UsageError: there is no such attribute.
    """
    for name in wanted or ():
        if name not in names:
            raise UsageError(
                f"there is no attribute '{name}'.{did_you_mean(name, names)} There are: "
                f"{', '.join(names)}"
            )
    return [names.index(name) for name in wanted] if wanted else list(range(len(names)))


def read_table(path: Path, *, labels: bool = False) -> Column:
    """Return a table of samples with a header: ``sample`` where it is given, and attributes.

    Args:
        path: of the .csv file.
        labels: cells are 1, 0 or empty, and the column ``sample`` is there.

    Raises:
        UsageError: it is no such table.
    """
    import numpy as np

    from ganvas.data.readers.utf8 import decoded
    from ganvas.files import disk_errors

    if not path.is_file():
        raise UsageError(f"there is no {path}{misspelt(path)}")
    with disk_errors(path):
        content = path.read_bytes()
    try:
        lines = [row for row in csv.reader(io.StringIO(decoded(path, content))) if any(row)]
    except csv.Error as error:
        raise UsageError(f"{path} cannot be read as a table: {error}") from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    named = bool(header) and header[0] == SAMPLE
    names = tuple(header[1:] if named else header)
    if not names or not all(names) or len(set(names)) < len(names) or (labels and not named):
        wanted = f"{SAMPLE},glasses" if labels else "the names of attributes"
        raise UsageError(
            f"{path} must begin with a header such as {wanted}; it begins with "
            f"'{','.join(header)[:80]}'"
        )
    if len(lines) < 2 or len(lines) > MOST:
        raise UsageError(f"{path} has {len(lines) - 1} rows below its header: expected 1 to {MOST}")
    samples: list[tuple[int, int]] = []
    values = np.full((len(lines) - 1, len(names)), np.nan)
    for number, row in enumerate(lines[1:]):
        where = f"{path}, row {number + 1}"
        cells = [cell.strip() for cell in row]
        if len(cells) != len(header):
            raise UsageError(f"{where} has {len(cells)} cells, and the header {len(header)}")
        if named:
            samples += places(cells[0], f"{where},")
        if len(samples) != (number + 1) * named:
            raise UsageError(f"{where} names several samples: '{cells[0]}'")
        for column, cell in enumerate(cells[named:]):
            values[number, column] = _number(cell, labels, f"{where}, {names[column]}")
    if len(set(samples)) < len(samples):
        twice = next(s for i, s in enumerate(samples) if s in samples[:i])
        raise UsageError(f"{path} names sample {twice[0]}:{twice[1]} twice")
    return Column(samples if named else None, names, values)


def _number(cell: str, labels: bool, where: str) -> float:
    if not cell:
        return float("nan")
    try:
        value = float(cell)
    except ValueError:
        value = float("inf")
    if abs(value) == float("inf") or (labels and value not in (0, 1)):
        wanted = "1 with it, 0 without it, or nothing" if labels else "a number, or nothing"
        raise UsageError(f"{where}: expected {wanted}, not '{cell}'")
    return value


def _read_array(path: Path) -> Column:
    import numpy as np

    from ganvas.data.arrays import load_array

    found = load_array(path)
    if found.dtype.kind not in "biuf" or found.ndim not in (1, 2) or not len(found):
        raise UsageError(
            f"{path} holds {found.dtype} of shape {found.shape}: expected scores (N,) or (N, m) of "
            "samples 0, 1, … of the seed"
        )
    values = found.reshape(len(found), -1).astype(np.float64)
    width = values.shape[1]
    names = (path.stem,) if width == 1 else tuple(f"{path.stem}_{i}" for i in range(width))
    return Column(None, names, values)


def _function(address: str) -> Callable[..., Any]:
    """Return a function of one's own, which the user named on the command line.

    Raises:
        UsageError: there is none.
    """
    name, _, wanted = address.partition(":")
    module = own_module(name, f"--scores {address}")
    function = getattr(module, wanted, None)
    if not callable(function):
        known = [k for k, v in vars(module).items() if callable(v)]
        raise UsageError(
            f"module '{name}' has no function '{wanted}'.{did_you_mean(wanted, known)}"
        )
    return function
