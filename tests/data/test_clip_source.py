"""Clips of videos: which frames they have, where they lie, and in which order they come."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.cli.app import run
from ganvas.data.catalogue import read
from ganvas.data.check import check_data
from ganvas.data.clips import ClipSource
from ganvas.data.feed import Feed
from ganvas.data.fingerprint import fingerprint
from ganvas.data.open import open_data
from ganvas.data.readers import looking
from ganvas.data.samplers import Frames, Streaming
from ganvas.data.settings import DataSettings
from ganvas.data.windows import Pace, Part, Windows
from ganvas.errors import GanvasError, UsageError
from ganvas.recipes.loader import load_recipe
from tests.data.filmed import animation, film, folder, moving

DEVICE = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def levels(count: int, seed: int = 0, size: int = 8) -> np.ndarray:
    """Return frames of one level each: 10·seed + number."""
    each = (10 * seed + np.arange(count)).astype(np.uint8)
    return np.broadcast_to(each[:, None, None, None], (count, size, size, 3)).copy()


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three videos of 9, 6 and 4 frames, in classes."""
    (tmp_path / "v" / "a").mkdir(parents=True)
    animation(tmp_path / "v" / "a" / "one.webp", levels(9, 1))
    folder(tmp_path / "v" / "b" / "two", levels(6, 4))
    strip = np.concatenate(levels(4, 8), axis=0)
    Image.fromarray(strip).save(tmp_path / "v" / "b" / "three.png")
    return tmp_path / "v"


def opened(path: Path, **settings: Any) -> ClipSource:
    told = {"videos": True, "frames": 3, **settings}
    source = open_data(DataSettings.model_validate({"source": str(path), **told}))
    assert isinstance(source, ClipSource)
    return source


def seen(source: ClipSource, n: int, **told: Any) -> np.ndarray:
    """Return the levels of the frames of n clips that are trained on, (n, T)."""
    batch = Feed(source, batch=n, seed=0, **told).next()
    return np.rint((batch.x[:, 0, :, 0, 0].numpy() + 1) * 127.5).astype(int)


def test_an_animated_picture_alone_is_a_video(tmp_path: Path) -> None:
    for name in ("one.gif", "one.webp"):
        animation(tmp_path / name, levels(9, 1))
        assert len(opened(tmp_path / name).items("train")) == 3
    source = open_data(DataSettings(source=str(tmp_path / "one.gif"), frames=4))
    assert source.spec.kind == "videos"
    still = Image.fromarray(levels(1)[0])
    still.save(tmp_path / "still.png")
    with pytest.raises(UsageError, match=r"one \.png file; expected a folder of images"):
        open_data(DataSettings(source=str(tmp_path / "still.png")))
    with pytest.raises(UsageError, match="no video that can be read"):
        opened(tmp_path / "still.png")


def test_one_clip_is_asked_about_and_not_trained_on(tmp_path: Path) -> None:
    animation(tmp_path / "one.gif", levels(4, 1))
    told = DataSettings(source=str(tmp_path / "one.gif"), frames=4)
    assert read(told).splits["train"].x.shape == (1, 4, 8, 8, 3)
    with pytest.raises(UsageError, match="a single sample; training learns a distribution"):
        open_data(told)


# ---- windows --------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_clips_begin_wherever_they_fit(stride: int) -> None:
    windows = Windows(Part(0, 2, 12), None, 0.0, Pace(3, stride))
    span = 2 * stride + 1
    every = [list(range(s, s + span, stride)) for s in range(2, 12) if s + span <= 12]
    assert [windows.numbers(s).tolist() for s in range(windows.starts)] == every
    apart = windows.apart().tolist()
    assert apart == list(range(0, windows.starts, span))
    assert not windows.short


def test_frames_a_second_go_by_the_times_of_frames() -> None:
    times = np.cumsum([0, 0.1, 0.1, 0.05, 0.05, 0.3, 0.1, 0.1, 0.1])
    end = float(times[-1] + 0.1)
    windows = Windows(Part(0, 0, len(times)), times, end, Pace(4, fps=10))
    assert windows.starts > 0
    for start in range(windows.starts):
        # By brute force: what is on the screen at each moment.
        moments = times[start] + np.arange(4) / 10
        shown = [max(i for i, t in enumerate(times) if t <= m + 1e-6) for m in moments]
        assert windows.numbers(start).tolist() == shown
        assert moments[-1] < end
    late = times[windows.starts] + 3 / 10 if windows.starts < len(times) else np.inf
    assert late >= end - 1e-5


def test_short_videos_are_drawn_out_as_asked() -> None:
    for short, wanted in (("repeat", [0, 1, 2, 2, 2, 2, 2]), ("pingpong", [0, 1, 2, 1, 0, 1, 2])):
        windows = Windows(Part(0, 0, 3), None, 0.0, Pace(7, short=short))
        assert windows.short
        assert windows.starts == 1
        assert windows.numbers(0).tolist() == wanted
    assert Windows(Part(0, 0, 1), None, 0.0, Pace(3, short="pingpong")).numbers(0).tolist() == [
        *(0, 0, 0)
    ]
    for short in ("refuse", "drop"):
        assert Windows(Part(0, 0, 3), None, 0.0, Pace(7, short=short)).starts == 0
    times = np.array([0.0, 0.1, 0.2])
    slow = Windows(Part(0, 0, 3), times, 0.3, Pace(4, fps=5, short="pingpong"))
    assert slow.numbers(0).tolist() == [0, 2, 0, 2]


# ---- folders --------------------------------------------------------------------------------


def test_a_folder_of_all_kinds_becomes_clips(three: Path) -> None:
    source = opened(three)
    assert source.spec.shape == (3, 3, 8, 8)
    assert source.spec.class_names == ["a", "b"]
    items = source.items("train")
    assert len(items) == 3 + 2 + 1
    assert items["label"].tolist() == [0, 0, 0, 1, 1, 1]
    first = items.x[:, :, 0, 0, 0].tolist()
    assert first[:3] == [[10, 11, 12], [13, 14, 15], [16, 17, 18]]
    assert sorted(first[3:]) == [[40, 41, 42], [43, 44, 45], [80, 81, 82]]
    assert (items.x[4] == np.asarray(items.x)[4]).all()
    batch = Feed(source, batch=90, seed=0).next()
    shown = np.rint((batch.x[:, 0, :, 0, 0].numpy() + 1) * 127.5).astype(int)
    assert (np.diff(shown, axis=1) == 1).all()
    assert set(shown[:, 0].tolist()) == {*range(10, 17), *range(40, 44), 80, 81}
    assert ((shown[:, 0] >= 40) == (batch["label"].numpy() == 1)).all()
    # Each video as often as the others, in shuffled epochs.
    owner = np.digitize(shown[:, 0], [30, 60])
    assert np.bincount(owner).tolist() == [30, 30, 30]
    assert all(set(owner[i : i + 3].tolist()) == {0, 1, 2} for i in range(0, 90, 3))
    # Each is told in which of the clips that share no frame it begins.
    begins = items.x[:, 0, 0, 0, 0].astype(int)[batch["index"].numpy()]
    assert ((shown[:, 0] - begins >= 0) & (shown[:, 0] - begins < 3)).all()


def test_clips_may_be_drawn_each_as_often(three: Path) -> None:
    shown = seen(opened(three, uniform="clips"), 1300)
    _, counts = np.unique(shown[:, 0], return_counts=True)
    assert len(counts) == 13
    assert np.abs(counts - 100).max() < 4 * 100**0.5


@pytest.mark.parametrize("cache", ["auto", "none", "memory", "DIR"])
def test_where_frames_lie_changes_nothing(cache: str, three: Path, tmp_path: Path) -> None:
    where = str(tmp_path / "kept") if cache == "DIR" else cache
    told = {"stride": 2, "short": "pingpong"}
    source, known = opened(three, cache=where, **told), opened(three, **told)
    assert (seen(source, 40) == seen(known, 40)).all()
    assert (np.asarray(source.items("train").x) == np.asarray(known.items("train").x)).all()
    assert fingerprint(source) == fingerprint(known)
    again = opened(three, cache=where, **told)  # from what was kept
    assert (seen(again, 40) == seen(known, 40)).all()


def test_a_stream_goes_on_where_it_stood(three: Path) -> None:
    one, other = (Feed(opened(three, cache="none"), batch=7, seed=4) for _ in range(2))
    for _ in range(40):  # over the ends of blocks
        one.next()
    other.load_state_dict(one.state_dict())
    for _ in range(3):
        a, b = one.next(), other.next()
        assert torch.equal(a.x, b.x)
        assert torch.equal(a["index"], b["index"])


def test_single_frames_are_read_alone(three: Path) -> None:
    streams = {"frames": Streaming(sampler=Frames())}
    source = opened(three)
    feed = Feed(source, batch=200, seed=0, streams=streams)
    x = feed.next("frames").x
    assert x.shape == (200, 3, 8, 8)
    rows = (torch.tensor([0, 1]), torch.tensor([2, 1]), torch.rand(2, 2, dtype=torch.float64))
    clips = source.take(source.table(DEVICE), rows).x
    alone = source.take_frames(source.table(DEVICE), rows, torch.tensor([2, 0])).x
    assert torch.equal(alone, torch.stack([clips[0, :, 2], clips[1, :, 0]]))


def test_videos_are_held_out_whole(three: Path) -> None:
    source = opened(three, hold_out=0.34)
    kept, held = (np.asarray(source.items(split).x)[..., 0, 0, 0] for split in source.splits)
    assert source.splits == ("train", "test")
    owners = [set(np.digitize(x, [30, 60]).ravel().tolist()) for x in (kept, held)]
    assert len(owners[1]) == 1
    assert not owners[0] & owners[1]


def test_a_single_video_is_held_out_in_time(tmp_path: Path) -> None:
    folder(tmp_path / "v" / "only", levels(20))
    source = opened(tmp_path / "v", hold_out=0.2)
    kept, held = (np.asarray(source.items(split).x)[..., 0, 0, 0] for split in source.splits)
    assert kept.max() < 16
    assert held.tolist() == [[16, 17, 18]]
    assert seen(source, 300).max() == 15


def test_clips_are_cut_at_one_place_for_all_frames(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:8, :16]
    frames = np.stack([np.stack([rows, columns, rows * 0 + t], axis=2) for t in range(5)])
    folder(tmp_path / "v" / "a", (frames * 10).astype(np.uint8))
    folder(tmp_path / "v" / "b", (frames * 10).astype(np.uint8).swapaxes(1, 2))
    told = {"size": 8, "resize": "fit-crop", "crop": "random"}
    source = opened(tmp_path / "v", **told)
    x = np.rint((Feed(source, batch=200, seed=0).next().x.numpy() + 1) * 12.75).astype(int)
    corner = x[:, :2, :, 0, 0]
    assert (corner == corner[:, :, :1]).all()
    assert (np.diff(x[:, 2, :, 0, 0], axis=1) == 1).all()
    assert {tuple(c) for c in corner[:, :, 0].tolist()} == {(0, along) for along in range(9)}
    middle = source.items("train").x[:, 0, 0, 0, :2] // 10
    assert middle.tolist() == [[0, 4], [0, 4]]
    with pytest.raises(ValueError, match="set resize=fit-crop, too"):
        opened(tmp_path / "v", size=8, resize="stretch", crop="random")


def test_videos_are_looked_through_once(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def spied(kind: type) -> None:
        look = kind.look

        def counted(film: Any) -> Any:
            looks.append(film.name)
            return look(film)

        monkeypatch.setattr(kind, "look", counted)

    for kind in looking.Film.__subclasses__():
        spied(kind)
    opened(three)
    assert len(looks) == 3
    opened(three, frames=2)
    assert len(looks) == 3
    animation(three / "a" / "one.webp", levels(5, 2))
    assert len(opened(three).items("train")) == 1 + 2 + 1
    assert len(looks) == 4


def test_labels_csv_names_videos(three: Path) -> None:
    (three / "labels.csv").write_text(
        "file,label,speed\na/one.webp,x,1.5\nb/two,y,2\nb/three.png,x,4\n"
    )
    source = opened(three)
    assert source.spec.class_names == ["x", "y"]
    batch = Feed(source, batch=30, seed=0).next()
    shown = np.rint((batch.x[:, 0, 0, 0, 0].numpy() + 1) * 127.5)
    own = (shown >= 30) & (shown < 60)
    assert (batch["label"].numpy() == own).all()
    speed = source.spec.fields["speed"].decode(batch["speed"])[:, 0]
    assert np.allclose(speed, np.select([shown < 30, own], [1.5, 2.0], 4.0))


# ---- bad input ------------------------------------------------------------------------------


def test_clips_that_are_no_numbers_are_told_so(tmp_path: Path) -> None:
    clips = np.full((2, 4, 8, 8, 3), 0.5, np.float32)
    clips[1, 2, 3] = np.nan
    np.save(tmp_path / "clips.npy", clips)
    with pytest.raises(UsageError, match="clips as float32 with NaN or infinite values; expected"):
        open_data(DataSettings(source=str(tmp_path / "clips.npy")))


def test_a_broken_animation_counts_among_the_videos(three: Path) -> None:
    content = bytearray((three / "a" / "one.webp").read_bytes())
    (three / "a" / "cut.gif").write_bytes(b"GIF89a\xff\xff\xff\xff")
    (three / "a" / "two.webp").write_bytes(content[: len(content) // 2])
    with pytest.raises(UsageError, match="2 of 5 videos"):
        opened(three)


def test_what_does_not_fit_is_refused_in_one_line(three: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"1 of 3 videos .* needs 5 frames: .*three.png has 4"):
        opened(three, frames=5)
    assert len(opened(three, frames=5, short="drop").items("train")) == 2
    assert len(opened(three, frames=5, short="repeat").items("train")) == 3
    with pytest.raises(UsageError, match=r"which needs 5 frames \(3, 2 apart\): .* data.short"):
        opened(three, stride=2)
    with pytest.raises(UsageError, match="No video in .* is long enough"):
        opened(three, frames=50, short="drop")
    folder(three / "a" / "wide", levels(4, 9, 6))
    with pytest.raises(UsageError, match=r"differ in size: .*data.size=\d+ data.resize=fit-crop"):
        opened(three)
    assert opened(three, size=4, resize="stretch").spec.shape == (3, 3, 4, 4)
    with pytest.raises(ValueError, match="choose one"):
        opened(three, fps=5, stride=2)
    with pytest.raises(ValueError, match="frames"):
        opened(three, frames=0)
    (tmp_path / "none").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "none" / "a.png")
    with pytest.raises(UsageError, match="no video .*: 1 single picture, which is no video"):
        opened(tmp_path / "none")


def test_broken_videos_are_named_and_left_out(
    three: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("av")
    (three / "a" / "bad.mp4").write_bytes(b"I am text\n")
    (three / "b" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(
        UsageError, match=r"(?s)2 of \d videos in .* are broken:.*bad.mp4: text, no"
    ):
        opened(three)
    with caplog.at_level(logging.WARNING):
        assert len(opened(three, skip_broken=True).items("train")) == 6
    assert "bad.mp4: text, not a video" in caplog.text


def test_a_video_that_changes_in_training_stops_it(three: Path) -> None:
    source = opened(three, cache="none")
    feed = Feed(source, batch=3, seed=0)
    feed.next()
    (three / "b" / "two" / "3.png").unlink()
    items = source.items("train")
    with pytest.raises(GanvasError, match=r"two could be decoded when it was looked through and c"):
        np.asarray(items.x)


def test_video_files_need_av(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film(tmp_path / "v.mp4", moving(4))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        UsageError, match=r"a video file needs the 'av' package: pip install 'ganvas"
    ):
        opened(tmp_path)


def test_one_video_file_is_a_set(tmp_path: Path) -> None:
    path = film(tmp_path / "v.mp4", moving(30), rate=10)
    source = open_data(DataSettings(source=str(path), frames=4, hold_out=0.3, fps=5))
    assert source.spec.kind == "videos"
    assert len(source.items("test")) >= 1
    assert source.spec.domain.described().startswith("clips of 4 frames of 16 × 24")
    plain = open_data(DataSettings(source=str(tmp_path), frames=4))  # a folder with a video file
    assert plain.spec.shape == (3, 4, 16, 24)
    with pytest.raises(UsageError, match=r"data.vocabulary is for text, but .* holds videos"):
        open_data(DataSettings(source=str(tmp_path), vocabulary=7))


def test_the_report_says_what_videos_are(three: Path) -> None:
    (three / "a" / "bad.webp").write_bytes(b"no picture")
    (three / "a" / "notes.txt").write_text("x")
    report = check_data(
        str(three), told={"videos": True, "frames": 3, "stride": 2, "short": "drop"}
    )
    text = report.text()
    assert report.kind == "videos"
    assert report.counts == {"train": 3}
    assert report.sizes == {"8x8": 3}
    assert report.classes == {"a": 1, "b": 2}
    assert [one.name for one in report.broken] == ["a/bad.webp"]
    assert "frames: 4 to 9, half at most 6 a video, 19 in all" in text
    assert "rates: 10 frames a second" in text
    assert "without times: 2" in text
    assert "clips, train: 2 that share no frame, 7 at every start" in text
    assert "too short: 1 (drop)" in text
    assert "1 .txt file, not a video (a/notes.txt)" in text
    refused = check_data(str(three), told={"videos": True, "frames": 8})
    assert any("shorter than a clip" in warning for warning in refused.warnings)
    with pytest.raises(UsageError, match=r"data.frame is not a setting. Did you mean 'frames'"):
        check_data(str(three), told={"frame": 3})
    with pytest.raises(UsageError, match=r"data.frames=0: expected at least 1"):
        check_data(str(three), told={"frames": 0})


def test_the_command_line_looks_at_videos(
    three: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["data.videos=true", "data.frames=3"]
    assert run(["data", str(three), *told]) == 0
    assert "clips, train: 6 that share no frame" in capsys.readouterr().out
    stabilised = ["data", str(three), *told, "--stabilise", str(tmp_path / "out")]
    assert run(stabilised) == 1  # each frame is of one grey: nothing to hold on to
    assert "in none of 3 videos could a frame be registered" in capsys.readouterr().err
    wall = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    folder(three / "a" / "shaken", np.stack([wall[i : i + 32, i : i + 32] for i in range(4)]))
    assert run(stabilised) == 0
    assert "clips stabilised: 1, of 4 videos" in capsys.readouterr().out


def test_recipes_for_videos_take_a_folder(three: Path) -> None:
    settings = load_recipe("vgan/videos", ["data.frames=4"], data=three).data
    assert (settings.frames, settings.size, settings.resize) == (4, 64, "fit-crop")
    source = open_data(settings)
    assert source.spec.shape == (3, 4, 64, 64)
    moved = load_recipe("vgan-actions/shapes", data=three).data
    assert moved.variant == {}  # of the set that the recipe is for
    images = load_recipe("dcgan/images", data=three).data
    assert images.frames is None
