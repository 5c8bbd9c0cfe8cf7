"""TGANv2: what both sides are shown, what critics pay, and dense samples."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from ganvas.config import value_at
from ganvas.data.feed import Feed
from ganvas.errors import UsageError
from ganvas.games.parts.penalties import penalise
from ganvas.games.parts.penalties.shards import SummedR1
from ganvas.games.tganv2 import FALLING, TGANv2
from ganvas.model import Provenance
from ganvas.model.model import Model
from ganvas.play import Noise, Turns, build
from tests.games.clips import shapes

G = {"kind": "tganv2", "width": 2, "levels": 3}
D = {"kind": "tganv2", "width": 2, "blocks": 1, "levels": 3}


def made(**settings: Any) -> TGANv2:
    told = {"generator": G, "discriminator": D, "latent": {"kind": "uniform", "dim": 5}}
    config = TGANv2.Config.model_validate(told | settings)
    return cast(TGANv2, build(TGANv2, config, shapes().spec, 0))


def table(game: TGANv2, batch: int = 4) -> tuple[Feed, Turns]:
    feed, turns = Feed(shapes(), batch=batch, seed=0), Turns(game.players, Noise(0))
    turns.hold()
    return feed, turns


@pytest.mark.parametrize("stride", [1, 2, 4, (2, 4)])
def test_both_sides_are_shown_alike(stride: int | tuple[int, int]) -> None:
    """Real clips and fakes have the same frames and sizes at each level."""
    game = made(subsampling={"stride": stride})
    feed, turns = table(game)
    batch = feed.next()
    real = game.leveled(batch, turns.noise)
    fake = game.sparse(game.latents(batch, turns), turns.noise)
    assert real.x.shape == fake.x.shape == (4, sum(game.pyramid.numbers))
    levels = game.pyramid.unpacked(real.x)
    pooled = torch.nn.functional.avg_pool3d(batch.x, (1, 4, 4))
    torch.testing.assert_close(levels[0], pooled)
    few = levels[-1].shape[2]
    assert few == game.pyramid.frames[-1]
    for clip, whole in zip(levels[-1], batch.x, strict=True):  # full frames, of each clip its own
        steps = [k for k in range(8) if torch.equal(whole[:, k], clip[:, 0])]
        assert len(steps) >= 1


def test_frames_of_both_sides_are_kept_by_one_scheme() -> None:
    """b, b + s, …, b uniform on {0, …, s − 1}: of each real clip, or of all fakes of a step."""
    game = made(subsampling={"stride": (2, 4)})
    feed, turns = table(game, batch=32)
    batch = feed.next()
    numbered = torch.arange(8.0).view(1, 1, 8, 1, 1).expand(32, 3, 8, 8, 8)
    rows = game.leveled(batch.replace(**{batch.main: numbered}), Noise(0)).x
    real = [level[:, 0, :, 0, 0].long() for level in game.pyramid.unpacked(rows)]
    cuts: list[tuple[Tensor, ...]] = []
    game.generator.register_forward_pre_hook(lambda _, given: cuts.append(tuple(given[2])))
    z = game.latents(batch, turns)
    for seed in range(24):
        game.sparse(z.like({name: v[:1] for name, v in z.fields.items()}), Noise(seed))
    fake = [torch.arange(8).expand(24, 8)]
    for layer in zip(*cuts, strict=True):
        fake.append(fake[-1].gather(1, torch.cat(layer)))
    for first, second, third in (real, fake):
        assert torch.equal(first, torch.arange(8).expand(len(first), 8))
        assert second.shape[1:] == (4,)
        assert (second.diff(dim=1) == 2).all()
        assert set(second[:, 0].tolist()) == {0, 1}
        assert third.shape[1:] == (1,)
        offsets = (third - second[:, :1]) / 2
        assert set(offsets.flatten().tolist()) == {0, 1, 2, 3}


def test_frames_of_fakes_are_those_of_dense_samples() -> None:
    game = made(subsampling={"stride": 2}).eval()
    noise = Noise(3)
    z = game.latents(Feed(shapes(), batch=4, seed=0).next(), Turns(game.players, noise))
    rows = game.sparse(z, noise).x
    dense = game.sample(z.x)
    last = game.pyramid.unpacked(rows)[-1]
    found = [k for k in range(8) if torch.allclose(dense[:, :, k], last[:, :, 0], atol=1e-6)]
    assert len(found) == 1
    torch.testing.assert_close(dense[:, :, found[0] + 4], last[:, :, 1])


def test_losses_at_logits_of_zero() -> None:
    game = made(penalties={"r1": None})
    feed, turns = table(game)
    with torch.no_grad():
        for critic in game.judge.network.critics:
            critic.head.score.weight.zero_()
            critic.head.score.bias.zero_()
    batch = feed.next()
    real, fake = game.leveled(batch, turns.noise), game.fakes(batch, turns)
    assert game.judge.loss(real, fake, turns).value.item() == pytest.approx(2 * math.log(2))
    assert game.judge.confusion(real, fake, turns).value.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("combine", ["mean", "sum"])
def test_losses_are_means_over_levels_or_of_their_sum(combine: str) -> None:
    game = made(penalties={"r1": None}, discriminator=D | {"combine": combine})
    feed, turns = table(game)
    batch = feed.next()
    real, fake = game.leveled(batch, turns.noise), game.fakes(batch, turns)

    def each(rows: Tensor) -> Tensor:
        levels = game.pyramid.unpacked(rows)
        critics = game.judge.network.critics
        return torch.stack([c(x)[0] for c, x in zip(critics, levels, strict=True)], 1)

    a, b = each(real.x), each(fake.x)
    if combine == "sum":
        a, b = a.sum(1), b.sum(1)
    soft = torch.nn.functional.softplus
    wanted = soft(-a).mean() + soft(b).mean()
    torch.testing.assert_close(game.judge.loss(real, fake, turns).value, wanted)


def test_the_penalty_is_a_sum_over_a_machines_items_and_over_levels() -> None:
    game = made()
    feed, turns = table(game)
    real = game.leveled(feed.next(), turns.noise)
    rule = cast(SummedR1, game.judge.penalties["r1"])
    assert (rule.weight, rule.shard) == (0.5, 8)
    cost, _ = game.judge.penalty(real, real, turns)
    total = torch.zeros(())
    for level, critic in zip(
        game.pyramid.unpacked(real.x), game.judge.network.critics, strict=True
    ):
        x = level.detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(x)[0].sum(), x)
        total = total + slope.square().sum()
    torch.testing.assert_close(cost, 0.5 * 8 * total / len(real))
    assert cost.requires_grad, "it is differentiated again"


def test_the_penalty_of_a_linear_critic() -> None:
    """λ n ‖a‖² of n items on one machine, whatever the data; nothing of a constant one."""
    a = torch.tensor([1.0, -2.0, 0.5])
    feed, turns = table(made())
    real = feed.next()
    real = real.replace(x=torch.randn(6, 3))

    def cost(judge: Any, shard: int) -> float:
        rules = {"r1": SummedR1(weight=0.5, shard=shard)}
        return float(penalise(judge, rules, real, real, turns.noise, 0.0)[0])

    assert cost(lambda x, y: x @ a, 6) == pytest.approx(0.5 * 6 * 5.25)
    assert cost(lambda x, y: x @ a, 3) == pytest.approx(0.5 * 3 * 5.25)
    assert cost(lambda x, y: (0 * x).sum(1) + 7, 6) == 0


def test_levels_that_show_the_same_agree() -> None:
    """A generator whose last renderer draws what its first does, larger, agrees with itself."""
    game = made().eval()
    for renderer in game.generator.renderers:
        for weight in renderer.parameters():
            weight.data.zero_()
    same = game.agreement(3, Noise(0))
    assert same["psnr"].shape == same["ssim"].shape == (3, 8)
    assert same["psnr"].isposinf().all()
    torch.testing.assert_close(same["ssim"], torch.ones(3, 8))
    game.generator.renderers[-1].conv.bias.data.fill_(math.atanh(0.2))  # a tenth of the range off
    apart = game.agreement(3, Noise(0))
    torch.testing.assert_close(apart["psnr"], torch.full((3, 8), 20.0))
    told = game.measures(shapes(), 0)
    assert told["level_psnr"].value == pytest.approx(20)
    assert (
        made(generator=G | {"levels": 1}, discriminator=D | {"levels": 1}).measures(shapes(), 0)
        == {}
    )


def test_agreement_is_that_of_frames_of_the_same_moment() -> None:
    game = made().eval()
    first, last = (shape[2] for shape in (game.pyramid.shapes[0], game.pyramid.shapes[-1]))
    z = game.prior(2, Noise(5))
    with torch.no_grad():
        large = game.sample(z)
        with game.posed({"level": first}):
            small = game.generator(z)
    assert (small.shape[3], large.shape[3]) == (first, last)
    wide = torch.nn.functional.interpolate(small[0, :, 3][None], large.shape[3:], mode="bilinear")
    error = ((wide[0] - large[0, :, 3]) / 2).square().mean()
    found = game.agreement(2, Noise(5))["psnr"]
    torch.testing.assert_close(found[0, 3], -10 * error.log10())


def test_rates_fall_to_nothing() -> None:
    rates = [value_at(FALLING, share) for share in (0.0, 0.5, 1.0)]
    assert rates == pytest.approx([1e-4, 5e-5, 0.0])


def test_the_generator_steps_first_and_critics_see_its_fakes() -> None:
    game = made()
    feed, turns = table(game.train())
    seen: list[Tensor] = []
    own = game.judge.see

    def see(turn: Turns, *batches: Any) -> Any:
        seen.append(batches[1].x)
        assert turns.steps == {"generator": 1, "discriminator": 0}
        return own(turn, *batches)

    game.judge.see = see
    game.round(feed, turns)
    assert turns.steps == {"generator": 1, "discriminator": 1}
    assert not seen[0].requires_grad


def model(game: TGANv2) -> Model:
    return Model(game, Provenance(), device="cpu")


def test_clips_of_any_length_and_level() -> None:
    its = model(made())
    x = its.sample(3).x
    assert x.shape == (3, 8, 8, 8, 3)
    assert its.sample(3, frames=12).x.shape == (3, 12, 8, 8, 3)
    assert (its.sample(3, frames=3).x == x[:, :3]).all()
    low = its.sample(3, level=2).x
    assert low.shape == x.shape
    assert (low == low[:, :, ::4, ::4].repeat(4, 2).repeat(4, 3)).all(), "pixels are squares"
    assert (its.sample(3).x == x).all(), "nothing is left of the options"
    with pytest.raises(UsageError, match="level=5 is no level"):
        its.sample(3, level=5)


def test_statistics_can_be_those_of_dense_passes() -> None:
    its = model(made())
    assert its.sample(4, statistics="re-estimated").x.shape == (4, 8, 8, 8, 3)


def test_classes_reach_the_norms_and_each_critic() -> None:
    game = made(conditional=["label"])
    feed, turns = table(game)
    game.round(feed, turns)
    assert all(c.head.table is not None for c in game.judge.network.critics)
    x = feed.next().x
    up, left = (game.score(x, torch.full((4,), k)) for k in (0, 1))
    assert up.shape == (4,)
    assert not torch.allclose(up, left)


def test_a_thinned_batch_is_fewer_rows() -> None:
    game = made(subsampling={"thinning": 2})
    feed, turns = table(game, batch=8)
    game.round(feed, turns)
    assert game.score(feed.next().x).shape == (8,)
    feed, turns = table(game, batch=6)
    with pytest.raises(UsageError, match="multiple of 4"):
        game.round(feed, turns)


@pytest.mark.parametrize("frame", [False, True])
def test_baselines_judge_whole_clips(frame: bool) -> None:
    one = {"levels": 1}
    game = made(generator=G | one, discriminator=D | one | {"frame": frame})
    feed, turns = table(game.train())
    game.round(feed, turns)
    assert game.pyramid.frames == ([8, 1] if frame else [8])
    assert game.score(feed.next().x).shape == (4,)


def test_settings_that_do_not_fit_together() -> None:
    with pytest.raises(UsageError, match="the generator has 2 levels and the discriminator 3"):
        made(generator=G | {"levels": 2})
    with pytest.raises(UsageError, match="lists 3 numbers, and between 3 levels there are 2"):
        made(subsampling={"stride": (2, 2, 2)})
    with pytest.raises(UsageError, match="more than the 8 frames"):
        made(subsampling={"stride": 16})
    with pytest.raises(UsageError, match=r"game\.generator\.kind=tganv2"):
        made(generator={"kind": "vgan", "width": 4})
    with pytest.raises(ValidationError, match="leave packing out"):
        made(packing=2)
    with pytest.raises(ValidationError, match="conditional: false"):
        made(subsampling={"thinning": 2}, conditional=["label"])
