"""Running jobs: each in a process of its own, resumed if it was cut off, measured, noted."""

from __future__ import annotations

import math
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
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from ganvas.bench.jobs import Job
from ganvas.bench.rows import KEY, Row, append, key_of, read_rows
from ganvas.duration import duration
from ganvas.errors import GanvasError

SAMPLE_SEED = 777
ATTEMPTS = 2
"""Times that a job is begun, or goes on from its checkpoint, whose process is killed."""

PLOTTED = 500
"""Points of each run kept for the panels of the report."""

Say = Callable[[str], None]


def run(
    jobs: Sequence[Job],
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
    done = {tuple(row[name] for name in KEY): row for row in read_rows([results])}
    fresh: list[Row] = []
    waiting: list[tuple[Job, str]] = []
    for job in jobs:
        before = done.get(key_of(job))
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
        say(f"{number}/{len(waiting)} {job.name}: {summary(row)} | {duration(left)} left")
    return fresh


def summary(row: Row) -> str:
    """Return the main numbers of a row in a few words."""
    if "error" in row:
        return f"failed: {row['error']}"
    found = row["scores"][str(row["samples"][-1])]
    shown = [
        f"{name} {found[name]:.4g}"
        for name in ("modes", "modes_strict", "hq", "hq_cal", "kl_modes")
        if found.get(name) is not None
    ]
    return f"{', '.join(shown)}, {duration(row['seconds'])}"


def _results(
    waiting: Sequence[tuple[Job, str]], out: Path, processes: int, say: Say
) -> Iterator[tuple[Job, Row]]:
    if processes == 1:
        for job, settings in waiting:
            yield job, attempt(job, settings, out)
        return
    left = deque(_Attempt(job, settings) for job, settings in waiting)
    free = [_worker() for _ in range(min(processes, len(left)))]
    running: dict[Future[Row], tuple[ProcessPoolExecutor, _Attempt]] = {}
    try:
        while left or running:
            while left and free:
                worker, task = free.pop(), left.popleft()
                running[worker.submit(_work, task.job, task.settings, out)] = worker, task
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                worker, task = running[future]
                try:
                    row = future.result()
                except BrokenProcessPool:  # killed: for memory, say
                    worker.shutdown(wait=False)
                    worker = _worker()
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
        for worker in (*free, *(worker for worker, _ in running.values())):
            worker.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Attempt:
    """A job that is run for the first time, or again after its process was killed."""

    job: Job
    settings: str
    number: int = 1


def _worker() -> ProcessPoolExecutor:
    """Return one process for jobs: who dies takes no other along."""
    return ProcessPoolExecutor(1, get_context("spawn"), _end_with_parent)


def _end_with_parent() -> None:
    """Let this worker save its run and stop as soon as the process that it works for is gone."""

    def watch() -> None:
        if (parent := parent_process()) is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _work(job: Job, fingerprint: str, out: Path) -> Row:
    """Attempt a job in a worker; with nobody left to tell of it, leave."""
    try:
        return attempt(job, fingerprint, out)
    finally:
        if (parent := parent_process()) is not None and not parent.is_alive():
            os._exit(1)  # the queue of a pool outlives its owner: a worker would wait for ever


def attempt(job: Job, fingerprint: str, out: Path) -> Row:
    """Train, measure and return the row of one run; an error becomes part of the row."""
    row = _head(job, fingerprint)
    try:
        return row | played(job, fingerprint, out)
    except GanvasError as error:
        return row | {"error": str(error).splitlines()[0]}


def _head(job: Job, fingerprint: str) -> Row:
    """Return what every row begins with: which run it is, and where it was made."""
    return {**dict(zip(KEY, key_of(job), strict=True)), "settings": fingerprint, **where()}


def played(job: Job, fingerprint: str, out: Path) -> Row:
    """Train a job to its end, or the rest of it, and measure it.

    Raises:
        KeyboardInterrupt: a signal ended the run before; its checkpoint is kept.
    """
    import torch

    from ganvas import api
    from ganvas.training.folder import RunFolder

    torch.set_num_threads(1)
    recipe = job.recipe()
    folder = out / f"{job.name}-{fingerprint}"
    started = time.monotonic()
    if RunFolder(folder).list_checkpoints():
        ending = api.resume(folder, quiet=True)
    else:
        ending = api.train(recipe, folder, overwrite=folder.exists(), quiet=True)
    if ending.outcome == "interrupted":
        raise KeyboardInterrupt  # it is saved: no row before it has been played to its end
    rows = RunFolder(folder).rows()
    measured = measure(folder, job)
    logged = [row for row in rows if "time" in row]
    return {
        "rounds": max(int(row["round"]) for row in rows),
        "batch": recipe.train.batch,
        "seconds": round(float(logged[-1]["time"]), 1) if logged else None,
        "wall": round(time.monotonic() - started, 1),
        **measured,
        **watched(rows, len(measured["histogram"])),
        "changes": {k: v for k, v in job.settings.items() if k.startswith("game.")},
        "recipe": job.base,
    }


def measure(folder: Path, job: Job) -> Row:
    """Return the scores of a finished run at each number of samples, floors and histogram."""
    from ganvas import api
    from ganvas.data.open import open_data
    from ganvas.metrics.of import measures_of
    from ganvas.model import load

    model = load(folder)
    source = open_data(job.recipe().data)
    measures = measures_of(source, model.device)
    seed = SAMPLE_SEED + job.seed
    scores: dict[str, dict[str, float | None]] = {}
    floors: dict[str, dict[str, float | None]] = {}
    weights: str | None = None
    for n in measures.customary:
        found = api.measure(model, source, n, seed)
        scores[str(n)] = {s.protocol.metric: plain(s.value) for s in found.values()}
        floors[str(n)] = {s.protocol.metric: s.floor for s in found.values()}
        weights = next(iter(found.values())).protocol.weights or None
    x, _ = api.drawn(model, source, max(measures.customary), seed)
    generator = model.game.get_submodule("generator")
    return {
        "samples": list(measures.customary),
        "sample_seed": seed,
        "scores": scores,
        "floors": floors,
        "classifier": weights,
        "histogram": [int(count) for count in measures.histogram(x)],
        "generator_parameters": sum(p.numel() for p in generator.parameters()),
        "points": x[:PLOTTED, :2].astype(float).round(2).tolist()
        if job.seed == 0 and x.ndim == 2
        else None,
    }


def plain(value: float) -> float | None:
    """Return a number that JSON can hold: null where there is none (no sample was good)."""
    return round(value, 6) if math.isfinite(value) else None


def watched(rows: Sequence[dict[str, Any]], total: int) -> Row:
    """Return coverage along training, the best look, and the first one with ``total`` modes."""
    looks = [row for row in rows if "coverage/modes" in row]
    curve = [[int(row["round"]), row["coverage/modes"]] for row in looks]
    if not looks:
        return {"curve": curve, "best": None, "full_coverage": None}
    most = max(looks, key=lambda row: row["coverage/modes"])
    full = [row for row in looks if row["coverage/modes"] >= total]
    return {
        "curve": curve,
        "best": {"round": int(most["round"]), "modes": most["coverage/modes"]},
        "full_coverage": int(full[0]["round"]) if full else None,
    }


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
