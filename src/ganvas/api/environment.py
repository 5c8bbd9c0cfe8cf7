"""Where and with what a run was made."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ganvas.nn import world_size
from ganvas.recipes import Recipe
from ganvas.training.cluster import job

PACKAGES = ("ganvas", "torch", "numpy", "lightning-fabric", "pydantic", "safetensors")


def describe_environment(recipe: Recipe) -> dict[str, Any]:
    """Return versions, machine and command, for ``environment.json``."""
    return {
        "command": _command(),
        "recipe": recipe.name,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "system": machine(),
        "threads": torch.get_num_threads(),
        "processes": world_size(),
        **({"job": here.name} if (here := job()) else {}),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def machine() -> str:
    """Return system, processor and the vector instructions that torch uses on it.

    They decide in which order numbers are added up, and so where a long run ends.
    """
    vectors = torch.backends.cpu.get_cpu_capability()
    return f"{platform.system()} {platform.machine()}, {_processor()}, {vectors}"


def _processor() -> str:
    """Return the processor's name as it gives it itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or "unknown processor"


def _command() -> list[str]:
    program, *arguments = sys.argv
    return ["ganvas", *arguments] if "ganvas" in program else []


def _version(name: str) -> str:
    try:
        return version(name).partition("+")[0]  # without the name of a local build
    except PackageNotFoundError:
        return "not installed"
