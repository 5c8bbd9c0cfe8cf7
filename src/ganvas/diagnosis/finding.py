"""What a look at a generator in training tells the loop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Finding:
    """What a look at the generator found.

    Attributes:
        numbers: for the log, such as ``coverage/modes``.
        warning: what is wrong, with its evidence and what to try; None if all is well.
        collapsed: whether that is a collapse, on which ``guard.on_collapse`` acts.
    """

    numbers: dict[str, float]
    warning: str | None = None
    collapsed: bool = False
