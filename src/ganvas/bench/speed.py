"""How fast this machine trains: in single precision, as ``auto`` chooses, and by a plain loop."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, cast

from ganvas.bench.workers import Lap, Readiness, Task, Worker
from ganvas.errors import GanvasError

Row = dict[str, Any]
Say = Callable[[str], None]

LEAST = 5
"""Blocks of rounds that each way of playing has at least."""
BLOCK = 1.0
"""Seconds of a block; a cycle of rounds, if that is longer."""
PLAIN, FP32, AUTO, COMPILED = "plain", "fp32", "auto", "compiled"
WAYS: Mapping[str, tuple[str, ...]] = {
    PLAIN: ("train.precision=fp32", "train.channels_last=false"),
    FP32: ("train.precision=fp32", "train.channels_last=false"),
    AUTO: (),
    COMPILED: ("train.compile=true",),
}
"""How a recipe is played, with what that changes in it; the last where it is asked for."""


@dataclass(frozen=True)
class Case:
    """A recipe with changes, on noise of a shape (H, W, C) if one is given.

    What images show does not matter for speed.
    """

    recipe: str
    words: tuple[str, ...] = ()
    shape: tuple[int, int, int] | None = None


COLOURS = (32, 32, 3)
CASES = (
    Case("gan/ring8"),
    Case("dcgan/images", ("train.batch=64",), COLOURS),
    Case("r3gan/digits"),
    Case("sngan/digits"),
    Case("wgan-gp/images", ("train.batch=16",), COLOURS),
    Case("r3gan/cifar10", ("train.batch=8",), COLOURS),
    Case("sngan/cifar10", ("train.batch=4",), COLOURS),
)
"""What is measured unless recipes are named; some with smaller batches, so that it ends soon."""


@dataclass
class Measured:
    """All laps of one way of playing."""

    ready: Readiness
    laps: list[Lap] = field(default_factory=list[Lap])

    def middle(self, of: Callable[[Lap], float]) -> float:
        """Return the median over its laps."""
        return statistics.median(map(of, self.laps))


def measure(
    case: Case,
    *,
    data: Path | None = None,
    game: str | None = None,
    seconds: float = 60,
    threads: int | None = None,
    clock: str = "wall",
    compiled: bool = False,
    say: Say = lambda text: None,
) -> list[Row]:
    """Return a row for each way of playing a recipe; blocks of their rounds take turns.

    Args:
        case: the recipe.
        data: in place of the recipe's.
        game: a game of one's own.
        seconds: for which it is measured; `LEAST` blocks of each are played in any case.
        threads: for each operation; None leaves them as they come.
        clock: "wall", or "cpu" for one thread on a machine with other work.
        compiled: play it as ``auto`` chooses with compiled networks, too.
        say: told what cannot be measured.

    Raises:
        GanvasError: the recipe cannot be played.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if case.shape is not None and data is None:
            data = noise(Path(folder), case.shape)
        workers: dict[str, Worker] = {}
        found: dict[str, Measured] = {}
        refused = ""
        for way in WAYS if compiled else (PLAIN, FP32, AUTO):
            task = Task(
                case.recipe,
                (*case.words, *WAYS[way]),
                data,
                game,
                way == PLAIN,
                threads,
                clock,
            )
            worker = stack.enter_context(Worker(task))
            try:
                found[way] = Measured(worker.ready())
                workers[way] = worker
            except GanvasError as error:
                if way != PLAIN:
                    raise
                refused = f"{case.recipe}: {error}"
        if refused:  # of the plain loop alone: what no way can play is raised by the next one
            say(refused)
        ready = found[FP32].ready
        rounds = ready.cycle * max(1, round(BLOCK / max(ready.cycle * ready.seconds, 1e-9)))
        began = time.perf_counter()
        for block in count(1):
            for way in workers if block % 2 else reversed(workers):
                found[way].laps.append(workers[way].play(rounds))
            spent = time.perf_counter() - began
            if block >= LEAST and spent * (block + 1) / block > seconds:
                break
    return rows_of(case, found, rounds, clock)


def cases(words: Sequence[str]) -> list[Case]:
    """Return what is to be measured, of recipes and ``key=value`` changes to all of them.

    Raises:
        UsageError: there is no such recipe, or a change is none.
    """
    from ganvas.recipes.catalogue import locate
    from ganvas.recipes.overrides import parse_overrides

    changes = tuple(word for word in words if "=" in word)
    named = [word for word in words if "=" not in word]
    parse_overrides(changes)
    for name in named:
        locate(name)
    known = {case.recipe: case for case in CASES}
    chosen = [known.get(name, Case(name)) for name in named] or list(CASES)
    return [replace(case, words=(*case.words, *changes)) for case in chosen]


def noise(folder: Path, shape: tuple[int, int, int]) -> Path:
    """Write images of a shape (H, W, C) in ten classes, and return where."""
    import numpy as np

    images = np.random.default_rng(0).integers(0, 256, (512, *shape), dtype=np.uint8)
    path = folder / "noise.npz"
    np.savez(path, x=images, y=np.arange(len(images)) % 10)
    return path


def rows_of(case: Case, found: Mapping[str, Measured], rounds: int, clock: str) -> list[Row]:
    """Return a row for each way of playing a recipe, from its blocks of so many rounds."""
    from ganvas.bench.runner import where

    first = {"recipe": case.recipe, "changes": list(case.words)}
    last = {"rounds": rounds, "clock": clock, **where()}
    return [
        {
            **first,
            "way": way,
            **_numbers(one),
            **{f"over_{other}": _ratio(found, other, way) for other in (PLAIN, FP32)},
            **last,
            "threads": one.ready.threads,
        }
        for way, one in found.items()
    ]


def _numbers(one: Measured) -> Row:
    """Return what is told of one way of playing: medians over its blocks."""
    ready, seconds = one.ready, one.middle(lambda lap: lap.seconds)
    asked, busy = ready.products, sum(lap.busy for lap in one.laps)
    return {
        "precision": ready.precision,
        "channels_last": ready.channels_last,
        "chosen": ready.chosen,
        "compiling_s": ready.compiling,
        "round_ms": 1000 * seconds,
        "rounds_per_s": 1 / seconds,
        "images_per_s": ready.images / seconds,
        "gflop": asked / 1e9,
        "gflop_per_s_matrices": one.middle(lambda lap: lap.rates.matrices) / 1e9,
        "gflop_per_s_convolutions": one.middle(lambda lap: lap.rates.convolutions) / 1e9,
        "of_matrices": one.middle(lambda lap: asked / lap.seconds / lap.rates.matrices),
        "of_convolutions": one.middle(lambda lap: asked / lap.seconds / lap.rates.convolutions),
        "in_system": sum(lap.system for lap in one.laps) / max(busy, 1e-9),
        "memory_mib": one.laps[0].memory / 2**20,
        "blocks": len(one.laps),
    }


def _ratio(found: Mapping[str, Measured], other: str, way: str) -> list[float] | None:
    """Return how many times as fast one is as another: lower quartile, median, upper quartile.

    Neighbouring blocks are compared, which met the same machine.
    """
    if other not in found or other == way:
        return None
    pairs = zip(found[other].laps, found[way].laps, strict=True)
    return statistics.quantiles([theirs.seconds / mine.seconds for theirs, mine in pairs], n=4)


def in_words(rows: Sequence[Row]) -> str:
    """Return what ``auto`` chose for a recipe and what it gave."""
    auto = next(row for row in rows if row["way"] == AUTO)
    low, middle, high = cast(list[float], auto["over_fp32"])
    chosen = auto["chosen"] or "nothing was left to choose"
    told = (
        f"{auto['recipe']}: {chosen}; {middle:.2f} times as fast as fp32 (quartiles {low:.2f} to "
        f"{high:.2f})"
    )
    return "; ".join([told, *(_compiled(auto, row) for row in rows if row["way"] == COMPILED)])


def _compiled(auto: Row, row: Row) -> str:
    """Return what compiling costs, and when it has paid."""
    seconds, won = row["compiling_s"], (auto["round_ms"] - row["round_ms"]) / 1000
    after = f"pays after {seconds / won:,.0f} rounds" if won > 0 else "never pays"
    ratio = auto["round_ms"] / row["round_ms"]
    return f"compiled in {seconds:.0f} s, rounds are {ratio:.2f} times as fast as auto's: {after}"


HEAD = (
    *("recipe", "way", "precision", "channels last", "round", "images/s"),
    *("of matrices", "of convolutions", "in system", "memory", "over plain", "over fp32"),
)


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as people read it, below `HEAD`."""
    return (
        " ".join([row["recipe"], *row["changes"]]),
        row["way"],
        row["precision"],
        "yes" if row["channels_last"] else "no",
        f"{row['round_ms']:,.4g} ms",
        f"{row['images_per_s']:,.4g}",
        f"{row['of_matrices']:.0%}",
        f"{row['of_convolutions']:.0%}",
        f"{row['in_system']:.1%}",
        f"{row['memory_mib']:,.0f} MiB",
        _shown(row["over_plain"]),
        _shown(row["over_fp32"]),
    )


def _shown(ratio: list[float] | None) -> str:
    if ratio is None:
        return "–"
    low, middle, high = ratio
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"
