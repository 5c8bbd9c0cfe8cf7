"""How the processes of a run find one another, and what is said if they do not."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta

from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from ganvas.errors import GanvasError
from ganvas.nn.exchange import reason

SILENCE = 20.0
"""Seconds of waiting for other processes after which a user wants to know why nothing happens."""

PORT = "ganvas/port"
TRY, PAUSE = 5.0, 0.2
"""Seconds for one attempt to connect, and until the next."""

Say = Callable[[str], object]

_own: list[object] = []  # it ends with the process


@contextmanager
def meeting(world: int, timeout: float, say: Say) -> Generator[None]:
    """Say what is being waited for inside, and what to do if it does not come.

    Args:
        world: how many processes there are.
        timeout: seconds after which those that have come give up.
        say: is told, after a while, what is being waited for.

    Raises:
        GanvasError: not all have come.
    """

    def text() -> str:
        address = (os.environ.get(name, "?") for name in ("MASTER_ADDR", "MASTER_PORT"))
        return f"the {world} processes of this run, which meet at {':'.join(address)}"

    late = threading.Timer(SILENCE, lambda: say(f"waiting for {text()}"))
    late.daemon = True
    late.start()
    try:
        if world > 1 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
            _meet_anew(int(os.environ["RANK"]), timeout)
        yield
    except (RuntimeError, ValueError, OSError) as error:
        raise GanvasError(
            f"not all of {text()}, came: {reason(error).rstrip('.')}. Start the same command on "
            "every node, and see that each reaches that address; train.timeout=SECONDS waits "
            f"longer than {timeout:g}"
        ) from error
    finally:
        late.cancel()


def reach(host: str, port: int, timeout: float) -> None:
    """Wait until something listens where the first process does.

    torch would wait as well, and write some forty lines of its own when nothing comes.

    Raises:
        OSError: nothing does; says why.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection((host, port), min(TRY, timeout)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return


def _meet_anew(rank: int, timeout: float) -> None:
    """Let the processes meet at a place of this start only.

    torchrun starts processes again with the place where the last ones met, and what those left
    there: where they could be reached, which is where nobody is any more.
    """
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    board = TCPStore(host, port, is_master=False, timeout=timedelta(seconds=timeout))
    if rank == 0:
        store = TCPStore(host, 0, is_master=True, wait_for_workers=False)
        _own.append(store)
        board.set(PORT, str(store.port))
        os.environ["MASTER_PORT"] = str(store.port)
        return
    deadline = time.monotonic() + timeout
    while True:
        found = board.get(PORT).decode()
        try:
            socket.create_connection((host, int(found)), TRY).close()
        except OSError:  # it is the last start's, and this one's is to come
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            os.environ["MASTER_PORT"] = found
            return
