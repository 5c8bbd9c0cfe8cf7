"""Style transfer: its losses by hand, what it learns, and what its up-samplers leave."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.cli.app import run as ganvas
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.games.style_transfer import StyleTransfer, roughness, waves
from ganvas.metrics.checkerboard import patterns
from ganvas.model import Provenance, load, save_model
from ganvas.play import Noise, Turns, build
from tests.games.cases import digits8_given


def made(source: Source | None = None, **settings: Any) -> StyleTransfer:
    network = {"width": 8, "blocks": 1, "upsample": "nn_resize"} | settings.pop("generator", {})
    config = StyleTransfer.Config.model_validate({"generator": network, **settings})
    spec = (source or digits8_given()).spec
    return cast(StyleTransfer, build(StyleTransfer, config, spec, 0))


@cache
def blobs() -> Source:
    """Return soft saturated blobs of 16×16, each picture beside itself."""
    rng, at = np.random.default_rng(0), np.indices((16, 16))[:, None] + 0.5
    place, colour = rng.uniform(3, 13, (2, 96, 1, 1)), rng.integers(0, 2, (2, 96, 1, 1, 3))
    near = np.exp(-((at - place) ** 2).sum(0) / 20)[..., None]
    x = np.uint8(255 * (near * colour[0] + (1 - near) * colour[1]))
    told = {"source": "blobs.npz", "derive": {"image": {"kind": "whole"}}}
    return open_data(DataSettings.model_validate(told), {"images": x})


def test_losses_are_sums_over_maps_and_pairs_of_channels() -> None:
    game, rng = made(), torch.Generator().manual_seed(0)
    x, y = (torch.rand(3, 1, 8, 8, generator=rng) * 2 - 1 for _ in range(2))
    content, manner = game.losses(x, y)
    ours, theirs, styled = (game.seen(one) for one in (x, y, game.style))
    each = [
        sum((float((a - b).square().sum())) / float(b.square().sum()) for a, b in [(p, q)])
        for p, q in zip(ours[1], theirs[1], strict=True)
    ]
    assert content.item() == pytest.approx(np.mean(each), rel=1e-5)
    depths = list[float]()
    for found, like in zip(ours, styled, strict=True):
        area = found.shape[2] * found.shape[3]
        grams = torch.einsum("nihw,njhw->nij", found, found) / (found.shape[1] * area)
        wanted = torch.einsum("nihw,njhw->nij", like, like)[0] / (like.shape[1] * area)
        apart = (grams - wanted).square().sum((1, 2)) / wanted.square().sum()
        depths.append(float(apart.mean()))
    assert manner.item() == pytest.approx(np.mean(depths), rel=1e-4)
    own, _ = game.losses(y, y)
    _, likewise = game.losses(game.style, game.style)
    assert own.item() == 0
    assert likewise.item() == pytest.approx(0, abs=1e-10)
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    assert roughness(ramp).item() == pytest.approx(1.0)


def test_the_style_is_a_picture_that_the_run_keeps(tmp_path: Path) -> None:
    path = tmp_path / "style.png"
    drawn = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(drawn).save(path)
    game, source = made(style=str(path)), digits8_given()
    feed = Feed(source, batch=4, seed=0, streams=game.streams())
    game.vet()
    game.begin(feed)
    torch.testing.assert_close(game.style[0, 0], torch.from_numpy(drawn).float() / 127.5 - 1)
    path.unlink()
    again = made(style=str(path))
    again.load_state_dict(game.state_dict())  # as resume does, which does not begin again
    assert torch.equal(again.style, game.style)
    for settings, said in {
        "style": (str(path), r"style\.png is no picture that can be read"),
        "content_depth": (9, "random-conv has maps of 4 depths, 0 to 3"),
    }.items():
        with pytest.raises(UsageError, match=said[1]):
            made(**{settings: said[0]}).vet()
    plain = open_data(DataSettings(source="digits8"))
    with pytest.raises(UsageError, match=r"data\.derive=\{image: \{kind: whole\}\}"):
        made(plain)


def test_waves_are_saturated_and_differ_by_colour() -> None:
    x = waves((16, 24, 3))
    assert {*np.unique(x)} == {0, 255}
    assert all(0.2 < (x[..., a] != x[..., b]).mean() < 0.8 for a, b in ((0, 1), (1, 2), (0, 2)))


def test_it_learns_and_a_resize_leaves_no_checkerboard() -> None:
    """In a second the manner nears the style's; only the deconvolutions' have a period of 2."""
    peaks, rounds = dict[str, float](), 40
    for upsample in ("nn_resize", "deconv"):
        rate = {"kind": "adam", "lr": {"start": 1e-2, "end": 1e-3}}
        game = made(blobs(), generator={"upsample": upsample}, optimiser=rate)
        feed = Feed(blobs(), batch=8, seed=0, streams=game.streams())
        turns, losses = Turns(game.players, Noise(0)), list[tuple[float, float]]()
        turns.hold()
        for number in range(rounds):
            turns.progress = number / rounds
            game.round(feed, turns)
            told: dict[str, Any] = turns.take_statistics()
            losses.append((told["loss/generator"], told["transfer/manner"]))
        first, late = np.array(losses[0]), np.mean(losses[-5:], 0)
        assert (late < 0.85 * first).all(), (first, late)
        x = blobs().batch(blobs().items("train").rows(slice(64)))["image"]
        with torch.no_grad():
            peaks[upsample] = patterns(game.sample(torch.zeros(64, 0), x), border=2)[2].peak
    assert peaks["deconv"] > 5 * peaks["nn_resize"], peaks


def test_pictures_are_painted_and_measured_by_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, photo, out = tmp_path / "model", tmp_path / "photo.png", tmp_path / "painted.npy"
    save_model(model, made(blobs()), Provenance())
    x = blobs().items("train").x[:1]
    Image.fromarray(x[0]).save(photo)
    words = ["sample", str(model), "--given", f"image={photo}", "--count", "1", "--out", str(out)]
    assert ganvas(words) == 0
    whole = load(model, device="cpu").sample(1, given={"image": x})
    assert np.array_equal(np.load(out), whole.x)
    assert np.array_equal(whole["image"], x)
    words = ["complete", str(model), str(photo), "--whole", "--count", "1", "--out", str(out)]
    assert ganvas(words) == 0
    assert np.array_equal(np.load(out), whole.x)
    capsys.readouterr()
    words = ["diagnose", "style-transfer/images", "--checkerboard", "data.size=16"]
    assert ganvas([*words, "game.generator={width: 4, blocks: 0, upsample: deconv}"]) == 0
    told = capsys.readouterr().out
    assert "period of 2" in told
    assert "game.generator.upsample=nn_resize" in told
