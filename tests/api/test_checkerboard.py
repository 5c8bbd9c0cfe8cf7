"""Checkerboards of runs, recipes and folders; converted models; what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.abilities.convert import convert_run
from ganvas.api.checkerboard import checkerboard, images_in
from ganvas.api.transfer import start_from
from ganvas.cli.app import run as ganvas
from ganvas.data.open import open_data
from ganvas.diagnosis.overlaps import uneven_layers
from ganvas.errors import UsageError
from ganvas.model import Provenance, load, save_model
from ganvas.play import build
from ganvas.recipes import load_recipe
from ganvas.training.folder import CONFIG, RunFolder

SMALL = ["game.generator.width=8", "game.discriminator.width=8", "game.generator.kernel=5"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of an untrained DCGAN, as training would leave it."""
    path = tmp_path_factory.mktemp("runs") / "dcgan"
    recipe = load_recipe("dcgan/digits", SMALL)
    game = build(recipe.game_type, recipe.game_config, open_data(recipe.data).spec, 0)
    with torch.no_grad():  # statistics as of data, so that samples are no grey
        for name, buffer in game.named_buffers():
            if "running_var" in name:
                buffer.fill_(1e-4)
    RunFolder.create(path, recipe.to_yaml())
    save_model(path / "model", game, Provenance(recipe=recipe.name))
    return path


def test_a_run_its_untrained_networks_and_its_data(run: Path):
    found = checkerboard(run, samples=64)
    assert list(found.measured)[:3] == ["samples", "untrained", "real images"]
    assert {"input gradients", "wanted, fixed", "wanted, jittered"} < found.measured.keys()
    assert 2 in found.periods
    assert found.measured["samples"][2].clearer_than(found.measured["real images"][2])
    assert all(layer.constant > 0.1 for layer in found.layers)
    assert [layer.name for layer in found.layers] == [
        "generator.blocks.0.conv.conv",
        "generator.last.conv",
    ]
    (_, anew), (_, on) = found.remedies
    assert "game.generator.upsample=nn_resize" in anew
    assert on.startswith("ganvas convert")
    assert any("kernel 5 is no multiple of stride 2" in note for note in found.notes)
    page = found.write(run / "checkerboard.html").read_text()
    assert "mean power spectrum" in page
    assert found.verdict in page


def test_an_untrained_recipe_and_what_a_resize_makes_of_it(capsys: pytest.CaptureFixture[str]):
    clean = "game.generator.upsample=nn_resize"
    assert ganvas(["diagnose", "dcgan/digits", "--checkerboard", *SMALL, clean]) == 0
    assert "no checkerboard" in capsys.readouterr().out
    assert ganvas(["diagnose", "dcgan/digits", "--checkerboard", *SMALL]) == 0
    told = capsys.readouterr().out
    assert "period of 2" in told
    assert clean in told


def test_a_folder_of_anybodys_images_of_several_sizes(tmp_path: Path):
    rng = np.random.default_rng(0)
    board = 40 * (np.indices((24, 24)).sum(0) % 2)
    for number in range(6):
        noisy = (rng.integers(0, 60, (24, 24)) + board).astype(np.uint8)
        Image.fromarray(noisy).save(tmp_path / f"{number}.png")
    Image.fromarray(np.zeros((9, 30), np.uint8)).save(tmp_path / "other.png")
    images, left = images_in(tmp_path, 5)
    assert images.shape == (5, 24, 24, 1)
    assert left == ["left out: 1 images of other sizes than 24×24"]
    found = checkerboard(tmp_path)
    assert found.periods == [2]
    assert found.to_json()["verdict"] == "a checkerboard with a period of 2 pixels"
    np.save(tmp_path / "images.npy", images - 40 * (board[..., None] > 0).astype(np.uint8))
    assert checkerboard(tmp_path / "images.npy").periods == []


def test_a_converted_model_keeps_all_else_and_trains_on(run: Path, tmp_path: Path):
    done = convert_run(run, tmp_path / "resized", "nn_resize")
    assert [name for name, *_ in done.rows] == [
        "generator.blocks.0.conv.conv",
        "generator.last.conv",
    ]
    old, new = (load(folder).game for folder in (run, tmp_path / "resized"))
    assert all(not layer.constant > 1e-5 for layer in _layers(tmp_path / "resized"))
    differ = {
        key
        for key, tensor in old.state_dict().items()
        if key not in new.state_dict() or not torch.equal(new.state_dict()[key], tensor)
    }
    assert differ <= {f"{name}.weight" for name, *_ in done.rows}
    assert checkerboard(tmp_path / "resized", samples=64).periods == []
    # and its config is that of a training which takes all of it over
    recipe = load_recipe(tmp_path / "resized" / CONFIG)
    fresh = build(recipe.game_type, recipe.game_config, old.spec, 5)
    _, new_ones, _ = start_from(fresh, tmp_path / "resized")
    assert "new: nothing" in new_ones


def _layers(path: Path):
    from ganvas.api.checkerboard import enlarging_layers

    return enlarging_layers(load(path).game)


def test_a_dry_run_warns_of_uneven_layers():
    recipe = load_recipe("dcgan/digits", [*SMALL, "game.discriminator.kernel=3"])
    game = build(recipe.game_type, recipe.game_config, open_data(recipe.data).spec, 0)
    generator, discriminator = uneven_layers(game)
    assert (
        "generator: kernel 5 is no multiple of stride 2 in blocks.0.conv.conv, last.conv"
        in generator
    )
    assert "written by 3 and 2 taps in turn, a checkerboard; none with" in generator
    assert generator.endswith("game.generator.upsample=nn_resize")
    assert "gradients of pixels are written by 2 and 1 taps" in discriminator
    assert discriminator.endswith("game.discriminator.first_layer=pool")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nowhere", "--checkerboard"], "nowhere"),
        (["gan/ring8", "--checkerboard"], "points: a checkerboard is one of images"),
        (["dcgan/digits", "train.rounds=2"], "--checkerboard"),
        (["dcgan/digits", "--checkerboard", "game.generator.upsample=resize"], "nn_resize"),
        (["dcgan/digits", "--checkerboard", "game.generator.upsample=[deconv]"], "lists 1 layers"),
    ],
)
def test_what_cannot_be_diagnosed_is_said_in_a_line(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
):
    assert ganvas(["diagnose", *words]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert len(told.strip().splitlines()) == 1


def test_what_cannot_be_converted_is_said(run: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="Did you mean 'nn_resize'"):
        convert_run(run, tmp_path / "x", "nn_resise")
    with pytest.raises(UsageError, match="converted to deconv, deconv_even, nn_resize"):
        convert_run(run, tmp_path / "x", "subpixel")
    with pytest.raises(UsageError, match="already exists"):
        convert_run(run, run, "nn_resize")
