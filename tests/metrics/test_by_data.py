"""Which classifier judges which data: a whole measurement of a model of affine digits."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas import api
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.games.gan import GAN, GANConfig
from ganvas.metrics.classifiers import AFFINE_DIGITS
from ganvas.model import Provenance, load, save_model
from ganvas.networks import DCGANDiscriminator, DCGANGenerator
from ganvas.play import build

TINY = GANConfig(
    generator=DCGANGenerator(width=4, stages=2), discriminator=DCGANDiscriminator(width=4, stages=2)
)


@pytest.mark.slow
def test_affine_digits_are_measured_by_their_own_classifier(tmp_path: Path):
    source = open_data(DataSettings(source="affine_digits"))
    save_model(tmp_path, build(GAN, TINY, source.spec, 1), Provenance(recipe="gan/test", rounds=0))
    scores = api.measure(load(tmp_path), source, 60)
    found = scores[f"is[{AFFINE_DIGITS.name}]"]
    assert found.protocol.extractor == AFFINE_DIGITS.name
    assert found.protocol.weights == AFFINE_DIGITS.load()[1]
    assert ("splits", "10") in found.protocol.settings
    assert found.floor is not None
    fid = scores[f"fid[{AFFINE_DIGITS.name}]"].protocol
    assert (fid.reference, fid.reference_samples) == ("affine_digits, held-out", 2000)
    assert {f"class_share_{c}[{AFFINE_DIGITS.name}]" for c in range(10)} <= set(scores)
