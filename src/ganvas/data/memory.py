"""How much memory is free, and how bytes are told."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path

from ganvas.errors import UsageError

CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def free_memory() -> int | None:
    """Return the bytes that this process may still take, or None where nothing tells."""
    found = [amount for amount in (_system(), *map(_container, CGROUPS)) if amount is not None]
    return min(found, default=None)


def amount(size: float) -> str:
    """Return a number of bytes as people say it."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"


def bytes_of(text: str) -> int:
    """Return the number of bytes that people mean by ``500MB`` or ``1GiB``.

    Raises:
        UsageError: it is no amount.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text.lower())
    size = 0
    if found is not None:
        number, unit, binary = found.groups()
        size = int(float(number) * (1024 if binary else 1000) ** " kmgt".index(unit or " "))
    if size < 1:
        raise UsageError(f"'{text}' is no amount of bytes; expected one such as 1GiB or 500MB.")
    return size


def _system() -> int | None:
    if sys.platform == "win32":
        return _windows()
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def _container(paths: tuple[str, str]) -> int | None:
    """Return what a control group leaves; pages of files that it counts can be dropped."""
    try:
        limit, used = (Path(path).read_text().strip() for path in paths)
        stat = Path(paths[0]).with_name("memory.stat").read_text().split()
        files = dict(zip(stat[::2], stat[1::2], strict=False)).get("inactive_file", "0")
        return max(int(limit) - int(used) + int(files), 0)
    except (OSError, ValueError):  # "max": no limit
        return None


def _windows() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")),
        ]

    status = Status(length=ctypes.sizeof(Status))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - absent elsewhere
    return int(status.free) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None
