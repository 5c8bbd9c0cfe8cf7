"""Checkpoints: one safetensors file each, written whole or not at all.

The nested state of a run (plain values, tensors, arrays) becomes a flat set of tensors plus a JSON
skeleton in the file's metadata. Nothing is ever pickled.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ganvas.errors import GanvasError

FORMAT = "ganvas-checkpoint-1"


def pack(tree: Any) -> tuple[dict[str, Tensor], Any]:
    """Split a nested state into its tensors and a JSON skeleton that refers to them."""
    tensors: dict[str, Tensor] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, np.ndarray):
            return {"array": walk(torch.from_numpy(node))["tensor"]}
        if isinstance(node, Tensor):
            key = f"t{len(tensors)}"
            tensors[key] = node.detach().to("cpu", copy=True).contiguous()
            return {"tensor": key}
        if isinstance(node, dict):
            return {"items": [[walk(k), walk(v)] for k, v in node.items()]}
        if isinstance(node, tuple):
            return {"tuple": [walk(v) for v in node]}
        if isinstance(node, list):
            return [walk(v) for v in node]
        if node is None or isinstance(node, bool | int | float | str):
            return node
        raise TypeError(f"a checkpoint cannot hold a {type(node).__name__}")

    return tensors, walk(tree)


def unpack(tensors: dict[str, Tensor], skeleton: Any) -> Any:
    """Rebuild what `pack` split."""
    if isinstance(skeleton, list):
        return [unpack(tensors, v) for v in skeleton]
    if not isinstance(skeleton, dict):
        return skeleton
    ((kind, value),) = skeleton.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "array":
        return tensors[value].numpy()
    if kind == "tuple":
        return tuple(unpack(tensors, v) for v in value)
    return {unpack(tensors, k): unpack(tensors, v) for k, v in value}


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.writing")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise GanvasError(
            f"could not write {path}: {error.strerror or error}. Nothing written before is lost; "
            f"make room or allow writing, then: ganvas resume {path.parent.parent}"
        ) from error


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a nested state to ``path`` atomically."""
    tensors, skeleton = pack(state)
    metadata = {"format": FORMAT, "skeleton": json.dumps(skeleton)}
    write_atomically(path, save(tensors, metadata))


def load_state(path: Path) -> dict[str, Any]:
    """Read a nested state that `save_state` wrote.

    Raises:
        GanvasError: the file is truncated, foreign, or not there.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise GanvasError(f"there is no checkpoint {path}") from error
    except (SafetensorError, OSError) as error:
        raise GanvasError(f"the checkpoint {path} is damaged or cut short ({error})") from error
    if metadata.get("format") != FORMAT:
        raise GanvasError(f"{path} is not a checkpoint of this version ({FORMAT})")
    return unpack(tensors, json.loads(metadata["skeleton"]))


def all_finite(state: Any) -> bool:
    """Whether every floating-point tensor of a nested state is finite."""
    if isinstance(state, Tensor):
        return not state.is_floating_point() or bool(state.isfinite().all())
    if isinstance(state, dict):
        return all(all_finite(v) for v in state.values())
    if isinstance(state, list | tuple):
        return all(all_finite(v) for v in state)
    return True
