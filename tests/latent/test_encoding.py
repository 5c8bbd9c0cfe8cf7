"""Encoders of trained generators, taught on their own pairs."""

from __future__ import annotations

import pytest
import torch

from ganvas.latent.encoding import Lessons, encoder_for, pairs, teach
from ganvas.latent.likeness import Pixels
from ganvas.latent.spaces import spaces_of
from ganvas.play import Noise
from tests.latent.styled import CLASSES, SPEC, Styled, styled


@pytest.fixture(scope="module", name="game")
def fixture_game() -> Styled:
    return styled()


def test_pairs_are_codes_and_their_items(game: Styled) -> None:
    for space in spaces_of(game).values():
        codes, y, x = pairs(space, 8, Noise(0))
        assert y is None
        assert torch.equal(space.synthesise(codes), x)
    codes, _, _ = pairs(spaces_of(game)["w+"], 64, Noise(0))
    changes = (codes[:, 1:] != codes[:, :-1]).any(2).sum(1)
    assert (changes[::2] == 0).all()
    assert (changes[1::2] == 1).all()
    labelled = spaces_of(styled(spec=CLASSES))["w"]
    codes, y, x = pairs(labelled, 8, Noise(0))
    assert torch.equal(labelled.synthesise(codes, y), x)


@pytest.mark.parametrize("name", ["w", "w+"])
def test_lessons_help_with_pairs_that_were_never_seen(game: Styled, name: str) -> None:
    space = spaces_of(game)[name]
    middle = space.middle(draws=500)
    encoder = encoder_for(SPEC.domain, space.shape, middle, 16)
    losses = list(teach(encoder, space, Pixels(), Noise(1), Lessons(steps=60, rate=5e-3)))
    assert len(losses) == 60
    codes, _, x = pairs(space, 64, Noise(2))
    with torch.no_grad():
        found = encoder(x)
    assert found.shape == codes.shape
    assert not encoder.training
    before = (codes - middle[0]).square().mean()
    assert (found - codes).square().mean() < 0.85 * before
