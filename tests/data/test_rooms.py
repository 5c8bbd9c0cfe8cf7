"""Rooms: the same for every number of them, and everything that is told of them is exact."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.procedural.rooms import FREE, LATTICE, OBJECTS, SHARES, SIZES, WHOLE, Rooms
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.metrics.rooms import find_objects


@pytest.fixture(scope="module")
def rooms() -> Rooms:
    return Rooms.draw(150, 7)


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    assert SIZES == {"train": 8000, "test": 2000}
    with pytest.MonkeyPatch.context() as few:
        few.setitem(SIZES, "train", 80)
        few.setitem(SIZES, "test", 20)
        yield open_data(DataSettings(source="rooms"))


def test_a_room_depends_on_its_seed_and_number_alone(rooms: Rooms) -> None:
    few = Rooms.draw(10, 7)
    assert (few.pictures() == rooms.pictures()[:10]).all()
    assert (few.boxes(32) == rooms.boxes(32)[:10]).all()
    assert (Rooms.draw(10, 8).pictures() != few.pictures()).any(axis=(1, 2, 3)).all()
    digest = hashlib.sha256(few.pictures().tobytes()).hexdigest()
    assert digest[:16] == "945029ecfc0ea139"


def test_factors_stay_in_their_ranges() -> None:
    many = Rooms.draw(10_000, 1).factors
    for name, (low, high) in WHOLE.items():
        assert set(many[name].tolist()) == set(range(low, high + 1))
    for name, share in SHARES.items():
        assert abs(many[name].mean() - share) < 3 * (share * (1 - share) / 10_000) ** 0.5
    for name in FREE:
        assert 0 <= many[name].min() < 0.01 < 0.99 < many[name].max() < 1


@pytest.mark.parametrize("which", OBJECTS)
def test_boxes_are_exactly_what_an_object_changes(rooms: Rooms, which: str) -> None:
    nothing = rooms.having(**dict.fromkeys(OBJECTS, 0))
    alone = nothing.having(**{which: 1})
    changed = (alone.pictures() != nothing.pictures()).any(axis=3)
    rows, columns = changed.any(axis=2), changed.any(axis=1)
    edges = [
        *(columns.argmax(1), rows.argmax(1)),
        *(LATTICE - columns[:, ::-1].argmax(1), LATTICE - rows[:, ::-1].argmax(1)),
    ]
    at = OBJECTS.index(which)
    assert (alone.boxes(LATTICE)[:, at] == np.stack(edges, axis=1)).all()
    assert (alone.boxes(64) == 2 * alone.boxes(32)).all()
    middle = alone.centres(which) * 2 * LATTICE
    assert (middle == alone.boxes(32)[:, at].reshape(-1, 2, 2).sum(axis=1)).all()
    others = np.delete(alone.boxes(32), at, axis=1)
    assert (others == 0).all()
    # Where others are there, too, nothing changes outside the box.
    without, having = rooms.having(**{which: 0}), rooms.having(**{which: 1})
    differ = (without.pictures() != having.pictures()).any(axis=3)
    assert not (differ & ~changed).any()


def test_larger_rooms_repeat_the_pixels_of_small_ones(rooms: Rooms) -> None:
    large = rooms.pictures(96)
    assert (large.reshape(150, 32, 3, 32, 3, 3) == rooms.pictures()[:, :, None, :, None]).all()


def test_templates_find_what_is_there(rooms: Rooms) -> None:
    """The gate before every measurement with them."""
    found = find_objects(rooms.pictures(64))
    assert (found.there == rooms.tags.astype(bool)).mean() > 0.999
    for at, which in enumerate(OBJECTS):
        there = found.there[:, at]
        for axis in (0, 1):
            truth = rooms.centres(which)[there, axis]
            assert np.corrcoef(truth, found.centres[there, at, axis])[0, 1] > 0.95
    with pytest.raises(UsageError, match=r"colour pictures of 32x32 .* these are \(28, 28, 3\)"):
        find_objects(np.zeros((1, 28, 28, 3), np.uint8))


def test_the_set_has_all_fields(source: Source) -> None:
    items = source.items("test")
    expected = Rooms.draw(20, 2)
    assert (items.x == expected.pictures()).all()
    assert (items["tags"] == expected.tags).all()
    assert (items["window_x"][:, 0] == expected.centres("window")[:, 0]).all()
    assert (items["boxes"] == expected.boxes(32)).all()
    numbers = [f"{which}_{axis}" for which in OBJECTS for axis in "xy"]
    assert list(source.spec.conditions) == ["tags", *numbers]  # boxes are for looking, not asking
    assert source.spec.fields["boxes"].names == ["bed", "lamp", "window"]
    assert (len(source.known), source.spec.shape) == (80, (3, 32, 32))
    batch = Feed(source, batch=50, seed=0).next()
    boxes = source.spec.fields["boxes"].decode(batch["boxes"])
    assert (boxes == source.known["boxes"][batch["index"].numpy()]).all()


def test_boxes_are_mirrored_with_their_pictures(source: Source, rooms: Rooms) -> None:
    domain = source.spec.fields["boxes"]
    flipped = domain.decode(domain.mirrored(domain.encode(rooms.boxes(32))))
    expected = rooms.boxes(32)
    there = rooms.tags.astype(bool)
    expected[there] = np.stack([32, 0, 32, 0] - expected[there], axis=0)[:, [2, 1, 0, 3]] * [
        *(1, -1, 1, -1)
    ]
    assert (flipped == expected).all()
    assert domain.at_size((64, 64)).decode(domain.encode(rooms.boxes(32))).tolist() == (
        rooms.boxes(64).tolist()
    )
    assert torch.equal(
        domain.resized(domain.encode(rooms.boxes(32)), (64, 64)), domain.encode(rooms.boxes(32))
    )


def test_rooms_are_drawn_at_the_size_asked_for(source: Source) -> None:
    larger = open_data(DataSettings(source="rooms", size=64, channels="grey"))
    assert larger.spec.shape == (1, 64, 64)
    assert (larger.items("test")["boxes"] == 2 * source.items("test")["boxes"]).all()
    for wrong in ({"size": 40}, {"size": (32, 64)}, {"size": 64, "resize": "stretch"}):
        with pytest.raises(UsageError, match=r"expected data.size=32, or a whole multiple"):
            open_data(DataSettings.model_validate({"source": "rooms", **wrong}))
