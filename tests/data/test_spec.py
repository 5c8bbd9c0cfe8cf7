"""Units, saving and showing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pydantic import ValidationError

from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points
from ganvas.data.spec import DataSpec, spec_of
from ganvas.errors import UsageError

pictures = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4])),
)


def domain_of(images: np.ndarray) -> Images:
    return Images(channels=images.shape[3], height=images.shape[1], width=images.shape[2])


def some_images(channels: int = 3, count: int = 5) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 6, 4, channels), dtype=np.uint8)


def test_black_is_minus_one_and_white_is_one() -> None:
    domain = Images(channels=1, height=1, width=2)
    encoded = domain.encode(np.array([0, 255], np.uint8).reshape(1, 1, 2, 1))
    assert encoded.flatten().tolist() == [-1.0, 1.0]


def test_every_level_survives_the_round_trip() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    domain = domain_of(levels)
    assert (domain.decode(domain.encode(levels)) == levels).all()


@given(pictures)
def test_images_round_trip(images: np.ndarray) -> None:
    domain = domain_of(images)
    encoded = domain.encode(images)
    assert encoded.dtype == torch.float32
    assert encoded.shape == (len(images), *domain.shape)
    assert encoded.is_contiguous()
    assert (domain.decode(encoded) == images).all()
    # Row by row from the definition: pixel (y, x) of channel c.
    n, y, x, c = (size - 1 for size in images.shape)
    assert encoded[n, c, y, x].item() == pytest.approx(images[n, y, x, c] / 127.5 - 1, abs=1e-6)


def test_decoding_clips() -> None:
    domain = Images(channels=1, height=1, width=2)
    assert domain.decode(torch.tensor([[[[-3.0, 9.0]]]])).flatten().tolist() == [0, 255]


@given(
    hnp.arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=32)),
    st.lists(st.floats(-10, 10), min_size=3, max_size=3),
    st.floats(0.01, 100),
)
def test_points_round_trip(points: np.ndarray, shift: list[float], scale: float) -> None:
    domain = Points(dim=3, shift=shift, scale=scale)
    encoded = domain.encode(points)
    assert encoded.dtype == torch.float32
    expected = (points.astype(np.float64) - shift) / scale
    np.testing.assert_allclose(encoded.numpy(), expected, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(domain.decode(encoded), points, rtol=1e-5, atol=2e-5)


def test_encoded_points_are_a_copy() -> None:
    points = np.zeros((2, 1), np.float32)
    Points(dim=1, shift=[0.0], scale=1.0).encode(points).add_(1)
    assert not points.any()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png", ".jpg", ".webp"])
def test_images_are_saved(tmp_path: Path, channels: int, suffix: str) -> None:
    images = some_images(channels)
    path = tmp_path / "new" / f"out{suffix}"
    domain_of(images).save(images, path)
    if suffix == ".npy":
        assert (np.load(path) == images).all()
    elif suffix == ".npz":
        assert (np.load(path)["images"] == images).all()
    else:
        with Image.open(path) as saved:
            assert saved.size == domain_of(images).picture(images).size


def test_a_folder_holds_every_image(tmp_path: Path) -> None:
    images = some_images(count=11)
    domain_of(images).save(images, tmp_path / "out")
    saved = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in saved] == [f"{i:02d}.png" for i in range(11)]
    for path, image in zip(saved, images, strict=True):
        assert (np.asarray(Image.open(path)) == image).all()
    with pytest.raises(UsageError, match="holds files already"):
        domain_of(images).save(images, tmp_path / "out")


def test_points_are_saved(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    domain = Points(dim=2, shift=[0, 0], scale=1)
    for suffix in (".npy", ".npz", ".png"):
        domain.save(points, tmp_path / f"out{suffix}")
    assert (np.load(tmp_path / "out.npy") == points).all()
    assert (np.load(tmp_path / "out.npz")["points"] == points).all()
    with pytest.raises(UsageError, match=r"expected \.npy, \.npz, \.csv, \.parquet, \.png"):
        domain.save(points, tmp_path / "out.gif")


def test_a_grid_shows_each_image_in_reading_order() -> None:
    images = np.stack([np.full((64, 64, 1), 10 * i, np.uint8) for i in range(4)])
    grid = np.asarray(domain_of(images).picture(images))
    assert grid.shape == (130, 130)
    assert [grid[0, 0], grid[0, -1], grid[-1, 0], grid[-1, -1]] == [0, 10, 20, 30]
    assert (grid[64:66] == 255).all()


def test_a_grid_has_the_columns_asked_for(tmp_path: Path) -> None:
    images = np.stack([np.full((64, 64, 1), 10 * i, np.uint8) for i in range(4)])
    domain_of(images).save(images, tmp_path / "row.png", columns=4)
    row = np.asarray(Image.open(tmp_path / "row.png"))
    assert row.shape == (64, 4 * 66 - 2)
    assert row[0, [0, 66, 132, 198]].tolist() == [0, 10, 20, 30]


def test_a_scatter_plot_has_ink_where_the_points_are() -> None:
    domain = Points(dim=2, shift=[0, 0], scale=1, view=(0, 0, 4, 4))
    plot = np.asarray(domain.picture(np.array([[3.0, 1.0], [9.0, 9.0]]))).min(axis=2)
    rows, columns = np.nonzero(plot < 255)
    assert np.abs(rows - 384).max() <= 2
    assert np.abs(columns - 384).max() <= 2


@pytest.mark.parametrize("points", [np.empty((0, 2)), np.full((3, 2), np.nan), np.zeros((9, 3))])
def test_any_points_can_be_shown(points: np.ndarray) -> None:
    domain = Points(dim=points.shape[1], shift=[0] * points.shape[1], scale=1)
    assert domain.picture(points).size == (512, 512)


def test_single_coordinates_are_shown_as_a_histogram() -> None:
    plot = np.asarray(Points(dim=1, shift=[0], scale=1).picture(np.array([[0.0], [1.0], [1.0]])))
    ink = (plot.min(axis=2) < 255).sum(axis=0)
    assert ink[-1] == pytest.approx(2 * ink[0], abs=2)
    assert ink[256] == 0


def test_a_spec_survives_json() -> None:
    spec = spec_of(
        name="mine",
        domain=Images(channels=3, height=32, width=48),
        classes=2,
        class_names=["cat", "dog"],
        size=10,
    )
    assert DataSpec.model_validate_json(spec.model_dump_json()) == spec
    assert (spec.kind, spec.shape) == ("images", (3, 32, 48))


def test_impossible_specs_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"1 \(grey\), 3 \(RGB\) or 4"):
        Images(channels=2, height=1, width=1)
    with pytest.raises(ValidationError, match="shift has 1 numbers for 2 coordinates"):
        Points(dim=2, shift=[0.0], scale=1)
    with pytest.raises(ValidationError, match="1 class names for 2 classes"):
        spec_of(
            name="x",
            domain=Points(dim=1, shift=[0.0], scale=1),
            classes=2,
            class_names=["a"],
        )
