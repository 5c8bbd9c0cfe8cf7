"""Models with a memory: their slots, samples of one, ways between keys, nearest items."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ganvas.abilities.posterior import posterior_figure
from ganvas.abilities.slots import browser_figure, slots_json
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError, UsageError
from ganvas.games.memorygan import MemoryGAN, MemoryGANConfig
from ganvas.model import CannotError, Model, load, nearest, save_model
from ganvas.play import build

BODY = {"kind": "mlp", "widths": [8]}
SLOTS = 24


def saved(folder: Path, source: str = "digits8", kappa: float = 200.0, **settings: Any) -> Model:
    """Save and load a memoryGAN whose even slots are real, whose last four are empty."""
    tree = {
        "latent": {"kind": "normal", "dim": 3},
        "generator": BODY,
        "discriminator": BODY,
        "memory": {"slots": SLOTS, "dim": 6, "neighbours": 4, "kappa": kappa},
    } | settings
    spec = open_data(DataSettings(source=source)).spec
    game = build(MemoryGAN, MemoryGANConfig.model_validate(tree), spec, 0)
    assert isinstance(game, MemoryGAN)
    if game.head is not None:
        generator = torch.Generator().manual_seed(3)
        memory = game.memory
        memory.keys.copy_(F.normalize(torch.randn(SLOTS, 6, generator=generator), dim=1))
        memory.keys[-4:] = 0
        memory.values.copy_((torch.arange(SLOTS) % 2 == 0).float())
        memory.histogram.copy_(torch.rand(SLOTS, generator=generator) + 0.1)
        memory.histogram[-4:] = 1e-5
        memory.ages.copy_(torch.arange(SLOTS))
    save_model(folder, game)
    return load(folder, device="cpu")


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return saved(tmp_path)


def items(source: str = "digits8", n: int = 5) -> np.ndarray:
    return open_data(DataSettings(source=source)).items("train").x[:n]


# ---- what slots hold --------------------------------------------------------------------------


def test_the_census_counts_every_slot(model: Model) -> None:
    found = model.slots.census()
    assert (found.slots, found.populated, found.real, found.fake) == (24, 20, 10, 10)
    prior = model.slots.prior()
    held = prior[prior > 0]
    assert found.effective == pytest.approx(np.exp(-(held * np.log(held)).sum()), rel=1e-5)
    assert "slots" in model.capabilities


def test_the_table_is_the_memory_after_saving_and_loading(model: Model) -> None:
    memory = model.game.memory
    table = model.slots.table()
    assert sorted(slot.index for slot in table) == list(range(20))
    assert [slot.prior for slot in table] == sorted((slot.prior for slot in table), reverse=True)
    for slot in table:
        assert slot.real == (slot.index % 2 == 0)
        assert slot.count == float(memory.histogram[slot.index])
        assert slot.age == slot.index
        assert (slot.prior > 0) == slot.real
    assert {slot.index for slot in model.slots.table(real=False)} == set(range(1, 20, 2))
    told = slots_json(model.slots)
    assert told["real"] == 10
    assert len(told["table"]) == 20


def test_drawn_slots_are_real_different_and_follow_the_prior(model: Model) -> None:
    for seed in range(20):
        drawn = model.slots.draw(6, seed)
        assert len(set(drawn)) == 6
        assert all(slot % 2 == 0 and slot < 20 for slot in drawn)
    assert sorted(model.slots.draw(99)) == list(range(0, 20, 2))
    first = np.bincount([model.slots.draw(1, seed)[0] for seed in range(2000)], minlength=24)
    assert np.abs(first / 2000 - model.slots.prior()).max() < 0.04


# ---- samples of one slot ----------------------------------------------------------------------


def test_samples_of_a_slot_have_its_key_and_the_noise_of_the_seed(model: Model) -> None:
    z = model.latents(9, seed=4)[0].clone()
    z[:, :6] = model.game.memory.keys[8]
    expected = model.domain.decode(model.game.sample(z))
    assert np.array_equal(model.slots.sample(8, 9, seed=4), expected)


def test_samples_drawn_freely_are_those_of_their_slots(model: Model) -> None:
    z, _ = model.latents(1, seed=11)
    slot = int((model.game.memory.keys == z[0, :6]).all(1).nonzero())
    assert np.array_equal(model.slots.sample(slot, 1, seed=11), model.sample(1, seed=11).x)


def test_ways_within_a_slot_change_the_noise_only(model: Model) -> None:
    way = model.interpolate(1, 2, 6, how="lerp", slot=4)
    ends = [model.slots.sample(4, 1, seed=seed)[0] for seed in (1, 2)]
    sphere = model.interpolate(1, 2, 6, slot=4)
    assert np.array_equal(sphere[[0, -1]], np.stack(ends))
    assert np.array_equal(way[[0, -1]], np.stack(ends))
    square = model.square([1, 2, 3, 5], 8, slot=4)
    corners = [model.slots.sample(4, 1, seed=seed)[0] for seed in (1, 2, 3, 5)]
    assert len(square) == 64
    assert np.array_equal(square[[0, 7, 56, 63]], np.stack(corners))


@pytest.mark.parametrize(
    ("slot", "complaint"),
    [
        (24, "there is no slot 24: slots are numbered 0 to 23"),
        (-1, "there is no slot -1"),
        (3, "slot 3 holds fakes"),
        (22, "slot 22 holds nothing yet"),
    ],
)
def test_other_slots_have_no_samples(model: Model, slot: int, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        model.slots.sample(slot, 1)


# ---- ways between keys ------------------------------------------------------------------------


def test_the_corners_of_a_square_are_the_samples_of_their_seeds(model: Model) -> None:
    """Invariant 13, on images: with a sharp posterior each corner keeps its slot."""
    square = model.square([0, 1, 2, 3], side=8)
    corners = np.concatenate([model.sample(1, seed=seed).x for seed in range(4)])
    assert square.shape == (64, 8, 8, 1)
    assert np.array_equal(square[[0, 7, 56, 63]], corners)
    way = model.interpolate(0, 1, 8, "lerp")
    assert np.array_equal(square[:8], way)


def test_a_way_shows_samples_of_real_slots_only(model: Model) -> None:
    ends = torch.stack([model.latents(1, seed)[0][0] for seed in (0, 1)])
    share = torch.linspace(0, 1, 30)[:, None]
    z = model.game.settle((1 - share) * ends[0] + share * ends[1])
    real = model.game.memory.keys[0:20:2]
    assert (z[:, None, :6] == real).all(2).any(1).all()


# ---- what it says of items --------------------------------------------------------------------


def test_posteriors_are_distributions_over_all_slots(model: Model) -> None:
    shares = model.posterior(items(), batch=2)
    assert shares.shape == (5, SLOTS)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    q = torch.from_numpy(model.encode(items()))
    np.testing.assert_allclose(q.norm(dim=1), 1, rtol=1e-5)
    memory = model.game.memory
    joint = (memory.kappa * q @ memory.keys.T).double().exp() * (memory.histogram + memory.beta)
    np.testing.assert_allclose(shares, joint / joint.sum(1, keepdim=True), atol=1e-4)


def test_an_item_is_its_own_nearest_neighbour(model: Model) -> None:
    gallery = items(n=40)
    found = nearest(model, gallery[[30, 2]], gallery, 3)
    assert found.index[:, 0].tolist() == [30, 2]
    np.testing.assert_allclose(found.similarity[:, 0], 1, atol=1e-5)
    assert (np.diff(found.similarity, axis=1) <= 0).all()


# ---- figures ----------------------------------------------------------------------------------


def elements(svg: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{tag}"))


@pytest.mark.parametrize("source", ["digits8", "ring8"])
@pytest.mark.parametrize("top", [True, False])
def test_the_posterior_figure_says_what_the_posterior_is(
    tmp_path: Path, source: str, top: bool
) -> None:
    model = saved(tmp_path, source, kappa=5.0)
    x = items() if source == "digits8" else model.sample(5).x
    svg = posterior_figure(model, x[:2], 4, top=top, seed=1)
    shares = model.posterior(x[:2])
    said = [str(text.text) for text in elements(svg, "text")]
    slots = [int(text.removeprefix("slot ")) for text in said if text.startswith("slot ")]
    assert len(slots) == 8
    assert all(slot % 2 == 0 for slot in slots)
    heights = [float(r.get("height") or 0) for r in elements(svg, "rect") if r.get("width") == "36"]
    expected = [shares[i // 4, slot] for i, slot in enumerate(slots)]
    for row in (slice(0, 4), slice(4, 8)):
        assert heights[row] == pytest.approx(
            [72 * share / max(expected[row]) for share in expected[row]], abs=0.06
        )
    if top:
        real = shares[:, 0:20:2]
        assert expected[:4] == pytest.approx(sorted(real[0], reverse=True)[:4])
    assert len(elements(svg, "image")) == 2 + 8


def test_the_browser_shows_slots_with_their_numbers(model: Model) -> None:
    svg = browser_figure(model, count=15, each=3)
    said = [str(text.text) for text in elements(svg, "text")]
    assert sum(text.startswith("slot ") for text in said) == 15
    assert "24 slots: 10 real, 10 fake, 4 empty" in " ".join(said)
    assert len(elements(svg, "image")) == 10 * 3  # slots of fakes have no pictures
    first = model.slots.table()[0]
    assert f"p(c) {first.prior:.2%} · count {first.count:.2f} · age {first.age}" in said


# ---- models without ---------------------------------------------------------------------------


def test_ablations_say_what_they_were_trained_without(tmp_path: Path) -> None:
    plain = saved(tmp_path / "a", memory=None)
    lacking = r"memorygan, trained without a memory \(game.memory=null\), has no 'slots'; it has: "
    with pytest.raises(CannotError, match=lacking + "sample, interpolate, score$"):
        plain.slots.census()
    assert not {"slots", "encode", "posterior"} & {*plain.capabilities}
    assert plain.square([0, 1, 2, 3], 3).shape == (9, 8, 8, 1)
    unkeyed = saved(tmp_path / "b", mcgn=False)
    assert unkeyed.slots.census().real == 10
    with pytest.raises(GanvasError, match="trained without slots"):
        unkeyed.slots.sample(0, 1)
    assert np.array_equal(unkeyed.square([0, 1, 2, 3], 3)[:1], unkeyed.sample(1, seed=0).x)


def test_other_systems_have_squares_but_no_slots(tmp_path: Path) -> None:
    from tests.model.conftest import saved as other

    model = other(tmp_path, "points")
    square = model.square([0, 1, 2, 3], 4)
    corners = np.concatenate([model.sample(1, seed=seed).x for seed in range(4)])
    np.testing.assert_allclose(square[[0, 3, 12, 15]], corners, atol=1e-5)
    with pytest.raises(CannotError, match="a model of gan has no 'slots'"):
        _ = model.slots
    with pytest.raises(UsageError, match="four corners"):
        model.square([0, 1, 2], 4)
    classes = other(tmp_path / "c", "classes")
    np.testing.assert_allclose(
        classes.square([0, 1, 2, 3], 4, label="b")[0],
        classes.sample(1, seed=0, label="b").x[0],
        atol=1e-5,
    )
