"""Affine digits: whole turns and shifts within bounds, nothing lost, anew in every epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate

from ganvas.data.affine import AffineSource, paste, turn
from ganvas.data.check import check_data
from ganvas.data.feed import Feed
from ganvas.data.items import Collection, Items
from ganvas.data.open import open_data
from ganvas.data.packaged import digits
from ganvas.data.settings import AffineSettings, DataSettings
from ganvas.errors import UsageError


def source(**settings: int) -> AffineSource:
    found = open_data(DataSettings(source="affine_digits", affine=AffineSettings(**settings)))
    assert isinstance(found, AffineSource)
    return found


def some(count: int) -> torch.Tensor:
    """Return digits (N, 1, 28, 28) in grey levels."""
    return torch.from_numpy(digits().splits["train"].x[:count, ..., 0]).float()[:, None]


def test_a_turn_is_that_of_another_library():
    images = torch.rand(3, 1, 9, 12, generator=torch.Generator().manual_seed(0))
    turned = turn(images, torch.tensor([-20, 0, 37]))
    for image, found, degrees in zip(images, turned, (-20, 0, 37), strict=True):
        expected = rotate(image[0].numpy(), degrees, reshape=False, order=1, mode="grid-constant")
        np.testing.assert_allclose(found[0].numpy(), expected, atol=2e-6)


def test_turning_keeps_ink():
    images = some(200)
    degrees = torch.arange(200) % 41 - 20
    ink = turn(images, degrees).sum((1, 2, 3)) / images.sum((1, 2, 3))
    assert ink.mean() == pytest.approx(1, abs=2e-3)
    assert (ink - 1).abs().max() < 0.05


def test_pasting_moves_every_pixel_and_changes_none():
    images = some(169)
    corner = torch.stack(torch.meshgrid(torch.arange(13), torch.arange(13), indexing="ij"), -1)
    pictures = paste(images, corner.reshape(-1, 2), 40)
    assert pictures.shape == (169, 1, 40, 40)
    for image, picture, (top, left) in zip(
        images, pictures, corner.reshape(-1, 2).tolist(), strict=True
    ):
        expected = torch.zeros(1, 40, 40)
        expected[:, top : top + 28, left : left + 28] = image
        assert torch.equal(picture, expected)


@pytest.mark.parametrize(("shift", "largest"), [(None, 12), (11, 11), (0, 0)])
def test_places_fill_their_bounds_and_never_leave_them(shift: int | None, largest: int):
    affine = source() if shift is None else source(shift=shift)
    _, places = affine.draw(np.random.Generator(np.random.PCG64(0)))
    assert places[:, 0].unique().tolist() == list(range(-20, 21))
    for axis in (1, 2):
        assert places[:, axis].unique().tolist() == list(range(largest + 1))


def test_pictures_are_whole_levels_on_a_black_canvas():
    batch = Feed(source(), batch=64, seed=0).next()
    assert batch.x.shape == (64, 1, 40, 40)
    levels = (batch.x + 1) * 127.5
    assert (levels - levels.round()).abs().max() < 1e-3
    assert (levels.min(), levels.max()) == (0, pytest.approx(255, abs=5))
    assert "label" in batch
    assert batch["label"].unique().tolist() == list(range(10))


def test_each_epoch_shows_every_digit_once_and_elsewhere():
    pool = Items(np.full((20, 28, 28, 1), 255, np.uint8), np.arange(20) % 10)
    pool.x[:, 0, 0, 0] = np.arange(20)
    names = tuple("0123456789")
    affine = AffineSource("affine", Collection("plain", {"train": pool}, names), AffineSettings())
    assert affine.spec.size == 20
    rng = np.random.Generator(np.random.PCG64(0))
    first, second = affine.draw(rng), affine.draw(rng)
    for index, _ in (first, second):
        assert index.sort().values.tolist() == list(range(20))
    assert not torch.equal(first[1], second[1])
    feed = Feed(affine, batch=20, seed=0)
    labels = [feed.next().get("label") for _ in range(2)]
    assert all(y is not None and y.bincount().tolist() == [2] * 10 for y in labels)


def test_a_digit_left_where_it_is_comes_back_exactly():
    affine = source(degrees=0, canvas=28)
    assert np.array_equal(affine.items("test").x, digits().splits["test"].x)


def test_fixed_splits_are_always_the_same_and_labelled():
    for split, count in (("reference", 10_000), ("test", 2_000)):
        items, again = source().items(split), source().items(split)
        assert items.x.shape == (count, 40, 40, 1)
        assert items.x.dtype == np.uint8
        assert np.array_equal(items.x, again.x)
        assert "label" in items
        assert len(items["label"]) == count
    held_out = digits().splits["test"]
    ink = source().items("test").x.sum((1, 2, 3)) / held_out.x.sum((1, 2, 3))
    assert ink.mean() == pytest.approx(1, abs=2e-3)
    with pytest.raises(UsageError, match="without end"):
        source().items("train")


def test_labels_can_be_left_out():
    affine = open_data(DataSettings(source="affine_digits", labels=False))
    assert affine.spec.classes == 0
    assert Feed(affine, batch=4, seed=0).next().get("label") is None
    assert "label" not in affine.items("test")


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match=r"canvas=30: it must be at least 40"):
        source(canvas=30, shift=12)
    with pytest.raises(UsageError, match=r"canvas=20: it must be at least 28"):
        source(canvas=20)
    with pytest.raises(UsageError, match="affine_digits and affine_mnist, not for digits"):
        open_data(DataSettings(source="digits", affine=AffineSettings()))
    with pytest.raises(UsageError, match="standardise is for points"):
        open_data(DataSettings(source="affine_digits", standardise=True))


def test_the_data_command_knows_it():
    report = check_data("affine_digits")
    assert report.counts == {"train": None, "test": 2000}
    assert report.sizes == {"40x40": None}
    assert list(report.channels) == ["grey"]
    assert report.classes["7"] == 800
