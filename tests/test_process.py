from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from ganvas.process import TOLD, cores, keep_memory

HELD = """
import resource, sys, torch
from ganvas.process import keep_memory
assert keep_memory() is (sys.argv[1] == "kept")
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        [torch.ones(4_000_000) for _ in range(2)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_memory_that_a_round_has_freed_is_not_fetched_anew() -> None:
    def faults(how: str, **environment: str) -> int:
        words = [sys.executable, "-c", HELD, how]
        clean = {name: value for name, value in os.environ.items() if name not in TOLD}
        return int(subprocess.check_output(words, env={**clean, **environment}))

    assert faults("kept") < 0.1 * faults("told", MALLOC_TRIM_THRESHOLD_="0")


@pytest.mark.parametrize("name", TOLD)
def test_who_has_chosen_an_allocator_is_left_alone(name: str) -> None:
    assert not keep_memory({name: "x"})


def test_cores_follow_the_quota_of_time(tmp_path: Path) -> None:
    bound = cores(tmp_path)
    assert bound == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else bound
    for text, wanted in (
        ("max 100000", bound),
        (f"{100_000 * bound * 4} 100000", bound),
        ("100000 100000", 1),
        ("20000 100000", 1),
        ("150000 100000", min(2, bound)),
        ("nonsense", bound),
    ):
        (tmp_path / "cpu.max").write_text(f"{text}\n")
        assert cores(tmp_path) == wanted, text


def test_cores_follow_the_quota_of_the_first_version(tmp_path: Path) -> None:
    bound = cores(tmp_path)
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    for quota, wanted in ((-1, bound), (50_000, 1)):
        (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        assert cores(tmp_path) == wanted
