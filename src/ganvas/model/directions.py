"""Direction files: safetensors that say of which model and space a direction is, and whence.

``vector`` float32 in the shape of a latent, ``intercept`` float64 (), and in the metadata the hash
of the model's weights: other weights have other latents, and in them it would mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganvas.data.arrays import load_array
from ganvas.errors import GanvasError, UsageError
from ganvas.given import path_of, require_place
from ganvas.latent.directions import Direction
from ganvas.latent.spaces import space_of
from ganvas.model.sealed import not_such, read_named, write_told
from ganvas.model.trained import Trained

FORMAT = "ganvas-direction-1"
FILE = ("direction file", "ganvas directions")
"""In words, and what makes such files."""
LATENTS = "z"
"""The space of the latents that a generator is given."""
SUFFIX, ARRAY = ".safetensors", ".npy"


def check_direction_file(path: Path) -> None:
    """Refuse a name that is no direction file's, before any work is done.

    Raises:
        UsageError: it is not.
    """
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"--out {path}: a direction is a {SUFFIX} file")
    require_place(path)


def save_direction(
    path: str | Path,
    direction: Direction,
    model: Trained,
    found: Mapping[str, Any],
    space: str = LATENTS,
) -> None:
    """Write a direction of a model.

    Args:
        path: where to.
        direction: in the model's latents, or another space of its own.
        model: whose latents it moves.
        found: how it was found, in plain values: method, exemplars, accuracy, conditions.
        space: the latents' name.

    Raises:
        UsageError: the model was never saved, so that nothing tells it from others.
        GanvasError: the file cannot be written.
    """
    if not model.digest:
        raise UsageError("a direction belongs to a saved model: save it, and load it again")
    told = {
        "format": FORMAT,
        "space": space,
        "system": model.system,
        "model": model.digest,
        "found": dict(found),
    }
    tensors = {
        "vector": direction.vector.float(),
        "intercept": torch.tensor(direction.intercept, dtype=torch.float64),
    }
    write_told(path, tensors, told)


def load_direction(path: str | Path, model: Trained, space: str = LATENTS) -> Direction:
    """Return the direction in a file, if it is one of this model.

    A .npy of one unit vector, (1, d) or (d,), as others publish them, says of no model; its plane
    goes through 0.

    Raises:
        UsageError: there is none, or it is of another model or space.
        GanvasError: the file is damaged.
    """
    path = path_of(path, "path")
    if path.suffix.lower() == ARRAY:
        direction = _read_array(path)
    else:
        told, direction = read_direction(path)
        if told["model"] != model.digest:
            raise UsageError(
                f"{path} is a direction of another model of {told['system']} (sha256 "
                f"{told['model'][:12]}…, not {model.digest[:12]}…): other weights have other "
                "latents; make it anew with: ganvas directions"
            )
        if told["space"] != space:
            raise UsageError(
                f"{path} is a direction in the space '{told['space']}', and these latents are of '"
                f"{space}'"
            )
    wanted = space_of(model.game, space).shape
    if direction.vector.shape != wanted:
        found = tuple(direction.vector.shape)
        raise UsageError(f"{path} moves codes of shape {found}, not {wanted}")
    return direction


def space_in(path: Path) -> str | None:
    """Return the space that a direction file is of; None of an array, which does not say.

    Raises:
        UsageError: as of `read_direction`.
    """
    return None if path.suffix.lower() == ARRAY else str(read_direction(path)[0]["space"])


def _read_array(path: Path) -> Direction:
    """Return the direction in a .npy file.

    Raises:
        UsageError: there is none.
    """
    found = load_array(path, "direction file")
    vector = found[0] if found.ndim > 1 and len(found) == 1 else found
    if found.dtype.kind != "f" or not np.isfinite(found).all() or not found.any():
        raise UsageError(
            f"{path} holds {found.dtype} of shape {found.shape}: expected one vector of numbers, "
            "(1, d)"
        )
    return Direction(torch.from_numpy(vector.astype(np.float32)), 0.0)


def read_direction(path: Path) -> tuple[dict[str, Any], Direction]:
    """Return what a direction file says of itself, and the direction.

    Raises:
        UsageError: there is no such file, or it holds something else.
        GanvasError: it is damaged.
    """
    known, tensors, _ = read_named(path, FORMAT, *FILE)
    fits = tensors.keys() == {"vector", "intercept"} and tensors["intercept"].numel() == 1
    if not fits or not all(str(known.get(field, "")) for field in ("space", "system", "model")):
        raise not_such(path, *FILE)
    vector = tensors["vector"].float()
    if not bool(vector.isfinite().all()) or not bool(vector.any()):
        raise GanvasError(f"{path} holds no direction: its vector is zero or not finite")
    return known, Direction(vector, float(tensors["intercept"]))
