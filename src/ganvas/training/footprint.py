"""What a training will take of memory, from two rounds on a throw-away game.

At any moment of a round, what is alive is affine in the batch: weights, gradients and moments do
not depend on it, activations (of double backward passes, too) grow with it. Two rounds of different
batches tell both parts moment by moment; the peak of any other is the largest of their sums.
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

from ganvas.data.feed import MAIN, Feed
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.nn import arrange, frozen_in
from ganvas.play import Game, Noise, Ranks, Stage, Turns, networks_of
from ganvas.training.arithmetic import arithmetic_of
from ganvas.training.average import MovingAverage
from ganvas.training.settings import TrainSettings
from ganvas.training.skim import dense, work

Moments = npt.NDArray[np.float64]

SMALLEST = 2
"""Items of the smallest batch that is tried."""
LATE = 9973
"""The round that rounds pretend to be, past every warm-up: a prime, so that lazy losses are due in
it, and nothing that is done once in many rounds."""
OVER = 1.25
"""An estimate is no more than so many times what a process takes beyond what it has before,"""
UNDER = 2.5
"""and that no more than so many times the estimate: allocators leave gaps, more or less."""
IN_OWN_LAYOUT = (
    torch.ops.aten.convolution.default,
    torch.ops.aten.convolution_backward.default,
)
"""Operations that copy what goes in and out on processors (oneDNN's blocked layouts),"""
COPIES, COPIES_OF_CHANNELS_LAST = 3, 2
"""and how often: measured with DCGAN's, WGAN-GP's and SN-GAN's networks, forward and backward, with
AVX2 and AVX512. Some kernels take channels last as they are."""
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
        labour: work of a round's operations (see `ganvas.training.skim.work`) that does not depend
            on the batch, and that for each of its items.
        images: real items of the main stream in a round.
    """

    stage: str
    batch: int
    standing: int
    fixed: Moments = field(repr=False)
    each: Moments = field(repr=False)
    labour: tuple[float, float]
    images: float

    def work(self, batch: int | None = None) -> float:
        """Return the work of a round with a batch, by default the recipe's."""
        return self.labour[0] + self.labour[1] * (batch or self.batch)

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
    work: float
    images: int


def footprint(
    stage: Stage,
    game: Game,
    source: Source,
    settings: TrainSettings,
    device: torch.device,
    seed: int = 0,
    most: int = 0,
) -> Footprint:
    """Play two rounds of a stage of a game that is thrown away.

    Args:
        stage: of the game, from its middle.
        game: on the device.
        source: its data.
        settings: how it would be trained.
        device: where.
        seed: of data and noise.
        most: items up to which batches may be large; others are as small as can be.

    Raises:
        UsageError: not even the whole batch can be played.
    """
    own = {**game.streams(), **stage.streams}.get(MAIN)
    whole = settings.batch if own is None or own.batch is None else own.batch
    alone = whole != settings.batch
    tried: list[_Try] = []
    for batch in [settings.batch] if alone else sizes(whole, most):
        try:
            play = begun(stage, game, source, settings, device, seed, batch)
            tried.append(_tried(play, game, device, whole if alone else batch))
        except UsageError:  # packs, parts and groups ask for multiples
            if batch == settings.batch:
                raise
        if len(tried) == 2:
            break
    return _reckoned(stage, tried, whole, _standing(game, settings))


def sizes(batch: int, most: int) -> list[int]:
    """Return batches to be tried in turn: its divisors suit packs and parts.

    Those of up to ``most`` items come first, the largest of them at the head.
    """
    small = {n for n in range(SMALLEST, math.isqrt(batch) + 1) if batch % n == 0}
    doubled = {SMALLEST << i for i in range(batch.bit_length()) if SMALLEST << i < batch}
    few = {SMALLEST, SMALLEST + 1} if batch > SMALLEST + 1 else set[int]()
    every = {*few, *small, *(batch // n for n in small), *doubled, batch}
    return sorted(every, key=lambda n: (n > most, -n if n <= most else n))


def _reckoned(stage: Stage, tried: Sequence[_Try], whole: int, standing: int) -> Footprint:
    """Return what the whole batch takes, from two others, or from itself alone."""
    more = max(tried, key=lambda one: one.batch)
    less = min(tried, key=lambda one: one.batch)
    if less is more:
        less = _Try(0, 0 * more.alive, 0.0, 0)
    if len(less.alive) != len(more.alive):  # what was done depends on chance: peaks alone
        less, more = _peak_alone(less), _peak_alone(more)
    items = more.batch - less.batch
    each, effort = (more.alive - less.alive) / items, (more.work - less.work) / items
    return Footprint(
        stage.name,
        whole,
        standing,
        more.alive - each * more.batch,
        each,
        (more.work - effort * more.batch, effort),
        more.images * whole / more.batch,
    )


def _peak_alone(one: _Try) -> _Try:
    return replace(one, alive=one.alive.max(keepdims=True))


def begun(
    stage: Stage,
    game: Game,
    source: Source,
    settings: TrainSettings,
    device: torch.device,
    seed: int,
    batch: int,
) -> Callable[[], int]:
    """Begin a stage from its middle, with a batch in place of the recipe's.

    It is played in the precision and layout of the settings.

    Returns:
        What plays one round, and gives the items of the main stream that it took.
    """
    arrange(networks_of(game), arithmetic_of(settings))
    feed = Feed(source, batch=batch, seed=seed, device=device)
    turns = Turns(game.players, Noise(seed, device), accumulate=game.accumulate)
    turns.hold()
    stage.begin(game, feed, turns)
    feed.next()  # a stream's first block is drawn now: rounds of all sizes do the same
    for player in game.players.values():  # moments are there before the first round
        player.step(0.0, 1.0, Ranks(), None)
        player.clear()
    turns.progress = 0.5
    turns.round = LATE * math.lcm(*(player.lazy or 1 for player in game.players.values()))

    def play() -> int:
        before = feed.seen
        stage.play(feed, turns)
        turns.take_statistics()  # waits for the device
        turns.round += 1
        return feed.seen - before

    return play


def _tried(play: Callable[[], int], game: Game, device: torch.device, batch: int) -> _Try:
    """Play a round, and weigh it."""
    on_card = device.type == "cuda"  # the allocator knows, of all that its libraries take, too
    if on_card:
        torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device) if on_card else 0
    with Tally(_tensors(game)) as tally:
        images = play()
    course = [torch.cuda.max_memory_allocated(device) - before] if on_card else tally.course
    return _Try(batch, np.array(course, np.float64), tally.work, images)


def _tensors(game: Game) -> list[Tensor]:
    """Return what stays between rounds: weights, buffers, moments."""
    moments = [
        value
        for player in game.players.values()
        for state in cast(Mapping[Any, dict[str, Any]], player.optimiser.state).values()
        for value in state.values()
        if isinstance(value, Tensor)
    ]
    frozen = [
        tensor for one in frozen_in(game).values() for tensor in one.network.state_dict().values()
    ]
    return [*game.parameters(), *game.buffers(), *frozen, *moments]


def _standing(game: Game, settings: TrainSettings) -> int:
    """Return the bytes that stay between rounds: weights, buffers, moments, averages."""
    averages = MovingAverage.of(game, settings.average).values
    return sum(tensor.nbytes for tensor in [*_tensors(game), *averages])


class OutOfTime(Exception):
    """A round takes longer than one would wait for it."""


class Tally(TorchDispatchMode):
    """Counts the bytes of tensors made within it, as long as they live, and what is done.

    Args:
        known: tensors that were there before.
        until: the time (`time.perf_counter`) from which on nothing more is done.

    Attributes:
        live: bytes now.
        course: bytes after each operation so far.
        work: of all operations so far (see `ganvas.training.skim.work`).

    Raises:
        OutOfTime: by the first operation after ``until``.
    """

    def __init__(self, known: Sequence[Tensor] = (), until: float = math.inf) -> None:
        super().__init__()
        self.live = 0
        self.course: list[int] = []
        self.work = 0.0
        self._until = until
        self._known = [tensor.untyped_storage() for tensor in dense(known)]
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
        if time.perf_counter() > self._until:
            raise OutOfTime
        given = kwargs or {}
        made = func(*args, **given)
        if func.is_view:
            self.course.append(self.live)
            return made
        for tensor in dense(made):
            self._count(tensor.untyped_storage())
        self.course.append(self.live + self._copied(func, args, made))
        self.work += work(func, args, given, made)
        return made

    def _copied(self, func: Any, args: Sequence[Any], made: Any) -> int:
        """Return the bytes that an operation takes for itself, to work in a layout of its own."""
        if func not in IN_OWN_LAYOUT:
            return 0
        taken = dense(args)
        copies = COPIES_OF_CHANNELS_LAST if any(map(_is_channels_last, taken)) else COPIES
        return copies * sum(tensor.nbytes for tensor in [*taken, *dense(made)])

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._alive:
            return

        def gone(_: object) -> None:
            self.live -= size
            self._alive.pop(key, None)

        self._alive[key] = weakref.ref(storage, gone)
        self.live += size


def _is_channels_last(tensor: Tensor) -> bool:
    """Whether an image, or a filter, is laid out so, and not the other way as well."""
    last = tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return last and not tensor.is_contiguous()


def resident() -> int:
    """Return the bytes that this process holds in memory now, as far as the system tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        import resource

        return pages * resource.getpagesize()
    except (OSError, ValueError, ImportError):
        return 0
