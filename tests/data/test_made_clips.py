"""Sets of clips made by code: what is known of each is what its frames show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.packaged import digits8
from ganvas.data.procedural._clips import KEPT, Clips
from ganvas.data.procedural.blobs import Blobs
from ganvas.data.procedural.blobs import Variant as BlobVariant
from ganvas.data.procedural.bouncing_digits import (
    FAST,
    KNOWN,
    SLOW,
    BouncingDigits,
    digit_pool,
)
from ganvas.data.procedural.bouncing_digits import Variant as Digits
from ganvas.data.procedural.heroes import ACTIONS as ACTIONS_OF_HEROES
from ganvas.data.procedural.heroes import BEHIND, PLACES, Heroes, moment
from ganvas.data.procedural.heroes import figures as people
from ganvas.data.procedural.oscillator import Oscillator
from ganvas.data.procedural.oscillator import Variant as Swinging
from ganvas.data.procedural.ou_disc import OUDisc
from ganvas.data.procedural.shapes import BRIGHT, DIRECTIONS, HIGH, LOW, Shapes
from ganvas.data.procedural.shapes import Variant as Moving
from ganvas.data.procedural.sprites import Sprites, figures
from ganvas.data.settings import DataSettings
from ganvas.data.standard import data_root
from ganvas.errors import UsageError

SETS: dict[str, type[Clips]] = {
    "shapes": Shapes,
    "bouncing_digits": BouncingDigits,
    "oscillator": Oscillator,
    "blobs": Blobs,
    "sprites": Sprites,
    "ou_disc": OUDisc,
}


def few(source: str, **settings: Any) -> DataSettings:
    small = {"clips": 12, "held_out": 6, **settings.pop("variant", {})}
    return DataSettings.model_validate({"source": source, "variant": small, **settings})


def centroids(clips: np.ndarray) -> np.ndarray:
    """Return the middle of what is not black, (N, T, 2) across and down in pixels."""
    weight = clips.max(axis=4).astype(float)
    at = np.arange(clips.shape[2]) + 0.5
    whole = weight.sum(axis=(2, 3))
    across, down = weight.sum(axis=2) @ at, weight.sum(axis=3) @ at
    return np.stack([across / whole, down / whole], axis=2)


@pytest.mark.parametrize("name", SETS)
def test_a_clip_depends_on_its_split_and_number_alone(name: str) -> None:
    kind = SETS[name]
    many = kind.draw(40, frames=4, size=16)
    assert (kind.draw(5, frames=4, size=16).clips() == many.clips()[:5]).all()
    assert (many.clips(np.array([39, 7])) == many.clips()[[39, 7]]).all()  # over a chunk's end
    other = kind.draw(40, frames=4, size=16, split="test").clips()
    assert (other != many.clips()).any(axis=(1, 2, 3, 4)).all()


@pytest.mark.parametrize("name", SETS)
def test_sets_open_in_the_form_asked_for(name: str) -> None:
    source = open_data(few(name, frames=5, size=16))
    channels = SETS[name].channels
    assert source.spec.kind == "videos"
    assert source.spec.shape == (channels, 5, 16, 16)
    assert [len(source.items(split)) for split in source.splits] == [12] + [6] * (
        len(source.splits) - 1
    )
    batch = Feed(source, batch=4, seed=0).next()
    assert batch.x.shape == (4, channels, 5, 16, 16)
    known = source.items("train").rows(batch["index"].numpy())
    assert (source.spec.domain.decode(batch.x) == known.x).all()
    lazy = open_data(few(name, frames=5, size=16, cache="none"))
    assert (np.asarray(lazy.items("test").x) == source.items("test").x).all()
    rows = (torch.tensor([3, 0, 7, 3]),)
    read, held = (one.take(one.table(torch.device("cpu")), rows) for one in (lazy, source))
    assert torch.equal(read.x, held.x)
    for wrong in ({"size": (16, 32)}, {"size": 4}):
        with pytest.raises(UsageError, match="is drawn in the size asked for"):
            open_data(few(name, **wrong))


def test_variants_are_checked() -> None:
    with pytest.raises(
        UsageError, match=r"data.variant.hue is not .* of shapes. Did you mean 'hues'"
    ):
        open_data(few("shapes", variant={"hue": 6}))
    with pytest.raises(UsageError, match=r"data.variant.directions=3 of shapes: expected 2 or"):
        open_data(few("shapes", variant={"directions": 3}))
    with pytest.raises(UsageError, match="digits8: leave it out"):
        open_data(few("digits8"))
    with pytest.raises(UsageError, match="rooms has no variants"):
        open_data(few("rooms"))
    with pytest.raises(UsageError, match=r"data.frames is for videos, but digits8 holds images"):
        open_data(DataSettings(source="digits8", frames=4))


def test_large_sets_are_not_kept() -> None:
    large = open_data(few("shapes", variant={"clips": 1 + KEPT // (16 * 64 * 64 * 3)}, size=64))
    assert not isinstance(large.items("train").x, np.ndarray)
    assert isinstance(large.items("test").x, np.ndarray)
    assert large.items("train").x[3].shape == (16, 64, 64, 3)


@pytest.mark.parametrize("directions", [2, 4])
def test_shapes_go_from_border_to_border(directions: Any) -> None:
    made = Shapes.draw(50, Moving(directions=directions), size=32)
    clips, known = made.clips(), made.factors
    at = centroids(clips)
    told = made.centres(known, made.times) * 32
    assert np.abs(at - told).max() < 0.15  # points of the lattice are a quarter of a pixel apart
    moved = at[:, -1] - at[:, 0]
    for place, name in enumerate(DIRECTIONS[:directions]):
        mine = moved[known["label"] == place]
        along = mine[:, 0 if name in ("left", "right") else 1]
        across = mine[:, 1 if name in ("left", "right") else 0]
        assert (along * (1 if name in ("right", "down") else -1) > 0).all()
        assert (np.abs(along) > np.abs(across)).mean() > 0.9
    area = (clips / known["colour"].max(axis=1)[:, None, None, None, None]).max(axis=4)
    area = area.sum(axis=(2, 3)) / (known["radius"][:, None] * 32) ** 2
    whole = np.where(known["shape"] == 0, np.pi, 4)[:, None]
    assert np.abs(area / whole - 1).max() < 0.2  # it never leaves the frame
    assert np.abs(area.mean(axis=1) / whole[:, 0] - 1).max() < 0.04


def test_shapes_have_one_colour() -> None:
    made = Shapes.draw(30, size=32)
    clips, colour = made.clips(), made.factors["colour"]
    assert (colour >= LOW).all()
    assert (colour <= HIGH).all()
    assert (colour.max(axis=1) >= BRIGHT).all()
    inside = np.abs(clips - np.rint(colour)[:, None, None, None]).max(axis=4) == 0
    assert (inside.sum(axis=(2, 3)) >= 4).all()
    share = clips.reshape(30, -1, 3) / colour[:, None]
    assert np.ptp(share, axis=2).max() < 0.02  # the edges have it, too, darker
    saturated = Shapes.draw(300, Moving(hues=6)).factors
    assert set(saturated["hue"].tolist()) == set(range(6))
    pure = saturated["colour"][saturated["hue"] == 1]  # yellow
    assert (pure[:, 2] == LOW).all()
    assert (pure[:, 0] == pure[:, 1]).all()


def test_shapes_have_every_class_as_often() -> None:
    n = 4000
    known = Shapes.draw(n, Moving(directions=4), frames=1, size=8).factors
    for name, count in (("label", 4), ("shape", 2)):
        shares = np.bincount(known[name], minlength=count) / n
        assert np.abs(shares - 1 / count).max() < 3 * (1 / count * (1 - 1 / count) / n) ** 0.5


def test_consecutive_frames_are_those_between() -> None:
    every = Shapes.draw(5, Moving(consecutive=True), frames=8, size=16)
    second = Shapes.draw(5, frames=8, size=16)
    assert np.allclose(
        every.centres(every.factors, every.times)[:, ::2],
        second.centres(second.factors, second.times)[:, :4],
    )


def test_digits_bounce_off_the_borders() -> None:
    made = BouncingDigits.draw(60, frames=40, size=32)
    at = made.corners(made.factors, made.times)[:, :, 0]
    assert at.min() >= 0
    assert at.max() <= 32 - 16
    step = 1 / 64
    way = made.corners(made.factors, np.arange(0, 40, step))[:, :, 0]
    velocity = np.diff(way, axis=1) / step
    wanted = made.factors["velocity"]
    straight = np.isclose(np.abs(velocity), np.abs(wanted), atol=1e-6)
    assert straight.mean() > 0.99  # but for the steps in which it is reflected
    speed = np.linalg.norm(wanted[:, 0], axis=1) / 32
    assert (speed >= SLOW - 1e-9).all()
    assert (speed <= FAST + 1e-9).all()
    sign = np.where(straight, np.sign(np.rint(velocity * 1e6)), np.nan)
    for axis in (0, 1):  # it turns at the borders, and nowhere else
        turned = sign[:, 2:, axis] * sign[:, :-2, axis] < 0
        at_border = np.minimum(way[:, 1:-2, axis], 16 - way[:, 1:-2, axis])
        assert turned.any()
        assert at_border[turned].max() < 2 * FAST * 32 * step


def test_digits_lie_between_pixels() -> None:
    made = BouncingDigits.draw(60, frames=6, size=32)
    clips = made.clips()
    # A digit spread over its neighbours keeps its light and its middle, exactly.
    light = clips.astype(float).sum(axis=(2, 3, 4))
    own = made.images[made.factors["digit"][:, 0]]
    assert np.abs(light / own.sum(axis=(1, 2))[:, None] - 1).max() < 0.02
    points = np.arange(16) + 0.5
    weight = own.sum(axis=(1, 2))
    middle = np.stack([own.sum(1) @ points, own.sum(2) @ points], axis=1) / weight[:, None]
    told = made.corners(made.factors, made.times)[:, :, 0] + middle[:, None]
    assert np.abs(centroids(clips) - told).max() < 0.05


def test_held_out_digits_are_others() -> None:
    images, labels = digit_pool("train")
    held, others = digit_pool("test")
    whole = digits8().splits["train"]
    assert (len(images), len(held)) == (KNOWN, 397)
    assert (np.concatenate([labels, others]) == whole["label"]).all()
    assert (np.concatenate([images, held]) == whole.x[..., 0]).all()


def test_two_digits_are_tagged() -> None:
    source = open_data(few("bouncing_digits", variant={"digits": 2}))
    tags = source.items("train")["digits"]
    assert set(tags.sum(axis=1).tolist()) <= {1, 2}
    made = BouncingDigits.draw(12, Digits(digits=2))
    one = BouncingDigits.draw(12, Digits(digits=1)).clips()
    assert (made.clips() >= one).all()  # the brighter one is seen
    assert (tags[np.arange(12), made.factors["label"][:, 1]] == 1).all()


def test_an_oscillator_is_known_at_any_time() -> None:
    slow = Oscillator.draw(5, Swinging(step=0.5), frames=31)
    fast = Oscillator.draw(5, frames=16)
    assert (slow.clips()[:, ::2] == fast.clips()).all()
    known = fast.factors
    for axis in (0, 1):
        w, a = known["frequency"][:, axis], known["amplitude"][:, axis]
        c, phase = known["centre"][:, axis], known["phase"][:, axis]
        wanted = c[:, None] + a[:, None] * np.cos(w[:, None] * np.arange(16) + phase[:, None])
        assert np.abs(centroids(fast.clips())[:, :, axis] / 32 - wanted).max() < 0.005
    light = fast.clips().max(axis=4).sum(axis=(2, 3))
    assert np.abs(light / (230 * np.pi * 3.2**2) - 1).max() < 0.03  # it never leaves the frame


def test_blobs_move_before_what_stands_still() -> None:
    made = Blobs.draw(20, size=32)
    clips, masks = made.clips(), made.masks()
    behind = (masks == 0).all(axis=(1, 4))  # pixels that are free in all frames
    assert behind.any(axis=(1, 2)).all()
    still = np.abs(clips - clips[:, :1].astype(int)).max(axis=(1, 4))
    assert still[behind].max() == 0
    assert still[~behind].min(initial=255) >= 0
    texture = made.backgrounds(made.factors, made.times[:1])[:, 0]
    assert np.abs(texture.std(axis=(1, 2)) - 40).max() < 2
    inside = masks[..., 0] == 255
    known = made.factors
    for row in range(20):
        wanted = np.rint(known["colour"][row, : known["count"][row]])
        seen = clips[row][inside[row]]
        apart = np.abs(seen[:, None] - wanted[None]).max(axis=2).min(axis=1)
        assert (apart <= 1).mean() > 0.9  # but for edges of one before the other
    area = (masks[..., 0] / 255).sum(axis=(2, 3))
    alone = known["count"] == 1
    whole = np.pi * known["half"][:, 0].prod(axis=1) * 32**2
    assert np.abs(area[alone] / whole[alone, None] - 1).max() < 0.1


def test_a_panning_camera_moves_everything() -> None:
    still, moved = (Blobs.draw(4, BlobVariant(camera_shift=s), size=32) for s in (0, 1 / 32))
    moved.factors["pan"][:] = 1  # one pixel right and down a frame, round and round
    behind = moved.backgrounds(moved.factors, moved.times)
    first = still.backgrounds(still.factors, still.times[:1])[:, 0]
    for t in (0, 3, 15):
        assert np.abs(behind[:, t] - np.roll(first, (t, t), axis=(1, 2))).max() < 1e-9


def test_blobs_come_with_their_masks() -> None:
    source = open_data(few("blobs", frames=3, size=16))
    items = source.items("test")
    assert items["mask"].shape == (6, 3, 16, 16, 1)
    assert source.spec.fields["mask"].shape == (1, 3, 16, 16)
    assert (items["mask"] == Blobs.draw(6, frames=3, size=16, split="test").masks()).all()
    assert Feed(source, batch=2, seed=0).next()["mask"].shape == (2, 1, 3, 16, 16)


def test_sprites_do_what_their_label_says() -> None:
    made = Sprites.draw(40, size=32, frames=28)
    known = made.factors
    clips = made.clips().astype(int)
    moving = np.abs(np.diff(clips, axis=1)).max(axis=(1, 4)) > 20  # (N, H, W)
    left, right = moving[:, :24, :14].sum(axis=(1, 2)), moving[:, :24, 18:].sum(axis=(1, 2))
    below = moving[:, 25:].sum(axis=(1, 2))
    does = [known["label"] == place for place in range(6)]
    walk, jump, wave_left, wave_right, squat, spin = does
    assert (left[wave_left] > 8).all()
    assert (right[wave_left] == 0).all()
    assert (right[wave_right] > 8).all()
    assert (left[wave_right] == 0).all()
    for legs in (walk, jump, squat):
        assert (below[legs] > 4).all()
    assert (below[wave_left | wave_right] == 0).all()
    head = np.abs(np.diff(clips[:, :, 6:9, 14:18], axis=1)).max(axis=(1, 2, 3, 4))
    assert (head[jump | squat] > 0).mean() > 0.9
    assert (head[walk | spin] == 0).all()
    # After a whole period everything is as before.
    short = Sprites.draw(5, size=32)
    again = short.factors["period"]
    for row in range(5):
        one = short.at(np.array([row]))
        twice = short.render(one, np.array([0.0, 2 * again[row]]))  # a spin is seen half each time
        assert (twice[0, 0] == twice[0, 1]).all()


def test_unseen_sprites_are_in_no_other_split() -> None:
    seen, unseen = (
        {tuple(row) for row in figures(split).tolist()} for split in ("train", "unseen")
    )
    assert not seen & unseen
    assert (len(seen), len(unseen)) == (518, 130)
    source = open_data(few("sprites", frames=2, size=16))
    assert source.splits == ("train", "unseen", "test")
    names = ("head", "shirt", "trousers", "width")
    for split in source.splits:
        items = source.items(split)
        rows = {tuple(row) for row in np.stack([items[name] for name in names], 1).tolist()}
        assert rows <= (unseen if split == "unseen" else seen)


def test_a_first_frame_has_many_futures() -> None:
    made = OUDisc.draw(300, frames=12, size=16)
    futures = made.futures(3, 40)
    assert (futures[:, 0] == made.clips(np.array([3]))[0, 0]).all()
    spread = centroids(futures).std(axis=0).mean(axis=1)
    assert spread[0] < 1e-9
    assert spread[1] < spread[3] < spread[8]
    # The process is stationary: its spread, and what is left of it a frame later, are as told.
    way = made.centres(made.factors, made.times) - 0.5
    told = made.variant
    assert np.abs(way.std(axis=(0, 2)) / told.spread - 1).max() < 0.15
    kept = (way[:, 1:] * way[:, :-1]).mean() / (way**2).mean()
    assert abs(kept - np.exp(-told.rate)) < 0.03


@pytest.mark.skipif(not (data_root() / "heroes").is_dir(), reason="needs make data SETS=heroes")
def test_heroes_are_dressed_from_parts() -> None:
    made = Heroes.draw(6, frames=8, size=32)
    clips = made.clips()
    assert (np.abs(clips - np.array(BEHIND)).max(axis=4) > 30).any(axis=(2, 3)).all()
    other = {**made.factors, "chest": (made.factors["chest"] + 1) % len(PLACES["chest"])}
    assert (made.render(other, made.times) != clips).any(axis=(1, 2, 3, 4)).all()


@pytest.mark.parametrize("action", ACTIONS_OF_HEROES)
def test_heroes_go_through_an_action(action: str) -> None:
    shown = [moment(action, 3 + t, t, 16) for t in range(16)]
    steps = np.abs(np.diff(shown))
    if action == "die":
        assert (shown[0], shown[-1]) == (0, 5)
        assert (np.diff(shown) >= 0).all()
    else:
        assert set(shown) == set(range(max(shown) + 1))
        assert ((steps <= 1) | (steps == 7)).all()


def test_unseen_heroes_are_in_no_other_split() -> None:
    seen, unseen = ({tuple(row) for row in people(split).tolist()} for split in ("train", "unseen"))
    assert not seen & unseen
    assert len(seen) + len(unseen) == 2 * 8**4 * 6
