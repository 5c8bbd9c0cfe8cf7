"""ADA: eighteen changes under one law, slopes at what was there before, and a controller."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.errors import UsageError
from ganvas.games.parts.ada import Ada, Adaptive
from ganvas.games.parts.eighteen import GROUPS, OPERATIONS, Law, Told, coloured
from ganvas.games.parts.judge import Judge
from ganvas.games.parts.penalties import squared_norms
from ganvas.nn import warped
from ganvas.play import Noise, Ranks, Turns
from ganvas.testing import play as play_stages
from ganvas.testing import table as laid
from tests.games.cases import CASES, digits8, digits16
from tests.games.tables import SMALL_IMAGES, judge_learns, play, rounds

CRITIC = SMALL_IMAGES | {"norm": "none", "head_bias": False}
ALL = "bgcfnc"


def pictures(n: int = 64, channels: int = 3, height: int = 8, width: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, channels, height, width, generator=generator) * 2 - 1


def table(seed: int = 0) -> Turns:
    return Turns({}, Noise(seed))


def view(**settings: Any) -> Adaptive:
    return Adaptive(Ada(**{"target": None, "groups": ALL} | settings))


def only(*operations: str, **settings: Any) -> Adaptive:
    return view(without=[op for op in OPERATIONS if op not in operations], **settings)


def shown(changes: Adaptive, x: Tensor, seed: int = 0) -> Tensor:
    return changes(Batch(x), table(seed)).x


def images(system: str, **settings: Any) -> tuple[Any, Any, Any]:
    return play(system, "digits8", generator=SMALL_IMAGES, discriminator=CRITIC, **settings)


# ---- the law ------------------------------------------------------------------------------------


def test_there_are_eighteen_and_the_default_has_the_first_twelve():
    assert len(OPERATIONS) == 18
    assert Ada().operations == frozenset(OPERATIONS[:12])
    assert [len(GROUPS[g]) for g in ("bg", "bgc", "bgcf", "bgcfn", ALL)] == [7, 12, 16, 17, 18]
    assert Ada(groups="geom", without=["drift"]).operations == {"scale", "rotation", "stretch"}


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 8), (4, 6, 9)])
def test_at_zero_nothing_changes_bit_for_bit(shape: tuple[int, int, int]):
    x = pictures(16, *shape)
    assert shown(view(probability=0.0), x).equal(x)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_happens_alone_to_each_image_with_the_probability_asked_for(operation: str):
    x = pictures(600, height=6, width=6)
    found = shown(only(operation, probability=0.4), x, seed=1)
    share = (found != x).flatten(1).any(1).float().mean().item()
    # Half of the flips, and one of four turns, are by nothing; so are shifts by less than ½.
    still = {"flip": 1 / 2, "quarter_turns": 3 / 4, "luma_flip": 1 / 2, "shift": 1 - (1 / 1.5) ** 2}
    assert share == pytest.approx(0.4 * still.get(operation, 1.0), abs=0.06)


def test_forced_flips_and_turns_are_exact_permutations():
    x = pictures()
    flipped = shown(only("flip", probability=1.0), x)
    kinds = {(bool(a.equal(b)), bool(a.equal(b.flip(2)))) for a, b in zip(flipped, x, strict=True)}
    assert kinds == {(True, False), (False, True)}
    turned = shown(only("quarter_turns", probability=1.0), x)
    kinds = [
        [k for k in range(4) if a.equal(b.rot90(k, (1, 2)))] for a, b in zip(turned, x, strict=True)
    ]
    assert all(len(k) == 1 for k in kinds)
    assert {k[0] for k in kinds} == {0, 1, 2, 3}
    moved = shown(only("flip", "quarter_turns", "shift", probability=1.0), x)
    assert all(
        set(a.flatten().tolist()) <= set(b.flatten().tolist())
        for a, b in zip(moved, x, strict=True)
    )


def test_rotation_before_or_after_the_stretch_has_probability_p():
    law = Law(20_000, torch.tensor(0.36), frozenset(["rotation"]), Noise(0))
    still = (law.moves(8, 8)[:, :, :2] == torch.eye(2)).flatten(1).all(1).float().mean()
    assert still.item() == pytest.approx(1 - 0.36, abs=0.01)


def test_all_that_moves_pixels_is_one_map_in_the_order_of_the_paper():
    # x ↦ drift(turn(stretch(turn(scale(shift(quarter(flip x))))))): inverses multiply in turn.
    p = torch.tensor(1.0, dtype=torch.float64)
    moves = Law(50, p, frozenset(GROUPS["bg"]), Noise(5)).moves(8, 8)
    linear = moves[:, :, :2]
    assert linear.det().abs().log2().std() > 0.2  # scale 2^N(0, .2²): areas vary twice as much
    flips = linear.det().sign()
    assert set(flips.tolist()) == {-1.0, 1.0}
    short = linear / linear.det().abs().sqrt()[:, None, None]
    spread = torch.linalg.svdvals(short)
    torch.testing.assert_close(spread.prod(1), torch.ones(50, dtype=torch.float64))
    assert spread[:, 0].log2().std() > 0.05  # stretch


def test_colours_by_hand():
    x = pictures(200)
    grey = x.mean(1, keepdim=True)
    bright = shown(only("brightness", probability=1.0), x) - x
    torch.testing.assert_close(bright, bright[:, :1, :1, :1].expand_as(bright), atol=1e-5, rtol=0)
    assert bright[:, 0, 0, 0].std().item() == pytest.approx(0.2, abs=0.03)
    factor = shown(only("contrast", probability=1.0), x) / x
    assert factor.flatten(1).median(1).values.log2().std().item() == pytest.approx(0.5, abs=0.07)
    flipped = shown(only("luma_flip", probability=1.0), x)
    expected = torch.where(
        (flipped - x).abs().amax((1, 2, 3), keepdim=True) > 1e-5, x - 2 * grey, x
    )
    torch.testing.assert_close(flipped, expected, atol=1e-5, rtol=0)
    hue = shown(only("hue", probability=1.0), x)
    torch.testing.assert_close(hue.mean(1), x.mean(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(hue.square().sum(1), x.square().sum(1), atol=1e-4, rtol=0)
    vivid = shown(only("saturation", probability=1.0), x)
    torch.testing.assert_close(vivid.mean(1), x.mean(1), atol=1e-5, rtol=0)
    ratio = (vivid - grey) / (x - grey)
    assert ratio.flatten(1).median(1).values.log2().std().item() == pytest.approx(1, abs=0.15)


def test_of_grey_images_it_is_the_mean_of_three_and_what_is_transparent_stays():
    maps = Law(5, torch.tensor(1.0), frozenset(GROUPS["color"]), Noise(0)).colours(1)
    x = pictures(5, 1)
    torch.testing.assert_close(
        coloured(x, maps), coloured(x.expand(-1, 3, -1, -1), maps).mean(1, keepdim=True)
    )
    clear = pictures(5, 4)
    found = coloured(clear, maps)
    assert found[:, 3].equal(clear[:, 3])
    torch.testing.assert_close(found[:, :3], coloured(clear[:, :3], maps))


def test_bands_keep_the_power_of_a_natural_image():
    law = Law(500, torch.tensor(1.0), frozenset(GROUPS["filter"]), Noise(0))
    power = (torch.tensor([10.0, 1, 1, 1]) / 13 * law.gains().square()).sum(1)
    one = Law(500, torch.tensor(1.0), frozenset(["band_1"]), Noise(0)).gains()
    expected = (torch.tensor([10.0, 1, 1, 1]) / 13 * one.square()).sum(1)
    torch.testing.assert_close(expected, torch.ones(500))
    assert power.log().mean().abs() < 0.5


def test_noise_and_holes():
    x = pictures(300)
    noise = (shown(only("noise", probability=1.0), x) - x).flatten(1).std(1)
    assert noise.square().mean().sqrt().item() == pytest.approx(0.1, abs=0.01)
    both = shown(only("noise", "cutout", probability=1.0), x) == 0
    assert both[:, :1].equal(both[:, 1:2])
    assert 0.1 < both.float().mean() <= 0.25


# ---- derivatives --------------------------------------------------------------------------------


def test_first_and_second_derivatives_against_finite_differences():
    x = pictures(1, height=3, width=3).double().requires_grad_()
    changes = view(probability=1.0)
    drawn = changes.draw(x, table())
    drawn[:, -1] = 0.4  # a hole that leaves something
    assert not warped(x, Told.of(drawn).moves).equal(x)

    def curved(x: Tensor) -> Tensor:
        return changes.change(x, drawn).pow(3)

    assert torch.autograd.gradcheck(curved, x)
    assert torch.autograd.gradgradcheck(curved, x)


@pytest.mark.parametrize("extra", [{}, {"packing": 2}, {"pixels": "unit"}], ids=str)
@pytest.mark.parametrize("system", ["gan", "r3gan"])
def test_penalties_are_of_the_slope_at_images_before_they_were_changed(
    system: str, extra: dict[str, Any]
):
    penalties = {} if system == "r3gan" else {"penalties": {"r1": {"kind": "r1"}}}
    ada = {"probability": 0.9, "target": None, "groups": ALL, "without": ["noise"]}
    game, feed, turns = images(system, ada=ada, **extra, **penalties)
    real, packing = feed.next(), extra.get("packing", 1)
    seen = game.judge.show(real, turns)
    fake = seen.replace(**{seen.main: seen.x.roll(1, 0)})
    _, parts = game.judge.penalty(seen, fake, turns)
    changes, drawn = game.judge.changes[0], seen["~ada"].reshape(len(real), -1)
    x = real.x.clone().requires_grad_()
    put = (lambda v: (v + 1) / 2) if "pixels" in extra else (lambda v: v)
    joined = put(changes.change(x, drawn)).reshape(len(real) // packing, -1, *x.shape[2:])
    logits = game.judge.network(joined)
    (slope,) = torch.autograd.grad(logits.sum(), x)
    scale = 2 if "pixels" in extra else 1  # per unit of what is shown
    squared = squared_norms(slope.reshape(len(real) // packing, -1) * scale)
    torch.testing.assert_close(parts["penalty/r1"], squared.mean() / 2, rtol=1e-4, atol=1e-9)


def test_penalties_elsewhere_are_of_the_slope_at_what_is_shown():
    game, feed, turns = images("wgan-gp", ada={"probability": 1.0, "target": None})
    seen = game.judge.show(feed.next(), turns)
    state = turns.noise.state_dict()
    _, parts = game.judge.penalty(seen, seen, turns)
    turns.noise.load_state_dict(state)
    plain = seen.only()
    _, expected = game.judge.penalty(plain, plain, turns)
    torch.testing.assert_close(parts, expected)


def test_the_generator_learns_through_it():
    game, feed, turns = images("gan", ada={"probability": 0.9, "target": None})
    real = feed.next()
    game.players["generator"].free(True)
    fake = Batch(game.generator(game.prior(len(real), turns.noise)))
    loss, *_ = game.judge.confusion(real, fake, turns)
    slopes = torch.autograd.grad(loss, list(game.generator.parameters()))
    assert all(slope.isfinite().all() and slope.any() for slope in slopes)


# ---- the controller -----------------------------------------------------------------------------


@pytest.mark.parametrize(("sure", "way"), [(1.0, 1), (0.55, -1)])
def test_every_fourth_turn_p_moves_by_images_over_kimg(sure: float, way: int):
    turns, changes = table(), view(target=0.6, probability=0.3, kimg=500)
    seen: list[float] = []
    for _ in range(9):
        changes.hear(torch.full((8,), sure))
        changes.hear(torch.full((8,), sure))  # a second part of the turn
        changes.adapt(turns)
        seen.append(changes.p.item())
    step = way * 16 * 4 / 500_000
    assert seen == pytest.approx([0.3] * 3 + [0.3 + step] * 4 + [0.3 + 2 * step] * 2)
    assert turns.latest["ada/r"] == pytest.approx(sure)


def test_p_stays_between_zero_and_its_limit():
    turns, changes = table(), view(target=0.6, kimg=0.01, every=1, most=0.7)
    ends: list[float] = []
    for sure in (-1.0, 1.0, 1.0, -1.0):
        changes.hear(torch.full((8,), sure))
        changes.adapt(turns)
        ends.append(changes.p.item())
    assert ends == pytest.approx([0.0, 0.7, 0.7, 0.0])


def test_processes_agree_on_r():
    class Two(Ranks):
        def mean(self, value: Tensor) -> Tensor:
            return (value + 0.0) / 2  # the other process found 0

    turns = Turns({}, Noise(0), Two(0, 2))
    changes = view(target=0.6, probability=0.5, kimg=1, every=1)
    changes.hear(torch.ones(8))
    changes.adapt(turns)
    assert turns.latest["ada/r"] == pytest.approx(0.5)
    assert changes.p.item() == pytest.approx(0.5 - 16 / 1000)


@pytest.mark.parametrize(
    ("system", "settings", "expected"),
    [
        ("gan", {}, [1, -1, 1, 1]),
        ("lsgan", {}, [1, -1, -1, 1]),
        ("r3gan", {}, [1, -1, -1, 1]),
        ("wgan-gp", {}, [1, -1, -1, 1]),
    ],
)
def test_what_a_judge_believes(system: str, settings: dict[str, Any], expected: list[int]):
    game, *_ = images(system, **settings)
    real, fake = torch.tensor([2.0, -1.0, 0.3, 0.9]), torch.tensor([1.0, 0.0, 0.4, 0.1])
    assert game.judge.objective.believed(real, fake).tolist() == expected


@pytest.mark.parametrize("system", ["gan", "lsgan", "r3gan", "wgan-gp", "sngan", "unrolled"])
def test_any_adversarial_game_of_images_takes_it(system: str):
    ada = {"probability": 0.5, "kimg": 0.02, "every": 1}
    game, feed, turns = images(system, ada=ada)
    rounds(game, feed, turns, 1)
    assert game.judge.changes[0].p.item() in (0.0, 1.0)  # by .8, up or down
    assert all(p.isfinite().all() for p in game.parameters())
    assert "judge.view_state.0.p" in game.state_dict()


def test_real_images_are_changed_as_fakes_are():
    game, feed, turns = images("gan", ada={"probability": 1.0, "target": None})
    real = feed.next()
    fake = game.fakes(real, turns)
    for seen, plain in zip(game.judge.see(turns, real, fake), (real, fake), strict=True):
        assert not (seen.x == plain.x).flatten(1).all(1).any()
        change = game.judge.changes[0].change
        assert seen.x.equal(change(plain.x, seen["~ada"]))
    # One law: equal draws change whatever they are given in the same way.
    first, again = (game.judge.show(real, table(7))["~ada"] for _ in range(2))
    other = game.judge.show(Batch(torch.zeros_like(real.x)), table(7))["~ada"]
    assert first.equal(again)
    assert first.equal(other)


OF_IMAGES = [
    name
    for name, case in CASES.items()
    if case.source in (digits8, digits16) and "ada" in type(case.config).model_fields
]


@pytest.mark.parametrize("name", OF_IMAGES)
def test_in_no_system_are_real_or_fake_images_judged_that_were_not_changed(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    """Each round is written down by its own system: of fakes alone changes would be learnt."""
    case, changed = CASES[name], set[bytes]()
    ada = Ada(probability=1.0, target=None, groups="color")
    case = replace(case, config=case.config.model_copy(update={"ada": ada, "augment": None}))
    game, feed, turns = laid(case)
    assert any(isinstance(view, Adaptive) for view in game.judge.changes)

    def rows(x: Tensor) -> set[bytes]:
        return {row.numpy().tobytes() for row in x.detach()}

    def show(self: Judge, batch: Batch, turn: Turns) -> Batch:
        seen = plain(self, batch, turn)
        changed.update(rows(seen.x))
        return seen

    plain, judged = Judge.show, set[bytes]()
    monkeypatch.setattr(Judge, "show", show)
    game.judge.register_forward_pre_hook(lambda _, given: judged.update(rows(given[0])))
    play_stages(game, feed, turns, 1)
    assert len(judged) > case.batch
    assert judged <= changed


def test_what_the_generator_lowers_is_of_changed_fakes():
    game, feed, turns = images("gan", ada={"probability": 1.0, "target": None})
    real = feed.next()
    fake, before = game.fakes(real, turns), turns.noise.state_dict()
    lowered = game.judge.confusion(real, fake, turns).value
    turns.noise.load_state_dict(before)
    seen = game.judge.show(fake, turns)
    torch.testing.assert_close(lowered, game.judge.lowered(real, seen).value)
    assert not torch.isclose(lowered, game.judge.lowered(real, fake).value)


def test_it_hears_what_the_judge_says_of_changed_training_images():
    game, feed, turns = images("gan", ada={"probability": 0.5, "target": None, "every": 100})
    seen: list[Tensor] = []
    game.judge.changes[0].hear, hear = (
        lambda sure: (seen.append(sure), hear(sure))[1],
        game.judge.changes[0].hear,
    )
    real = feed.next()
    before = turns.noise.state_dict()
    judge_learns(game, real, turns)
    assert len(seen) == 1
    game, feed, turns = images("gan", ada={"probability": 0.5, "target": None})
    turns.noise.load_state_dict(before)
    changed, _ = game.judge.see(turns, real, game.fakes(real, turns))
    assert seen[0].equal(game.judge.verdict(changed).logits.sign())


def test_points_and_what_is_no_setting_are_refused():
    with pytest.raises(UsageError, match=r"game\.ada changes images, but ring8 holds points"):
        play("gan", ada={})
    for settings in ({"groups": "bgd"}, {"probability": 1.2}, {"without": ["blur"]}, {"target": 1}):
        with pytest.raises(ValidationError):
            Ada(**settings)
