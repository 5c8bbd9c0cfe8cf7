"""Scenes: published counts, what a clip is composed of, sizes, and the model of the future."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.data.domains.images import Images
from ganvas.data.domains.videos import Videos
from ganvas.errors import UsageError
from ganvas.networks import PRESETS, Conditions
from ganvas.networks.video.vgan import (
    SceneGenerator,
    VGANDiscriminator,
    VGANFutureGenerator,
    VGANGenerator,
    composed,
    doublings,
)
from tests.networks.specs import labels


def count(module: nn.Module | None) -> int:
    assert module is not None
    return sum(p.numel() for p in module.parameters())


def clips(channels: int = 3, frames: int = 8, height: int = 8, width: int = 8) -> Videos:
    return Videos(channels=channels, frames=frames, height=height, width=width)


def image(channels: int = 3, height: int = 8, width: int = 8) -> Conditions:
    return Conditions({"image": Images(channels=channels, height=height, width=width)})


def tiny(**settings: object) -> SceneGenerator:
    torch.manual_seed(0)
    net = VGANGenerator.model_validate({"width": 4, **settings}).build(clips(), 6)
    return _steeper(net).eval()


def _steeper(net: SceneGenerator) -> SceneGenerator:
    """Let weights be as large as those of a trained network: at the start clips are grey."""
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() > 1:
                parameter *= 30
    return net


LARGE = clips(3, 32, 64, 64)


def test_published_counts() -> None:
    with torch.device("meta"):
        two = VGANGenerator().build(LARGE, 100)
        one = VGANGenerator(streams="one").build(LARGE, 100)
        future = VGANFutureGenerator().build(LARGE, 0, image(3, 64, 64))
        judge = VGANDiscriminator().build(LARGE)
        pair = VGANDiscriminator(logits=2).build(LARGE)
    assert count(two.background) == 3_577_667
    assert count(two.trunk) == 12_651_328
    assert count(two.heads) == 12_291 + 4_097
    assert count(two) == 16_245_383
    assert count(one) == 12_663_619
    assert (count(judge), count(pair)) == (11_041_473, 11_057_858)
    assert count(future) == 68_216_455


def test_the_discriminator_of_the_future_is_twice_as_wide() -> None:
    with torch.device("meta"):
        net = PRESETS["vgan_future"][1].build(LARGE)
    convolutions = [m.out_channels for m in net.modules() if isinstance(m, nn.Conv3d)]
    assert convolutions == [128, 256, 512, 1024]


def test_a_clip_is_a_convex_combination() -> None:
    net = tiny()
    scene = net.scene(torch.randn(3, 6))
    low = torch.minimum(scene.foreground, scene.background.unsqueeze(2))
    high = torch.maximum(scene.foreground, scene.background.unsqueeze(2))
    assert scene.clip.shape == (3, 3, 8, 8, 8)
    assert scene.mask.shape == (3, 1, 8, 8, 8)
    assert scene.background.shape == (3, 3, 8, 8)
    assert ((scene.clip >= low - 1e-6) & (scene.clip <= high + 1e-6)).all()
    assert ((scene.mask >= 0) & (scene.mask <= 1)).all()
    assert max(part.abs().max() for part in scene) <= 1
    assert scene.clip.std() > 0.1, "nothing was tested: clips are grey"
    torch.testing.assert_close(
        scene.clip,
        scene.mask * scene.foreground + (1 - scene.mask) * scene.background[:, :, None],
    )


@pytest.mark.parametrize("bias", [-50.0, 50.0])
def test_a_mask_of_nothing_shows_the_background_and_a_mask_of_all_the_foreground(
    bias: float,
) -> None:
    net = tiny()
    heads = net.heads
    assert isinstance(heads, nn.ConvTranspose3d)
    assert heads.bias is not None
    with torch.no_grad():
        heads.weight[:, -1] = 0
        heads.bias[-1] = bias
    scene = net.scene(torch.randn(2, 6))
    shown = scene.background[:, :, None].expand_as(scene.clip) if bias < 0 else scene.foreground
    torch.testing.assert_close(scene.clip, shown, atol=1e-6, rtol=0)


def test_pixels_move_as_much_as_their_mask_lets_them() -> None:
    f, b = torch.rand(2, 3, 8, 4, 4) * 2 - 1, torch.rand(2, 3, 4, 4) * 2 - 1
    m = torch.rand(2, 1, 8, 4, 4)
    x = composed(f, m, b).clip
    moved = (x[:, :, 1:] - x[:, :, :-1]).abs()
    reach = m * (f - b.unsqueeze(2)).abs()
    assert (moved <= reach[:, :, 1:] + reach[:, :, :-1] + 1e-6).all()


def test_one_clip_alone_is_composed_like_one_of_several() -> None:
    net, z = tiny(), torch.randn(3, 6)
    torch.testing.assert_close(net(z[:1]), net(z)[:1])


def test_both_streams_hang_on_the_same_latent_and_share_nothing() -> None:
    net = tiny()
    a, b = net.scene(torch.randn(1, 6)), net.scene(torch.randn(1, 6))
    assert not torch.equal(a.mask, b.mask)
    assert not torch.equal(a.background, b.background)
    assert net.background is not None
    mine = {p.data_ptr() for p in net.background.parameters()}
    assert mine.isdisjoint({p.data_ptr() for p in net.trunk.parameters()})
    for part in (a.foreground, a.mask):  # f and m go through one trunk
        (slope,) = torch.autograd.grad(part.sum(), next(net.trunk.parameters()), retain_graph=True)
        assert slope.abs().sum() > 0


def test_one_stream_is_the_foreground_alone() -> None:
    one = tiny(streams="one")
    assert one.background is None
    for n in (1, 2):
        assert one(torch.randn(n, 6)).shape == (n, 3, 8, 8, 8)
    with pytest.raises(UsageError, match="one stream"):
        one.scene(torch.randn(2, 6))


def test_two_logits_are_one_of_their_difference() -> None:
    net = VGANDiscriminator(width=4, logits=2).build(clips()).eval()
    x = torch.randn(4, 3, 8, 8, 8)
    pair = F.linear(net.features(x), net.head.score.weight, net.head.score.bias)
    for real in (True, False):
        target = torch.full((4,), 0 if real else 1)
        binary = F.binary_cross_entropy_with_logits(net(x), torch.full((4,), float(real)))
        torch.testing.assert_close(F.cross_entropy(pair, target), binary)


def test_the_first_block_of_the_discriminator_is_not_normalised() -> None:
    kinds = [type(m).__name__ for m in VGANDiscriminator(width=4).build(clips(3, 8, 16, 16)).body]
    assert kinds.index("BatchNorm") > kinds.index("LeakyReLU")


def test_noise_in_the_discriminator_is_for_training_only() -> None:
    net = VGANDiscriminator(width=4, noise=0.2).build(clips())
    x = torch.randn(4, 3, 8, 8, 8)
    assert not torch.equal(net(x), net(x))
    assert torch.equal(net.eval()(x), net(x))


def test_weights_start_as_in_the_code() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        nets = [
            VGANGenerator(width=32).build(clips(3, 16, 32, 32), 100),
            VGANDiscriminator(width=32).build(clips(3, 16, 32, 32)),
        ]
    for net in nets:
        for layer in net.modules():
            if isinstance(layer, nn.Linear | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
                if layer.weight.numel() > 10_000:
                    assert layer.weight.std().item() == pytest.approx(0.01, rel=0.03)
                assert layer.bias is not None
                assert not layer.bias.any()
            elif isinstance(gain := getattr(layer, "weight", None), Tensor):
                assert gain.mean().item() == pytest.approx(1, abs=0.02)
                assert 0 < gain.std().item() < 0.03


def test_the_future_hangs_on_the_image_alone() -> None:
    torch.manual_seed(0)
    net = _steeper(VGANFutureGenerator(width=4).build(clips(), 0, image())).eval()
    x, none = torch.rand(2, 3, 8, 8) * 2 - 1, torch.empty(2, 0)
    assert torch.equal(net(none, x), net(none, x))
    assert not torch.allclose(net(none, x)[0], net(none, x)[1])


def test_latents_beside_the_image_are_an_extension() -> None:
    torch.manual_seed(0)
    net = _steeper(VGANFutureGenerator(width=4).build(clips(), 5, image())).eval()
    x = torch.rand(2, 3, 8, 8)
    assert not torch.allclose(net(torch.randn(2, 5), x), net(torch.randn(2, 5), x))


def test_labels_join_the_latent() -> None:
    net = _steeper(VGANGenerator(width=4).build(clips(), 6, labels(3))).eval()
    z, x = torch.randn(2, 6), torch.randn(2, 3, 8, 8, 8)
    up, left = net.scene(z, torch.zeros(2, dtype=torch.long)), net.scene(z, torch.tensor([0, 2]))
    for one, other in zip(up, left, strict=True):  # all parts of the clip that has another one
        torch.testing.assert_close(one[0], other[0])
        assert not torch.allclose(one[1], other[1])
    judge = VGANDiscriminator(width=4).build(clips(), labels(3)).eval()
    up, left = judge(x, torch.zeros(2, dtype=torch.long)), judge(x, torch.tensor([0, 2]))
    assert up.shape == (2,)
    assert up[0] == left[0]
    assert up[1] != left[1]


def test_time_and_sides_double_together() -> None:
    assert doublings((3, 32, 64, 64), "vgan") == 4
    assert doublings((1, 16, 16, 16), "vgan") == 2
    assert doublings((3, 16, 32, 48), "vgan") == 3
    net = VGANGenerator(width=4).build(clips(1, 12, 8, 12), 6)
    assert net(torch.randn(2, 6)).shape == (2, 1, 12, 8, 12)
    with pytest.raises(UsageError, match="data.frames=16"):
        doublings((3, 15, 32, 32), "vgan")
    with pytest.raises(UsageError, match="data.size=64"):
        doublings((3, 16, 31, 31), "vgan")


def test_other_data_are_refused() -> None:
    with pytest.raises(UsageError, match="networks of this system are for clips"):
        VGANGenerator().build(Images(channels=3, height=8, width=8), 6)
    with pytest.raises(UsageError, match="data.derive"):
        VGANFutureGenerator().build(clips(), 0)
    with pytest.raises(UsageError, match="data.derive"):
        VGANFutureGenerator().build(clips(), 0, image(height=16))
