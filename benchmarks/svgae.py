"""S-VGAE against its normal twin: links predicted on graphs made from a formula.

    python benchmarks/svgae.py --seeds 5            # the same settings for both
    python benchmarks/svgae.py --seeds 5 --search   # each with the settings that suit it

Both twins have the same network and rounds; seeds change weights, dropout and noise, the links
held out are the same. The rows "anew" also draw another graph for each seed. Without ``--search``
rates, dropout and the count of numbers in a code are the same, too. With it, each twin gets those
of the paper's grid whose best validation AUC is highest, averaged over three graphs of the law that
are in no table: first rate and dropout at 16 numbers, then 8 and 32 numbers with these. Prints AUC
and AP on the test links, in per cent, of the encoder with the best validation AUC (as the paper)
and of the last one, mean ± standard deviation over seeds, and by how much the sphere comes out
higher with the same seed. Each run is one line of benchmarks/results/svgae.jsonl; one that is there
already is not repeated.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from common import commit

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
RATES, DROPOUT, NUMBERS = (0.01, 0.005, 0.001), (0.0, 0.1, 0.2, 0.3, 0.4), (8, 16, 32)
"""The paper's grid (appendix F.3)."""
SEARCHED = range(100, 103)
"""Seeds of the graphs that settings are searched on."""
TWINS = {"normal": 0, "vmf": 1}
"""Posteriors, and how many more numbers a code has than its space has dimensions."""
MEASURES = ["link_auc", "link_ap"]


class Setting(NamedTuple):
    """What a twin is trained with."""

    numbers: int
    lr: float = 0.01
    dropout: float = 0.1


def train(graph: str, kind: str, seed: int, setting: Setting) -> dict[str, Any]:
    """Train one twin; return its scores with either encoder."""
    latent = json.dumps({"kind": kind, "dim": setting.numbers - TWINS[kind]})
    overrides = [
        f"game.latent={latent}",
        f"game.optimiser.lr={setting.lr}",
        f"game.encoder.dropout={setting.dropout}",
        f"seed={seed}",
    ]
    recipe = load_recipe(f"svgae/{graph.partition(',')[0]}", overrides)
    source = open_data(recipe.data)
    if graph == ANEW:
        law = citation(seed=seed)
        source = GraphSource(law.collection, recipe.data, law)
    game: Any = build(recipe.game_type, recipe.game_config, source.spec, seed).train()
    feed = Feed(source, batch=recipe.train.batch, seed=seed, streams=game.streams())
    turns = Turns(game.players, Noise(seed))
    turns.hold()
    torch.manual_seed(seed)  # for dropout
    rounds, start = recipe.train.rounds or 0, time.process_time()
    for turns.round in range(rounds):
        turns.progress = turns.round / rounds
        game.round(feed, turns)
        turns.statistics = {}
    found: dict[str, Any] = {"rounds": rounds, "cpu_seconds": round(time.process_time() - start, 1)}
    found["validation"] = round(float(game.kept.auc), 5)
    game.eval()
    for keep in ("best", "last"):
        game.settings = game.settings.model_copy(update={"keep": keep})
        scores = game.measures(source)
        found |= {f"{name}/{keep}": round(scores[name].value, 5) for name in MEASURES}
        found |= {f"{name}/floor": round(scores[name].floor, 5) for name in MEASURES}
    return found


def row(graph: str, kind: str, seed: int, setting: Setting) -> dict[str, Any]:
    """Return a run: from the results, or of a training that is then added to them."""
    wanted = {"graph": graph, "latent": kind, "seed": seed, **setting._asdict()}
    known = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    for run in map(json.loads, known):
        if all(run[key] == value for key, value in wanted.items()):
            return run
    run = wanted | train(graph, kind, seed, setting) | {"commit": commit()}
    with RESULTS.open("a") as file:
        file.write(json.dumps(run) + "\n")
    return run


def validated(kind: str, setting: Setting) -> float:
    """Return the best validation AUC, averaged over the graphs of the search."""
    runs = [row(ANEW, kind, seed, setting) for seed in SEARCHED]
    return statistics.mean(run["validation"] for run in runs)


def search(kind: str) -> Setting:
    """Return the setting of the grid that suits a twin best; print what was tried."""
    tried = {s: validated(kind, s) for s in (Setting(16, *g) for g in product(RATES, DROPOUT))}
    best = max(tried, key=lambda setting: tried[setting])
    tried |= {s: validated(kind, s) for s in (best._replace(numbers=n) for n in NUMBERS)}
    print(f"| {kind}: validation AUC | {' | '.join(f'dropout {d:g}' for d in DROPOUT)} |")
    print(f"|{'---|' * (1 + len(DROPOUT))}")
    for lr in RATES:
        cells = [f"{100 * tried[Setting(16, lr, dropout)]:.2f}" for dropout in DROPOUT]
        print(f"| rate {lr:g} | {' | '.join(cells)} |")
    sizes = [f"{n}: {100 * tried[best._replace(numbers=n)]:.2f}" for n in NUMBERS]
    print(f"\nNumbers of a code, at its best rate and dropout: {', '.join(sizes)}\n")
    return max(tried, key=lambda setting: tried[setting])


def compare(graph: str, settings: dict[str, Setting], seeds: int) -> None:
    """Print a graph's rows of the table: each twin, and by how much the sphere is higher."""
    measures = [f"{measure}/{keep}" for keep in ("best", "last") for measure in MEASURES]
    runs = {
        kind: [row(graph, kind, seed, settings[kind]) for seed in range(seeds)] for kind in TWINS
    }
    for kind, mine in runs.items():
        cells = [spread([run[measure] for run in mine]) for measure in measures]
        perfect = f"{100 * statistics.mean(run['link_auc/floor'] for run in mine):.1f}"
        numbers = settings[kind].numbers
        print(f"| {graph} | {numbers} | {kind} | {' | '.join(cells)} | {perfect} |")
    pairs = list(zip(runs["vmf"], runs["normal"], strict=True))
    cells = [spread([a[measure] - b[measure] for a, b in pairs]) for measure in measures]
    numbers = " or ".join(str(n) for n in sorted({s.numbers for s in settings.values()}))
    print(f"| {graph} | {numbers} | vmf − normal | {' | '.join(cells)} | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--search", action="store_true", help="give each twin its own settings")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    compared = [(graph, dict.fromkeys(TWINS, Setting(numbers))) for graph, numbers in SETTINGS]
    if arguments.search:
        found = {kind: search(kind) for kind in TWINS}
        compared = [(graph, found) for graph in ("citation", ANEW)]
    print("| graph | numbers | codes | AUC | AP | AUC, last | AP, last | perfect AUC |")
    print(f"|{'---|' * 8}")
    for graph, settings in compared:
        compare(graph, settings, arguments.seeds)


def spread(values: list[float]) -> str:
    """Return mean ± standard deviation, in per cent."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{100 * statistics.mean(values):.1f} ± {100 * deviation:.1f}"


if __name__ == "__main__":
    main()
