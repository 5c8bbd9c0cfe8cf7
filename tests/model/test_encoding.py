"""Models that encode: latents, reconstructions and projections in data units; the commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.cli.app import run
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.games import find_game
from ganvas.model import Model, load, save_model
from ganvas.model.trained import CannotError
from ganvas.play import build
from tests.games.cases import CASES, two_latents

BODY = {"kind": "mlp", "widths": [8]}
NETWORKS = {"generator": BODY, "encoder": BODY, "discriminator": BODY}


def saved(folder: Path, system: str, source: str) -> Model:
    kind = find_game(system)
    settings = NETWORKS | {"latent": {"kind": "normal", "dim": 3}}
    if system == "gan":
        settings.pop("encoder")
    game = build(
        kind, kind.Config.model_validate(settings), open_data(DataSettings(source=source)).spec, 0
    )
    save_model(folder, game)
    return load(folder, device="cpu")


def test_encode_and_reconstruct_in_data_units(tmp_path: Path) -> None:
    model = saved(tmp_path, "ali", "digits8")
    x = open_data(DataSettings(source="digits8")).items("train").x[:5]
    z = model.encode(x, batch=2)
    assert z.shape == (5, 2)
    assert z.dtype == np.float32
    again = model.reconstruct(x)
    assert again.shape == x.shape
    assert again.dtype == np.uint8
    np.testing.assert_allclose(model.encode(x[3:4]), z[3:4], atol=1e-6)


def test_encoded_items_are_the_ends_of_a_way(tmp_path: Path) -> None:
    kind = find_game("ali")
    spec = open_data(DataSettings(source="ring8")).spec
    settings = NETWORKS | {"latent": {"kind": "normal", "dim": 3}, "eps_dim": 0}
    save_model(tmp_path, build(kind, kind.Config.model_validate(settings), spec, 0))
    model = load(tmp_path, device="cpu")
    x = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    z = model.encode(x)
    way = model.interpolate(z[0], z[1], steps=5, how="lerp")
    np.testing.assert_allclose(way[[0, -1]], model.reconstruct(x), atol=1e-5)


@pytest.mark.parametrize("system", ["veegan", "diwgan"])
def test_the_way_between_two_items_begins_and_ends_with_them(system: str, tmp_path: Path) -> None:
    model = saved(tmp_path / "model", system, "ring8")
    x = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    way = model.between(x, steps=3)
    np.testing.assert_allclose(way[[0, -1]], model.reconstruct(x), atol=1e-5)
    middle = torch.from_numpy(model.encode(x).mean(0, keepdims=True))
    decoded = model.domain.decode(model.game.decode(middle))  # pyright: ignore[reportCallIssue]
    np.testing.assert_allclose(way[1:2], decoded, atol=1e-5)
    with pytest.raises(UsageError, match="two items and at least 2 steps, not 1 and 8"):
        model.between(x[:1])
    np.save(tmp_path / "x.npy", x)
    words = ["--items", str(tmp_path / "x.npy"), "--out", str(tmp_path / "way.npy")]
    assert (
        run(["interpolate", str(tmp_path / "model"), *words, "--steps", "3", "--how", "lerp"]) == 0
    )
    np.testing.assert_allclose(np.load(tmp_path / "way.npy"), way, atol=1e-5)
    with pytest.raises(CannotError):
        saved(tmp_path / "gan", "gan", "ring8").between(x)


def test_autoencoders_decode_the_means_that_they_reconstruct(tmp_path: Path) -> None:
    """Their decoder's numbers are log-odds, which no picture shows."""
    case = CASES["svae normal"]
    save_model(tmp_path, case.build())
    model = load(tmp_path, device="cpu")
    x = case.source().items("train").x[:2]
    way = model.between(x, steps=3)
    assert np.array_equal(way[[0, -1]], model.reconstruct(x))
    save_model(tmp_path / "m2", CASES["svae-m2 both"].build())
    with pytest.raises(CannotError, match="of svae-m2 has no 'between'; it has: sample, .*predict"):
        load(tmp_path / "m2", device="cpu").between(x)


def test_styles_on_a_sphere_are_shown_on_one(tmp_path: Path) -> None:
    """M1 + M2 draws samples from its second latent: a plane has no grid of three coordinates."""
    z1, z2 = {"kind": "normal", "dim": 2}, {"kind": "vmf", "dim": 2}
    save_model(tmp_path, two_latents(z1=z1, z2=z2).build())
    out = tmp_path / "styles.png"
    words = ["--label", "3", "--edge", "3", "--out", str(out)]
    assert run(["latents", str(tmp_path), *words]) == 0
    assert Image.open(out).size == (3 * 66 - 2, 3 * 66 - 2)  # 8 × 8 enlarged eightfold, gaps of 2


def test_projection_finds_own_samples_and_reports_the_error(tmp_path: Path) -> None:
    model = saved(tmp_path, "gan", "ring8")
    x = model.sample(6, seed=3).x
    nearest, errors = model.project(x, restarts=2, steps=300)
    assert errors.max() < 1e-4
    np.testing.assert_allclose(((nearest - x) ** 2).mean(1), errors, atol=1e-6)


def test_a_model_without_an_encoder_says_what_it_can(tmp_path: Path) -> None:
    model = saved(tmp_path, "gan", "ring8")
    with pytest.raises(CannotError, match="a model of gan has no 'encode'; it has: sample"):
        model.encode(np.zeros((1, 2), np.float32))
    with pytest.raises(UsageError, match=r"expected data of shape \(n, 2\)"):
        saved(tmp_path / "b", "ali", "ring8").encode(np.zeros((1, 3), np.float32))


def test_commands_on_points(tmp_path: Path) -> None:
    saved(tmp_path / "model", "veegan", "ring8")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(7, 2)))
    arguments = [str(tmp_path / "model"), str(tmp_path / "x.npy"), "--out"]
    assert run(["encode", *arguments, str(tmp_path / "z.npy")]) == 0
    assert np.load(tmp_path / "z.npy").shape == (7, 2)
    assert run(["reconstruct", *arguments, str(tmp_path / "y.npy")]) == 0
    assert np.load(tmp_path / "y.npy").shape == (7, 2)
    assert run(["project", *arguments, str(tmp_path / "n.npy"), "--steps", "3"]) == 0
    assert np.load(tmp_path / "n.npy").shape == (7, 2)
    assert run(["encode", *arguments, str(tmp_path / "z.png")]) == 2


def test_commands_on_a_picture_and_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path / "model", "ali", "digits8")
    (tmp_path / "photos").mkdir()
    for number in range(3):
        pixels = np.full((20, 30, 3), 80 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    model = str(tmp_path / "model")
    one = str(tmp_path / "photos" / "1.png")
    assert run(["reconstruct", model, one, "--out", str(tmp_path / "pair.png")]) == 0
    folder, out = str(tmp_path / "photos"), str(tmp_path / "n.npy")
    assert run(["project", model, folder, "--out", out, "--steps", "2", "--restarts", "1"]) == 0
    assert np.load(out).shape == (3, 8, 8, 1)
    assert "for pixels in [0, 1]" in capsys.readouterr().out
    (tmp_path / "bad.png").write_text("no picture")
    bad = [model, str(tmp_path / "bad.png"), "--out", str(tmp_path / "z.npy")]
    assert run(["encode", *bad]) == 2
    assert run(["encode", model, str(tmp_path / "none"), "--out", str(tmp_path / "z.npy")]) == 2
