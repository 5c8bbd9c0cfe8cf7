"""What a training is said to take, against closed forms and against what processes take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import ganvas
from ganvas.api.memory import complaint, footprints, needed
from ganvas.data.open import open_data
from ganvas.errors import UsageError
from ganvas.play import build
from ganvas.recipes import Recipe, load_recipe
from ganvas.training.footprint import OVER, UNDER, Footprint, Tally

CHILD = """
import sys, torch
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.play import Noise, Turns, build
from ganvas.recipes import load_recipe

recipe = load_recipe(sys.argv[1], sys.argv[2:])
source = open_data(recipe.data)
open("/proc/self/clear_refs", "w").write("5")  # the peak is from here on
most = lambda: int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
net = torch.nn.Linear(8, 8)
net(torch.randn(8, 8)).sum().backward()
torch.optim.AdamW(net.parameters(), fused=True).step()
before = most()
game = build(recipe.game_type, recipe.game_config, source.spec, 0).train()
feed = Feed(source, batch=recipe.train.batch, seed=0)
turns = Turns(game.players, Noise(0), accumulate=game.accumulate)
for _ in range(2):
    game.round(feed, turns)
    turns.round += 1
print(most() - before)
"""


def estimate(recipe: Recipe, patience: float = 0.0) -> list[Footprint]:
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, 0)
    return footprints(recipe, game, source, torch.device("cpu"), patience)


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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is told in other units")
@pytest.mark.parametrize(
    "recipe",
    [
        ("gan/ring8", "train.batch=100000"),
        ("wgan-gp/ring8", "train.batch=8000", "game.discriminator_steps=1"),  # double backward
        ("gan/ring8", "train.batch=120000", "game.accumulate=10"),
        ("dcgan/digits", "train.batch=512"),
    ],
    ids=["mlp", "penalty", "parts", "convolutions"],
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
