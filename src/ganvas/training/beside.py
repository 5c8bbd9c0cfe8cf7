"""What a loop calls beside its rounds: what shows, looks, draws, saves and measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganvas.diagnosis.finding import Finding
from ganvas.play import Game

Show = Callable[[dict[str, Any]], None]
Write = Callable[[Game, Path], None]
Save = Callable[[Game, Path, int, float], None]


@dataclass
class Hooks:
    """What a run shows and watches besides its log; each is called on the first process only.

    Attributes:
        show: gets every log row and event as a dict.
        watch: looks at the game, with averaged weights in place, and returns a `Finding`.
        picture: writes a picture of the game's samples to a path.
        save_model: writes the inference networks, with averaged weights in place, into a folder,
            and notes the rounds played and the kimg seen.
        measure: returns the number by which ``train.best`` chooses, with averaged weights in place.
    """

    show: list[Show] = field(default_factory=list["Show"])
    watch: Callable[[Game], Finding] | None = None
    picture: Write | None = None
    save_model: Save | None = None
    measure: Callable[[Game], float] | None = None
