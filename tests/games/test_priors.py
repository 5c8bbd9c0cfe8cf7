"""Laws of latents: support, moments, schedules, and what a threshold leaves of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from ganvas.config import Schedule
from ganvas.errors import UsageError
from ganvas.games.parts.priors import AnyPrior, Prior
from ganvas.play import Noise

N, DIM = 4000, 50
LAWS: TypeAdapter[Any] = TypeAdapter(AnyPrior)


def prior(kind: str, **settings: Any) -> Prior:
    return LAWS.validate_python({"kind": kind, "dim": DIM, **settings})


def draw(kind: str, progress: float = 1.0, **settings: Any) -> Tensor:
    z = prior(kind, **settings).draw(N, Noise(0), progress)
    assert z.shape == (N, DIM)
    assert z.dtype == torch.float32
    return z


@pytest.mark.parametrize(
    ("kind", "mean", "variance", "values"),
    [
        ("normal", 0.0, 1.0, None),
        ("uniform", 0.0, 1 / 3, None),
        ("hypercube", 0.5, 1 / 12, None),
        ("bernoulli", 0.5, 0.25, [0, 1]),
        ("signs", 0.0, 1.0, [-1, 1]),
        ("categorical", 0.0, 2 / 3, [-1, 0, 1]),
        ("censored", 0.3989, 0.3408, None),
        ("masked", 0.0, 0.5, None),
        ("halves", 0.25, 0.6875, None),
        ("annealed", 0.0, 1.0, None),
        ("spread", 0.0, 1 + 1 / 12, None),
    ],
)
def test_each_law_has_its_moments_and_support(
    kind: str, mean: float, variance: float, values: list[int] | None
) -> None:
    z = draw(kind)
    assert z.mean().item() == pytest.approx(mean, abs=0.01)
    assert z.var().item() == pytest.approx(variance, abs=0.02)
    if values is not None:
        assert z.unique().tolist() == values


def test_censored_and_masked_numbers_are_zero_half_of_the_time() -> None:
    for kind in ("censored", "masked"):
        assert (draw(kind) == 0).float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert draw("censored").min() == 0


def test_halves_are_a_normal_law_and_coins() -> None:
    z = draw("halves")
    assert z[:, 25:].unique().tolist() == [0, 1]
    assert z[:, :25].var().item() == pytest.approx(1, abs=0.02)


def test_a_width_is_annealed_over_the_horizon() -> None:
    assert draw("annealed", progress=0).std().item() == pytest.approx(2, abs=0.02)
    assert draw("annealed", progress=0.5).std().item() == pytest.approx(1.5, abs=0.02)
    own = Schedule(start=3.0, end=0.5, shape="linear")
    assert draw("annealed", progress=1, sigma=own).std().item() == pytest.approx(0.5, abs=0.01)


def test_latents_of_one_spread_have_each_a_width_of_their_own() -> None:
    widths = draw("spread", low=0.5, high=1.5).std(1)
    assert widths.std().item() == pytest.approx(math.sqrt(1 / 12 + 1.08 / (2 * DIM)), abs=0.01)
    with pytest.raises(ValueError, match="low"):
        prior("spread", low=2.0, high=1.0)


@pytest.mark.parametrize(("t", "std"), [(2, 0.8796), (1, 0.5396), (0.5, 0.2839), (0.04, 0.02309)])
def test_a_threshold_gives_the_truncated_normal_law(t: float, std: float) -> None:
    z = prior("normal").within(N, Noise(0), t)
    assert z.abs().max() <= t
    assert z.std().item() == pytest.approx(std, rel=0.01)
    redrawn = torch.randn(400_000, generator=torch.Generator().manual_seed(1))
    redrawn = redrawn[redrawn.abs() <= t]
    share = (z.abs() < t / 2).float().mean()
    assert share.item() == pytest.approx((redrawn.abs() < t / 2).float().mean().item(), abs=0.01)


def test_one_seed_gives_the_same_latents_nearer_to_the_middle_at_smaller_thresholds() -> None:
    far, near = (prior("normal").within(100, Noise(3), t) for t in (2.0, 0.5))
    assert torch.equal(far.sign(), near.sign())
    assert (near.abs() <= far.abs()).all()
    assert prior("normal").within(100, Noise(3), 50.0).isfinite().all()


def test_thresholds_of_other_laws() -> None:
    z = prior("uniform").within(N, Noise(0), 0.5)
    assert z.abs().max() <= 0.5
    assert z.var().item() == pytest.approx(1 / 12, abs=0.005)
    z = prior("censored").within(N, Noise(0), 1.0)
    assert (z.min(), z.max() <= 1) == (0, True)
    zeros = 0.5 / (0.5 * (1 + math.erf(1 / math.sqrt(2))))
    assert (z == 0).float().mean().item() == pytest.approx(zeros, abs=0.01)
    with pytest.raises(UsageError, match="threshold=0.5 needs latents of kind normal.*signs"):
        prior("signs").within(4, Noise(0), 0.5)
