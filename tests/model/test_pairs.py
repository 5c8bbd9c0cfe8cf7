"""What a DIW-GAN's model shows of its data: pairs, weights, repetitions, and how wide codes are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from ganvas.abilities.codes import error, wide_enough
from ganvas.abilities.pairs import meet
from ganvas.cli.app import run
from ganvas.errors import UsageError
from ganvas.model import Model, load, save_model
from ganvas.recipes import load_recipe
from ganvas.report.marks import Picture
from ganvas.report.pairs import Matched, pair_figure, strip
from tests.games.tables import TINY, play

B = 16


def trained(folder: Path, source: str = "ring8", **more: Any) -> Model:
    settings = {"encoder": TINY, "decoder": TINY, "representatives": 2 * B, "candidates": 200}
    latent = {"latent": {"kind": "normal", "dim": 4}}
    game, feed, table = play("diwgan", source, batch=B, **settings, **latent, **more)
    for number in range(20):
        table.round = number
        game.learn_codes(feed, table)
    game.choose(feed, table)
    for number in range(3):
        table.round = number
        game.round(feed, table)
    save_model(folder, game)
    return load(folder, device="cpu")


def test_a_model_meets_its_data_as_in_training(tmp_path: Path) -> None:
    model = trained(tmp_path)
    game: Any = model.game
    found = meet(model, seed=1)
    x = torch.from_numpy(model.sample(2 * B, seed=1).x)
    wanted = game.pairs(x, x)
    assert found.distance == pytest.approx(wanted.distances.mean().item(), rel=1e-5)
    assert found.matched.reals.shape == found.matched.fakes.shape == (2 * B, 2)
    assert set(map(tuple, found.matched.fakes.tolist())) == set(map(tuple, x.double().tolist()))
    assert (np.diff(found.real_weights) <= 0).all()
    assert found.real_weights.mean() == pytest.approx(1, abs=1e-5)
    assert 0 < found.real_entropy <= 1
    again = game.represented()[torch.argsort(-game.uncovered(), stable=True)]
    np.testing.assert_allclose(np.sort(found.reals, 0), np.sort(again.numpy(), 0), atol=1e-6)


def test_the_figure_has_a_line_for_each_pair_and_all_weights() -> None:
    rng = np.random.default_rng(0)
    weights = np.array([0.2, 0.7, 1.5, 3.0, 0.6])
    found = Matched(rng.normal(size=(5, 2)), rng.normal(size=(5, 2)), weights, weights, ("a", "b"))
    svg = pair_figure(found)
    ElementTree.fromstring(svg)
    drawn = next(part for part in svg.split("<path") if "#9aa4ac" in part and 'd="M' in part)
    assert drawn.count("M") == drawn.count("L") == 5
    for words in ("0 to 0.5: 1", "0.5 to 1: 2", "1 to 2: 1", "over 2: 1"):
        assert svg.count(words) == 2


def test_strips_set_the_second_picture_below_the_first() -> None:
    pictures = np.zeros((3, 2, 4, 4, 1), np.uint8)
    pictures[:, 1] = 100
    (mark,) = strip("", pictures).marks
    assert isinstance(mark, Picture)
    pixels = mark.pixels
    assert (pixels[:4, :4] == 0).all()
    assert (pixels[4:8, :4] == 100).all()
    assert (pixels[8:] == 255).all()


def test_the_narrowest_code_that_the_next_does_not_beat() -> None:
    assert wide_enough({2: 1.0, 4: 0.5, 8: 0.3, 16: 0.29, 32: 0.1}) == 8
    assert wide_enough({2: 1.0, 4: 0.5}) == 4
    assert wide_enough({4: 0.55, 2: 0.6}) == 2  # exactly 1.1 times is enough, in any order
    with pytest.raises(UsageError, match="no widths"):
        wide_enough({})


def test_codes_as_wide_as_the_data_reconstruct_them_better_than_narrow_ones() -> None:
    recipe = load_recipe("diwgan/ring8", ["data.source=cube27"])
    narrow, wide = (error(recipe, width, rounds=150) for width in (1, 3))
    assert math.isfinite(narrow)
    assert wide < 0.8 * narrow


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(tmp_path / "points")
    out, kept = str(tmp_path / "pairs.svg"), str(tmp_path / "kept.npy")
    assert run(["pairs", str(tmp_path / "points"), "--out", out, "--summary", kept]) == 0
    assert np.load(kept).shape == (2 * B, 2)
    assert "mean matched distance" in capsys.readouterr().out
    trained(tmp_path / "digits", "digits8", generator=TINY, discriminator=TINY)
    assert run(["pairs", str(tmp_path / "digits"), "--out", out]) == 0
    assert "Reals hardly met" in Path(out).read_text()
    assert run(["pairs", str(tmp_path / "points"), "--out", str(tmp_path / "pairs.png")]) == 2
    assert run(["codes", "gan/ring8"]) == 2
    assert "name a recipe of diwgan" in capsys.readouterr().err
    words = ["game.encoder={kind: mlp, widths: [8]}", "game.decoder={kind: mlp, widths: [8]}"]
    assert run(["codes", "diwgan/ring8", *words, "--rounds", "2"]) == 0
    assert "wide enough: game.code=" in capsys.readouterr().out
