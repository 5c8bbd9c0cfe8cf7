"""TGAN: both latents, who steps when, its baselines, and frames between frames."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.games.tgan import TGAN, TGANConfig
from ganvas.nn import singular_values
from ganvas.play import Noise, build
from tests.games.tables import Recorded, rounds

SETTINGS: dict[str, Any] = {
    "latent": {"kind": "uniform", "dim": 6},
    "motion": 5,
    "temporal": {"kind": "conv1d", "widths": [8, 4]},
    "generator": {"kind": "tgan", "width": 4, "max_width": 8},
    "discriminator": {"kind": "video", "width": 4},
}


@cache
def shapes() -> Source:
    told = {"variant": {"directions": 4, "clips": 24, "held_out": 8}}
    return open_data(DataSettings.model_validate({"source": "shapes", "size": 16, **told}))


def game(seed: int = 0, **settings: Any) -> TGAN:
    config = TGANConfig.model_validate(SETTINGS | settings)
    made = build(TGAN, config, shapes().spec, seed)
    assert isinstance(made, TGAN)
    return made


def played(made: TGAN) -> tuple[Feed, Recorded]:
    feed = Feed(shapes(), batch=4, seed=0, streams=made.streams())
    table = Recorded(made.players, Noise(0), accumulate=made.accumulate)
    table.hold()
    made.train()
    return feed, table


def test_one_latent_is_what_rests_and_where_the_path_starts():
    made = game().eval()
    z = made.prior(3, Noise(0))
    assert z.shape == (3, 6)
    assert z.abs().max() <= 1
    content, path = made.clips.content_and_path(z)
    assert torch.equal(content, z)
    assert path.shape == (3, 16, 5)
    assert (path.abs() < 1).all()
    x = made.sample(z)
    assert x.shape == (3, 3, 16, 16, 16)
    assert (x.abs() <= 1).all()
    assert made.score(x).shape == (3,)


def test_another_trajectory_moves_the_same_content():
    made = game().eval()
    z = made.prior(64, Noise(0), grid={"content": 2, "motion": 3})[:6]
    assert z.shape == (6, 12)
    content, path = made.clips.content_and_path(z)
    own = made.prior(64, Noise(0))
    assert torch.equal(content[:3], own[:1].expand(3, -1))
    assert torch.equal(content[3:], own[1:2].expand(3, -1))
    for column in range(3):
        paths = made.clips.content_and_path(own[column : column + 1])[1]
        assert torch.allclose(path[column::3], paths.expand(2, -1, -1), atol=1e-6)


def test_frames_between_frames_leave_the_others_as_they_are():
    made = game().eval()
    z = made.prior(2, Noise(0))
    with torch.no_grad():
        plain = made.sample(z)
        with made.posed({"rate": 4.0}):
            x = made.sample(z)
            path = made.clips.content_and_path(z)[1]
    assert x.shape[2] == 61
    assert torch.allclose(x[:, :, ::4], plain, atol=1e-5)
    own = made.clips.content_and_path(z)[1]
    assert torch.allclose(path[:, 2::4], (own[:, 1:] + own[:, :-1]) / 2, atol=1e-6)
    with pytest.raises(UsageError, match="ends with frame 16"):
        made.prior(2, Noise(0), frames=17)


def test_critic_then_generator_and_clipping_every_fifth_step():
    made = game()
    feed, table = played(made)
    held = []
    for _ in range(10):
        with torch.no_grad():
            made.discriminator.head.score.weight.mul_(50)
        rounds(made, feed, table, 1)
        held.append(max(singular_values(made.discriminator).values()) <= 1 + 1e-4)
    assert table.order == ["discriminator", "generator"] * 10
    assert [k for k, clipped in enumerate(held) if clipped] == [4, 9]


def test_a_constant_critic_loses_nothing_and_its_level_is_the_generators_loss():
    made = game()
    torch.nn.init.zeros_(made.discriminator.head.score.weight)
    torch.nn.init.constant_(made.discriminator.head.score.bias, 0.7)
    feed, table = played(made)
    real = feed.next()
    fake = made.fakes(real, table)
    assert made.judge.loss(real, fake, table).value.item() == pytest.approx(0, abs=1e-7)
    assert made.judge.lowered(real, fake).value.item() == pytest.approx(-0.7)


def test_only_who_has_the_turn_is_moved():
    made = game()
    feed, table = played(made)
    real = feed.next()
    before = {k: v.clone() for k, v in made.generator.state_dict().items()}
    with table("discriminator") as critic:
        critic.minimise(made.judge.loss(real, made.fakes(real, table), table))
    assert all(torch.equal(v, before[k]) for k, v in made.generator.state_dict().items())


BASELINES: dict[str, dict[str, Any]] = {
    "3-D model": {"generator": {"kind": "volume", "width": 4}},
    "weight clipping": {"constraint": {"kind": "clip", "bound": 0.01}},
    "vanilla": {
        "objective": {"kind": "nonsaturating"},
        "constraint": None,
        "discriminator": SETTINGS["discriminator"]
        | {"noise": 0.3, "noise_before": "activation", "offset": False},
    },
    "without z0": {"generator": SETTINGS["generator"] | {"slow": False}},
    "conditional": {"conditional": ["label"]},
    "conditional 3-D model": {
        "generator": {"kind": "volume", "width": 4},
        "conditional": ["label"],
    },
    "ode": {"temporal": {"kind": "ode", "before": [8, 8]}},
    "ode2": {"temporal": {"kind": "ode2", "before": [8]}},
    "ode3": {"temporal": {"kind": "ode3"}},
    "sde": {"temporal": {"kind": "sde", "before": [8]}},
    "gru": {"temporal": {"kind": "gru"}},
    "dcgan frames": {"generator": {"kind": "dcgan", "width": 4}},
}


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_and_every_equation_play_the_same_rounds(name):
    made = game(**BASELINES[name])
    feed, table = played(made)
    rounds(made, feed, table, 1)
    assert table.order == ["discriminator", "generator"]
    y = torch.tensor([0, 3]) if made.conditions else None
    x = made.eval().sample(made.prior(2, Noise(0)), y)
    assert x.shape == (2, 3, 16, 16, 16)
    assert torch.isfinite(x).all()


def test_without_z0_content_changes_nothing():
    made = game(**BASELINES["without z0"]).eval()
    z = made.prior(64, Noise(0), grid={"content": 2, "motion": 2})[:4]
    x = made.sample(z)
    assert torch.allclose(x[0], x[2], atol=1e-6)
    assert not torch.allclose(x[0], x[1])


def test_a_class_alone_changes_clips_and_what_the_critic_sees():
    made = game(**BASELINES["conditional"]).eval()
    z = made.prior(1, Noise(0)).expand(4, -1)
    x = made.sample(z, torch.arange(4))
    assert len(x.flatten(1).unique(dim=0)) == 4
    assert made.clips.temporal.given == 4
    assert made.generator.frames.told.linear.in_features == 4
    assert made.discriminator.blocks[0][1].conv.conv.in_channels == 3 + 4


@pytest.mark.parametrize("frames", ["dcgan", "tgan"])
def test_all_frames_of_a_clip_have_its_own_class(frames):
    settings = {"kind": frames, "width": 4}
    made = game(conditional=["label"], generator=settings).eval()
    with torch.no_grad():
        for parameter in made.generator.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        z, y = made.prior(3, Noise(0)), torch.arange(3)
        alone = [made.sample(z[n, None], y[n, None]) for n in range(3)]
        assert torch.allclose(made.sample(z, y), torch.cat(alone), atol=1e-5)


def test_a_model_of_whole_clips_has_no_path():
    made = game(**BASELINES["3-D model"])
    for options in ({"frames": 20}, {"rate": 2.0}, {"grid": {"content": 2, "motion": 2}}):
        with pytest.raises(UsageError, match="makes clips as a whole"):
            made.prior(4, Noise(0), **options)


def test_a_stochastic_path_has_futures_of_one_start():
    made = game(**BASELINES["sde"]).eval()
    z = made.prior(64, Noise(0), grid={"start": 2, "future": 3})[:6]
    content, path = made.clips.content_and_path(z)
    assert torch.equal(content[:1].expand(3, -1), content[:3])
    assert torch.equal(path[:3, 0], path[:1, 0].expand(3, -1))
    assert not torch.equal(path[0, 1:], path[1, 1:])
