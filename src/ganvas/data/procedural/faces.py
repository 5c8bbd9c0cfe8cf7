"""Cartoon faces whose attributes depend on each other: who is old often wears glasses.

`ganvas.data.cartoon` paints them. What is known of a face: the ``tags`` pose (turned to the
picture's right), smile, age (old), glasses and gender, and the numbers ``yaw``, ``smile`` and
``age`` behind three of them.
"""

from __future__ import annotations

from ganvas.data.cartoon.factors import ENTANGLED
from ganvas.data.cartoon.stills import stills
from ganvas.data.items import Collection
from ganvas.data.settings import DataSettings


def collection(settings: DataSettings) -> Collection:
    """Return 4,000 + 1,000 faces of up to 32 pixels, 20,000 + 2,000 larger ones."""
    return stills("faces", ENTANGLED, settings)
