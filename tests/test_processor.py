"""What processors of every kind are, from what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.processor import Processor, of_capability, of_flags, processor, told

OLD = {"fpu", "sse4_2", "avx", "avx2", "fma"}


@pytest.mark.parametrize(
    ("machine", "flags", "kind", "bfloat16"),
    [
        ("x86_64", OLD, "AVX2", False),
        ("x86_64", OLD | {"avx512f"}, "AVX512", False),
        ("x86_64", OLD | {"avx512f", "avx512_bf16"}, "AVX512-BF16", True),
        ("x86_64", OLD | {"avx512f", "avx512_bf16", "amx_tile", "amx_bf16"}, "AMX", True),
        ("AMD64", {"sse2"}, "AMD64", False),
        ("aarch64", {"fp", "asimd", "bf16", "i8mm"}, "Arm with BF16", True),
        ("aarch64", {"fp", "asimd"}, "Arm", False),
        ("arm64", set[str](), "Arm", False),  # macOS tells no flags
        ("riscv64", set[str](), "riscv64", False),
        ("", set[str](), "unknown", False),
    ],
)
def test_a_processor_is_known_by_its_flags(
    machine: str, flags: set[str], kind: str, bfloat16: bool
) -> None:
    assert of_flags(machine, flags) == Processor(kind, bfloat16)


@pytest.mark.parametrize(
    ("capability", "kind", "bfloat16"),
    [((7, 5), "CUDA 7.5", False), ((8, 0), "CUDA 8.0", True), ((9, 0), "CUDA 9.0", True)],
)
def test_graphics_processors_round_from_ampere_on(
    capability: tuple[int, int], kind: str, bfloat16: bool
) -> None:
    assert of_capability(capability) == Processor(kind, bfloat16)


def test_flags_are_read_as_linux_writes_them(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(
        "processor\t: 0\nflags\t\t: fpu avx2 amx_tile\n\nprocessor\t: 1\nflags\t\t: fpu\n"
    )
    assert told(file) == {"fpu", "avx2", "amx_tile"}
    file.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert told(file) == {"fp", "asimd", "bf16"}
    file.write_text("vendor_id : none\n")
    assert told(file) == set()
    assert told(tmp_path / "nothing") == set()


def test_this_processor_is_one_of_them() -> None:
    here = processor()
    assert here.kind
    assert here.bfloat16 == (here.kind in ("AMX", "AVX512-BF16", "Arm with BF16"))
    assert processor("mps") == Processor("MPS", False)
