"""Pivotal tuning: pivots give their items, the rest of the space stays, weights come back."""

from __future__ import annotations

import pytest
import torch

from ganvas.errors import UsageError
from ganvas.latent.likeness import Pixels
from ganvas.latent.spaces import spaces_of
from ganvas.latent.tuning import Delta, Tuning, tune, tuned
from ganvas.play import Noise
from tests.latent.styled import Styled, styled


@pytest.fixture(scope="module", name="game")
def fixture_game() -> Styled:
    return styled()


def moved(game: Styled, delta: Delta) -> float:
    """Return how far tuning moves the items of other codes."""
    space = spaces_of(game)["w"]
    codes = space.draw(64, Noise(9))
    before = space.synthesise(codes)
    with tuned(game, delta):
        return float((space.synthesise(codes) - before).square().mean())


def test_pivots_give_their_items_and_weights_come_back_bit_for_bit(game: Styled) -> None:
    space = spaces_of(game)["w"]
    pivots = space.draw(3, Noise(1))
    target = 0.5 * torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    before = {name: t.clone() for name, t in game.state_dict().items()}
    _, sigma = space.middle(draws=500)
    deltas = [
        tune(space, pivots, target, Pixels(), sigma, Noise(2), Tuning(30, 1e-2, 2, locality))
        for locality in (0.0, 1.0)
    ]
    assert all(torch.equal(t, before[name]) for name, t in game.state_dict().items())
    assert not any(p.requires_grad for p in game.parameters())
    first = (space.synthesise(pivots) - target).square().mean()
    for delta in deltas:
        with tuned(game, delta):
            assert (space.synthesise(pivots) - target).square().mean() < 0.75 * first
    assert all(torch.equal(t, before[name]) for name, t in game.state_dict().items())
    assert moved(game, deltas[1]) < 0.6 * moved(game, deltas[0])


def test_only_what_makes_items_of_codes_is_tuned(game: Styled) -> None:
    target = torch.zeros(1, 3, 8, 8)
    one = Tuning(steps=1)
    for name, space in spaces_of(game).items():
        delta = tune(space, space.draw(1, Noise(0)), target, Pixels(), 1.0, Noise(0), one)
        assert any(n.startswith("mapping") for n in delta) == (name == "z")
        assert any("affine" in n for n in delta) == (name != "s")
        assert "const" in delta


def test_a_tuning_of_other_networks_is_refused(game: Styled) -> None:
    with (
        pytest.raises(UsageError, match="parameters that this model has not: strange"),
        tuned(game, {"strange": torch.zeros(1)}),
    ):
        pass
