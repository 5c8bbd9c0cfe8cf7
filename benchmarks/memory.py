"""memoryGAN's memory by itself: does it find clusters, and what does it cost?

    python benchmarks/memory.py --part alone                # seconds
    python benchmarks/memory.py --part overhead [--blocks 10] [--threads 2]
    python benchmarks/memory.py --part slots                # cost against the number of slots

"alone" feeds fixed queries, 10 clusters of real and 10 of fake ones on a sphere in 32 dimensions,
to a memory of 512 slots. A good memory has its keys at the clusters' centres and gives every
cluster its share; the collapsing variant has all weight on one cluster and refills for ever.

"overhead" plays memoryGAN's CIFAR-10 networks on noise, with the memory and with a plain linear
head in its place, in alternating blocks of one process. "slots" times a memory by itself.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.nn import Memory

# ---- does it find clusters ----------------------------------------------------------------------

CLUSTERS, DIM, SLOTS, NEIGHBOURS, BATCH = 10, 32, 512, 32, 64
SPREAD = 0.95
"""Length of the noise that is added to a centre, before the sum is scaled to length 1."""

VARIANTS: dict[str, dict[str, Any]] = {
    "default: winner, +1": {},
    "winner, +γ (Eq. 5)": {"increment": "posterior"},
    "sum, +γ": {"merge": "sum", "increment": "posterior"},
    "sum, +γ, κ = 10": {"merge": "sum", "increment": "posterior", "kappa": 10.0},
    "sum, +1": {"merge": "sum"},
    "– EM (Kaiser)": {"rule": "kaiser"},
}


class Found(NamedTuple):
    """What a memory made of the clusters.

    Attributes:
        cosine: of keys with the nearest centre of their kind, weighted by the histogram.
        least, most: smallest and largest share of a cluster in the weight of its kind.
        refilled: slots a step, over the last hundred steps.
        real, fake: mean p(y=1|q) of fresh queries with the memory's own k.
        real_8, fake_8: the same with k = 8, about as many slots as a cluster has.
    """

    cosine: float
    least: float
    most: float
    refilled: float
    real: float
    fake: float
    real_8: float
    fake_8: float


def alone(seed: int, steps: int = 300, **settings: Any) -> Found:
    """Feed a memory with clusters of fixed queries."""
    generator = torch.Generator().manual_seed(seed)
    centres = F.normalize(torch.randn(2 * CLUSTERS, DIM, generator=generator), dim=1)
    memory = Memory(SLOTS, DIM, neighbours=NEIGHBOURS, **settings)

    def draw(first: int) -> Tensor:
        which = first + torch.randint(CLUSTERS, (BATCH,), generator=generator)
        noise = torch.randn(BATCH, DIM, generator=generator) * SPREAD / DIM**0.5
        return F.normalize(centres[which] + noise, dim=1)

    refilled = [int(memory.update(draw(0), draw(CLUSTERS)).refilled) for _ in range(steps)]
    weight = memory.histogram * memory.populated
    kind = torch.arange(2 * CLUSTERS) < CLUSTERS
    other = (memory.values[:, None] > 0) != kind
    cosine, nearest = (memory.keys @ centres.T).masked_fill(other, -1.0).max(1)
    mass = torch.zeros(2 * CLUSTERS).index_add(0, nearest, weight).view(2, CLUSTERS)
    share = mass / mass.sum(1, keepdim=True)
    real, fake = draw(0), draw(CLUSTERS)
    verdicts: list[float] = []
    for k in (NEIGHBOURS, 8):
        memory.neighbours = k
        verdicts += [float(memory.probability(q).mean()) for q in (real, fake)]
    return Found(
        float((weight * cosine).sum() / weight.sum()),
        float(share.min()),
        float(share.max()),
        statistics.mean(refilled[-100:]),
        *verdicts,
    )


def report_alone(seeds: int) -> list[dict[str, Any]]:
    print("variant | seed | cos | share of a cluster | refilled a step | D real, fake | at k = 8")
    rows: list[dict[str, Any]] = []
    for name, settings in VARIANTS.items():
        for seed in range(seeds):
            f = alone(seed, **settings)
            rows.append({"variant": name, "seed": seed, **f._asdict()})
            print(
                f"{name} | {seed} | {f.cosine:.3f} | {f.least:.3f} to {f.most:.3f} | "
                f"{f.refilled:.2f} | {f.real:.2f}, {f.fake:.2f} | {f.real_8:.2f}, {f.fake_8:.2f}"
            )
    return rows


# ---- what does it cost --------------------------------------------------------------------------

CIFAR = {"slots": 16_384, "dim": 512, "neighbours": 256}
SIZES = [2**power for power in range(10, 19, 2)]
B = 64


def timed(play: Callable[[], object], times: int, device: torch.device) -> float:
    """Return the seconds of one call: of the processor if it is one, so that others count less."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    synchronise(device)
    started = clock()
    for _ in range(times):
        play()
    synchronise(device)
    return (clock() - started) / times


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def player(memory: dict[str, Any] | None, device: torch.device) -> Callable[[], object]:
    """Return a round of memoryGAN's CIFAR-10 recipe on one batch of noise, with or without."""
    from ganvas.data.domains.images import Images
    from ganvas.data.spec import spec_of
    from ganvas.games import find_game
    from ganvas.play import Noise, Turns, build
    from ganvas.recipes import load_recipe

    kind = find_game("memorygan")
    settings = load_recipe("memorygan/cifar10").game_config.model_dump()
    spec = spec_of("noise", Images(channels=3, height=32, width=32))
    config = kind.Config.model_validate(settings | {"memory": memory, "mcgn": memory is not None})
    game: Any = build(kind, config, spec, 0).to(device).train()
    turns = Turns(game.players, Noise(0, device))
    turns.hold()
    feed: Any = SameBatch(torch.rand(B, 3, 32, 32, device=device) * 2 - 1)

    def play() -> None:
        game.round(feed, turns)
        turns.round += 1
        turns.statistics = {}

    play()
    return play


class SameBatch:
    """Serves one batch for ever, so that data cost nothing."""

    def __init__(self, x: Tensor) -> None:
        from ganvas.data.batch import Batch

        self.batch = Batch(x)

    def next(self) -> Any:
        return self.batch


def report_overhead(blocks: int, rounds: int, device: torch.device) -> list[dict[str, Any]]:
    plain = player(None, device)
    remembering = player({**CIFAR, "dim": None}, device)
    pairs = [
        (timed(plain, rounds, device), timed(remembering, rounds, device)) for _ in range(blocks)
    ]
    ratios = [b / a for a, b in pairs]
    quartiles = statistics.quantiles(ratios, n=4)
    row = {
        "ratio": statistics.median(ratios),
        "quartile_1": quartiles[0],
        "quartile_3": quartiles[2],
        "plain_ms": 1e3 * statistics.median(a for a, _ in pairs),
        "memory_ms": 1e3 * statistics.median(b for _, b in pairs),
    }
    print(
        f"a round without a memory {row['plain_ms']:.1f} ms, with it {row['memory_ms']:.1f} ms, "
        f"ratio {row['ratio']:.3f} (quartiles {row['quartile_1']:.3f} to {row['quartile_3']:.3f})"
    )
    return [row]


def report_slots(repeats: int, device: torch.device) -> list[dict[str, Any]]:
    print("slots | read and slope, ms | update, ms | read by CUDA graph, ms | update by graph, ms")
    rows: list[dict[str, Any]] = []
    for slots in SIZES:
        memory = Memory(slots, CIFAR["dim"], neighbours=CIFAR["neighbours"]).to(device)
        memory.keys.copy_(F.normalize(torch.randn_like(memory.keys), dim=1))
        memory.values.copy_(torch.arange(slots) % 2)
        memory.histogram.fill_(1.0)
        real, fake = (
            F.normalize(torch.randn(B, CIFAR["dim"], device=device), dim=1) for _ in range(2)
        )
        real.requires_grad_()

        def read(memory: Memory = memory, q: Tensor = real) -> None:
            torch.autograd.grad(memory.logit(q).sum(), q)

        def update(memory: Memory = memory, real: Tensor = real, fake: Tensor = fake) -> None:
            memory.update(real, fake)

        calls = [read, update]
        if device.type == "cuda":
            calls += [graphed(read), graphed(update)]
        times = [
            1e3 * statistics.median(timed(call, 1, device) for _ in range(repeats))
            for call in calls
        ]
        rows.append({"slots": slots, "ms": times})
        print(" | ".join([str(slots), *(f"{ms:.2f}" for ms in times)]), flush=True)
    return rows


NAMES = ("read, with its slope", "update", "read, CUDA graph", "update, CUDA graph")


def draw_slots(rows: list[dict[str, Any]]) -> str:
    """Return the times of `report_slots` as a figure."""
    from ganvas.report.figures import Line, Panel, figure

    slots = [row["slots"] for row in rows]
    marks = [
        Line(slots, milliseconds, name, colour, dots=True)
        for colour, (name, milliseconds) in enumerate(
            zip(NAMES, zip(*(row["ms"] for row in rows), strict=True), strict=False)
        )
    ]
    panel = Panel("64 queries, or 64 and 64", marks, "slots", "ms", log_x=True, log_y=True)
    return figure("What a memory of 512 numbers a slot costs", [panel])


def graphed(call: Callable[[], None]) -> Callable[[], None]:
    """Return the same work, recorded as a CUDA graph and replayed."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=["alone", "overhead", "slots"], default="alone")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1, help="rounds in a block")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--figure", type=Path, help="draw the cost of slots there, as .svg")
    parser.add_argument("--json", type=Path, help="write the results there, too")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    about = {
        "part": arguments.part,
        "torch": torch.__version__.split("+")[0],
        "threads": arguments.threads,
        "machine": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
    }
    print(", ".join(f"{key} {value}" for key, value in about.items()) + "\n")
    match arguments.part:
        case "alone":
            rows = report_alone(arguments.seeds)
        case "overhead":
            rows = report_overhead(arguments.blocks, arguments.rounds, device)
        case _:
            rows = report_slots(arguments.blocks, device)
            if arguments.figure:
                arguments.figure.write_text(draw_slots(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps({"about": about, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
