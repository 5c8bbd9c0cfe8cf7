"""Streams and epochs: exact on resume, alike for any number of processes, nothing left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.data.affine import AffineSource
from ganvas.data.batch import Batch
from ganvas.data.domains.images import Images
from ganvas.data.feed import Feed
from ganvas.data.items import Collection, Items
from ganvas.data.laws import law
from ganvas.data.open import open_data
from ganvas.data.settings import AffineSettings, DataSettings
from ganvas.data.source import ArraySource, LawSource, Source, StackSource
from ganvas.data.spec import spec_of
from ganvas.data.views import Dequantise, Mirror, dequantised
from ganvas.errors import UsageError
from tests.data.sharded import write

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


@cache
def shards() -> str:
    return write("memory://feed", COUNT, 3)


def streamed_source() -> Source:
    return open_data(DataSettings(source=shards(), cache="none"))


SOURCES: dict[str, Callable[[], Source]] = {
    "law": lambda: LawSource(law("cube27")),
    "images": array_source,
    "points": lambda: ArraySource(
        Collection("points", {"train": Items(np.random.default_rng(0).normal(3, 2, (COUNT, 2)))})
    ),
    "stream": streamed_source,
    "stack": stack_source,
    "fixed stack": lambda: stack_source(fixed=50),
    "affine": lambda: AffineSource(
        "affine",
        Collection("digits", {"train": images()}, ("0", "1", "2")),
        AffineSettings(canvas=8),
    ),
}

every_source = pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)


def feed(source: Source, batch: int = 6, **more: int) -> Feed:
    return Feed(source, batch=batch, seed=3, **more)


def changing(source: Source, **more: int) -> Feed:
    """Return a feed that flips images and adds noise to them, if they are images."""
    if source.spec.domain.grid:
        source.views = (Dequantise(), Mirror())
    return feed(source, **more)


def assert_same(one: Batch, other: Batch) -> None:
    assert list(one) == list(other)
    for name in one:
        assert torch.equal(one[name], other[name])


def joined(*batches: Batch) -> Batch:
    return Batch.cat(batches)


@every_source
def test_batches_have_the_promised_form(make: Callable[[], Source]) -> None:
    source = make()
    batch = feed(source).next()
    assert len(batch) == 6
    assert batch.x.shape == (6, *source.spec.shape)
    assert batch.x.dtype == torch.float32
    for extra in set(batch) - {"x"}:
        assert batch[extra].dtype == torch.int64
        assert batch[extra].shape == (6,)
    assert ("label" in batch) == (source.spec.classes > 0)


@every_source
@settings(max_examples=8)
@given(
    before=st.lists(st.integers(1, 50), max_size=5), after=st.lists(st.integers(1, 50), max_size=4)
)
def test_resume_equals_going_on(
    make: Callable[[], Source], before: list[int], after: list[int]
) -> None:
    straight = changing(make())
    for n in before:
        straight.next(n=n)
        straight.next("extra", n=n + 1)
    state = json.loads(json.dumps(straight.state_dict()))
    resumed = changing(make())
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
    alone = changing(make(), batch=12)
    shares = [changing(make(), batch=12, rank=rank, world=world) for rank in range(world)]
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
    assert (batch.x.numpy() == points[:6]).all()
    assert (batch["label"].numpy() == component[:6]).all()
    assert not torch.equal(Feed(source, batch=6, seed=4).next().x, batch.x)


def test_training_epochs_take_each_item_once() -> None:
    data = feed(array_source(), batch=COUNT)
    orders = []
    for _ in range(3):
        index = data.next()["index"]
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
    assert "index" in batch
    train = source.items("train")
    assert (source.spec.domain.decode(batch.x) == train.x[batch["index"].numpy()]).all()
    assert (batch["label"] == batch["index"] % 3).all()


def test_stacked_channels_are_digits_and_labels_number_the_mode() -> None:
    source = stack_source()
    batch = feed(source).next(n=300)
    first_pixel = source.spec.domain.decode(batch.x)[:, 0, 0, :].astype(np.int64)
    a, b, c = (first_pixel % 3).T
    assert (batch["label"].numpy() == 100 * a + 10 * b + c).all()
    singles = source.digits["train"].x
    channel = source.spec.domain.decode(batch.x)[7, :, :, 2]
    assert (channel == singles[first_pixel[7, 2], :, :, 0]).all()


def test_mirroring_flips_half_of_the_images_and_nothing_else() -> None:
    source = array_source()
    source.views = (Mirror(),)
    batch = feed(source).next(n=400)
    assert "index" in batch
    plain = source.spec.domain.encode(source.items("train").x[batch["index"].numpy()])
    same = (batch.x == plain).flatten(1).all(1)
    flipped = (batch.x == plain.flip(-1)).flatten(1).all(1)
    assert (same ^ flipped).all()
    assert 150 < flipped.sum() < 250


def test_mirrored_flips_where_told() -> None:
    pictures = torch.arange(12.0).reshape(2, 1, 2, 3)
    spec = spec_of("two", Images(channels=1, height=2, width=3), classes=2)
    batch = Batch(pictures, torch.tensor([0, 1]))
    seen = Mirror()(batch, torch.tensor([0, 1]), spec)
    assert seen["label"].tolist() == [0, 1]
    flipped = seen.x
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
    assert "index" in whole
    assert whole["index"].tolist() == list(range(11))
    assert (source.spec.domain.decode(whole.x) == source.items("test").x).all()
    assert (whole["label"].numpy() == source.items("test")["label"]).all()


def test_epochs_do_not_move_the_streams() -> None:
    data, other = feed(array_source()), feed(array_source())
    list(data.epoch("train", 5))
    assert_same(data.next(), other.next())
    assert data.seen == 6


def test_a_laws_epoch_is_its_reference_set() -> None:
    whole = joined(*feed(LawSource(law("ring8"))).epoch("reference", 3000))
    points, component = law("ring8").reference(10_000, seed=424242)
    assert (whole.x.numpy() == points).all()
    assert (whole["label"].numpy() == component).all()


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
    state = feed(array_source()).state_dict()
    with pytest.raises(UsageError, match="size 37, now it is None"):
        feed(LawSource(law("ring8"))).load_state_dict(state)


def test_points_standardised_together_keep_their_proportions() -> None:
    points = np.random.default_rng(0).normal([10, -5], [2, 4], (100, 2)).astype(np.float32)
    settings = DataSettings(source="plain", standardise="together")
    source = ArraySource(Collection("plain", {"train": Items(points)}), settings)
    x = joined(*feed(source).epoch("train", 10)).x.double()
    torch.testing.assert_close(x.mean(0), torch.zeros(2, dtype=torch.float64), atol=1e-6, rtol=0)
    assert x.var(0, correction=0).mean().item() == pytest.approx(1, abs=1e-6)
    data = source.items("train").x
    ratio = data.std(0)[0] / data.std(0)[1]
    assert (x.std(0)[0] / x.std(0)[1]).item() == pytest.approx(ratio, rel=1e-6)


def test_equal_points_are_refused() -> None:
    with pytest.raises(UsageError, match="All training points are equal"):
        ArraySource(Collection("flat", {"train": Items(np.ones((5, 2), np.float32))}))


def test_dequantised_images_fill_each_level_evenly() -> None:
    levels = torch.arange(256, dtype=torch.uint8).repeat(64).view(16, 1, 32, 32)
    images = Images(channels=1, height=32, width=32).normalise(levels)
    keys = torch.from_numpy(np.random.default_rng(0).integers(2**62, size=16))
    noisy = dequantised(images, keys)
    assert -1 <= noisy.min() < noisy.max() < 1
    share = (noisy.double() + 1) * 128 - levels  # u of (p + u)/128 − 1
    assert share.min() >= -1e-4
    assert share.max() < 1 + 1e-4
    found = np.sort(share.ravel().numpy())
    expected = (np.arange(len(found)) + 0.5) / len(found)
    assert np.abs(found - expected).max() < 1.95 / np.sqrt(len(found))  # Kolmogorov, 0.1 %
    for other in (share.ravel().roll(1), share.roll(1, 0).ravel()):  # next pixel, next image
        assert abs(np.corrcoef(share.ravel(), other)[0, 1]) < 0.03


def test_noise_belongs_to_the_image_not_to_the_batch() -> None:
    images, keys = torch.zeros(4, 3, 5, 7), torch.tensor([3, 1, 4, 1])
    together = dequantised(images, keys)
    for i in range(4):
        assert together[i].equal(dequantised(images[i : i + 1], keys[i : i + 1])[0])
    assert together[1].equal(together[3])
    assert not together[0].equal(together[1])


def test_each_showing_of_an_image_has_noise_of_its_own() -> None:
    source = ArraySource(Collection("same", {"train": Items(np.full((2, 4, 4, 1), 9, np.uint8))}))
    source.views = (Dequantise(),)
    shown = Feed(source, batch=8, seed=0).next().x
    assert len(shown.flatten(1).unique(dim=0)) == 8
    assert ((shown + 1) * 128).floor().unique().tolist() == [9]
