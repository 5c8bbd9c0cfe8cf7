"""Which of a recipe's choices matter: the recipe against itself with one of them undone.

    python benchmarks/ablations.py diwgan/grid25 --seeds 3 --jobs 2 [--rounds N] [--out DIR]

Every variant plays as many rounds, and is measured as the recipe says. Appends a JSON line a run
to benchmarks/results/ablations.jsonl, repeats no run that is there, and prints mean ± standard
deviation over seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

POINTS = ["modes", "modes_strict", "hq", "kl_modes", "sigma_ratio", "seconds"]
UNPENALISED = ["game.penalties.r1=null", "game.penalties.r2=null"]
ABLATIONS = {
    "diwgan/grid25": {
        "the recipe": [],
        "no distance (α = 0)": ["game.alpha=0"],
        "no penalties": UNPENALISED,
        "neither": ["game.alpha=0", *UNPENALISED],
        "no weights": ["game.weigh_reals=off", "game.weigh_fakes=off"],
        "Huber distance, quadratic below 0.5": ["game.huber=0.5"],
        "rates of 1e-3 that stay": [
            *("game.generator_optimiser.lr=0.001", "game.discriminator_optimiser.lr=0.001"),
        ],
        "z of 256": ["game.latent.dim=256"],
    },
}
"""Overrides by recipe and by name of the variant."""

RESULTS = Path(__file__).parent / "results" / "ablations.jsonl"


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what tells a run from others."""
    return row["recipe"], row["variant"], tuple(row["overrides"]), row["seed"], row["rounds"]


def played(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Train one variant with one seed; return its row."""
    rounds = [f"train.rounds={job['rounds']}"] if job["rounds"] else []
    command = [
        *(sys.executable, "-m", "ganvas", "train", job["recipe"], "--out", str(folder)),
        *("--overwrite", f"seed={job['seed']}", "train.threads=1", *rounds, *job["overrides"]),
    ]
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    scores = json.loads((folder / "evaluation.json").read_text())["scores"]
    environment = json.loads((folder / "environment.json").read_text())
    del environment["command"]  # the paths in it mean nothing elsewhere
    found = {name: scores[name]["value"] for name in POINTS if name in scores}
    return {
        **job,
        **found,
        "samples": scores["modes"]["protocol"]["samples"],
        "seconds": round(seconds, 1),
        "environment": environment,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return Markdown: a line a variant."""
    lines = [
        f"| variant | seeds | {' | '.join(POINTS)} |",
        f"|{'---|' * (len(POINTS) + 2)}",
    ]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        mine = [row for row in rows if row["variant"] == variant]
        cells = [spread([row[name] for row in mine if row[name] is not None]) for name in POINTS]
        lines.append(f"| {variant} | {len(mine)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """Return mean ± standard deviation, or a dash of nothing."""
    if not values:
        return "–"
    deviation = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3g}{deviation}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipe", choices=ABLATIONS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, help="by default the recipe's own")
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    arguments = parser.parse_args()
    text = RESULTS.read_text() if RESULTS.exists() else ""
    done = {key(row): row for row in map(json.loads, text.splitlines())}
    jobs = [
        {
            "recipe": arguments.recipe,
            "variant": variant,
            "overrides": overrides,
            "seed": seed,
            "rounds": arguments.rounds,
        }
        for seed in range(arguments.seeds)
        for variant, overrides in ABLATIONS[arguments.recipe].items()
    ]
    left = [job for job in jobs if key(job) not in done]

    def play(item: tuple[int, dict[str, Any]]) -> dict[str, Any]:
        return played(item[1], arguments.out / str(item[0]))

    with ThreadPoolExecutor(arguments.jobs) as pool, RESULTS.open("a") as file:
        for row in pool.map(play, enumerate(left)):
            done[key(row)] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
    found = [done[key(job)] for job in jobs]
    found.sort(key=lambda row: list(ABLATIONS[arguments.recipe]).index(row["variant"]))
    print(table(found))


if __name__ == "__main__":
    main()
