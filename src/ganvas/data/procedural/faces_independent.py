"""The cartoon faces of `faces` with attributes that know nothing of each other."""

from __future__ import annotations

from ganvas.data.cartoon.factors import INDEPENDENT
from ganvas.data.cartoon.stills import stills
from ganvas.data.items import Collection
from ganvas.data.settings import DataSettings


def collection(settings: DataSettings) -> Collection:
    """Return 4,000 + 1,000 faces of up to 32 pixels, 20,000 + 2,000 larger ones."""
    return stills("faces_independent", INDEPENDENT, settings)
