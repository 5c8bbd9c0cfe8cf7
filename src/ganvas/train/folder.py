"""The run folder: where a training keeps everything, and what of it survives a kill."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganvas.errors import GanvasError, UsageError
from ganvas.files import refuse_links
from ganvas.train.checkpoint import load_state, save_state, write_atomically

CONFIG = "config.yaml"
METRICS = "metrics.jsonl"


class RunFolder:
    """A run's files; made by `create`, found again by `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.samples = path / "samples"
        self.model = path / "model"
        self.metrics = path / METRICS

    @classmethod
    def create(cls, path: Path, config: str, overwrite: bool = False) -> RunFolder:
        """Make a new run folder holding the effective ``config`` (YAML text).

        Raises:
            UsageError: ``path`` has something in it, and ``overwrite`` is off or it is no run.
            GanvasError: the folder cannot be written.
        """
        if path.is_file():
            raise UsageError(f"--out {path} is a file; give the name of a folder to make")
        if path.exists() and any(path.iterdir()):
            is_run = (path / CONFIG).exists()
            if not overwrite:
                hint = (
                    f"continue it with: ganvas resume {path}, or start anew with --overwrite"
                    if is_run
                    else "give another --out"
                )
                raise UsageError(f"--out {path} already exists and is not empty; {hint}")
            if not is_run:
                raise UsageError(
                    f"--overwrite deletes run folders only, and {path} has no {CONFIG}; "
                    "give another --out"
                )
            shutil.rmtree(path)
        folder = cls(path)
        try:
            for part in (folder.checkpoints, folder.samples, folder.model):
                part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GanvasError(
                f"cannot make the run folder {path}: {error.strerror}. Give an --out where you "
                "may write"
            ) from error
        write_atomically(path / CONFIG, config.encode())
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Find an existing run folder.

        Raises:
            UsageError: there is no run at ``path``.
        """
        if not path.is_dir():
            raise UsageError(f"there is no run folder {path}")
        if not (path / CONFIG).is_file():
            raise UsageError(f"{path} is not a run folder: it has no {CONFIG}")
        folder = cls(path)
        refuse_links(folder.checkpoints, folder.samples, folder.model, folder.metrics)
        return folder

    # ---- checkpoints ----------------------------------------------------------------------------

    def save_checkpoint(self, round: int, state: dict[str, Any], keep: int) -> None:
        """Write the checkpoint of ``round``, then drop all but the newest ``keep``."""
        save_state(self.checkpoints / f"{round:09d}.safetensors", state)
        for old in self.list_checkpoints()[:-keep]:
            old.unlink(missing_ok=True)

    def list_checkpoints(self) -> list[Path]:
        """Return the checkpoint files, oldest first."""
        return sorted(self.checkpoints.glob("[0-9]*.safetensors"))

    def load_checkpoint(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest readable checkpoint, or None, and what was wrong with newer ones."""
        problems: list[str] = []
        for path in reversed(self.list_checkpoints()):
            try:
                return load_state(path), problems
            except GanvasError as error:
                problems.append(str(error))
        return None, problems

    # ---- metrics --------------------------------------------------------------------------------

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one row to ``metrics.jsonl``."""
        try:
            with open(self.metrics, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise GanvasError(
                f"could not write {self.metrics}: {error.strerror}. The run can go on from its "
                f"last checkpoint; make room, then: ganvas resume {self.path}"
            ) from error

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of ``metrics.jsonl``; a last one cut short by a kill is left out."""
        if not self.metrics.exists():
            return []
        rows: list[dict[str, Any]] = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def cut_back(self, round: int) -> None:
        """Forget all rows after ``round``: a resumed run writes them again."""
        kept = [row for row in self.rows() if row.get("round", 0) <= round]
        write_atomically(self.metrics, "".join(json.dumps(r) + "\n" for r in kept).encode())
        for path in self.samples.glob("[0-9]*.png"):
            if int(path.stem) > round:
                path.unlink(missing_ok=True)

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file of the run atomically."""
        write_atomically(self.path / name, (json.dumps(value, indent=2) + os.linesep).encode())
