"""Seconds from Enter to the first round of training, and to the first sample, by processes.

    python benchmarks/start.py                       # this checkout
    python benchmarks/start.py --beside ../before    # and another one, in turn

Each is a process of its own on a warm disk: `ganvas train r3gan/digits` until its log has the first
round, `ganvas sample` of a run until it ends, `ganvas --help`, `ganvas recipes`. Prints a line of
JSON for each, medians with quartiles.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import commit

HERE = Path(__file__).parent.parent
RECIPE = "r3gan/digits"


def command(checkout: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start ganvas of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as on any machine, code is compiled once
    line = [sys.executable, "-m", "ganvas", *words]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(line, env=environment, stdout=quiet, stderr=quiet)


def first_round(checkout: Path) -> float:
    """Return the seconds until a training has logged its first round."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "run" / "metrics.jsonl"
        start = time.perf_counter()
        playing = command(checkout, "train", RECIPE, "--out", str(log.parent), "train.log_every=1")
        while not (log.exists() and log.stat().st_size):
            if playing.poll() is not None:
                raise SystemExit(f"training of {checkout} ended without a round")
            time.sleep(0.01)
        seconds = time.perf_counter() - start
        playing.kill()
        playing.wait()
    return seconds


def whole(checkout: Path, *words: str) -> float:
    """Return the seconds that a command takes."""
    start = time.perf_counter()
    code = command(checkout, *words).wait()
    if code:
        raise SystemExit(f"ganvas {' '.join(words)} of {checkout} failed")
    return time.perf_counter() - start


def main() -> None:
    """Time each checkout in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--beside", type=Path, nargs="*", default=[], help="other checkouts")
    parser.add_argument("--repeats", type=int, default=7)
    told = parser.parse_args()
    checkouts = [HERE, *told.beside]
    with tempfile.TemporaryDirectory() as folder:
        runs = {checkout: Path(folder) / str(n) for n, checkout in enumerate(checkouts)}
        for checkout, run in runs.items():
            short = ("train.rounds=1", "evaluate.at_end=false")
            whole(checkout, "train", RECIPE, "--out", str(run), *short)
        sample = str(Path(folder) / "samples.png")
        timed: dict[str, Callable[[Path], float]] = {
            "first round": first_round,
            "sample": lambda one: whole(one, "sample", str(runs[one]), "--out", sample),
            "recipes": lambda one: whole(one, "recipes"),
            "--help": lambda one: whole(one, "--help"),
        }
        for name, play in timed.items():
            seconds: dict[Path, list[float]] = {checkout: [] for checkout in checkouts}
            for _ in range(told.repeats):
                for checkout in checkouts:
                    seconds[checkout].append(play(checkout))
            for checkout, found in seconds.items():
                low, middle, high = statistics.quantiles(found)
                row = {"what": name, "commit": commit(checkout)}
                print(json.dumps({**row, "seconds": [round(v, 2) for v in (middle, low, high)]}))


if __name__ == "__main__":
    main()
