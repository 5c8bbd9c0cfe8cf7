from __future__ import annotations

import json
import math

import pytest

from ganvas.errors import UsageError
from ganvas.metrics.protocol import Protocol, Score, require_comparable, settings

PROTOCOL = Protocol(
    metric="fid",
    extractor="digit-classifier",
    weights="ab12",
    samples=5000,
    reference="digits, held-out",
    reference_samples=2000,
    resize="none",
    seed=3,
    settings=settings(k=5, size=1000),
)


def test_name_comes_from_the_extractor_in_the_protocol():
    assert PROTOCOL.name == "fid[digit-classifier]"
    assert Protocol(metric="hq", samples=10).name == "hq"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metric", "kid"),
        ("extractor", "pixels"),
        ("weights", "cd34"),
        ("samples", 4999),
        ("reference", "digits, train"),
        ("reference_samples", 8000),
        ("resize", "centre crop 32x32 to 28x28"),
        ("seed", 4),
        ("settings", settings(k=3, size=1000)),
    ],
)
def test_any_differing_field_forbids_a_comparison_and_is_shown(field: str, value: object):
    mine = Score(value=1.0, protocol=PROTOCOL)
    other = Score(value=2.0, protocol=PROTOCOL.model_copy(update={field: value}))
    with pytest.raises(UsageError, match=field) as caught:
        mine.minus(other)
    assert repr(value) in str(caught.value)
    assert set(PROTOCOL.differences(other.protocol)) == {field}


def test_equal_protocols_compare():
    high, low = (Score(value=value, protocol=PROTOCOL) for value in (3.5, 1.0))
    assert high.minus(low) == 2.5
    require_comparable([high, low])


def test_json_round_trip():
    score = Score(value=1.25, spread=0.5, floor=0.125, protocol=PROTOCOL)
    text = score.to_json()
    assert Score.from_json(text) == score
    assert json.loads(text)["name"] == "fid[digit-classifier]"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_json_stays_strict_for_numbers_that_are_not_finite(value: float):
    text = Score(value=value, floor=math.inf, protocol=PROTOCOL).to_json()
    assert json.loads(text, parse_constant=pytest.fail)["value"] is None
    assert math.isnan(Score.from_json(text).value)


def test_settings_are_ordered_strings():
    assert settings(b=1, a="x") == settings(a="x", b=1) == (("a", "x"), ("b", "1"))
