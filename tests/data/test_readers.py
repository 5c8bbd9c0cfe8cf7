"""Folders and archives: which files are images of which split and class, and what is left out."""

from __future__ import annotations

import io
import json
import logging
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.data import deep
from ganvas.data.catalogue import read
from ganvas.data.check import check_data
from ganvas.data.items import Collection
from ganvas.data.pixels import Form, conform
from ganvas.data.readers import decode
from ganvas.data.readers.images import read_images, survey
from ganvas.data.readers.layout import lay_out, wrapper
from ganvas.data.readers.picture import read_picture
from ganvas.data.readers.place import File, LeftOut, grouped
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError


def write(path: Path, level: int = 0, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (6, 4), level).save(path, **options)


def load(path: Path, **keys: object) -> Collection:
    return read(DataSettings.model_validate({"source": str(path), **keys}))


def levels(collection: Collection, split: str = "train") -> list[int]:
    """Return what tells the images of a split apart: the grey of each."""
    return collection.splits[split].x[:, 0, 0, 0].tolist()


def classes(collection: Collection, split: str = "train") -> list[str]:
    label = collection.splits[split].get("label")
    return [] if label is None else [collection.class_names[i] for i in label]


# --- which files ---------------------------------------------------------------------------------

LOSSLESS = ("a.png", "b.bmp", "c.gif", "d.tiff", "e.TIF", "f.PNG", "g.pgm", "h.tga", "i.webp")
LOSSY = ("j.jfif", "k.jpe", "l.JPEG", "m.avif", "n.jp2")


def test_every_format_that_pillow_decodes_by_itself_is_read(tmp_path: Path) -> None:
    for i, name in enumerate(LOSSLESS):
        write(tmp_path / name, 20 * i, **({"lossless": True} if name.endswith("webp") else {}))
    for i, name in enumerate(LOSSY, len(LOSSLESS)):
        write(tmp_path / name, 10 * i, format="JPEG" if name[2:5] in ("jfi", "jpe") else None)
    found = levels(load(tmp_path, channels="grey"))
    assert found[: len(LOSSLESS)] == [20 * i for i in range(len(LOSSLESS))]
    wanted = [10 * i for i in range(len(LOSSLESS), len(LOSSLESS) + len(LOSSY))]
    assert found[len(LOSSLESS) :] == pytest.approx(wanted, abs=4)


def test_of_an_animation_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("L", (6, 4), level) for level in (50, 90)]
    for name in ("a.gif", "b.gif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert levels(load(tmp_path, channels="grey")) == [50, 50]


def test_a_file_that_would_start_another_program_is_never_opened(tmp_path: Path) -> None:
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n"
    for name in ("a.png", "b.png"):
        write(tmp_path / name)
    (tmp_path / "c.eps").write_bytes(script)
    assert len(load(tmp_path).splits["train"]) == 2
    (tmp_path / "d.png").write_bytes(script)
    with pytest.raises(UsageError, match=r"d\.png: text, not an image"):
        load(tmp_path)


def test_everything_left_out_is_counted_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.png", "b.png", ".hidden.png", "__MACOSX/x.png", "c.heic", "d.heic"):
        write(tmp_path / name, format="PNG")
    (tmp_path / "README").write_text("about")
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\nb.png,y\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert len(load(tmp_path).splits["train"]) == 2
    told = [record.getMessage().partition("left out ")[2] for record in caplog.records]
    assert sorted(told) == [
        "1 file without a suffix (README)",
        "1 link to a folder that is read already (loop)",
        "2 .heic file, not an image (first c.heic)",
        "2 hidden (first .hidden.png)",
    ]
    report = check_data(str(tmp_path))
    assert len(report.left_out) == 6
    assert "left out: 6\n    2 hidden" in report.text()
    assert "2 .heic file, not an image (first c.heic)" in report.text()


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path / "set" / "own" / "a.png", 1)
    write(tmp_path / "elsewhere" / "b.png", 2)
    (tmp_path / "set" / "a_link_to_own").symlink_to(tmp_path / "set" / "own")
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "set")
    found = load(tmp_path / "set")
    assert levels(found) == [2, 1]
    assert classes(found) == ["linked", "own"]
    left_out = survey(tmp_path / "set").left_out
    assert [one.name for one in left_out] == ["a_link_to_own", "linked/back"]


def test_what_is_no_regular_file_is_never_read(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with (tmp_path / "sparse.png").open("wb") as stream:
        stream.truncate(3 * 2**30)
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert "3 of 5 image files" in str(caught.value)
    assert "pipe.png: a pipe, not a regular file" in str(caught.value)
    assert "zero.png: a device, not a regular file" in str(caught.value)
    assert "sparse.png: 3,072 MiB; files above 256 MiB are not read" in str(caught.value)
    assert len(load(tmp_path, skip_broken=True).splits["train"]) == 2


def test_a_file_that_became_a_pipe_meanwhile_blocks_nobody(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name)
    found = survey(tmp_path)
    (tmp_path / "a.png").unlink()
    os.mkfifo(tmp_path / "a.png")
    _, broken = decode.heads(found.place, found.files)
    assert [one.name for one in broken] == ["a.png"]


@pytest.mark.parametrize("edges", [(20_000, 10_000), (10_000, 9_000)])
def test_images_too_large_to_decode_are_not_called_damaged(
    tmp_path: Path, edges: tuple[int, int], recwarn: pytest.WarningsRecorder
) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name)
    Image.new("1", edges).save(tmp_path / "large.png")
    with pytest.raises(UsageError, match=r"large\.png: too large to decode: more than 89 million"):
        load(tmp_path)
    assert not recwarn.list


# --- archives ------------------------------------------------------------------------------------


def packed(folder: Path, archive: Path, top: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, top + path.relative_to(folder).as_posix())
    return archive


@pytest.mark.parametrize("top", ["", "my_images/"])
def test_an_archive_is_read_as_the_folder_that_it_holds(tmp_path: Path, top: str) -> None:
    for i in range(6):
        write(tmp_path / "set" / ("train" if i < 4 else "test") / "ab"[i % 2] / f"{i}.png", i)
    (tmp_path / "set" / "notes.txt").write_text("nothing")
    archive = packed(tmp_path / "set", tmp_path / "set.zip", top)
    folder, zipped = load(tmp_path / "set"), load(archive)
    for split in ("train", "test"):
        assert levels(zipped, split) == levels(folder, split)
        assert classes(zipped, split) == classes(folder, split)
    report = check_data(str(archive))
    assert (report.counts, len(report.left_out)) == ({"train": 4, "test": 2}, 1)


def test_what_an_archive_may_hide(tmp_path: Path) -> None:
    for i in range(2):
        write(tmp_path / "set" / f"{i}.png", i)
    archive = packed(tmp_path / "set", tmp_path / "a.zip")
    with zipfile.ZipFile(archive, "a") as file:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    assert [one.name for one in survey(archive).left_out] == ["link.png"]
    content = bytearray(archive.read_bytes())
    content[content.index(b"IDAT") + 8] ^= 255  # stored, so the checksum of the member tells
    archive.write_bytes(content)
    with pytest.raises(UsageError, match=r"1 of 2 image files .*\n  0\.png: .*CRC"):
        load(archive)
    (tmp_path / "no.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(UsageError, match=r"no\.zip cannot be read as a zip archive"):
        load(tmp_path / "no.zip")


# --- what folders mean ---------------------------------------------------------------------------


def laid_out(names: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, list[str]], list[str]]:
    layout = lay_out(Path("/set"), [File(name, 1, ()) for name in sorted(names)], classes=True)
    splits = {split: [file.name for file in files] for split, files in layout.splits.items()}
    return splits, layout.classes, [one.name for one in layout.left_out]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a", "b"], ""),
        (["w/a", "w/b"], "w/"),
        (["w/x/a", "w/x/b"], "w/x/"),
        (["w/x/a", "w/y/b"], "w/"),
        (["wa/a", "wb/b"], ""),
        (["train/a", "train/b"], ""),
        ([], ""),
    ],
)
def test_the_folder_that_wraps_everything(names: list[str], found: str) -> None:
    assert wrapper(names) == found


def test_classes_lie_below_a_wrapper() -> None:
    splits, named, _ = laid_out(["w/v/cat/1", "w/v/cat/deep/2", "w/v/dog/3"])
    assert splits == {"train": ["w/v/cat/1", "w/v/cat/deep/2", "w/v/dog/3"]}
    assert named == {"train": ["cat", "cat", "dog"]}


@pytest.mark.parametrize("base", ["", "wrapper/"])
@pytest.mark.parametrize("inner", ["", "images/"])
def test_training_validation_and_test_are_splits(base: str, inner: str) -> None:
    names = [
        f"{base}{split}/{inner}{label}/1.png"
        for split in ("Train", "val", "TEST")
        for label in ("cat", "dog")
    ]
    splits, named, left_out = laid_out([*names, f"{base}extra/x.png"])
    assert list(splits) == ["train", "validation", "test"]
    assert splits["train"] == names[:2]
    assert splits["validation"] == names[2:4]
    assert splits["test"] == names[4:]
    assert named == {split: ["cat", "dog"] for split in splits}
    assert left_out == [f"{base}extra/x.png"]


def test_test_images_beside_the_classes_are_never_trained_on() -> None:
    splits, named, left_out = laid_out(["cat/1", "dog/2", "test/cat/3", "test/dog/4"])
    assert splits == {"train": ["cat/1", "dog/2"], "test": ["test/cat/3", "test/dog/4"]}
    assert named == {"train": ["cat", "dog"], "test": ["cat", "dog"]}
    assert left_out == []


def test_unlabelled_test_images_leave_training_its_classes(tmp_path: Path) -> None:
    for i, name in enumerate(["train/cat/1.png", "train/dog/2.png", "test/3.png"]):
        write(tmp_path / name, i)
    found = load(tmp_path)
    assert classes(found) == ["cat", "dog"]
    assert "label" not in found.splits["test"]


def test_items_of_a_command_are_all_images_whatever_their_folders_say(tmp_path: Path) -> None:
    for i, name in enumerate(["test/a.png", "train/x/b.png", "val/c.png"]):
        write(tmp_path / name, i)
    (tmp_path / "labels.csv").write_text("nonsense")
    settings = DataSettings(source=str(tmp_path))
    found = read_images(tmp_path, settings, whole=True)
    assert levels(found) == [0, 1, 2]
    assert found.files == {"train": ["test/a.png", "train/x/b.png", "val/c.png"]}
    (tmp_path / "labels.csv").unlink()
    write(tmp_path / "train" / "x" / "d.png")
    assert load(tmp_path).files == {
        "train": ["train/x/b.png", "train/x/d.png"],
        "validation": ["val/c.png"],
        "test": ["test/a.png"],
    }


def test_one_picture_has_the_limits_of_many(tmp_path: Path) -> None:
    form = Form((4, 6), "none", "grey", None)
    write(tmp_path / "a.png", 7)
    assert (read_picture(tmp_path / "a.png", form) == 7).all()
    (tmp_path / "b.png").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=r"b\.png .*a device, not a regular file"):
        read_picture(tmp_path / "b.png", form)
    Image.new("1", (20_000, 10_000)).save(tmp_path / "c.png")
    with pytest.raises(UsageError, match=r"c\.png .*too large to decode"):
        read_picture(tmp_path / "c.png", form)


def test_a_class_may_be_called_train() -> None:
    splits, named, _ = laid_out(["car/1", "train/2"])
    assert splits == {"train": ["car/1", "train/2"]}
    assert named == {"train": ["car", "train"]}


def test_images_to_test_on_alone_are_refused() -> None:
    with pytest.raises(UsageError, match=r"never trained on.*--data /set/w/test"):
        laid_out(["w/test/1", "w/test/2"])


# --- tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("top", ["", "w/"])
def test_dataset_json_of_stylegan_names_the_classes(tmp_path: Path, top: str) -> None:
    names = [f"0000{i // 2}/img{i}.png" for i in range(4)]
    for i, name in enumerate(names):
        write(tmp_path / top / name, i)
    table = tmp_path / top / "dataset.json"
    table.write_text(json.dumps({"labels": [[name, 3 - i] for i, name in enumerate(names)]}))
    assert classes(load(tmp_path)) == ["3", "2", "1", "0"]
    assert survey(tmp_path).left_out == []
    table.write_text('{"labels": null}')
    assert classes(load(tmp_path)) == []  # its folders are shards, not classes
    table.write_text(json.dumps({"labels": {name: [0.5, i] for i, name in enumerate(names)}}))
    assert survey(tmp_path).columns["train"] == {
        "label0": ["0.5"] * 4,
        "label1": ["0", "1", "2", "3"],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not what StyleGAN calls so"),
        ('{"labels": 3}', "is not what StyleGAN calls so"),
        ('{"labels": [["a.png", 1]]}', r"gives no label for b\.png"),
        ('{"labels": [["a.png", 1], ["b.png", 2], ["c.png", 2]]}', r"names c\.png, which is not"),
        ('{"labels": [["a.png", 1], ["b.png", [1]]]}', "whole numbers, or lists of numbers"),
    ],
)
def test_a_dataset_json_that_does_not_fit(tmp_path: Path, content: str, message: str) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name)
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(UsageError, match=message):
        load(tmp_path)


def test_labels_csv_has_columns_of_any_name(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name)
    table = "file, Label ,tags,angle\nb.png,cat,soft;warm,0.5\n\na.png,dog,,1\n"
    (tmp_path / "labels.csv").write_text(table)
    assert survey(tmp_path).columns == {
        "train": {"label": ["dog", "cat"], "tags": ["", "soft;warm"], "angle": ["1", "0.5"]}
    }
    assert classes(load(tmp_path)) == ["dog", "cat"]
    said = check_data(str(tmp_path)).text()
    assert "labels.csv: 2\n    tags: 2 tags: soft, warm\n    angle: numbers from 0.5 to 1\n" in said
    (tmp_path / "labels.csv").write_text("file,place,size\na.png,in,1\nb.png,in,large\n")
    said = check_data(str(tmp_path)).text()
    assert "place: 1 classes: in" in said
    assert "size: not to be used: " in said
    (tmp_path / "labels.csv").write_text("file,angle\na.png,1.5\nb.png,2\n")
    assert classes(load(tmp_path)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,label\na.png,x\nb.png,y\na.png,y\n", r"names a\.png twice, in lines 2 and 4"),
        ("file,label\na.png,\xe4\nb.png,y\n".encode("latin-1"), "line 2: not UTF-8"),
        (b"file,label\na.png," + b"x" * 200_000 + b"\nb.png,y\n", "line 2: .*(limit|characters)"),
        (b"file,label,label\na.png,x,y\nb.png,x,y\n", "two columns 'label'"),
        (b"file,label\na.png,x,y\nb.png,y\n", "line 2: expected 'file,label'"),
        (b"", "must begin with the header"),
        (b"file,x\na.png,1\nb.png,1\n", "a column cannot be called 'x'"),
    ],
)
def test_a_table_that_is_damaged_or_ambiguous(tmp_path: Path, content: bytes, message: str) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name)
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load(tmp_path)


# --- colours -------------------------------------------------------------------------------------


def test_colours_under_alpha_0_are_not_trained_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, 6, 5, 4), dtype=np.uint8)
    pictures[:, :3, :, 3] = 0
    pictures[:, 3:, :, 3] |= 1
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    np.save(tmp_path / "pictures.npy", pictures)
    wanted = pictures * (pictures[..., 3:] > 0)
    for source in (tmp_path, tmp_path / "pictures.npy"):
        assert (load(source).splits["train"].x == wanted).all()


@pytest.mark.parametrize(
    ("largest", "whole", "white"),
    [
        (255, True, 255),
        (256, True, 1023),
        (4095, True, 4095),
        (4096, True, 16_383),
        (65_535, True, 65_535),
        (2**31, True, 2**32 - 1),
        (0.7, False, 1),
        (1, True, 255),
        (200.5, False, 255),
    ],
)
def test_white_is_the_largest_number_of_the_fewest_bits(
    largest: float, whole: bool, white: float
) -> None:
    assert deep.top(largest, whole) == white


def test_a_camera_s_12_bits_are_scaled_alike_in_the_whole_set(tmp_path: Path) -> None:
    dark = np.array([[0, 16, 1024]], np.uint16)
    bright = np.array([[0, 2048, 4095]], np.uint16)
    for name, values in (("a.png", dark), ("b.png", bright)):
        Image.fromarray(values).save(tmp_path / name)
    found = load(tmp_path).splits["train"].x[..., 0]
    assert found.tolist() == [[[0, 1, 64]], [[0, 128, 255]]]
    deeper = load(tmp_path, bits=16).splits["train"].x
    assert deeper.max() == round(4095 / 65_535 * 255)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_colours_of_16_bits_keep_all_of_them(channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, (5, 7, channels)).astype(np.uint16)
    image = Image.open(io.BytesIO(png_of_16_bits(values)))
    assert deep.is_deep(image)
    assert (deep.levels(image) == values).all()


def test_colours_of_12_bits_are_scaled(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2**12, (2, 5, 7, 3)).astype(np.uint16)
    for i, picture in enumerate(values):
        (tmp_path / f"{i}.png").write_bytes(png_of_16_bits(picture))
    found = load(tmp_path).splits["train"].x
    assert np.abs(found - values * (255 / 4095)).max() <= 0.5


def test_fractions_are_levels_too() -> None:
    values = np.array([[0.0, 0.5, 1.0, np.nan, -3.0]], np.float32)
    found = conform(Image.fromarray(values), Form((1, 5), "none", "grey", None))
    assert found[0, :, 0].tolist() == [0, 128, 255, 0, 0]


def png_of_16_bits(values: np.ndarray) -> bytes:
    """Return a PNG of (H, W, C) numbers, which Pillow cannot write: one row is a filter byte, 0,
    and the numbers, upper byte first."""
    height, width, channels = values.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_reasons_are_counted() -> None:
    found = grouped([LeftOut("b", "odd"), LeftOut("\x1b[1mx", "bad"), LeftOut("c", "odd")])
    assert found == ["2 odd (first b)", "1 bad (\\x1b[1mx)"]
