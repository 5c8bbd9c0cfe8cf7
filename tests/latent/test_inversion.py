"""Inversion: a generator's own samples are found again; more searches never do worse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.latent.inversion import Method, invert

TABLE = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))


def generate(z: Tensor) -> Tensor:
    return torch.tanh(z @ TABLE)


@pytest.mark.parametrize(("method", "steps"), [("adam", 500), ("lbfgs", 50)])
def test_own_samples_are_found_again(method: Method, steps: int) -> None:
    z = torch.randn(12, 3)
    starts = torch.randn(3, 12, 3)
    found, error = invert(generate, generate(z), starts, steps=steps, method=method)
    assert error.max() < 1e-4
    torch.testing.assert_close(generate(found), generate(z), atol=0.05, rtol=0)


def test_the_error_is_that_of_the_latent_returned_and_falls_with_restarts() -> None:
    target = torch.rand(6, 8) * 3
    starts = torch.randn(4, 6, 3)
    errors = []
    for count in (1, 2, 4):
        z, error = invert(generate, target, starts[:count], steps=20)
        torch.testing.assert_close((generate(z) - target).square().mean(1), error)
        errors.append(error)
    assert (errors[1] <= errors[0]).all()
    assert (errors[2] <= errors[1]).all()


def test_a_linear_generator_gives_the_least_squares_solution() -> None:
    target = torch.randn(5, 8)
    best = target @ torch.linalg.pinv(TABLE) @ TABLE
    _, error = invert(lambda z: z @ TABLE, target, torch.zeros(1, 5, 3), steps=2000)
    torch.testing.assert_close(error, (best - target).square().mean(1), atol=1e-4, rtol=1e-3)
