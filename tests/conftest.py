"""What every test shares: one thread, a known seed, no network, a place for run folders."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# Before torch is imported anywhere: its thread count decides the order of floating-point sums,
# and two test workers with all cores each would only slow one another down.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

# Byte code is kept even where none is wanted beside the sources: each of the programs that tests
# start, and each test worker, would compile hundreds of files anew.
if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    del os.environ["PYTHONDONTWRITEBYTECODE"]

import pytest
from hypothesis import HealthCheck, settings

# Examples are judged by what they give, never by how long a busy machine took over one.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

if TYPE_CHECKING:
    from ganvas.testing import Pair

# A shell lets what it runs in the background ignore these; tests of interruptions need them.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

LOCAL_HOSTS = {None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}


class NetworkUsedError(RuntimeError):
    """A test tried to leave this machine."""


class NetworkGuard:
    """An audit hook that refuses connections and look-ups outside this machine while it is armed.

    Audit hooks see every socket that Python opens, whichever library opens it, and cannot be
    removed, so there is one for the whole session and tests only arm it.
    """

    def __init__(self) -> None:
        self.armed = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.armed or event not in ("socket.connect", "socket.getaddrinfo"):
            return
        # socket.connect: (socket, address); socket.getaddrinfo: (host, port, family, ...)
        target = arguments[1] if event == "socket.connect" else arguments
        host = target[0] if isinstance(target, tuple) else None  # a path: a Unix socket
        if host not in LOCAL_HOSTS:
            raise NetworkUsedError(f"tests must not use the network: {event} to {host!r}")


_guard = NetworkGuard()
sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def no_network() -> Iterator[NetworkGuard]:
    """Refuse the network to the test."""
    _guard.armed = True
    yield _guard
    _guard.armed = False


@pytest.fixture(autouse=True)
def known_seed() -> None:
    """Start every test from the same global generator state.

    The library draws from generators of its own; this is for modules that tests build by hand.
    """
    if "torch" in sys.modules:  # tests that do without torch should not have to wait for it
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Return a folder that does not exist yet, for a run to be written into."""
    return tmp_path / "run"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep decoded images of tests out of the user's cache folder."""
    cache = str(tmp_path_factory.getbasetemp() / "cache")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, cache)


@pytest.fixture(scope="session")
def pair() -> Iterator[Pair]:
    """Two processes that play any game together."""
    from ganvas.testing import Pair

    with Pair() as processes:
        yield processes
