"""What the benchmarks of a line of systems share: parts by file, a line of JSON for each run.

A run that has a line already is not repeated, except with --again. Runs follow each other; with
--jobs parts are played beside each other, each by a process that has its share of the cores: right
where what counts is not the clock.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, cast

from common import Row, commit

from ganvas.api.environment import machine

HERE = Path(__file__).parent


class Part(Protocol):
    """What a file of benchmarks/parts/LINE has.

    Attributes:
        MINUTES: what all its runs take, at most, by one process.

    A part that takes over runs of another one names it as RUNS_OF: they are played by one process.
    """

    MINUTES: int

    def runs(self, work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
        """Give each run's name and what plays it in the folder and returns its numbers."""
        ...


class Line:
    """A line of systems: its parts and what was found."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.results = HERE / "results" / f"{name}.jsonl"

    def names(self) -> list[str]:
        """Return the parts."""
        return sorted(path.stem for path in (HERE / "parts" / self.name).glob("[a-z]*.py"))

    def part(self, name: str) -> Part:
        """Return a part by its name."""
        return cast("Part", importlib.import_module(f"parts.{self.name}.{name}"))

    def rows(self) -> list[Row]:
        """Return the newest line of every run."""
        lines = self.results.read_text("utf-8").splitlines() if self.results.exists() else []
        found = (json.loads(line) for line in lines)
        return list({(row["part"], row["run"]): row for row in found}.values())

    def groups(self, names: list[str]) -> list[list[str]]:
        """Return the parts by the process that plays them, the longest group first."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            found[getattr(self.part(name), "RUNS_OF", name)].append(name)
        groups = (sorted(group, key=root.__ne__) for root, group in found.items())  # it is first
        return sorted(groups, key=lambda group: -sum(self.part(name).MINUTES for name in group))

    def play(self, name: str, only: list[str], work: Path, *, again: bool) -> None:
        """Play the runs of a part that have no line yet."""
        known = () if again else self.rows()
        done = {(row["part"], row["run"]) for row in known}
        for run, work_out in self.part(name).runs(work):
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
            self.results.parent.mkdir(exist_ok=True)
            with self.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps({"part": name, "run": run, **found}), flush=True)

    def table(self, name: str) -> str:
        """Return a part's lines as a table in Markdown; numbers of several digits are rounded."""
        found = [row for row in self.rows() if row["part"] == name]
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


def beside(line: Line, names: list[str], options: list[str], jobs: int) -> None:
    """Play parts in several processes, each with its share of the cores.

    Raises:
        SystemExit: a process failed; the others were played to their ends.
    """
    share = str(max(1, (os.cpu_count() or jobs) // jobs))
    threads = {"OMP_NUM_THREADS": share, "MKL_NUM_THREADS": share, "OMP_WAIT_POLICY": "PASSIVE"}

    def play(group: list[str]) -> int:
        command = [sys.executable, sys.argv[0], "--part", *group, *options]
        return subprocess.run(command, env={**os.environ, **threads}, check=False).returncode

    with ThreadPoolExecutor(jobs) as processes:
        groups = line.groups(names)
        codes = processes.map(play, groups)
        failed = [group for group, code in zip(groups, codes, strict=True) if code]
    if failed:
        sys.exit(f"failed: {', '.join(' '.join(group) for group in failed)}")


def main(line: Line, about: str) -> None:
    """Do what the command line of a line's benchmark asks for."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--part", nargs="+", choices=line.names(), default=[])
    parser.add_argument("--only", nargs="*", default=[], help="runs whose names begin so")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--again", action="store_true", help="play what was played, too")
    parser.add_argument("--jobs", type=int, default=1, help="processes that play parts")
    parser.add_argument("--work", type=Path, help="keep the runs' folders there")
    arguments = parser.parse_args()
    asked = line.names() if arguments.all or not arguments.part else arguments.part
    if arguments.table:
        print("\n\n".join(map(line.table, asked)))
    elif arguments.list or not (arguments.all or arguments.part):
        for name in line.names():
            part = line.part(name)
            print(f"{name:14} {part.MINUTES:3} min  {part.__doc__ or ''}")
    else:
        with tempfile.TemporaryDirectory() as folder:
            work = arguments.work or Path(folder)
            if arguments.jobs > 1:
                only = ["--only", *arguments.only] if arguments.only else []
                again = ["--again"] if arguments.again else []
                beside(line, asked, ["--work", str(work), *only, *again], arguments.jobs)
            else:
                for name in asked:
                    line.play(name, arguments.only, work, again=arguments.again)
