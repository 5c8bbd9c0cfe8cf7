"""Running jobs: each in a process of its own, resumed if it was cut off, measured, noted."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from ganvas.bench.children import deaf
from ganvas.bench.rows import Row, append, read_rows
from ganvas.bench.trial import Trial
from ganvas.duration import duration
from ganvas.errors import GanvasError

if TYPE_CHECKING:
    from ganvas.recipes import Recipe
    from ganvas.training.folder import RunFolder

ATTEMPTS = 2
"""Times that a job is begun, or goes on from its checkpoint, whose process is killed."""
LOOKS = "looks.jsonl"
"""What was told of a run each time it halted, in its folder."""
_SPAWN = get_context("spawn")

Say = Callable[[str], None]


def run(
    jobs: Sequence[Trial],
    results: Path,
    out: Path,
    *,
    processes: int = 1,
    retry: bool = False,
    say: Say = lambda text: None,
) -> list[Row]:
    """Run what is not in ``results`` yet; append a row for each run as it ends.

    Args:
        jobs: the runs, in order.
        results: a JSON-lines file; only this process writes to it.
        out: folder of the run folders; a run that was cut off goes on from its checkpoint.
        processes: runs at a time.
        retry: run again what failed before.
        say: told what happens, a line at a time.

    Returns:
        The new rows.
    """
    by = tuple(jobs[0].key) if jobs else ()
    done = {tuple(row[name] for name in by): row for row in read_rows([results], by)}
    fresh: list[Row] = []
    waiting: list[tuple[Trial, str]] = []
    for job in jobs:
        before = done.get(tuple(job.key.values()))
        try:
            settings = job.fingerprint(job.recipe())
        except GanvasError as error:
            say(f"{job.name}: absent: {str(error).splitlines()[0]}")
            continue
        same = before is not None and before["settings"] == settings
        if before is not None and same and not ("error" in before and retry):
            continue
        waiting.append((job, settings))
    say(f"{len(waiting)} of {len(jobs)} runs to do")
    started = time.monotonic()
    for number, (job, row) in enumerate(_results(waiting, out, processes, say), 1):
        append(results, row)
        fresh.append(row)
        left = (time.monotonic() - started) / number * (len(waiting) - number)
        say(f"{number}/{len(waiting)} {job.name}: {told(job, row)} | {duration(left)} left")
    return fresh


def told(job: Trial, row: Row) -> str:
    """Return the main numbers of a row in a few words."""
    if "error" in row:
        return f"failed: {row['error']}"
    return f"{job.summary(row)}, {duration(row['seconds'])}"


def _results(
    waiting: Sequence[tuple[Trial, str]], out: Path, processes: int, say: Say
) -> Iterator[tuple[Trial, Row]]:
    if processes == 1:
        for job, settings in waiting:
            yield job, attempt(job, settings, out)
        return
    left = deque(_Attempt(job, settings) for job, settings in waiting)
    held, end = _SPAWN.Pipe(duplex=False)
    free = [_worker(held) for _ in range(min(processes, len(left)))]
    running: dict[Future[Row], tuple[ProcessPoolExecutor, _Attempt]] = {}
    try:
        while left or running:
            while left and free:
                worker, task = free.pop(), left.popleft()
                with deaf():
                    running[worker.submit(_work, task.job, task.settings, out)] = worker, task
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                worker, task = running[future]
                try:
                    row = future.result()
                except BrokenProcessPool:  # killed: for memory, say
                    worker.shutdown(wait=False)
                    worker = _worker(held)
                    row = None
                del running[future]
                free.append(worker)
                if row is None and task.number < ATTEMPTS:
                    left.appendleft(replace(task, number=task.number + 1))
                    say(f"{task.job.name}: its process was killed, another one goes on")
                    continue
                killed = {"error": f"its process was killed {ATTEMPTS} times"}
                yield task.job, row or _head(task.job, task.settings) | killed
    finally:
        end.close()
        for worker in (*free, *(worker for worker, _ in running.values())):
            worker.shutdown(cancel_futures=True)
        held.close()


@dataclass(frozen=True)
class _Attempt:
    """A job that is run for the first time, or again after its process was killed."""

    job: Trial
    settings: str
    number: int = 1


def _worker(held: Connection) -> ProcessPoolExecutor:
    """Return one process for jobs: who dies takes no other along.

    Args:
        held: the end of a pipe, whose other one is held as long as there is work.
    """
    return ProcessPoolExecutor(1, _SPAWN, _end_when_alone, (held,))


def _end_when_alone(held: Connection) -> None:
    """Let this worker save its run and stop as soon as nobody holds the other end of a pipe."""

    def watch() -> None:
        with suppress(EOFError, OSError):
            held.recv()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _work(job: Trial, fingerprint: str, out: Path) -> Row:
    """Attempt a job in a worker; with nobody left to tell of it, leave."""
    try:
        return attempt(job, fingerprint, out)
    finally:
        if (parent := parent_process()) is not None and not parent.is_alive():
            os._exit(1)  # the queue of a pool outlives its owner: a worker would wait for ever


def attempt(job: Trial, fingerprint: str, out: Path) -> Row:
    """Train, measure and return the row of one run; an error becomes part of the row."""
    row = _head(job, fingerprint)
    try:
        return row | played(job, fingerprint, out)
    except GanvasError as error:
        return row | {"error": str(error).splitlines()[0]}


def _head(job: Trial, fingerprint: str) -> Row:
    """Return what every row begins with: which run it is, and where it was made."""
    return {**job.key, "settings": fingerprint, **where()}


def played(job: Trial, fingerprint: str, out: Path) -> Row:
    """Train a job to its end, or the rest of it, and measure it.

    Raises:
        KeyboardInterrupt: a signal ended the run before; its checkpoint is kept.
    """
    import torch

    from ganvas.training.folder import RunFolder

    torch.set_num_threads(1)
    recipe = job.recipe()
    folder = RunFolder(out / f"{job.name}-{fingerprint}")
    started = time.monotonic()
    for halt in job.looks:
        if halt >= _standing(folder):
            _train(recipe, folder, halt)
            append(folder.path / LOOKS, {"round": halt, **job.look(folder.path)})
    _train(recipe, folder, None)
    rows = folder.rows()
    logged = [row for row in rows if "time" in row]
    return {
        "rounds": max(int(row["round"]) for row in rows),
        "batch": recipe.train.batch,
        "seconds": round(float(logged[-1]["time"]), 1) if logged else None,
        "wall": round(time.monotonic() - started, 1),
        **job.measured(folder.path, rows),
    }


def _train(recipe: Recipe, folder: RunFolder, halt: int | None) -> None:
    """Train a run up to a round, or to its end, from where it stands.

    Raises:
        KeyboardInterrupt: a signal ended it before; its checkpoint is kept.
    """
    from ganvas import api

    if halt is not None and halt == _standing(folder):
        return
    if folder.list_checkpoints():
        words = [] if halt is None else [f"train.stop_at={halt}"]
        ending = api.resume(folder.path, words, quiet=True)
    else:
        train = recipe.train.model_copy(update={"stop_at": halt})
        asked = recipe.model_copy(update={"train": train})
        ending = api.train(asked, folder.path, overwrite=folder.path.exists(), quiet=True)
    if ending.outcome == "interrupted":
        # It is saved: no row before it has been played to its end.
        raise KeyboardInterrupt(ending.signal or signal.SIGINT)


def _standing(folder: RunFolder) -> int:
    """Return the round at which a run stands, by its newest checkpoint."""
    return max((int(path.stem) for path in folder.list_checkpoints()), default=0)


def where() -> Row:
    """Return commit and machine."""
    import torch

    from ganvas.api.environment import machine

    root = Path(__file__).resolve().parents[3]
    return {
        "commit": _git(root, "rev-parse", "--short", "HEAD"),
        "dirty": bool(_git(root, "status", "--porcelain", "--", "src")),
        "machine": machine(),
        "python": platform.python_version(),
        "torch": torch.__version__.partition("+")[0],
        "threads": 1,
    }


def _git(root: Path, *words: str) -> str:
    """Return what git says, or nothing where the package is not a checkout."""
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
