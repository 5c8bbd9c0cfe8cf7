"""DiffAugment and LeCam: what each group of changes is, and what logits cost."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.games.parts.diffaugment import (
    DiffAugment,
    brightness,
    contrast,
    cutout,
    saturation,
    translation,
)
from ganvas.games.parts.lecam import Anchors, LeCam
from ganvas.games.parts.penalties import squared_norms
from ganvas.play import Noise, Ranks, Turns
from tests.games.tables import SMALL_IMAGES, judge_learns, play, rounds

CRITIC = SMALL_IMAGES | {"norm": "none", "head_bias": False}
POLICY = "color,translation,cutout"


def pictures(n: int = 200, channels: int = 3, height: int = 8, width: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, channels, height, width, generator=generator) * 2 - 1


def uniform(n: int, numbers: int) -> Tensor:
    return torch.rand(n, numbers, generator=torch.Generator().manual_seed(1))


def images(system: str, **settings: Any) -> tuple[Any, Any, Any]:
    return play(system, "digits8", generator=SMALL_IMAGES, discriminator=CRITIC, **settings)


# ---- DiffAugment --------------------------------------------------------------------------------


def test_colours_by_hand():
    x, u = pictures(), uniform(200, 1)
    each = u[:, 0, None, None, None]
    torch.testing.assert_close(brightness(x, u), x + each - 0.5)
    grey, mean = x.mean(1, keepdim=True), x.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(saturation(x, u), (x - grey) * 2 * each + grey)
    torch.testing.assert_close(contrast(x, u), (x - mean) * (each + 0.5) + mean)
    half = torch.full((200, 1), 0.5)
    for change in (brightness, saturation, contrast):  # the identity lies in the middle
        torch.testing.assert_close(change(x, half), x)
        clear = pictures(channels=4)
        assert change(clear, u)[:, 3].equal(clear[:, 3])


def test_shifts_are_whole_pixels_within_an_eighth_and_zeros_come_in():
    x = pictures(300, 1, 16, 8) + 3
    moved = translation(x, uniform(300, 2))
    places: set[tuple[int, int]] = set()
    for image, was in zip(moved[:, 0], x[:, 0], strict=True):
        fits = [
            (down, across)
            for down in range(-2, 3)
            for across in range(-1, 2)
            if _shifted(was, down, across).equal(image)
        ]
        assert len(fits) == 1
        places.update(fits)
    assert len(places) == 15


def _shifted(image: Tensor, down: int, across: int) -> Tensor:
    wide = torch.nn.functional.pad(image, (2, 2, 2, 2))
    return wide[2 + down : 18 + down, 2 + across : 10 + across]


@pytest.mark.parametrize("side", [8, 7])
def test_a_cutout_hides_one_square_of_half_the_side_at_most(side: int):
    x = pictures(400, 2, side, side) + 3
    hidden = cutout(x, uniform(400, 2)) == 0
    size = int(side / 2 + 0.5)
    assert hidden[:, :1].equal(hidden[:, 1:])
    tall, wide = (hidden[:, 0].any(axis).sum(1) for axis in (2, 1))
    assert hidden[:, 0].sum((1, 2)).equal(tall * wide)
    assert hidden[:, 0].sum((1, 2)).max() == size**2
    assert tall.min() >= size // 2
    assert hidden[:, 0, 0, 0].any()
    assert hidden[:, 0, -1, -1].any()


def test_groups_are_done_in_the_order_told():
    x, (game, *_) = pictures(20), images("gan")
    first, then = (DiffAugment(policy, game.spec) for policy in ("color", "cutout"))
    both, u = DiffAugment("color,cutout", game.spec), uniform(20, 5)
    assert both.numbers == 5
    assert both.change(x, u).equal(then.change(first.change(x, u[:, :3]), u[:, 3:]))
    assert not DiffAugment("cutout,color", game.spec).change(x, u).equal(both.change(x, u))


def test_its_derivatives_against_finite_differences():
    game, *_ = images("gan")
    x, u = pictures(1, 3, 3, 3).double().requires_grad_(), uniform(1, 7).double()
    changes = DiffAugment(POLICY, game.spec)

    def curved(x: Tensor) -> Tensor:
        return changes.change(x, u).pow(3)

    assert torch.autograd.gradcheck(curved, x)
    assert torch.autograd.gradgradcheck(curved, x)


def test_penalties_are_of_the_slope_at_images_before_they_were_changed():
    game, feed, turns = images("r3gan", diffaugment=POLICY, ada={"probability": 0.9})
    real = feed.next()
    seen = game.judge.show(real, turns)
    _, parts = game.judge.penalty(seen, seen.replace(), turns)
    x = real.x.clone().requires_grad_()
    shown = x
    for change in game.judge.changes:
        shown = change.change(shown, seen[change.field])
    (slope,) = torch.autograd.grad(game.judge.network(shown).sum(), x)
    torch.testing.assert_close(
        parts["penalty/r1"], squared_norms(slope).mean() / 2, rtol=1e-4, atol=0
    )


def test_all_that_the_judge_is_shown_is_changed():
    game, feed, turns = images("gan", diffaugment="translation")
    real = feed.next()
    seen = game.judge.show(real, turns)
    assert seen.x.shape == real.x.shape
    assert seen.x.equal(translation(real.x, seen["~diffaugment"]))
    with pytest.raises(ValidationError, match=r"'colour' is no group of changes.*color"):
        images("gan", diffaugment="colour")
    with pytest.raises(UsageError, match=r"game\.diffaugment changes images, but ring8"):
        play("gan", diffaugment=POLICY)


# ---- LeCam --------------------------------------------------------------------------------------


def told(real: float, fake: float, **settings: Any) -> Anchors:
    anchors = Anchors(LeCam(**settings))
    anchors.hear(torch.full((4,), real), torch.full((4,), fake))
    anchors.adapt(Turns({}, Noise(0)))
    return anchors


def test_logits_cost_their_squared_distance_from_the_other_kind():
    anchors = told(2.0, -1.0, weight=0.5)
    real, fake = torch.tensor([0.0, 3.0]), torch.tensor([1.0, -2.0, 4.0])
    expected = ((real + 1) ** 2).mean() + ((2 - fake) ** 2).mean()
    weighted, cost = anchors.cost(real, fake, 0.0)
    torch.testing.assert_close(cost, expected)
    torch.testing.assert_close(weighted, expected / 2)
    one_sided = told(2.0, -1.0, one_sided=True)
    _, cost = one_sided.cost(torch.tensor([-3.0]), torch.tensor([5.0]), 0.0)
    assert cost.item() == 0


def test_anchors_are_moving_averages_and_begin_with_the_first_turn():
    anchors = Anchors(LeCam(decay=0.9, start=2))
    real, turns = 1.0, Turns({}, Noise(0))
    for number, value in enumerate((1.0, 3.0, -2.0)):
        assert anchors.cost(torch.ones(2), torch.ones(2), 0.0)[1].item() == 0
        anchors.hear(torch.full((4,), value), torch.zeros(4))
        anchors.hear(torch.full((4,), value), torch.zeros(4))  # a second part
        anchors.adapt(turns)
        real = value if number == 0 else 0.9 * real + 0.1 * value
        assert anchors.real.item() == pytest.approx(real)
    assert anchors.cost(torch.ones(2), torch.ones(2), 0.0)[1].item() > 0


def test_anchors_are_those_of_all_processes():
    class Two(Ranks):
        def mean(self, value: Tensor) -> Tensor:
            return value / 2  # the other process found 0

    anchors = Anchors(LeCam())
    anchors.hear(torch.ones(4), -torch.ones(4))
    anchors.adapt(Turns({}, Noise(0), Two(0, 2)))
    assert (anchors.real.item(), anchors.fake.item()) == (0.5, -0.5)


def test_it_is_part_of_the_judges_loss_and_of_no_others():
    game, feed, turns = images("gan", lecam={"weight": 0.7})
    real = feed.next()
    judge_learns(game, real, turns)
    seen, fake = game.judge.see(turns, real, game.fakes(real, turns))
    loss = game.judge.loss(seen, fake, turns).value
    verdicts = game.judge.both(seen, fake)
    plain = game.judge.objective.discriminator(verdicts.real.logits, verdicts.fake.logits)
    cost, _ = game.judge.anchors.cost(verdicts.real.logits, verdicts.fake.logits, 0.0)
    torch.testing.assert_close(loss, plain + cost)
    assert cost > 0
    assert game.judge.lowered(real, fake).value.equal(
        game.judge.objective.generator(None, game.judge.verdict(fake).logits)
    )


@pytest.mark.parametrize("system", ["gan", "lsgan", "r3gan", "wgan-gp", "sngan", "unrolled"])
def test_any_adversarial_game_takes_both(system: str):
    game, feed, turns = images(system, lecam={}, diffaugment=POLICY)
    rounds(game, feed, turns, 1)
    assert game.judge.anchors.turns >= 1
    assert all(p.isfinite().all() for p in game.parameters())
