"""Where and with what a run was made."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from ganvas.recipes import Recipe

PACKAGES = ("ganvas", "torch", "numpy", "lightning-fabric", "pydantic", "safetensors")


def describe_environment(recipe: Recipe) -> dict[str, Any]:
    """Return versions, machine and command, for ``environment.json``."""
    return {
        "command": _command(),
        "recipe": recipe.name,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def _command() -> list[str]:
    program, *arguments = sys.argv
    return ["ganvas", *arguments] if "ganvas" in program else []


def _version(name: str) -> str:
    try:
        return version(name).partition("+")[0]  # without the name of a local build
    except PackageNotFoundError:
        return "not installed"
