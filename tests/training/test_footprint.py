"""What a training is said to take, against closed forms and against what processes take."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import ganvas
from ganvas.api.memory import complaint, footprints, needed
from ganvas.config import Settings
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.errors import UsageError
from ganvas.play import Adam, Game, Player, Turns, build
from ganvas.recipes import Recipe, load_recipe
from ganvas.training.footprint import OVER, UNDER, Footprint, Tally, footprint
from ganvas.training.pace import pace
from ganvas.training.skim import Skim, dense, work

CHILD = """
import sys, torch
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.nn import arrange
from ganvas.play import Noise, Turns, build, networks_of
from ganvas.recipes import load_recipe
from ganvas.training.arithmetic import arithmetic_of

recipe = load_recipe(sys.argv[1], sys.argv[2:])
source = open_data(recipe.data)
open("/proc/self/clear_refs", "w").write("5")  # the peak is from here on
most = lambda: int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
net = torch.nn.Linear(8, 8)
net(torch.randn(8, 8)).sum().backward()
torch.optim.AdamW(net.parameters(), fused=True).step()
before = most()
game = build(recipe.game_type, recipe.game_config, source.spec, 0).train()
arrange(networks_of(game), arithmetic_of(recipe.train))
feed = Feed(source, batch=recipe.train.batch, seed=0)
turns = Turns(game.players, Noise(0), accumulate=game.accumulate)
for _ in range(2):
    game.round(feed, turns)
    turns.round += 1
print(most() - before)
"""


CPU = torch.device("cpu")


def estimate(recipe: Recipe) -> list[Footprint]:
    return footprints(recipe, open_data(recipe.data), CPU)


def test_a_tally_counts_what_lives() -> None:
    """A chain of layers keeps each output (N, 64) for its backward pass, and frees all after it."""
    net = nn.Sequential(*[nn.Linear(64, 64, bias=False) for _ in range(5)])
    x = torch.randn(1000, 64)
    with Tally(list(net.parameters())) as tally:
        y = net(x)
        assert tally.live == 5 * y.nbytes
        y.sum().backward()
        held = sum(p.nbytes for p in net.parameters())
        assert 5 * y.nbytes <= max(tally.course) <= 8 * y.nbytes + held
        del y
        net.zero_grad()
        assert tally.live == 0
        with torch.no_grad():
            next(net.parameters()).mul_(2)  # what was there before is not counted
        assert tally.live == 0


class Done(TorchDispatchMode):
    """Counts the work of what is really done, with tensors that are more than forms."""

    work = 0.0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        given = dense(args, kwargs)
        if given and not any(tensor.is_meta for tensor in [*given, *dense(made)]):
            self.work += work(func, args, kwargs or {}, made)
        return made


def test_a_skimmed_operation_gives_its_form_and_does_nothing() -> None:
    big = torch.zeros(1000, 3000)
    x, w = torch.randn(128, 3, 48, 48), torch.randn(32, 3, 5, 5, requires_grad=True)
    before = w.detach().clone()
    with Done() as done, Skim(), Tally() as told:
        y = F.conv2d(x, w, stride=2).relu()
        y.transpose(1, 3).sum().backward()
        with torch.no_grad():
            same = big.add_(1.0)
    with Skim():
        chosen = x[:20].ge(0).nonzero()  # how many there are cannot be left out
    assert y.shape == (128, 32, 22, 22)
    assert w.grad is not None
    assert w.grad.shape == w.shape
    assert same is big
    assert not big.any()
    assert torch.equal(w, before)
    assert chosen.equal(x[:20].ge(0).nonzero())
    products = 2 * 128 * 32 * 22 * 22 * 3 * 5 * 5  # forward, and for the gradient of w
    assert told.work > 2 * products
    assert done.work < 0.2 * told.work


@pytest.mark.parametrize("name", ["dcgan/digits", "wgan-gp/digits", "sngan/digits", "diwgan/ring8"])
def test_skimmed_rounds_weigh_what_played_ones_do(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same batches, what is alive is the same after each operation."""
    monkeypatch.setattr("ganvas.training.skim.LITTLE", 1)
    monkeypatch.setattr("ganvas.training.skim.CHEAP", 0.0)
    recipe = load_recipe(name, ("train.batch=6", "game.discriminator_steps=1"))
    source = open_data(recipe.data)

    def weighed() -> Footprint:
        game = build(recipe.game_type, recipe.game_config, source.spec, 0).train()
        return footprint(game.stages()[-1], game, source, recipe.train, CPU)

    with Skim():
        skimmed = weighed()
    played = weighed()
    assert np.array_equal(skimmed.fixed, played.fixed)
    assert np.array_equal(skimmed.each, played.each)
    assert (skimmed.labour, skimmed.standing) == (played.labour, played.standing)


def test_hardly_anything_is_done_to_weigh_a_round() -> None:
    recipe = load_recipe("sngan/digits", ("train.batch=4096",))
    with Done() as done:
        (found,) = estimate(recipe)
    assert done.work < 0.02 * found.work()


class Alike(Game):
    """A round is so many equal operations."""

    system = "alike"

    def __init__(self) -> None:
        super().__init__(Settings(), open_data(load_recipe("gan/ring8").data).spec)
        self.net = nn.Linear(2, 2)
        self.players = {"one": Player(self.net, Adam())}

    def round(self, data: Feed, turn: Turns) -> None:
        x = torch.ones(8, 8)
        for _ in range(1000):
            x.neg()


def test_a_round_that_takes_too_long_is_reckoned_from_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a clock that ticks at every look at it, a round takes as long as it has operations."""
    recipe = load_recipe("gan/ring8")
    source, game = open_data(recipe.data), Alike()
    (stage,) = game.stages()
    taken = footprint(stage, game, source, recipe.train, CPU)
    clock = count()
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    found = pace(taken, stage, game, source, recipe.train, CPU, 0, patience=300)
    assert not found.whole
    assert found.seconds == pytest.approx(1000, rel=0.02)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is told in other units")
@pytest.mark.parametrize(
    "recipe",
    [
        ("gan/ring8", "train.batch=100000"),
        ("wgan-gp/ring8", "train.batch=8000", "game.discriminator_steps=1"),  # double backward
        ("gan/ring8", "train.batch=120000", "game.accumulate=10"),
        ("dcgan/digits", "train.batch=512"),
        ("dcgan/digits", "train.batch=512", "train.channels_last=true"),
    ],
    ids=["mlp", "penalty", "parts", "convolutions", "channels last"],
)
def test_estimates_are_within_a_factor_of_what_a_process_takes(recipe: tuple[str, ...]) -> None:
    name, *overrides = recipe
    child = subprocess.run(
        [sys.executable, "-c", CHILD, name, *overrides], capture_output=True, text=True, check=True
    )
    measured = 1024 * int(child.stdout)
    found = estimate(load_recipe(name, overrides))
    assert measured > 100 * 2**20  # far beyond what an allocator rounds
    assert measured / UNDER <= needed(found) <= OVER * measured


def test_what_does_not_fit_is_told_with_what_does() -> None:
    recipe = load_recipe("gan/ring8", ("train.batch=65536",))
    source, found = open_data(recipe.data), estimate(recipe)
    room = (found[0].memory(32768) + found[0].memory(65536)) / 2
    said = complaint(recipe, source, found, room)
    assert said.startswith("rounds of 65,536 items take about ")
    assert said.endswith(
        "it fits with game.accumulate=2 (the same batch, in parts) or train.batch=32768"
    )
    for setting in ("game.accumulate=2", "train.batch=32768"):
        assert needed(estimate(load_recipe("gan/ring8", ("train.batch=65536", setting)))) <= room
    # Latents are drawn for the whole batch: at some point parts do not help any more.
    assert complaint(recipe, source, found, found[0].memory(16384)).endswith(
        "it fits with train.batch=16384"
    )
    assert "the networks alone take" in complaint(recipe, source, found, found[0].memory(1) - 1)


def test_parts_are_not_proposed_to_a_game_that_takes_none() -> None:
    recipe = load_recipe("unrolled/ring8", ("train.batch=4096",))
    source, found = open_data(recipe.data), estimate(recipe)
    said = complaint(recipe, source, found, found[0].memory(2048))
    assert said.endswith("it fits with train.batch=2048")


def test_a_training_that_cannot_fit_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.api.memory.free_memory", lambda: 200 * 2**20)
    with pytest.raises(UsageError, match="MiB are free; it fits with"):
        ganvas.train("gan/ring8", tmp_path / "run", quiet=True, **{"train.batch": 200_000})
    assert not (tmp_path / "run").exists()
