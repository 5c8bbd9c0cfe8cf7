"""Pictures of latents: the Hammer projection, principal axes, grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganvas.errors import UsageError
from ganvas.latent.manifold import plane_grid, sphere_grid
from ganvas.report.latents import hammer, latent_figure, principal


def sphere(n: int, width: int = 3) -> np.ndarray:
    points = np.random.default_rng(0).normal(size=(n, width))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_the_projection_stays_in_its_ellipse_and_keeps_areas() -> None:
    places = hammer(sphere(40_000))
    inside = (places[:, 0] / 8**0.5) ** 2 + (places[:, 1] / 2**0.5) ** 2
    assert inside.max() <= 1 + 1e-12
    # Uniform points stay uniform: the inner ellipse of half the area holds half of them.
    assert (inside <= 0.5).mean() == pytest.approx(0.5, abs=0.01)


def test_known_places() -> None:
    east, north, behind = [1.0, 0, 0], [0, 0, 1.0], [-1.0, 0, 0]
    np.testing.assert_allclose(hammer([east]), [[0, 0]], atol=1e-12)
    np.testing.assert_allclose(hammer([north]), [[0, 2**0.5]], atol=1e-12)
    np.testing.assert_allclose(np.abs(hammer([behind])), [[8**0.5, 0]], atol=1e-7)


def test_principal_axes_hold_the_most_variance() -> None:
    x = np.random.default_rng(0).normal(size=(500, 6)) * [1, 5, 1, 1, 3, 1]
    places = principal(x)
    assert places.var(axis=0) == pytest.approx(
        np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1][:2], rel=1e-9
    )


@pytest.mark.parametrize(
    ("width", "on_sphere", "title"),
    [
        (1, False, "Latents"),
        (2, False, "Latents"),
        (2, True, "Latents"),
        (3, True, "Hammer"),
        (3, False, "principal axes of 3"),
        (11, True, "principal axes of 11"),
    ],
)
def test_figures(width: int, on_sphere: bool, title: str) -> None:
    labels = np.arange(30) % 3
    drawn = latent_figure(sphere(30, width), labels, ["zero", "one", "two"], on_sphere)
    assert drawn.startswith("<svg")
    assert title in drawn
    assert all(name in drawn for name in ("zero", "one", "two"))
    assert "30 items" in latent_figure(sphere(30, width), None, sphere=on_sphere)


def test_grids_cover_their_space_evenly() -> None:
    plane = plane_grid(4, 3)
    assert plane.shape == (16, 3)
    assert not plane[:, 2].any()
    shares = torch.distributions.Normal(0.0, 1.0).cdf(plane[:4, 0])
    torch.testing.assert_close(shares, torch.tensor([0.125, 0.375, 0.625, 0.875]))
    assert plane[0, 1] > plane[-1, 1]  # rows fall
    assert plane_grid(5, 1).shape == (5, 1)
    globe = sphere_grid(6, 3)
    torch.testing.assert_close(globe.norm(dim=1), torch.ones(36))
    torch.testing.assert_close(globe[::6, 2].diff(), torch.full((5,), -1 / 3))  # equal areas
    assert sphere_grid(3, 2).shape == (9, 2)
    torch.testing.assert_close(sphere_grid(3, 5).norm(dim=1), torch.ones(9))
    with pytest.raises(UsageError, match="two dimensions"):
        sphere_grid(3, 1)
