"""Lengths of time are written alike everywhere."""

from __future__ import annotations

import pytest

from ganvas.duration import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (7.4, "7 s"),
        (59.6, "1 min"),
        (192, "3 min 12 s"),
        (300, "5 min"),
        (7500, "2 h 5 min"),
        (7259, "2 h"),
        (47 * 3600, "47 h"),
        (3 * 86400 + 7200, "3 d 2 h"),
    ],
)
def test_the_two_largest_units_are_written(seconds: float, words: str) -> None:
    assert duration(seconds) == words
