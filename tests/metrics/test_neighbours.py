from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.metrics import neighbours
from ganvas.metrics.moments import RunningMoments
from ganvas.metrics.prdc import Prdc, coverage, expected_coverage, prdc


def normal(n: int, width: int, seed: int) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed)).double()


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch):
    """Blocks of a few rows, so that every seam between blocks is crossed."""
    monkeypatch.setattr(neighbours, "BLOCK", 150)


def brute_prdc(real: Tensor, fake: Tensor, k: int) -> Prdc:
    """The definitions, word by word."""

    def gap(a: Tensor, b: Tensor) -> np.ndarray:
        return (a[:, None] - b[None]).norm(dim=-1).numpy()

    def radius(x: Tensor) -> np.ndarray:
        return np.sort(gap(x, x), axis=1)[:, k]  # column 0 is the point itself

    between = gap(real, fake)
    in_real = between <= radius(real)[:, None]
    in_fake = between <= radius(fake)[None]
    return Prdc(
        precision=in_real.any(0).mean(),
        recall=in_fake.any(1).mean(),
        density=in_real.sum(0).mean() / k,
        coverage=in_real.any(1).mean(),
    )


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("n", "m", "k"), [(40, 25, 3), (25, 40, 5), (6, 60, 1)])
def test_prdc_equals_brute_force(n: int, m: int, k: int):
    real, fake = normal(n, 3, 1), 0.8 * normal(m, 3, 2) + 0.3
    assert prdc(real, fake, k) == pytest.approx(brute_prdc(real, fake, k))
    assert coverage(real, fake, k) == prdc(real, fake, k).coverage


def test_a_set_against_itself_and_against_nothing_near():
    x = normal(50, 4, 0)
    same = prdc(x, x, 5)
    assert same.precision == same.recall == same.coverage == 1
    # Each point lies in its own ball and, over all points, in k others: (k + 1) / k.
    assert same.density == pytest.approx(6 / 5)
    assert prdc(x, x + 1000, 5) == (0, 0, 0, 0)


def test_prdc_does_not_depend_on_scale_or_place():
    x, y = normal(60, 3, 0), normal(60, 3, 1)
    assert prdc(100 * x + 1e4, 100 * y + 1e4) == prdc(x, y)


def test_a_dropped_mode_costs_recall_and_coverage_not_precision():
    modes = torch.tensor([[0.0, 0], [50, 0]]).double()
    real = torch.cat([normal(100, 2, 0) + modes[0], normal(100, 2, 1) + modes[1]])
    fake = normal(200, 2, 2) + modes[0]
    found = prdc(real, fake)
    assert found.precision > 0.9
    assert found.recall <= 0.5
    assert found.coverage <= 0.5


@given(st.integers(6, 40), st.integers(1, 60), st.integers(1, 4))
def test_expected_coverage_is_a_share_that_grows_with_samples(n: int, m: int, k: int):
    share = expected_coverage(n, m, k)
    assert 0 < share <= 1
    assert share <= expected_coverage(n, m + 1, k)


def test_coverage_of_equal_laws_is_as_expected():
    found = [coverage(normal(100, 2, s), normal(100, 2, 999 + s), 3) for s in range(60)]
    assert np.mean(found) == pytest.approx(expected_coverage(100, 100, 3), abs=0.015)


@pytest.mark.usefixtures("small_blocks")
def test_nearest_equals_brute_force_and_sees_exact_copies():
    gallery = 1e3 + normal(30, 5, 0)
    queries = torch.cat([gallery[[7, 3]], 1e3 + normal(9, 5, 1)])
    distance, index = neighbours.nearest(queries, gallery)
    brute = (queries[:, None] - gallery[None]).norm(dim=-1)
    assert index.tolist() == brute.argmin(1).tolist()
    torch.testing.assert_close(distance, brute.amin(1))
    assert distance[:2].tolist() == [0, 0]


@pytest.mark.usefixtures("small_blocks")
def test_nearest_other_leaves_oneself_out():
    x = normal(40, 5, 0)
    distance, index = neighbours.nearest_other(x)
    brute = (x[:, None] - x[None]).norm(dim=-1).fill_diagonal_(torch.inf)
    assert index.tolist() == brute.argmin(1).tolist()
    torch.testing.assert_close(distance, brute.amin(1))


def test_bad_features_are_refused():
    x = normal(5, 3, 0)
    with pytest.raises(UsageError, match="k = 5"):
        prdc(x, x, 5)
    with pytest.raises(UsageError, match="widths differ"):
        prdc(x, normal(5, 4, 0), 2)
    with pytest.raises(UsageError, match="not finite"):
        neighbours.nearest(x / 0, x)
    with pytest.raises(UsageError, match=r"\(N, F\)"):
        neighbours.nearest(x[0], x)
    with pytest.raises(UsageError, match="two vectors"):
        neighbours.nearest_other(x[:1])


@pytest.mark.parametrize("block", [7, 64, 1 << 23])
def test_parts_of_any_size_give_the_same(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(n, 5, generator=generator) + 3 for n in (23, 31))
    monkeypatch.setattr(neighbours, "BLOCK", block)
    wanted = (x.double()[:, None] - y.double()).square().sum(-1)
    found = torch.cat([squares for _, squares in neighbours.squared_distance_blocks(x, y)])
    assert torch.allclose(found, wanted, rtol=0, atol=1e-12)
    distance, index = neighbours.nearest(x, y)
    assert torch.equal(index, wanted.argmin(1))
    assert torch.allclose(distance, wanted.amin(1).sqrt(), rtol=1e-12)
    moments = RunningMoments(5).update(x)
    assert torch.allclose(moments.covariance, torch.cov(x.double().T), rtol=1e-12)
    assert neighbours.nearest(y, torch.cat([x, y]))[0].max() == 0
