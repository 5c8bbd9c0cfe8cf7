"""Progress for people: a live bar in a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.control import Control
from rich.progress_bar import ProgressBar
from rich.segment import ControlType
from rich.table import Table
from rich.text import Text

from ganvas.diagnosis.horizon import Horizon
from ganvas.duration import duration
from ganvas.play import Stage
from ganvas.training.settings import TrainSettings

Row = Mapping[str, Any]

SOON = 1.0
"""Seconds between plain lines at first,"""
LATER = 10.0
"""and after so many seconds."""

BAR = 16
STYLES = {"warning": "yellow", "rollback": "yellow", "failed": "bold red"}
MEASURES = {
    "modes": "modes {:.0f}",
    "hq": "good {:.1f} %",
    "hq_cal": "good {:.1f} %",
    "ratio": "coverage {:.2f}",
    "classes": "classes {:.0f}",
}
"""What is shown of a look, by its name below ``coverage/``."""


class Progress:
    """Shows log rows as they come.

    Its clock is the rows' own ``time``, so that a resumed run goes on counting, and the same rows
    give the same lines.

    Args:
        settings: of the run; they say how long it is.
        stages: of the game.
        history: rows of the log so far, of a run that is resumed.
        console: where to write; its kind decides between the live bar and plain lines.
    """

    def __init__(
        self,
        settings: TrainSettings,
        stages: Sequence[Stage] = (),
        history: Iterable[Row] = (),
        console: Console | None = None,
    ) -> None:
        self.console = console or Console(highlight=False)
        self._horizon = Horizon(settings.rounds, settings.kimg)
        self._several = len(stages) > 1
        self._whole = "" if self._several or not settings.rounds else f" of {settings.rounds:,}"
        self._live = self.console.is_terminal and not self.console.is_dumb_terminal
        self._drawn = False
        self._looked: dict[str, float] = {}
        self._shown: float | None = None
        self._last = 0.0
        self._begun = (0.0, 0.0)
        for row in history:
            if "event" not in row:
                share = self._take(row)
                self._begun = (self._last, share or 0.0)  # speed is that of this process

    def show(self, row: Row) -> None:
        """Show one row or event of the log."""
        if "event" in row:
            self._event(row)
            return
        share = self._take(row)
        if self._live:
            self._draw(row, share)
        elif self._due(float(row["time"]), share):
            parts = [*self._course(row, share), *self._state(row)]
            self.console.print(Text(" | ".join(parts)), soft_wrap=True)

    def _take(self, row: Row) -> float | None:
        stage = self._horizon.stage
        share = self._horizon.read(row)
        if self._horizon.stage != stage:
            self._begun = (self._last, 0.0)
        self._last = float(row.get("time", 0.0))
        names = {f"coverage/{name}": name for name in MEASURES}
        self._looked |= {names[key]: row[key] for key in row.keys() & names}
        return share

    def _due(self, time: float, share: float | None) -> bool:
        """Whether a plain line is due: soon at first, later rarely, and always at the end."""
        wait = SOON if time < LATER else LATER
        due = self._shown is None or time - self._shown >= wait or share == 1.0
        if due:
            self._shown = time
        return due

    # ---- what a line says -----------------------------------------------------------------------

    def _course(self, row: Row, share: float | None) -> list[str]:
        """Return how far the run is, how fast, and how long it will take."""
        left = self._left(row, share)
        course = [self._place(row, share), f"{row['kimg']:,.1f} kimg", self._speed(row)]
        return [*course, f"{left} left"] if left else course

    def _state(self, row: Row) -> list[str]:
        """Return losses, the coverage last seen, and memory."""
        losses = [
            f"{name.removeprefix('loss/')} {value:.3g}"
            for name, value in row.items()
            if name.startswith("loss/")
        ]
        looked = [MEASURES[name].format(self._looked[name]) for name in MEASURES
                  if name in self._looked]  # fmt: skip
        parts = [f"loss {', '.join(losses)}" if losses else "", ", ".join(looked), memory(row)]
        return [part for part in parts if part]

    def _place(self, row: Row, share: float | None) -> str:
        stage = f"{row['stage']}, " if self._several else ""
        place = f"{stage}round {row['round']:,}"
        return place if share is None else f"{place}{self._whole} ({share:.0%})"

    def _speed(self, row: Row) -> str:
        speed = float(row.get("img_per_s", 0.0))
        if 0 < speed < 100:
            return f"{speed:.1f} img/s ({1000 / speed:,.0f} s/kimg)"
        return f"{speed:,.0f} img/s"

    def _left(self, row: Row, share: float | None) -> str:
        """Return the time left at this process's speed, or an empty string."""
        if share is None or share >= 1:
            return ""
        time, begun = self._begun
        played, passed = share - begun, float(row["time"]) - time
        return duration(passed / played * (1 - share)) if played > 0 and passed > 0 else ""

    # ---- writing --------------------------------------------------------------------------------

    def _event(self, row: Row) -> None:
        kind = str(row["event"])
        self._erase()
        text = Text(f"round {row['round']:,}: {kind}: {row['message']}", STYLES.get(kind, "bold"))
        self.console.print(text, soft_wrap=not self._live)

    def _draw(self, row: Row, share: float | None) -> None:
        """Replace the live lines. The cursor rests below them: nothing has to be cleaned up."""
        self._erase()
        bar = ProgressBar(total=1.0, completed=share or 0.0, width=BAR)
        line = Table.grid(padding=(0, 1))
        line.add_row(bar, self._cropped(self._course(row, share), BAR + 2))
        self.console.print(line)
        self.console.print(self._cropped(self._state(row), 0))
        self._drawn = True

    def _cropped(self, parts: list[str], beside: int) -> Text:
        """Return the parts on what is left of one line."""
        text = Text(" | ".join(parts), no_wrap=True)
        text.truncate(max(self.console.width - beside, 1), overflow="ellipsis")
        return text

    def _erase(self) -> None:
        if self._drawn:
            up, erase = (ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)
            self.console.control(Control(up, erase, up, erase))
            self._drawn = False


def memory(row: Row) -> str:
    """Return the most memory in use so far: of the accelerator if there is one.

    Empty on systems that do not tell.
    """
    if "gpu_gib" in row:
        return f"{row['gpu_gib']:.1f} GiB GPU"
    if sys.platform == "win32":
        return ""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return f"{most / 2**30:.1f} GiB"
