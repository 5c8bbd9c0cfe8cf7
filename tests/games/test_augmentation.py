"""Augmentation: off it changes nothing; on it has one law for all, and two derivatives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.errors import UsageError
from ganvas.games.parts.augmentation import Augment, mirrored, picked
from ganvas.play import Noise
from tests.games.tables import SMALL_IMAGES, play, rounds

NONE: dict[str, Any] = {"flip": False, "shift": 0, "cutout": 0, "brightness": 0, "contrast": 0}
ONE_EACH: list[dict[str, Any]] = [
    {"flip": True},
    {"shift": 0.25},
    {"cutout": 0.5},
    {"brightness": 0.3},
    {"contrast": 0.5},
]
CRITIC = SMALL_IMAGES | {"norm": "none", "head_bias": False}


def only(**change: Any) -> Augment:
    return Augment(**NONE | change)


def pictures(n: int = 200, channels: int = 2, side: int = 8) -> Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def weights(game: Any) -> Tensor:
    return torch.cat([p.detach().flatten() for p in game.parameters()])


def images(system: str, **settings: Any) -> tuple[Any, Any, Any]:
    return play(system, "digits8", generator=SMALL_IMAGES, discriminator=CRITIC, **settings)


# ---- the law ------------------------------------------------------------------------------------


def test_probability_zero_returns_the_images_and_draws_nothing():
    x, noise = pictures(), Noise(0)
    before = noise.state_dict()["generator"].clone()
    assert Augment().change(x, 0.0, noise) is x
    assert noise.state_dict()["generator"].equal(before)


def test_real_and_fake_have_one_law():
    # Equal draws change whatever they are given in the same way: the law does not see the images.
    x = pictures()
    first, second = (Augment().change(x, 0.7, Noise(3)) for _ in range(2))
    assert first.equal(second)
    assert not first.equal(Augment().change(x, 0.7, Noise(4)))


@pytest.mark.parametrize("change", ONE_EACH, ids=lambda change: next(iter(change)))
def test_each_image_is_changed_on_its_own_with_the_probability_asked_for(change: dict[str, Any]):
    x = pictures(2000, channels=1)
    share = (only(**change).change(x, 0.4, Noise(1)) != x).flatten(1).any(1).float().mean()
    # A flip happens in half of the cases; one shift in 25 is by nothing.
    expected = 0.4 * {"flip": 0.5, "shift": 24 / 25}.get(next(iter(change)), 1.0)
    assert share.item() == pytest.approx(expected, abs=0.04)


# ---- each change by hand ------------------------------------------------------------------------


def test_flips_are_left_to_right():
    x = pictures()
    changed = only(flip=True).change(x, 1.0, Noise(0))
    turned = (changed != x).flatten(1).any(1)
    assert 0.4 < turned.float().mean() < 0.6
    assert changed.equal(torch.where(turned[:, None, None, None], x.flip(3), x))


def test_shifts_are_whole_pixels_within_the_bound_and_mirror_what_is_missing():
    places = torch.arange(8.0)
    x = (10 * places[:, None] + places).expand(300, 1, 8, 8)  # pixel (i, j) holds 10 i + j
    changed = only(shift=0.25).change(x, 1.0, Noise(0))[:, 0]
    steps = {(int(image[4, 4]) - 44) for image in changed}
    assert steps == {10 * down + across for down in range(-2, 3) for across in range(-2, 3)}
    rows, columns = changed[:, :, 4] // 10, changed[:, 4] % 10
    for found in (rows, columns):
        step = (found[:, 4] - 4).long()
        assert found.long().equal(mirrored(torch.arange(8) + step[:, None], 8))


def test_mirrored_places():
    assert mirrored(torch.tensor([-2, -1, 0, 7, 8, 9]), 8).tolist() == [2, 1, 0, 7, 6, 5]


def test_picked_pixels():
    x = pictures(3, side=4)
    rows, columns = torch.randint(4, (2, 3, 4), generator=torch.Generator().manual_seed(1))
    changed = picked(x, rows, columns)
    for n, i, j in torch.cartesian_prod(torch.arange(3), torch.arange(4), torch.arange(4)).tolist():
        assert changed[n, :, i, j].equal(x[n, :, rows[n, i], columns[n, j]])


def test_a_cutout_is_one_grey_rectangle_of_at_most_its_share():
    x = pictures() + 3  # no pixel is grey by itself
    hidden = only(cutout=0.5).change(x, 1.0, Noise(0)) == 0
    assert hidden[:, :1].equal(hidden[:, 1:])
    tall, wide = (hidden[:, 0].any(axis).sum(1) for axis in (2, 1))
    assert hidden[:, 0].sum((1, 2)).equal(tall * wide)
    assert tall.max() <= 4
    assert wide.max() <= 4
    assert tall.float().mean() > 3


def test_brightness_adds_and_contrast_multiplies():
    x = pictures(2000)
    offsets = (only(brightness=0.3).change(x, 1.0, Noise(0)) - x).flatten(1)
    torch.testing.assert_close(offsets, offsets[:, :1].expand_as(offsets))
    assert offsets[:, 0].std().item() == pytest.approx(0.3, abs=0.02)
    factors = (only(contrast=0.5).change(x, 1.0, Noise(0)) / x).flatten(1)
    torch.testing.assert_close(factors, factors[:, :1].expand_as(factors), atol=1e-4, rtol=1e-3)
    assert factors[:, 0].log2().std().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("shape", [(3, 1, 5, 9), (3, 3, 1, 4)])
def test_any_size(shape: tuple[int, ...]):
    x = torch.randn(shape)
    assert Augment().change(x, 1.0, Noise(0)).shape == x.shape


# ---- derivatives --------------------------------------------------------------------------------


def test_gradients_and_second_derivatives_pass():
    x = pictures(3, channels=1, side=3).double().requires_grad_()

    def curved(x: Tensor) -> Tensor:
        return Augment().change(x, 0.7, Noise(2)).pow(3)

    assert torch.autograd.gradcheck(curved, x)
    assert torch.autograd.gradgradcheck(curved, x)


def test_the_generator_learns_through_it():
    game, feed, table = images("gan", augment={"probability": 1.0, "cutout": 0})
    real = feed.next()
    game.players["generator"].free(True)
    z = game.prior(len(real), table.noise)
    fake = game.judge.show(Batch(game.generator(z)), table)
    loss, *_ = game.judge.lowered(real, fake)
    slopes = torch.autograd.grad(loss, list(game.generator.parameters()))
    assert all(slope.isfinite().all() and slope.any() for slope in slopes)


# ---- as an option of games ----------------------------------------------------------------------


@pytest.mark.parametrize("system", ["gan", "r3gan", "wgan-gp", "sngan"])
def test_any_adversarial_game_takes_it_and_at_zero_it_changes_nothing(system: str):
    plain, feed, table = images(system)
    rounds(plain, feed, table, 2)
    off, feed, table = images(system, augment={"probability": 0.0})
    rounds(off, feed, table, 2)
    assert weights(off).equal(weights(plain))
    on, feed, table = images(system, augment={"probability": 0.5})
    rounds(on, feed, table, 2)
    assert weights(on).isfinite().all()
    assert not weights(on).equal(weights(plain))


def test_the_probability_follows_its_schedule():
    game, feed, table = images("gan", augment={"probability": {"start": 0.0, "end": 1.0}})
    real = feed.next()
    shares = []
    for table.progress in (0.0, 0.5, 1.0):
        seen = [game.judge.show(real, table).x != real.x for _ in range(30)]
        shares.append(torch.cat(seen).flatten(1).any(1).float().mean().item())
    assert shares[0] == 0
    assert shares[0] < shares[1] < shares[2]
    assert shares[2] > 0.99


def test_points_are_refused_and_so_is_what_is_no_probability():
    with pytest.raises(UsageError, match=r"game\.augment changes images, but ring8 holds points"):
        play("gan", augment={})
    for probability in (1.5, {"start": 0.0, "end": 2.0}):
        with pytest.raises(ValidationError, match="less than or equal to 1|between 0 and 1"):
            Augment(probability=probability)
