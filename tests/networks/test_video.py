"""Networks for clips: counts of three papers, sizes, and what is computed once for a clip."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ganvas.errors import UsageError
from ganvas.networks.dcgan import DCGANGenerator
from ganvas.networks.painted import PaintedFrames, PaintedGenerator
from ganvas.networks.patch import PatchDiscriminator
from ganvas.networks.video.critic import VideoDiscriminator
from ganvas.networks.video.frames import TGANGenerator, frames_of
from ganvas.networks.video.volume import VolumeGenerator
from ganvas.nn import ConditionalBatchNorm, GaussianNoise
from tests.networks.specs import images, labels


def clips(frames: int, height: int, width: int, channels: int = 3):
    return SimpleNamespace(
        grid=3, shape=(channels, frames, height, width), plural="videos", channels=channels
    )


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


FACES, CLIPS = images(3, 64, 64), clips(16, 64, 64)
SLIDE = VideoDiscriminator(time="slide", bias=False, labels="auxiliary")

PUBLISHED = {
    "TGAN's D": (lambda: VideoDiscriminator().build(CLIPS), 11_033_281),
    "TGAN's D without offsets": (
        lambda: VideoDiscriminator(offset=False).build(CLIPS),
        11_032_385,
    ),
    "VGAN's D": (lambda: VideoDiscriminator(eps=1e-3).build(clips(32, 64, 64)), 11_041_473),
    "MoCoGAN's D_V": (lambda: SLIDE.build(CLIPS), 11_056_896),
    "MoCoGAN's D_V with Q": (lambda: SLIDE.build(CLIPS, labels(6)), 11_253_504),
    "MoCoGAN's D_V of patches": (
        lambda: SLIDE.model_copy(update={"patch": True}).build(CLIPS),
        2_650_880,
    ),
    "MoCoGAN's D_I": (lambda: PatchDiscriminator().build(FACES), 663_296),
    "MoCoGAN's G_I": (lambda: DCGANGenerator().build(FACES, 60), 3_249_024),
    "MoCoGAN's G_I with categories": (lambda: DCGANGenerator().build(FACES, 66), 3_298_176),
    "TGAN's G1": (lambda: TGANGenerator().build_frames(FACES, 100, 100), 3_622_691),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name):
    make, parameters = PUBLISHED[name]
    with torch.device("meta"):
        assert count(make()) == parameters


def test_time_halves_or_loses_three_frames_at_each_level():
    with torch.device("meta"):
        assert [v[0] for v in SLIDE.build(CLIPS).volumes] == [16, 13, 10, 7, 4]
        assert [v[0] for v in VideoDiscriminator().build(CLIPS).volumes] == [16, 8, 4, 2, 1]
    with pytest.raises(UsageError, match=r"10 at least \(data.frames\)"):
        SLIDE.build(clips(9, 32, 32))
    SLIDE.build(clips(10, 32, 32))


@pytest.mark.parametrize("settings", [VideoDiscriminator(width=4), SLIDE], ids=["halve", "slide"])
@pytest.mark.parametrize("patch", [False, True])
def test_logits_of_any_size_of_clips(settings, patch):
    settings = settings.model_copy(update={"width": 4, "patch": patch})
    for frames, height, width in ((16, 16, 24), (9, 18, 14)):
        network = settings.build(clips(frames, height, width, 1)).eval()
        for n in (1, 2):
            x = torch.randn(n, 1, frames, height, width)
            logits = network(x)
            assert logits.shape == (n, *network.volumes[-1]) if patch else logits.shape == (n,)


def test_patches_of_images_are_scored_alone():
    network = PatchDiscriminator(width=4).build(images(3, 64, 64)).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        before = network(x)
        assert before.shape == (2, 4, 4)
        x[:, :, :8, :8] += 1
        after = network(x)
    assert not torch.equal(before[:, 0, 0], after[:, 0, 0])
    assert torch.equal(before[:, 2:, 2:], after[:, 2:, 2:])


def test_classes_stand_beside_the_clip_or_are_guessed():
    told = VideoDiscriminator(width=4).build(clips(16, 16, 16), labels(5))
    assert told.blocks[0][1].conv.conv.in_channels == 3 + 5
    x = torch.randn(2, 3, 16, 16, 16)
    told.eval()
    assert not torch.equal(told(x, torch.tensor([0, 1])), told(x, torch.tensor([1, 1])))
    for patch in (False, True):
        guesses = SLIDE.model_copy(update={"width": 4, "patch": patch})
        network = guesses.build(clips(16, 16, 16), labels(5))
        _, h = network.judge(x)
        assert network.classify(h).shape == (2, 5)


def test_noise_is_before_convolutions_or_before_non_linearities_and_in_training_alone():
    x = torch.randn(2, 3, 16, 16, 16)
    for place in ("convolution", "activation"):
        noisy = VideoDiscriminator(width=4, noise=0.3, noise_before=place)
        network = noisy.build(clips(16, 16, 16))
        there = [m for m in network.modules() if isinstance(m, GaussianNoise) and m.draws]
        assert len(there) == (3 if place == "convolution" else 2)
        assert not torch.equal(network(x), network(x))
        network.eval()
        assert torch.equal(network(x), network(x))


def test_volumes_halve_as_long_as_there_are_frames():
    with torch.device("meta"):
        assert VolumeGenerator().build(CLIPS, 100).start == (512, 1, 4, 4)
        assert VolumeGenerator().build(clips(32, 64, 64), 100).start == (512, 2, 4, 4)
    network = VolumeGenerator(width=4).build(clips(10, 18, 14), 6, labels(3))
    made = network(torch.randn(2, 6), torch.tensor([0, 2]))
    assert made.shape == (2, 3, 10, 18, 14)


def test_what_a_clip_shares_is_computed_once_and_is_the_same():
    """Batch statistics of N·K repeated rows are those of N."""
    torch.manual_seed(0)
    network = TGANGenerator(width=4, max_width=8).build_frames(images(3, 16, 16), 5, 6, labels(3))
    slow, fast, y = torch.randn(4, 5), torch.randn(4, 7, 6), torch.tensor([0, 1, 2, 0])
    once = frames_of(network, slow, fast, y)
    repeated = torch.cat([slow[:, None].expand(-1, 7, -1), fast], 2).flatten(0, 1)
    each = network(repeated, y.repeat_interleave(7))
    assert once.shape == (28, 3, 16, 16)
    assert torch.allclose(once, each, atol=1e-5)
    assert (once.abs() <= 1).all()


def test_frames_hear_what_rests_before_what_moves():
    network = DCGANGenerator(width=4).build(images(3, 16, 16), 11).eval()
    slow, fast = torch.randn(2, 5), torch.randn(2, 3, 6)
    rows = torch.cat([slow.repeat_interleave(3, 0), fast.flatten(0, 1)], 1)
    assert torch.equal(frames_of(network, slow, fast), network(rows))
    assert torch.equal(frames_of(network, slow[:, None].expand(-1, 3, -1), fast), network(rows))


def test_frames_may_be_made_of_the_fast_latents_alone():
    network = TGANGenerator(width=4, slow=False).build_frames(images(1, 16, 16), 5, 6).eval()
    fast = torch.randn(2, 3, 6)
    assert torch.equal(
        frames_of(network, torch.randn(2, 5), fast), frames_of(network, torch.randn(2, 5), fast)
    )


def test_content_may_reach_frames_through_the_gains_of_norms_alone():
    """Then the same motion is painted in other colours, and no layer sees content beside it."""
    settings = PaintedGenerator(width=4)
    network = settings.build_frames(images(3, 8, 8), slow=5, fast=3)
    assert isinstance(network, PaintedFrames)
    assert network.layers.project.in_features == 3
    content, motion = torch.randn(6, 5), torch.randn(6, 3)
    other = torch.cat([content.roll(1, 0), motion], 1)
    seen: list[torch.Tensor] = []
    watched = network.layers.project.register_forward_hook(lambda *told: seen.append(told[2]))
    first, second = network(torch.cat([content, motion], 1)), network(other)
    watched.remove()
    assert torch.equal(*seen)
    assert not torch.allclose(first, second)
    for layer in network.modules():
        if isinstance(layer, ConditionalBatchNorm):
            nn.init.zeros_(layer.condition.gain.weight)
            nn.init.zeros_(layer.condition.offset.weight)
    torch.testing.assert_close(network(torch.cat([content, motion], 1)), network(other))


def test_pixels_are_mixtures_of_the_colours_that_a_clip_shares():
    settings = PaintedGenerator(width=4, colours=3)
    network = settings.build_frames(images(3, 8, 8), slow=5, fast=3)
    assert isinstance(network, PaintedFrames)
    assert network.colours is not None
    nn.init.zeros_(network.colours.weight)
    with torch.no_grad():  # black, red and blue
        network.colours.bias.copy_(torch.tensor([-9.0, -9, -9, 9, -9, -9, -9, -9, 9]))
    made = network(torch.randn(6, 8))
    assert made.shape == (6, 3, 8, 8)
    shares = (made[:, [0, 2]] + 1) / 2
    assert shares.min() > 0.01
    assert (shares.sum(1) < 0.99).all()
    torch.testing.assert_close(made[:, 1], torch.full_like(made[:, 1], -1.0))


def test_content_makes_no_gains_where_there_are_none_or_labels_beside_it():
    with pytest.raises(ValueError, match="kind: painted needs norm: batch"):
        PaintedGenerator(norm="layer")
    with pytest.raises(UsageError, match="game.category_to=motion"):
        PaintedGenerator().build_frames(images(3, 8, 8), 5, 3, labels(4))
    with pytest.raises(UsageError, match="set game.generator.kind=dcgan"):
        PaintedGenerator().build(images(3, 8, 8), 5)
