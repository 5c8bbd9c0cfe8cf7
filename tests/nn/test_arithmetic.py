"""Which arithmetic suits which networks and processors, and that results do not depend on it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganvas.nn import Arithmetic, arrange, choose, sn
from ganvas.nn.arithmetic import load, planar
from ganvas.processor import Processor

AMX, AVX2 = Processor("AMX", True), Processor("AVX2", False)
PLAIN, LAID, BOTH = ("fp32", False), ("fp32", True), ("bf16", True)


def ladder(*widths: int, kernel: int = 4, groups: int = 1) -> nn.Sequential:
    """Return convolutions that halve images of one channel."""
    pairs = zip((1, *widths), widths, strict=False)
    return nn.Sequential(
        *(nn.Conv2d(a, b, kernel, 2, 1, groups=groups if a > 1 else 1) for a, b in pairs)
    )


@pytest.mark.parametrize(
    ("network", "on_avx2", "on_amx"),
    [
        (nn.Sequential(nn.Linear(512, 512), nn.Linear(512, 512)), PLAIN, PLAIN),  # points
        (nn.Sequential(nn.Conv3d(64, 64, 3), nn.Conv3d(64, 64, 3)), PLAIN, PLAIN),  # volumes
        (ladder(4, 8, 16), PLAIN, PLAIN),  # narrow
        (ladder(32, 64), LAID, BOTH),  # few multiplications for each number
        (ladder(64, 128, 256), LAID, BOTH),
        (ladder(256, 512), PLAIN, BOTH),  # many
        (ladder(32, 64, 128, kernel=5), PLAIN, BOTH),  # large kernels
        (nn.Sequential(*(nn.Conv2d(256, 256, 3, padding=1) for _ in range(3))), PLAIN, BOTH),
        (ladder(64, 128, 256, groups=4), PLAIN, BOTH),  # groups
    ],
)
def test_auto_goes_by_networks_and_processor(
    network: nn.Module, on_avx2: tuple[str, bool], on_amx: tuple[str, bool]
) -> None:
    assert choose([network], AVX2)[:2] == on_avx2
    assert choose([network], AMX)[:2] == on_amx
    assert choose([network], AVX2).why


def test_where_no_layouts_were_compared_single_precision_stays_as_it_is() -> None:
    network = ladder(32, 64)
    assert choose([network], Processor("Arm", False))[:2] == PLAIN
    assert choose([network], Processor("Arm with BF16", True), "fp32")[:2] == PLAIN
    assert choose([network], Processor("AVX512", False))[:2] == LAID


def test_nothing_is_asked_of_a_network_for_a_choice() -> None:
    """A look at a normalised weight would be a step of its power iteration."""
    network = sn(ladder(32, 64))
    before = [tensor.clone() for tensor in parts(network)]
    choose([network], AVX2)
    assert all(a.equal(b) for a, b in zip(before, parts(network), strict=True))


def test_graphics_processors_change_the_layout_with_the_precision() -> None:
    network = ladder(64, 128)
    assert choose([network], Processor("CUDA 9.0", True))[:2] == BOTH
    assert choose([network], Processor("CUDA 7.5", False))[:2] == PLAIN
    assert choose([network], Processor("CUDA 9.0", True), "fp32")[:2] == PLAIN


def test_what_is_told_is_not_chosen() -> None:
    network = ladder(32, 64)
    assert choose([network], AVX2, "bf16", False)[:2] == ("bf16", False)
    assert choose([network], AVX2, "fp32")[:2] == LAID
    assert choose([network], AMX, "auto", False)[:2] == ("bf16", False)
    assert choose([nn.Linear(2, 2)], AMX, "bf16")[:2] == ("bf16", False)


def test_load_counts_multiplications_and_numbers() -> None:
    """By brute force on a map that is large beside its border."""
    for layer in (
        nn.Conv2d(6, 10, 3, 2, 1),
        nn.Conv2d(6, 10, 4, 2, 1, groups=2),
        nn.ConvTranspose2d(6, 10, 4, 2, 1),
    ):
        x = torch.zeros(1, 6, 256, 256)
        y = layer(x)
        small = x if isinstance(layer, nn.ConvTranspose2d) else y  # one kernel each
        taps = layer.weight[0, 0].numel() * 6 * 10 / layer.groups
        products = small[0, 0].numel() * taps
        assert load(layer) == pytest.approx(products / (x.numel() + y.numel()), rel=1e-6)


def parts(net: nn.Module) -> list[Tensor]:
    return [*net.parameters(), *net.buffers()]


def test_layout_changes_neither_numbers_nor_other_tensors() -> None:
    net = sn(nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.ConvTranspose2d(16, 16, 4, 2, 1)))
    net.add_module("volume", nn.Conv3d(4, 4, 3))
    net[1].register_parameter("basis", nn.Parameter(torch.randn(2, 3, 4, 5)))
    x = torch.randn(2, 3, 8, 8)
    before = [tensor.clone() for tensor in parts(net)]

    def forward() -> Tensor:
        return net[2](net[1](net[0](x)))

    net.eval()
    wanted = forward()
    arrange([net], Arithmetic("fp32", True))
    assert all(a.equal(b) for a, b in zip(before, parts(net), strict=True))
    laid = [t for t in parts(net) if t.dim() == 4 and not t.is_contiguous()]
    assert len(laid) == len(planar(net)) == 2
    assert forward().is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(forward(), wanted, atol=1e-5)
    arrange([net], Arithmetic("fp32", False))
    assert all(t.is_contiguous() for t in parts(net))
    assert forward().equal(wanted)
