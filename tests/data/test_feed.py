"""Streams and epochs: exact on resume, alike for any number of processes, nothing left out."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.data.affine import AffineSource
from ganvas.data.feed import Feed, mirrored
from ganvas.data.items import Collection, Items
from ganvas.data.laws import law
from ganvas.data.settings import AffineSettings
from ganvas.data.source import ArraySource, Batch, LawSource, Source, StackSource
from ganvas.errors import UsageError

COUNT = 37


def images(count: int = COUNT, channels: int = 1) -> Items:
    """Return images that name themselves: image i has first pixel i, and label i mod 3."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (count, 4, 5, channels), dtype=np.uint8)
    x[:, 0, 0, 0] = np.arange(count)
    return Items(x, np.arange(count, dtype=np.int64) % 3)


def array_source() -> ArraySource:
    splits = {"train": images(channels=3), "test": images(11, channels=3)}
    return ArraySource(Collection("pictures", splits, ("a", "b", "c")))


def stack_source(fixed: int | None = None) -> StackSource:
    return StackSource(
        "stack", Collection("digits", {"train": images()}, ("0", "1", "2")), fixed=fixed
    )


SOURCES: dict[str, Callable[[], Source]] = {
    "law": lambda: LawSource(law("cube27")),
    "images": array_source,
    "points": lambda: ArraySource(
        Collection("points", {"train": Items(np.random.default_rng(0).normal(3, 2, (COUNT, 2)))})
    ),
    "stack": stack_source,
    "fixed stack": lambda: stack_source(fixed=50),
    "affine": lambda: AffineSource(
        "affine",
        Collection("digits", {"train": images()}, ("0", "1", "2")),
        AffineSettings(canvas=8),
    ),
}

every_source = pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)


def feed(source: Source, batch: int = 6, mirror: bool = False, **share: int) -> Feed:
    return Feed(source, batch=batch, seed=3, mirror=mirror, **share)


def assert_same(one: Batch, other: Batch) -> None:
    for a, b in ((one.x, other.x), (one.label, other.label), (one.index, other.index)):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert torch.equal(a, b)


def joined(*batches: Batch) -> Batch:
    def join(parts: list[torch.Tensor | None]) -> torch.Tensor | None:
        found = [part for part in parts if part is not None]
        return torch.cat(found) if found else None

    return Batch(
        torch.cat([batch.x for batch in batches]),
        join([batch.label for batch in batches]),
        join([batch.index for batch in batches]),
    )


@every_source
def test_batches_have_the_promised_form(make: Callable[[], Source]) -> None:
    source = make()
    batch = feed(source).next()
    assert len(batch) == 6
    assert batch.x.shape == (6, *source.spec.shape)
    assert batch.x.dtype == torch.float32
    for extra in (batch.label, batch.index):
        assert extra is None or (extra.dtype == torch.int64 and extra.shape == (6,))
    assert (batch.label is not None) == (source.spec.classes > 0)


@every_source
@settings(max_examples=15, deadline=None)
@given(
    before=st.lists(st.integers(1, 50), max_size=5), after=st.lists(st.integers(1, 50), max_size=4)
)
def test_resume_equals_going_on(
    make: Callable[[], Source], before: list[int], after: list[int]
) -> None:
    straight = feed(make(), mirror=make().spec.kind == "images")
    for n in before:
        straight.next(n=n)
        straight.next("extra", n=n + 1)
    state = json.loads(json.dumps(straight.state_dict()))
    resumed = feed(make(), mirror=make().spec.kind == "images")
    resumed.next(n=4)
    resumed.load_state_dict(state)
    assert resumed.seen == straight.seen == sum(before)
    for n in after:
        for stream in ("main", "extra", "new"):
            assert_same(resumed.next(stream, n=n), straight.next(stream, n=n))
    assert resumed.state_dict() == straight.state_dict()


@every_source
@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_what_one_would_see(make: Callable[[], Source], world: int) -> None:
    mirror = make().spec.kind == "images"
    alone = feed(make(), batch=12, mirror=mirror)
    shares = [
        feed(make(), batch=12, mirror=mirror, rank=rank, world=world) for rank in range(world)
    ]
    assert [share.batch for share in shares] == [12 // world] * world
    for _ in range(5):
        assert_same(joined(*(share.next() for share in shares)), alone.next())
        parts = [share.next("extra", n=5) for share in shares]
        assert_same(joined(*parts), alone.next("extra", n=5 * world))
    assert {share.seen for share in shares} == {alone.seen} == {60}


@every_source
def test_a_stream_does_not_depend_on_batch_sizes(make: Callable[[], Source]) -> None:
    one, other = feed(make()), feed(make())
    assert_same(joined(one.next(n=3), one.next(n=40), one.next(n=1)), other.next(n=44))


def test_law_blocks_join_without_a_seam() -> None:
    one, other = feed(LawSource(law("ring8"))), feed(LawSource(law("ring8")))
    assert_same(joined(*(one.next(n=9000) for _ in range(4))), other.next(n=36_000))


@every_source
def test_streams_are_independent(make: Callable[[], Source]) -> None:
    alone, busy = feed(make()), feed(make())
    first = [alone.next(n=20) for _ in range(3)]
    for batch in first:
        extra = busy.next("extra", n=20)
        assert not torch.equal(extra.x, batch.x)
        assert_same(busy.next(n=20), batch)
    assert busy.seen == 60


def test_seeds_differ_and_the_first_points_are_the_laws_own() -> None:
    source = LawSource(law("ring8"))
    points, component = law("ring8").sample(2**14, np.random.Generator(np.random.PCG64(1003)))
    batch = feed(source).next()
    assert batch.label is not None
    assert (batch.x.numpy() == points[:6]).all()
    assert (batch.label.numpy() == component[:6]).all()
    assert not torch.equal(Feed(source, batch=6, seed=4).next().x, batch.x)


def test_training_epochs_take_each_item_once() -> None:
    data = feed(array_source(), batch=COUNT)
    orders = []
    for _ in range(3):
        index = data.next().index
        assert index is not None
        assert sorted(index.tolist()) == list(range(COUNT))
        orders.append(tuple(index.tolist()))
    assert len(set(orders)) == 3


def test_fixed_triples_are_taken_once_an_epoch() -> None:
    source = stack_source(fixed=50)
    first, second = (feed(source, batch=50).next("main", n=50).x for _ in range(2))
    assert torch.equal(first, second)
    data = feed(source, batch=50)
    rows = [sorted(map(tuple, data.next().x.flatten(1).tolist())) for _ in range(2)]
    assert rows[0] == rows[1]


def test_rows_keep_image_label_and_index_together() -> None:
    source = array_source()
    batch = feed(source).next(n=50)
    assert batch.index is not None
    assert batch.label is not None
    train = source.items("train")
    assert (source.spec.domain.decode(batch.x) == train.x[batch.index.numpy()]).all()
    assert (batch.label == batch.index % 3).all()


def test_stacked_channels_are_digits_and_labels_number_the_mode() -> None:
    source = stack_source()
    batch = feed(source).next(n=300)
    first_pixel = source.spec.domain.decode(batch.x)[:, 0, 0, :].astype(np.int64)
    a, b, c = (first_pixel % 3).T
    assert batch.label is not None
    assert (batch.label.numpy() == 100 * a + 10 * b + c).all()
    singles = source.digits["train"].x
    channel = source.spec.domain.decode(batch.x)[7, :, :, 2]
    assert (channel == singles[first_pixel[7, 2], :, :, 0]).all()


def test_mirroring_flips_half_of_the_images_and_nothing_else() -> None:
    source = array_source()
    batch = feed(source, mirror=True).next(n=400)
    assert batch.index is not None
    plain = source.spec.domain.encode(source.items("train").x[batch.index.numpy()])
    same = (batch.x == plain).flatten(1).all(1)
    flipped = (batch.x == plain.flip(-1)).flatten(1).all(1)
    assert (same ^ flipped).all()
    assert 150 < flipped.sum() < 250


def test_mirrored_flips_where_told() -> None:
    pictures = torch.arange(12.0).reshape(2, 1, 2, 3)
    flipped = mirrored(pictures, torch.tensor([0, 1]))
    assert torch.equal(flipped[0], pictures[0])
    assert flipped[1].tolist() == [[[8, 7, 6], [11, 10, 9]]]


@every_source
def test_advance_leads_to_new_data_and_is_exact(make: Callable[[], Source]) -> None:
    straight, moved = feed(make()), feed(make())
    for data in (straight, moved):
        data.next(n=20)
        data.next("extra", n=20)
    state = straight.state_dict()
    moved.advance(1)
    resumed = feed(make())
    resumed.load_state_dict(state)
    resumed.advance(1)
    twice = feed(make())
    twice.load_state_dict(state)
    twice.advance(2)
    for stream in ("main", "extra", "new"):
        fresh = moved.next(stream, n=30)
        assert not torch.equal(fresh.x, straight.next(stream, n=30).x)
        assert not torch.equal(fresh.x, twice.next(stream, n=30).x)
        assert_same(fresh, resumed.next(stream, n=30))
    later = feed(make())
    later.load_state_dict(moved.state_dict())
    assert_same(later.next("late"), moved.next("late"))


@pytest.mark.parametrize("n", [1, 4, 11, 50])
def test_an_epoch_is_complete_and_in_order(n: int) -> None:
    source = array_source()
    batches = list(feed(source).epoch("test", n))
    whole = joined(*batches)
    assert all(len(batch) == n for batch in batches[:-1])
    assert whole.index is not None
    assert whole.label is not None
    assert whole.index.tolist() == list(range(11))
    assert (source.spec.domain.decode(whole.x) == source.items("test").x).all()
    assert (whole.label.numpy() == source.items("test").label).all()


def test_epochs_do_not_move_the_streams() -> None:
    data, other = feed(array_source()), feed(array_source())
    list(data.epoch("train", 5))
    assert_same(data.next(), other.next())
    assert data.seen == 6


def test_a_laws_epoch_is_its_reference_set() -> None:
    whole = joined(*feed(LawSource(law("ring8"))).epoch("reference", 3000))
    points, component = law("ring8").reference(10_000, seed=424242)
    assert whole.label is not None
    assert (whole.x.numpy() == points).all()
    assert (whole.label.numpy() == component).all()


@pytest.mark.parametrize("make", [SOURCES["law"], SOURCES["stack"]])
def test_endless_data_has_no_training_epoch(make: Callable[[], Source]) -> None:
    with pytest.raises(UsageError, match="the fixed split 'reference' of 10,000"):
        feed(make()).epoch("train", 5)


def test_an_unknown_split_names_the_known() -> None:
    with pytest.raises(UsageError, match=r"no split 'tset'\. Did you mean 'test'"):
        feed(array_source()).epoch("tset", 5)


def test_batches_may_be_changed_in_place() -> None:
    for make in SOURCES.values():
        data, other = feed(make()), feed(make())
        first = data.next()
        weight = torch.ones_like(first.x, requires_grad=True)
        loss = (weight * first.x).square().sum()
        data.next().x.mul_(0)
        loss.backward()  # a shared block would fail here: "modified by an inplace operation"
        other.next()
        other.next()
        for _ in range(20):
            assert_same(data.next(), other.next())


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be shared evenly by 4 processes"):
        Feed(array_source(), batch=6, seed=0, world=4)
    with pytest.raises(UsageError, match=r"data\.mirror flips images"):
        Feed(LawSource(law("ring8")), batch=6, seed=0, mirror=True)
    state = feed(array_source()).state_dict()
    with pytest.raises(UsageError, match="size 37, now it is None"):
        feed(LawSource(law("ring8"))).load_state_dict(state)


def test_standardised_points_are_centred_and_isotropic() -> None:
    source = SOURCES["points"]()
    x = joined(*feed(source).epoch("train", 10)).x.double()
    torch.testing.assert_close(x.mean(0), torch.zeros(2, dtype=torch.float64), atol=1e-6, rtol=0)
    assert x.var(0, correction=0).mean().item() == pytest.approx(1, abs=1e-6)
    data = source.items("train").x
    ratio = data.std(0)[0] / data.std(0)[1]
    assert (x.std(0)[0] / x.std(0)[1]).item() == pytest.approx(ratio, rel=1e-6)


def test_equal_points_are_refused() -> None:
    with pytest.raises(UsageError, match="All training points are equal"):
        ArraySource(Collection("flat", {"train": Items(np.ones((5, 2), np.float32))}))
