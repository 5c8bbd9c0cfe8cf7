"""What moves in clips: colours that stay, things that are followed, backgrounds at rest."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganvas.metrics.motion import (
    colour_distances,
    flicker,
    foreground,
    mask_iou,
    moved,
    shown,
    track,
    wasserstein,
)

RED, BLUE = torch.tensor([0.9, 0.2, 0.1]), torch.tensor([0.1, 0.3, 1.0])


def squares(colours: Tensor, places: Tensor, side: int = 16) -> Tensor:
    """Return clips (1, 3, T, side, side) of a 4×4 square of a colour at (row, column)."""
    clip = torch.zeros(1, 3, len(places), side, side)
    for t, (row, column) in enumerate(places.tolist()):
        clip[0, :, t, row : row + 4, column : column + 4] = colours[t][:, None, None]
    return clip


def along(frames: int = 16, down: int = 0, across: int = 1) -> Tensor:
    steps = torch.arange(frames)[:, None]
    return torch.cat([down * steps, across * steps], 1).clamp_max(12)


def test_one_colour_has_no_distance() -> None:
    clip = squares(RED.expand(12, 3), along(12))
    assert colour_distances(foreground(clip)).item() == pytest.approx(0, abs=1e-4)


def test_two_colours_in_turn() -> None:
    """Of 120 pairs of 16 frames 64 are of different colours; order does not matter, scale does."""
    colours = torch.stack([RED, BLUE] * 8)
    clip = squares(colours, torch.zeros(16, 2).long())
    gap = 255 * (RED - BLUE).norm().item()
    found = colour_distances(foreground(clip)).item()
    assert found == pytest.approx(64 / 120 * gap, rel=1e-5)
    shuffled = clip[:, :, torch.randperm(16)]
    assert colour_distances(foreground(shuffled)).item() == pytest.approx(found, rel=1e-5)
    half = colour_distances(foreground(clip / 2)).item()
    assert half == pytest.approx(found / 2, rel=1e-5)


def test_pixels_on_an_edge_tell_no_colour() -> None:
    clip = squares(RED.expand(8, 3), along(8))
    rim = torch.nn.functional.avg_pool3d(clip, (1, 3, 3), 1, (0, 1, 1))
    colour = foreground(rim).colour
    torch.testing.assert_close(colour / 255, RED.expand(1, 8, 3), atol=1e-4, rtol=0)


def test_frames_without_a_thing_are_left_out_and_counted() -> None:
    clip = squares(RED.expand(8, 3), along(8))
    clip[:, :, 2:4] = 0
    seen = foreground(clip)
    assert seen.there[0].tolist() == [True] * 2 + [False] * 2 + [True] * 4
    assert colour_distances(seen).item() == pytest.approx(0, abs=1e-4)
    assert track(seen).vanished == 0.25
    assert math.isnan(colour_distances(foreground(torch.zeros(1, 3, 4, 8, 8))).item())


def test_a_thing_that_goes_straight_on() -> None:
    found = track(foreground(squares(RED.expand(8, 3), along(8, down=1))))
    assert found.speeds.tolist() == pytest.approx([2**0.5 / 16] * 7, rel=1e-4)
    assert found.turns.max() < 1e-5
    there_and_back = torch.cat([along(6), along(5).flip(0)])
    back = track(foreground(squares(RED.expand(11, 3), there_and_back)))
    assert back.turns.max().item() == pytest.approx(2 / 16, rel=1e-4)


def test_a_distance_of_speeds() -> None:
    assert wasserstein(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])) == pytest.approx(2)
    assert wasserstein(torch.tensor([]), torch.ones(3)) == math.inf


def test_flicker_is_of_what_rests() -> None:
    """A background that changes by d in each frame flickers by 2d; what moves does not count."""
    clip = squares(RED.expand(12, 3), along(12))
    steady = flicker(clip)
    assert (steady[0] / steady[1]).item() == 0
    waves = torch.tensor([0.0, 0.02] * 6)[None, None, :, None, None]
    still = (clip.amax(1, keepdim=True) == 0) * waves
    change, count = flicker(clip + still)
    assert (change / count).item() == pytest.approx(2 * 0.02, rel=0.05)
    assert count < 11 * 16 * 16


def test_overlap_of_masks() -> None:
    mask, truth = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    mask[0, :, :2], truth[0, :, 1:3] = 0.9, 1.0
    assert mask_iou(mask, truth).tolist() == pytest.approx([1 / 3, 1.0])


def test_what_is_shown_and_how_it_moves_are_told_apart() -> None:
    """Order in space and time does not matter to the one, colours do not to the other."""
    clip = torch.rand(2, 3, 5, 6, 7)
    places = torch.randperm(5 * 6 * 7)
    mixed = clip.flatten(2)[:, :, places].view_as(clip)
    torch.testing.assert_close(shown(mixed), shown(clip))
    assert not torch.allclose(moved(mixed), moved(clip))
    red, pale = (squares(c.expand(12, 3), along(12)) for c in (RED, BLUE / 3))
    torch.testing.assert_close(moved(red), moved(pale), atol=1e-3, rtol=0)
    assert moved(red).norm().item() == pytest.approx(1, abs=1e-3)
    assert moved(clip[:, :, :1].expand(-1, -1, 4, -1, -1)).abs().max() == 0
