"""Networks of several levels: counts, sparse = dense, the recurrent layer, critics."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from ganvas.data.domains.videos import Videos
from ganvas.errors import UsageError
from ganvas.networks.video.tganv2 import (
    Down,
    TGANv2Discriminator,
    TGANv2DiscriminatorNet,
    TGANv2Generator,
    TGANv2GeneratorNet,
    Up,
    shrunk,
)
from ganvas.nn import Pyramid
from ganvas.play import Noise
from tests.networks.specs import labels

CLIP = (3, 8, 16, 16)


def clips(frames: int = 8, side: int = 16) -> Videos:
    return Videos(channels=3, frames=frames, height=side, width=side)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def generator(classes: int = 0, levels: int = 3, **settings: object) -> TGANv2GeneratorNet:
    torch.manual_seed(0)
    config = TGANv2Generator.model_validate({"width": 2, "levels": levels, **settings})
    net = config.build(clips(), 5, labels(classes)).eval()
    for layer in net.modules():  # as if it had been trained: no running statistic is a default
        if isinstance(mean := getattr(layer, "running_mean", None), Tensor):
            mean.normal_(0, 0.1)
    return net


def critics(classes: int = 0, levels: int = 3, **settings: object) -> TGANv2DiscriminatorNet:
    torch.manual_seed(1)
    small = {"width": 2, "blocks": 1, "levels": levels, **settings}
    return TGANv2Discriminator.model_validate(small).build(clips(), labels(classes))


def first_block(net: TGANv2GeneratorNet) -> Up:
    return next(block for block in net.modules() if isinstance(block, Up))


def drawn(pyramid: Pyramid, seed: int = 0) -> list[Tensor]:
    noise = Noise(seed)
    return pyramid.cuts(lambda high: noise.integers(1, high))


def test_published_counts() -> None:
    with torch.device("meta"):
        small, large = (TGANv2Generator().build(clips(16, side), 256) for side in (192, 256))
        judge = TGANv2Discriminator().build(clips(16, 192))
    assert (count(small), count(large)) == (88_032_460, 89_874_636)
    assert [count(critic) for critic in judge.critics] == [29_019_265] * 4
    assert count(judge) == 116_077_060
    assert small.start == (1024, 3, 3)
    assert large.start == (1024, 4, 4)


@pytest.mark.parametrize(("stride", "frames"), [(2, [16, 8, 4, 2]), (4, [16, 4, 1, 1])])
def test_shapes_of_the_papers_levels(stride: int, frames: list[int]) -> None:
    pyramid = Pyramid((3, 16, 192, 192), (stride,) * 3)
    with torch.device("meta"):
        net = TGANv2Generator(width=2).build(clips(16, 192), 256)
        cuts = pyramid.cuts(lambda _: torch.zeros(1, dtype=torch.long))
        levels = pyramid.unpacked(net(torch.empty(2, 256), None, cuts, pyramid))
    sides = [24, 48, 96, 192]
    wanted = [(2, 3, n, side, side) for n, side in zip(frames, sides, strict=True)]
    assert [tuple(level.shape) for level in levels] == wanted


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (4, 2)])
def test_training_shows_the_kept_frames_of_dense_clips(strides: tuple[int, int]) -> None:
    net, pyramid = generator(), Pyramid(CLIP, strides)
    cuts, z = drawn(pyramid, 3), torch.randn(2, 5)
    levels = pyramid.unpacked(net(z, None, cuts, pyramid))
    for level, (made, frames) in enumerate(zip(levels, pyramid.kept(cuts), strict=True)):
        net.level = level
        torch.testing.assert_close(made, net(z)[:, :, frames[0]], atol=1e-6, rtol=0)
    net.level = 2
    if strides == (1, 1):
        assert torch.equal(levels[-1], net(z))


def test_a_thinned_batch_goes_on_with_every_second_clip() -> None:
    net, pyramid = generator(), Pyramid(CLIP, (2, 2), thinning=2)
    cuts, z = drawn(pyramid), torch.randn(8, 5)
    levels = pyramid.unpacked(net(z, None, cuts, pyramid))
    assert [len(level) for level in levels] == [8, 4, 2]
    frames = pyramid.kept(cuts)[2][0]
    torch.testing.assert_close(levels[2], net(z)[::4, :, frames], atol=1e-6, rtol=0)


def test_all_levels_hang_on_the_first_block_and_renderers_on_none_but_theirs() -> None:
    net, pyramid = generator(), Pyramid(CLIP, (2, 2))
    levels = pyramid.unpacked(net(torch.randn(2, 5), None, drawn(pyramid), pyramid))
    first = first_block(net)
    for level in levels:
        (slope,) = torch.autograd.grad(level.sum(), first.conv1.weight, retain_graph=True)
        assert slope.abs().sum() > 0
    own = [{p.data_ptr() for p in renderer.parameters()} for renderer in net.renderers]
    assert all(a.isdisjoint(b) for i, a in enumerate(own) for b in own[:i])


@pytest.mark.parametrize("kind", ["ode", "sde"])
def test_equations_take_the_place_of_the_recurrent_layer(kind: str) -> None:
    net = generator(temporal={"kind": kind})
    z = torch.randn(2, 5 + net.fresh)
    assert (net.fresh > 0) == (kind == "sde")
    assert net(z).shape == (2, *CLIP)


def test_any_number_of_frames() -> None:
    net, z = generator(), torch.randn(2, 5)
    eight = net(z)
    for frames in (1, 3, 20):
        net.frames = frames
        made = net(z)
        assert made.shape == (2, 3, frames, 16, 16)
        torch.testing.assert_close(made[:, :, :8], eight[:, :, :frames], atol=1e-6, rtol=0)


def test_z_may_be_told_again() -> None:
    net = generator(concat_z=True)
    first = first_block(net)
    assert first.conv1.in_channels == net.start[0] + 5
    assert net(torch.randn(2, 5)).shape == (2, *CLIP)


@pytest.mark.parametrize(
    ("given", "halved"),
    [((1, 3, 3), (1, 2, 2)), ((16, 24, 24), (8, 12, 12)), ((5, 1, 4), (3, 1, 2))],
)
def test_halving(given: tuple[int, ...], halved: tuple[int, ...]) -> None:
    assert shrunk(torch.ones(1, 1, *given)).shape[2:] == halved


def test_what_odd_axes_are_padded_with_counts() -> None:
    x = torch.tensor([1.0, 2.0, 4.0]).view(1, 1, 1, 1, 3)
    assert shrunk(x).flatten().tolist() == [0.5, 3.0]
    assert torch.equal(shrunk(x.transpose(3, 4), (4,)), x.transpose(3, 4)), "axes of 1 rest"


def test_scores_are_of_sums_over_places() -> None:
    """A constant feature of twice the area has twice the logit, but for the bias."""
    critic = critics().critics[0]
    with torch.no_grad():
        critic.head.score.bias.fill_(0.7)
    seen = torch.randn(1, critic.width, 1, 1, 1).relu()
    h1, h2 = (seen.expand(-1, -1, 1, n, 2).sum((2, 3, 4)) for n in (2, 4))
    one, two = critic.head(h1) - 0.7, critic.head(h2) - 0.7
    torch.testing.assert_close(two, 2 * one)
    x = torch.randn(2, 3, 4, 8, 8)
    torch.testing.assert_close(critic.features(x), F.relu(critic.body(x)).sum((2, 3, 4)))


def test_each_level_has_its_own_logit_and_critic() -> None:
    net = critics()
    net.pyramid = pyramid = Pyramid(CLIP, (2, 2))
    levels = [torch.randn(4, *shape) for shape in pyramid.shapes]
    logits = net(pyramid.packed(levels))
    assert logits.shape == (4, 3)
    for level, critic in enumerate(net.critics):
        torch.testing.assert_close(logits[:, level], critic.head(critic.features(levels[level])))
    alone = net(pyramid.packed([level[:1] for level in levels]))
    torch.testing.assert_close(alone, logits[:1])
    added = critics(combine="sum")
    added.load_state_dict(net.state_dict())
    added.pyramid = pyramid
    torch.testing.assert_close(added(pyramid.packed(levels)), logits.sum(1))


def test_whole_clips_are_seen_by_their_first_frames() -> None:
    net = critics()
    net.pyramid = pyramid = Pyramid(CLIP, (2, 2), thinning=2)
    x = torch.randn(3, *CLIP)
    whole = Pyramid(CLIP, (2, 2))
    cuts = whole.cuts(lambda _: torch.zeros(1, dtype=torch.long))
    levels = whole.of(x, cuts)
    wanted = torch.stack(
        [c.head(c.features(level)) for c, level in zip(net.critics, levels, strict=True)], 1
    )
    torch.testing.assert_close(net(x), wanted)
    assert pyramid.group == 4


def test_the_baselines_critic_of_frames_looks_at_one() -> None:
    net = critics(levels=1, frame=True)
    assert net.pyramid.frames == [8, 1]
    assert [shape[2:] for shape in net.pyramid.shapes] == [(16, 16), (16, 16)]
    kernels = {m.kernel_size for m in net.critics[1].modules() if isinstance(m, nn.Conv3d)}
    assert kernels == {(1, 3, 3), (1, 1, 1)}
    assert net(torch.randn(2, *CLIP)).shape == (2, 2)
    with pytest.raises(ValidationError, match="needs levels: 1"):
        TGANv2Discriminator(frame=True)


def test_all_frames_of_a_clip_have_its_own_class() -> None:
    net = generator(classes=3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    z, y = torch.randn(3, 5), torch.arange(3)
    x = net(z, y)
    alone = torch.cat([net(z[n, None], y[n, None]) for n in range(3)])
    torch.testing.assert_close(x, alone, rtol=1e-4, atol=1e-4)
    assert (net(z, y.flip(0)) - x).abs().max() > 0.1  # another class is another clip
    pyramid = Pyramid(CLIP, (2, 2))
    cuts = drawn(pyramid)
    sparse = pyramid.unpacked(net(z, y, cuts, pyramid))[-1]
    torch.testing.assert_close(sparse, x[:, :, pyramid.kept(cuts)[-1][0]])


def test_one_class_is_no_class() -> None:
    """Norms of one class are plain norms, and a table of zeros leaves the score alone."""
    plain, told = generator(), generator(classes=1)
    z, y = torch.randn(2, 5), torch.zeros(2, dtype=torch.long)
    with torch.no_grad():
        told.project.weight[:, 5:] = 0
        told.project.weight[:, :5] = plain.project.weight
        told.project.bias.copy_(plain.project.bias)
        mine = dict(plain.named_parameters())
        for name, parameter in told.named_parameters():
            if name in mine and not name.startswith("project"):
                parameter.copy_(mine[name])
    told.load_state_dict({k: v for k, v in plain.state_dict().items() if "running" in k}, False)
    torch.testing.assert_close(told(z, y), plain(z))
    bare, asked = critics(), critics(classes=1)
    asked.load_state_dict(bare.state_dict(), strict=False)
    for critic in asked.critics:
        nn.init.zeros_(critic.head.table.weight)
    x = torch.randn(2, *CLIP)
    torch.testing.assert_close(asked(x, y), bare(x))


def test_blocks_of_a_critic_are_their_formulas() -> None:
    """Only the first one keeps all frames, and sees what it is given unrectified."""
    look, down = critics().critics[0].body
    clip, maps = torch.randn(2, 3, 4, 8, 8), torch.randn(2, 2, 4, 8, 8)
    h = F.avg_pool3d(look.conv2(look.conv1(clip).relu()), (1, 2, 2))
    wanted = h + look.shortcut(F.avg_pool3d(clip, (1, 2, 2)))
    torch.testing.assert_close(look(clip), wanted)
    h = F.avg_pool3d(down.conv2(down.conv1(maps.relu()).relu()), 2)
    torch.testing.assert_close(down(maps), h + F.avg_pool3d(down.shortcut(maps), 2))


def test_blocks_start_as_in_the_code() -> None:
    torch.manual_seed(0)
    block = critics(width=32).critics[0].body[1]
    assert isinstance(block, Down)
    bound = math.sqrt(2) * math.sqrt(6 / (27 * 32 + 27 * 32))
    assert block.conv1.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    bound = math.sqrt(6 / (32 + 64))
    assert block.shortcut.weight.abs().max().item() == pytest.approx(bound, rel=0.03)


def test_sides_that_do_not_halve_so_often() -> None:
    with pytest.raises(UsageError, match="multiple of 16"):
        TGANv2Generator(width=2, levels=4).build(clips(side=24), 5)
