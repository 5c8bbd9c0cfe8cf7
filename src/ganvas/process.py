"""What this process may use of the machine, and how it holds its memory. Needs no torch."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Mapping
from pathlib import Path

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``."""
KEPT, LARGEST = 2**30, 2**25
"""Free memory that stays with the process, and the largest block that is taken from it, in bytes.

The second is the most that glibc accepts: larger blocks are always the system's.
"""
TOLD = ("GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
"""Who sets one of these has chosen an allocator, or its parameters."""


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


def cores(system: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores the process may use: those it is bound to, or its share of time.

    Args:
        system: where control groups keep their limits, version 2 (``cpu.max``) or 1.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # Linux
    bound = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    quota = _quota(system)
    return bound if quota is None else max(1, min(bound, math.ceil(quota)))


def began(pid: int) -> str:
    """Return when a process began, in ticks since the machine's start; nothing if unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _quota(system: Path) -> float | None:
    """Return the cores' worth of time that the control group allows; None: no limit is known."""
    try:
        if (limit := system / "cpu.max").is_file():
            share, period = limit.read_text().split()
        else:
            share, period = (
                (system / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
            )
        found = int(share) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # no such files; "max" is no number
        return None
    return found if found > 0 else None
