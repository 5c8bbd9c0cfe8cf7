"""Signal-to-noise ratio and structural similarity: closed forms, a loop, and torchmetrics."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from ganvas.metrics.similarity import psnr, ssim


def pairs(height: int, width: int, n: int = 3) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(n, 3, height, width, generator=draw)
    return x, (x + 0.2 * torch.randn(x.shape, generator=draw)).clamp(0, 1)


def test_a_tenth_of_the_range_is_twenty_decibels() -> None:
    x = torch.full((2, 3, 8, 8), 0.4)
    apart = torch.tensor([0.1, 0.01])[:, None, None, None]
    wanted = torch.tensor([20.0, 40.0], dtype=torch.float64)
    torch.testing.assert_close(psnr(x, x + apart), wanted, atol=1e-3, rtol=0)
    assert psnr(x, x).isposinf().all()


def by_hand(x: Tensor, y: Tensor, edge: int) -> float:
    """Equation 13 of the paper at each place and channel, one after the other."""
    half = edge // 2
    weight = [
        [math.exp(-((i - half) ** 2 + (j - half) ** 2) / (2 * 1.5**2)) for j in range(edge)]
        for i in range(edge)
    ]
    w = torch.tensor(weight, dtype=torch.float64)
    w = w / w.sum()
    found: list[float] = []
    for a, b in zip(x.double(), y.double(), strict=True):
        for top in range(a.shape[0] - edge + 1):
            for left in range(a.shape[1] - edge + 1):
                u = a[top : top + edge, left : left + edge]
                v = b[top : top + edge, left : left + edge]
                mean_u, mean_v = (w * u).sum(), (w * v).sum()
                var_u, var_v = (w * (u - mean_u) ** 2).sum(), (w * (v - mean_v) ** 2).sum()
                both = (w * (u - mean_u) * (v - mean_v)).sum()
                light = (2 * mean_u * mean_v + 1e-4) / (mean_u**2 + mean_v**2 + 1e-4)
                found.append(float(light * (2 * both + 9e-4) / (var_u + var_v + 9e-4)))
    return sum(found) / len(found)


@pytest.mark.parametrize(("sides", "edge"), [((12, 14), 11), ((6, 16), 5)])
def test_similarity_is_the_papers_sum(sides: tuple[int, int], edge: int) -> None:
    x, y = pairs(*sides, n=2)
    wanted = [by_hand(a, b, edge) for a, b in zip(x, y, strict=True)]
    torch.testing.assert_close(ssim(x, y), torch.tensor(wanted, dtype=torch.float64))


def test_similarity_is_that_of_torchmetrics() -> None:
    """Which mirrors borders; away from them its places are the same."""
    x, y = pairs(20, 24)
    _, places = structural_similarity_index_measure(x, y, data_range=1.0, return_full_image=True)
    wanted = places[:, :, 5:-5, 5:-5].flatten(1).mean(1)
    torch.testing.assert_close(ssim(x, y).float(), wanted, atol=1e-5, rtol=0)


def test_similarity_is_one_of_equal_images_and_symmetric() -> None:
    x, y = pairs(16, 16)
    torch.testing.assert_close(ssim(x, x), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(ssim(x, y), ssim(y, x))
    assert (ssim(x, y) < 1).all()
