"""Every score that an evaluation can print is defined in the documentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.data.laws import law
from ganvas.metrics.classifiers import AFFINE_DIGITS, CLOTHING, DIGITS
from ganvas.metrics.extractors import EXTRACTORS, DigitClassifier
from ganvas.metrics.images import evaluate_images
from ganvas.metrics.measures import coverage_measures
from ganvas.metrics.modes import truncated_variance
from ganvas.metrics.points import evaluate_points
from ganvas.metrics.protocol import Protocol

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture(scope="module")
def page() -> str:
    if not PAGE.is_file():
        pytest.skip("the documentation is not part of this installation")
    return PAGE.read_text(encoding="utf-8")


def test_every_point_score_is_defined(page: str):
    truth = law("ring8")
    printed = {*evaluate_points(truth.reference(50)[0], truth, 0)}
    printed |= {*coverage_measures(law("mix1200").reference(3)[0], law("mix1200"))}
    assert not [name for name in printed if f"`{name}`" not in page]


def test_every_image_score_is_defined(page: str, classifier: DigitClassifier, real_digits):
    train, _, held, labels = real_digits
    scores = evaluate_images(
        held[:30], train[:60], classifier, held_out=held[30:60], labels=torch.tensor(labels[:30])
    )
    printed = {score.protocol.metric for score in scores.values()}
    listed = {f"class_share_{c}" for c in range(2, 10)}  # stand for all by 0 and 1
    assert not [name for name in printed - listed if f"`{name}`" not in page]


def test_every_extractor_and_protocol_field_is_described(page: str):
    assert not [name for name in [*EXTRACTORS, *Protocol.model_fields] if f"`{name}`" not in page]


def test_stated_numbers_are_those_of_the_package(page: str):
    for shipped in (DIGITS, CLOTHING, AFFINE_DIGITS):
        net, _, accuracy = shipped.load()
        assert f"{sum(p.numel() for p in net.parameters()):,} weights" in page
        assert f"in {shipped.path.stat().st_size / 1e6:.2f} MB" in page
        assert f"{100 * accuracy:.2f} %" in page
        assert f"{100 * shipped.required:.4g} %" in page
    assert f"({np.sqrt(truncated_variance(2)):.3f} in 2-D)" in page
