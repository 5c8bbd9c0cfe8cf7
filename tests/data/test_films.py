"""Films: any frame by its number is the one that comes when all are decoded in turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganvas.data.readers import looking
from ganvas.data.readers.decode import READ_ERRORS
from ganvas.data.readers.films import Film, FilmError
from ganvas.data.readers.films.animations import Animation
from ganvas.data.readers.films.containers import SUFFIXES, Container
from ganvas.data.readers.films.stills import FrameFolder, Strip, natural, strip_size
from ganvas.data.readers.folder import Folder
from ganvas.data.readers.place import Wanted, suffixes
from ganvas.data.standard import data_root
from tests.data.filmed import animation, film, folder, moving, rotated

ORDER = [13, 2, 19, 0, 7, 8, 18]


def container(path: Path) -> Film:
    (file,) = [f for f in place(path.parent).files if f.name == path.name]
    return Container(path.parent, file)


def place(path: Path) -> Folder:
    return Folder(path, Wanted((*SUFFIXES, *suffixes()), None, "a video"))


def animated(path: Path) -> Film:
    here = place(path.parent)
    return Animation(here, here.files[0])


def h264(path: Path) -> Film:
    return container(film(path / "a.mp4", moving(), options={"g": "6", "bf": "3"}))


def open_groups(path: Path) -> Film:
    told = {"g": "6", "bf": "2", "x264-params": "open-gop=1:keyint=6:bframes=2"}
    return container(film(path / "a.mkv", moving(), options=told))


def mpeg4(path: Path) -> Film:
    return container(film(path / "a.avi", moving(), codec="mpeg4", options={"g": "5"}))


def uneven(path: Path) -> Film:
    times = np.cumsum([0, *np.tile([3, 10, 7, 21], 5)])[:20].tolist()
    return container(film(path / "a.mkv", moving(), times=times, options={"g": "4"}))


def vp9(path: Path) -> Film:
    return container(film(path / "a.webm", moving(), codec="libvpx-vp9", options={"g": "8"}))


def gif(path: Path) -> Film:
    return animated(animation(path / "a.gif", moving()))


def webp(path: Path) -> Film:
    return animated(animation(path / "a.webp", moving()))


def apng(path: Path) -> Film:
    return animated(animation(path / "a.png", moving()))


def pictures(path: Path) -> Film:
    folder(path / "a", moving())
    here = place(path)
    return FrameFolder(here, "a", here.files)


def strip(path: Path) -> Film:
    Image.fromarray(np.concatenate(moving(), axis=1)).save(path / "a.png")
    here = place(path)
    return Strip(here, here.files[0], (16, 24))


KINDS = [h264, open_groups, mpeg4, uneven, vp9, gif, webp, apng, pictures, strip]


@pytest.mark.parametrize("make", KINDS)
def test_a_frame_by_number_is_that_of_the_whole(
    make: Callable[[Path], Film], tmp_path: Path
) -> None:
    one = make(tmp_path)
    seen = one.look()
    assert seen.head.size == (16, 24)
    assert len(seen.times) == 20
    whole = [np.asarray(picture.convert("RGB")) for picture in one.frames(range(20), seen)]
    brightness = np.array([frame[10:].mean() for frame in whole])
    wanted = moving()[:, 10:].mean(axis=(1, 2, 3))
    assert np.abs(brightness - wanted).max() < 12  # each is the frame of its number
    if make in (webp, apng, pictures, strip):
        assert (np.stack(whole) == moving()).all()
    for number in ORDER:
        (alone,) = one.frames([number], seen)
        assert (np.asarray(alone.convert("RGB")) == whole[number]).all(), number
    some = [np.asarray(picture.convert("RGB")) for picture in one.frames([3, 3, 4, 17], seen)]
    assert all((a == whole[i]).all() for a, i in zip(some, [3, 3, 4, 17], strict=True))


@pytest.mark.parametrize("make", [h264, open_groups, mpeg4])
def test_decoding_begins_at_key_frames(make: Callable[[Path], Film], tmp_path: Path) -> None:
    seen = make(tmp_path).look()
    assert len(seen.keys) >= 4
    assert seen.keys[0] == 0
    assert np.allclose(seen.times, np.arange(20) / 10, atol=1e-3)
    assert seen.rate == pytest.approx(10, rel=0.02)


def test_times_are_those_of_the_frames(tmp_path: Path) -> None:
    assert np.allclose(np.diff(uneven(tmp_path).look().times)[:4], [0.03, 0.1, 0.07, 0.21])
    (tmp_path / "g").mkdir()
    uneven_gif = animated(animation(tmp_path / "g" / "b.gif", moving(3), [50, 0, 200]))
    seen = uneven_gif.look()
    assert seen.times.tolist() == pytest.approx([0, 0.05, 0.15])  # 0 is shown for a tenth
    assert seen.end == pytest.approx(0.35)


def test_frames_of_a_gif_are_laid_over_those_before(tmp_path: Path) -> None:
    # Each frame of the file is a small patch: what is around it stays from the frames before.
    frames = np.zeros((5, 20, 20, 3), np.uint8)
    for t in range(5):
        frames[t:, 4 * t : 4 * t + 3, 5:9] = (40 * t + 60, 200, 10)
    one = animated(animation(tmp_path / "a.gif", frames))
    seen = one.look()
    for t in (4, 1, 3):
        (shown,) = one.frames([t], seen)
        assert (np.asarray(shown.convert("RGB")) == frames[t]).all()


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_what_lies_on_its_side_is_turned_upright(degrees: int, tmp_path: Path) -> None:
    frames = np.zeros((3, 16, 32, 3), np.uint8)
    frames[:, :8, :8] = 255  # the upper left corner
    seen = (one := container(rotated(film(tmp_path / "a.mp4", frames), degrees))).look()
    assert seen.head.size == ((16, 32) if degrees == 180 else (32, 16))
    (shown,) = one.frames([1], seen)
    # The matrix turns clockwise: the corner goes right, then down, then left.
    light = np.asarray(shown.convert("L")) > 128
    corner = {90: (0, -1), 180: (-1, -1), 270: (-1, 0)}[degrees]
    assert light[corner]
    assert light.mean() == pytest.approx(64 / 512, abs=0.02)


def test_grey_films_are_grey(tmp_path: Path) -> None:
    pytest.importorskip("av")
    one = container(film(tmp_path / "a.mkv", moving(4), codec="ffv1", pix_fmt="gray"))
    assert one.look().head.grey


def test_what_is_broken_says_why(tmp_path: Path) -> None:
    pytest.importorskip("av")
    whole = film(tmp_path / "whole.mp4", moving(40, 64, 64), options={"g": "5"}).read_bytes()
    middle = bytearray(whole)
    at = len(middle) // 2
    middle[at : at + 400] = bytes(400)
    for name, content, reason in (
        ("text.mp4", b"hello, I am no film\n", "text, not a video"),
        ("letters.mp4", "größer, où, 映画\n".encode(), "text, not a video"),
        ("empty.mp4", b"", "empty file"),
        ("junk.mp4", b"\0\1\2\3" * 99, "not a video that can be read, or cut short"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nwhole.mp4\n", "text, not a video"),
        ("middle.mp4", bytes(middle), "damaged"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FilmError, match=reason):
            container(tmp_path / name).look()


CUT = [
    ("a.mp4", {}, {}),
    ("a.mov", {}, {"movflags": "faststart"}),
    ("a.mp4", {}, {"movflags": "frag_keyframe+empty_moov"}),
    ("a.mkv", {}, {}),
    ("a.webm", {"codec": "libvpx-vp9"}, {}),
    ("a.avi", {"codec": "mpeg4"}, {}),
]


@pytest.mark.parametrize(("name", "told", "layout"), CUT)
def test_what_is_cut_short_is_found_wherever_it_is_cut(
    name: str, told: dict[str, Any], layout: dict[str, str], tmp_path: Path
) -> None:
    path = film(tmp_path / name, moving(), options={"g": "6"}, layout=layout, **told)
    whole = path.read_bytes()
    assert len(container(path).look().times) == 20
    size = len(whole)
    for kept in (size - 1, *range(size // 2, size, 101)):
        path.write_bytes(whole[:kept])
        with pytest.raises(FilmError, match=rf"cut short: {kept:,} of [\d,]+ bytes are there"):
            container(path).look()
    path.write_bytes(whole)
    assert len(container(path).look().times) == 20


def test_parts_that_do_not_fit_together_are_damage(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", moving(), options={"g": "6"})
    content = bytearray(path.read_bytes())
    frame = content.index(b"\xa3", content.index(b"\x1f\x43\xb6\x75") + 4)  # of the first cluster
    content[frame + 1] = 0x10  # it is millions of bytes long
    path.write_bytes(content)
    with pytest.raises(FilmError, match=rf"damaged at byte {frame:,}"):
        container(path).look()


def test_what_was_never_closed_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    # As a recorder leaves it that was stopped by force: parts have no end, the last is not whole.
    path = film(tmp_path / "a.mkv", moving(), options={"g": "6", "bf": "0"})
    content = bytearray(path.read_bytes())
    segment = content.index(b"\x18\x53\x80\x67")
    assert content[segment + 4] == 1  # seven bytes of size follow
    content[segment + 4 : segment + 12] = b"\1" + b"\xff" * 7
    path.write_bytes(content)
    assert len(container(path).look().times) == 20
    path.write_bytes(content[: len(content) * 2 // 3])
    assert 3 < len(container(path).look().times) < 20
    path = film(tmp_path / "a.avi", moving(), codec="mpeg4")
    content = bytearray(path.read_bytes())
    content[4:8] = bytes(4)
    path.write_bytes(content)
    assert len(container(path).look().times) == 20


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["b10.png", "b9.png", "a1.png"]
    assert sorted(names, key=natural) == ["a1.png", "b9.png", "b10.png"]
    here = folder(tmp_path / "a", moving(12), "f{}.png")
    one = FrameFolder(place(tmp_path), "a", place(tmp_path).files)
    seen = one.look()
    assert not seen.timed
    assert seen.rate is None
    (shown,) = one.frames([10], seen)
    assert (np.asarray(shown) == moving(12)[10]).all()
    (here / "f7.png").unlink()
    with pytest.raises(FilmError, match=r"frame 7 is missing after f6.png"):
        FrameFolder(place(tmp_path), "a", place(tmp_path).files).look()
    Image.new("L", (24, 16)).save(here / "f0.png")
    Image.new("RGB", (24, 16)).save(here / "f7.png")
    assert not FrameFolder(place(tmp_path), "a", place(tmp_path).files).look().head.grey  # all are
    Image.new("RGB", (5, 5)).save(here / "f7.png")
    with pytest.raises(FilmError, match=r"differ in size: f7.png is 5x5, others are 16x24"):
        FrameFolder(place(tmp_path), "a", place(tmp_path).files).look()


def test_strips_are_told_by_their_form() -> None:
    assert strip_size((64, 1024), None) == (64, 64)
    assert strip_size((1024, 64), None) == (64, 64)
    assert strip_size((64, 128), None) is None  # a wide picture
    assert strip_size((64, 1000), None) is None
    assert strip_size((64, 128), (64, 64)) == (64, 64)
    assert strip_size((64, 64), (64, 64)) is None


def test_heads_are_not_believed(tmp_path: Path) -> None:
    path = film(tmp_path / "a.avi", moving(12), codec="mpeg4")
    content = bytearray(path.read_bytes())
    for name, offset in ((b"avih", 24), (b"strh", 40)):  # the frames that both heads declare
        at = content.index(name) + offset
        content[at : at + 4] = (444).to_bytes(4, "little")
    path.write_bytes(content)
    assert len(container(path).look().times) == 12


def test_a_film_whose_head_says_444_frames_has_the_68_that_are_there() -> None:
    pytest.importorskip("av")
    path = data_root() / "street" / "tree.avi"
    if not path.is_file():
        pytest.skip("tree.avi is not here; `make data SETS=street` brings it")
    seen = (one := container(path)).look()
    whole = [np.asarray(picture) for picture in one.frames(range(68), seen)]
    assert len(seen.times) == len(whole) == 68
    for number in (67, 0, 40, 41, 7):
        (alone,) = one.frames([number], seen)
        assert (np.asarray(alone) == whole[number]).all()


def test_sound_alone_and_unknown_codecs_are_named(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "sound.mp4"), "w") as file:
        stream: Any = file.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.rate = 8000
        file.mux(stream.encode(silence))
        file.mux(stream.encode())
    with pytest.raises(FilmError, match="holds sound only"):
        container(tmp_path / "sound.mp4").look()
    path = film(tmp_path / "odd.mp4", moving(4))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC"))
    with pytest.raises(FilmError, match="codec|can be decoded|not a video"):
        container(path).look()


def test_absurd_sizes_are_not_decoded(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", moving(3))
    content = bytearray(path.read_bytes())
    content[6:10] = b"\xff\xff\xff\xff"  # 65,535 × 65,535 pixels
    path.write_bytes(content)
    with pytest.raises(READ_ERRORS) as refused:
        animated(path).look()
    assert looking.reason(refused.value).startswith("too large to decode")
