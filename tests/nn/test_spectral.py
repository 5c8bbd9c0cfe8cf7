"""Spectral normalisation: the invariants of its specification, in the same order."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from ganvas.nn import (
    SpectralNorm,
    held,
    orthonormality,
    set_tracking,
    settled,
    singular_values,
    sn,
    spectral_norm,
)

LAYERS = {
    "linear": (lambda: nn.Linear(7, 5), lambda: torch.randn(3, 7), 5),
    "conv": (lambda: nn.Conv2d(4, 6, 3), lambda: torch.randn(2, 4, 5, 5), 6),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3), lambda: torch.randn(2, 4, 5, 5), 6),
    "embedding": (lambda: nn.Embedding(5, 8), lambda: torch.tensor([0, 3]), 5),
}


def norm_of(layer: nn.Module) -> SpectralNorm:
    return layer.parametrizations.weight[0]


def converge(module: nn.Module, steps: int = 500) -> None:
    for layer in module.modules():
        if parametrize.is_parametrized(layer):
            norm_of(layer).warm_up(layer.parametrizations.weight.original, steps)


def test_power_iteration_takes_the_steps_of_the_specification():
    weight = torch.diag(torch.tensor([3.0, 1.0]))
    norm = SpectralNorm(weight)
    norm.u.copy_(torch.tensor([1.0, 1.0]) / 2**0.5)
    estimates = [norm.sigma(weight).item() for _ in range(3)]
    assert estimates == pytest.approx([2.86356, 2.99817, 2.99998], abs=1e-5)


def test_a_matrix_of_rank_one_is_exact_after_one_step():
    weight = torch.outer(torch.randn(4), torch.randn(6))
    norm = SpectralNorm(weight, warm_up=0)
    assert norm.sigma(weight).item() == pytest.approx(weight.norm().item(), rel=1e-5)


def test_several_steps_in_one_pass_are_as_many_passes():
    weight = torch.randn(5, 7)
    one, three = SpectralNorm(weight, warm_up=0), SpectralNorm(weight, warm_up=0, steps=3)
    three.u.copy_(one.u)
    for _ in range(3):
        estimate = one.sigma(weight)
    torch.testing.assert_close(three.sigma(weight), estimate)


@pytest.mark.parametrize("kind", LAYERS)
def test_converged_layers_have_norm_one_and_estimates_stay_below_the_truth(kind):
    layer = LAYERS[kind][0]()
    original = layer.weight.detach().clone()
    matrix = original.movedim(1 if kind == "transposed" else 0, 0).flatten(1)
    truth = torch.linalg.svdvals(matrix).max()
    spectral_norm(layer, warm_up=0)
    norm = norm_of(layer)
    assert norm.u.shape == (LAYERS[kind][2],)
    previous = 0.0
    for _ in range(300):
        estimate = norm.sigma(original).item()
        assert previous * (1 - 1e-5) <= estimate <= truth * (1 + 1e-5)
        previous = estimate
    assert singular_values(layer)[""] == pytest.approx(1, abs=1e-5)
    assert singular_values(layer)[""] >= 1 - 1e-6


def test_a_fresh_layer_is_warmed_up():
    values = [singular_values(spectral_norm(nn.Linear(64, 64)))[""] for _ in range(5)]
    assert all(1 - 1e-6 <= value < 1.1 for value in values)


def test_scale_does_not_matter_and_gradient_is_orthogonal_to_the_weight():
    layer = spectral_norm(nn.Linear(6, 4, bias=False).double())
    converge(layer)
    x = torch.randn(3, 6, dtype=torch.double)
    out = layer(x)
    out.pow(3).sum().backward()
    weight = layer.parametrizations.weight.original
    assert (weight.grad * weight).sum().abs() < 1e-8  # Euler: W̄ is homogeneous of degree 0
    with torch.no_grad():
        weight.mul_(7.5)
    torch.testing.assert_close(layer(x), out)


def test_gradient_is_the_projection_of_the_paper():
    weight = torch.randn(4, 6, dtype=torch.double, requires_grad=True)
    norm = SpectralNorm(weight.detach(), warm_up=1)
    norm.tracking = False
    upstream = torch.randn(4, 6, dtype=torch.double)
    normalised = norm(weight)
    (gradient,) = torch.autograd.grad((normalised * upstream).sum(), weight)
    u = norm.u
    v = F.normalize(weight.detach().T @ u, dim=0)
    sigma = u @ weight.detach() @ v
    inner = (upstream * normalised.detach()).sum()
    torch.testing.assert_close(gradient, (upstream - inner * torch.outer(u, v)) / sigma)
    assert not norm.u.requires_grad


def test_first_and_second_derivatives_are_those_with_constant_vectors():
    start = torch.randn(3, 4, dtype=torch.double)
    norm = SpectralNorm(start)
    norm.tracking = False
    u = norm.u
    v = F.normalize(start.T @ u, dim=0)

    def reference(weight, x):
        return torch.tanh(F.linear(x, weight / (u @ weight @ v)))

    def ours(weight, x):
        return torch.tanh(F.linear(x, norm(weight)))

    def derivatives(function):
        inputs = (start.clone().requires_grad_(), x.clone().requires_grad_())
        first = torch.autograd.grad(function(*inputs).sum(), inputs, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), inputs)
        return *first, *second

    x = torch.randn(2, 4, dtype=torch.double)
    for mine, other in zip(derivatives(ours), derivatives(reference), strict=True):
        torch.testing.assert_close(mine, other)
    inputs = (start.clone().requires_grad_(), x.clone().requires_grad_())
    assert torch.autograd.gradgradcheck(reference, inputs)


@pytest.mark.parametrize("kind", LAYERS)
def test_state_moves_in_training_while_tracking_and_nowhere_else(kind):
    make, draw, _ = LAYERS[kind]
    layer, x = spectral_norm(make(), warm_up=0), draw()
    before = norm_of(layer).u.clone()
    layer.eval()(x)
    set_tracking(layer.train(), False)
    layer(x)
    singular_values(layer)
    assert torch.equal(norm_of(layer).u, before)
    set_tracking(layer, True)
    layer(x)
    assert not torch.equal(norm_of(layer).u, before)

    other = spectral_norm(make())
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.eval()(x), layer.eval()(x))


def test_bias_is_left_alone_and_a_single_row_becomes_a_unit_vector():
    layer = nn.Linear(5, 1)
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    spectral_norm(layer)
    torch.testing.assert_close(layer.weight, weight / weight.norm())
    assert torch.equal(layer.bias, bias)


@pytest.mark.parametrize("act", [nn.ReLU, lambda: nn.LeakyReLU(0.2)])
def test_a_converged_network_is_lipschitz(act):
    net = sn(nn.Sequential(nn.Linear(3, 64), act(), nn.Linear(64, 64), act(), nn.Linear(64, 1)))
    converge(net)
    net.eval()
    x, y = torch.randn(2, 500, 3)
    difference = (net(x) - net(y)).abs().squeeze(1)
    assert (difference <= (1 + 1e-3) * (x - y).norm(dim=1)).all()


def test_factor_is_the_bound():
    layer = spectral_norm(nn.Linear(6, 6), factor=4.0)
    converge(layer)
    assert singular_values(layer)[""] == pytest.approx(4, abs=1e-4)


def operator_norm(conv: nn.Conv2d, side: int = 32) -> float:
    """Largest gain of the convolution itself, by power iteration on images."""
    weight = conv.weight.detach()
    x = torch.randn(1, conv.in_channels, side, side)
    for _ in range(300):
        y = F.conv2d(x / x.norm(), weight, padding=1)
        x = F.conv_transpose2d(y, weight, padding=1)
    return y.norm().item()


def test_the_norm_of_a_convolution_is_bounded_by_its_kernel_size_only():
    assert operator_norm(_converged(nn.Conv2d(3, 5, 3, padding=1, bias=False))) <= 3 + 1e-4
    ones = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(ones.weight)
    assert torch.linalg.svdvals(ones.weight.flatten(1)).max().item() == pytest.approx(3)
    gain = operator_norm(_converged(ones))
    assert 2.9 < gain <= 3 + 1e-4  # 9/3, but for the border


def _converged(layer: nn.Conv2d) -> nn.Conv2d:
    converge(spectral_norm(layer))
    return layer


def test_two_passes_in_one_graph_and_a_penalty_between_them():
    net = sn(nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1)))
    real = torch.randn(4, 3, requires_grad=True)
    first = net(real)
    (gradient,) = torch.autograd.grad(first.sum(), real, create_graph=True)
    second = net(torch.randn(4, 3))
    (second.mean() - first.mean() + gradient.square().sum()).backward()
    with held(net):
        a = net(real)
    b = net(real)  # overwrites u, which the graph of a must not hold
    F.mse_loss(a, b.detach() + 1).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_helper_wraps_every_weight_once():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ConvTranspose2d(2, 1, 3), nn.BatchNorm2d(1), nn.Embedding(3, 2)
    )
    assert sn(net) is net
    sn(net)  # skips what is wrapped
    wrapped = [parametrize.is_parametrized(layer) for layer in net]
    assert wrapped == [True, True, False, True]
    assert all(
        len(layer.parametrizations.weight) == 1
        for layer in net
        if parametrize.is_parametrized(layer)
    )
    plain = sn(nn.Linear(2, 2), enabled=False)
    assert not parametrize.is_parametrized(plain)


def test_copies_are_independent():
    layer = spectral_norm(nn.Linear(4, 4), warm_up=0)
    twin = copy.deepcopy(layer)
    before = norm_of(twin).u.clone()
    layer(torch.randn(2, 4))
    assert torch.equal(norm_of(twin).u, before)


def test_iteration_keeps_single_precision_under_autocast():
    layer = spectral_norm(nn.Linear(16, 16))
    reference = copy.deepcopy(layer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weight = layer.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, reference.weight)


def test_orthonormality_is_the_squared_distance_from_orthonormal_columns():
    wide, tall = nn.Conv2d(2, 3, 2), nn.Linear(3, 5)
    expected = 0.0
    for layer in (wide, tall):
        matrix = layer.weight.flatten(1)
        expected += (matrix.T @ matrix - torch.eye(matrix.shape[1])).square().sum()
    torch.testing.assert_close(orthonormality(nn.Sequential(wide, tall)), expected)
    nn.init.orthogonal_(tall.weight)
    assert orthonormality(tall).item() == pytest.approx(0, abs=1e-5)


def test_singular_values_are_exact_for_plain_layers():
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    values = singular_values(net)
    assert list(values) == ["0", "2"]
    assert values["0"] == pytest.approx(torch.linalg.svdvals(net[0].weight)[0].item(), rel=1e-5)


def test_convergence_finds_the_largest_singular_value_and_settled_puts_the_old_vector_back():
    layer = spectral_norm(nn.Linear(40, 30))
    with torch.no_grad():
        layer.parametrizations.weight.original.normal_()
    u = norm_of(layer).u.clone()
    exact = torch.linalg.svdvals(layer.parametrizations.weight.original).max()
    layer.eval()
    assert norm_of(layer).sigma(layer.parametrizations.weight.original) < 0.95 * exact
    with settled([layer]):
        assert torch.linalg.svdvals(layer.weight).max().item() == pytest.approx(1, abs=1e-4)
        torch.testing.assert_close(norm_of(layer).u.norm(), torch.tensor(1.0))
    assert torch.equal(norm_of(layer).u, u)
