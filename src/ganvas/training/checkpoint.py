"""Checkpoints: one safetensors file each, written whole or not at all, with a checksum.

The nested state of a run (plain values, tensors, arrays) becomes a flat set of tensors plus a JSON
skeleton in the file's metadata. Nothing is ever pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.model.sealed import DIGEST, DamageError, read_sealed, write_sealed
from ganvas.nn import everyones

FORMAT = "ganvas-checkpoint-2"

Nodes = Sequence[Any]


def pack(tree: Any) -> tuple[dict[str, Tensor], Any]:
    """Split a nested state into its tensors and a JSON skeleton that refers to them."""
    tensors: dict[str, Tensor] = {}

    def walk(node: Any) -> Any:
        match node:
            case np.ndarray():
                return {"array": walk(torch.from_numpy(node))["tensor"]}
            case Tensor():
                key = f"t{len(tensors)}"
                tensors[key] = node.detach().to("cpu", copy=True).contiguous()
                return {"tensor": key}
            case dict():
                items = cast(dict[Any, Any], node).items()
                return {"items": [[walk(key), walk(value)] for key, value in items]}
            case tuple():
                return {"tuple": [walk(value) for value in cast(Nodes, node)]}
            case list():
                return [walk(value) for value in cast(Nodes, node)]
            case None | bool() | int() | float() | str():
                return node
            case _:
                raise TypeError(f"a checkpoint cannot hold a {type(node).__name__}")

    return tensors, walk(tree)


def unpack(tensors: dict[str, Tensor], skeleton: Any) -> Any:
    """Rebuild what `pack` split."""
    match skeleton:
        case {"tensor": key}:
            return tensors[key]
        case {"array": key}:
            return tensors[key].numpy()
        case {"tuple": values}:
            return tuple(unpack(tensors, value) for value in values)
        case {"items": items}:
            return {unpack(tensors, key): unpack(tensors, value) for key, value in items}
        case list():
            return [unpack(tensors, value) for value in cast(Nodes, skeleton)]
        case _:
            return skeleton


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a nested state to ``path``, whole or not at all."""
    tensors, skeleton = pack(state)
    write_sealed(path, tensors, {"format": FORMAT, "skeleton": json.dumps(skeleton)}, deep=False)


def load_state(path: Path) -> dict[str, Any]:
    """Read a nested state that `save_state` wrote.

    Raises:
        GanvasError: the file is damaged in any way, foreign, or not there.
    """
    if not path.is_file():
        raise GanvasError(f"there is no checkpoint {path}")
    try:
        metadata, tensors = read_sealed(path)
        if metadata.get("format") == FORMAT and DIGEST not in metadata:
            raise DamageError("its checksum is gone")
    except DamageError as error:
        raise GanvasError(f"the checkpoint {path} is damaged or cut short ({error})") from error
    if metadata.get("format") != FORMAT:
        raise GanvasError(f"{path} is not a checkpoint of this version ({FORMAT})")
    return unpack(tensors, json.loads(metadata["skeleton"]))


def all_finite(state: Any) -> bool:
    """Whether every floating-point tensor of a nested state is finite."""
    match state:
        case Tensor():
            return not state.is_floating_point() or bool(state.isfinite().all())
        case dict():
            return all(all_finite(value) for value in cast(dict[Any, Any], state).values())
        case list() | tuple():
            return all(all_finite(value) for value in cast(Nodes, state))
        case _:
            return True


def refuse_others(mine: Mapping[str, Tensor], saved: Mapping[str, Tensor], path: Path) -> None:
    """Refuse a checkpoint of a run in a folder whose tensors are not those of its networks.

    Raises:
        GanvasError: one is missing, one too many, or of another shape.
    """
    for name in sorted(mine.keys() | saved.keys()):
        if name not in mine or name not in saved or mine[name].shape != saved[name].shape:
            raise GanvasError(
                f"the checkpoint in {path} is of another recipe: '{name}' is not the same tensor "
                "in it and in the networks of config.yaml"
            )


def refuse_unalike(rounds: int, path: Path) -> None:
    """Refuse to go on from checkpoints of different rounds on different processes.

    Raises:
        GanvasError: they are.
    """
    if len(found := set(everyones(rounds))) > 1:
        listed = " and ".join(f"{n:,}" for n in sorted(found))
        raise GanvasError(
            f"the processes of this run find checkpoints of different rounds in {path}: "
            f"{listed}; it must lie on a disk that all nodes share"
        )
