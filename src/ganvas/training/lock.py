"""One writer of a run folder at a time, by a lock that dies with its process.

The operating system's locks do, but not every network disk knows them or shows them to other
machines. So the lock's file also names its holder, who touches it every few seconds: where the
system's word does not reach, a holder without a sign of life for a minute is dead.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from ganvas.errors import GanvasError
from ganvas.files import disk_errors, is_at, try_lock
from ganvas.process import began

LOCK = ".lock"
BEAT = 10.0
"""Seconds between two signs of life."""

LEASE = 60.0
"""Seconds without one after which a holder on another machine is dead."""

SETTLE = 0.5
"""Seconds in which a rival would have written its name, where the disk knows no locks."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        machine: its kernel since the last start, and which of its processes see one another.
        host: the machine's name, for people.
        pid: the process, and ``began``, when it did: numbers are used again.
        token: tells two locks of one process apart.
    """

    machine: str
    host: str
    pid: int
    began: str
    token: str

    @classmethod
    def here(cls) -> Holder:
        """Return a holder in this process."""
        pid = os.getpid()
        return cls(_machine(), platform.node(), pid, began(pid), secrets.token_hex(8))

    @classmethod
    def read(cls, path: Path) -> Holder | None:
        """Return who is named in a lock's file, if somebody is."""
        try:
            named: Any = json.loads(path.read_bytes())
            return cls(**cast(dict[str, Any], named))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def runs(self) -> bool:
        """Whether its process is there, if it is one of this machine."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it is there, and somebody else's
        return began(self.pid) == self.began


class Lock:
    """The right to write into a run folder.

    Args:
        folder: the run folder, which exists.

    Raises:
        GanvasError: another process has it; the message says who.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self.holder = folder / LOCK, Holder.here()
        self._folder, self._lost = folder, False
        with disk_errors(self.path):
            self._descriptor, locked = self._open()
            try:
                self._take(locked)
            except BaseException:
                os.close(self._descriptor)
                raise
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="ganvas lock", daemon=True)
        self._heart.start()

    def check(self) -> None:
        """Make sure that it is still ours: a process that was halted for long may have lost it.

        Raises:
            GanvasError: it is not.
        """
        if self._lost:
            raise GanvasError(
                f"{self._folder}: another process took this run over while this one was halted; "
                "this one stops, and leaves it alone"
            )

    def release(self) -> None:
        """Give it back."""
        self._released.set()
        self._heart.join()
        if Holder.read(self.path) == self.holder:
            with suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)

    def _open(self) -> tuple[int, bool | None]:
        """Open the lock's file, and say whether the system locked it."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        while True:
            descriptor = os.open(self.path, flags, 0o666)
            locked = try_lock(descriptor)
            if not locked or is_at(descriptor, self.path):
                return descriptor, locked
            os.close(descriptor)  # its holder removed it between the two calls

    def _take(self, locked: bool | None) -> None:
        other = Holder.read(self.path)
        if locked is False:
            raise GanvasError(self._refusal(other))
        if other is not None:
            here = other.machine == self.holder.machine
            # Where the system grants a lock, it knows that no other process here has it.
            if (here and not locked and other.runs) or (not here and self._silence() < LEASE):
                raise GanvasError(self._refusal(other, here=here))
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, json.dumps(asdict(self.holder)).encode())
        os.fsync(self._descriptor)
        if locked is None:
            time.sleep(SETTLE)
            if Holder.read(self.path) != self.holder:
                raise GanvasError(self._refusal(Holder.read(self.path)))

    def _refusal(self, other: Holder | None, here: bool = True) -> str:
        who = f" (process {other.pid} on {other.host})" if other else ""
        hint = "wait until it ends, or stop it" + (f" with: kill {other.pid}" if other else "")
        if other and not here:
            hint = f"wait until it ends; if it is dead, try again in {LEASE:.0f} s"
        return f"{self._folder} is being written by another process{who}; {hint}"

    def _silence(self) -> float:
        """Return the seconds since the last sign of life, by the clock of the disk itself."""
        probe = self.path.with_name(f"{LOCK}.{self.holder.token}")
        try:
            os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            return probe.stat().st_mtime - os.fstat(self._descriptor).st_mtime
        finally:
            probe.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._released.wait(BEAT):
            if Holder.read(self.path) != self.holder:
                self._lost = True
                return
            with suppress(OSError):  # the disk may come back before the lease is over
                os.utime(self.path)


def _machine() -> str:
    """Return what two processes share if, and only if, each can see whether the other lives."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    try:
        return f"{boot.read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()
