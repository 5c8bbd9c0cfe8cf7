"""What a training will take of memory and time, from rounds with few items on a throw-away game.

At any moment of a round, what is alive is affine in the batch: weights, gradients and moments do
not depend on it, activations (of double backward passes, too) grow with it. Two rounds of small
batches tell both parts moment by moment; the peak of a large one is the largest of their sums. The
whole batch is played only if that is a matter of seconds.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganvas.data.feed import MAIN, Feed
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.play import Game, Noise, Stage, Turns
from ganvas.training.average import MovingAverage
from ganvas.training.loop import length_of
from ganvas.training.settings import TrainSettings

Moments = npt.NDArray[np.float64]

PATIENCE = 2.0
"""Seconds of rounds per stage: beyond, larger batches are reckoned from smaller ones."""
QUICK = 0.1
"""Seconds of a round below which it is timed without being weighed."""
AT_LEAST = 0.5
"""Seconds for which rounds of the whole batch are timed."""
SMALLEST = 2
"""Items of the smallest batch that is tried."""
MIDDLE = 10_000
"""The round that rounds pretend to be, past every warm-up, where no length is known."""
OVER = 1.25
"""An estimate is no more than so many times what a process takes beyond what it has before,"""
UNDER = 2.5
"""and that no more than so many times the estimate: allocators leave gaps, more or less."""
IN_OWN_LAYOUT = (
    torch.ops.aten.convolution.default,
    torch.ops.aten.convolution_backward.default,
)
"""Operations that copy what goes in and out on processors (oneDNN's blocked layouts),"""
COPIES = 3
"""and how often: measured with DCGAN's and WGAN-GP's networks, forward and backward."""
LIBRARIES = 24 * 2**20
"""Bytes that libraries load and keep once they compute, measured likewise."""


@dataclass(frozen=True)
class Footprint:
    """What one stage takes.

    Attributes:
        stage: its name.
        batch: items of the main stream in a round's batch, of all processes.
        standing: bytes that stay between rounds: weights, moments, averages.
        fixed, each: of every moment of a round, the bytes beyond these that do not depend on the
            batch, and those for each of its items.
        seconds: of a round.
        images: real items of the main stream in a round.
        whole: whether the whole batch was played, and nothing is reckoned.
    """

    stage: str
    batch: int
    standing: int
    fixed: Moments = field(repr=False)
    each: Moments = field(repr=False)
    seconds: float
    images: float
    whole: bool

    def memory(self, batch: int | None = None) -> float:
        """Return the bytes that a batch needs, by default the recipe's."""
        playing = float((self.fixed + self.each * (batch or self.batch)).max())
        return LIBRARIES + self.standing + playing

    def fitting(self, room: float) -> int:
        """Return the largest power of two as batch that needs no more than so many bytes, or 0."""
        batch = 2 ** max(self.batch.bit_length() - 1, 0)
        while batch and self.memory(batch) > room:
            batch //= 2
        return batch


@dataclass(frozen=True)
class _Try:
    """A round of so many items, with the bytes alive after each of its operations."""

    batch: int
    alive: Moments
    seconds: float
    images: int


def footprint(
    stage: Stage,
    game: Game,
    source: Source,
    settings: TrainSettings,
    device: torch.device,
    seed: int = 0,
    patience: float = PATIENCE,
) -> Footprint:
    """Play a stage of a game that is thrown away, from its middle, with more and more items.

    Raises:
        UsageError: not even the whole batch can be played.
    """
    own = {**game.streams(), **stage.streams}.get(MAIN)
    whole = settings.batch if own is None or own.batch is None else own.batch
    tried: list[_Try] = []
    spent = 0.0
    for batch in _sizes(settings.batch) if whole == settings.batch else [None]:
        if len(tried) > 1 and batch and batch < min(2 * tried[-1].batch, whole):
            continue
        play = _round(stage, game, source, settings, device, seed, batch)
        try:
            if not tried:
                play()  # builds optimisers, warms up
            least = AT_LEAST if batch in (None, whole) else 0.0
            tried.append(_tried(play, game, device, batch or whole, least))
        except UsageError:  # packs, parts and groups ask for multiples
            if batch in (None, settings.batch):
                raise
            continue
        spent += tried[-1].seconds
        if spent + 4 * tried[-1].seconds > patience and len(tried) > 1:
            break
    return _reckoned(stage, tried, whole, _standing(game, settings))


def _sizes(batch: int) -> list[int]:
    """Return batches to be tried in turn, up to the whole: its divisors suit packs and parts."""
    small = {n for n in range(SMALLEST, math.isqrt(batch) + 1) if batch % n == 0}
    doubled = {SMALLEST << i for i in range(batch.bit_length()) if SMALLEST << i < batch}
    few = {SMALLEST, SMALLEST + 1} if batch > SMALLEST + 1 else set[int]()
    return sorted({*few, *small, *(batch // n for n in small), *doubled, batch})


def _reckoned(stage: Stage, tried: Sequence[_Try], whole: int, standing: int) -> Footprint:
    """Return what the whole batch takes, from the two largest that were tried."""
    last = tried[-1]
    before = tried[-2] if len(tried) > 1 else _Try(0, 0 * last.alive, 0.0, 0)
    more = last.batch - before.batch
    if len(before.alive) != len(last.alive):  # what was done depends on chance: peaks alone
        before, last = _peak_alone(before), _peak_alone(last)
    each = (last.alive - before.alive) / more
    pace = max(last.seconds - before.seconds, 0.0) / more
    return Footprint(
        stage.name,
        whole,
        standing,
        last.alive - each * last.batch,
        each,
        last.seconds + pace * (whole - last.batch),
        last.images * whole / last.batch,
        last.batch == whole,
    )


def _peak_alone(one: _Try) -> _Try:
    return replace(one, alive=one.alive.max(keepdims=True))


def _round(
    stage: Stage,
    game: Game,
    source: Source,
    settings: TrainSettings,
    device: torch.device,
    seed: int,
    batch: int | None,
) -> Callable[[], int]:
    """Return what plays one round, and gives the items of the main stream that it took."""
    feed = Feed(source, batch=batch or settings.batch, seed=seed, device=device)
    turns = Turns(game.players, Noise(seed, device), accumulate=game.accumulate)
    turns.hold()
    stage.begin(game, feed, turns)
    feed.next()  # a stream's first block is drawn now: rounds of all sizes do the same
    turns.progress = 0.5
    turns.round = (length_of(stage, settings)[0] or 2 * MIDDLE) // 2
    lazy = math.lcm(*(player.lazy or 1 for player in game.players.values()))
    turns.round -= turns.round % lazy  # a round in which everything is due

    def play() -> int:
        before = feed.seen
        stage.play(feed, turns)
        turns.take_statistics()  # waits for the device
        return feed.seen - before

    return play


def _tried(
    play: Callable[[], int], game: Game, device: torch.device, batch: int, least: float
) -> _Try:
    """Play a round that is weighed, and others that are timed where rounds are quick."""
    began = time.perf_counter()
    alive, images = _weighed(play, game, device)
    seconds = time.perf_counter() - began
    if seconds > QUICK and not least:  # weighing takes little beside it
        return _Try(batch, alive, seconds, images)
    timed, rounds = 0.0, 0
    while not rounds or timed < least:
        began = time.perf_counter()
        play()
        timed += time.perf_counter() - began
        rounds += 1
    return _Try(batch, alive, timed / rounds, images)


def _weighed(play: Callable[[], int], game: Game, device: torch.device) -> tuple[Moments, int]:
    """Return the bytes beyond what stays that are alive after each operation, and the images."""
    if device.type == "cuda":  # the allocator knows, of all that its libraries take, too
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        images = play()
        peak = torch.cuda.max_memory_allocated(device) - before
        return np.array([peak], np.float64), images
    with Tally(_tensors(game)) as tally:
        images = play()
    return np.array(tally.course, np.float64), images


def _tensors(game: Game) -> list[Tensor]:
    """Return what stays between rounds: weights, buffers, moments."""
    moments = [
        value
        for player in game.players.values()
        for state in cast(Mapping[Any, dict[str, Any]], player.optimiser.state).values()
        for value in state.values()
        if isinstance(value, Tensor)
    ]
    return [*game.parameters(), *game.buffers(), *moments]


def _standing(game: Game, settings: TrainSettings) -> int:
    """Return the bytes that stay between rounds: weights, buffers, moments, averages."""
    averages = MovingAverage.of(game, settings.average).values
    return sum(tensor.nbytes for tensor in [*_tensors(game), *averages])


class Tally(TorchDispatchMode):
    """Counts the bytes of tensors made within it, as long as they live.

    Args:
        known: tensors that were there before.

    Attributes:
        live: bytes now.
        course: bytes after each operation so far.
    """

    def __init__(self, known: Sequence[Tensor] = ()) -> None:
        super().__init__()
        self.live = 0
        self.course: list[int] = []
        self._known = [tensor.untyped_storage() for tensor in known]
        self._alive: dict[int, Any] = {id(storage): None for storage in self._known}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from loading its compiler, for a second or two, only to leave this out."""
        return False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one operation, and count what it made."""
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and tensor.layout is torch.strided:
                self._count(tensor.untyped_storage())
        self.course.append(self.live + self._copied(func, args, made))
        return made

    def _copied(self, func: Any, args: Sequence[Any], made: Any) -> int:
        """Return the bytes that an operation takes for itself, to work in a layout of its own."""
        if func not in IN_OWN_LAYOUT:
            return 0
        leaves = cast(list[object], tree_leaves((args, made)))
        return COPIES * sum(tensor.nbytes for tensor in leaves if isinstance(tensor, Tensor))

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._alive:
            return

        def gone(_: object) -> None:
            self.live -= size
            self._alive.pop(key, None)

        self._alive[key] = weakref.ref(storage, gone)
        self.live += size


def resident() -> int:
    """Return the bytes that this process holds in memory now, as far as the system tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        import resource

        return pages * resource.getpagesize()
    except (OSError, ValueError, ImportError):
        return 0
