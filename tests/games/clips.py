"""Tiny clips for tests of games: moving shapes of 8 frames of 8×8."""

from __future__ import annotations

from functools import cache

from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source

FEW = {"clips": 64, "held_out": 128}


@cache
def shapes() -> Source:
    return open_data(DataSettings(source="shapes", frames=8, size=8, variant=FEW))


@cache
def futures() -> Source:
    """Return the same with the first frame of each clip beside it."""
    derive = {"image": {"kind": "first_frame"}}
    settings = {"source": "shapes", "frames": 8, "size": 8, "variant": FEW, "derive": derive}
    return open_data(DataSettings.model_validate(settings))
