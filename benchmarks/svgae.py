"""S-VGAE against its normal twin: links predicted on graphs made from a formula.

    python benchmarks/svgae.py --seeds 5

Both twins have the same network, rates, rounds and count of numbers in a code; seeds change
weights, dropout and noise, the links held out are the same. The rows "anew" also draw another graph
for each seed. Prints AUC and AP on the test links, in per cent, of the encoder with the best
validation AUC (as the paper) and of the last one, mean ± standard deviation over seeds, and by how
much the sphere comes out higher with the same seed. Each run is one line of
benchmarks/results/svgae.jsonl; one that is there already is not repeated.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from ganvas.data.feed import Feed
from ganvas.data.graph_laws import citation
from ganvas.data.graph_source import GraphSource
from ganvas.data.open import open_data
from ganvas.play import Noise, Turns, build
from ganvas.recipes import load_recipe

RESULTS = Path(__file__).parent / "results" / "svgae.jsonl"
ANEW = "citation, anew"
"""A graph of the law of `citation`, another for each seed."""
SETTINGS = [("citation", 16), ("citation", 5), (ANEW, 16), (ANEW, 5), ("blocks", 16)]
"""Graphs, and how many numbers a code has."""
TWINS = {"normal": 0, "vmf": 1}
"""Posteriors, and how many more numbers a code has than its space has dimensions."""
MEASURES = ["link_auc", "link_ap"]


def train(graph: str, numbers: int, kind: str, seed: int) -> dict[str, Any]:
    """Train one twin; return its scores with either encoder."""
    latent = json.dumps({"kind": kind, "dim": numbers - TWINS[kind]})
    name = graph.partition(",")[0]
    recipe = load_recipe(f"svgae/{name}", [f"game.latent={latent}", f"seed={seed}"])
    source = open_data(recipe.data)
    if graph == ANEW:
        law = citation(seed=seed)
        source = GraphSource(law.collection, hold_out=recipe.data.hold_out, law=law)
    game: Any = build(recipe.game_type, recipe.game_config, source.spec, seed).train()
    feed = Feed(source, batch=recipe.train.batch, seed=seed)
    turns = Turns(game.players, Noise(seed))
    turns.hold()
    torch.manual_seed(seed)  # for dropout
    rounds, start = recipe.train.rounds or 0, time.perf_counter()
    for turns.round in range(rounds):
        turns.progress = turns.round / rounds
        game.round(feed, turns)
        turns.statistics = {}
    seconds = time.perf_counter() - start
    found: dict[str, Any] = {"graph": graph, "numbers": numbers, "latent": kind, "seed": seed}
    game.eval()
    for keep in ("best", "last"):
        game.settings = game.settings.model_copy(update={"keep": keep})
        scores = game.measures(source)
        found |= {f"{name}/{keep}": round(scores[name].value, 5) for name in MEASURES}
        found |= {f"{name}/floor": round(scores[name].floor, 5) for name in MEASURES}
    return {**found, "rounds": rounds, "seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = (
        [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    )
    done = {(run["graph"], run["numbers"], run["latent"], run["seed"]) for run in runs}
    for graph, numbers in SETTINGS:
        for seed in range(arguments.seeds):
            for kind in TWINS:
                if (graph, numbers, kind, seed) not in done:
                    runs.append(train(graph, numbers, kind, seed))
                    with RESULTS.open("a") as file:
                        file.write(json.dumps(runs[-1]) + "\n")
    print("| graph | numbers | codes | AUC | AP | AUC, last | AP, last | perfect AUC |")
    print(f"|{'---|' * 8}")
    for graph, numbers in SETTINGS:
        for kind in TWINS:
            mine = of(runs, graph, numbers, kind, arguments.seeds)
            cells = [
                spread([run[f"{m}/{k}"] for run in mine])
                for k in ("best", "last")
                for m in MEASURES
            ]
            perfect = f"{100 * statistics.mean(run['link_auc/floor'] for run in mine):.1f}"
            print(f"| {graph} | {numbers} | {kind} | {' | '.join(cells)} | {perfect} |")
        both = [of(runs, graph, numbers, kind, arguments.seeds) for kind in ("vmf", "normal")]
        cells = [
            spread([a[f"{m}/{k}"] - b[f"{m}/{k}"] for a, b in zip(*both, strict=True)])
            for k in ("best", "last")
            for m in MEASURES
        ]
        print(f"| {graph} | {numbers} | vmf − normal | {' | '.join(cells)} | |")


def of(
    runs: list[dict[str, Any]], graph: str, numbers: int, kind: str, seeds: int
) -> list[dict[str, Any]]:
    """Return the runs of a row of the table, in the order of their seeds."""
    wanted = (graph, numbers, kind)
    mine = [run for run in runs if (run["graph"], run["numbers"], run["latent"]) == wanted]
    return sorted((run for run in mine if run["seed"] < seeds), key=lambda run: run["seed"])


def spread(values: list[float]) -> str:
    """Return mean ± standard deviation, in per cent."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{100 * statistics.mean(values):.1f} ± {100 * deviation:.1f}"


if __name__ == "__main__":
    main()
