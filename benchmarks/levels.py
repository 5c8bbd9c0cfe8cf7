"""What samples of a model of mix1200 are made of: the levels reached, and how wide their noise is.

    python benchmarks/levels.py runs/mix [runs/other ...]

Prints, of 4,000 samples (seed 0), each taken to the level nearest to the mean of its last 500
coordinates: levels with at least 2 % of the samples; the 5, 50 and 95 % quantiles of the distance
of that mean from the level; and the median noise of a coordinate, in the first 700 (the law: 1)
and in the last 500 (0), in root mean square about that mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import ganvas
from ganvas.data.laws import law
from ganvas.errors import GanvasError

SAMPLES, HEAD, COORDINATES = 4_000, 700, 1_200


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    levels = law("mix1200").centres[:, -1]
    arguments = parser.parse_args()
    print("| run | reached | off its level, 5 / 50 / 95 % | noise, head | noise, tail |")
    print("|---|---|---|---|---|")
    for run in arguments.runs:
        try:
            x = np.asarray(ganvas.load(run).sample(SAMPLES, seed=0).x, dtype=np.float64)
        except GanvasError as error:
            parser.error(str(error))
        if x.shape != (SAMPLES, COORDINATES):
            parser.error(f"{run} draws {x.shape[1:]}, not the {COORDINATES:,} numbers of mix1200")
        mean = x[:, HEAD:].mean(1)
        nearest = np.abs(mean[:, None] - levels).argmin(1)
        reached = (np.bincount(nearest, minlength=len(levels)) >= 0.02 * SAMPLES).sum()
        off = np.quantile(mean - levels[nearest], [0.05, 0.5, 0.95])
        noise = x - mean[:, None]
        head, tail = (np.median(np.sqrt((part**2).mean(1))) for part in np.split(noise, [HEAD], 1))
        gaps = " / ".join(f"{gap:.2f}" for gap in off)
        print(f"| {run.name} | {reached} | {gaps} | {head:.2f} | {tail:.2f} |")


if __name__ == "__main__":
    main()
