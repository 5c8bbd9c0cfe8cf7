"""What more devices are worth: a model of 1 to 256 of them, beside rounds with 1, 2 and 4 here.

A round with k devices is what one of them does alone with its share of the batch, plus exchanges:

    seconds(k) = share(k) + 2 (k − 1) · n · latency + 2 (k − 1)/k · bytes / bandwidth

The share is played, in one process that believes to be one of k: its rows of the batch, the draws
for all of it, the flat copy of the gradients. The n exchanges of a round and their bytes are
counted. Latency and bandwidth are fitted to all-reduces between two processes here, or those of
another network. The batch stays, or grows with k. Processes of one machine share its memory and
maybe its cores: what is compared with rounds here takes the share of k processes that play theirs
at the same time, without exchanges.

    python benchmarks/scale.py [--recipe dcgan/digits] [--blocks 12] [--json FILE]
    python benchmarks/scale.py --blocks 0 --latency 30e-6 --bandwidth 1.25e9   # another network

Blocks with 1, 2 and 4 processes alternate, so that all meet the same machine.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist
from common import commit
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ganvas.api.environment import machine
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.nn import traffic
from ganvas.play import Noise, Ranks, Turns, build
from ganvas.play.abilities import CanSample
from ganvas.process import cores
from ganvas.recipes import load_recipe

COUNTS = (1, 2, 4)
DEVICES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SIZES = (4, 2**14, 2**18, 2**22)
"""Bytes of the all-reduces from which latency and bandwidth are found."""
BLOCK_SECONDS = 0.5
SAME, GROWN = "same batch", "batch × k"


def exchange_seconds(k: int, n: float, size: float, latency: float, bandwidth: float) -> float:
    """Return what n all-reduces of ``size`` bytes in all take between k devices in a ring."""
    return 2 * (k - 1) * n * latency + 2 * (k - 1) / k * size / bandwidth


def fitted(seconds: dict[int, float]) -> tuple[float, float]:
    """Return latency and bandwidth from the seconds of one all-reduce of each size, k = 2.

    A straight line, whose relative errors are least.
    """
    times = np.array([*seconds.values()])
    slope, begin = (float(c) for c in np.polyfit([*seconds], times, 1, w=1 / times))
    return max(begin / 2, 1e-7), 1 / max(slope, 1e-15)


# ---- processes ----------------------------------------------------------------------------------


class Player:
    """One process of ``world``, or alone if it only believes to be one."""

    def __init__(self, recipe: str, batch: int | None, ranks: Ranks) -> None:
        loaded = load_recipe(recipe)
        source = open_data(loaded.data)
        game = build(loaded.game_type, loaded.game_config, source.spec, 0).train()
        self.batch, self.ranks, self.game = batch or loaded.train.batch, ranks, game
        self.feed = Feed(
            source,
            batch=self.batch,
            seed=0,
            rank=ranks.rank,
            world=ranks.world,
            streams=game.streams(),
        )
        self.turns = Turns(game.players, Noise(0, ranks=ranks), ranks, game.accumulate)
        self.turns.hold()

    def play(self, rounds: int) -> dict[str, float]:
        """Play rounds; return what one took: seconds, of the processor too, and exchanges."""
        begun = time.perf_counter(), time.process_time()
        before = traffic.exchanges, traffic.bytes, traffic.seconds
        for _ in range(rounds):
            self.game.stages()[-1].play(self.feed, self.turns)
            self.turns.round += 1
        self.turns.take_statistics()
        return {
            "seconds": (time.perf_counter() - begun[0]) / rounds,
            "processor": (time.process_time() - begun[1]) / rounds,
            "exchanges": (traffic.exchanges - before[0]) / rounds,
            "bytes": (traffic.bytes - before[1]) / rounds,
            "waiting": (traffic.seconds - before[2]) / rounds,
        }

    def reduce(self, size: int, times: int) -> float:
        """Return the seconds of one all-reduce."""
        x = torch.zeros(size // 4)
        begun = time.perf_counter()
        for _ in range(times):
            dist.all_reduce(x)
        return (time.perf_counter() - begun) / times

    def backward(self, buckets: bool, times: int) -> float:
        """Return the seconds of the generator's pass with its gradients averaged at the end, or in
        buckets while it is going on.
        """
        net: nn.Module = self.game.generator  # pyright: ignore[reportAssignmentType]
        parameters = [p.requires_grad_() for p in net.parameters()]
        wrapped = DistributedDataParallel(net, bucket_cap_mb=1) if buckets else net
        game = cast(CanSample, self.game)
        z = game.prior(self.batch // self.ranks.world, self.turns.noise)
        begun = time.perf_counter()
        for _ in range(times):
            loss: Tensor = wrapped(z).mean()
            loss.backward()
            if not buckets:
                self.ranks.average_([p.grad for p in parameters if p.grad is not None])
            for p in parameters:
                p.grad = None
        seconds = (time.perf_counter() - begun) / times
        for p in parameters:
            p.requires_grad_(False)
        return seconds


def serve(
    pipe: Connection,
    folder: str,
    recipe: str,
    batch: int | None,
    rank: int,
    world: int,
    linked: bool,
) -> None:
    torch.set_num_threads(1)
    if world > 1 and linked:
        store = f"file://{folder}/{world}"
        dist.init_process_group("gloo", init_method=store, rank=rank, world_size=world)
    player = Player(recipe, batch, Ranks(rank, world))
    player.play(3)
    pipe.send(None)
    while (order := pipe.recv()) is not None:
        name, arguments = order
        pipe.send(getattr(player, name)(*arguments))


class World:
    """Processes that wait for orders and cost nothing meanwhile; a context manager.

    Without ``linked`` they do not exchange anything.
    """

    def __init__(
        self, folder: str, recipe: str, batch: int | None, count: int, *, linked: bool = True
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes: list[Connection] = []
        for rank in range(count):
            mine, theirs = context.Pipe()
            arguments = (theirs, folder, recipe, batch, rank, count, linked)
            context.Process(target=serve, args=arguments, daemon=True).start()
            self.pipes.append(mine)
        for pipe in self.pipes:
            pipe.recv()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self.pipes:
            pipe.send(None)

    def ask(self, name: str, *arguments: Any) -> Any:
        """Let all do the same; return the first one's answer."""
        for pipe in self.pipes:
            pipe.send((name, arguments))
        answers = [pipe.recv() for pipe in self.pipes]
        return answers[0]


def alternating(acts: dict[Any, Callable[[], Any]], blocks: int) -> dict[Any, list[Any]]:
    """Let acts take turns; return what each gave."""
    found: dict[Any, list[Any]] = {name: [] for name in acts}
    for _ in range(blocks):
        for name, act in acts.items():
            found[name].append(act())
    return found


def shares(recipe: str, batch: int | None, name: str) -> dict[Any, Callable[[], float]]:
    """Return what plays one device's part of some rounds, by number of devices."""
    base = batch or load_recipe(recipe).train.batch

    def act(k: int) -> Callable[[], float]:
        player = Player(recipe, base * k if name == GROWN else base, Ranks(0, k))
        player.play(1)
        rounds = max(1, round(BLOCK_SECONDS / 4 / player.play(2)["seconds"]))
        return lambda: player.play(rounds)["processor"]

    return {f"{name} {k}": act(k) for k in DEVICES if name == GROWN or base % k == 0}


# ---- what is told -------------------------------------------------------------------------------


def measured(recipe: str, batch: int | None, blocks: int) -> dict[Any, list[Any]]:
    """Play with 1, 2 and 4 processes and as one of many, in turn; return what it all took."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        worlds = {k: stack.enter_context(World(folder, recipe, batch, k)) for k in COUNTS}
        apart = {
            k: stack.enter_context(World(folder, recipe, batch, k, linked=False)) for k in COUNTS
        }
        rounds = {
            k: max(1, round(BLOCK_SECONDS / world.ask("play", 2)["seconds"]))
            for k, world in worlds.items()
        }
        two = worlds[2]
        acts: dict[Any, Callable[[], Any]] = {
            k: lambda k=k: worlds[k].ask("play", rounds[k]) for k in COUNTS
        }
        acts |= {
            f"apart {k}": lambda k=k: apart[k].ask("play", rounds[k])["seconds"] for k in COUNTS
        }
        acts |= {
            f"reduce {size}": lambda size=size: two.ask("reduce", size, 20 if size > 2**20 else 100)
            for size in SIZES
        }
        acts |= {
            name: lambda name=name: two.ask("backward", name == "buckets", 5)
            for name in ("at the end", "buckets")
        }
        acts |= shares(recipe, batch, SAME) | shares(recipe, batch, GROWN)
        return alternating(acts, blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", default="dcgan/digits")
    parser.add_argument(
        "--batch", type=int, help="of all processes together; default: the recipe's"
    )
    parser.add_argument("--blocks", type=int, default=12, help="0: only the model")
    parser.add_argument("--latency", type=float, help="seconds, of another network")
    parser.add_argument("--bandwidth", type=float, help="bytes a second, of another network")
    parser.add_argument("--json", type=Path, help="write the results there, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe, batch, blocks = arguments.recipe, arguments.batch, arguments.blocks
    about = {
        "load": round(os.getloadavg()[0], 1),
        "commit": commit(),
        "machine": machine(),
        "cores": cores(),
        "recipe": recipe,
    }
    print(", ".join(f"{key} {value}" for key, value in about.items()), "\n")

    found = measured(recipe, batch, max(blocks, 3))
    rounds: dict[int, list[dict[str, float]]] = {k: found[k] for k in COUNTS}
    n, size = (rounds[2][0][name] for name in ("exchanges", "bytes"))
    latency, bandwidth = fitted({s: statistics.median(found[f"reduce {s}"]) for s in SIZES})
    print(f"a round: {n:.0f} exchanges, {size / 1e6:.2f} MB")
    print(f"all-reduce here: {latency * 1e6:.0f} µs and {bandwidth / 1e9:.2f} GB/s\n")
    fixed, grown = (
        {k: statistics.median(times) for k in DEVICES if (times := found.get(f"{name} {k}"))}
        for name in (SAME, GROWN)
    )

    apart = {k: statistics.median(found[f"apart {k}"]) for k in COUNTS}

    def here(k: int) -> float:
        return apart[k] + exchange_seconds(k, n, size, latency, bandwidth)

    results: dict[str, Any] = {
        "about": about,
        "exchanges": n,
        "bytes": size,
        "latency": latency,
        "bandwidth": bandwidth,
    }
    if blocks:
        print(f"{'processes':>9} {'ms a round':>10}  {'quartiles':>15} {'model':>8} {'ratio':>6}"
              f" {'apart':>8} {'share':>8} {'waiting':>8}")  # fmt: skip
        for k in COUNTS:
            times = [row["seconds"] for row in rounds[k]]
            middle, ratio = statistics.median(times), [here(k) / t for t in times]
            low, _, high = statistics.quantiles(times, n=4)
            waiting = statistics.median(row["waiting"] for row in rounds[k])
            others = {"apart": apart[k], "share": fixed[k], "waiting": waiting}
            results[f"processes {k}"] = {"seconds": middle, "model": here(k), **others}
            spread = f"{low * 1e3:.1f}–{high * 1e3:.1f}"
            print(
                f"{k:9} {middle * 1e3:10.1f}  {spread:>15} {here(k) * 1e3:8.1f} "
                f"{statistics.median(ratio):6.2f} {apart[k] * 1e3:8.1f} "
                f"{fixed[k] * 1e3:8.1f} {waiting * 1e3:8.1f}"
            )
        gains = [a / b for a, b in zip(found["at the end"], found["buckets"], strict=True)]
        low, middle, high = statistics.quantiles(gains, n=4)
        results["buckets"] = {"ratio": middle, "quartile_1": low, "quartile_3": high}
        spread = f"{middle:.2f} ({low:.2f}–{high:.2f})"
        print(
            f"\nbuckets beside the backward pass are × {spread} as fast as one all-reduce after it"
        )

    latency, bandwidth = arguments.latency or latency, arguments.bandwidth or bandwidth
    print(f"\nmodel: a core each, {latency * 1e6:.0f} µs, {bandwidth / 1e9:.2f} GB/s\n")
    print(f"{'devices':>7}  {'same batch: ms':>14} {'exchange':>8} {'× as fast':>9}"
          f"  {'batch × k: ms':>13} {'exchange':>8} {'× images':>8}")  # fmt: skip
    results["model"] = []
    for k in DEVICES:
        wire = exchange_seconds(k, n, size, latency, bandwidth)
        row = {"devices": k, "exchange": wire, "grown": grown[k] + wire}
        left = " " * 34
        if k in fixed:
            row["fixed"] = fixed[k] + wire
            faster = fixed[1] / row["fixed"]
            left = f"{row['fixed'] * 1e3:16.2f} {wire / row['fixed']:8.0%} {faster:8.1f}"
        images = k * grown[1] / row["grown"]
        print(f"{k:7}{left}  {row['grown'] * 1e3:13.2f} {wire / row['grown']:8.0%} {images:8.1f}")
        results["model"].append(row)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
