"""Copies of training items are told from good, blurred and collapsed samples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.data.domains.images import Images
from ganvas.metrics.copies import RATIO, Copies, are_copies, copies
from ganvas.metrics.duplicates import copy_share
from ganvas.metrics.of import plain
from ganvas.metrics.unmeasurable import UnmeasurableError


def normal(n: int, width: int, seed: int) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed)).double()


def brute(x: Tensor, train: Tensor, skip: bool = False) -> float:
    """Return the share of copies item by item, among training items that differ."""
    count = 0
    for i, item in enumerate(x):
        others = torch.cat([train[:i], train[i + 1 :]]) if skip else train
        first, second = (others.unique(dim=0) - item).norm(dim=1).sort().values[:2]
        count += bool(first < RATIO * second)
    return count / len(x)


@pytest.mark.parametrize("width", [1, 2, 6])
def test_copies_equal_brute_force(width: int) -> None:
    train, fresh, x = normal(60, width, 0), normal(50, width, 1), normal(40, width, 2)
    train = torch.cat([train, train[:9]])  # equal items count as one
    x = torch.cat([x, train[3:7] + 1e-3])
    found = copies(x, train, held_out=fresh)
    assert found == Copies(brute(x, train), brute(fresh, train))
    assert copies(x, iter(train.split(7)), held_out=fresh) == found
    left_out = copies(x, train, left_out=train[:30])
    assert left_out == Copies(found.share, brute(train[:30], train, skip=True))
    assert left_out.fresh >= 9 / 30  # those that others equal


def test_in_a_plane_a_ninth_of_fresh_points_are_copies() -> None:
    train, x = torch.rand(2000, 2).double(), torch.rand(4000, 2).double()
    found = copies(x[:2000], train, held_out=x[2000:])
    assert found.share == pytest.approx(RATIO**2, abs=0.02)
    assert found.excess == pytest.approx(0, abs=0.03)


def test_what_crowds_or_has_collapsed_is_no_copy() -> None:
    """The border on the distance alone takes all of them for copies."""
    train, fresh, x = normal(500, 50, 0), normal(300, 50, 1), normal(300, 50, 2)
    copied = train[torch.arange(300)] + 0.05 * x
    assert copies(copied, train, held_out=fresh).excess == 1
    for harmless in (x, x / 2, 0.05 * x):
        assert copies(harmless, train, held_out=fresh).share == 0
    assert copy_share(x / 2, train, fresh) > 0.9


def test_data_that_repeat_themselves_are_no_evidence() -> None:
    grid = torch.arange(4).double()
    draws = torch.Generator().manual_seed(0)
    train, fresh, x = (grid[torch.randint(4, (300, 2), generator=draws)] for _ in range(3))
    found = copies(x, train, held_out=fresh)
    assert (found.share, found.fresh, found.excess) == (1, 1, 0)
    assert copies(x, train, left_out=train).excess == 0
    spread = copies(x, train, held_out=fresh + 0.5)
    assert (spread.fresh, spread.excess) == (0, 1)


def test_too_few_different_items_tell_nothing() -> None:
    x, two = normal(5, 3, 0), normal(2, 3, 1)
    with pytest.raises(UnmeasurableError, match="too few"):
        copies(x, two, left_out=two)
    assert copies(x, two, held_out=x).share < 1
    with pytest.raises(UnmeasurableError, match="too few"):
        copies(x, two[:1].repeat(9, 1), held_out=x)
    assert not are_copies(x, two[:1]).any()


def test_plain_images_are_pixels_of_at_most_32_an_edge() -> None:
    domain = Images(channels=3, height=64, width=48)
    array = torch.randint(256, (2, 64, 48, 3)).numpy().astype("uint8")
    assert plain(domain, array).shape == (2, 3 * 32 * 24)
    small = Images(channels=1, height=8, width=8)
    pixels = torch.randint(256, (2, 8, 8, 1)).numpy().astype("uint8")
    assert torch.equal(plain(small, pixels), torch.from_numpy(pixels).flatten(1) / 255)
