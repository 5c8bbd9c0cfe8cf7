"""Whether detail moves with what it is a detail of: shifts by hand, textures that move or cling."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganvas.metrics.phase import blurred, phase, places, shifts

SIDE, FRAMES = 32, 13
ROWS, COLUMNS = torch.meshgrid(
    torch.arange(SIDE).double(), torch.arange(SIDE).double(), indexing="ij"
)


def ball(down: float, across: float) -> Tensor:
    """Return a soft disc around a place, (SIDE, SIDE)."""
    squared = (ROWS - 15.5 - down).square() + (COLUMNS - 15.5 - across).square()
    return torch.exp(-squared / 50)


def texture(down: float, across: float) -> Tensor:
    """Return stripes of a period of 4 and of 5 pixels, moved."""
    return torch.sin(math.pi / 2 * (ROWS - down)) + torch.sin(2 * math.pi / 5 * (COLUMNS - across))


def way(follows: float, turn: float = 0.4) -> Tensor:
    """Return frames (T, 1, SIDE, SIDE) of a textured ball that goes by, 3 pixels each way."""
    steps = [6.0 * t / (FRAMES - 1) - 3 for t in range(FRAMES)]
    moved = [(s * math.sin(turn), s * math.cos(turn)) for s in steps]
    return torch.stack(
        [ball(y, x) * (1 + 0.5 * texture(follows * y, follows * x)) for y, x in moved]
    )[:, None]


def test_shifts_are_found_to_a_hundredth_of_a_pixel() -> None:
    for down, across in ((0.0, 0.0), (0.3, -0.2), (-0.45, 0.1)):
        found = shifts(ball(0, 0)[None], ball(down, across)[None])[0]
        assert found.tolist() == pytest.approx([down, across], abs=0.01)
    flat = torch.ones(1, SIDE, SIDE).double()
    assert shifts(flat, flat).tolist() == [[0, 0]]  # nothing to follow
    path = places(torch.stack([ball(0, s) for s in torch.linspace(-3, 3, FRAMES)])[None])[0]
    assert path.mean(0).tolist() == pytest.approx([0, 0], abs=1e-9)
    assert (path[-1] - path[0]).tolist() == pytest.approx([0, 6], abs=0.1)


def test_a_blur_keeps_means_and_widens_by_its_variance() -> None:
    spot = torch.zeros(1, SIDE, SIDE).double()
    spot[0, 16, 16] = 1
    found = blurred(spot, 2.0)[0]
    assert found.sum().item() == pytest.approx(1)
    for axis in (ROWS, COLUMNS):
        assert ((axis - 16).square() * found).sum().item() == pytest.approx(4, rel=0.05)


def test_detail_that_follows_is_told_from_detail_that_clings() -> None:
    """The phase test of Fig. 6: a texture that moves with its object, half of it, or not at all."""
    follows, half, clings = (
        phase(torch.stack([way(share, turn) for turn in (0.0, 0.4, 1.1)])) for share in (1, 0.5, 0)
    )
    assert follows.correlation > 0.98
    assert follows.slope == pytest.approx(1, abs=0.15)
    assert clings.slope < 0.35
    assert clings.slope < half.slope < follows.slope
    for one in (follows, half, clings):  # of the coarse part all go the same way
        assert one.travel == pytest.approx(6 / math.sqrt(12), rel=0.15)
    still = way(1)[:1].expand(FRAMES, -1, -1, -1)[None]
    assert phase(still) == (0, 0, 0)
    # Of neither contrast, brightness nor colour: grey is what counts.
    brighter = phase(3 * torch.stack([way(1)]).expand(-1, -1, 3, -1, -1) + 5)
    assert brighter.correlation == pytest.approx(phase(way(1)[None]).correlation, abs=1e-6)
