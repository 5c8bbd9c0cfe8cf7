"""What remedies cost: a round with them against the plain round of the same networks.

Blocks of rounds alternate in one process, so that all meet the same machine; medians with
quartiles of the ratio. Run it on an idle one:

    python benchmarks/cost.py [--blocks 20] [--threads 1] [--json benchmarks/results/cost.json]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.games import find_game
from ganvas.play import Noise, Turns, build

BLOCK_SECONDS = 0.4
ADAM = {"kind": "adam", "lr": 1e-3, "beta1": 0.5, "beta2": 0.999}
LATENT = {"toyV": 255, "toyU": 256}


def networks(preset: str) -> dict[str, Any]:
    return {
        "latent": {"kind": "normal", "dim": LATENT[preset]},
        "generator": {"preset": preset},
        "discriminator": {"preset": preset},
        "generator_optimiser": ADAM,
        "discriminator_optimiser": ADAM,
    }


Case = tuple[str, dict[str, Any]]
CASES: dict[str, tuple[int, Case, Case]] = {
    f"unrolled-5 {order}, {preset}": (
        256,
        ("gan", networks(preset) | {"objective": {"kind": "minimax"}}),
        ("unrolled", networks(preset) | {"second_order": order == "second order"}),
    )
    for preset in LATENT
    for order in ("first order", "second order")
}
for name, settings in {
    "packing 2": {"packing": 2},
    "minibatch discrimination 8×4": {
        "minibatch": {"kind": "discrimination", "kernels": 8, "dim": 4}
    },
    "minibatch deviation": {"minibatch": {"kind": "deviation"}},
    "feature matching": {"feature_matching": {}},
    "historical averaging": {"historical_averaging": 0.01},
    "instance noise": {"instance_noise": 0.1},
}.items():
    plain = networks("toyV")
    CASES[f"{name}, toyV"] = 256, ("gan", plain), ("gan", plain | settings)

DIW = networks("toyV") | {"autoencoder_rounds": 20, "representatives": 128}
LARGE = DIW | {"representatives": 2048}
CASES |= {
    "DIW matching (over identity), B=128": (
        128,
        ("diwgan", DIW | {"pairing": "identity"}),
        ("diwgan", DIW),
    ),
    "DIW density of fakes (over none), B=128": (
        128,
        ("diwgan", DIW | {"weigh_fakes": "off"}),
        ("diwgan", DIW),
    ),
    "DIW-GAN over the plain game, B=128": (128, ("gan", networks("toyV")), ("diwgan", DIW)),
    "DIW matching by Sinkhorn, B=2048": (
        2048,
        ("diwgan", LARGE | {"pairing": "identity"}),
        ("diwgan", LARGE | {"pairing": "sinkhorn"}),
    ),
    "DIW density of fakes (over none), B=2048": (
        2048,
        ("diwgan", LARGE | {"pairing": "identity", "weigh_fakes": "off"}),
        ("diwgan", LARGE | {"pairing": "identity"}),
    ),
}


def player(case: Case, batch: int) -> Callable[[int], float]:
    """Return a function that plays rounds and tells the seconds of one."""
    system, settings = case
    kind = find_game(system)
    source = open_data(DataSettings(source="ring8"))
    game = build(kind, kind.Config.model_validate(settings), source.spec, 0).train()
    feed, turns = (
        Feed(source, batch=batch, seed=0, streams=game.streams()),
        Turns(game.players, Noise(0)),
    )
    turns.hold()
    for stage in game.stages()[:-1]:
        for number in range(stage.rounds or 0):
            turns.round = number
            stage.play(feed, turns)
    turns.round = 0

    def play(rounds: int) -> float:
        started = time.perf_counter()
        for _ in range(rounds):
            game.round(feed, turns)
            turns.round += 1
        turns.take_statistics()
        return (time.perf_counter() - started) / rounds

    play(5)
    return play


def compare(batch: int, plain: Case, remedy: Case, blocks: int) -> dict[str, float]:
    first, second = player(plain, batch), player(remedy, batch)
    counts = [max(1, round(BLOCK_SECONDS / play(5))) for play in (first, second)]
    pairs = [(first(counts[0]), second(counts[1])) for _ in range(blocks)]
    ratios = sorted(b / a for a, b in pairs)
    quartiles = statistics.quantiles(ratios, n=4)
    return {
        "ratio": statistics.median(ratios),
        "quartile_1": quartiles[0],
        "quartile_3": quartiles[2],
        "plain_ms": 1e3 * statistics.median(a for a, _ in pairs),
        "remedy_ms": 1e3 * statistics.median(b for _, b in pairs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="cases whose names hold this")
    parser.add_argument("--json", type=Path, help="write the results there, too")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    about = {
        "commit": commit,
        "torch": torch.__version__.split("+")[0],
        "threads": arguments.threads,
        "machine": f"{platform.system()} {platform.machine()}",
        "blocks": arguments.blocks,
        "data": "ring8, B = 256 unless the case says otherwise",
    }
    print(", ".join(f"{key} {value}" for key, value in about.items()) + "\n")
    print(f"{'case':41} {'ratio':>7}  {'quartiles':>13} {'plain':>10} {'remedy':>10}  a round")
    results: dict[str, Any] = {"about": about}
    for name, (batch, plain, remedy) in CASES.items():
        if arguments.only not in name:
            continue
        found = results[name] = compare(batch, plain, remedy, arguments.blocks)
        quartiles = f"{found['quartile_1']:.2f}–{found['quartile_3']:.2f}"
        print(
            f"{name:41} {found['ratio']:7.2f}  {quartiles:>13} {found['plain_ms']:8.2f}ms "
            f"{found['remedy_ms']:8.2f}ms",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
