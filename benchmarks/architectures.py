"""Random architectures under GAN and WGAN-GP: who trains what (Gulrajani et al. 2017, table 2).

    python benchmarks/architectures.py --count 200 --rounds 100000            # the paper's size
    python benchmarks/architectures.py --count 3 --rounds 20 --depths 4 8 --widths 4 8 --batch 16 \
        --samples 200                                                          # a trial of minutes

Data are the packaged digits at 32×32, or any images (--data). The score is the inception-type score
of the default extractor. Appends one JSON line per run to --out, repeats none that is there, and
prints how many architectures exceed each threshold with the GAN only, WGAN-GP only, both, neither.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from ganvas import api
from ganvas.bench.architectures import (
    DEPTHS,
    METHODS,
    WIDTHS,
    Architecture,
    draw,
    successes,
)
from ganvas.errors import GanvasError
from ganvas.metrics.extractor import extract
from ganvas.metrics.extractors import default_extractor
from ganvas.metrics.inception_score import inception_score
from ganvas.model import Model
from ganvas.recipes import load_recipe

RESULTS = Path(__file__).parent / "results" / "architectures.jsonl"
SPLITS = 10


def recipe_of(architecture: Architecture, method: str, told: argparse.Namespace) -> dict[str, Any]:
    """Return the recipe of one run."""
    return {
        "about": "A random architecture.",
        "data": {"source": told.data, "size": 32, "resize": told.resize, "labels": False},
        "game": architecture.game(method),
        "train": {
            "rounds": told.rounds,
            "batch": told.batch,
            "average": None,
            "watch_every": 0,
            "sample_every": 0,
            "log_every": max(told.rounds // 20, 1),
            "checkpoint_every": told.rounds,
            "tensorboard": False,
            "threads": told.threads,
        },
        "evaluate": {"at_end": False},
        "seed": told.seed,
    }


def play(architecture: Architecture, method: str, told: argparse.Namespace) -> float:
    """Train one architecture under one method; return its score, NaN if training failed."""
    with tempfile.TemporaryDirectory() as held:
        path = Path(held) / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe_of(architecture, method, told)), "utf-8")
        recipe = load_recipe(path)
        try:
            api.train(recipe, Path(held) / "run", quiet=True)
            return score_of(api.load(Path(held) / "run"), told.samples)
        except GanvasError as error:
            print(f"  {method} failed: {error}")
            return math.nan


def score_of(model: Model, samples: int) -> float:
    """Return the inception-type score of the classifier that fits the data."""
    extractor = default_extractor(model.spec.name, channels=model.spec.shape[0])
    probabilities = extract(extractor, model.sample(samples).x).probabilities
    if probabilities is None:
        raise SystemExit(f"there is no classifier for {model.spec.name}: choose --data digits")
    return inception_score(probabilities, SPLITS).value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--resize", default="pad")
    parser.add_argument(
        "--thresholds", type=float, nargs="+", default=[k / 2 for k in range(2, 19)]
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    told = parser.parse_args()
    scale = {key: getattr(told, key) for key in ("rounds", "batch", "samples", "data", "seed")}
    rows = (
        [json.loads(line) for line in told.out.read_text().splitlines()]
        if told.out.exists()
        else []
    )
    pairs: list[tuple[float, float]] = []
    for number, architecture in enumerate(draw(told.count, told.seed, told.depths, told.widths)):
        found: dict[str, float] = {}
        for method in METHODS:
            key = {"method": method, **architecture.plain(), **scale}
            row = next((row for row in rows if key.items() <= row.items()), None)
            if row is None:
                began = time.monotonic()
                score = play(architecture, method, told)
                seconds = round(time.monotonic() - began, 1)
                row = {**key, "score": None if math.isnan(score) else score, "seconds": seconds}
                rows.append(row)
                with told.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            found[method] = math.nan if row["score"] is None else row["score"]
        pairs.append((found["gan"], found["wgan-gp"]))
        print(f"{number + 1}: GAN {found['gan']:.2f}, WGAN-GP {found['wgan-gp']:.2f}", flush=True)
    print("| score above | only GAN | only WGAN-GP | both | neither |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for row in successes(pairs, told.thresholds):
        print("| " + " | ".join(f"{value:g}" for value in row.values()) + " |")


if __name__ == "__main__":
    main()
