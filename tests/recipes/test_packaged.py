"""Every recipe is a promise: it loads, builds, plays two rounds (wide ones one), saves, samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganvas.api import drawn
from ganvas.data.feed import Feed
from ganvas.data.graph_laws import GRAPH_NAMES
from ganvas.data.laws import LAW_NAMES
from ganvas.data.open import open_data
from ganvas.data.procedural import kind_of, procedural
from ganvas.data.standard import VIDEO, data_root
from ganvas.model import load, save_model
from ganvas.play import Noise, Turns, build, has
from ganvas.play.abilities import CanSample
from ganvas.recipes import load_recipe, names, summaries
from tests.data import captured

SHAPES: dict[str, tuple[int, ...]] = {
    "cifar10": (32, 32, 3),
    "fashion_mnist": (28, 28, 1),
    "mnist": (28, 28, 1),
    "smnist_fixed": (28, 28, 3),
    "affine_mnist": (40, 40, 1),
    "emoji_google": (64, 64, 3),
}
"""Sets that need not be there; noise of the same form stands in for them."""

FILMS: dict[str, tuple[int, ...]] = {
    "street": (2, 32, 48, 64, 3),
    "emoji_moving": (2, 32, 64, 64, 3),
}
"""The same of clips: how many, and their frames."""

WIDE = {
    *("r3gan/cifar10_full", "r3gan/images64", "r3gan/images256"),
    *("r3gan/cifar10", "wgan-gp/cifar10", "memorygan/images64", "memorygan/cifar10"),
    *("progressive/images", "stylegan2/images", "biggan/images", "biggan-deep/images"),
    "stylegan2/few",
    *("sngan/cifar10", "sngan/fashion_mnist", "sngan/mnist", "sngan/images", "wgan/images"),
    *("mocogan/videos", "mocogan/videos_ode", "mocogan/videos_sde", "mocogan/videos_image"),
    *("tgan/videos", "tgan/videos_ode", "mocogan/videos_ode2"),
    *("wgan-gp/text", "r3gan/fashion_mnist", "r3gan/mnist", "r3gan/stacked_mnist"),
}
"""Recipes so wide that even a round of two items takes long: it is played among the slow tests."""


def stand_in(source: str, folder: Path) -> Path | None:
    """Return noise in the form of a set that has to be fetched, labelled if it is of images."""
    if source in FILMS:
        path = folder / f"{source}.npy"
        frames = np.random.default_rng(0).integers(0, 256, FILMS[source], dtype=np.uint8)
        np.save(path, frames)
        return path
    if source not in SHAPES:
        return None
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (120, *SHAPES[source]), dtype=np.uint8)
    path = folder / f"{source}.npz"
    np.savez(path, images=images, labels=np.arange(120) % 10)
    return path


SMALLER = {
    **{
        name: ["data.size=32", "data.frames=8", "data.variant={clips: 16, held_out: 8}", *words]
        for name, words in {
            "vgan/videos": ["game.generator.width=8", "game.discriminator.width=8"],
            "vgan/videos_future": ["game.generator.width=8", "game.discriminator.width=8"],
            "vgan-actions/videos": ["game.discriminator.width=8"],
            "vgan-autoencoder/videos": ["game.encoder.width=8", "game.decoder.width=8"],
            "tganv2/videos": ["game.generator.width=2", "game.discriminator.width=4"],
        }.items()
    },
    "vgan-actions": ["game.labels=4"],
    "diwgan": ["game.candidates=100", "game.representatives=16", "game.autoencoder_batch=8"],
}
"""Settings by system, of how much it reads of the data before its game, and by recipe, of networks
as wide and clips as large as papers have them: their size is no promise."""

AVERAGED = {"r3gan", "memorygan", "progressive", "stylegan2", "biggan", "biggan-deep"}
AVERAGED |= {"vgan", "tgan", "mocogan"}
"""Systems with recipes that sample from averaged weights: the papers of R3GAN, Progressive GAN,
StyleGAN2 and BigGAN do so; of the small recipes of memoryGAN, VGAN, TGAN and MoCoGAN, not the
papers', the runs that are documented did."""


def brought(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a set of clips that must be fetched where it is looked for, or skip."""
    if source == "mocap":
        monkeypatch.setenv("GANVAS_DATA", str(captured.written(folder / "data" / source).parent))
    elif source in VIDEO and not (data_root() / source).is_dir():
        pytest.skip(f"needs make data SETS={source}")


def few_clips(source: str) -> list[str]:
    """Return settings of a set of clips made by code that is soon drawn."""
    if source not in procedural() or kind_of(source) != "videos":
        return []
    return ["data.variant.clips=16", "data.variant.held_out=8"]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in WIDE else n for n in names()]
)
def test_recipe(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = stand_in(load_recipe(name).data.source, tmp_path)
    if data is None:
        brought(load_recipe(name).data.source, tmp_path, monkeypatch)
    smaller = SMALLER.get(name, SMALLER.get(name.partition("/")[0], []))
    smaller = [*smaller, *few_clips(load_recipe(name).data.source)]
    batch, rounds = (2, 1) if name in WIDE else (4, 2)
    recipe = load_recipe(name, [f"train.batch={batch}", *smaller], data)
    assert recipe.about.endswith(".")
    assert recipe.name == name
    assert recipe.train.average is None or recipe.system in AVERAGED
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed).train()
    feed = Feed(source, batch=recipe.train.batch, seed=recipe.seed, streams=game.streams())
    turns = Turns(game.players, Noise(recipe.seed))
    turns.hold()
    turns.round = 1008  # past any warm-up and outside of the next, on a round of every lazy turn
    before = {k: v.clone() for k, v in game.state_dict().items()}
    for stage in game.stages():
        for _ in range(rounds):
            stage.play(feed, turns)
            turns.round += 1
    assert all(turns.steps[player] for player in game.players)
    assert any(not v.equal(before[k]) for k, v in game.state_dict().items())
    statistics: dict[str, Any] = turns.take_statistics()
    assert all(np.isfinite(value) for value in statistics.values()), statistics
    save_model(tmp_path / "model", game)
    model, items = load(tmp_path / "model", device="cpu"), source.items(source.splits[-1])
    if "links" in items:
        assert len(model.encode(items.x, links=items["links"])) == len(items)
        return
    if not has(model.game, CanSample):
        assert len(model.predict(items.x[:3])) == 3
        return
    assert drawn(model, source, 3)[0].shape == (3, *items.x.shape[1:])


def test_every_recipe_is_listed_with_its_sentence() -> None:
    listed = summaries()
    assert tuple(one.name for one in listed) == names()
    assert all(one.about and one.source for one in listed)
    assert summaries("images") == [one for one in listed if one.name.endswith("/images")]


@pytest.mark.parametrize("name", names())
def test_a_recipe_round_trips(name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(load_recipe(name).to_yaml())
    assert load_recipe(path) == load_recipe(name)


@pytest.mark.parametrize("system", sorted({name.partition("/")[0] for name in names()}))
def test_every_system_has_recipes_for_own_data_of_the_kinds_it_plays(system: str) -> None:
    sources = {one.source for one in summaries() if one.name.startswith(f"{system}/")}
    laws, graphs = sources & {*LAW_NAMES}, sources & {*GRAPH_NAMES}
    texts = {name for name in sources & {*procedural()} if kind_of(name) == "text"}
    videos = {name for name in sources & {*procedural()} if kind_of(name) == "videos"}
    videos |= sources & {*VIDEO}
    assert not laws or f"{system}/points" in names()
    assert not graphs or f"{system}/graph" in names()
    assert not texts or f"{system}/text" in names()
    assert not videos or f"{system}/videos" in names()
    assert not (sources - laws - graphs - texts - videos) or f"{system}/images" in names()


def test_summaries_say_which_recipes_need_labels() -> None:
    told = {one.name for one in summaries() if one.conditional}
    configs = {name: load_recipe(name).game_config for name in names()}
    labelled = ("svae-m2/", "vgan-actions/")  # of some items, or in no other way than as targets
    semi = {name for name in configs if name.startswith(labelled)}
    assert told == semi | {n for n, config in configs.items() if getattr(config, "conditional", 0)}
