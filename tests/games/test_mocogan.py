"""MoCoGAN: latents and their parts, both judges, categories, and clips of any length."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from ganvas.abilities.trajectory import paths, rendered
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.one_frame import OneFrame
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.games.mocogan import FromImage, MoCoGAN, MoCoGANConfig
from ganvas.model import Provenance
from ganvas.model.model import Model
from ganvas.networks.video.clips import ClipGenerator
from ganvas.nn import set_tracking
from ganvas.play import Loss, Noise, build, has
from ganvas.play.abilities import CanPredict
from tests.games.tables import Recorded, rounds

SETTINGS: dict[str, Any] = {
    "latent": {"kind": "normal", "dim": 6},
    "motion": 3,
    "generator": {"kind": "dcgan", "width": 4, "init": "default"},
    "discriminator": {
        "kind": "video",
        "time": "slide",
        "width": 4,
        "bias": False,
        "labels": "auxiliary",
        "init": "default",
    },
    "frame_discriminator": {"kind": "patch", "width": 4, "init": "default"},
}
SUPERVISED = {"conditional": ["label"], "categories": "supervised"}
INFOGAN = {"categories": "infogan", "category_count": 3}


@cache
def shapes(first_frame: bool = False) -> Source:
    derive = {"derive": {"image": {"kind": "first_frame"}}} if first_frame else {}
    told = {"variant": {"directions": 4, "hues": 6, "clips": 24, "held_out": 8}, **derive}
    return open_data(DataSettings.model_validate({"source": "shapes", "size": 16, **told}))


def game(source: Source | None = None, seed: int = 0, **settings: Any) -> MoCoGAN:
    source = source or shapes()
    config = MoCoGANConfig.model_validate(SETTINGS | settings)
    made = build(MoCoGAN, config, source.spec, seed)
    assert isinstance(made, MoCoGAN)
    return made


def played(made: MoCoGAN, source: Source | None = None) -> tuple[Feed, Recorded]:
    feed = Feed(source or shapes(), batch=4, seed=0, streams=made.streams())
    table = Recorded(made.players, Noise(0), accumulate=made.accumulate)
    table.hold()
    made.train()
    return feed, table


def model(made: MoCoGAN) -> Model:
    return Model(made, Provenance.model_construct(), "cpu")


def label(n: int) -> Tensor:
    return torch.arange(n) % 4


# ---- latents and clips --------------------------------------------------------------------------


def test_clips_of_any_length_begin_alike():
    made, made_of = game().eval(), dict[int, Tensor]()
    with torch.no_grad():
        for frames in (1, 16, 48):
            z = made.prior(2, Noise(3), frames=frames)
            with made.posed({"frames": frames}):
                x = made.sample(z)
            assert x.shape == (2, 3, frames, 16, 16)
            assert x.abs().max() <= 1
            made_of[frames] = x
    assert torch.allclose(made_of[48][:, :, :16], made_of[16], atol=1e-6)
    assert torch.allclose(made_of[48][:, :, :1], made_of[1], atol=1e-6)
    assert torch.equal(made.sample(made.prior(2, Noise(3))), made_of[16])


@pytest.mark.parametrize(
    "options",
    [
        *({"until": 1e9}, {"frames": 10**12}, {"rate": 1e300}, {"frames": 3, "until": 1e200}),
        *({"frames": 2, "rate": 1e-9}, {"at": [0.0, -1e308]}, {"at": [0.0] * 100_001}),
    ],
)
def test_clips_without_end_are_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="at most 100,000 frames"):
        model(game().eval()).sample(1, **options)


def test_content_is_one_draw_a_clip_and_motion_moves():
    made = game().eval()
    z = made.prior(5, Noise(0))
    content, path = made.clips.content_and_path(z)
    assert content.shape == (5, 6)
    assert path.shape == (5, 16, 3)
    assert torch.equal(content, z[:, :6])  # order: [z_C, h⁽⁰⁾, ε …]
    assert (path[:, 1:] != path[:, :-1]).all()
    other = torch.cat([torch.randn(5, 6), z[:, 6:]], 1)
    assert torch.equal(made.clips.content_and_path(other)[1], path)


def test_categories_stand_between_content_and_motion_or_go_to_the_path():
    image = game(**SUPERVISED, category_to="image").eval()
    content, _ = image.clips.content_and_path(image.prior(3, Noise(0)), label(3))
    assert content.shape == (3, 6 + 4)
    assert torch.equal(content[:, 6:], torch.eye(4)[:3])
    assert image.generator.frames.latent == 6 + 4 + 3
    motion = game(**SUPERVISED).eval()
    z = motion.prior(3, Noise(0))
    content, path = motion.clips.content_and_path(z, label(3))
    assert content.shape == (3, 6)
    assert not torch.equal(motion.clips.content_and_path(z, 3 - label(3))[1], path)


def test_a_schedule_changes_the_category_within_a_clip():
    for routed in ("motion", "image"):
        made = game(**SUPERVISED, category_to=routed).eval()
        options = {"schedule": [(0, 16), (2, 16)]}
        z = made.prior(2, Noise(0), **options)
        with torch.no_grad(), made.posed(options):
            x = made.sample(z, label(2))
        with torch.no_grad(), made.posed({"frames": 32}):
            plain = made.sample(made.prior(2, Noise(0), frames=32), torch.zeros(2).long())
        assert x.shape[2] == 32
        assert torch.allclose(x[:, :, :16], plain[:, :, :16], atol=1e-6)
        assert not torch.allclose(x[:, :, 16:], plain[:, :, 16:])
    assert made.clips.pace is None
    assert len(made.clips.times) == 16


def test_a_grid_shares_content_in_rows_and_motion_in_columns():
    made = game().eval()
    z = made.prior(64, Noise(0), grid={"content": 3, "motion": 5})[:15]
    content, path = made.clips.content_and_path(z)
    assert all(torch.equal(content[5 * r], content[5 * r + c]) for r in range(3) for c in range(5))
    assert torch.allclose(path[:5], path[5:10], atol=1e-6)
    assert len(content.unique(dim=0)) == 3
    assert len(path.round(decimals=4).unique(dim=0)) == 5
    with pytest.raises(UsageError, match="a grid of 9 × 8 is larger than 64"):
        made.prior(64, Noise(0), grid={"content": 9, "motion": 8})


def test_cells_of_a_grid_share_the_class_with_what_is_told_it():
    for to, shared in (("motion", 1), ("image", 0)):
        made = model(game(**SUPERVISED, category_to=to))
        for block in (0, 64):  # of latents that are drawn together
            label = made.sample(block + 12, grid={"content": 4, "motion": 3})["label"][block:]
            cells = label.reshape(4, 3)
            assert (cells == (cells[:1] if shared else cells[:, :1])).all()
            assert len(np.unique(cells)) > 1
    drawn = model(game(**SUPERVISED)).sample(12)["label"]
    assert len(np.unique(drawn.reshape(4, 3), axis=0)) > 1


def test_a_start_has_several_futures():
    made = game(temporal={"kind": "sde"}).eval()
    z = made.prior(64, Noise(0), grid={"start": 2, "future": 32})
    content, path = made.clips.content_and_path(z)
    path = path.view(2, 32, 16, 3)
    assert torch.equal(path[:, :, 0], path[:, :1, 0].expand(-1, 32, -1))
    spread = path.std(1).mean((0, 2))
    assert spread[0] == 0
    assert spread[15] > 2 * spread[1] > 0
    assert len(content.unique(dim=0)) == 2


def test_twice_the_rate_looks_between_the_frames():
    for kind in ("gru", "ode", "sde", "conv1d", "conv-lstm"):
        made = game(temporal={"kind": kind}).eval()
        z = made.prior(3, Noise(0), rate=2.0)
        with torch.no_grad(), made.posed({"rate": 2.0}):
            x = made.sample(z)
        plain = made.sample(made.prior(3, Noise(0)))
        assert x.shape[2] == 31
        assert torch.allclose(x[:, :, ::2], plain, atol=1e-5)


def test_options_of_time_are_several_words_for_the_same():
    made = game(temporal="ode")
    assert made.times_of(frames=31, rate=2) == made.times_of(rate=2)
    assert made.times_of(frames=31, until=1) == made.times_of(rate=2)
    assert made.times_of(until=2) == tuple(range(31))
    assert made.times_of(frames=3, backwards=True) == (-2, -1, 0)
    assert made.times_of(at=[0, 0.2, 1]) == (0, 3, 15)
    assert made.spec.domain.pace == shapes().spec.domain.rate == 8
    assert made.times_of(fps=16) == made.times_of(rate=2)
    assert made.times_of(fps=4, frames=5) == (0, 2, 4, 6, 8)
    assert made.times_of(fps=16, until=2) == made.times_of(rate=2, until=2)
    z = made.prior(2, Noise(0), frames=4, backwards=True)
    with torch.no_grad(), made.eval().posed({"frames": 4, "backwards": True}):
        assert torch.allclose(made.sample(z)[:, :, -1], first_frame(made, z), atol=1e-6)


def first_frame(made: MoCoGAN, z: Tensor) -> Tensor:
    with made.clips.at([0.0]):
        return made.sample(z)[:, :, 0]


def test_what_cannot_be_is_one_line():
    with pytest.raises(UsageError, match="backwards: .* not to gru"):
        model(game()).sample(2, frames=4, backwards=True)
    with pytest.raises(UsageError, match="two of them at most"):
        model(game()).sample(2, frames=4, rate=2.0, until=1.0)
    with pytest.raises(UsageError, match="rate and fps both say .* choose one"):
        model(game()).sample(2, rate=2.0, fps=16)
    for nothing in ("at", "schedule"):
        with pytest.raises(UsageError, match=rf"{nothing}=\[\]: expected at least 1"):
            model(game()).sample(2, **{nothing: []})
    with pytest.raises(UsageError, match="at says when all frames are, backwards .* choose one"):
        model(game(temporal="ode")).sample(2, at=[0.0, 0.5], backwards=True)
    with pytest.raises(UsageError, match=r"schedule\.0=\['up'\]: expected one more"):
        model(game(**SUPERVISED)).sample(2, schedule=[["up"]])
    with pytest.raises(UsageError, match=r"grid\.motion=0: expected more than 0"):
        model(game()).sample(2, grid={"content": 1, "motion": 0})
    with pytest.raises(UsageError, match=r"grid=.*content: 4, motion: 7.*not style"):
        model(game()).sample(2, grid={"content": 1, "style": 2})
    with pytest.raises(UsageError, match="frames=0: expected more than 0"):
        model(game()).sample(2, frames=0)
    with pytest.raises(UsageError, match="schedule names classes, and this model has none"):
        model(game()).sample(2, schedule=[[0, 16]])
    with pytest.raises(UsageError, match="there is no class 'walk'.*up, left, down, right"):
        model(game(**SUPERVISED)).sample(2, schedule=[["walk", 16]])
    with pytest.raises(UsageError, match="schedule: a path of kind conv1d is told"):
        model(game(**SUPERVISED, temporal="conv1d")).sample(2, schedule=[[0, 8], [1, 8]])
    with pytest.raises(UsageError, match="category_to=image"):
        game(**SUPERVISED, temporal="ode")
    short = open_data(DataSettings.model_validate({"source": "shapes", "size": 16, "frames": 6}))
    with pytest.raises(UsageError, match="7 at least"):
        game(short)
    with pytest.raises(ValidationError, match="categories=supervised are classes of the data"):
        MoCoGANConfig.model_validate(SETTINGS | {"categories": "supervised"})
    with pytest.raises(ValidationError, match="infogan needs category_count"):
        MoCoGANConfig.model_validate(SETTINGS | {"categories": "infogan"})
    points = open_data(DataSettings(source="ring8"))
    with pytest.raises(UsageError, match="are for clips, but the data hold points"):
        game(points)


# ---- training -----------------------------------------------------------------------------------


def test_each_judge_and_then_the_generator_take_one_step():
    made = game()
    feed, table = played(made)
    rounds(made, feed, table, 2)
    assert table.order == ["frame_discriminator", "discriminator", "generator"] * 2
    alone = game(frame_discriminator=None)
    feed, table = played(alone)
    rounds(alone, feed, table, 1)
    assert table.order == ["discriminator", "generator"]


def test_at_zero_logits_each_judge_loses_2_ln_2_and_the_generator_twice_ln_2():
    made = game()
    for judge in (made.judge, made.frame_judge):
        for head in (judge.network.head,):
            for weight in head.parameters():
                torch.nn.init.zeros_(weight)
    feed, table = played(made)
    rounds(made, feed, table, 1)
    noted = table.take_statistics()
    assert noted["loss/frame_discriminator"] == pytest.approx(2 * math.log(2), rel=1e-6)
    assert noted["loss/discriminator"] == pytest.approx(2 * math.log(2), rel=1e-6)
    # Both judges have stepped: their logits are not 0 any more, but small.
    assert noted["loss/generator"] == pytest.approx(math.log(2), rel=0.05)
    assert noted["loss_of_frames/generator"] == pytest.approx(math.log(2), rel=0.05)


def test_indifferent_guesses_of_categories_cost_the_logarithm_of_their_number():
    for named in ({"categories": "both", "conditional": ["label"]}, SUPERVISED):
        made = game(**named)
        torch.nn.init.zeros_(made.discriminator.head.classifier.weight)
        feed, table = played(made)
        rounds(made, feed, table, 1)
        noted = table.take_statistics()
        assert noted["classification/real"] == pytest.approx(math.log(4), rel=1e-6)
    without = game()
    feed, table = played(without)
    rounds(without, feed, table, 1)
    assert not any(name.startswith("classification") for name in table.take_statistics())


@pytest.mark.parametrize("named", [INFOGAN, SUPERVISED], ids=["infogan", "supervised"])
def test_q_learns_from_those_who_name_categories(named):
    """The slope of Q in D's turn is that of its cross-entropy on fakes, or on real clips."""
    made = game(**named)
    feed, table = played(made)
    set_tracking(made, False)
    real = made.named(feed.next(), table)
    fake = made.fakes(real, table)
    head = made.discriminator.head.classifier
    with table("discriminator") as judge:
        judge.minimise(made.judge.loss(real, fake, table))
        slope = head.weight.grad.clone()
    judged = fake if named is INFOGAN else real
    made.discriminator.zero_grad()
    for weight in made.discriminator.parameters():
        weight.requires_grad_()
    # The step has moved the weights: compare where it began.
    fresh = game(**named)
    fresh.train()
    set_tracking(fresh, False)
    _, h = fresh.discriminator.judge(judged.x)
    wanted = torch.nn.functional.cross_entropy(
        fresh.discriminator.classify(h), fresh.judge.conditions.of(judged)
    )
    wanted.backward()
    assert torch.allclose(slope, fresh.discriminator.head.classifier.weight.grad, atol=1e-6)


@pytest.mark.parametrize("named", [INFOGAN, SUPERVISED], ids=["infogan", "supervised"])
def test_the_generator_pays_for_what_q_guesses_of_its_clips(named):
    made = game(**named, category_weight=0.7)
    feed, table = played(made)
    real = made.named(feed.next(), table)
    made.eval()
    fake = made.generate(made.latents(real, table))
    lost = made.judge.confusion(real, fake, table).value
    logits, h = made.discriminator.judge(fake.x)
    told = made.judge.conditions.of(fake)
    guessed = torch.nn.functional.cross_entropy(made.discriminator.classify(h), told)
    assert torch.allclose(lost, torch.nn.functional.softplus(-logits).mean() + 0.7 * guessed)


def test_the_path_learns_from_both_judges():
    made = game()
    feed, table = played(made)
    real, one = feed.next(), feed.next("frames")
    weight = made.clips.temporal.cell.weight_ih_l0
    for part in range(2):
        with table("generator") as generator:
            if part == 0:
                lost = made.judge.confusion(real, made.generate(made.latents(real, table)), table)
            else:
                stills = made.stills(made.latents(one, table), table)
                assert stills.x.shape == (4, 3, 16, 16)
                lost = made.frame_judge.confusion(one, stills, table)
            generator.minimise(lost)
            assert weight.grad.abs().max() > 0


def test_a_single_frame_is_that_of_its_clip():
    for routed in ("motion", "image"):
        made = game(**SUPERVISED, category_to=routed).eval()
        z, y, at = made.prior(4, Noise(0)), label(4), torch.tensor([0, 5, 9, 15])
        with torch.no_grad():
            clips, stills = made.sample(z, y), made.clips.still(z, y, at)
        assert torch.allclose(stills, clips[torch.arange(4), :, at], atol=1e-6)


def test_fakes_of_the_judge_of_frames_are_one_picture_each_at_any_time():
    """N pictures are made for it, not the N·T of all frames."""
    made = game()
    feed, table = played(made)
    pictures = list[int]()
    made.clips.frames.register_forward_hook(lambda _, __, x: pictures.append(len(x)))
    rounds(made, feed, table, 1)
    assert sorted(pictures) == [4, 4, 4 * 16, 4 * 16]
    made.eval()
    z = made.latents(Feed(shapes(), batch=24, seed=0).next(), table)
    with torch.no_grad():
        stills, clips = made.stills(z, table).x, made.sample(z.x)
    apart = (clips - stills[:, :, None]).abs().amax((1, 3, 4))
    assert (apart.min(1).values < 1e-6).all()
    assert len(apart.argmin(1).unique()) > 6


def test_frames_are_of_distinct_clips_at_uniform_times():
    view = OneFrame()
    chances = view.draw(np.random.default_rng(0), 16_000)
    clips = torch.arange(16.0).view(1, 1, 16, 1, 1).expand(16_000, -1, -1, -1, -1)
    shown = view(Batch(clips), chances, shapes().spec).x
    counts = torch.bincount(shown.flatten().long(), minlength=16)
    assert shown.shape == (16_000, 1, 1, 1)
    assert ((counts - 1000) ** 2 / 1000).sum() < 37.7  # chi-square of 15, at .001
    feed = Feed(shapes(), batch=24, seed=0, streams=game().streams())
    stills, whole = feed.next("frames"), shapes().items("train")
    assert stills.x.shape == (24, 3, 16, 16)
    assert sorted(stills["index"].tolist()) == list(range(24))
    of = shapes().spec.domain.encode(whole.x[stills["index"].numpy()])
    apart = (of - stills.x[:, :, None]).abs().amax((1, 3, 4))
    assert (apart.min(1).values == 0).all()


def test_a_batch_in_parts_has_the_gradients_of_the_whole():
    """Where no layer sees the batch: weights after a round of plain descent are the same."""
    plain = {"kind": "sgd", "lr": 0.05}
    alone = SETTINGS | {f"{name}optimiser": plain for name in ("generator_", "discriminator_")}
    alone |= {"frame_discriminator_optimiser": plain}
    for name in ("generator", "discriminator", "frame_discriminator"):
        alone[name] = SETTINGS[name] | {"norm": "none"}
    ends = []
    for parts in (1, 2):
        made = game(**alone, accumulate=parts)
        feed, table = played(made)
        rounds(made, feed, table, 2)
        ends.append(torch.cat([p.detach().flatten() for p in made.parameters()]))
    assert torch.allclose(ends[0], ends[1], atol=1e-6)


def test_the_judge_of_frames_may_be_any_discriminator_of_images():
    made = game(frame_discriminator={"kind": "dcgan", "width": 4}, **INFOGAN)
    feed, table = played(made)
    rounds(made, feed, table, 1)
    made = game(constraint={"kind": "singular", "every": 1})
    feed, table = played(made)
    rounds(made, feed, table, 1)
    for judge in (made.judge, made.frame_judge):
        largest = made.constraint.statistics(judge.network)["sigma_max"]
        assert largest <= 1 + 1e-4


# ---- inference ----------------------------------------------------------------------------------


def test_categories_of_its_own_can_be_chosen():
    made = model(game(**INFOGAN))
    items = made.sample(3, label=2)
    assert items["category"].tolist() == [2, 2, 2]
    assert items.x.shape == (3, 16, 16, 16, 3)
    assert made.sample(5)["category"].max() <= 2


def test_q_is_a_classifier_where_there_is_one():
    made = game(**SUPERVISED).eval()
    shares = made.predict(torch.randn(3, 3, 16, 16, 16))
    assert shares.shape == (3, 4)
    assert torch.allclose(shares.sum(1), torch.ones(3))
    assert not has(game(), CanPredict)
    clips = shapes().items("test").x[:2]
    assert model(made).score(clips).shape == (2,)  # Q guesses: no class is needed
    assert model(made).predict(clips).shape == (2, 4)


def test_a_longer_clip_is_scored_by_its_windows():
    made = game().eval()
    x = torch.randn(1, 3, 18, 16, 16)
    windows = torch.stack([made.discriminator(x[:, :, k : k + 16]) for k in range(3)])
    assert torch.allclose(made.score(x), windows.mean(0))
    with pytest.raises(UsageError, match="the judge sees 16 at once"):
        made.score(x[:, :, :9])
    items = model(made).sample(3, frames=18)
    assert items.x.shape[1] == 18
    scores = model(made).score(items)
    assert np.allclose(scores, model(made).score(items.x), atol=1e-6)
    with pytest.raises(UsageError, match="expected data of shape"):
        model(made).score(items.x[:, :, :8])  # of half the height
    patches = game(discriminator=SETTINGS["discriminator"] | {"patch": True}).eval()
    assert patches.score(x).shape == (1,)


def test_clips_begin_with_a_picture():
    source = shapes(first_frame=True)
    made = game(source, image={}, conditional=["image"])
    feed, table = played(made, source)
    rounds(made, feed, table, 1)
    assert "reconstruction" in table.take_statistics()
    made.eval()
    picture = feed.next()["image"]
    code = made.clips.encoder(picture).mean
    content, path = made.clips.content_and_path(made.prior(4, Noise(0)), picture)
    assert torch.equal(content, code[:, :6])
    assert torch.equal(path[:, 0], code[:, 6:])  # motion starts at E's h⁽⁰⁾
    a, b = (made.clips.content_and_path(made.prior(4, Noise(s)), picture)[1] for s in (0, 1))
    assert torch.equal(a[:, 0], b[:, 0])
    assert not torch.equal(a[:, 1:], b[:, 1:])
    image = source.items("test").x[0, 0]
    items = model(made).sample(3, given={"image": image})
    assert items.x.shape == (3, 16, 16, 16, 3)
    with pytest.raises(UsageError, match="image: expected one or 3 of shape"):
        model(made).sample(3, given={"image": image[:8]})
    with pytest.raises(UsageError, match="need both game.image"):
        game(source, conditional=["image"])


def test_a_decoder_that_gives_the_picture_back_has_nothing_to_lose():
    source = shapes(first_frame=True)
    made = game(source, image={"weight": 2.0}, conditional=["image"])
    feed, table = played(made, source)
    real = feed.next()
    z = made.latents(real, table)
    assert made.beginning(Loss(torch.ones(())), real, z).value == 1
    off = real.replace(x=real.x + 0.5)
    assert made.beginning(Loss(torch.ones(())), off, z).value.item() == pytest.approx(2.0)


def test_by_contrast_a_small_thing_counts_as_much_as_all_that_is_behind_it():
    picture = -torch.ones(2, 3, 10, 10)
    picture[:, :, 4, 4] = 1  # a hundredth of it
    lost = {}
    for contrast in (False, True):
        image = FromImage(contrast=contrast)
        assert image.apart(picture, picture) == 0
        nothing = image.apart(picture, -torch.ones_like(picture))
        behind = image.apart(picture, picture.where(picture > 0, 1.0))
        lost[contrast] = float(nothing / behind)
    assert lost[False] == pytest.approx(1 / 99), "every pixel counts alike"
    assert lost[True] == pytest.approx(1), "what is lighter weighs as much as what is darker"
    blue = -torch.ones(1, 3, 10, 10)
    blue[:, 2, 4, 4] = 1
    by_contrast, grey = FromImage(contrast=True), blue.clone()
    grey[:, :, 4, 4] = 1
    missing = by_contrast.apart(blue, -torch.ones_like(blue))
    assert by_contrast.apart(blue, grey) == pytest.approx(2 * float(missing)), (
        "two colours too many"
    )


def test_paths_are_those_of_the_samples_and_any_path_is_rendered():
    made = model(game(temporal="ode"))
    found = paths(made, 3, seed=5, rate=2.0)
    assert found["path"].shape == found["velocity"].shape == (3, 31, 3)
    assert found["times"][0, -1] == 1
    samples = made.sample(3, seed=5, rate=2.0).x
    assert np.abs(rendered(made, found["content"], found["path"]) - samples.astype(int)).max() <= 1
    swapped = rendered(made, found["content"][[1, 2, 0]], found["path"])
    assert not np.array_equal(swapped, samples)
    step = found["path"][:, 1] - found["path"][:, 0]
    slope = found["velocity"][:, :2].mean(1) / 30
    assert np.abs(step - slope).max() < 0.01 * np.abs(step).max() + 1e-6


@pytest.mark.parametrize("kind", ["gru", "conv1d", "conv-lstm", "ode", "ode2", "ode3", "sde"])
def test_every_path_is_trained_and_sampled(kind):
    made = game(temporal=kind)
    feed, table = played(made)
    rounds(made, feed, table, 1)
    assert isinstance(made.generator, ClipGenerator)
    assert made.eval().sample(made.prior(2, Noise(0))).shape == (2, 3, 16, 16, 16)
    found = made.path(made.prior(2, Noise(0)))
    assert found["path"].shape == (2, 16, 3)
    assert found["times"][0].tolist() == pytest.approx([k / 15 for k in range(16)])
    assert ("velocity" in found) == kind.startswith("ode")
