"""What this process may use of the machine, and how it holds its memory. Needs no torch."""

from __future__ import annotations

import ctypes
import math
import os
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path, PurePosixPath

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``."""
KEPT, LARGEST = 2**30, 2**25
"""Free memory that stays with the process, and the largest block that is taken from it, in bytes.

The second is the most that glibc accepts: larger blocks are always the system's.
"""
TOLD = ("GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
"""Who sets one of these has chosen an allocator, or its parameters."""
TURNS, FEW = 10_000, 1_000
"""How often a waiting thread looks for work before it sleeps; where others compute, the second.

libgomp's own bound is 300,000.
"""
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""Who sets one of these has chosen how threads wait."""
GROUPS, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
LOAD = Path("/proc/loadavg")


def keep_memory(environment: Mapping[str, str] = os.environ) -> bool:
    """Let freed memory stay with the process, for the next round needs as much again.

    By default glibc gives every larger block back when it is freed, and each round the system maps
    and clears the same pages anew. Where there is another C library nothing is done.

    Returns:
        Whether it was done.
    """
    if any(name in environment for name in TOLD):
        return False
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # not to be had like this
        return False
    if not hasattr(library, "gnu_get_libc_version"):  # the others' mallopt means less
        return False
    return bool(library.mallopt(MMAP_THRESHOLD, LARGEST) and library.mallopt(TRIM_THRESHOLD, KEPT))


def prepare_threads(
    environment: MutableMapping[str, str] = os.environ, system: Path = GROUPS, load: Path = LOAD
) -> None:
    """Say how many threads torch starts, and how long one that waits for work stays awake.

    OpenMP reads both when torch is loaded. It knows to which cores the process is bound, but not
    of a limit on its time. A thread that waits spins, by default for some milliseconds: beside
    other work it takes the time that the thread it waits for would need.

    Args:
        environment: is changed; what the user has set stays.
        system: where control groups keep their limits.
        load: tells how many processes run.
    """
    if not any(name in environment for name in WAITING):
        environment["GOMP_SPINCOUNT"] = str(FEW if _crowded(load) else TURNS)
    if (found := cores(system)) < _bound():
        environment.setdefault("OMP_NUM_THREADS", str(found))


def cores(system: Path = GROUPS, membership: Path = MEMBERSHIP) -> int:
    """Return how many cores the process may use: those it is bound to, or its share of time.

    Args:
        system: where control groups keep their limits, version 2 (``cpu.max``) or 1.
        membership: says in which of them the process is.
    """
    bound, quota = _bound(), _quota(system, membership)
    return bound if quota is None else max(1, min(bound, math.ceil(quota)))


def began(pid: int) -> str:
    """Return when a process began, in ticks since the machine's start; nothing if unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _crowded(load: Path) -> bool:
    """Return whether others compute now, on half of the machine's cores or more.

    Means over a minute would count a run that has just ended; the least of some looks does not
    count who runs for a moment.
    """
    looks: list[int] = []
    try:
        for _ in range(4):
            looks.append(int(load.read_text().split()[3].partition("/")[0]))
            time.sleep(0.001)
    except (OSError, IndexError, ValueError):  # no Linux
        return False
    return min(looks) - 1 >= max(1, (os.cpu_count() or 1) // 2)


def _bound() -> int:
    """Return how many cores the process is bound to."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _quota(system: Path, membership: Path) -> float | None:
    """Return the cores' worth of time that its control groups allow; None: no limit is known."""
    limits = [_limit(group) for group in _groups(system, membership)]
    return min((limit for limit in limits if limit is not None), default=None)


def _groups(system: Path, membership: Path) -> list[Path]:
    """Return the control groups that the process is in, one inside the other: all limits hold."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # no Linux
        return []
    found = [system, system / "cpu"]  # a container sees its own group there, not where it says
    for line in lines:  # 0::/a/b in version 2, or 4:cpu,cpuacct:/a/b
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        home, inside = system / ("cpu" if controllers else ""), PurePosixPath(path.lstrip("/"))
        found += [home / part for part in (inside, *inside.parents)]
    return found


def _limit(group: Path) -> float | None:
    """Return the cores' worth of time that one control group allows, if it sets a limit."""
    try:
        if (both := group / "cpu.max").is_file():
            share, period = both.read_text().split()
        else:
            share, period = (
                (group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
            )
        found = int(share) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # no such files; "max" is no number
        return None
    return found if found > 0 else None
