"""The classic image line, measured: one part for each file of benchmarks/parts.

    python benchmarks/classic.py --list
    python benchmarks/classic.py --part conditions [--only sngan acgan]
    python benchmarks/classic.py --all                   # at most two hours of two cores
    python benchmarks/classic.py --table                 # what was found, in Markdown

A run is one line of benchmarks/results/classic.jsonl; one that is there already is not repeated,
except with --again. Runs follow each other, so that none is measured beside another.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, cast

from common import Row, commit

from ganvas.api.environment import machine

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "classic.jsonl"


class Part(Protocol):
    """What a file of benchmarks/parts has.

    Attributes:
        MINUTES: what all its runs take on two cores, at most.
    """

    MINUTES: int

    def runs(self, work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
        """Give each run's name and what plays it in the folder and returns its numbers."""
        ...


def names() -> list[str]:
    """Return the parts."""
    return sorted(path.stem for path in (HERE / "parts").glob("[a-z]*.py"))


def part(name: str) -> Part:
    """Return a part by its name."""
    return cast("Part", importlib.import_module(f"parts.{name}"))


def rows() -> list[Row]:
    """Return the newest line of every run."""
    lines = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
    found = (json.loads(line) for line in lines)
    return list({(row["part"], row["run"]): row for row in found}.values())


def play(name: str, only: list[str], work: Path, *, again: bool) -> None:
    """Play the runs of a part that have no line yet."""
    done: set[tuple[str, str]] = set() if again else {(row["part"], row["run"]) for row in rows()}
    for run, work_out in part(name).runs(work):
        if (name, run) in done or (only and not any(run.startswith(word) for word in only)):
            continue
        start = time.monotonic()
        found = work_out()
        made = {
            "seconds": round(time.monotonic() - start, 1),
            "commit": commit(),
            "machine": machine(),
        }
        row = {"part": name, "run": run, **found, **made}
        RESULTS.parent.mkdir(exist_ok=True)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps({"part": name, "run": run, **found}), flush=True)


def table(name: str) -> str:
    """Return a part's lines as a table in Markdown; numbers of several digits are rounded."""
    found = [row for row in rows() if row["part"] == name]
    if not found:
        return f"### {name}\n\nnothing measured yet"
    skipped = {"part", "commit", "machine"}
    columns = list(dict.fromkeys(key for row in found for key in row if key not in skipped))
    lines = [f"### {name}\n", "| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in found:
        cells = (row.get(column, "") for column in columns)
        shown = (f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells)
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=names())
    parser.add_argument("--only", nargs="*", default=[], help="runs whose names begin so")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--again", action="store_true", help="play what was played, too")
    parser.add_argument("--work", type=Path, help="keep the runs' folders there")
    arguments = parser.parse_args()
    asked = names() if arguments.all or not arguments.part else [arguments.part]
    if arguments.table:
        print("\n\n".join(map(table, asked)))
    elif arguments.list or not (arguments.all or arguments.part):
        for name in names():
            print(f"{name:14} {part(name).MINUTES:3} min  {part(name).__doc__ or ''}")
    else:
        with tempfile.TemporaryDirectory() as folder:
            work = arguments.work or Path(folder)
            for name in asked:
                play(name, arguments.only, work, again=arguments.again)


if __name__ == "__main__":
    sys.exit(main())
