"""The r3gan point recipes over all laws and seeds: coverage, sharpness, width, and time.

    python benchmarks/points.py --jobs 2 --seeds 3 --out runs/points

A run that is there already is not repeated. Prints one row per law, mean and standard deviation
over seeds, and writes one JSON line per run to benchmarks/results/points.jsonl.
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

LAWS = ["ring8", "grid25", "rand25", "cube27"]
MEASURES = ["modes", "modes_strict", "hq", "sigma_ratio", "kl_modes"]
RESULTS = Path(__file__).parent / "results" / "points.jsonl"


def train(law: str, seed: int, out: Path) -> dict[str, Any]:
    """Train one recipe with one seed, and return what was measured."""
    folder, timing = out / f"{law}-{seed}", out / f"{law}-{seed}.seconds"
    if not timing.exists():
        start = time.monotonic()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "ganvas",
                "train",
                f"r3gan/{law}",
                "--out",
                str(folder),
                "--overwrite",
                f"seed={seed}",
                "train.threads=1",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        timing.write_text(f"{time.monotonic() - start:.0f}")
    scores = json.loads((folder / "evaluation.json").read_text())["scores"]
    environment = json.loads((folder / "environment.json").read_text())
    del environment["command"]  # the paths in it mean nothing elsewhere
    found = {name: scores[name]["value"] for name in MEASURES}
    return {
        "recipe": f"r3gan/{law}",
        "seed": seed,
        "seconds": float(timing.read_text()),
        **found,
        "floors": {name: scores[name]["floor"] for name in MEASURES},
        "samples": scores["hq"]["protocol"]["samples"],
        "environment": environment,
        "commit": commit(),
    }


def commit() -> str:
    """Return the commit that is checked out."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


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


def spread(values: list[float]) -> str:
    """Return mean ± standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3g} ± {deviation:.2g}"


if __name__ == "__main__":
    main()
