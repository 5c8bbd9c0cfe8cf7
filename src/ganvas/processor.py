"""What a processor multiplies fast. Nothing is timed: it is asked what it is. Loads torch late."""

from __future__ import annotations

import platform
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Precision = Literal["fp32", "bf16"]
"""Formats of numbers that products are made of."""

CPU_INFO = Path("/proc/cpuinfo")
TOLD_BY_TORCH = {
    "amx_tile": "_is_amx_tile_supported",
    "avx512_bf16": "_is_avx512_bf16_supported",
    "avx512f": "_is_avx512_supported",
    "avx2": "_is_avx2_supported",
}
"""Functions of ``torch.cpu`` that ask the processor itself, by the flags of Linux."""
X86 = {
    "amx_tile": ("AMX", True),
    "avx512_bf16": ("AVX512-BF16", True),
    "avx512f": ("AVX512", False),
    "avx2": ("AVX2", False),
}
"""Kinds of x86 processors by their best flag, and whether they multiply bfloat16."""
AMPERE = (8, 0)
"""Compute capability of the first graphics processors that do."""


@dataclass(frozen=True)
class Processor:
    """A kind of processor, as far as the choice of arithmetic goes.

    Attributes:
        kind: its name, such as ``AMX``, ``AVX2`` or ``CUDA 9.0``.
        bfloat16: whether it multiplies bfloat16 in hardware, and torch lets it.
    """

    kind: str
    bfloat16: bool


def of_flags(machine: str, flags: Collection[str]) -> Processor:
    """Return a CPU.

    Args:
        machine: its family, as ``platform.machine()`` says it.
        flags: what it can do, in the words of ``/proc/cpuinfo``.
    """
    if machine.lower() in ("aarch64", "arm64"):
        return Processor("Arm with BF16", True) if "bf16" in flags else Processor("Arm", False)
    found = (Processor(*kind) for flag, kind in X86.items() if flag in flags)
    return next(found, Processor(machine or "unknown", False))


def of_capability(capability: tuple[int, int]) -> Processor:
    """Return a graphics processor of NVIDIA's of a compute capability."""
    return Processor("CUDA {}.{}".format(*capability), capability >= AMPERE)


@cache
def processor(device: str = "cpu") -> Processor:
    """Return what a type of device is here."""
    import torch

    if device == "cuda":
        return of_capability(torch.cuda.get_device_capability())
    if device != "cpu":
        return Processor(device.upper(), False)
    if not torch.backends.mkldnn.is_available():  # torch's own loops multiply it one by one
        return Processor(of_flags(platform.machine(), _flags()).kind, False)
    return of_flags(platform.machine(), _flags())


def _flags() -> set[str]:
    """Return the flags that torch finds, and those that Linux tells where torch does not ask."""
    import torch

    asked = {flag: getattr(torch.cpu, name, None) for flag, name in TOLD_BY_TORCH.items()}
    found = {flag for flag, ask in asked.items() if ask is not None and ask()}
    return found | (told(CPU_INFO) - {flag for flag, ask in asked.items() if ask is not None})


def told(path: Path) -> set[str]:
    """Return the flags of the first processor in a file such as ``/proc/cpuinfo``."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:  # not Linux
        return set()
    named = (line.partition(":") for line in lines)
    flags = (said for name, _, said in named if name.strip() in ("flags", "Features"))
    return set(next(flags, "").split())
