"""Trainings that take turns, each in a process of its own, waiting while others play."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from ganvas.bench.children import deaf
from ganvas.bench.rates import Clock, Rates
from ganvas.errors import GanvasError

if TYPE_CHECKING:
    import torch

    from ganvas.training.loop import Loop

CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
"""What time is taken by: the clock on the wall, or that of all threads of the process."""
ENDLESS = (
    *("train.rounds=1000000000", "train.kimg=null", "train.stop_on=null", "train.devices=1"),
    *("train.sample_every=0", "train.watch_every=0", "train.checkpoint_every=1000000000"),
    *("train.tensorboard=false", "evaluate.at_end=false"),
)


@dataclass(frozen=True)
class Task:
    """What is played in a worker.

    Attributes:
        recipe: its name.
        words: changes to it.
        data: in place of the recipe's, if given.
        game: a game of one's own.
        plain: play the loop that is written by hand, in place of the library's.
        threads: for each operation; None leaves them as they come.
        clock: one of `CLOCKS`.
    """

    recipe: str
    words: tuple[str, ...]
    data: Path | None = None
    game: str | None = None
    plain: bool = False
    threads: int | None = None
    clock: str = "wall"

    @property
    def compiles(self) -> bool:
        """Whether networks are compiled in it."""
        return not self.plain and "train.compile=true" in self.words


class Readiness(NamedTuple):
    """What is known of a worker before its first lap.

    Attributes:
        cycle: rounds after which all that is done in some of them only has been done.
        seconds: of a round, in the mean over a cycle, as all that follows.
        products: its sums and products.
        images: its real items.
        precision, channels_last: in which it computes.
        threads: for each operation.
        compiling: seconds that networks were compiled for.
        chosen: what ``auto`` chose, and why, in a line; "" if there was nothing to choose.
    """

    cycle: int
    seconds: float
    products: float
    images: float
    precision: str
    channels_last: bool
    threads: int
    compiling: float
    chosen: str


class Lap(NamedTuple):
    """A block of rounds.

    Attributes:
        seconds: of a round.
        system: seconds of these that were spent in the system, of all threads' time.
        busy: all threads' time.
        rates: what the machine multiplied a second right after it.
        memory: bytes that the process has held at most so far, beyond program and data.
    """

    seconds: float
    system: float
    busy: float
    rates: Rates
    memory: int


class PlaysRounds(Protocol):
    """What plays rounds."""

    def play_round(self) -> None:
        """Play one."""
        ...


class Worker:
    """A process that plays rounds when it is told to; a context manager.

    Raises:
        GanvasError: it cannot play, or its process died.
    """

    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work_alone, args=(theirs, task), daemon=True)
        with deaf():
            self._process.start()
        theirs.close()
        self.task = task

    def ready(self) -> Readiness:
        """Wait until it has warmed up."""
        return cast(Readiness, self._answer())

    def play(self, rounds: int) -> Lap:
        """Let it play so many rounds."""
        self._pipe.send(rounds)
        return cast(Lap, self._answer())

    def _answer(self) -> object:
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise GanvasError(f"the process that played {self.task.recipe} died") from None
        if isinstance(answer, GanvasError):
            raise answer
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        with suppress(OSError):
            self._pipe.send(0)
        if failure is None:
            self._process.join(timeout=10)
        self._process.terminate()


def _work_alone(pipe: Connection, task: Task) -> None:
    """Do `work` in a process that, ended from outside, tidies up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    work(pipe, task)


def work(pipe: Connection, task: Task) -> None:
    """Play blocks of rounds for who is at the other end of a pipe."""
    import tempfile

    try:
        with tempfile.TemporaryDirectory() as folder:
            _serve(pipe, task, Path(folder))
    except GanvasError as error:
        pipe.send(error)
    except (EOFError, KeyboardInterrupt):  # nobody is there any more
        return


def _serve(pipe: Connection, task: Task, folder: Path) -> None:
    import torch

    from ganvas.bench.rates import products, rates, wait
    from ganvas.training.compiling import stopwatch

    clock = CLOCKS[task.clock]
    if task.threads is not None:
        torch.set_num_threads(task.threads)
    player, facts, device, seen, before = _begun(task, folder)

    def block(rounds: int) -> float:
        start = clock()
        for _ in range(rounds):
            player.play_round()
        wait(device)
        return clock() - start

    block(1)  # optimisers are built, libraries warm up
    start, cycle = seen(), facts.cycle
    with torch.compiler.set_stance("force_eager") if task.compiles else nullcontext():
        count, images = products(lambda: block(cycle)) / cycle, (seen() - start) / cycle
    once = block(cycle) / cycle
    spent = stopwatch().seconds if task.compiles else 0.0
    pipe.send(facts._replace(seconds=once, products=count, images=images, compiling=spent))
    dtype = torch.bfloat16 if facts.precision == "bf16" else torch.float32
    while rounds := pipe.recv():
        user, system = _times()
        taken = block(rounds)
        user, system = (now - then for now, then in zip(_times(), (user, system), strict=True))
        memory = max(0, _peak() - before)
        pipe.send(Lap(taken / rounds, system, user + system, rates(dtype, device, clock), memory))


def _begun(
    task: Task, folder: Path
) -> tuple[PlaysRounds, Readiness, torch.device, Callable[[], int], int]:
    """Return a player with what is known of it, its device, the items seen, and bytes before."""
    import torch

    from ganvas.api.arithmetic import settled
    from ganvas.api.memory import device_of
    from ganvas.bench.plain import PlainLoop
    from ganvas.data.open import open_data
    from ganvas.play import build
    from ganvas.recipes import load_recipe
    from ganvas.training.folder import RunFolder
    from ganvas.training.footprint import resident
    from ganvas.training.launch import launch
    from ganvas.training.loop import Loop

    threads = () if task.threads is None else (f"train.threads={task.threads}",)
    words = [*task.words, *ENDLESS, *threads]
    recipe = load_recipe(task.recipe, words, task.data, task.game)
    source = open_data(recipe.data)
    launched = None if task.plain else launch(recipe.train)
    before = resident()
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed)
    recipe, notes = settled(recipe, game)
    train, device = recipe.train, device_of(recipe)
    facts = Readiness(
        cycle=math.lcm(*(player.lazy or 1 for player in game.players.values())),
        seconds=0.0,
        products=0.0,
        images=0.0,
        precision=train.precision,
        channels_last=train.channels_last is True,
        threads=torch.get_num_threads(),
        compiling=0.0,
        chosen=" ".join(notes),
    )
    if launched is None:
        plain = PlainLoop(game.to(device).train(), source, train)
        return plain, facts, device, lambda: plain.data.seen, before
    run = RunFolder.create(folder / "run", recipe.to_yaml())
    loop = Loop(game, source, train, run, launched, recipe.seed)
    loop.game.train()
    loop.turns.hold()
    return _Whole(loop), facts, device, lambda: loop.feed.seen, before


class _Whole:
    """A loop's rounds with all that a run does after each of them."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def play_round(self) -> None:
        self._loop.play_round()
        self._loop.after_round()


def _times() -> tuple[float, float]:
    """Return the seconds that this process has spent for itself, and in the system."""
    spent = os.times()
    return spent.user, spent.system


def _peak() -> int:
    """Return the bytes that this process has held at most, 0 where nothing tells."""
    try:
        for line in Path("/proc/self/status").read_text("utf-8", "replace").splitlines():
            if line.startswith("VmHWM"):
                return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0
