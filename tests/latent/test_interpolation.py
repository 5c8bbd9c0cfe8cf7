from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.interpolation import blend, lerp, slerp
from ganvas.latent.walks import circle, walk


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("between", [lerp, slerp])
def test_both_ends_are_the_given_latents(between):
    a, b = normal(2, 7, 16)
    torch.testing.assert_close(between(a, b, 0.0), a)
    torch.testing.assert_close(between(a, b, 1.0), b)
    torch.testing.assert_close(between(a, b, 0.3), between(b, a, 0.7))


def test_lerp_is_the_straight_line():
    a, b = normal(2, 5)
    torch.testing.assert_close(lerp(a, b, 0.25), 0.75 * a + 0.25 * b)


def test_slerp_turns_at_constant_speed_and_keeps_the_length():
    a, b = normal(2, 64)
    a, b = 8 * a / a.norm(), 8 * b / b.norm()
    path = slerp(a, b, torch.linspace(0, 1, 9).unsqueeze(1))
    torch.testing.assert_close(path.norm(dim=1), torch.full((9,), 8.0, dtype=torch.float64))
    cosines = (path[1:] * path[:-1]).sum(1) / 64
    angle = math.acos(float(a @ b) / 64)
    torch.testing.assert_close(cosines.acos(), torch.full((8,), angle / 8, dtype=torch.float64))


def test_slerp_by_hand_with_lengths():
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 4.0])
    expected = 3 * torch.tensor([math.sqrt(0.5), math.sqrt(0.5)])
    torch.testing.assert_close(slerp(a, b, 0.5), expected)


@pytest.mark.parametrize("gap", [0.0, 1e-7, 1e-5, 1e-3])
def test_slerp_of_nearly_parallel_latents(gap: float):
    a = normal(12)
    b = a + gap * normal(12, seed=1)
    torch.testing.assert_close(slerp(a, b, 0.5), (a + b) / 2, rtol=1e-6, atol=1e-6)


def test_slerp_of_opposite_latents_stays_on_the_sphere():
    a = normal(12)
    path = slerp(a, -a, torch.linspace(0, 1, 5, dtype=torch.float64).unsqueeze(1))
    torch.testing.assert_close(path.norm(dim=1), a.norm().expand(5))
    torch.testing.assert_close(path[-1], -a)
    assert abs(float(path[2] @ a)) < 1e-9  # half-way is perpendicular


def test_zero_has_no_direction():
    with pytest.raises(UsageError, match="lerp"):
        slerp(torch.zeros(3), torch.ones(3), 0.5)


def test_names():
    assert blend("slerp") is slerp
    with pytest.raises(UsageError, match="Did you mean 'slerp'"):
        blend("slrp")


@pytest.mark.parametrize("how", ["lerp", "slerp"])
def test_walk_passes_through_every_key(how: str):
    keys = normal(4, 6)
    path = walk(keys, 5, how=how)
    assert path.shape == (16, 6)
    torch.testing.assert_close(path[::5], keys)
    closed = walk(keys, 5, how=how, loop=True)
    assert closed.shape == (20, 6)
    torch.testing.assert_close(closed[::5], keys)
    torch.testing.assert_close(closed[:16], path)


def test_walk_refuses_too_few_keys_or_steps():
    with pytest.raises(UsageError, match="two samples"):
        walk(normal(1, 6), 5)
    with pytest.raises(UsageError, match="one step"):
        walk(normal(2, 6), 0)


def test_there_is_no_way_through_no_latents() -> None:
    with pytest.raises(UsageError, match="there are no latents to walk through"):
        walk(torch.empty(3, 0), 4)


def test_walks_of_latents_with_places_go_as_their_numbers_do():
    keys = normal(3, 4, 2, 2)
    path = walk(keys, 3)
    assert path.shape == (7, 4, 2, 2)
    torch.testing.assert_close(path.flatten(1), walk(keys.flatten(1), 3))


def test_a_circle_goes_through_both_latents_and_their_opposites():
    u, v = normal(2, 6)
    path = circle(torch.stack([u, v]), 5)
    assert path.shape == (20, 6)
    torch.testing.assert_close(path[::5], torch.stack([u, v, -u, -v]))
    with pytest.raises(UsageError, match="two samples"):
        circle(normal(3, 6), 5)
    with pytest.raises(UsageError, match="one step"):
        circle(normal(2, 6), 0)


def test_circles_are_smooth_everywhere_and_keep_the_law():
    path = circle(normal(2, 4096), 15)
    steps = (path - path.roll(1, 0)).norm(dim=1)
    torch.testing.assert_close(steps, steps.mean().expand(60), rtol=0.1, atol=0)
    assert path.var(dim=1).mean() == pytest.approx(1, abs=0.1)
