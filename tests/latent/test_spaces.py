"""Spaces of generators: codes of latents give the latents' items, whatever the space."""

from __future__ import annotations

import pytest
import torch

from ganvas.errors import UsageError
from ganvas.games.gan import GAN
from ganvas.games.parts.priors.uniform import Uniform
from ganvas.latent.spaces import space_of, spaces_of, truncated
from ganvas.networks import MLPGenerator
from ganvas.play import Noise, build
from tests.latent.styled import CLASSES, Styled, styled
from tests.model.conftest import MLPS, POINTS

CLOSE = {"atol": 1e-6, "rtol": 1e-5}


@pytest.fixture(scope="module", name="game")
def fixture_game() -> Styled:
    return styled()


def test_every_space_of_a_code_gives_the_item_of_its_latent(game: Styled) -> None:
    known = spaces_of(game)
    assert list(known) == ["z", "w", "w+", "s"]
    z = known["z"].draw(5, Noise(1))
    x = game.sample(z)
    for space in known.values():
        codes = space.of(z)
        assert codes.shape == (5, *space.shape)
        torch.testing.assert_close(space.synthesise(codes), x, **CLOSE)
        assert torch.equal(space.draw(5, Noise(1)), codes)
    assert known["w+"].shape == (4, 5)
    assert known["s"].shape == (5 * 8,)
    assert known["z"].way == "lerp"  # nothing says which law its latents have


def test_truncation_is_of_styles_and_meets_in_all_spaces(game: Styled) -> None:
    z = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    w = game.styles(z)
    mean = game.mean_style
    half = mean + 0.5 * (w - mean)
    for cutoff, wanted in ((None, half), (2, torch.cat([half[:, :2], w[:, 2:]], 1))):
        x = game.synthesise(wanted)
        for space in spaces_of(game, truncation=0.5, cutoff=cutoff).values():
            torch.testing.assert_close(space.synthesise(space.of(z)), x, **CLOSE)
    assert torch.equal(truncated(game, w, 1.0), w)
    assert torch.equal(truncated(game, w, 0.0), mean.expand_as(w))
    assert torch.equal(truncated(game, w, 0.3, 0), w)
    for space in spaces_of(game, truncation=0.0).values():
        x = space.synthesise(space.of(z))
        torch.testing.assert_close(x, game.synthesise(mean.expand_as(w)), **CLOSE)
    with pytest.raises(UsageError, match=r"cutoff=5: the generator has 4 slots"):
        spaces_of(game, cutoff=5)


def test_channels_of_a_layer_are_what_its_affine_map_makes_of_its_slot(game: Styled) -> None:
    z = torch.randn(2, 6)
    space = space_of(game, "s")
    parts = space.by_layer(space.of(z))  # pyright: ignore[reportAttributeAccessIssue]
    assert [*parts] == [
        *("convolutions.0.affine", "colours.0.affine", "convolutions.1.affine"),
        *("convolutions.2.affine", "colours.1.affine"),
    ]
    w = game.styles(z)[:, 0]
    torch.testing.assert_close(parts["convolutions.2.affine"], game.convolutions[2].affine(w))
    codes = space.of(z)
    codes[:, -8:] *= 2  # the last layer to colours is linear in its channels, without a bias
    before, after = (space.synthesise(c) for c in (space.of(z), codes))
    codes[:, -8:] *= 1.5
    torch.testing.assert_close(space.synthesise(codes) - before, 2 * (after - before), **CLOSE)


def test_gradients_reach_codes_and_maps(game: Styled) -> None:
    for space in spaces_of(game).values():
        codes = space.draw(2, Noise(0)).clone().requires_grad_()
        maps = [m.requires_grad_() for m in space.maps(2, Noise(1))]
        space.synthesise(codes, maps=maps).square().sum().backward()
        assert codes.grad is not None
        assert codes.grad.abs().sum() > 0
        assert all(m.grad is not None and m.grad.abs().sum() > 0 for m in maps)


def test_items_are_the_same_every_time_and_in_any_company() -> None:
    generator = MLPGenerator(widths=(16,), batch_norm=True)
    game = build(GAN, MLPS.model_copy(update={"generator": generator}), POINTS, 0)
    assert game.training
    space = space_of(game, "z")
    z = space.draw(6, Noise(0))
    x = space.synthesise(z)
    torch.testing.assert_close(space.synthesise(z[2:3]), x[2:3])
    assert torch.equal(space.synthesise(z), x)
    assert game.training
    assert space.way == "slerp"
    uniform = build(GAN, MLPS.model_copy(update={"latent": Uniform(dim=5)}), POINTS, 0)
    assert space_of(uniform, "z").way == "lerp"


def test_conditions_go_along() -> None:
    game = styled(spec=CLASSES)
    y = torch.tensor([0, 1, 2])
    z = torch.randn(1, 6).expand(3, -1)
    images = [s.synthesise(s.of(z, y), y) for s in spaces_of(game).values()]
    for x in images[1:]:
        torch.testing.assert_close(x, images[0], **CLOSE)
    assert not torch.allclose(images[0][0], images[0][1])
    mean, _ = space_of(game, "w").middle(draws=200, y=y[:1])
    torch.testing.assert_close(
        mean, game.styles(torch.randn(20_000, 6), torch.zeros(20_000).long())[:, 0].mean(0),
        atol=0.05, rtol=0,
    )  # fmt: skip


def test_the_middle_and_spread_of_a_space(game: Styled) -> None:
    mean, sigma = space_of(game, "w").middle()
    w = game.styles(torch.randn(20_000, 6, generator=torch.Generator().manual_seed(3)))[:, 0]
    torch.testing.assert_close(mean, w.mean(0), atol=0.02, rtol=0)
    assert sigma == pytest.approx(float((w - w.mean(0)).square().sum(1).mean().sqrt()), rel=0.02)
    of_slots, one = space_of(game, "w+").middle()
    torch.testing.assert_close(of_slots, mean.expand(4, -1))
    assert one == pytest.approx(sigma)  # a slot's
    assert space_of(game, "z").middle()[1] == pytest.approx(6**0.5, rel=0.02)


def test_what_is_no_space_or_code_is_told_in_a_line(game: Styled) -> None:
    with pytest.raises(UsageError, match=r"no space 'x'.* It has: z, w, w\+, s"):
        space_of(game, "x")
    plain = build(GAN, MLPS, POINTS, 0)
    assert list(spaces_of(plain)) == ["z"]
    with pytest.raises(UsageError, match="no space 'w'.* It has: z"):
        space_of(plain, "w")
    with pytest.raises(UsageError, match=r"space 'w' have shape \(5,\), not \(4, 5\)"):
        space_of(game, "w").synthesise(torch.zeros(1, 4, 5))
    with pytest.raises(UsageError, match="no noise maps"):
        space_of(plain, "z").synthesise(torch.zeros(1, 5), maps=[])
