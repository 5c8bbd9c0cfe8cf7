"""S-VAE against N-VAE on digits, and the other numbers of docs/systems/svae.md.

    python benchmarks/svae.py likelihood --data mnist --dims 2 5 20 --rounds 25000
    python benchmarks/svae.py circle --seeds 3                     # three clusters on a circle
    python benchmarks/svae.py labels --dims 10 10 --alpha 50       # M1 + M2 with 100 labels
    python benchmarks/svae.py proposals                            # the paper's table 5
    python benchmarks/svae.py table                                # what was found, in Markdown

Each run is one line of benchmarks/results/svae.jsonl; one that is there already is not repeated.
Twins get the same data, batches, rounds, networks and optimiser; one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Row, commit

from ganvas.data.feed import Feed
from ganvas.data.laws import law as hidden_circle
from ganvas.data.open import open_data
from ganvas.metrics.circular import circular_correlation
from ganvas.nn import VonMisesFisher
from ganvas.play import Game, Noise, Turns, build
from ganvas.recipes import load_recipe

RESULTS = Path(__file__).parent / "results" / "svae.jsonl"
CIRCLE = [("vmf", 1, 1.0), ("normal", 2, 1.0), ("normal", 2, 0.01), ("normal", 2, 0.0)]
STACKS = [("normal", "normal"), ("vmf", "vmf"), ("vmf", "normal")]


def unseen(rounds: int, game: Game, source: Any) -> None:
    """Look at nothing."""


def train(
    recipe: str, overrides: list[str], seed: int, look: Callable[[int, Game, Any], None] = unseen
) -> tuple[Game, Any, float]:
    """Train a recipe's game in this process; return it, its data and the seconds of CPU it took.

    ``look`` gets the number of rounds so far, the game and the data after every tenth of the
    rounds; its time is not counted.
    """
    made = load_recipe(recipe, [*overrides, f"seed={seed}"])
    source = open_data(made.data)
    game = build(made.game_type, made.game_config, source.spec, seed).train()
    feed = Feed(source, batch=made.train.batch, seed=seed, streams=game.streams())
    turns = Turns(game.players, Noise(seed))
    turns.hold()
    spent, start = 0.0, time.process_time()
    rounds = made.train.rounds or 0
    for number in range(rounds):
        turns.round, turns.progress = number, number / rounds
        game.round(feed, turns)
        turns.statistics = {}
        if (number + 1) % max(rounds // 10, 1) == 0:
            spent += time.process_time() - start
            look(number + 1, game, source)
            start = time.process_time()
    spent += time.process_time() - start
    return game.eval().requires_grad_(False), source, spent


def measured(game: Any, source: Any) -> Row:
    """Return what the game measures of itself on held-out items."""
    return {name: round(score.value, 5) for name, score in game.measures(source, 0).items()}


def likelihood(data: str, latent: str, dim: int, seed: int, rounds: int) -> Row:
    overrides = [
        f"game.latent.kind={latent}",
        f"game.latent.dim={dim}",
        f"train.rounds={rounds}",
        "game.evaluation.items=500",
    ]
    game, source, seconds = train(f"svae/{data}", overrides, seed)
    return {"train_seconds": round(seconds), **measured(game, source)}


def circle(latent: str, dim: int, seed: int, kl_weight: float) -> Row:
    overrides = [
        f"game.latent.kind={latent}",
        f"game.latent.dim={dim}",
        f"game.kl_weight={kl_weight}",
    ]
    game, source, seconds = train("svae/circle", overrides, seed)
    points, _, truth = hidden_circle("circle").with_angles(2000, np.random.default_rng(99))
    x = source.spec.domain.encode(points)
    codes, found = game.encode(x), game.estimates(x, Noise(0), 50)
    angle = torch.atan2(codes[:, 1], codes[:, 0]).numpy()
    radius = codes.norm(dim=1)
    return {
        "train_seconds": round(seconds),
        "correlation": round(abs(circular_correlation(angle, truth)), 4),
        "radius_spread": round(float(radius.std() / radius.mean()), 4),
        "log_likelihood": round(float(found.log_likelihood.mean()), 3),
        "divergence": round(float(found.divergence.mean()), 3),
    }


def evenly_spread() -> float:
    """Return the correlation that the true angles' ranks, spread evenly over the circle, reach."""
    _, _, truth = hidden_circle("circle").with_angles(2000, np.random.default_rng(99))
    even = np.empty(len(truth))
    even[truth.argsort()] = np.linspace(0, 2 * np.pi, len(truth), endpoint=False)
    return abs(circular_correlation(even, truth))


def labels(
    data: str, z1: str, z2: str, dims: tuple[int, int], seed: int, rounds: int, alpha: float
) -> Row:
    along: dict[int, float] = {}

    def look(rounds: int, game: Game, source: Any) -> None:
        along[rounds] = measured(game.eval(), source)["accuracy"]
        game.train()

    overrides = [
        f"game.z1={{kind: {z1}, dim: {dims[0]}}}",
        f"game.z2={{kind: {z2}, dim: {dims[1]}}}",
        f"game.alpha={alpha}",
        f"train.rounds={rounds}",
    ]
    game, source, seconds = train(f"svae-m2/{data}", overrides, seed, look)
    return {"train_seconds": round(seconds), **measured(game, source), "along": along}


def proposals(dim: int, kappa: float, samples: int = 10_000) -> Row:
    axis = torch.eye(dim + 1)[:1]
    law = VonMisesFisher(axis, torch.tensor([kappa]))
    drawn = law.draw((samples,), torch.Generator().manual_seed(0), "path")
    return {"proposals": round(float(drawn.proposals.double().mean()), 4), "samples": samples}


def keep(row: Row, make: Callable[[], Row]) -> None:
    """Append a run to the results, unless a line with the same settings is there."""
    for known in rows():
        if all(known.get(key) == value for key, value in row.items()):
            return
    found = row | make() | {"torch": torch.__version__.partition("+")[0], "commit": commit()}
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(found) + "\n")
    print(found, flush=True)


KEYS = {
    "likelihood": ("data", "latent", "dim", "rounds"),
    "circle": ("latent", "dim", "kl_weight"),
    "labels": ("data", "z1", "z2", "dims", "alpha", "rounds"),
    "proposals": ("dim", "kappa"),
}


def tables() -> str:
    """Return all results as Markdown: mean ± standard deviation over the seeds."""
    parts: list[str] = []
    for part, keys in KEYS.items():
        found = [row for row in rows() if row["part"] == part]
        if not found:
            continue
        skip = {"part", "seed", "torch", "commit", "samples", "along", *keys}
        columns = [name for name in found[0] if name not in skip]
        groups: dict[str, list[Row]] = {}
        for row in found:
            groups.setdefault(" | ".join(str(row[key]) for key in keys), []).append(row)
        parts.append(f"| {' | '.join((*keys, 'runs', *columns))} |")
        parts.append("|---" * (len(keys) + 1 + len(columns)) + "|")
        for name, group in groups.items():
            cells = [spread([row[column] for row in group]) for column in columns]
            parts.append(f"| {name} | {len(group)} | {' | '.join(cells)} |")
        parts.append("")
    return "\n".join(parts)


def spread(values: list[float]) -> str:
    mean, digits = statistics.fmean(values), 3 if abs(values[0]) < 2 else 2
    if len(values) == 1:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def rows() -> list[Row]:
    """Return the results so far."""
    if not RESULTS.is_file():
        return []
    return [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=["likelihood", "circle", "labels", "proposals", "table"])
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 5, 20])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2500)
    parser.add_argument("--alpha", type=float, default=1.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.part == "circle":
        for seed, (latent, dim, weight) in product(range(arguments.seeds), CIRCLE):
            settings = {"latent": latent, "dim": dim, "seed": seed, "kl_weight": weight}
            keep({"part": "circle", **settings}, partial(circle, **settings))
        print(f"angles spread perfectly evenly would reach {evenly_spread():.3f}")
    if arguments.part == "labels":
        for seed, (z1, z2) in product(range(arguments.seeds), STACKS):
            settings = {"data": arguments.data, "z1": z1, "z2": z2, "dims": arguments.dims}
            settings |= {"seed": seed, "rounds": arguments.rounds, "alpha": arguments.alpha}
            keep({"part": "labels", **settings}, partial(labels, **settings))
    if arguments.part == "proposals":
        for dim, kappa in product((5, 10, 20, 40, 100), (1.0, 10.0, 100.0, 1000.0, 10_000.0)):
            settings = {"dim": dim, "kappa": kappa}
            keep({"part": "proposals", **settings}, partial(proposals, **settings))
    if arguments.part == "table":
        print(tables())
    if arguments.part == "likelihood":
        for seed, dim, latent in product(range(arguments.seeds), arguments.dims, ("normal", "vmf")):
            settings = {"data": arguments.data, "latent": latent, "dim": dim, "seed": seed}
            settings |= {"rounds": arguments.rounds}
            keep({"part": "likelihood", **settings}, partial(likelihood, **settings))


if __name__ == "__main__":
    main()
