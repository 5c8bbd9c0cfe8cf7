"""Checks that hold with the pinned versions of packages: the look of help pages, rules of style."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

PINS = Path(__file__).resolve().parents[1] / "constraints" / "pinned.txt"


def pinned(*packages: str) -> pytest.MarkDecorator:
    """Leave a test out where one of the packages is here in another version than is pinned."""
    lines = PINS.read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    others = [f"{name} {here}" for name in packages if (here := version(name)) != pins[name]]
    return pytest.mark.skipif(bool(others), reason=f"{', '.join(others)}: not the pinned version")
