from __future__ import annotations

import numpy as np
import pytest
import torch

from ganvas.errors import UsageError
from ganvas.metrics.kid import kernel_distance, polynomial_mmd, subset_size


def normal(n: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed)).double()


def test_polynomial_mmd_equals_its_double_sums():
    x, y = normal(5, 3, 0), normal(6, 3, 1)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return float(((a @ b) / 3 + 1) ** 3)

    within_x = np.mean([kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    within_y = np.mean([kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    between = np.mean([kernel(a, b) for a in x for b in y])
    assert polynomial_mmd(x, y) == pytest.approx(within_x + within_y - 2 * between)
    assert polynomial_mmd(x, y) == pytest.approx(polynomial_mmd(y, x))


def test_kernel_distance_of_one_law_is_zero_on_average():
    # Unbiased: over independent pairs the mean is zero within its own standard error.
    found = [polynomial_mmd(normal(60, 4, s), normal(60, 4, 1000 + s)) for s in range(200)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(200)


def test_kernel_distance_is_reproducible_and_sees_a_shift():
    x, y = normal(300, 8, 0), normal(250, 8, 1)
    first = kernel_distance(x, y, subsets=10, size=100, seed=3)
    assert first == kernel_distance(x, y, subsets=10, size=100, seed=3)
    assert first != kernel_distance(x, y, subsets=10, size=100, seed=4)
    assert abs(first.value) < 0.1 < kernel_distance(x, y + 1, subsets=10, size=100).value
    assert first.spread > 0


def test_mean_over_subsets_is_that_of_the_whole():
    x, y = normal(40, 4, 0), normal(50, 4, 1)
    found = kernel_distance(x, y, subsets=2000)
    error = found.spread / np.sqrt(2000)
    assert found.value == pytest.approx(polynomial_mmd(x, y), abs=4 * error)


def test_subsets_are_at_most_half_of_the_smaller_side():
    assert subset_size(5000, 2500) == 1000
    assert subset_size(40, 30) == 15
    assert subset_size(2, 3) == 2


def test_bad_features_are_refused():
    with pytest.raises(UsageError, match="one width"):
        polynomial_mmd(normal(5, 3, 0), normal(5, 4, 0))
    with pytest.raises(UsageError, match="subsets"):
        kernel_distance(normal(5, 3, 0), normal(5, 3, 1), subsets=0)
