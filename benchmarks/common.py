"""What the benchmarks share: training a recipe, and how its numbers are told."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganvas.api import Ending
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
        "samples": max(score["protocol"]["samples"] for score in scores.values()),
        "environment": environment,
        "commit": commit(),
    }


def to_the_end(run: Path, begin: Callable[[], Ending]) -> Path:
    """Return a run that is played to its end: once, and on from where it was interrupted.

    Args:
        run: its folder.
        begin: plays it from its first round.

    Raises:
        SystemExit: it is interrupted again.
    """
    from ganvas import api

    done = run / "finished"
    if not done.exists():
        begun = any((run / "checkpoints").glob("*"))
        ending = api.resume(run, quiet=True) if begun else begin()
        if ending.outcome != "finished":
            sys.exit(f"{run} stopped at round {ending.rounds}: the same command goes on")
        done.touch()
    return run


def trained_model(recipe: str, folder: Path, words: list[str]) -> Model:
    """Return the model of a folder, trained there by a recipe, on one thread, once."""
    from ganvas import api
    from ganvas.model import load
    from ganvas.recipes import load_recipe

    quiet = ("train.threads=1", "evaluate.at_end=false", "train.watch_every=0")
    asked = load_recipe(recipe, [*quiet, *words])
    begin = partial(api.train, asked, folder, quiet=True, overwrite=True)
    return load(to_the_end(folder, begin), device="cpu")


def commit(where: Path | None = None) -> str:
    """Return the commit that is checked out, here or in another folder."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=where)
    return told.stdout.strip()


def spread(values: list[float]) -> str:
    """Return mean ± standard deviation; a dash of nothing."""
    if not values:
        return "–"
    deviation = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3g}{deviation}"
