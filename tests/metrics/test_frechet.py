from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics.frechet import frechet_distance, frechet_of_features, frechet_of_moments
from ganvas.metrics.moments import RunningMoments


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def covariance(width: int, rank: int, seed: int = 0) -> Tensor:
    factor = torch.randn(width, rank, generator=generator(seed), dtype=torch.float64)
    return factor @ factor.T


@pytest.mark.parametrize(("width", "rank"), [(1, 1), (5, 5), (40, 40), (40, 7)])
def test_equal_covariances_leave_the_squared_mean_gap(width: int, rank: int):
    c = covariance(width, rank)
    a, b = torch.randn(2, width, generator=generator(), dtype=torch.float64)
    expected = float((a - b).square().sum())
    assert frechet_distance(a, c, b, c) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(a, c, a, c) == pytest.approx(0, abs=1e-5)


def test_commuting_covariances_have_a_closed_form():
    # Same eigenvectors: d^2 is the sum of (sqrt l1 - sqrt l2)^2.
    basis, _ = torch.linalg.qr(torch.randn(6, 6, generator=generator(), dtype=torch.float64))
    first = torch.tensor([4.0, 1.0, 9.0, 0.0, 2.0, 0.0], dtype=torch.float64)
    second = torch.tensor([1.0, 1.0, 0.0, 4.0, 8.0, 0.0], dtype=torch.float64)
    c1, c2 = (basis @ torch.diag(values) @ basis.T for values in (first, second))
    expected = float((first.sqrt() - second.sqrt()).square().sum())
    zero = torch.zeros(6, dtype=torch.float64)
    assert frechet_distance(zero, c1, zero, c2) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rank", [12, 4])
def test_symmetric_and_equal_to_the_matrix_square_root(rank: int):
    c1, c2 = covariance(12, 12, 1), covariance(12, rank, 2)
    a, b = torch.randn(2, 12, generator=generator(3), dtype=torch.float64)
    roots = torch.linalg.eigvals(c1 @ c2).real.clamp(min=0).sqrt().sum()
    expected = (a - b).square().sum() + c1.trace() + c2.trace() - 2 * roots
    assert frechet_distance(a, c1, b, c2) == pytest.approx(float(expected), rel=1e-6)
    assert frechet_distance(b, c2, a, c1) == pytest.approx(float(expected), rel=1e-6)


def test_fewer_samples_than_features():
    x = torch.randn(20, 64, generator=generator(), dtype=torch.float64)
    assert frechet_of_features(x, x) == pytest.approx(0, abs=1e-6)
    shifted = x + 2 * torch.ones(64) / 8  # a shift of length 2 in all directions at once
    assert frechet_of_features(x, shifted) == pytest.approx(4, rel=1e-6)


def test_the_distance_of_two_samples_of_one_law_falls_with_their_size():
    x = torch.randn(2, 2048, 16, generator=generator(), dtype=torch.float64)
    few, many = (frechet_of_features(*x[:, :n]) for n in (256, 2048))
    assert 5 < few / many < 12  # as 1/n: 8 expected


def test_scaling_features_scales_the_squared_distance():
    x, y = torch.randn(2, 200, 8, generator=generator(), dtype=torch.float64)
    y = 1.5 * y + 0.3
    assert frechet_of_features(3 * x, 3 * y) == pytest.approx(9 * frechet_of_features(x, y))


def test_running_moments_equal_one_pass_whatever_the_batches():
    x = 1e6 + torch.randn(103, 5, generator=generator(), dtype=torch.float64)
    whole = RunningMoments(5).update(x)
    parts = RunningMoments(5)
    for batch in x.split([1, 40, 0, 60, 2]):
        parts.update(batch)
    merged = RunningMoments(5).merge(RunningMoments(5).update(x[:30]))
    merged.merge(RunningMoments(5).update(x[30:])).merge(RunningMoments(5))
    for moments in (whole, parts, merged):
        assert moments.count == 103
        torch.testing.assert_close(moments.mean, x.mean(0), rtol=1e-14, atol=0)
        torch.testing.assert_close(moments.covariance, x.T.cov(), rtol=1e-8, atol=1e-10)
    assert frechet_of_moments(whole, parts) == pytest.approx(0, abs=1e-6)


def test_bad_moments_are_refused():
    moments = RunningMoments(3)
    with pytest.raises(UsageError, match=r"\(N, 3\)"):
        moments.update(torch.zeros(2, 4))
    with pytest.raises(UsageError, match="1 samples or more"):
        _ = moments.mean
    with pytest.raises(UsageError, match="2 samples or more"):
        _ = moments.update(torch.zeros(1, 3)).covariance
    with pytest.raises(UsageError, match="widths 3 and 4"):
        moments.merge(RunningMoments(4))
    with pytest.raises(UsageError, match="do not fit"):
        frechet_distance(torch.zeros(3), torch.eye(3), torch.zeros(3), torch.eye(2))
