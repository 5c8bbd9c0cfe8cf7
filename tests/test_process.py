from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from ganvas.process import FEW, TOLD, TURNS, WAITING, cores, keep_memory, prepare_threads

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
@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("membership", "home", "limit", "free"),
    [
        ("0::/slice/job", "", {"cpu.max": "100000 100000"}, {"cpu.max": "max 100000"}),
        (
            "3:cpuset:/\n2:cpu,cpuacct:/slice/job",
            "cpu",
            {"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "100000"},
            {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"},
        ),
    ],
)
def test_the_quotas_of_all_groups_around_the_process_hold(
    tmp_path: Path, membership: str, home: str, limit: dict[str, str], free: dict[str, str]
) -> None:
    told = tmp_path / "membership"
    told.write_text(f"5:memory:/elsewhere\n{membership}\n")
    job = tmp_path / home / "slice" / "job"
    job.mkdir(parents=True)
    for folder, files in ((job, free), (job.parent, limit)):
        assert cores(tmp_path, told) == cores(Path(), Path())
        for name, text in files.items():
            (folder / name).write_text(f"{text}\n")
    assert cores(tmp_path, told) == 1


THROUGH_THE_PROGRAM = """
import os, sys
sys.argv = ["ganvas", "--version"]
from ganvas.cli import main
try:
    main()
except SystemExit:
    assert "torch" not in sys.modules
"""
SET = 'print(os.environ["GOMP_SPINCOUNT"])'
SEEN = """
os.environ["OMP_DISPLAY_ENV"] = "VERBOSE"
import torch
print(torch.get_num_threads())
"""


def one_core() -> None:
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])


def after_the_program(then: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of one core, and what follows it there."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", *WAITING)
    clean = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, "-c", THROUGH_THE_PROGRAM + then],
        env={**clean, **more},
        preexec_fn=one_core,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs libgomp")
def test_the_program_bounds_spinning_and_one_core_gives_one_thread() -> None:
    told = after_the_program(SEEN)
    assert told.stdout.split()[-1] == "1"
    seen = (f"GOMP_SPINCOUNT = '{turns}'" in told.stderr for turns in (TURNS, FEW))
    assert any(seen), "as libgomp itself sees it"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_bound_of_the_users_own_stays() -> None:
    assert after_the_program(SET, GOMP_SPINCOUNT="77").stdout.split()[-1] == "77"


@pytest.mark.parametrize("name", WAITING)
def test_who_has_chosen_how_threads_wait_is_left_alone(name: str) -> None:
    environment = {name: "x"}
    prepare_threads(environment, Path())
    assert environment == {name: "x"}


def test_threads_look_for_work_less_often_where_others_compute(tmp_path: Path) -> None:
    load, many = tmp_path / "load", max(1, (os.cpu_count() or 1) // 2)
    for text, wanted in (
        ("9.00 9.00 9.00 1/300 42", TURNS),  # what ran before is over
        (f"0.00 0.00 0.00 {many}/300 42", TURNS),
        (f"0.00 0.00 0.00 {many + 1}/300 42", FEW),
        ("", TURNS),
    ):
        load.write_text(text)
        environment: dict[str, str] = {}
        prepare_threads(environment, tmp_path, load)
        assert environment["GOMP_SPINCOUNT"] == str(wanted)
    prepare_threads(environment := {}, tmp_path, tmp_path / "none")
    assert environment["GOMP_SPINCOUNT"] == str(TURNS)


def test_threads_follow_the_quota_unless_the_user_says_how_many(tmp_path: Path) -> None:
    bound = cores(tmp_path)
    for text, told, wanted in (
        ("max 100000", {}, None),
        ("100000 100000", {}, "1" if bound > 1 else None),
        ("100000 100000", {"OMP_NUM_THREADS": "7"}, "7"),
    ):
        (tmp_path / "cpu.max").write_text(f"{text}\n")
        environment = dict(told)
        prepare_threads(environment, tmp_path)
        assert environment.get("OMP_NUM_THREADS") == wanted, text
