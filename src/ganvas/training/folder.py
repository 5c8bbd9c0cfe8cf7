"""The run folder: where a training keeps everything, and what of it survives a kill."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganvas.data.previews import Named, named, previews
from ganvas.errors import GanvasError, UsageError, quoted
from ganvas.files import disk_errors, explain, misspelt, refuse_links, sweep, write_whole
from ganvas.given import path_of, require_folder
from ganvas.model import MODEL
from ganvas.training.checkpoint import load_state, save_state
from ganvas.training.lock import LOCK, Lock
from ganvas.training.log import Log, Row

CONFIG = "config.yaml"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
CRASH = "crash.txt"
"""What went wrong and nobody foresaw, or what another process than the first met with."""
DAMAGED = "metrics.damaged"
"""Lines of the log that cannot be read are kept here, out of the way."""


class RunFolder:
    """A run's files; made by `create`, found again by `open`, written after `claim`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.samples = path / "samples"
        self.model = path / "model"
        self.best = path / "best"
        self.metrics = path / METRICS
        self._log = Log(self.metrics)
        self._lock: Lock | None = None

    @classmethod
    def create(cls, path: Path, config: str, overwrite: bool = False) -> RunFolder:
        """Make a new run folder holding the effective ``config`` (YAML text).

        Raises:
            UsageError: ``path`` has something in it, and ``overwrite`` is off or it is no run.
            GanvasError: the folder cannot be written.
        """
        folder = cls(path)
        folder.refuse_unless_free(overwrite)
        folder.make()
        for part in sorted(path.iterdir(), key=lambda part: part.name == CONFIG):
            if part.name != LOCK:  # and last what makes it a run: a kill leaves one, or nothing
                shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
        write_whole(path / CONFIG, config.encode())
        folder.make(folder.checkpoints, folder.samples, folder.model)
        return folder

    def refuse_unless_free(self, overwrite: bool = False) -> None:
        """Refuse to make a new run where something is, without touching it.

        Raises:
            UsageError: ``path`` has something in it, and ``overwrite`` is off or it is no run; or
                no folder can have this path.
            GanvasError: it may not be written.
        """
        path = self.path
        require_folder(path)
        if not path.exists() or all(part.name == LOCK for part in path.iterdir()):
            return
        if not overwrite:
            hint = (
                f"continue it with: ganvas resume {quoted(path)}, or start anew with --overwrite"
                if self.is_run
                else "give another --out"
            )
            raise UsageError(f"--out {path} already exists and is not empty; {hint}")
        if not self.is_run:
            raise UsageError(
                f"--overwrite deletes run folders only, and {path} has no {CONFIG}; "
                "give another --out"
            )

    @property
    def is_run(self) -> bool:
        """Whether a run's settings are there."""
        return (self.path / CONFIG).exists()

    def job(self) -> str | None:
        """Return the job of a cluster that began the run, if one did."""
        try:
            return json.loads((self.path / ENVIRONMENT).read_bytes()).get("job")
        except (OSError, ValueError, AttributeError):
            return None

    def make(self, *parts: Path) -> None:
        """Make the folder itself, or parts of it.

        Raises:
            GanvasError: that is not allowed here.
        """
        with disk_errors(self.path):
            for part in parts or (self.path,):
                part.mkdir(parents=True, exist_ok=True)

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Find an existing run folder.

        Raises:
            UsageError: there is no run at ``path``.
        """
        path = path_of(path, "run")
        if not path.is_dir():
            raise UsageError(f"there is no run folder {path}{misspelt(path)}")
        if not (path / CONFIG).is_file():
            lost = restoring(path)
            raise UsageError(f"{path} is not a run folder: it has no {CONFIG}{lost}")
        folder = cls(path)
        refuse_links(
            *(folder.checkpoints, folder.samples, folder.model, folder.best, folder.metrics)
        )
        return folder

    # ---- one writer at a time -------------------------------------------------------------------

    def claim(self, patience: float = 0.0) -> None:
        """Become the one process that writes here, and clear away what dead ones left unfinished.

        Args:
            patience: seconds to wait for another one that may be dying.

        Raises:
            GanvasError: another process writes here.
        """
        deadline = time.monotonic() + patience
        while self._lock is None:
            try:
                self._lock = Lock(self.path)
            except GanvasError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(min(1.0, patience))
        (self.path / CRASH).unlink(missing_ok=True)
        for part in (self.path, self.checkpoints, self.samples, self.model, self.best):
            sweep(part)

    def release(self) -> None:
        """Let other processes write here."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def require_there(self) -> None:
        """See that the run was not removed or moved meanwhile: half of one would be in its place.

        Raises:
            GanvasError: it was.
        """
        if not self.is_run:
            raise GanvasError(
                f"{self.path} is no longer there, or has no {CONFIG}: the run was removed or moved "
                "while it was being written, and nothing more is written. If it was moved, go on "
                "with: ganvas resume DIR, the folder where it is now"
            )

    @contextmanager
    def writing(self) -> Generator[None]:
        """See that the folder is ours, and say that nothing is lost if the disk refuses."""
        self.require_there()
        if self._lock is not None:
            self._lock.check()
        try:
            yield
        except (OSError, GanvasError) as error:
            self.require_there()
            told = explain(error, self.path) if isinstance(error, OSError) else error
            raise GanvasError(
                f"{told}. Nothing written before is lost; then: ganvas resume {quoted(self.path)}"
            ) from error

    # ---- checkpoints ----------------------------------------------------------------------------

    def save_checkpoint(self, round: int, state: dict[str, Any], keep: int) -> None:
        """Write the checkpoint of ``round``, then drop all but the newest ``keep``."""
        with self.writing():
            save_state(self.checkpoints / f"{round:09d}.safetensors", state)
            for old in self.list_checkpoints()[:-keep]:
                old.unlink(missing_ok=True)

    def list_checkpoints(self) -> list[Path]:
        """Return the checkpoint files, oldest first."""
        return list(_by_round(self.checkpoints, ".safetensors").values())

    def list_samples(self) -> list[Path]:
        """Return the previews of samples, oldest first, without those of other parts."""
        return [found.path for found in self._previews() if not found.part]

    def _previews(self) -> list[Named]:
        """Return the previews that the run has named; no others, nor links."""
        return [
            found
            for found in previews(self.samples)
            if found.path.name == named(found.round, found.part, found.path.suffix)
            and found.path.is_file()
            and not found.path.is_symlink()
        ]

    def load_checkpoint(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest sound checkpoint, or None, and what was wrong with newer ones."""
        problems: list[str] = []
        for path in reversed(self.list_checkpoints()):
            try:
                state = load_state(path)
            except GanvasError as error:
                problems.append(str(error))
                continue
            if state["rounds"] == int(path.stem):
                return state, problems
            problems.append(f"the checkpoint {path} is that of round {state['rounds']}: a stray")
        return None, problems

    def checkpoint_of(self, round: int) -> dict[str, Any]:
        """Return the checkpoint of a round.

        Raises:
            UsageError: the run keeps none of it.
            GanvasError: it is damaged.
        """
        there = _by_round(self.checkpoints, ".safetensors")
        if round not in there:
            kept = ", ".join(map(str, there)) or "none"
            raise UsageError(
                f"{self.path} keeps no checkpoint of round {round}; it has: {kept} "
                "(train.checkpoint_every, train.keep)"
            )
        return load_state(there[round])

    def identity(self) -> dict[str, str] | None:
        """Return the settings and the hash of the data that the run goes on with, if it can."""
        state, _ = self.load_checkpoint()
        return None if state is None else state.get("identity")

    def has_trained(self, checkpoint_every: int) -> bool:
        """Whether the run once had a checkpoint, by what else it has."""
        last = max((row["round"] for row in self.rows()), default=0)
        return self.has_model or last > checkpoint_every

    @property
    def has_model(self) -> bool:
        """Whether the run has come to write its model."""
        return (self.model / MODEL).exists()

    # ---- metrics --------------------------------------------------------------------------------

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one row to ``metrics.jsonl``."""
        with self.writing(), open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[Row]:
        """Return the rows of ``metrics.jsonl``; lines that are damaged are left out."""
        return self._log.read()[0]

    def cut_back(self, round: int) -> int:
        """Forget all after ``round``: a resumed run makes it again.

        Checkpoints of later rounds, which were no good, get another name.

        Returns:
            The number of damaged lines of the log, which are moved to ``metrics.damaged``.
        """
        rows, damaged = Log(self.metrics).read()
        kept = [row for row in rows if row["round"] <= round]
        with self.writing():
            if damaged:
                with open(self.path / DAMAGED, "ab") as file:
                    file.writelines(line + b"\n" for line in damaged)
            write_whole(self.metrics, "".join(json.dumps(r) + "\n" for r in kept).encode())
            self._log = Log(self.metrics)  # a new file, whatever its number
            for found in self._previews():
                if found.round > round:
                    found.path.unlink(missing_ok=True)
            for at, path in _by_round(self.checkpoints, ".safetensors").items():
                if at > round:
                    os.replace(path, path.with_name(f"{path.name}.damaged"))
        return len(damaged)

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file of the run atomically."""
        self.require_there()
        write_whole(
            self.path / name, (json.dumps(value, indent=2) + os.linesep).encode(), deep=False
        )


def restoring(run: Path) -> str:
    """Return how settings of a run that cannot be read come back, to go on a message.

    Of a folder that is no run, it is nothing.
    """
    folder = RunFolder(run)
    if folder.list_checkpoints():
        return f"; its checkpoints have these settings, too: ganvas resume {quoted(run)} --restore"
    if folder.checkpoints.is_dir():
        return "; it has no checkpoint that could restore these settings, so train it anew"
    return ""


def _by_round(folder: Path, suffix: str) -> dict[int, Path]:
    """Return the files that a run has named by their rounds, in order; no others, nor links."""
    found = {
        int(path.stem): path
        for path in folder.glob(f"*{suffix}")
        if path.stem.isdecimal()
        and path.name == f"{int(path.stem):09d}{suffix}"
        and path.is_file()
        and not path.is_symlink()
    }
    return dict(sorted(found.items()))
