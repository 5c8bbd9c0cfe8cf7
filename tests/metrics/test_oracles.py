"""Our distances against torchmetrics' with the same features."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.kid import polynomial_mmd


class Flat(nn.Module):
    """Features of an image: its own 48 numbers."""

    num_features = 48

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).double() / 255


def images(n: int, seed: int, top: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, top, (n, 3, 4, 4), generator=rng, dtype=torch.uint8)


def test_frechet_distance_equals_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid", exc_type=Exception)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = fid.FrechetInceptionDistance(feature=Flat(), input_img_size=(3, 4, 4))
        metric.set_dtype(torch.float64)
        real, fake = images(200, 0, 256), images(150, 1, 200)
        metric.update(real, real=True)
        metric.update(fake, real=False)
        expected = float(metric.compute())
    assert frechet_of_features(Flat()(real), Flat()(fake)) == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_equals_torchmetrics():
    kid = pytest.importorskip("torchmetrics.image.kid", exc_type=Exception)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = kid.KernelInceptionDistance(feature=Flat(), subsets=1, subset_size=80)
        real, fake = images(80, 0, 256), images(80, 1, 200)
        metric.update(real, real=True)
        metric.update(fake, real=False)
        expected = float(metric.compute()[0])
    assert polynomial_mmd(Flat()(real), Flat()(fake)) == pytest.approx(expected, rel=1e-6)
