"""A run with everything that it shows, watches and leaves behind."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from ganvas.data.domains.classes import Classes
from ganvas.data.open import open_data
from ganvas.diagnosis.watch import Watch
from ganvas.model import load
from ganvas.networks import Conditions
from ganvas.play import Game, build
from ganvas.recipes import Recipe, load_recipe
from ganvas.training.folder import RunFolder
from ganvas.training.hooks import Pictures, config_of, make_hooks
from ganvas.training.launch import launch
from ganvas.training.loop import Loop

TINY = (
    "game.generator={kind: mlp, widths: [8]}",
    "game.discriminator={kind: mlp, widths: [8]}",
    "train.rounds=12",
    "train.batch=8",
    "train.log_every=2",
    "train.watch_every=6",
    "train.sample_every=6",
    "train.checkpoint_every=6",
)


def built(recipe: Recipe) -> Game:
    return build(recipe.game_type, recipe.game_config, open_data(recipe.data).spec, recipe.seed)


def run(recipe: Recipe, path: Path, stop: int | None = None) -> tuple[Loop, str]:
    """Play a recipe, or go on with it, with all hooks; return the loop and what was shown."""
    resumed = path.exists()
    folder = RunFolder.open(path) if resumed else RunFolder.create(path, recipe.to_yaml())
    train = recipe.train.model_copy(update={"stop_at": stop})
    out, game, source = io.StringIO(), built(recipe), open_data(recipe.data)
    loop = Loop(game, source, train, folder, launch(train), recipe.seed)
    at = loop.resume() if resumed else None
    loop.hooks = make_hooks(
        folder, game, source, train, recipe.seed, at, Console(file=out, width=100)
    )
    loop.run()
    return loop, out.getvalue()


def test_a_run_leaves_what_a_run_folder_holds(run_folder: Path) -> None:
    recipe = load_recipe("gan/ring8", TINY)
    _, shown = run(recipe, run_folder)
    rows = RunFolder(run_folder).rows()
    looks = [row for row in rows if "coverage/modes" in row]
    assert [row["round"] for row in looks] == [6, 12]
    assert {"coverage/modes_strict", "coverage/hq", "discriminator/auc"} <= looks[0].keys()
    assert sorted(p.name for p in (run_folder / "samples").iterdir()) == [
        "000000006.png",
        "000000012.png",
    ]
    assert list(run_folder.glob("events*"))
    assert "round 12 of 12 (100%)" in shown
    model = load(run_folder, device="cpu")
    assert model.provenance.recipe == "gan/ring8"
    assert (model.provenance.data, model.provenance.rounds) == ("ring8", 12)
    assert model.sample(3).x.shape == (3, 2)


def test_a_watched_run_trains_as_an_unwatched_one(tmp_path: Path) -> None:
    recipe = load_recipe("gan/ring8", TINY)
    watched, _ = run(recipe, tmp_path / "watched")
    alone = Loop(
        built(recipe),
        open_data(recipe.data),
        recipe.train,
        RunFolder.create(tmp_path / "alone", ""),
        launch(recipe.train),
        recipe.seed,
    )
    alone.run()
    for name, value in alone.game.state_dict().items():
        assert torch.equal(value, watched.game.state_dict()[name]), name


def test_looks_and_pictures_survive_a_resume(tmp_path: Path) -> None:
    recipe = load_recipe("gan/ring8", TINY)
    run(recipe, tmp_path / "whole")
    run(recipe, tmp_path / "parts", stop=6)
    _, shown = run(recipe, tmp_path / "parts")
    assert "round 2 of" not in shown
    assert "round 12 of" in shown
    for name in ("000000006.png", "000000012.png"):
        whole, parts = (tmp_path / run / "samples" / name for run in ("whole", "parts"))
        assert whole.read_bytes() == parts.read_bytes()
    timed = {"time", "img_per_s"}
    logs = [
        [{k: v for k, v in row.items() if k not in timed} for row in RunFolder(path).rows()]
        for path in (tmp_path / "whole", tmp_path / "parts")
    ]
    assert logs[0] == logs[1]


def test_a_collapse_is_warned_of_and_stops_the_run_if_asked(run_folder: Path) -> None:
    still = "game.generator_optimiser={kind: sgd, lr: 1.0e-30}"  # stays the blob that it began as
    recipe = load_recipe("gan/ring8", (*TINY, still, "train.guard.on_collapse=stop"))
    loop, shown = run(recipe, run_folder)
    assert loop.rounds == 6
    (warning,) = [row for row in loop.folder.rows() if row.get("event") == "warning"]
    assert warning["message"].startswith("collapsed: samples differ 0.")
    assert "Try: ganvas train " in warning["message"]
    assert f"round 6: warning: {warning['message']}" in shown


def test_nobody_warns_of_a_generator_whose_training_has_not_begun(run_folder: Path) -> None:
    stages = ("game.autoencoder_rounds=6", "game.representatives=8", "game.candidates=16")
    stop = "train.guard.on_collapse=stop"
    recipe = load_recipe("diwgan/ring8_sheet", (*TINY, *stages, stop, "train.rounds=1"))
    loop, _ = run(recipe, run_folder)
    rows = loop.folder.rows()
    assert loop.rounds == 6 + 1 + 1
    assert [row["stage"] for row in rows if "coverage/modes" in row] == ["main"]


def test_a_point_picture_is_a_scatter_plot_of_fixed_latents(tmp_path: Path) -> None:
    game = built(load_recipe("gan/ring8", TINY)).eval()
    picture = Pictures(seed=0)
    for name in ("000000001.png", "000000002.png"):
        picture(game, tmp_path / name)
    first, second = ((tmp_path / n).read_bytes() for n in ("000000001.png", "000000002.png"))
    assert first == second
    assert Image.open(io.BytesIO(first)).size == (512, 512)


def test_a_grid_has_a_row_for_each_class_and_a_latent_for_each_column() -> None:
    mlp = ("game.generator={kind: mlp, widths: [8], output: tanh}",)
    game = built(load_recipe("cgan/digits", mlp)).eval()
    samples = Pictures(seed=0).samples(game)
    assert samples.shape == (100, 1, 28, 28)
    with torch.no_grad():
        generator = game.get_submodule("generator")
        generator.get_submodule("hidden")[0].weight[:, -10:] = 0  # pyright: ignore
        blind = Pictures(seed=0).samples(game).reshape(10, 10, 28, 28)
    assert torch.equal(blind, blind[:1].expand_as(blind))
    assert not torch.equal(blind[0, 0], blind[0, 1])


@pytest.mark.parametrize(("height", "width"), [(28, 28), (20, 30), (31, 17), (64, 48)])
@pytest.mark.parametrize("classes", [0, 3, 10, 40])
def test_grids_keep_their_rows_whatever_the_shape(height: int, width: int, classes: int) -> None:
    spec = open_data(load_recipe("cgan/digits").data).spec
    domain = spec.domain.model_copy(update={"height": height, "width": width})

    class Flat(Game):
        system = "flat"

        def prior(self, n: int, noise: object) -> torch.Tensor:
            return torch.zeros(n, 1)

        def sample(self, z: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
            rows = torch.zeros(len(z)) if y is None else y
            return (rows / 20 - 1).view(-1, 1, 1, 1).expand(-1, 1, height, width)

    game = Flat(load_recipe("gan/ring8").train, spec.with_main(domain))
    if classes:
        game.conditions = Conditions({"label": Classes(count=classes)})
    samples = Pictures(seed=0).samples(game)
    rows = min(classes, 16) or 8
    assert len(samples) % rows == 0
    picture = np.asarray(domain.picture(domain.decode(samples)))
    factor = max(1, round(64 / max(height, width)))
    step = height * factor + 2
    assert picture.shape[0] == rows * step - 2
    for row in range(rows):  # each row has one colour, and the white of the gaps
        assert len(np.unique(picture[row * step : row * step + height * factor])) <= 2


def test_the_config_of_remedies_is_what_is_in_force(run_folder: Path) -> None:
    recipe = load_recipe("gan/ring8", TINY)
    folder = RunFolder.create(run_folder, recipe.to_yaml())
    train = recipe.train.model_copy(update={"batch": 16})
    config = config_of(folder, built(recipe), train)
    assert config["name"] == "gan/ring8"
    assert config["data"]["source"] == "ring8"
    assert config["train"]["batch"] == 16
    assert config["game"] == recipe.tree()["game"]
    json.dumps(config)


def test_a_game_without_samples_is_neither_watched_nor_pictured(run_folder: Path) -> None:
    class Mute(Game):
        system = "mute"

    recipe = load_recipe("gan/ring8", TINY)
    folder = RunFolder.create(run_folder, "")
    source = open_data(recipe.data)
    hooks = make_hooks(folder, Mute(recipe.train, source.spec), source, recipe.train, quiet=True)
    assert hooks.watch is None
    assert hooks.picture is None
    watched = make_hooks(folder, built(recipe), source, recipe.train, quiet=True)
    assert isinstance(watched.watch, Watch)
