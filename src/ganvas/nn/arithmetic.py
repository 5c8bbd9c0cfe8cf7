"""How networks compute: in which precision, in which layout of memory, and what suits where.

Source of the rules: ``docs/decisions/0009-arithmetic.md``, by measurement of whole rounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean
from typing import Literal, NamedTuple, cast

import torch
from torch import nn

from ganvas.nn.precision import round_inside
from ganvas.processor import Precision, Processor

PLANAR = (nn.Conv2d, nn.ConvTranspose2d)
WIDE = 16
"""Channels in each group, on both sides, from which on vector units are full."""
MEASURED = ("AVX2", "AVX512", "AVX512-BF16", "AMX")
"""Kinds of processors on which layouts were compared in single precision. There it is slower
"""
LARGE = 16
"""for kernels of more entries than 4×4,"""
HEAVY = 400.0
"""and for more multiplications than these for each number that convolutions read or write: copies
into a layout of their own then take less time than what they save.
"""


class Arithmetic(NamedTuple):
    """How networks compute.

    Attributes:
        precision: of products inside of networks.
        channels_last: whether images lie pixel by pixel, not channel by channel.
        why: what in the networks, and on the processor, decided what was not told.
    """

    precision: Precision
    channels_last: bool
    why: str = ""


def choose(
    networks: Iterable[nn.Module],
    processor: Processor,
    precision: Precision | Literal["auto"] = "auto",
    channels_last: bool | Literal["auto"] = "auto",
) -> Arithmetic:
    """Return how networks compute fastest on a processor; what is not ``auto`` stays."""
    if precision != "auto" and channels_last != "auto":
        return Arithmetic(precision, channels_last)
    layers = [layer for network in networks for layer in planar(network)]
    broad = sum(_narrowest(layer) >= WIDE for layer in layers)
    wide = 0 < len(layers) <= 2 * broad  # the layers beside the image never are
    rounds, hardware = processor.bfloat16 and wide, _hardware(processor)
    chosen: Precision = ("bf16" if rounds else "fp32") if precision == "auto" else precision
    if not layers:
        last, why = False, "the networks have no 2-d convolutions"
    elif not wide:
        last, why = False, f"most convolutions have less than {WIDE} channels in a group"
    elif chosen == "bf16":
        last, why = True, f"convolutions are wide, and {hardware}"
    else:
        last, reason = _light(layers, processor)
        why = f"{hardware}, and {reason}"
    return Arithmetic(chosen, last if channels_last == "auto" else channels_last, why)


def arrange(networks: Iterable[nn.Module], arithmetic: Arithmetic) -> None:
    """Let networks compute so; tensors of points, sequences and volumes stay as they lie."""
    layout = torch.channels_last if arithmetic.channels_last else torch.contiguous_format
    for network in networks:
        round_inside(network, arithmetic.precision == "bf16")
        for layer in planar(network):
            layer.to(memory_format=layout)  # pyright: ignore[reportCallIssue]


def planar(network: nn.Module) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    """Return the 2-d convolutions of a network."""
    return [cast(nn.Conv2d, layer) for layer in network.modules() if isinstance(layer, PLANAR)]


def load(layer: nn.Conv2d | nn.ConvTranspose2d) -> float:
    """Return how many multiplications there are for each number that a layer reads or writes."""
    between = math.prod(layer.kernel_size) * layer.in_channels * layer.out_channels / layer.groups
    stride = layer.stride[0] * layer.stride[-1]
    few, many = layer.out_channels, layer.in_channels * stride
    if isinstance(layer, nn.ConvTranspose2d):
        few, many = layer.in_channels, layer.out_channels * stride
    return between / (few + many)


def _light(layers: list[nn.Conv2d | nn.ConvTranspose2d], processor: Processor) -> tuple[bool, str]:
    """Return whether the pixels' layout is faster in single precision, and why."""
    if processor.kind not in MEASURED:
        return False, "layouts were not compared there in single precision"
    if any(1 < layer.groups < min(layer.in_channels, layer.out_channels) for layer in layers):
        return False, "grouped convolutions are slower with channels last"
    if 2 * sum(math.prod(layer.kernel_size) > LARGE for layer in layers) >= len(layers):
        return False, "kernels of more than 4×4 are slower with channels last"
    mean = fmean(load(layer) for layer in layers)
    told = f"{mean:.0f} multiplications for each number that convolutions read or write"
    return mean <= HEAVY, f"{told} are {'few' if mean <= HEAVY else 'many'}"


def _narrowest(layer: nn.Conv2d | nn.ConvTranspose2d) -> int:
    """Return the channels of a group on its narrower side."""
    return min(layer.in_channels, layer.out_channels) // layer.groups


def _hardware(processor: Processor) -> str:
    does = "multiplies" if processor.bfloat16 else "does not multiply"
    return f"{processor.kind} {does} bfloat16"
