"""What a report needs of a run folder, read from its plain files.

A run may have been stopped at any moment: every part but the folder itself may be missing, and
the last line of the log may be half a line.
"""

from __future__ import annotations

import json
import math
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from ganvas.data.previews import Named, previews
from ganvas.errors import UsageError
from ganvas.files import misspelt

Tree = dict[str, Any]

LARGEST = 256 * 2**20
"""Bytes of a file that a report reads at most."""
NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Event:
    """Something that happened at a round: a warning, a roll-back, the start of a stage."""

    round: int
    kind: str
    message: str


@dataclass(frozen=True)
class Run:
    """The readable parts of a run folder.

    Attributes:
        folder: the folder as the user named it.
        config: the effective recipe, as a tree and as its text.
        series: for every numeric key of the log, its rounds and values, rounds ascending.
        events: in the order of the log.
        samples: previews of samples, oldest first.
        evaluation: scores of ``ganvas evaluate`` and the verdict of ``ganvas diagnose``.
        environment: versions, machine, commit, command.
    """

    folder: Path
    config: Tree
    config_text: str
    series: dict[str, tuple[list[float], list[float]]] = field(
        default_factory=dict[str, tuple[list[float], list[float]]]
    )
    events: list[Event] = field(default_factory=list[Event])
    samples: list[Named] = field(default_factory=list[Named])
    evaluation: Tree = field(default_factory=dict[str, Any])
    environment: Tree = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """The recipe's name, or the folder's if the recipe has none."""
        return _word(self.config, "name") or self.folder.name

    @property
    def about(self) -> str:
        """The recipe's sentence, if it has one."""
        return _word(self.config, "about")

    @property
    def rounds(self) -> float | None:
        """The last round that the log tells of."""
        logged = [x[-1] for x, _ in self.series.values()] + [e.round for e in self.events]
        return max(logged, default=None)

    @property
    def stage(self) -> str:
        """The stage that began last, if there are several."""
        begun = [event.message for event in self.events if event.kind == "stage"]
        return begun[-1].removesuffix(" begins") if begun else ""

    def last(self, key: str) -> float | None:
        """Return the last finite value of a key of the log."""
        _, values = self.series.get(key, ([], []))
        return next((v for v in reversed(values) if math.isfinite(v)), None)


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no run folder {folder}{misspelt(folder)}")
    config_text = _text(folder, "config.yaml")
    series, events = _log(_text(folder, "metrics.jsonl"))
    return Run(
        folder=folder,
        config=_config(config_text),
        config_text=config_text,
        series=series,
        events=events,
        samples=previews(folder / "samples"),
        evaluation=read_json(folder, "evaluation.json"),
        environment=read_json(folder, "environment.json"),
    )


def read_json(folder: Path, name: str) -> Tree:
    """Return the mapping in a JSON file of a run folder; an empty one if it is not there or odd."""
    return _parsed(_text(folder, name))


def content_of(folder: Path, path: Path) -> bytes | None:
    """Return what is in a file of a run folder, to be shown to whoever gets the report.

    None: it is not there, too large, no plain file, or a link leads out of the folder.
    """
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()):
            return None
        # Without O_NONBLOCK, opening a named pipe would wait for somebody to write into it.
        with open(os.open(real, os.O_RDONLY | NO_WAIT), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
                return None
            return file.read(LARGEST)
    except (OSError, RuntimeError):  # a link to itself is a RuntimeError
        return None


def _log(text: str) -> tuple[dict[str, tuple[list[float], list[float]]], list[Event]]:
    """Sort the rows of ``metrics.jsonl`` into series by key and events."""
    series: dict[str, tuple[list[float], list[float]]] = {}
    events: list[Event] = []
    for line in text.splitlines():
        row = _parsed(line)
        at = row.pop("round", None)
        if not isinstance(at, int | float) or not math.isfinite(at):
            continue
        if "event" in row:
            events.append(Event(int(at), str(row["event"]), str(row.get("message", ""))))
            continue
        for key, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                rounds, values = series.setdefault(key, ([], []))
                rounds.append(float(at))
                values.append(float(value))
    return series, events


def _word(tree: Tree, key: str) -> str:
    value = tree.get(key)
    return value if isinstance(value, str) else ""


def _text(folder: Path, name: str) -> str:
    return (content_of(folder, folder / name) or b"").decode("utf-8", errors="replace")


def _config(text: str) -> Tree:
    try:
        return _tree(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError):
        return {}  # the text itself is still shown


def _parsed(text: str) -> Tree:
    try:
        return _tree(json.loads(text, parse_int=_whole))
    except (ValueError, RecursionError):
        return {}


def _whole(digits: str) -> int | float:
    """Return a whole number; one that no float can hold is infinite, as in arithmetic."""
    return int(digits) if len(digits) < 300 else float(digits)


def _tree(value: object) -> Tree:
    return cast(Tree, value) if isinstance(value, dict) else {}
