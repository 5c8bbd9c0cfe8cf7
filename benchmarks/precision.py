"""Quality in single precision and as `auto` chooses: the same recipes over three seeds each.

    python benchmarks/precision.py            # half an hour of one core; goes on where it was
    python benchmarks/precision.py --table    # the numbers of benchmarks/results/precision.jsonl

Recipes are shortened, their schedules with them; single precision and `auto` take turns, on one
thread. A run that has a line on this kind of processor is not repeated.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path

import yaml
from common import Row, spread, trained

RESULTS = Path(__file__).parent / "results" / "precision.jsonl"
WAYS = {
    "fp32": ["train.precision=fp32", "train.channels_last=false"],
    "auto": [],
}
RECIPES = {
    "sngan/digits": ["train.rounds=800"],
    "r3gan/digits": ["train.rounds=1000", "train.watch_every=0"],
    "dcgan/emoji": ["train.rounds=600"],
}
"""Recipes, with what shortens them."""
SEEDS = range(3)
MEASURES = ("fid", "coverage_ratio", "coverage", "recall", "class_share_min")


def main() -> None:
    """Play what has no line yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--table", action="store_true", help="print what is known, play nothing")
    told = parser.parse_args()
    for recipe in () if told.table else told.recipes:
        for seed in SEEDS:
            for way in WAYS:
                play(recipe, way, seed)
    print(table(rows()))


def rows() -> list[Row]:
    """Return all lines."""
    lines = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
    return [json.loads(line) for line in lines]


def play(recipe: str, way: str, seed: int) -> None:
    """Train and evaluate once; add the line."""
    from ganvas.api.environment import machine

    key = {"recipe": recipe, "way": way, "seed": seed}
    if any({**row, **key} == row and row["environment"]["system"] == machine() for row in rows()):
        return
    with tempfile.TemporaryDirectory() as folder:
        found = trained(recipe, Path(folder), [f"seed={seed}", *RECIPES[recipe], *WAYS[way]])
        train = yaml.safe_load((Path(folder) / "config.yaml").read_text("utf-8"))["train"]
    chosen = {name: train[name] for name in ("precision", "channels_last")}
    row = {**key, "changes": RECIPES[recipe], **chosen, **found}
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(json.dumps({**key, "seconds": found["seconds"], **measures(row)}), flush=True)


def measures(row: Row) -> dict[str, float]:
    """Return the numbers that are compared, without the names of the features."""
    found = {name.partition("[")[0]: value for name, value in row["scores"].items()}
    return {name: found[name] for name in MEASURES if name in found}


def table(known: list[Row]) -> str:
    """Return a line for each measure of each recipe: both means, and how far they are apart."""
    lines = [
        "| recipe | measure | fp32 | auto | difference over its standard error |",
        "|---|---|---|---|---|",
    ]
    for recipe in RECIPES:
        of = {
            way: [measures(row) for row in known if (row["recipe"], row["way"]) == (recipe, way)]
            for way in WAYS
        }
        names = [name for name in MEASURES if all(of.values()) and name in of["fp32"][0]]
        for name in names:
            plain, auto = ([row[name] for row in of[way]] for way in WAYS)
            told = (spread(plain), spread(auto), apart(plain, auto))
            lines.append(f"| `{recipe}` | {name} | {' | '.join(told)} |")
    return "\n".join(lines)


def apart(plain: list[float], auto: list[float]) -> str:
    """Return the difference of the means over its standard error (Welch)."""
    if min(len(plain), len(auto)) < 2:
        return ""
    error = math.sqrt(sum(statistics.variance(v) / len(v) for v in (plain, auto)))
    return f"{(statistics.mean(auto) - statistics.mean(plain)) / error:+.1f}" if error else ""


if __name__ == "__main__":
    main()
