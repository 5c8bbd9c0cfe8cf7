"""Checkpoints of other programs become run folders: settings, weights, and where they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError, wanted
from ganvas.files import misspelt
from ganvas.foreign import Imported, read_foreign
from ganvas.games import find_game
from ganvas.given import path_of
from ganvas.model import save_model
from ganvas.model.card import Provenance
from ganvas.play import Game, build
from ganvas.recipes.schema import Recipe, recipe_type
from ganvas.training.folder import RunFolder


def import_model(file: str | Path, out: str | Path, *, overwrite: bool = False) -> Imported:
    """Read a checkpoint of another program into a new run folder, without running any of it.

    The folder has the model, ready to be sampled, edited and trained on from (``--from``), and
    settings; no data and no checkpoint, so it cannot be resumed.

    Args:
        file: the checkpoint.
        out: the run folder to make.
        overwrite: replace a run folder that is there.

    Raises:
        UsageError: there is no such file, it is damaged, carries what is refused, or is of no known
            kind; or ``out`` is taken.
    """
    path, out = path_of(file, "file"), path_of(out, "out")
    if not path.is_file():
        raise UsageError(
            f"{path} is no file: import takes a checkpoint, such as model.pkl"
            f"{'' if path.exists() else misspelt(path)}"
        )
    RunFolder(out).refuse_unless_free(overwrite)
    found = read_foreign(path)
    game = _built(found, path)
    folder = RunFolder.create(out, _recipe(found).to_yaml(), overwrite)
    told = Provenance(
        about=found.about,
        data=found.spec.name,
        imported=path.name,
        weights_licence=found.licence,
    )
    save_model(folder.model, game, told)
    return found


def _built(found: Imported, path: Path) -> Game:
    """Return the game with the imported tensors.

    Raises:
        UsageError: they are not those of the networks that the file describes.
    """
    kind = find_game(found.system)
    try:
        config = kind.Config.model_validate(found.game)
    except ValidationError as error:
        raise UsageError(
            f"{path} describes networks that ganvas cannot make: {wanted(error.errors()[0]['msg'])}"
        ) from error
    game = build(kind, config, found.spec, seed=0)
    _put(game, found.tensors, path)
    return game.eval()


@torch.no_grad()
def _put(game: Game, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy tensors into networks; of a weight that is scaled when used, into what is scaled.

    What no file can have, such as a running mean of losses, stays as it begins.
    """
    state = {
        f"{name}.{key}": tensor
        for name, part in game.model().items()
        for key, tensor in part.state_dict().items()
    }
    state = {_plain(name): tensor for name, tensor in state.items()}
    parts = {name.partition(".")[0] for name in tensors}
    lacking = [
        name
        for name in state
        if name not in tensors
        and name.partition(".")[0] in parts
        and not name.endswith("num_batches_tracked")
    ]
    odd = [n for n in tensors if n not in state or state[n].shape != tensors[n].shape]
    if lacking or odd:
        raise UsageError(
            f"{path} does not fit the networks that its shapes describe: {len(lacking + odd)} "
            f"tensors differ, the first is '{(odd + lacking)[0]}'"
        )
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise UsageError(f"{path}: '{name}' holds numbers that are not finite")
        state[name].copy_(tensor)


def _plain(name: str) -> str:
    """Return a parametrised tensor's name as that of the tensor that layers use."""
    return re.sub(r"parametrizations\.(\w+)\.original", r"\1", name)


def _recipe(found: Imported) -> Recipe:
    """Return settings with which the model is measured against data, and trained on from."""
    tree: dict[str, Any] = {
        "name": f"{found.system}/imported",
        "about": found.about,
        "data": {"source": found.spec.name, **_shape(found.spec)},
        "game": {"system": found.system, **found.game},
        "train": {"rounds": 1},
    }
    return recipe_type(found.system, find_game(found.system)).model_validate(tree)


def _shape(spec: DataSpec) -> dict[str, Any]:
    """Return the settings of data that bring images into a model's size."""
    _, height, width = spec.shape
    size = height if height == width else (height, width)
    return {"size": size, "resize": "fit-crop"}
