"""The r3gan point recipes over all laws and seeds: coverage, sharpness, width, and time.

    python benchmarks/points.py --jobs 2 --seeds 3 --out runs/points

A run that is there already is not repeated. Prints one row per law, mean and standard deviation
over seeds, and writes one JSON line per run to benchmarks/results/points.jsonl.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import Row, spread, trained

LAWS = ["ring8", "grid25", "rand25", "cube27"]
MEASURES = ["modes", "modes_strict", "hq", "sigma_ratio", "kl_modes"]
RESULTS = Path(__file__).parent / "results" / "points.jsonl"


def train(law: str, seed: int, out: Path) -> Row:
    """Train one recipe with one seed, or take up what is there; return what was measured."""
    noted = out / f"{law}-{seed}.json"
    if not noted.exists():
        row = trained(f"r3gan/{law}", out / f"{law}-{seed}", [f"seed={seed}"])
        noted.write_text(json.dumps(row))
    row = json.loads(noted.read_text())
    scores, floors = row.pop("scores"), row.pop("floors")
    return {
        "recipe": f"r3gan/{law}",
        "seed": seed,
        **{name: scores[name] for name in MEASURES},
        "floors": {name: floors[name] for name in MEASURES},
        **row,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/points"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    work = [(law, seed) for law in LAWS for seed in range(arguments.seeds)]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = list(pool.map(lambda item: train(*item, arguments.out), work))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("".join(json.dumps(run) + "\n" for run in runs))
    print(f"| law | {' | '.join(MEASURES)} | s/run |\n|{'---|' * (len(MEASURES) + 2)}")
    for law in LAWS:
        mine = [run for run in runs if run["recipe"] == f"r3gan/{law}"]
        cells = [spread([run[name] for run in mine]) for name in [*MEASURES, "seconds"]]
        print(f"| {law} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
