"""Layers played for their second derivatives: the same functions, at less cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from ganvas.nn import SpectralNorm, Twice, twice

KINDS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "1d": (lambda: nn.Conv1d(2, 3, 3, padding=1), (2, 2, 5)),
    "2d": (lambda: nn.Conv2d(2, 3, 3), (2, 2, 4, 5)),
    "3d": (lambda: nn.Conv3d(2, 2, 2, bias=False), (1, 2, 3, 2, 3)),
    "pointwise": (lambda: nn.Conv2d(2, 3, 1), (2, 2, 3, 2)),
    "grouped": (lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2), (2, 4, 3, 3)),
    "depthwise": (lambda: nn.Conv2d(3, 3, (2, 3), groups=3, bias=False), (2, 3, 3, 4)),
    "strided": (lambda: nn.Conv2d(2, 2, 4, (2, 1), (1, 2)), (1, 2, 5, 4)),
    "dilated": (lambda: nn.Conv2d(2, 2, 2, dilation=(2, 1), padding=1), (1, 2, 4, 3)),
    "all": (lambda: nn.Conv2d(4, 4, 3, 2, 2, dilation=2, groups=2), (1, 4, 5, 6)),
    "transposed 1d": (lambda: nn.ConvTranspose1d(2, 3, 3, 2, groups=1), (2, 2, 3)),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 4, 2, 1), (2, 2, 2, 3)),
    "transposed 3d": (lambda: nn.ConvTranspose3d(1, 2, 2), (1, 1, 2, 2, 1)),
    "transposed, all": (
        lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2, dilation=2),
        (1, 4, 2, 2),
    ),
}


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small images, too: what is fast is another question."""
    monkeypatch.setattr(twice, "SMALL", 0)


def layer(kind: str) -> tuple[nn.Module, Tensor]:
    """Return a convolution in double precision, and what goes in."""
    torch.manual_seed(0)
    make, shape = KINDS[kind]
    return make().double(), torch.randn(shape, dtype=torch.float64, requires_grad=True)


def thrice(module: nn.Module, x: Tensor, fast: bool) -> list[Tensor]:
    """Return values and derivatives up to the third order, in x and in all weights."""
    weights = list(module.parameters())
    with Twice() if fast else nullcontext():
        y = module(x)
    slope, *first = torch.autograd.grad(y.sin().sum(), [x, *weights], create_graph=True)
    cost = slope.square().sum() + sum((g**3).sum() for g in first)
    second = torch.autograd.grad(cost, [x, *weights], create_graph=True)
    third = torch.autograd.grad(sum(g.square().sum() for g in second), [x, *weights])
    return [y, slope, *first, *second, *third]


# Of these torch has no second derivative: its own fails where output_padding is not 0.
OURS_ALONE = {"transposed, all"}


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - OURS_ALONE))
def test_values_and_three_derivatives_are_those_of_torch(kind: str) -> None:
    for fast, plain in zip(*(thrice(*layer(kind), on) for on in (True, False)), strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_first_and_second_derivatives_by_finite_differences(kind: str) -> None:
    module, x = layer(kind)
    names, weights = zip(*module.named_parameters(), strict=True)

    def play(x: Tensor, *weights: Tensor) -> Tensor:
        with Twice():
            return torch.func.functional_call(module, dict(zip(names, weights, strict=True)), x)

    assert gradcheck(play, (x, *weights), fast_mode=True)
    assert gradgradcheck(play, (x, *weights), fast_mode=True)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_rectifiers_are_those_of_torch_but_for_zeros_that_nobody_reads(slope: float) -> None:
    x = torch.tensor([-2.0, -0.0, 0.0, 3.0, torch.inf, -torch.inf], requires_grad=True)
    module = nn.LeakyReLU(slope) if slope else nn.ReLU()
    with Twice():
        fast = module(x)
    above = torch.randn(6, requires_grad=True)
    gradients = [torch.autograd.grad(y, x, above, create_graph=True)[0] for y in (fast, module(x))]
    torch.testing.assert_close(*gradients, rtol=0, atol=0)
    torch.testing.assert_close(fast, module(x), rtol=0, atol=0)
    of_x, of_above = torch.autograd.grad(gradients[0].sum(), [x, above], allow_unused=True)
    assert of_x is None  # torch gives zeros
    assert torch.equal(of_above, torch.where(x > 0, 1.0, slope))


class Calls(TorchDispatchMode):
    """Counts convolutions, and gradients of them by what they are of."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution.default:
            self.counts["forward"] += 1
        if func is torch.ops.aten.convolution_backward.default:
            self.counts |= {
                of: self.counts[of] + wanted
                for of, wanted in zip(("input", "weight"), args[-1], strict=False)
            }
        return func(*args, **(kwargs or {}))


def body() -> nn.Sequential:
    """Return three convolutions with rectifiers after each."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(8, 8, 3, padding=1, groups=4), nn.ReLU()),
        *(nn.Conv2d(8, 8, 1), nn.ReLU()),
    )


def r1(module: nn.Module, x: Tensor, fast: bool = True) -> Tensor:
    with Twice() if fast else nullcontext():
        y = module(x)
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return slope.square().sum()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_penalty_pays_for_nothing_that_nobody_reads(layout: torch.memory_format) -> None:
    module = body().to(memory_format=layout)
    x = torch.randn(2, 3, 10, 10).to(memory_format=layout).requires_grad_()
    with Calls() as calls:
        r1(module, x).backward()
    # Each layer: forward, its slope, and how the cost depends on the weight; two of them: how it
    # depends on the slope above.
    assert calls.counts == {"forward": 3 + 2, "input": 3, "weight": 3}
    fast = [p.grad for p in module.parameters()]
    module.zero_grad()
    with Calls() as calls:
        r1(module, x, fast=False).backward()
    assert calls.counts["input"] > 3
    for ours, theirs in zip(fast, module.parameters(), strict=True):
        assert ours is None or theirs.grad is not None
        if ours is not None:
            torch.testing.assert_close(ours, theirs.grad, rtol=1e-4, atol=1e-4)


def test_constant_kernels_have_no_gradient() -> None:
    kernel = torch.ones(3, 1, 2, 2)
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    with Calls() as calls, Twice():
        y = F.conv2d(x, kernel, groups=3)
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        slope.square().sum().backward()
    assert calls.counts["weight"] == 0


def test_only_what_is_faster_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twice, "SMALL", 8)

    def replaced(module: nn.Module, *shape: int) -> bool:
        with Twice():
            y = module(torch.randn(shape, requires_grad=True))
        return type(y.grad_fn).__name__ == "TrilinearBackward"

    assert not replaced(nn.Conv2d(4, 4, 3), 2, 4, 8, 8)
    assert replaced(nn.Conv2d(4, 4, 3), 2, 4, 9, 9)
    assert replaced(nn.Conv2d(4, 4, 1), 2, 4, 8, 8)
    assert replaced(nn.Conv2d(4, 4, 3, groups=2), 2, 4, 8, 8)
    assert not replaced(nn.Conv2d(4, 4, 3, padding="same", groups=2), 2, 4, 8, 8)
    assert not replaced(nn.Conv2d(4, 4, 3, groups=2), 4, 8, 8)  # a single image
    assert not replaced(nn.Conv2d(4, 4, 4, 2, groups=4), 2, 4, 8, 8)
    assert replaced(nn.Conv2d(4, 4, 4, 2, groups=4).requires_grad_(False), 2, 4, 8, 8)
    assert replaced(nn.Conv2d(4, 4, 4, groups=4), 2, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):  # there all are, of whatever size
        assert replaced(nn.Conv2d(4, 4, 3), 2, 4, 8, 8)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - OURS_ALONE))
def test_rounded_convolutions_are_those_of_torch_on_rounded_numbers(kind: str) -> None:
    """What goes in is rounded, and what comes out: sums between are in single precision."""
    module, x = layer(kind)
    module.float()
    found: list[list[Tensor]] = []
    for rounds in (True, False):
        inputs = x.detach().float().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=rounds, cache_enabled=False), Twice():
            y = module(inputs)
        assert y.dtype == (torch.bfloat16 if rounds else torch.float32)
        (slope,) = torch.autograd.grad(y.float().square().sum(), inputs, create_graph=True)
        second = torch.autograd.grad(slope.square().sum(), list(module.parameters()))
        assert {t.dtype for t in (slope, *second)} == {torch.float32}
        found.append([y.float(), slope, *second])
    for rounded, exact in zip(*found, strict=True):
        assert (rounded - exact).norm() < 0.03 * exact.norm()
        assert exact.norm() == 0 or not rounded.equal(exact)


def test_spectral_norm_passes_gradients_to_the_weight_below() -> None:
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64, requires_grad=True)
    module = nn.Conv2d(4, 4, 3, groups=2).double()
    torch.nn.utils.parametrize.register_parametrization(
        module, "weight", SpectralNorm(module.weight, axis=0)
    )
    module.eval()  # no step of power iteration
    gradients = []
    for fast in (True, False):
        cost = r1(module, x, fast)
        gradients.append(torch.autograd.grad(cost, list(module.parameters()), allow_unused=True))
    torch.testing.assert_close(*gradients)
    assert gradients[0][-1] is not None


def test_shapes_are_worked_out_without_numbers() -> None:
    with FakeTensorMode():
        module, x = body(), torch.randn(2, 3, 9, 9, requires_grad=True)
        r1(module, x).backward()
    assert all(p.grad is not None for p in module[2].parameters() if p.dim() > 1)
    module = body().to("meta")
    cost = r1(module, torch.randn(2, 3, 9, 9, device="meta", requires_grad=True))
    assert torch.autograd.grad(cost, module[0].weight)[0].shape == module[0].weight.shape


def test_layers_that_compute_in_place_are_left_alone() -> None:
    module = nn.Sequential(nn.Conv2d(2, 2, 1), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(2, 2, 1))
    x = torch.randn(1, 2, 3, 3, requires_grad=True)
    with Twice():
        assert torch.equal(module(x), module(x))
    assert torch.autograd.grad(r1(module, x), module[0].weight)[0].abs().sum() > 0
