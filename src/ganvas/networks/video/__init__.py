"""Networks for clips (N, C, T, H, W): judges, generators of clips and of their frames.

Files are found by themselves: a new family is a new file here.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ganvas.networks.base import Presets

_modules = [import_module(f"{__name__}.{file.name}") for file in pkgutil.iter_modules(__path__)]

PRESETS: Presets = {
    name: pair
    for module in _modules
    for name, pair in getattr(module, "PRESETS", dict[str, tuple[object, object]]()).items()
}
"""Networks of these families that papers use, by name."""
