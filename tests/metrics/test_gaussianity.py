"""Gaussianity of codes: near nothing for the prior, closed forms for shifted and scaled codes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ganvas.errors import UsageError
from ganvas.metrics.gaussianity import gaussianity

RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal((4000, 3))


def test_the_prior_itself_is_close_to_zero_and_the_distance_is_scipys() -> None:
    found = gaussianity(NORMAL)
    assert found["latent_mean"] < 0.04
    assert found["latent_covariance"] < 0.05
    assert found["latent_mmd"] < 0.01
    expected = max(stats.kstest(column, "norm").statistic for column in NORMAL.T)
    assert found["latent_ks"] == pytest.approx(expected)


def test_shifted_and_scaled_codes() -> None:
    shifted = gaussianity(NORMAL + np.array([3.0, 0.0, 0.0]))
    assert shifted["latent_mean"] == pytest.approx(3 / np.sqrt(3), rel=0.03)
    assert shifted["latent_ks"] == pytest.approx(2 * stats.norm.cdf(1.5) - 1, abs=0.03)
    scaled = gaussianity(2 * NORMAL)  # variances 4: off by 3 on the diagonal of 9 entries
    assert scaled["latent_covariance"] == pytest.approx(3 * np.sqrt(3 / 9), rel=0.05)
    assert scaled["latent_mmd"] > gaussianity(NORMAL)["latent_mmd"]


def test_covariances_are_unbiased_and_the_prior_is_drawn_with_the_seed() -> None:
    few = NORMAL[:4]
    off = np.cov(few.T) - np.eye(3)
    assert gaussianity(few)["latent_covariance"] == pytest.approx(np.sqrt((off**2).mean()))
    one, other = (gaussianity(NORMAL[:200], seed) for seed in (0, 1))
    assert one.pop("latent_mmd") != other.pop("latent_mmd")
    assert one == other


def test_codes_of_another_shape_are_refused() -> None:
    with pytest.raises(UsageError, match=r"shape \(N, K\)"):
        gaussianity(np.zeros(5))
