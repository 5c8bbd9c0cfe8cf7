"""What others see of a run is the averaged generator: looks, pictures, the saved model."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn

from ganvas.data.open import open_data
from ganvas.diagnosis.watch import Watch
from ganvas.model import load
from ganvas.nn import BatchNorm
from ganvas.play import Game, Noise, build
from ganvas.recipes import load_recipe
from ganvas.training.average import MovingAverage
from ganvas.training.folder import RunFolder
from ganvas.training.hooks import Pictures, make_hooks
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.settings import Average

RECIPE = load_recipe(
    "gan/ring8",
    (
        "game.generator={kind: mlp, widths: [8]}",
        "game.discriminator={kind: mlp, widths: [8]}",
        "game.generator_optimiser.lr=0.05",  # so that the last iterate is far from the average
        "train.average={half_life: 0.032, ramp_up: 0}",
        "train.rounds=12",
        "train.batch=8",
        "seed=5",
        "train.log_every=6",
        "train.watch_every=6",
        "train.sample_every=6",
        "train.checkpoint_every=6",
    ),
)


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """Return the loop of a finished run."""
    source = open_data(RECIPE.data)
    game = build(RECIPE.game_type, RECIPE.game_config, source.spec, RECIPE.seed)
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "run", RECIPE.to_yaml())
    made = Loop(game, source, RECIPE.train, folder, launch(RECIPE.train), RECIPE.seed)
    made.hooks = make_hooks(folder, game, source, RECIPE.train, RECIPE.seed, quiet=True)
    assert made.run() == "finished"
    return made


@pytest.fixture(scope="module")
def games(loop: Loop) -> tuple[Game, Game]:
    """Return the last iterate, and a copy with the average in the generator, written by hand."""
    live = deepcopy(loop.game).eval()
    averaged = deepcopy(live)
    generator = averaged.get_submodule("generator")
    with torch.no_grad():
        for weight, value in zip(generator.parameters(), loop.average.values, strict=True):
            weight.copy_(value)
    return live, averaged


def points(game: Game) -> torch.Tensor:
    with torch.no_grad():
        return game.sample(game.prior(500, Noise(3)))  # pyright: ignore


def test_the_average_is_not_the_last_iterate(games: tuple[Game, Game]) -> None:
    live, averaged = map(points, games)
    assert (live - averaged).square().mean().sqrt() > 0.05


def test_looks_are_at_the_average(loop: Loop, games: tuple[Game, Game]) -> None:
    row = next(row for row in loop.folder.rows() if row["round"] == 12)
    found, other = (Watch(loop.feed.source, RECIPE.seed, list, {}).look(g) for g in games[::-1])
    assert {name: row[name] for name in found} == found
    assert found["coverage/diversity"] != pytest.approx(other["coverage/diversity"], rel=1e-3)
    assert found["discriminator/auc"] != pytest.approx(other["discriminator/auc"], rel=1e-3)


def test_pictures_are_of_the_average(loop: Loop, games: tuple[Game, Game], tmp_path: Path) -> None:
    shown = (loop.folder.samples / "000000012.png").read_bytes()
    live, averaged = (tmp_path / f"{number}.png" for number in (1, 2))
    for game, path in zip(games, (live, averaged), strict=True):
        Pictures(RECIPE.seed)(game, path)
    assert shown == averaged.read_bytes()
    assert shown != live.read_bytes()
    assert not Pictures(0).samples(games[1]).equal(Pictures(5).samples(games[1]))


def test_the_saved_model_is_the_average(loop: Loop, games: tuple[Game, Game]) -> None:
    live, averaged = (game.get_submodule("generator").state_dict() for game in games)
    saved = load(loop.folder.path, device="cpu").game.get_submodule("generator").state_dict()
    assert all(value.equal(averaged[name]) for name, value in saved.items())
    assert not any(value.equal(live[name]) for name, value in saved.items() if "weight" in name)


def test_the_checkpoint_has_both(loop: Loop, games: tuple[Game, Game]) -> None:
    state, problems = loop.folder.load_checkpoint()
    assert state is not None
    assert problems == []
    assert all(value.equal(state["game"][n]) for n, value in games[0].state_dict().items())
    values = zip(loop.average.values, state["average"]["values"], strict=True)
    assert all(a.equal(b) for a, b in values)


def test_half_lives_follow_their_schedule() -> None:
    half_life = {"start": 0.1, "end": 0.3, "shape": "linear"}
    average = MovingAverage([nn.Linear(2, 1)], Average.model_validate({"half_life": half_life}))
    assert average.decay(100, 10**9, 0.0) == pytest.approx(1 / 2)
    assert average.decay(100, 10**9, 0.5) == pytest.approx(2 ** (-1 / 2))
    assert average.decay(100, 10**9, 1.0) == pytest.approx(2 ** (-1 / 3))


def test_statistics_of_batches_are_averaged_as_weights_are() -> None:
    norm = BatchNorm(3)
    average = MovingAverage([norm], Average(half_life=0.1, ramp_up=0))
    means, variances = torch.zeros(3), torch.ones(3)
    for _ in range(4):
        norm(torch.randn(8, 3) * 2 + 5)
        average.update(100, 10**9, 0.0)
        means, variances = (means + norm.running_mean) / 2, (variances + norm.running_var) / 2
    with average.applied():
        torch.testing.assert_close(norm.running_mean, means)
        torch.testing.assert_close(norm.running_var, variances)
    assert not norm.running_mean.allclose(means)


def test_an_average_moves_by_the_images_that_a_round_saw(tmp_path: Path) -> None:
    """Three batches of 8 a round are a whole half-life: the average is half-way afterwards."""
    recipe = load_recipe(
        "gan/ring8",
        (
            "game.generator={kind: mlp, widths: [8]}",
            "game.discriminator={kind: mlp, widths: [8]}",
            "game.discriminator_steps=3",
            "train.average={half_life: 0.024, ramp_up: 0}",
            "train.batch=8",
        ),
    )
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, 0)
    loop = Loop(game, source, recipe.train, RunFolder(tmp_path), launch(recipe.train))
    loop.turns.hold()
    before = [value.clone() for value in loop.average.values]
    loop.play_round()
    live = game.get_submodule("generator").parameters()
    for old, new, value in zip(before, live, loop.average.values, strict=True):
        torch.testing.assert_close(value, (old + new) / 2)
