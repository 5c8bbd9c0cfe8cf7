"""Conditions that are no single class: how far samples follow them, and what latents change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.data.domains.classes import Classes
from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.data.items import Collection, Items
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, Source
from ganvas.diagnosis.following import beyond_chance, conditions_like
from ganvas.diagnosis.verdicts import label_faults
from ganvas.diagnosis.watch import Watch
from ganvas.metrics.obedience import kappa
from ganvas.networks import Conditions
from tests.training.players import Known


def test_of_classes_it_is_cohens_kappa() -> None:
    domain = Classes(count=4)
    asked = torch.arange(4).repeat(500)
    shown = torch.where(torch.rand(2000) < 0.6, asked, torch.randint(4, (2000,)))
    found = beyond_chance(domain, lambda _: shown, asked)
    assert found == pytest.approx(kappa(asked, shown, 4), abs=0.05)


def rooms() -> Source:
    """Return points whose sign a tag says, and whose height a number says."""
    rng = np.random.default_rng(0)
    tags, far = rng.integers(0, 2, (900, 1), np.uint8), rng.uniform(1, 3, (900, 1))
    x = np.concatenate([2.0 * tags - 1, far], 1) + rng.normal(0, 0.1, (900, 2))
    domains = {"tags": Tags(called=["right"]), "far": Vector.around(far)}
    items = Items({"x": x.astype(np.float32), "tags": tags, "far": far})
    return ArraySource(Collection("rooms", {"train": items}, domains=domains))


class Obedient(Known):
    """Draws what it is asked for, but for fields and latents that it does not hear."""

    def __init__(self, source: Source, deaf: str) -> None:
        super().__init__(source, lambda z: z[:, :2])
        self.conditions = Conditions(
            {k: v for k, v in source.spec.conditions.items() if k != "label"}
        )
        self.deaf = deaf

    def sample(self, z: Tensor, y: Any = None) -> Tensor:
        if self.deaf == "latents":
            z = torch.zeros_like(z)
        if self.deaf in self.conditions:
            y = self.conditions.flat(y)
            y = y.roll(9, 0)
        return self.drawn(z, y)

    def drawn(self, z: Tensor, y: Tensor) -> Tensor:
        domain = self.spec.fields["far"]
        points = np.concatenate([2 * y[:, :1].numpy() - 1, domain.decode(y[:, 1:])], 1)
        return self.spec.domain.encode(points.astype(np.float32)) + 0.1 * z[:, :2]


class Filler(Obedient):
    """Draws noise where an image is hidden, and what is known elsewhere."""

    def drawn(self, z: Tensor, y: Tensor) -> Tensor:
        field = y.view(-1, *self.spec.fields["hidden"].shape)
        known = field[:, 1:] > 0
        noise = torch.tanh(z[:, :1, None, None] * torch.linspace(-3, 3, 64).view(1, 1, 8, 8))
        return torch.where(known, field[:, :1], noise)


@pytest.fixture(scope="module")
def masked() -> Source:
    derive = {"hidden": {"kind": "masked"}}
    return open_data(DataSettings.model_validate({"source": "digits8", "derive": derive}))


@pytest.mark.parametrize("deaf", ["nobody", "tags", "latents"])
def test_a_look_names_the_field_that_has_no_effect(deaf: str) -> None:
    source = rooms()
    game = Obedient(source, deaf)
    if deaf == "tags":  # others' tags, its own numbers
        whole = game.drawn
        game.sample = lambda z, y=None: whole(z, torch.cat([y[:, :1].roll(9, 0), y[:, 1:]], 1))
    numbers = Watch(source, 0, list, {}).look(game)
    faults = label_faults(numbers)
    assert numbers["coverage/kappa_far"] > 0.9
    if deaf == "nobody":
        assert not faults
        assert numbers["coverage/kappa_tags"] > 0.9
        assert numbers["coverage/latent_effect"] == pytest.approx(0.01, abs=0.005)
    elif deaf == "tags":
        assert list(faults) == ["labels have no effect"]
        assert "'tags'" in faults["labels have no effect"][0]
        assert numbers["coverage/kappa_tags"] == pytest.approx(0, abs=0.15)
    else:
        assert list(faults) == ["latents have no effect"]
        assert numbers["coverage/latent_effect"] == 0


@pytest.mark.parametrize("deaf", ["nobody", "hidden", "latents"])
def test_a_look_at_what_fills_in_hidden_parts(masked: Source, deaf: str) -> None:
    numbers = Watch(masked, 0, list, {}).look(Filler(masked, deaf))
    assert numbers["coverage/kappa_hidden_fresh"] == 1
    expected = {
        "nobody": [], "hidden": ["labels have no effect"], "latents": ["latents have no effect"],
    }  # fmt: skip
    assert list(label_faults(numbers)) == expected[deaf]
    if deaf != "hidden":  # what is known is shown exactly
        assert numbers["coverage/kappa_hidden"] == pytest.approx(1, abs=1e-6)
    else:
        assert numbers["coverage/kappa_hidden"] == pytest.approx(0, abs=0.1)


def test_conditions_are_those_of_items_alike_each_time(masked: Source) -> None:
    items, conditions = masked.items("train").rows(np.arange(9)), masked.spec.conditions
    few = conditions_like(Conditions(conditions), masked, items, 5)
    many = conditions_like(Conditions(conditions), masked, items, 20)
    for name in conditions:
        assert torch.equal(few[name], many[name][:5])
    assert torch.equal(many["label"][9:18], many["label"][:9])
