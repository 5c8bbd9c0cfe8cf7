"""Networks with a name: pairs of settings that papers and benchmarks use.

Each family of networks brings its own, as ``PRESETS``. Names of point networks are those of the
mode-coverage benchmark; parameter counts beside them are at the size and latent width given.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

from ganvas.networks.base import Presets


def _gathered() -> Presets:
    """Return the presets of all families beside this file."""
    files = [file.name for file in pkgutil.iter_modules([str(Path(__file__).parent)])]
    modules = [import_module(f"ganvas.networks.{name}") for name in files if name != "presets"]
    found: list[Presets] = [getattr(module, "PRESETS", {}) for module in modules]
    return {name: pair for presets in found for name, pair in presets.items()}


PRESETS = _gathered()
"""Pairs by name: in a configuration a preset's name stands for its settings."""
