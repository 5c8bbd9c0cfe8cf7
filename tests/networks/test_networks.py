"""What every family promises: shapes at any size, call signatures, labels, derivatives, state."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganvas.errors import UsageError
from ganvas.networks import (
    BottleneckDiscriminator,
    BottleneckGenerator,
    CganMLPDiscriminator,
    CganMLPGenerator,
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    R3Discriminator,
    R3Generator,
    ResNetDiscriminator,
    ResNetGenerator,
)
from ganvas.networks.dcgan_labelled import LabelledGenerator
from ganvas.networks.memory_dcgan import SlimNorm
from ganvas.nn import BatchNorm, set_tracking, singular_values
from tests.networks.specs import images, labels, points

LATENT = 6
GENERATORS = {
    "mlp": MLPGenerator(widths=(8, 8), batch_norm=True, output="tanh"),
    "mlp-maxout": MLPGenerator(widths=(8,), activation="maxout", pieces=2),
    "cgan": CganMLPGenerator(z_width=6, y_width=5, widths=(7,)),
    "dcgan": DCGANGenerator(width=4),
    "dcgan-kernel5": DCGANGenerator(width=4, kernel=5, projection_norm="unit", labels="norm"),
    "dcgan-constant": DCGANGenerator(width=4, growth="constant", norm="none"),
    "dcgan-full": DCGANGenerator(width=4, kernel=3, full_resolution=True, extra=1),
    "dcgan-gated": DCGANGenerator(width=4, activation="gated", norm="layer"),
    "dcgan-alternating": DCGANGenerator(
        width=4, kernel=3, full_resolution=True, alternating=True, labels="norm"
    ),
    "dcgan-labelled": LabelledGenerator(width=4, hidden=9),
    "resnet": ResNetGenerator(width=4),
    "resnet-doubling": ResNetGenerator(width=4, growth="double", spectral=True),
    "bottleneck": BottleneckGenerator(width=8, blocks=2),
    "r3": R3Generator(width=8, group_width=4, blocks=1),
}
DISCRIMINATORS = {
    "mlp": MLPDiscriminator(widths=(8, 8), fourier=3),
    "mlp-projection": MLPDiscriminator(widths=(8,), labels="projection", spectral=True),
    "mlp-auxiliary": MLPDiscriminator(widths=(8,), labels="auxiliary", activation="maxout"),
    "cgan": CganMLPDiscriminator(x_width=6, y_width=5, widths=(7,)),
    "dcgan": DCGANDiscriminator(width=4, norm="none"),
    "dcgan-kernel5": DCGANDiscriminator(width=4, kernel=5, norm="layer", labels="auxiliary"),
    "dcgan-full": DCGANDiscriminator(
        width=4, full_resolution=True, extra=1, norm="none", spectral=True, labels="projection"
    ),
    "dcgan-gated": DCGANDiscriminator(width=4, kernel=3, norm="none", activation="gated"),
    "dcgan-alternating": DCGANDiscriminator(
        width=4, kernel=3, full_resolution=True, alternating=True, norm="none"
    ),
    "resnet": ResNetDiscriminator(width=4, spectral=True),
    "resnet-concat": ResNetDiscriminator(width=4, labels="concat", embedding=3, pool="mean"),
    "resnet-flat": ResNetDiscriminator(
        width=4, growth="double", stem="conv", bottom=4, plain=0, norm="layer", pool="flatten"
    ),
    "bottleneck": BottleneckDiscriminator(width=8, blocks=2, labels="concat"),
    "r3": R3Discriminator(width=8, group_width=4, blocks=1),
    "r3-concat": R3Discriminator(width=(8, 4, 4), group_width=4, labels="concat"),
}
SQUARE = images(3, 16, 16)
LABELS = torch.tensor([0, 2, 1])


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("classes", [0, 3])
def test_generators_draw_samples(name, classes):
    net = GENERATORS[name].build(SQUARE, LATENT, labels(classes))
    assert net.latent == LATENT
    z = torch.randn(3, LATENT)
    x = net(z, LABELS if classes else None)
    assert x.shape == (3, 3, 16, 16)
    assert x.dtype == torch.float32
    x.square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())

    net.eval()
    with torch.no_grad():  # class-conditional norms start equal for all classes
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x = net(z, LABELS if classes else None)
    torch.testing.assert_close(net(z[:1], LABELS[:1] if classes else None), x[:1])
    if classes:
        torch.testing.assert_close(net(z, torch.eye(3)[LABELS]), x)
        assert not torch.allclose(net(z, LABELS.roll(1)), x)
        with pytest.raises(UsageError, match="given no conditions"):
            net(z)
    else:
        assert torch.equal(net(z, LABELS), x)


@pytest.mark.parametrize("name", DISCRIMINATORS)
@pytest.mark.parametrize("classes", [0, 3])
def test_discriminators_score_samples(name, classes):
    config = DISCRIMINATORS[name]
    net = config.build(SQUARE, labels(classes)).eval()
    x = torch.randn(3, 3, 16, 16)
    y = LABELS if classes else None
    score = net(x, y)
    assert score.shape == (3,)
    assert torch.equal(score, net.head(net.features(x, y), y))
    assert net.features(x, y).dim() == 2
    # batch mates do not matter, as none of these has a batch norm
    torch.testing.assert_close(net(x[1:2], LABELS[1:2] if classes else None), score[1:2])

    uses_labels = classes and net.labels in ("concat", "projection")
    if uses_labels:
        assert not torch.equal(net(x, LABELS.roll(1)), score)
        torch.testing.assert_close(net(x, torch.eye(3)[LABELS]), score)
        with pytest.raises(UsageError, match="given no conditions"):
            net(x)
    else:
        assert torch.equal(net(x, LABELS), score)
    if net.labels == "auxiliary":
        assert net.classify(net.features(x)).shape == (3, 3)
    else:
        with pytest.raises(UsageError, match="auxiliary"):
            net.classify(net.features(x, y))


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_input_penalties_reach_the_parameters(name):
    """The gradient of R1 is that of finite differences along a random direction."""
    net = DISCRIMINATORS[name].build(SQUARE).double().eval()
    x = torch.randn(2, 3, 16, 16, dtype=torch.double, requires_grad=True)
    parameters = list(net.parameters())
    with torch.no_grad():  # zero biases would put dead units on the kink itself
        for parameter in parameters:
            parameter.add_(0.1 * torch.randn_like(parameter))

    def penalty():
        (gradient,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
        return gradient.square().sum()

    gradients = torch.autograd.grad(penalty(), parameters, allow_unused=True)
    direction = [torch.randn_like(p) for p in parameters]
    slope = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True) if g is not None)
    values = []
    for step in (1e-7, -2e-7):  # small, lest a rectifier turn in between
        with torch.no_grad():
            for p, d in zip(parameters, direction, strict=True):
                p.add_(d, alpha=step)
        values.append(penalty().item())
    assert (values[0] - values[1]) / 2e-7 == pytest.approx(slope.item(), rel=1e-3, abs=1e-5)


SIZES = [(1, 28, 28), (3, 48, 80), (4, 33, 17), (1, 8, 8), (3, 100, 60)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["mlp", "cgan", "dcgan", "dcgan-kernel5", "dcgan-full", "r3"])
def test_families_that_take_any_size(name, size):
    spec = images(*size)
    x = GENERATORS[name].build(spec, LATENT)(torch.randn(2, LATENT))
    assert x.shape == (2, *size)
    assert DISCRIMINATORS[name].build(spec)(x).shape == (2,)


def test_default_ladders_end_between_4_and_7():
    def start(*size):
        return DCGANGenerator(width=2).build(images(1, *size), LATENT).start[1:]

    assert start(28, 28) == (7, 7)
    assert start(64, 64) == (4, 4)
    assert start(48, 80) == (6, 10)
    assert DCGANGenerator(width=2, stages=3).build(images(1, 28, 28), 2).start[1:] == (4, 4)


@pytest.mark.parametrize("size", [(3, 32, 32), (1, 64, 32), (3, 32, 40), (1, 8, 8)])
@pytest.mark.parametrize("name", ["resnet", "resnet-flat", "bottleneck"])
def test_residual_families_take_sides_that_halve_to_4(name, size):
    spec = images(*size)
    generator = GENERATORS["resnet" if name == "resnet-flat" else name]
    x = generator.build(spec, LATENT)(torch.randn(2, LATENT))
    assert x.shape == (2, *size)
    assert DISCRIMINATORS[name].build(spec)(x).shape == (2,)


@pytest.mark.parametrize("name", ["resnet", "bottleneck"])
@pytest.mark.parametrize("size", [(28, 28), (48, 48), (32, 34), (34, 32)])
def test_other_sizes_are_refused_with_the_families_that_fit(name, size):
    for build in (
        lambda spec: GENERATORS[name].build(spec, LATENT),
        DISCRIMINATORS[name].build,
    ):
        with pytest.raises(UsageError, match=r"dcgan or r3 \(smR\)"):
            build(images(3, *size))


@pytest.mark.parametrize("name", ["dcgan", "resnet", "bottleneck", "r3"])
def test_points_are_refused_by_image_families(name):
    with pytest.raises(UsageError, match=r"the data hold points.*mlp"):
        GENERATORS[name].build(points(2), LATENT)
    with pytest.raises(UsageError, match=r"the data hold points.*mlp"):
        DISCRIMINATORS[name].build(points(2))


def test_widths_that_do_not_fit_the_size_are_refused():
    with pytest.raises(UsageError, match="needs 3 widths"):
        ResNetGenerator(widths=(8, 8)).build(SQUARE, LATENT)
    with pytest.raises(UsageError, match="has 3 levels, but width lists 2"):
        R3Generator(width=(16, 16)).build(SQUARE, LATENT)
    with pytest.raises(UsageError, match="norm: batch"):
        ResNetGenerator(norm="none").build(SQUARE, LATENT, labels(3))
    widths = ResNetGenerator(widths=(12, 8, 4)).build(SQUARE, LATENT)
    assert [b.conv2.out_channels for b in widths.blocks] == [8, 4]


def test_projection_is_an_inner_product_with_a_row():
    net = ResNetDiscriminator(width=4, spectral=True).build(SQUARE, labels(3)).eval()
    x = torch.randn(2, 3, 16, 16)
    a, b = torch.tensor([0, 0]), torch.tensor([2, 2])
    phi, table = net.features(x), net.head.table.weight
    torch.testing.assert_close(net(x, a) - net(x, b), phi @ (table[0] - table[2]))
    plain = ResNetDiscriminator(width=4).build(SQUARE, labels(3))
    nn.init.zeros_(plain.head.table.weight)
    unconditional = ResNetDiscriminator(width=4, labels="none").build(SQUARE, labels(3))
    unconditional.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(plain(x, a), unconditional(x))


def test_sum_pooling_is_area_times_mean_pooling():
    summed, averaged = (ResNetDiscriminator(width=4, pool=p).build(SQUARE) for p in ("sum", "mean"))
    averaged.load_state_dict(summed.state_dict())
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(summed.features(x), 64 * averaged.features(x))


def test_residual_generator_repeats_pixels_before_the_first_convolution():
    block = ResNetGenerator(width=4).build(SQUARE, LATENT).blocks[0].eval()
    x = torch.randn(2, 4, 4, 4)
    big = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    norm1 = torch.relu(block.norm1(x)).repeat_interleave(2, 2).repeat_interleave(2, 3)
    first = F.conv2d(norm1, block.conv1.weight, block.conv1.bias, padding=1)
    branch = block.conv2(torch.relu(block.norm2(first)))
    torch.testing.assert_close(block(x), block.shortcut(big) + branch)


def test_spectral_networks_have_unit_singular_values_everywhere():
    for name in ("mlp-projection", "dcgan-full", "resnet"):
        net = DISCRIMINATORS[name].build(SQUARE, labels(3))
        for _ in range(100):
            net(torch.randn(2, 3, 16, 16), LABELS[:2])
        values = singular_values(net)
        assert any("head.table" in layer for layer in values)
        assert all(0.999 < value < 1.05 for value in values.values())


def test_buffers_follow_the_data_only_in_training_while_tracking():
    net = DCGANDiscriminator(width=4, spectral=True).build(SQUARE)
    x = torch.randn(3, 3, 16, 16)

    def moved(action):
        before = copy.deepcopy(dict(net.named_buffers()))
        action()
        after = dict(net.named_buffers())
        return {k for k in before if not torch.equal(before[k], after[k])}

    assert not moved(lambda: net.eval()(x))
    set_tracking(net.train(), False)
    assert not moved(lambda: net(x))
    set_tracking(net, True)
    # but for the vector of a single row, which has nowhere to go
    expected = {name for name, buffer in net.named_buffers() if buffer.shape != (1,)}
    assert moved(lambda: net(x)) == expected


def test_mlp_draws_points_and_scales_them():
    plain = MLPGenerator(widths=(8,)).build(points(2), LATENT)
    scaled = MLPGenerator(widths=(8,), output="tanh", output_scale=3).build(points(2), LATENT)
    scaled.load_state_dict(plain.state_dict())
    z = torch.randn(4, LATENT)
    torch.testing.assert_close(scaled(z), 3 * torch.tanh(plain(z)))
    assert plain(z).shape == (4, 2)


def test_output_noise_has_its_learned_deviation_in_each_coordinate():
    net = MLPGenerator(widths=(8,), output_noise=0.3).build(points(2), 2 + 3)
    z = torch.randn(16, 5)
    still = torch.cat([z[:, :3], torch.zeros(16, 2)], 1)
    assert torch.allclose(net(z) - net(still), 0.3 * z[:, 3:], atol=1e-6)
    net(z).pow(2).sum().backward()
    by_hand = (2 * net(z) * z[:, 3:]).sum(0)  # d/dσ of Σ (m + σε)²
    assert net.noise is not None
    assert net.noise.grad is not None
    assert torch.allclose(net.noise.grad, by_hand, rtol=1e-4)


def test_output_noise_needs_a_latent_for_each_coordinate():
    with pytest.raises(UsageError, match=r"game\.latent\.dim=2: .* Try: game\.latent\.dim=4"):
        MLPGenerator(output_noise=0.3).build(points(2), 2)


def test_he_mlps_have_a_glorot_output():
    net = MLPGenerator(widths=(512, 512), init="he").build(images(1, 16, 16), 128)
    hidden = net.hidden[2].weight
    assert hidden.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    assert net.last.weight.std().item() == pytest.approx((2 / 768) ** 0.5, rel=0.02)


def test_cgan_starts_at_the_mean_image_with_small_weights():
    mean = torch.rand(1, 8, 8) * 2 - 1
    net = CganMLPGenerator().build(images(1, 8, 8), 100, labels(10)).eval()
    net.centre(mean)
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Linear)]
    assert all(0.045 < w.abs().max().item() <= 0.05 for w in weights)
    with torch.no_grad():
        for weight in weights:
            weight.zero_()
    x = net(torch.rand(1, 100), torch.tensor([3]))
    torch.testing.assert_close(x[0], mean.clamp(-0.998, 0.998), atol=1e-5, rtol=0)
    critic = CganMLPDiscriminator().build(images(1, 8, 8), labels(10))
    assert max(p.abs().max().item() for p in critic.parameters()) <= 0.005


def test_cgan_drops_hidden_units_in_training_only():
    generator, critic = GENERATORS["cgan"], DISCRIMINATORS["cgan"]
    g, d = generator.build(SQUARE, LATENT, labels(3)), critic.build(SQUARE, labels(3))
    z = torch.rand(3, LATENT)
    assert not torch.equal(g(z, LABELS), g(z, LABELS))
    g.eval(), d.eval()
    x = g(z, LABELS)
    assert torch.equal(g(z, LABELS), x)
    assert torch.equal(d(x, LABELS), d(x, LABELS))
    assert x.abs().max() < 1


def test_r3_blocks_start_as_identities_with_the_gain_of_the_docstring():
    generator = R3Generator(width=64).build(images(3, 32, 32), 64)
    blocks = [m for m in generator.modules() if type(m).__name__ == "R3Block"]
    assert len(blocks) == 8
    x = torch.randn(2, 64, 4, 4)
    assert all(torch.equal(block(x), x) for block in blocks)
    gain = (2 / 1.04) ** 0.5 * 8**-0.25
    assert blocks[0].expand.weight.std().item() == pytest.approx(gain / 8, rel=0.05)
    assert blocks[0].mix.weight.std().item() == pytest.approx(gain / 12, rel=0.05)
    assert blocks[0].mix.groups == 8
    coarsest = generator.basis * generator.weigh(torch.randn(512, 64))[:, :, None, None]
    assert coarsest.std().item() == pytest.approx(1, rel=0.1)


def test_r3_crops_the_middle_of_its_grid_and_pads_around_it():
    generator = R3Generator(width=8, group_width=4).build(images(1, 28, 20), LATENT)
    critic = R3Discriminator(width=8, group_width=4).build(images(1, 28, 20))
    assert generator.basis.shape[1:] == (4, 3)
    assert critic.padding == (2, 2, 2, 2)
    assert critic.basis.kernel_size == (4, 3)


def test_networks_without_batch_norm_have_none():
    for config in DISCRIMINATORS.values():
        assert not any(isinstance(m, BatchNorm) for m in config.build(SQUARE).modules())


@pytest.mark.parametrize("name", ["mlp", "dcgan-kernel5", "resnet-doubling", "r3"])
def test_generators_export_with_any_batch_size(name):
    net = GENERATORS[name].build(SQUARE, LATENT, labels(3)).eval()
    z = torch.randn(3, LATENT)
    batch = torch.export.Dim("batch", min=2, max=64)
    shapes = {"z": {0: batch}, "y": {0: batch}}
    program = torch.export.export(net, (z, LABELS), dynamic_shapes=shapes).module()
    torch.testing.assert_close(program(z, LABELS), net(z, LABELS))
    z, y = torch.randn(5, LATENT), torch.tensor([0, 1, 2, 1, 0])
    torch.testing.assert_close(program(z, y), net(z, y))


@pytest.mark.parametrize("momentum", [0.001, 0.1, 1.0])
def test_slim_norms_forget_their_start(momentum: float) -> None:
    """In evaluation stand weighted means of the batches alone, to a twentieth of ε."""
    norm, noise = SlimNorm(4, momentum), torch.Generator().manual_seed(0)
    x = torch.randn(64, 4, generator=noise)
    torch.testing.assert_close(norm.eval()(x), x / 1.001**0.5)
    batches = [0.02 * torch.randn(64, 4, generator=noise) + 0.01 for _ in range(20)]
    for batch in batches:
        norm.train()(batch)
    weights = torch.tensor([momentum * (1 - momentum) ** (19 - i) for i in range(20)])
    weights = weights / weights.sum()
    mean = weights @ torch.stack([batch.mean(0) for batch in batches])
    var = weights @ torch.stack([batch.var(0) for batch in batches])
    found = norm.statistics()
    torch.testing.assert_close(found[0], mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found[1], var, rtol=0, atol=5e-5)
    assert (norm.running_var > 0.9).all() == (momentum == 0.001)
    expected = (batches[0] - mean) / (var + 1e-3).sqrt()
    torch.testing.assert_close(norm.eval()(batches[0]), expected, rtol=0.05, atol=1e-3)
