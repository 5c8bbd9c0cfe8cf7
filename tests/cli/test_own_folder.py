"""StyleGAN2 on a folder as people have them: of all kinds, not square, with broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganvas.model
from tests.cli.conftest import Ganvas

QUICK = (
    *("game.generator.maps=64", "game.generator.max_maps=8", "game.generator.width=8"),
    *("game.discriminator.maps=64", "game.discriminator.max_maps=8", "game.latent.dim=8"),
    *(
        "game.ada={probability: 0.5, kimg: 0.2, every: 2}",
        "game.path_length.every=2",
        "train.average.ramp_up=0",
    ),
    *("train.kimg=null", "train.rounds=6", "train.batch=4", "train.checkpoint_every=2"),
    *("train.sample_every=0", "train.watch_every=0", "train.log_every=1", "evaluate.at_end=false"),
    *("train.tensorboard=false", "train.accelerator=cpu"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with images of 12×20 pixels: grey, RGB and RGBA, PNG and JPG, two broken."""
    place, rng = tmp_path / "photos", np.random.default_rng(0)
    place.mkdir()
    for number in range(24):
        depth = ((), (3,), (4,))[number % 3]
        image = Image.fromarray(rng.integers(0, 256, (12, 20, *depth), dtype=np.uint8))
        kind = "jpg" if number % 2 and depth != (4,) else "png"
        image.save(place / f"{number:02}.{kind}")
    whole = (place / "01.jpg").read_bytes()
    (place / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (place / "empty.png").touch()
    return place


def test_broken_files_are_named_and_a_run_on_the_others_goes_on_bit_for_bit(
    ganvas: Ganvas, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("train", "stylegan2/images", "--data", folder, *QUICK)
    refused = ganvas(*words, "--out", tmp_path / "refused")
    assert refused.code == 2
    for name in ("cut.jpg: damaged", "empty.png: empty file", "data.skip_broken=true"):
        assert name in refused.error
    words = (*words, "data.skip_broken=true")
    assert ganvas(*words, "--out", tmp_path / "whole").code == 0
    assert "cut.jpg" in caplog.text
    assert ganvas(*words, "--out", tmp_path / "parts", "train.stop_at=4").code == 0
    assert ganvas("resume", tmp_path / "parts").code == 0
    whole, parts = (ganvas_model(tmp_path / name) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())
    assert whole["judge.view_state.0.p"] not in (0, 0.5, 1), "it has moved"
    assert whole["path.mean"] > 0
    assert whole["generator.mean.value"].any()


def ganvas_model(run: Path) -> dict[str, torch.Tensor]:
    return ganvas.model.load(run, device="cpu").game.state_dict()
