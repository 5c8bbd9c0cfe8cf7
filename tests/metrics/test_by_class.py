"""Class by class: what leaks where, what has collapsed; and the points of a curve."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganvas.metrics.by_class import by_class, recognised
from ganvas.metrics.extractor import Look
from ganvas.metrics.tradeoff import Point, operating_points, saturation, spoilt
from ganvas.report.tradeoff import charts

LABELS = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])
REAL = torch.tensor([[0.0], [1], [2], [10], [11], [12], [20], [20], [20]])


def test_rows_are_what_was_asked_for_and_columns_what_is_shown() -> None:
    asked = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])
    shown = torch.tensor([0, 0, 0, 1, 1, 1, 0, 1])
    x = torch.tensor([[0.0], [2], [4], [10], [11], [11.1], [0], [9]])
    found = by_class(x, asked, shown, REAL, LABELS, 3)
    wanted = [[0.75, 0.25, 0], [0, 1, 0], [0.5, 0.5, 0]]
    torch.testing.assert_close(found.shown, torch.tensor(wanted).double())
    assert found.agreement.tolist() == [0.75, 1, 0]
    assert found.easy_to_hard == [1, 0, 2]
    assert found.leak(0) == (1, 0.25)
    assert found.leak(1)[1] == 0
    variances = [torch.tensor(v).double().var().item() for v in ([0, 2, 4, 10], [11, 11.1])]
    assert found.variance[:2].tolist() == pytest.approx(variances, rel=1e-5)  # real ones are 1
    assert found.variance[2].isnan()  # real items of this class do not vary
    assert found.collapsed == [1]


def test_a_classifier_of_these_classes_is_heard_and_else_the_nearest_item() -> None:
    known = Look(REAL)
    x = torch.tensor([[1.2], [19.0]])
    assert recognised(Look(x), known, LABELS, 3).tolist() == [0, 2]
    told = torch.tensor([[0.1, 0.8, 0.1], [0.2, 0.3, 0.5]])
    assert recognised(Look(x, told), known, LABELS, 3).tolist() == [1, 2]
    others = torch.full((2, 1000), 0.001)
    assert recognised(Look(x, others), known, LABELS, 3).tolist() == [0, 2]


def test_operating_points_are_those_of_the_paper() -> None:
    points = [
        Point(None, 8.0, 98.0),
        Point(0.8, 7.0, 120.0),
        Point(0.4, 9.0, 164.0),
        Point(0.1, 25.0, 206.0),
    ]
    found = operating_points(points, real=166.0)
    assert {name: point.value for name, point in found.items()} == {
        "untruncated": None,
        "best distance": 0.8,
        "score of real items": 0.4,
        "highest score": 0.1,
    }
    worse = [Point(None, 5.0, 1.0), Point(0.5, 6.0, 2.0)]  # the untruncated point counts, too
    assert operating_points(worse, None)["best distance"].value is None
    assert operating_points([Point(0.5, 6.0)], 3.0) == {"best distance": Point(0.5, 6.0)}


def test_curves_are_drawn_of_what_was_measured() -> None:
    points = [
        Point(None, 8.0, 1.0, 0.9, 1.0),
        Point(0.5, 7.0, 2.0, 0.95, 0.5),
        Point(0.1, 9.0, 3.0),
    ]
    drawn = charts("threshold", points)
    assert len(drawn) == 3
    assert all(chart.startswith("<svg") for chart in drawn)
    assert charts("threshold", points[:1]) == []


def test_saturated_samples_are_those_at_the_ends_of_their_range() -> None:
    x = np.array([[0, 2, 3, 128], [252, 253, 255, 100]], np.uint8)[..., None, None]
    assert saturation(x) == 0.5
    points = [Point(None, 1.0, saturated=0.2), Point(0.5, 1.0, saturated=0.36), Point(0.1, 1.0)]
    assert [p.value for p in spoilt(points, 0.25)] == [0.5]
