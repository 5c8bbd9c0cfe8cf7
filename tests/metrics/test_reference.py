from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.data.choice import places
from ganvas.metrics import reference as module
from ganvas.metrics.extractor import Look, extract
from ganvas.metrics.extractors import RandomConv
from ganvas.metrics.frechet import frechet_of_features, frechet_of_moments
from ganvas.metrics.moments import moments_of
from ganvas.metrics.reference import Reference
from ganvas.metrics.unmeasurable import UnmeasurableError


def images(n: int) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(n)).integers(0, 256, (n, 8, 8, 3), np.uint8)


def test_the_moments_are_of_all_and_the_features_of_the_first_in_random_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "KEPT", 50)
    x, extractor = images(203), RandomConv(3)
    kept = Reference(extractor, x, 30, "cpu")
    whole = extract(extractor, x).features
    assert len(kept) == 203
    torch.testing.assert_close(kept.features, whole[places(203)[:50]])
    torch.testing.assert_close(kept.moments.mean, whole.double().mean(0))
    torch.testing.assert_close(kept.moments.covariance, whole.double().T.cov())
    other = extract(extractor, images(90)).features
    of_all = frechet_of_features(other, whole)
    assert frechet_of_moments(moments_of(other), kept.moments) == pytest.approx(of_all, rel=1e-6)
    assert frechet_of_features(other, kept.features) != pytest.approx(of_all, rel=1e-2)


class Dim(RandomConv):
    """Has nothing to say of images whose first pixel is black."""

    def look(self, images: Tensor) -> Look:
        features = super().look(images).features
        return Look(torch.where(images[:, :1, 0, 0] == 0, torch.nan, features))


def test_images_without_finite_features_are_named_by_their_places() -> None:
    x = images(40)
    x[:, 0, 0] = 1
    x[[3, 17], 0, 0] = 0
    kept = Reference(Dim(3), x, 7, "cpu")
    with pytest.raises(UnmeasurableError, match=r"in 2 of 40 rows \(3, 17\)"):
        kept.require_finite()
