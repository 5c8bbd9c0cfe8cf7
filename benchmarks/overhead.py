"""What the contract and the loop cost, against a plain loop of the same networks and rules.

The plain loop is written as if it were the product: fused optimisers, a foreach moving average,
the same data path, frozen discriminators in the generator's step, no logging. Blocks of rounds
alternate in one process, so that both meet the same machine. Run it on an idle one:

    python benchmarks/overhead.py [--blocks 20] [--threads 2]
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ganvas.bench.plain import PlainLoop
from ganvas.data.open import open_data
from ganvas.play import build
from ganvas.recipes import load_recipe
from ganvas.training.folder import RunFolder
from ganvas.training.launch import launch
from ganvas.training.loop import Loop


@dataclass
class Case:
    """One comparison: a recipe with overrides."""

    recipe: str
    overrides: list[str]
    rounds: int


CASES = {
    "ring8 MLP, B=512": Case("gan/ring8", ["train.batch=512"], 200),
    "DCGAN 32×32, B=64": Case(
        "dcgan/digits",
        ["data.size=32", "data.resize=pad", "train.batch=64", "train.average={half_life: 10}"],
        5,
    ),
    "WGAN-GP digits, B=50": Case("wgan-gp/digits", ["train.batch=50"], 3),
}
AS_IT_COMES = ["train.precision=fp32", "train.channels_last=false"]


def library_loop(case: Case, folder: Path) -> Loop:
    """Return the library's loop on a case, logging as it does by default."""
    recipe = load_recipe(
        case.recipe,
        [
            *case.overrides,
            *AS_IT_COMES,
            "train.rounds=1000000",
            "train.sample_every=0",
            "train.watch_every=0",
            "train.checkpoint_every=1000000",
        ],
    )
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, seed=0)
    run = RunFolder.create(folder, recipe.to_yaml())
    loop = Loop(game, source, recipe.train, run, launch(recipe.train))
    loop.game.train()
    loop.turns.hold()
    return loop


def seconds(play: Callable[[], object], rounds: int) -> float:
    """Return the time that a block of rounds takes."""
    start = time.perf_counter()
    for _ in range(rounds):
        play()
    return time.perf_counter() - start


def compare(case: Case, blocks: int, folder: Path) -> dict[str, float]:
    """Return the median ratio library / plain over alternating blocks, and its quartiles."""
    loop = library_loop(case, folder)
    plain = PlainLoop(copy.deepcopy(loop.game).requires_grad_(), loop.feed.source, loop.settings)

    def library() -> None:
        loop.play_round()
        loop.after_round()

    for play in (plain.play_round, library):  # warm up
        seconds(play, max(case.rounds // 4, 1))
    times: list[tuple[float, float]] = []
    for block in range(blocks):
        order = [plain.play_round, library] if block % 2 else [library, plain.play_round]
        taken = {play.__name__: seconds(play, case.rounds) for play in order}
        times.append((taken["library"], taken["play_round"]))
    ratios = sorted(mine / theirs for mine, theirs in times)
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "ratio": middle,
        "quartile_1": low,
        "quartile_3": high,
        "plain_ms": 1000 * statistics.median(t for _, t in times) / case.rounds,
        "library_ms": 1000 * statistics.median(t for t, _ in times) / case.rounds,
    }


HELP = [sys.executable, "-m", "ganvas", "--help"]
BARE = [
    sys.executable,
    "-c",
    "import typer, rich.table, rich.progress\n"
    "app = typer.Typer()\n"
    "@app.command()\ndef a(): ...\n@app.command()\ndef b(): ...\n"
    "app(['--help'], standalone_mode=False)",
]


def start_up(blocks: int) -> dict[str, float]:
    """Return the start-up of `ganvas --help` against typer + rich with two empty commands."""

    def once(command: list[str]) -> float:
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    pairs = [(once(HELP), once(BARE)) for _ in range(blocks)]
    low, middle, high = statistics.quantiles([a / b for a, b in pairs], n=4)
    return {
        "ratio": middle,
        "quartile_1": low,
        "quartile_3": high,
        "plain_ms": 1000 * statistics.median(b for _, b in pairs),
        "library_ms": 1000 * statistics.median(a for a, _ in pairs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the results there, too")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        f"torch {torch.__version__.split('+')[0]}, {arguments.threads} threads, "
        f"{platform.machine()}, {arguments.blocks} alternating blocks\n"
    )
    print(f"{'case':24} {'ratio':>7}  {'quartiles':>15} {'plain':>10} {'ganvas':>10}  a round")
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, case) in enumerate(CASES.items()):
            results[name] = compare(case, arguments.blocks, Path(folder) / str(number))
            report(name, results[name])
    results["ganvas --help"] = start_up(arguments.blocks)
    report("ganvas --help", results["ganvas --help"])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


def report(name: str, found: dict[str, float]) -> None:
    quartiles = f"{found['quartile_1']:.3f}–{found['quartile_3']:.3f}"
    print(
        f"{name:24} {found['ratio']:7.3f}  {quartiles:>15} {found['plain_ms']:8.2f}ms "
        f"{found['library_ms']:8.2f}ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
