"""AC-GAN: both players want fakes to be of their class; what else can be guessed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.domains.classes import Classes
from ganvas.data.domains.points import Points
from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.data.feed import Feed
from ganvas.data.items import Collection, Items
from ganvas.data.source import ArraySource
from ganvas.errors import UsageError
from ganvas.games import find_game
from ganvas.networks import Conditions
from ganvas.play import Noise, Turns, build
from tests.games.tables import TINY, play, rounds
from tests.games.test_rounds import STEP, only, slopes, steps

GUESSING = {
    "discriminator": TINY | {"labels": "auxiliary"},
    "generator_optimiser": STEP,
    "discriminator_optimiser": STEP,
}


def test_a_round_with_the_papers_weights() -> None:
    """D raises L_S + L_C, G raises L_C − L_S with its non-saturating part of L_S (Eq. 2 and 3)."""
    game, feed, turns = play("acgan", **GUESSING)
    found = steps(game, feed, turns, "discriminator", "generator")

    twin, feed, turns = play("acgan", **GUESSING)
    twin.requires_grad_(True)
    judge: Any = twin.discriminator

    def named(x: Tensor, y: Tensor) -> Tensor:
        probabilities = judge.classify(judge.features(x)).softmax(1)
        return probabilities[torch.arange(len(y)), y].log().mean()

    batch = feed.next()
    x, y = batch.x, batch["label"]
    fake = twin.generator(twin.prior(16, turns.noise), y).detach()
    source = judge(x).sigmoid().log().mean() + (1 - judge(fake).sigmoid()).log().mean()
    wanted = slopes(-source - named(x, y) - named(fake, y), twin, "discriminator")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        for name, parameter in judge.named_parameters():
            parameter -= wanted[f"discriminator.{name}"]
    fake = twin.generator(twin.prior(16, turns.noise), y)
    wanted = slopes(-judge(fake).sigmoid().log().mean() - named(fake, y), twin, "generator")
    torch.testing.assert_close(only(found, wanted), wanted, rtol=1e-4, atol=1e-5)


def test_guesses_of_classes_tags_and_numbers_side_by_side() -> None:
    fields = {
        "kind": Classes(count=3),
        "tags": Tags(called=["a", "b"]),
        "place": Vector(shift=[5.0], scale=[2.0]),
    }
    conditions = Conditions(fields)
    guess = torch.tensor([[0.0, math.log(2), 0.0, 0.0, math.log(3), 1.5]])
    given = {
        "kind": torch.tensor([1]),
        "tags": torch.tensor([[1.0, 0.0]]),
        "place": torch.tensor([[0.5]]),
    }
    batch = Batch({"x": torch.zeros(1, 2), **given}, main="x")
    # p = 2 / 4 of the class, 1/2 and 1/4 of the tags, and ½ · 1² of the number.
    expected = math.log(2) + math.log(2) + math.log(4) + 0.5
    assert conditions.mismatch(guess, batch).item() == pytest.approx(expected, abs=1e-6)
    weights = batch.replace(kind=torch.tensor([[0.5, 0.5, 0.0]]))  # a mixture of two classes
    mixed = 0.5 * math.log(4) + 0.5 * math.log(2)
    found = conditions.mismatch(guess, weights).item()
    assert found == pytest.approx(expected - math.log(2) + mixed, abs=1e-6)


def test_only_vectors_are_guessed() -> None:
    with pytest.raises(UsageError, match="labels=auxiliary"):
        Points(dim=1, shift=[0.0], scale=1.0).mismatch(torch.zeros(1, 1), torch.zeros(1, 1))


def plane() -> ArraySource:
    """Return points whose quadrant two tags say, and whose distance from 0 a number says."""
    rng = np.random.default_rng(0)
    tags, far = rng.integers(0, 2, (4000, 2), np.uint8), rng.uniform(1, 3, (4000, 1))
    x = (2.0 * tags - 1) * far * np.sqrt(0.5) + rng.normal(0, 0.05, (4000, 2))
    domains = {"tags": Tags(called=["right", "up"]), "far": Vector.around(far)}
    items = Items({"x": x.astype(np.float32), "tags": tags, "far": far})
    return ArraySource(Collection("plane", {"train": items}, domains=domains))


def followed(**labels: float) -> tuple[float, float]:
    """Train on the plane; return how often both tags are followed, and the distance's r."""
    source, kind = plane(), find_game("acgan")
    wide, rate = {"kind": "mlp", "widths": [32, 32]}, {"kind": "adam", "lr": 5e-3, "beta1": 0.5}
    settings = {
        "latent": {"kind": "normal", "dim": 2},
        "generator": wide,
        "discriminator": wide | {"labels": "auxiliary"},
        "generator_optimiser": rate,
        "discriminator_optimiser": rate,
        "labels": {"generator": "batch", **labels},
    }
    game: Any = build(kind, kind.Config.model_validate(settings), source.spec, 0).train()
    feed, turns = Feed(source, batch=32, seed=0), Turns(game.players, Noise(0))
    turns.hold()
    rounds(game, feed, turns, 150)
    real = feed.next()
    with torch.no_grad():
        x = game.generate(game.drawn(real, Noise(1), "batch")).x
    domain = source.spec.domain
    x = torch.as_tensor(domain.decode(x))
    agree = ((x > 0) == (real["tags"] > 0.5)).all(1).float().mean().item()
    r = np.corrcoef(x.norm(dim=1).numpy(), real["far"][:, 0].numpy())[0, 1]
    return agree, float(r)


def test_tags_and_a_number_are_followed_where_they_are_guessed() -> None:
    agree, r = followed(real_weight=1, fake_weight=1, own_fake_weight=1)
    assert agree > 0.9
    assert r > 0.8
    agree, r = followed(real_weight=0, fake_weight=0, own_fake_weight=0)  # nobody asks for them
    assert agree < 0.6
    assert abs(r) < 0.6
