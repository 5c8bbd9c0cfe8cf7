"""The conformance suite: what every game must keep, whoever wrote it.

Each check takes a `Case`, the game with its smallest networks, and raises AssertionError with a
sentence when the game breaks the contract. See CONTRIBUTING for the walk-through.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor

from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.source import Source
from ganvas.networks.conditions import Given
from ganvas.play import Game, Noise, Ranks, Turn, Turns, build, has
from ganvas.play.abilities import CanSample, CanSampleParts, CanScore
from ganvas.training.folder import RunFolder
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.settings import Average, TrainSettings

State = dict[str, Tensor]
Tensors = list[Tensor]


@dataclass(frozen=True)
class Case:
    """A game to be checked.

    Attributes:
        game, config: the game and settings that make its smallest networks.
        source: a function that opens its data, importable by name.
        batch: global batch, even.
        rounds: rounds that each check plays.
        tolerance: largest difference allowed between one process and two, in double precision.
    """

    game: type[Game]
    config: Settings
    source: Callable[[], Source]
    batch: int = 8
    rounds: int = 4
    tolerance: float = 1e-7

    def build(self, seed: int = 0) -> Game:
        """Build the game for this case's data."""
        return build(self.game, self.config, self.source().spec, seed)


class _DoubleFeed(Feed):
    """The same data in double precision."""

    def next(self, stream: str = "main", n: int | None = None) -> Batch:
        batch = super().next(stream, n)
        return batch.replace(**{batch.main: batch.x.double()})


def table(
    case: Case, ranks: Ranks | None = None, seed: int = 0, double: bool = False
) -> tuple[Game, Feed, Turns]:
    """Return a fresh game with the data and the table it plays with."""
    ranks = ranks or Ranks()
    game = case.build(seed)
    feed = (_DoubleFeed if double else Feed)(
        case.source(),
        batch=case.batch,
        seed=seed,
        device="cpu",
        rank=ranks.rank,
        world=ranks.world,
        streams=game.streams(),
    )
    turns = Turns(game.players, Noise(seed, "cpu", ranks), ranks, game.accumulate)
    turns.hold()
    return (game.double() if double else game).train(), feed, turns


@contextmanager
def _double_draws() -> Generator[None]:
    """Draw noise in double precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def final_state(case: Case, ranks: Ranks | None = None, double: bool = True) -> State:
    """Return all weights and buffers after the case's rounds."""
    game, feed, turns = table(case, ranks, double=double)
    with _double_draws() if double else nullcontext():
        play(game, feed, turns, case.rounds)
    return {name: tensor.detach().clone() for name, tensor in game.state_dict().items()}


def play(game: Game, feed: Feed, turns: Turns, rounds: int) -> None:
    """Play up to ``rounds`` rounds of each of the game's stages, without a loop around them."""
    for stage in game.stages():
        stage.begin(game, feed, turns)
        for number in range(min(rounds, stage.rounds or rounds)):
            turns.round, turns.progress = number, number / rounds
            stage.play(feed, turns)


# ---- checks -------------------------------------------------------------------------------------


def check_shapes(case: Case) -> None:
    """Samples and scores have the shapes that the data prescribe, for one sample and several."""
    game = case.build().eval()
    with torch.no_grad():
        for n in (1, 5):
            y = _given(case, game, n)
            if has(game, CanSample):
                x = game.sample(game.prior(n, Noise(0)), y)
                assert x.shape == (n, *game.spec.shape), f"sample gave {tuple(x.shape)}"
                if has(game, CanSampleParts):
                    made = game.sample_parts(game.prior(n, Noise(0)), y)
                    known = {game.spec.main: game.spec.domain, **game.parts}
                    assert made.main == game.spec.main
                    assert made.fields.keys() <= known.keys(), f"parts: {[*made]}"
                    assert torch.equal(made.x, x), "sample_parts gave other samples than sample"
                    for name, part in made.fields.items():
                        given = tuple(part.shape)
                        assert given == (n, *known[name].shape), f"sample_parts gave {name} {given}"
                if has(game, CanScore) and "score" not in game.reads:
                    score = game.score(x, y)
                    assert score.shape == (n,), f"score gave {tuple(score.shape)}"


def _given(case: Case, game: Game, n: int) -> Given:
    """Return conditions of n samples: all classes in turn, or what the data have."""
    if game.conditions and not game.conditions.classes:
        return game.conditions.of(Feed(case.source(), batch=n, seed=0).next())
    return torch.arange(n) % game.spec.classes if game.spec.classes else None


class _Watched(Turns):
    """A table that checks, on leaving each turn, that only what was named has changed."""

    def open(self, turn: Turn) -> None:
        self._before = self._snapshot()
        super().open(turn)

    def close(self, turn: Turn, step: bool) -> None:
        super().close(turn, step)
        named = {seat.name for seat in turn.seats}
        skipped = any(seat.veto is not None for seat in turn.seats)
        for name, (weights, moments, buffers) in self._snapshot().items():
            weights_before, moments_before, buffers_before = self._before[name]
            shared = any(_overlap(self.players[name], self.players[n]) for n in named)
            if name not in named and not shared:
                assert _same(weights, weights_before), f"{named} moved the weights of {name}"
                assert _same(moments, moments_before), f"{named} moved the optimiser of {name}"
            elif name in named and not skipped:
                assert not _same(weights, weights_before), f"a turn of {name} moved nothing"
            if name not in turn.tracks and not shared:
                assert _same(buffers, buffers_before), f"{named} changed the buffers of {name}"

    def _snapshot(self) -> dict[str, tuple[Tensors, Tensors, Tensors]]:
        taken: dict[str, tuple[Tensors, Tensors, Tensors]] = {}
        for name, player in self.players.items():
            states = cast(Iterable[dict[str, Any]], player.optimiser.state.values())
            moments = [v for state in states for v in state.values() if isinstance(v, Tensor)]
            buffers = [b for network in player.networks for b in network.buffers()]
            taken[name] = (_copies(player.parameters), _copies(moments), _copies(buffers))
        return taken


def check_turns(case: Case) -> None:
    """A turn changes parameters and optimiser state of its players only, buffers as declared."""
    game, feed, _ = table(case)
    turns = _Watched(game.players, Noise(0))
    turns.hold()
    play(game, feed, turns, case.rounds)
    assert turns.steps, "the game has no players"
    assert all(turns.steps.values()), f"some player never stepped: {turns.steps}"


def check_determinism(case: Case) -> None:
    """The same seed gives the same weights bit for bit; another seed gives others."""

    def weights(seed: int) -> State:
        game, feed, turns = table(case, seed=seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            play(game, feed, turns, case.rounds)
        return game.state_dict()

    first, again, other = weights(0), weights(0), weights(1)
    assert same_state(first, again), "two runs with one seed differ"
    assert not same_state(first, other), "the seed makes no difference"


def check_resume(case: Case, folder: Path) -> None:
    """N rounds, a stop and N more equal 2N at once, bit for bit, averages and log included."""

    def loop(name: str, stop: int | None, resume: bool = False) -> tuple[Loop, str]:
        path = folder / name
        run = RunFolder.open(path) if resume else RunFolder.create(path, "")
        settings = TrainSettings(
            rounds=2 * case.rounds,
            batch=case.batch,
            stop_at=stop,
            checkpoint_every=3,
            log_every=2,
            average=Average(half_life=0.02),
        )
        made = Loop(case.build(), case.source(), settings, run, launch(settings))
        if resume:
            made.resume()
        return made, made.run()

    whole, outcome = loop("whole", None)
    assert outcome == "finished", outcome
    stop = whole.rounds // 2
    part, outcome = loop("parts", stop)
    assert (outcome, part.rounds) == ("stopped", stop)
    rest, outcome = loop("parts", None, resume=True)
    assert (outcome, rest.rounds) == ("finished", whole.rounds)
    for name in ("game", "turns", "average", "feed"):
        assert same_tree(whole.state_dict()[name], rest.state_dict()[name]), f"{name} differs"
    assert log_of(whole.folder) == log_of(rest.folder), "the logs differ"


def check_two_processes(case: Case, pair: Pair, double: bool = True) -> None:
    """Two processes with half the batch each reach the weights of one with all of it.

    In double precision, because a direction that the loss does not depend on (a bias before a
    batch norm) has a gradient of rounding errors, which Adam scales up to whole steps.
    """
    if case.game.one_process:
        assert len(case.game.one_process) > 10, "one_process must say why"
        return
    alone = final_state(case, double=double)
    for rank, state in enumerate(pair.play(case, double)):
        worst, name = max(
            (float((state[k].double() - v.double()).abs().max()), k) for k, v in alone.items()
        )
        assert worst <= case.tolerance, f"process {rank} differs by {worst:.2e} in {name}"


# ---- two processes ------------------------------------------------------------------------------


class Pair:
    """Two processes joined by gloo, kept for as many games as you like; a context manager.

    Where there is a fork server all pairs come from one, which has imported this module once.
    """

    def __init__(self) -> None:
        known = multiprocessing.get_all_start_methods()
        method = "forkserver" if "forkserver" in known else "spawn"
        context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload([__name__, "torch._dynamo"])
        self._folder = tempfile.TemporaryDirectory()
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        for rank in range(2):
            mine, theirs = context.Pipe()
            store = f"file://{self._folder.name}/store"
            process = context.Process(target=_serve, args=(theirs, rank, store), daemon=True)
            process.start()
            self._pipes.append(mine)
            self._processes.append(process)

    def play(self, case: Case, double: bool = True) -> list[State]:
        """Play the case with half the batch on each process; return both final states."""
        for pipe in self._pipes:
            pipe.send((case, double))
        answers = [pipe.recv() for pipe in self._pipes]
        for answer in answers:
            if isinstance(answer, str):
                raise AssertionError(answer)
        return answers

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(timeout=10)
        self._folder.cleanup()


def _serve(pipe: Connection, rank: int, store: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    while (order := pipe.recv()) is not None:
        case, double = order
        try:
            pipe.send(final_state(case, Ranks(rank, 2), double))
        except Exception as error:
            pipe.send(f"process {rank}: {type(error).__name__}: {error}")
    dist.destroy_process_group()


# ---- comparing ----------------------------------------------------------------------------------


def same_state(a: State, b: State) -> bool:
    """Whether two state dicts are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def with_rounds(case: Case, rounds: int) -> Case:
    """Return the case with another number of rounds."""
    return replace(case, rounds=rounds)


def _copies(tensors: Iterable[Tensor]) -> Tensors:
    return [tensor.detach().clone() for tensor in tensors]


def _same(a: Tensors, b: Tensors) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def same_tree(a: Any, b: Any) -> bool:
    """Whether two nested states are equal bit for bit."""
    match a:
        case Tensor():
            return torch.equal(a, b)
        case dict():
            mine = cast(dict[Any, Any], a)
            return mine.keys() == b.keys() and all(same_tree(mine[k], b[k]) for k in mine)
        case list() | tuple():
            pairs = zip(cast(Sequence[Any], a), b, strict=True)
            return all(same_tree(x, y) for x, y in pairs)
        case _:
            return bool(a == b)


def _overlap(a: Any, b: Any) -> bool:
    mine = {id(p) for p in a.parameters}
    return any(id(p) in mine for p in b.parameters)


def log_of(folder: RunFolder) -> list[dict[str, Any]]:
    """Return a run's log less what depends on the machine's speed, and on resuming."""
    timed = {"time", "img_per_s", "exchange_s"}
    rows = [row for row in folder.rows() if row.get("event") not in ("resume", "warning")]
    return [{k: v for k, v in row.items() if k not in timed} for row in rows]
