"""What waiting threads cost, alone and beside other work: rounds under several bounds of spinning.

    python benchmarks/contention.py                        # about eight minutes on two idle cores
    python benchmarks/contention.py --recipes gan/points --busy 0 2 --blocks 5

A thread of OpenMP that has nothing to do spins for a while before it sleeps. On idle cores that
saves waking it; on busy ones it takes the time that the thread it waits for would need. Every
setting has a process of its own; they play blocks of rounds in turn, each alone for its block, so
that all meet the same machine. Rounds are those of the recipe, on two threads. ``load`` is the
machine's average load of the last minute, this benchmark included: an idle one shows about two.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from common import commit

from ganvas.api.environment import machine
from ganvas.process import cores

SETTINGS = {
    "as it comes": {},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    **{f"{n:,} turns": {"GOMP_SPINCOUNT": str(n)} for n in (1000, 3000, 10_000, 30_000)},
}
RECIPES = {
    "gan/points": ("data.source=grid25", "train.batch=512"),
    "dcgan/images": (
        *("data.source=digits", "train.batch=64"),
        *("game.generator.width=16", "game.discriminator.width=16"),
    ),
}
BUSY = "while True: pass"


def worker(recipe: str, threads: int) -> None:
    """Play as many rounds as a line of standard input asks for, and print the seconds."""
    import torch

    from ganvas.data.feed import Feed
    from ganvas.data.open import open_data
    from ganvas.play import Noise, Turns, build
    from ganvas.process import keep_memory
    from ganvas.recipes import load_recipe

    torch.set_num_threads(threads)
    keep_memory()
    loaded = load_recipe(recipe, list(RECIPES[recipe]))
    source, device = open_data(loaded.data), torch.device("cpu")
    feed = Feed(source, batch=loaded.train.batch, seed=0, device=device)
    game = build(loaded.game_type, loaded.game_config, source.spec, 0).train()
    turns = Turns(game.players, Noise(0, device))
    turns.hold()
    (stage, *_) = game.stages()
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            stage.play(feed, turns)
            turns.round += 1
        turns.take_statistics()
        print(time.perf_counter() - began, flush=True)


def started(recipe: str, threads: int, settings: dict[str, str]) -> subprocess.Popen[str]:
    plain = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    words = [sys.executable, __file__, "--worker", recipe, "--threads", str(threads)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        words, env={**plain, "OMP_NUM_THREADS": str(threads), **settings}, **pipes
    )


def block(process: subprocess.Popen[str], rounds: int) -> float:
    """Return the milliseconds of a round."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{rounds}\n")
    process.stdin.flush()
    return 1e3 * float(process.stdout.readline()) / rounds


def measured(recipe: str, busy: int, threads: int, blocks: int) -> None:
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    others = [subprocess.Popen([sys.executable, "-c", BUSY], env=alone) for _ in range(busy)]
    players = {name: started(recipe, threads, env) for name, env in SETTINGS.items()}
    try:
        rounds = {name: max(2, round(1000 / block(p, 3))) for name, p in players.items()}
        times: dict[str, list[float]] = {name: [] for name in players}
        for number in range(blocks):
            for name in sorted(players, reverse=bool(number % 2)):
                times[name].append(block(players[name], min(rounds.values())))
    finally:
        for process in [*others, *players.values()]:
            process.kill()
    load, first = os.getloadavg()[0], times["as it comes"]
    for name, found in times.items():
        row = {
            "recipe": recipe,
            "busy": busy,
            "spinning": name,
            "load": round(load, 1),
            "ms": round(statistics.median(found), 2),
            "quartiles": [round(q, 2) for q in statistics.quantiles(found, n=4)[::2]],
            "as_it_comes_over_this": round(
                statistics.median([a / b for a, b in zip(first, found, strict=True)]), 3
            ),
        }
        print(json.dumps(row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--busy", nargs="+", type=int, default=[0, 2, 4])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--worker", choices=list(RECIPES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.threads)
        return
    print(json.dumps({"machine": machine(), "cores": cores(), "commit": commit()}), flush=True)
    for recipe in arguments.recipes:
        for busy in arguments.busy:
            measured(recipe, busy, arguments.threads, arguments.blocks)


if __name__ == "__main__":
    main()
