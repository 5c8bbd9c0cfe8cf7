"""Boxes and masks of objects in pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganvas.data.readers.regions import read_boxes, read_masks
from ganvas.errors import UsageError

HEADER = "sample,x0,y0,x1,y1\n"


def test_a_box_holds_the_pixels_whose_middle_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(f"{HEADER}3,1,0,3,2\n\n0,0.6,0,2.4,1\n")
    first, second = read_boxes(path, (4, 5))
    assert first.sample == 3
    assert np.argwhere(first.mask).tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert np.argwhere(second.mask).tolist() == [[0, 1]]
    masks = read_masks(np.stack([first.mask * 0, first.mask * 255])[..., None], (4, 5), "m.npy")
    assert [region.sample for region in masks] == [1]
    np.testing.assert_array_equal(masks[0].mask, first.mask)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("0,1,1,6,2", r"line 2: the box from 1,1 to 6,2 lies outside .* 0 <= x0 < x1 <= 5"),
        ("0,-1,1,3,2", "line 2: the box from -1,1"),
        ("0,3,1,3,2", "holds nothing"),
        ("0,nan,1,3,2", "line 2: the box"),
        ("-1,0,0,1,1", "line 2: samples are numbered from 0"),
        ("bed,0,0,1,1", "line 2: expected five numbers, sample, x0"),
        ("0,0,0,1", "line 2: expected five numbers"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(HEADER + line)
    with pytest.raises(UsageError, match=complaint):
        read_boxes(path, (4, 5))


def test_other_tables_and_masks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    for content, complaint in ((b"x,y\n1,2", "must begin with 'sample,"), (b"\xff\xfe", "UTF-8")):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=complaint):
            read_boxes(path, (4, 5))
    with pytest.raises(UsageError, match=r"shape \(n, 4, 5\), got \(2, 5, 4\)"):
        read_masks(np.ones((2, 5, 4)), (4, 5), "m.npy")
    with pytest.raises(UsageError, match="no mask marks anything"):
        read_masks(np.zeros((2, 4, 5)), (4, 5), "m.npy")
