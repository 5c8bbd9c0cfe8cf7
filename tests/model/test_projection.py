"""Projections of items into a model's spaces, encoders, pivotal tuning, attribution."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ganvas.errors import UsageError
from ganvas.latent.encoding import Lessons
from ganvas.latent.projection import Schedule
from ganvas.latent.tuning import Tuning
from ganvas.model import Model
from ganvas.model.attribution import Attribution, attribute
from ganvas.model.codes import codes_at, items_of, load_codes, save_codes
from ganvas.model.projection import (
    Projection,
    codes_of,
    default_space,
    errors_of,
    project_items,
    teach_encoder,
    tune_to,
)
from ganvas.model.trained import Array
from tests.latent.styled import CLASSES, saved
from tests.model.conftest import saved as saved_plain
from tests.model.test_model import same

FEW = Schedule(steps=40)


@pytest.fixture(scope="module", name="model")
def fixture_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return saved(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module", name="x")
def fixture_x() -> Array:
    """Items that are no samples: gradients of colour."""
    ramp = np.linspace(0, 255, 8).astype(np.uint8)
    down, across = np.meshgrid(ramp, ramp, indexing="ij")
    pictures = [[down, across, down], [across, 255 - down, across], [down, down, 255 - across]]
    return np.stack([np.stack(one, -1) for one in pictures])


@pytest.fixture(scope="module", name="found")
def fixture_found(model: Model, x: Array) -> Projection:
    return project_items(model, x, schedule=FEW, every=20, batch=2)


def test_codes_and_maps_found_give_the_items_that_are_reported(
    model: Model, x: Array, found: Projection
) -> None:
    assert default_space(model) == found.codes.space == "w"
    assert same(items_of(model, found.codes), found.items)
    assert found.frames is not None
    assert found.frames.shape == (3, 3, 8, 8, 3)
    assert same(found.frames[-1], found.items)
    pixels = model.domain.encode(found.items) - model.domain.encode(x)
    wanted = pixels.square().mean((1, 2, 3)).numpy()
    np.testing.assert_allclose(found.errors, wanted, atol=2e-3)  # of rounded pixels
    np.testing.assert_allclose(errors_of(model, found.codes, x), wanted, atol=1e-6)
    alone = project_items(model, x[:1], schedule=FEW)
    np.testing.assert_allclose(alone.errors, found.errors[:1], rtol=1e-2)


def test_w_plus_comes_nearer_than_w(model: Model, x: Array, found: Projection) -> None:
    nearer = project_items(model, x, "w+", schedule=FEW)
    assert nearer.errors.mean() < 0.9 * found.errors.mean()


def test_pivots_come_nearer_and_the_model_stays(
    model: Model, x: Array, found: Projection, tmp_path: Path
) -> None:
    pivots, file = tune_to(model, found.codes, x, "ramps", tuning=Tuning(steps=40, rate=5e-3))
    assert file.path.parent.name == "tunings"
    assert errors_of(model, pivots, x).mean() < 0.8 * found.errors.mean()
    assert same(items_of(model, found.codes), found.items)
    path = tmp_path / "pivots.safetensors"
    save_codes(path, pivots, model)
    again = load_codes(path, model)
    assert again.tuning == file.digest
    assert np.array_equal(items_of(model, again), items_of(model, pivots))
    with pytest.raises(UsageError, match="are pivots of a tuning"):
        tune_to(model, pivots, x, "again")
    with pytest.raises(UsageError, match="one code for each item: 3 and 2"):
        tune_to(model, found.codes, x[:2], "two")
    with pytest.raises(UsageError, match="--name a/b: expected the name of a file"):
        tune_to(model, found.codes, x, "a/b", tuning=Tuning(steps=1))
    file.path.unlink()
    with pytest.raises(UsageError, match="not beside the model any more.*ganvas tune"):
        items_of(model, again)


def test_an_encoder_is_taught_kept_and_begins_a_search(model: Model, x: Array) -> None:
    for ask in (codes_of, partial(project_items, start="encoder")):
        with pytest.raises(UsageError, match="no encoder for the space 'w'; there is none yet"):
            ask(model, x)
    kept = teach_encoder(model, "w", lessons=Lessons(steps=40, rate=5e-3, width=8))
    assert kept.path.name == "w.safetensors"
    own = model.sample(16, seed=5).x
    alone = project_items(model, own, start="encoder", schedule=Schedule(steps=0))
    middle = project_items(model, own, schedule=Schedule(steps=0))
    few = Schedule(steps=40, whiteness=None)
    hybrid = project_items(model, own, start="encoder", schedule=few)
    assert alone.errors.mean() < middle.errors.mean()
    assert hybrid.errors.mean() < 0.5 * alone.errors.mean()
    lifted = project_items(
        model, own, "w+", start="encoder", schedule=Schedule(steps=0, whiteness=None)
    )
    plain = project_items(model, own, start="encoder", schedule=Schedule(steps=0, whiteness=None))
    np.testing.assert_allclose(lifted.errors, plain.errors, rtol=1e-4)
    codes = codes_of(model, own)
    assert codes.space == "w"
    np.testing.assert_allclose(codes.x, plain.codes.x, atol=1e-6)
    spread = codes_at(model, [(5, n) for n in range(16)], "w").x
    guessed, middle_of = (spread - codes.x).square().mean(), (spread - spread.mean(0)).square()
    assert guessed < 0.8 * middle_of.mean()  # codes are those that samples were made of
    over_slots = codes_of(model, own, "w+")
    np.testing.assert_allclose(over_slots.x, lifted.codes.x, atol=1e-6)
    with pytest.raises(UsageError, match=r"space 's'; there are some for: w\. Teach"):
        project_items(model, own, "s", start="encoder")


def test_own_samples_are_told_from_others(model: Model, x: Array) -> None:
    found = attribute(model, x, 6, schedule=FEW)
    assert found.auc >= 0.95
    assert (found.others > found.threshold).mean() + (found.own <= found.threshold).mean() > 1.8


def test_the_area_under_the_curve_is_a_share_of_pairs() -> None:
    own, others = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    pairs = [(a < b) + 0.5 * (a == b) for a in own for b in others]
    assert Attribution(own, others).auc == pytest.approx(np.mean(pairs))
    assert Attribution(own, own).auc == 0.5
    assert Attribution(own, own + 10).auc == 1
    assert Attribution(own, own + 10).threshold == 7


def test_any_generator_is_searched_in_z(tmp_path: Path) -> None:
    model = saved_plain(tmp_path, "points")
    assert default_space(model) == "z"
    x = model.sample(5, seed=9).x
    found = project_items(model, x, schedule=Schedule(steps=60), restarts=2)
    assert found.errors.mean() < 1e-3
    assert found.noise is None
    with pytest.raises(UsageError, match=r"no space 'w'\. It has: z"):
        project_items(model, x, "w")
    with pytest.raises(UsageError, match="items of shape|expected"):
        project_items(model, np.zeros((2, 3), np.float32))


def test_of_classes_the_class_is_told(tmp_path: Path) -> None:
    model = saved(tmp_path, spec=CLASSES)
    drawn = model.sample(4, seed=1)
    with pytest.raises(UsageError, match="found among samples of their class: expected label"):
        project_items(model, drawn.x)
    labels = drawn["label"].tolist()
    found = project_items(model, drawn.x, label=labels, schedule=Schedule(steps=5))
    assert found.codes.y is not None
    assert found.codes.y.tolist() == labels
    assert same(items_of(model, found.codes), found.items)


def test_where_it_is_kept_is_seen_to_before_the_work(
    tmp_path: Path, x: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved(tmp_path)
    codes = codes_at(model, [(0, 0), (1, 0), (2, 0)], "w")
    for work in ("teach", "tune"):
        monkeypatch.setattr(f"ganvas.model.projection.{work}", lambda *_, **__: pytest.fail("done"))
    with pytest.raises(UsageError, match="--name a/b: expected the name of a file"):
        tune_to(model, codes, x, "a/b")
    assert model.folder is not None
    (model.folder / "encoders").touch()
    with pytest.raises(UsageError, match="beside the model .*encoders is a file, not a folder"):
        teach_encoder(model, "w")
