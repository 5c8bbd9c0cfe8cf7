"""Pyramids of clips: which frames are kept, how large they are, and how they lie in rows."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ganvas.errors import UsageError
from ganvas.nn import Pyramid
from ganvas.play import Noise

CLIP = (3, 16, 16, 8)


@pytest.mark.parametrize(
    ("stride", "frames"), [(1, [16, 16, 16, 16]), (2, [16, 8, 4, 2]), (4, [16, 4, 1, 1])]
)
def test_frames_and_sizes_of_each_level(stride: int, frames: list[int]) -> None:
    pyramid = Pyramid(CLIP, (stride,) * 3)
    assert pyramid.frames == frames
    assert [shape[2:] for shape in pyramid.shapes] == [(2, 1), (4, 2), (8, 4), (16, 8)]
    assert [shape[1] for shape in pyramid.shapes] == frames


def test_numbers_that_critics_are_given() -> None:
    """In units of the first level's clips: 1,360 frames, a sixth with s = 2, a twelfth with 4."""
    units = {
        stride: sum(
            frames * 4**level
            for level, frames in enumerate(Pyramid((3, 16, 192, 192), (stride,) * 3).frames)
        )
        for stride in (1, 2, 4)
    }
    assert units == {1: 1360, 2: 16 + 32 + 64 + 128, 4: 16 + 16 + 16 + 64}


def test_kept_are_b_and_every_sth_from_there() -> None:
    pyramid = Pyramid(CLIP, (2, 4, 2))
    noise = Noise(0)
    for _ in range(20):
        cuts = pyramid.cuts(lambda high: noise.integers(1, high))
        one, two, three, four = (frames[0].tolist() for frames in pyramid.kept(cuts))
        assert one == list(range(16))
        assert two == one[two[0] :: 2]
        assert two[0] < 2
        assert three == two[two.index(three[0]) :: 4]
        assert four in ([three[0]], [three[1]])


@pytest.mark.parametrize("stride", [2, 4])
def test_each_frame_is_kept_as_often(stride: int) -> None:
    pyramid, noise = Pyramid(CLIP, (stride,)), Noise(1)
    kept = pyramid.kept(pyramid.cuts(lambda high: noise.integers(4000, high)))[1]
    shares = torch.bincount(kept.flatten(), minlength=16) / 4000
    assert (shares - 1 / stride).abs().max() < 4 * (stride**-1 / 4000) ** 0.5


def test_of_one_frame_all_is_kept_by_any_stride() -> None:
    pyramid = Pyramid((3, 4, 8, 8), (4, 4, 4))
    assert pyramid.frames == [4, 1, 1, 1]
    asked: list[int] = []

    def draw(high: int) -> torch.Tensor:
        asked.append(high)
        return torch.full((1,), high - 1)

    assert [f.tolist() for f in pyramid.kept(pyramid.cuts(draw))[1:]] == [[[3]], [[3]], [[3]]]
    assert asked == [4, 1, 1], "b is below min(s, T)"


def test_levels_are_means_of_the_frames_that_are_kept() -> None:
    pyramid, noise = Pyramid(CLIP, (2, 2, 2)), Noise(2)
    clips = torch.randn(5, *CLIP)
    cuts = pyramid.cuts(lambda high: noise.integers(5, high))
    levels = pyramid.of(clips, cuts)
    for level, (made, frames) in enumerate(zip(levels, pyramid.kept(cuts), strict=True)):
        side = 8 >> level
        for n, clip in enumerate(clips):
            own = clip[:, frames.expand(5, -1)[n]]
            torch.testing.assert_close(made[n], F.avg_pool2d(own, side) if side > 1 else own)
    assert len({tuple(f) for f in pyramid.kept(cuts)[1].tolist()}) > 1, "each clip has its own"


def test_rows_hold_all_levels() -> None:
    pyramid = Pyramid(CLIP, (2, 2, 2))
    levels = [torch.randn(4, *shape) for shape in pyramid.shapes]
    rows = pyramid.packed(levels)
    assert rows.shape == (4, sum(pyramid.numbers))
    for again, level in zip(pyramid.unpacked(rows), levels, strict=True):
        assert torch.equal(again, level)


def test_a_thinned_batch_makes_rows_of_several_clips() -> None:
    pyramid = Pyramid(CLIP, (2, 2, 2), thinning=2)
    clips = torch.arange(16.0).view(16, 1, 1, 1, 1).expand(16, *CLIP)
    levels = pyramid.of(clips, pyramid.cuts(lambda _: torch.zeros(1, dtype=torch.long)))
    assert [len(level) for level in levels] == [16, 8, 4, 2]
    rows = pyramid.packed(levels)
    assert len(rows) == 2
    again = pyramid.unpacked(rows)
    assert [level[:, 0, 0, 0, 0].tolist() for level in again] == [
        list(range(16)),
        list(range(0, 16, 2)),
        list(range(0, 16, 4)),
        [0, 8],
    ]
    with pytest.raises(UsageError, match="multiple of 8"):
        pyramid.packed([level[:12] for level in levels])


def test_what_does_not_come_out_even_is_refused() -> None:
    with pytest.raises(UsageError, match="more than the 16 frames"):
        Pyramid(CLIP, (17,))
    with pytest.raises(UsageError, match=r"choose one of 1, 2, 4, 8, 16$"):
        Pyramid(CLIP, (3,))
    with pytest.raises(UsageError, match="multiple of 16"):
        Pyramid((3, 16, 24, 24), (2,) * 4)
