"""Progressive GAN: the schedule, the fade, what a growth keeps, and where a model stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

import ganvas
from ganvas import testing
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.games.parts.growing import Growing, Level, faded
from ganvas.games.progressive import Progressive
from ganvas.nn import OvershootNoise, downsample_average, upsample_nearest
from ganvas.play import Noise, Turns, build
from ganvas.recipes import load_recipe
from ganvas.training.folder import RunFolder
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.settings import Average, TrainSettings
from tests.games.cases import GROWING, digits16

SHORT: dict[str, Any] = {"fade": 0.024, "rest": 0.016}
"""Three rounds of fading and two of rest, with batches of 8."""


def config(**settings: Any) -> Any:
    networks = {"generator": GROWING, "discriminator": GROWING}
    tiny = {**networks, "latent": {"kind": "normal", "dim": 4}, "growing": SHORT}
    return Progressive.Config.model_validate(tiny | settings)


def made(source: Source | None = None, **settings: Any) -> Progressive:
    game = build(Progressive, config(**settings), (source or digits16()).spec, 0)
    return cast(Progressive, game)


def table(game: Progressive) -> tuple[Feed, Turns]:
    feed, turns = Feed(digits16(), batch=8, seed=0), Turns(game.players, Noise(0))
    turns.hold()
    return feed, turns


# ---- the schedule -------------------------------------------------------------------------------


def test_the_papers_schedule() -> None:
    """800 thousand images for each half of a level, with the last rest 13,600 up to 1024²."""
    sizes = [(4 << level, 4 << level) for level in range(9)]
    phases = Growing().phases(sizes)
    assert [phase.name for phase in phases[:4]] == ["4x4", "8x8 fade-in", "8x8", "16x16 fade-in"]
    assert len(phases) == 17
    assert sum(phase.kimg or 800 for phase in phases) == 13_600
    assert phases[-1].kimg is None  # as long as the recipe says
    batches = {phase.size[0]: phase.batch for phase in phases}
    assert batches == {**dict.fromkeys((4, 8, 16, 32, 64, 128)), 256: 14, 512: 6, 1024: 3}
    recipe = load_recipe("progressive/images")
    assert recipe.game_config == Progressive.Config.model_validate({})
    assert recipe.train.batch == 16


def test_levels_are_told_from_a_height_on() -> None:
    told = {
        "fade": 1.0,
        "rest": 2.0,
        "levels": {"8": {"fade": 3.0, "rest": 0}, "16": {"batch": 5}},
    }
    growing = Growing.model_validate(told)
    assert growing.at(4) == Level(fade=1.0, rest=2.0)
    assert growing.at(15) == Level(fade=3.0, rest=0.0)
    assert growing.at(32) == Level(fade=3.0, rest=0.0, batch=5)
    phases = growing.phases([(4, 4), (8, 8), (16, 16)])
    assert [(p.name, p.kimg) for p in phases] == [
        ("4x4", 2.0), ("8x8 fade-in", 3.0), ("16x16 fade-in", 3.0), ("16x16", None)
    ]  # fmt: skip
    assert [s.restarts for s in made(growing=told).stages()] == [
        (), *[("generator", "discriminator")] * 2, ()
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"game.growing.levels.*: levels are named by the height"):
        load_recipe("progressive/digits", ["game.growing.levels.coarse.batch=4"])
    without = made(growing=told | {"restart": False})
    assert not any(stage.restarts for stage in without.stages())


# ---- a round ------------------------------------------------------------------------------------


def test_real_images_fade_in_with_the_layers() -> None:
    game, seen = made(), list[Tensor]()
    game.critic.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    feed, turns = table(game)
    phase = next(phase for phase in game.phases if phase.fades and phase.level == 1)
    turns.progress = 0.25
    x = game.at_level(Feed(digits16(), batch=8, seed=0).next().x, 1)
    game.play(phase, feed, turns)
    wanted = 0.75 * upsample_nearest(downsample_average(x)) + 0.25 * x
    assert seen[0].shape == (8, 1, 8, 8)
    assert seen[0].allclose(wanted, atol=1e-6)
    assert game.generator.growth.now == game.critic.growth.now == (1, 0.25)
    statistics = turns.take_statistics()
    assert statistics["growth/alpha"] == 0.25
    assert {"penalty/gradient", "estimate/wasserstein"} <= statistics.keys()


def test_ends_of_the_blend_of_real_images() -> None:
    x = torch.randn(2, 3, 8, 8)
    assert faded(x, 1.0) is x
    assert torch.equal(faded(x, 0.0), upsample_nearest(downsample_average(x)))
    assert downsample_average(faded(x, 0.5)).allclose(downsample_average(x), atol=1e-6)


def test_layers_of_later_levels_rest_as_they_were_drawn() -> None:
    game = made()
    fresh = {name: p.detach().clone() for name, p in game.named_parameters()}
    feed, turns = table(game)
    for _ in range(3):
        game.play(game.phases[0], feed, turns)
    moved = {name for name, p in game.named_parameters() if not torch.equal(p, fresh[name])}
    later = {n for n in fresh if ".blocks." in n or "_image.1" in n or "_image.2" in n}
    assert later
    assert not moved & later
    assert {n for n in fresh if n.endswith("weight.original")} - later <= moved


def test_noise_follows_the_scores_of_fakes() -> None:
    settings = {"objective": {"kind": "least_squares"}, "penalties": {"gradient": None}}
    game = made(**settings, discriminator=GROWING | {"noise": True, "deviation": 0})
    score = game.critic.head.score  # all scores are 0.4 before the first step
    torch.nn.init.constant_(score.bias, 0.4)
    torch.nn.init.zeros_(score.parametrizations.weight.original)
    feed, turns = table(game)
    game.play(game.phases[0], feed, turns)
    told = [layer.score for layer in game.critic.modules() if isinstance(layer, OvershootNoise)]
    assert len(told) == 6  # before each 3×3 convolution, and that of the coarsest level
    assert [score.item() for score in told] == pytest.approx([0.04] * 6)


# ---- whole runs ---------------------------------------------------------------------------------


def loop(
    folder: Path, stop: int | None = None, resume: bool = False, game: Progressive | None = None
) -> Loop:
    run = RunFolder.open(folder) if resume else RunFolder.create(folder, "")
    settings = TrainSettings(
        kimg=0.016, batch=8, stop_at=stop, checkpoint_every=100, log_every=1, watch_every=0,
        average=Average(half_life=0.02, ramp_up=0),
    )  # fmt: skip
    loop = Loop(game or made(), digits16(), settings, run, launch(settings))
    if resume:
        loop.resume()
    return loop


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    done = loop(tmp_path_factory.mktemp("whole") / "run")
    assert done.run() == "finished"
    return done


def test_alpha_is_the_share_of_images_shown(whole: Loop) -> None:
    rows = [row for row in whole.folder.rows() if "event" not in row]
    fade = [0.0, 1 / 3, 2 / 3]
    assert [row["growth/alpha"] for row in rows] == pytest.approx(
        [1.0, 1.0, *fade, 1.0, 1.0, *fade, 1.0, 1.0], abs=1e-6
    )
    assert [row["stage"] for row in rows][4:8] == ["8x8 fade-in", "8x8", "8x8", "16x16 fade-in"]


def test_optimisers_are_as_old_as_their_level(whole: Loop) -> None:
    """The last level has 3 + 2 rounds; not renewed it would be 12."""
    for player in whole.turns.players.values():
        assert {int(state["step"]) for state in player.optimiser.state.values()} == {5}


@pytest.mark.parametrize("stop", [4, 8])  # in the middle of both fades
def test_a_stop_in_mid_fade_changes_nothing(whole: Loop, tmp_path: Path, stop: int) -> None:
    assert loop(tmp_path / "run", stop).run() == "stopped"
    rest = loop(tmp_path / "run", resume=True)
    assert rest.run() == "finished"
    for name in ("game", "turns", "average", "feed", "stage", "stage_seen", "rounds"):
        assert testing.same_tree(whole.state_dict()[name], rest.state_dict()[name]), name
    assert testing.log_of(whole.folder) == testing.log_of(rest.folder)


def test_averages_go_on_through_a_growth(tmp_path: Path) -> None:
    """Of layers not used yet the average is what they were drawn as; nothing is reset."""
    first = loop(tmp_path / "run", stop=2)
    fresh = [p.detach().clone() for p in first.game.generator.parameters()]
    first.run()
    before = [value.clone() for value in first.average.values]
    used = [not torch.equal(a, b) for a, b in zip(fresh, before, strict=True)]
    assert any(used)
    assert not all(used)
    second = loop(tmp_path / "run", resume=True)
    second._load_pending()
    second._next_stage()
    assert second.stages[second.stage].name == "8x8 fade-in"
    assert all(map(torch.equal, second.average.values, before))


# ---- models -------------------------------------------------------------------------------------


QUIET = {"log_every": 1, "watch_every": 0, "sample_every": 0, "tensorboard": False, "average": None}


def train(out: Path, *changes: str, start_from: Path | None = None) -> str:
    """Train the recipe for images on small ones with tiny networks; return how it ended."""
    tiny = [
        f"game.{part}.{key}"
        for part in ("generator", "discriminator")
        for key in ("maps=16", "max_maps=4")
    ]
    words = [
        *("data.source=digits8", "data.size=16", "data.resize=stretch", "game.latent.dim=4"),
        *(*tiny, "game.growing.fade=0.024", "game.growing.rest=0.016", "evaluate.at_end=false"),
        *("train.kimg=0.016", "train.batch=8"),
        *(f"train.{key}={json.dumps(value)}" for key, value in QUIET.items()),
    ]
    recipe = load_recipe("progressive/images", [*words, *changes])
    return ganvas.train(recipe, out, quiet=True, start_from=start_from).outcome


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 16² that stopped after a third of its last fade."""
    folder = tmp_path_factory.mktemp("grown") / "run"
    assert train(folder, "train.stop_at=9") == "stopped"
    return folder


def test_a_model_stands_where_its_run_stopped(grown: Path) -> None:
    model = ganvas.load(grown, device="cpu")
    game = cast(Progressive, model.game)
    assert game.generator.growth.now == game.critic.growth.now == (2, pytest.approx(1 / 3))
    z, _ = model.latents(3)
    x = game.generator(z)
    assert x.shape == (3, 1, 16, 16)
    game.grow(2, 1.0)
    assert not torch.equal(game.generator(z), x)  # α outside of the model would be this


def test_samples_of_any_level(grown: Path) -> None:
    model = ganvas.load(grown, device="cpu")
    game, z = cast(Progressive, model.game), model.latents(5)[0]
    usual = model.sample(5).x
    for level, height in enumerate((4, 8)):
        x = model.sample(5, level=height).x
        assert x.shape == usual.shape == (5, 16, 16, 1)
        stands = game.generator.growth.now
        game.grow(level)
        coarse = model.domain.decode(game.generator(z))
        game.grow(*stands)
        assert np.array_equal(x, coarse.repeat(16 // height, 1).repeat(16 // height, 2))
    assert np.array_equal(model.sample(5, level=16).x, usual)
    assert np.array_equal(model.sample(5).x, usual)  # and everything is as it was
    way = model.interpolate(0, 1, steps=3, level=4)
    assert np.array_equal(way[0], model.sample(1, level=4).x[0])
    with pytest.raises(UsageError, match=r"level=12 is no level; the nearest is 8, of 4, 8, 16"):
        model.sample(1, level=12)


def test_scores_are_those_of_the_level(grown: Path) -> None:
    game = cast(Progressive, ganvas.load(grown, device="cpu").game)
    x = torch.randn(4, 1, 16, 16)
    game.grow(0)
    assert torch.equal(game.score(x), game.critic(game.at_level(x, 0)))
    assert game.at_level(x, 0).allclose(downsample_average(downsample_average(x)), atol=1e-6)


def test_a_shorter_run_goes_on_growing(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    train(small, "data.size=8")
    kept = ganvas.load(small, device="cpu")
    with pytest.raises(UsageError, match=r"level=16 is no level"):
        kept.sample(1, level=16)
    with pytest.raises(UsageError, match=r"grown to 8 pixels: set game.growing.grown=8 to grow on"):
        train(tmp_path / "lost", start_from=small)
    assert not (tmp_path / "lost").exists()
    train(large, "game.growing.grown=8", "train.stop_at=1", start_from=small)
    rows = [row for row in RunFolder.open(large).rows() if "event" not in row]
    assert [(row["stage"], row["growth/alpha"]) for row in rows] == [("16x16 fade-in", 0.0)]
    on = ganvas.load(large, device="cpu")
    game, before = cast(Progressive, on.game), cast(Progressive, kept.game)
    assert game.generator.growth.now == (2, 0.0)  # as after the last round
    mine = dict(game.generator.named_parameters())
    for name, parameter in before.generator.named_parameters():
        assert (mine[name] - parameter).abs().max() < 1.01e-3  # one step of Adam away
    with pytest.raises(UsageError, match=r"game.growing.grown=7 is no level; the nearest is 8"):
        made(growing={"grown": 7})


def test_what_is_not_there_yet_and_what_does_not_grow(tmp_path: Path) -> None:
    train(tmp_path / "run", "train.stop_at=1")
    model = ganvas.load(tmp_path / "run", device="cpu")
    assert model.sample(2).x.shape == (2, 16, 16, 1)
    with pytest.raises(UsageError, match=r"level=8: the model has grown to 4 pixels so far"):
        model.sample(2, level=8)
    dcgan = {"kind": "dcgan", "width": 4, "stages": 2}
    with pytest.raises(UsageError, match=r"generator does not grow: set game.generator.kind"):
        made(generator=dcgan)
    with pytest.raises(UsageError, match=r"discriminator does not grow"):
        made(discriminator=dcgan)
    with pytest.raises(UsageError, match=r"has 3 levels and the discriminator 2"):
        made(discriminator=GROWING | {"base": 8})


def test_images_that_no_level_divides_are_refused_before_a_run_begins(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"15×15 halves to no such level: set data.size=16"):
        train(tmp_path / "run", "data.size=15")
    assert not (tmp_path / "run").exists()


def test_classes_are_obeyed_by_both() -> None:
    source = open_data(DataSettings(source="digits8", size=16, resize="stretch"))
    game = made(source, conditional=True)
    feed, turns = Feed(source, batch=8, seed=0), Turns(game.players, Noise(0))
    turns.hold()
    for phase in game.phases:
        game.play(phase, feed, turns)
    told = turns.take_statistics()
    assert {"classification/real", "classification/fake"} <= told.keys()
    assert (game.judge.real_weight, game.judge.fake_weight) == (1.0, 1.0)
