"""Stabilised copies: a shaken clip stands still again, within half a pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as moved_by

from ganvas.data.open import open_data
from ganvas.data.readers.videos import reels
from ganvas.data.settings import DataSettings
from ganvas.data.stabilise import segments, shift, stabilise, steady
from ganvas.errors import GanvasError, UsageError
from tests.data.filmed import animation, folder


def scene(size: int = 96, seed: int = 0) -> np.ndarray:
    """Return a picture (H, W, 3) of a smooth texture, as cameras see them."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.standard_normal((size, size, 3)), (1.2, 1.2, 0))
    return np.clip(128 + 110 * noise / np.abs(noise).max(), 0, 255)


def shaken(moves: np.ndarray, size: int = 64) -> np.ndarray:
    """Return frames (T, H, W, 3) of a scene seen by a camera whose picture moves by ``moves``."""
    whole = scene(size + 32)
    frames = [moved_by(whole, (*move, 0), order=3, mode="nearest") for move in moves]
    return np.rint(np.clip(np.stack(frames), 0, 255)).astype(np.uint8)[:, 16:-16, 16:-16]


MOVES = np.random.default_rng(1).uniform(-5, 5, (8, 2))
MOVES[0] = 0


def test_shifts_are_found_within_half_a_pixel() -> None:
    frames = shaken(MOVES).astype(float).mean(axis=3)
    for frame, move in zip(frames, MOVES, strict=True):
        found = shift(frames[0], frame)
        assert found is not None
        assert np.abs(np.array(found) - move).max() < 0.3
    other = scene(64, seed=9).mean(axis=2)
    assert shift(frames[0], other) is None
    assert shift(np.zeros((8, 8)), np.ones((8, 8))) is None


def test_steady_frames_are_those_of_a_camera_at_rest() -> None:
    frames = shaken(MOVES)
    (found,) = segments(iter(frames.astype(float).mean(axis=3)))
    still = steady(frames, found.shifts).astype(float)
    before = np.abs(frames[1:].astype(float) - frames[0]).mean()
    after = np.abs(still[1:] - still[0]).mean()
    assert after < 0.25 * before
    # Half a pixel too far would be seen.
    wrong = steady(frames, [(y + 0.5, x) for y, x in found.shifts[:-1]] + [found.shifts[-1]])
    assert np.abs(wrong[:-1].astype(float) - wrong[-1]).mean() > 1.2 * after


def test_what_cannot_be_registered_begins_anew_or_is_dropped(tmp_path: Path) -> None:
    two = np.concatenate([shaken(MOVES), shaken(MOVES[::-1] * 0.5)[:, ::-1]])
    rng = np.random.default_rng(0)
    flash = rng.integers(0, 255, (1, 64, 64, 3), dtype=np.uint8)
    folder(tmp_path / "in" / "cut", np.concatenate([two[:8], flash, two[8:]]))
    animation(tmp_path / "in" / "still.webp", shaken(MOVES[:4]))
    settings = DataSettings(source=str(tmp_path / "in"), videos=True)
    written, dropped = stabilise(reels(tmp_path / "in", settings), tmp_path / "out")
    assert sorted(path.name for path in written) == ["cut-0.webp", "cut-1.webp", "still.webp"]
    assert [one.name for one in dropped] == ["cut, frame 8"]
    with Image.open(tmp_path / "out" / "cut-1.webp") as file:
        assert file.n_frames == 8
    told = {"source": str(tmp_path / "out"), "videos": True, "frames": 4}
    again = open_data(DataSettings.model_validate({**told, "size": 48, "resize": "fit-crop"}))
    assert len(again.items("train")) == 2 + 2 + 1
    with pytest.raises(UsageError, match="holds files already"):
        stabilise(reels(tmp_path / "in", settings), tmp_path / "out")


def test_where_nothing_can_be_registered_nothing_is_left(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder(tmp_path / "in" / "noise", rng.integers(0, 255, (5, 64, 64, 3), dtype=np.uint8))
    settings = DataSettings(source=str(tmp_path / "in"), videos=True)
    with pytest.raises(GanvasError, match="in none of 1 videos could a frame be registered"):
        stabilise(reels(tmp_path / "in", settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()
