"""Which of a recipe's choices matter: the recipe against itself with one of them undone.

    python benchmarks/ablations.py diwgan/grid25 --seeds 3 --jobs 2 [--rounds N] [--out DIR]

Every variant plays as many rounds, and is measured as the recipe says. Appends a JSON line a run
to benchmarks/results/ablations.jsonl, repeats no run that is there, and prints mean ± standard
deviation over seeds.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from common import Row, spread, trained

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


def key(row: Row) -> tuple[Any, ...]:
    """Return what tells a run from others."""
    return row["recipe"], row["variant"], tuple(row["overrides"]), row["seed"], row["rounds"]


def played(job: Row, folder: Path) -> Row:
    """Train one variant with one seed; return its row."""
    rounds = [f"train.rounds={job['rounds']}"] if job["rounds"] else []
    row = trained(job["recipe"], folder, [f"seed={job['seed']}", *rounds, *job["overrides"]])
    scores = row.pop("scores")
    row.pop("floors")
    return job | {name: scores[name] for name in POINTS if name in scores} | row


def table(rows: list[Row]) -> str:
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

    with ThreadPoolExecutor(arguments.jobs) as pool, RESULTS.open("a") as file:
        runs = [pool.submit(played, job, arguments.out / str(n)) for n, job in enumerate(left)]
        for run in as_completed(runs):  # each is kept as it ends, whatever becomes of the others
            row = run.result()
            done[key(row)] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
    found = [done[key(job)] for job in jobs]
    found.sort(key=lambda row: list(ABLATIONS[arguments.recipe]).index(row["variant"]))
    print(table(found))


if __name__ == "__main__":
    main()
