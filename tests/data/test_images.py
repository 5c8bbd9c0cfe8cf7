"""Folders of images: labels, splits, sizes, colours, and every way in which files break."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganvas.data import pixels
from ganvas.data.pixels import Form, conform
from ganvas.data.readers.images import read_images
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError


def picture(height: int = 8, width: int = 6, mode: str = "RGB", seed: int = 0) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(values[:, :, 0] if channels == 1 else values, mode)


def write(path: Path, image: Image.Image | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or picture()).save(path, **options)
    return path


def read(folder: Path, **keys: object):
    return read_images(folder, DataSettings.model_validate({"source": str(folder), **keys}))


def train(folder: Path, **keys: object) -> np.ndarray:
    return read(folder, **keys).splits["train"].x


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


# --- what is read ----------------------------------------------------------------------------


def test_lossless_files_are_read_pixel_by_pixel_in_name_order(tmp_path: Path) -> None:
    for i, name in enumerate(["b.png", "a.PNG", "c/d.webp"]):
        write(tmp_path / name, picture(seed=i), lossless=True)
    write(tmp_path / ".hidden.png")
    write(tmp_path / "__MACOSX" / "x.png")
    (tmp_path / "notes.txt").write_text("no image")
    expected = [np.asarray(picture(seed=i)) for i in (1, 0, 2)]
    assert (train(tmp_path) == np.stack(expected)).all()


def test_jpeg_is_read(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpeg"):
        write(tmp_path / name, Image.new("RGB", (6, 8), (200, 100, 50)))
    assert np.abs(train(tmp_path).astype(int) - [200, 100, 50]).max() < 4


def test_photographs_lying_on_their_side_are_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "b.jpg"):
        write(tmp_path / name, picture(8, 6), exif=exif)
    assert train(tmp_path).shape == (2, 6, 8, 3)


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    deep = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    for name in ("a.png", "b.png"):
        write(tmp_path / name, Image.fromarray(deep))
    assert train(tmp_path)[0, 0, :, 0].tolist() == [0, 1, 128, 255]


# --- labels and splits -----------------------------------------------------------------------


def test_subfolders_are_classes_in_numeric_order(tmp_path: Path) -> None:
    for name in ("10/a.png", "9/a.png", "9/deep/b.png"):
        write(tmp_path / name)
    collection = read(tmp_path)
    assert collection.class_names == ("9", "10")
    label = collection.splits["train"]["label"]
    assert label is not None
    assert label.tolist() == [1, 0, 0]
    assert read(tmp_path, labels=False).class_names == ()


@pytest.mark.parametrize(
    "names", [("a.png", "b.png"), ("x/a.png", "x/b.png"), ("a.png", "x/b.png")]
)
def test_no_classes_without_two_class_folders(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        write(tmp_path / name)
    assert "label" not in read(tmp_path).splits["train"]


def test_train_and_test_folders_are_splits(tmp_path: Path) -> None:
    for name in ("train/cat/a.png", "train/dog/a.png", "train/dog/b.png", "val/dog/c.png"):
        write(tmp_path / name)
    collection = read(tmp_path)
    assert collection.class_names == ("cat", "dog")
    labels = {split: items["label"] for split, items in collection.splits.items()}
    assert {
        split: list(map(int, label)) for split, label in labels.items() if label is not None
    } == {
        "train": [0, 1, 1],
        "test": [1],
    }


def test_csv_labels(tmp_path: Path) -> None:
    for name in ("a.png", "sub/b.png", "sub/c.png"):
        write(tmp_path / name)
    (tmp_path / "labels.csv").write_text("file,label\nsub/b.png,cat\na.png, dog\nsub/c.png,cat\n")
    collection = read(tmp_path)
    label = collection.splits["train"]["label"]
    assert label is not None
    assert [collection.class_names[i] for i in label] == ["dog", "cat", "cat"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png,cat\nb.png,dog\n", "must begin with the header 'file,label'"),
        ("", "must begin with the header"),
        ("file,label\na.png,cat\n", "gives no label for b.png"),
        ("file,label\na.png,cat\nb.png,cat\nz.png,dog\n", "names z.png, which is not an image"),
        ("file,label\na.png,0.53\nb.png,1\n", "line 2: '0.53' is not a class"),
        ("file,label\na.png\n", "line 2: expected 'file,label'"),
    ],
)
def test_csv_that_does_not_fit(tmp_path: Path, text: str, message: str) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        read(tmp_path)


# --- colours ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modes", "channels"),
    [
        (("L", "L"), 1),
        (("L", "RGB"), 3),
        (("RGB", "RGBA"), 3),
        (("RGBA", "RGBA"), 4),
        (("LA", "L"), 1),
        (("CMYK", "RGB"), 3),
        (("P", "1"), 3),
    ],
)
def test_colour_form_comes_from_the_files(
    tmp_path: Path, modes: tuple[str, ...], channels: int
) -> None:
    for i, mode in enumerate(modes):
        image = picture().convert(mode) if mode in ("P", "1") else picture(mode=mode)
        write(tmp_path / f"{i}.{'jpg' if mode == 'CMYK' else 'png'}", image)
    assert train(tmp_path).shape == (2, 8, 6, channels)


@pytest.mark.parametrize(("channels", "count"), [("grey", 1), ("rgb", 3), ("rgba", 4)])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_colour_form_can_be_chosen(tmp_path: Path, mode: str, channels: str, count: int) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name, picture(mode=mode))
    images = train(tmp_path, channels=channels)
    assert images.shape == (2, 8, 6, count)
    if count == 4 and mode in ("L", "RGB"):
        assert (images[..., 3] == 255).all()


def test_opaque_alpha_channels_are_dropped(tmp_path: Path) -> None:
    for i in range(2):
        write(tmp_path / f"{i}.png", picture(seed=i).convert("RGBA"))
    assert train(tmp_path).shape[-1] == 3
    assert train(tmp_path, channels="rgba").shape[-1] == 4


@pytest.mark.parametrize(
    ("background", "rgb"), [("white", (255, 255, 255)), ("#102030", (16, 32, 48))]
)
def test_transparency_is_composited_on_the_background(
    tmp_path: Path, background: str, rgb: tuple[int, int, int]
) -> None:
    source = picture(mode="RGBA", seed=4)
    for name in ("a.png", "b.png"):
        write(tmp_path / name, source)
    got = train(tmp_path, background=background)[0]
    values = np.asarray(source).astype(float)
    alpha = values[..., 3:] / 255
    assert np.abs(got - (alpha * values[..., :3] + (1 - alpha) * rgb)).max() <= 1


def test_transparent_pixels_are_white_unless_told(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name, Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert (train(tmp_path, channels="rgb") == 255).all()


# --- sizes -----------------------------------------------------------------------------------


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["stretch", "fit-crop", "pad"]),
    st.sampled_from(["grey", "rgb", "rgba"]),
)
@settings(max_examples=60)
def test_every_rule_gives_the_size_asked_for(
    height: int, width: int, to_height: int, to_width: int, rule: str, channels: str
) -> None:
    form = Form((to_height, to_width), rule, channels, None)  # pyright: ignore[reportArgumentType]
    assert conform(picture(height, width), form).shape == form.shape


def test_flat_images_stay_flat_under_stretch_and_crop() -> None:
    flat = Image.new("RGB", (30, 50), (10, 120, 230))
    for rule in ("stretch", "fit-crop"):
        assert (conform(flat, Form((16, 24), rule, "rgb", None)) == [10, 120, 230]).all()


def test_fit_crop_keeps_the_middle_and_the_aspect() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    got = conform(Image.fromarray(wide), Form((10, 10), "fit-crop", "rgb", None))
    assert (got == 255).all()


def test_pad_never_enlarges_and_centres() -> None:
    digit = picture(28, 28, "L")
    got = conform(digit, Form((32, 32), "pad", "grey", None))
    assert (got[2:30, 2:30, 0] == np.asarray(digit)).all()
    assert got.sum() == np.asarray(digit).sum()


def test_pad_shrinks_what_is_larger_and_fills_with_the_background() -> None:
    got = conform(Image.new("RGB", (40, 20), (0, 0, 0)), Form((16, 16), "pad", "rgb", (9, 8, 7)))
    assert (got[:4] == [9, 8, 7]).all()
    assert (got[12:] == [9, 8, 7]).all()
    assert (got[4:12] == 0).all()


def test_pad_around_transparent_images_is_transparent() -> None:
    got = conform(picture(4, 4, "RGBA"), Form((8, 8), "pad", "rgba", None))
    assert (got[0] == 0).all()


def test_sizes_may_be_oblong(tmp_path: Path) -> None:
    for i in range(2):
        write(tmp_path / f"{i}.png", picture(20 + i, 30))
    assert train(tmp_path, size=[8, 12], resize="fit-crop").shape == (2, 8, 12, 3)


def test_mixed_sizes_without_a_rule_name_two_files_and_the_remedy(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture(48, 64))
    write(tmp_path / "b.png", picture(32, 32))
    with pytest.raises(UsageError) as caught:
        read(tmp_path)
    message = str(caught.value)
    assert "a.png is 48x64, b.png is 32x32" in message
    assert "data.size=32 data.resize=fit-crop" in message


def test_another_size_without_a_rule_is_refused(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name, picture(8, 8))
    assert train(tmp_path, size=8).shape == (2, 8, 8, 3)
    with pytest.raises(
        UsageError, match=r"asks for 16x16 images, but a\.png is 8x8.*data\.resize="
    ):
        read(tmp_path, size=16)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=1))
def test_the_suggested_size_enlarges_no_more_than_half(sizes: list[tuple[int, int]]) -> None:
    edge = pixels.suggested_edge(sizes)
    assert edge & (edge - 1) == 0
    assert 2 * sum(min(size) >= edge for size in sizes) >= len(sizes)


# --- broken files ----------------------------------------------------------------------------


def broken_folder(folder: Path) -> Path:
    for i in range(4):
        write(folder / f"good{i}.png", picture(64, 64, seed=i))
    truncate(write(folder / "cut.png", picture(64, 64)))
    truncate(write(folder / "cut.jpg", picture(64, 64)))
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("This is no picture.\n")
    (folder / "noise.webp").write_bytes(bytes(range(256)))
    return folder


def test_broken_files_are_all_listed_with_reasons(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(broken_folder(tmp_path))
    message = str(caught.value)
    assert message.startswith(f"5 of 9 image files in {tmp_path} are broken")
    assert "cut.png: damaged: " in message
    assert "cut.jpg: damaged: " in message
    assert "empty.png: empty file (0 bytes)" in message
    assert "text.png: text, not an image" in message
    assert "noise.webp: not an image that can be read" in message
    assert message.endswith("data.skip_broken=true.")


def test_a_truncated_png_alone_is_refused(tmp_path: Path) -> None:
    for i in range(2):
        write(tmp_path / f"good{i}.png", picture(64, 64))
    truncate(write(tmp_path / "cut.png", picture(64, 64)))
    with pytest.raises(UsageError, match=r"1 of 3 image files .* are broken:\n  cut.png: damaged"):
        read(tmp_path)


def test_broken_files_can_be_skipped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        images = train(broken_folder(tmp_path), skip_broken=True)
    assert (images == np.stack([np.asarray(picture(64, 64, seed=i)) for i in range(4)])).all()
    assert "Left out 5 broken image files" in caplog.text
    assert "cut.png" in caplog.text


def test_long_lists_are_cut_with_the_total(tmp_path: Path) -> None:
    for i in range(14):
        (tmp_path / f"{i:02d}.png").write_text("text")
    with pytest.raises(UsageError, match=r"14 of 14(.|\n)*09\.png: text(.|\n)*and 4 more"):
        read(tmp_path)
    with pytest.raises(UsageError, match="holds no samples"):
        read(tmp_path, skip_broken=True)


def test_an_unreadable_file_is_broken(tmp_path: Path) -> None:
    for i in range(2):
        write(tmp_path / f"{i}.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(UsageError, match=r"gone\.png: cannot be read: No such file"):
        read(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no image that can be read in .*: it is empty\."):
        read(tmp_path)
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(UsageError, match=r"1 \.txt file, not an image \(readme\.txt\)"):
        read(tmp_path)
    (tmp_path / "many.npy").write_bytes(b"")
    with pytest.raises(UsageError, match=r"is given by its own name: '.*/(many\.npy|readme\.txt)'"):
        read(tmp_path)


def test_a_single_image_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    with pytest.raises(UsageError, match="holds a single sample"):
        read(tmp_path)
