"""What the benchmarks share: training a recipe, and how its numbers are told."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganvas.model import Model

Row = dict[str, Any]


def trained(recipe: str, folder: Path, overrides: list[str]) -> Row:
    """Train a recipe on one thread; return all scores with their floors, and how it was done."""
    command = [
        *(sys.executable, "-m", "ganvas", "train", recipe, "--out", str(folder), "--overwrite"),
        *("train.threads=1", *overrides),
    ]
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    scores = json.loads((folder / "evaluation.json").read_text())["scores"]
    environment = json.loads((folder / "environment.json").read_text())
    del environment["command"]  # the paths in it mean nothing elsewhere
    return {
        "seconds": round(seconds, 1),
        "scores": {name: score["value"] for name, score in scores.items()},
        "floors": {name: score["floor"] for name, score in scores.items()},
        "samples": scores["modes"]["protocol"]["samples"],
        "environment": environment,
        "commit": commit(),
    }


def trained_model(recipe: str, folder: Path, words: list[str]) -> Model:
    """Return the model in a folder; train it by a recipe, on one thread, if there is none."""
    from ganvas.model import load

    if not (folder / "model").is_dir():
        quiet = ("train.threads=1", "evaluate.at_end=false", "train.watch_every=0")
        command = (sys.executable, "-m", "ganvas", "train", recipe, "--out", str(folder))
        subprocess.run([*command, *quiet, *words], check=True, stdout=subprocess.DEVNULL)
    return load(folder, device="cpu")


def commit() -> str:
    """Return the commit that is checked out."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def spread(values: list[float]) -> str:
    """Return mean ± standard deviation; a dash of nothing."""
    if not values:
        return "–"
    deviation = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3g}{deviation}"
