"""Slices cover everything once, in order."""

from __future__ import annotations

import pytest

from ganvas.slices import slices


@pytest.mark.parametrize("count", [0, 1, 5, 12])
@pytest.mark.parametrize("size", [0, 1, 4, 5, 99])
def test_all_is_covered_once_in_order(count: int, size: int) -> None:
    parts = [list(range(count))[part] for part in slices(count, size)]
    assert [item for part in parts for item in part] == list(range(count))
    assert all(len(part) == max(size, 1) for part in parts[:-1])
    assert all(part.stop <= count for part in slices(count, size))
