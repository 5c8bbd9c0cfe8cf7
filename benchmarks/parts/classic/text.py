"""Text: lines of the grammar by WGAN-GP, and by the GAN's objective in as many rounds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from common import Row

MINUTES = 8
RECIPE = "wgan-gp/grammar"
GAN = ("game.objective={kind: nonsaturating}", "game.penalties.gradient=null")
RUNS = {"WGAN-GP": (), "GAN": GAN}
"""Changes to the recipe; the same networks, rates, steps and rounds."""
ROUNDS = 300
"""Half of the recipe's: five minutes of one core by WGAN-GP."""
LOOKS = 6
"""Of the looks while training so many are kept, at even distances."""
JS = ("js1", "js2", "js3", "js4")


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give both runs."""
    for number, (name, changes) in enumerate(RUNS.items()):
        yield name, partial(play, work / f"text-{number}", changes)


def play(folder: Path, changes: tuple[str, ...]) -> Row:
    """Train in the folder; return divergences in bits before, on the way and at the end."""
    words = [*changes, f"train.rounds={ROUNDS}", "train.threads=1", "train.tensorboard=false"]
    command = [sys.executable, "-m", "ganvas", "train", RECIPE, "--out", str(folder), "--overwrite"]
    subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    looks = [row for row in rows if "coverage/js2" in row]
    scores = json.loads((folder / "evaluation.json").read_text())["scores"]
    kept = looks[:: max(len(looks) // LOOKS, 1)]
    return {
        "rounds": rows[-1]["round"],
        "training_seconds": round(max(row.get("time", 0) for row in rows)),
        **{name: round(scores[name]["value"], 4) for name in (*JS, "known_lines")},
        **{f"{name} of held-out lines": round(scores[name]["floor"], 4) for name in JS},
        "js2 by round": {row["round"]: round(row["coverage/js2"], 3) for row in kept},
    }
