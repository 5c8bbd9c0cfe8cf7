"""Clips as a kind of data: units, pictures and files."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.data.domains.videos import Videos
from ganvas.data.feed import Feed
from ganvas.data.items import Collection, Items
from ganvas.data.open import open_data
from ganvas.data.samplers import Frames, Streaming
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource
from ganvas.data.views import Dequantise, Mirror
from ganvas.errors import GanvasError, UsageError
from tests.data.filmed import moving

RNG = np.random.default_rng(5)


def noise(n: int = 3, frames: int = 4, channels: int = 3) -> np.ndarray:
    return RNG.integers(256, size=(n, frames, 6, 5, channels), dtype=np.uint8)


def domain(clips: np.ndarray) -> Videos:
    return Videos.of(clips, DataSettings(source="x"))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_units_go_there_and_back(channels: int) -> None:
    clips = noise(channels=channels)
    kind = domain(clips)
    network = kind.encode(clips)
    assert network.shape == (3, *kind.shape) == (3, channels, 4, 6, 5)
    assert (kind.decode(network) == clips).all()
    assert torch.equal(network[1, :, 2], kind.image.encode(clips[1, 2:3])[0])
    assert (kind.decode(network * 3) == np.where(clips < 128, 0, 255)).mean() > 0.2
    assert kind.decode(network[:, :, :2]).shape[1] == 2  # of any length
    laid = kind.laid_out(clips)
    assert (laid == clips).all()
    assert np.shares_memory(kind.stage(laid).numpy(), laid)


def test_views_treat_all_frames_of_a_clip_alike() -> None:
    clips = noise()
    kind = domain(clips)
    assert (kind.decode(kind.mirrored(kind.encode(clips))) == clips[:, :, :, ::-1]).all()
    spec = open_like(clips)
    batch = spec.batch(spec.items("train"))
    flipped = Mirror()(batch, torch.tensor([1, 0, 1], dtype=torch.uint8), spec.spec)
    assert (kind.decode(flipped.x)[0] == clips[0, :, :, ::-1]).all()
    assert (kind.decode(flipped.x)[1] == clips[1]).all()
    noisy = Dequantise()(batch, torch.arange(3), spec.spec).x
    assert noisy.shape == batch.x.shape
    assert ((noisy + 1) * 128 - torch.from_numpy(clips).permute(0, 4, 1, 2, 3)).min() >= -1e-3


def open_like(clips: np.ndarray) -> ArraySource:
    return ArraySource(Collection("noise", {"train": Items(clips)}))


def test_sizes_are_means_of_pixels() -> None:
    clips = RNG.integers(256, size=(2, 4, 8, 6, 3), dtype=np.uint8)
    kind = domain(clips)
    x = kind.encode(clips)
    small = kind.resized(x, (4, 3))
    assert small.shape == (2, *kind.at_size((4, 3)).shape)
    assert torch.allclose(small, x.unflatten(4, (3, 2)).mean(5).unflatten(3, (4, 2)).mean(4))
    fewer = kind.resized(x, (2, 8, 6))
    assert fewer.shape == (2, *kind.at_size((2, 8, 6)).shape)
    assert torch.allclose(fewer, x.unflatten(2, (2, 2)).mean(3), atol=1e-6)
    assert torch.equal(kind.resized(x[:, :, 1], (4, 3)), small[:, :, 1])  # frames alone, too
    assert kind.resized(x, (8, 6)) is x


def test_a_stream_may_be_of_single_frames() -> None:
    clips = noise(8, 5)
    feed = Feed(
        open_like(clips), batch=400, seed=3, streams={"frames": Streaming(sampler=Frames())}
    )
    batch = feed.next("frames")
    shown = np.moveaxis(np.rint((batch.x.numpy() + 1) * 127.5), 1, -1)
    known = clips[batch["index"].numpy()]
    which = (shown[:, None] == known).all(axis=(2, 3, 4))
    assert (which.sum(axis=1) == 1).all()
    counts = which.sum(axis=0)
    assert np.abs(counts - 80).max() < 3 * (400 * 0.2 * 0.8) ** 0.5
    state = feed.state_dict()
    after = feed.next("frames").x
    feed.load_state_dict(state)
    assert torch.equal(feed.next("frames").x, after)
    assert feed.seen == 0
    images = Feed(
        open_data(DataSettings(source="digits8")),
        batch=4,
        seed=0,
        streams={"frames": Streaming(sampler=Frames())},
    )
    with pytest.raises(UsageError, match="frames are taken of videos, and images have none"):
        images.next("frames")


def test_a_contact_sheet_has_a_clip_in_each_row(tmp_path: Path) -> None:
    clips = noise(2, 3)
    kind = domain(clips)
    kind.save(clips, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    edge = 11  # a whole factor of 6×5 pixels
    for row in range(2):
        for frame in range(3):
            y, x = row * (6 * edge + 2), frame * (5 * edge + 2)
            tile = sheet[y : y + 6 * edge : edge, x : x + 5 * edge : edge]
            assert (tile == clips[row, frame]).all()


def test_a_preview_moves() -> None:
    clips = np.zeros((4, 5, 8, 8, 1), np.uint8)
    for t in range(5):
        clips[:, t] = 50 * t
    shown = domain(clips).preview(clips)
    assert shown.suffix == ".gif"
    with Image.open(io.BytesIO(shown.content)) as file:
        assert file.n_frames == 5
        assert file.info["duration"] in (120, 130)
    assert (domain(clips).tiled(clips)[3, 0, 0] == 150).all()


def test_clips_are_saved_and_read_again(tmp_path: Path) -> None:
    clips = noise(3, 4)
    kind = domain(clips)
    kind.save(clips, tmp_path / "a.npy")
    assert (np.load(tmp_path / "a.npy") == clips).all()
    kind.save(clips, tmp_path / "a.npz")
    source = open_data(DataSettings(source=str(tmp_path / "a.npz")))
    assert (source.spec.kind, source.spec.shape) == ("videos", (3, 4, 6, 5))
    assert (source.items("train").x == clips).all()
    grey = open_data(DataSettings(source=str(tmp_path / "a.npy"), size=3, resize="stretch"))
    assert grey.spec.shape == (3, 4, 3, 3)
    kind.save(clips, tmp_path / "folder")
    assert (np.asarray(Image.open(tmp_path / "folder" / "1" / "2.png")) == clips[1, 2]).all()
    with pytest.raises(UsageError, match="holds files already"):
        kind.save(clips, tmp_path / "folder")
    with pytest.raises(UsageError, match=r"expected \.npy, \.npz, \.png, \.gif, \.webp, \.mp4"):
        kind.save(clips, tmp_path / "a.avi")


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4", ".lossless.mp4"])
def test_moving_files_are_read_again(suffix: str, tmp_path: Path) -> None:
    if suffix.endswith("mp4"):
        pytest.importorskip("av")
    clips = moving(8, 16, 15)[None].repeat(2, axis=0)  # an odd side
    clips[1] = clips[1, ::-1]
    kind = domain(clips)
    kind.save(clips, tmp_path / "each" / ("{}" + suffix))
    source = open_data(DataSettings(source=str(tmp_path / "each"), videos=True, frames=8))
    exact = suffix in (".webp", ".lossless.mp4")
    width = 16 if suffix == ".mp4" else 15
    assert source.spec.shape == (3, 8, 16, width)
    known = np.asarray(source.items("train").x)[:, :, :, :15]
    apart = np.abs(known.astype(int) - clips)
    assert apart.max() == 0 if exact else apart.mean() < 12
    assert source.spec.domain.rate == pytest.approx(8, rel=0.05)
    kind.save(clips, tmp_path / f"grid{suffix}")
    assert (tmp_path / f"grid{suffix}").stat().st_size > 0
    assert not list(tmp_path.glob("*.tmp"))


def test_a_full_disk_leaves_no_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = noise()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(GanvasError, match=r"the disk is full; make room"):
        domain(clips).save(clips, tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mapped", [False, True])
def test_long_clips_of_an_array_are_cut(
    mapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mapped:
        monkeypatch.setattr("ganvas.data.arrays.SMALL", 1)
    clips = noise(4, 11)
    np.savez(tmp_path / "a.npz", x=clips, y=np.array([0, 1, 1, 0]))
    told = {"source": str(tmp_path / "a.npz"), "frames": 2, "stride": 3}
    items = open_data(DataSettings.model_validate(told)).items("train")
    x = np.asarray(items.x)
    wanted = [clips[row, [start, start + 3]] for row in range(4) for start in (0, 4)]
    assert (x == np.stack(wanted)).all()
    assert items["label"].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    assert (items.x[np.array([5, 2])] == np.stack([wanted[5], wanted[2]])).all()


def test_arrays_that_are_no_clips_are_refused(tmp_path: Path) -> None:
    for array, reason in (
        (noise().astype(np.float32) / 255, r"holds clips as float32 .* expected whole numbers"),
        (noise()[..., :2], r"expected .* clips \(N, T, H, W, C\) with C = 1, 3 or 4"),
        (np.moveaxis(noise(), -1, 1), r"np.moveaxis\(array, 1, -1\)"),
        (noise(frames=5)[..., 0], r"Grey clips are array\[\.\.\., None\]"),
    ):
        np.save(tmp_path / "bad.npy", array)
        with pytest.raises(UsageError, match=reason):
            open_data(DataSettings(source=str(tmp_path / "bad.npy")))
    np.save(tmp_path / "good.npy", noise())
    with pytest.raises(UsageError, match=r"clips of 4 frames, and data.frames=7 .* asks for 7"):
        open_data(DataSettings(source=str(tmp_path / "good.npy"), frames=7))
    with pytest.raises(UsageError, match=r"expected data of shape \(n, 4, 6, 5, 3\)"):
        domain(noise()).check(noise(frames=5))
