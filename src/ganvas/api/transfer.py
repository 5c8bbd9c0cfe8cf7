"""Starting from another run's networks: transfer learning and fine-tuning.

Tensors are known by their names. Levels are counted from the coarsest, so that networks of other
sizes share those that both have; of other channels and classes the weights are fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.transfer import Fitting, alpha_of
from ganvas.model.storage import find, read
from ganvas.networks.base import Discriminator
from ganvas.play import Game


@torch.no_grad()
def start_from(game: Game, run: Path) -> list[str]:
    """Take over every tensor of another run's model that ``game`` has, too, fitted if need be.

    What belongs to a run and not to its networks, such as the probability of changes, begins anew.

    Returns:
        What was loaded, what was fitted, what is new and what was dropped, one line each.

    Raises:
        UsageError: there is no model, or nothing of it fits.
        GanvasError: the model cannot be read.
    """
    path = find(run)
    config, theirs = read(path)
    mine = {name: tensor for name, tensor in game.state_dict().items() if not _of_run(game, name)}
    fitting = _fitting(game, config)
    taken, fitted, used = list[str](), list[str](), set[str]()
    for name, tensor in mine.items():
        other = _their_name(game, name, mine, theirs)
        if other not in theirs:
            continue
        if theirs[other].shape == tensor.shape:
            tensor.copy_(theirs[other])
            taken.append(name)
        elif fitting is not None and fitting.fit_(name, tensor, theirs[other]):
            fitted.append(name)
        else:
            continue
        used.add(other)
    if not any(mine[name].is_floating_point() for name in taken):
        raise UsageError(
            f"nothing of {path} ({config['system']}) fits this recipe's networks; give it the same "
            "game.generator and game.discriminator"
        )
    return [
        f"loaded from {path}: {_parts(taken)}",
        *([f"fitted to other channels or classes: {_parts(fitted)}"] if fitted else []),
        *(alpha_of(game, fitting) if fitting is not None else []),
        f"new: {_parts([k for k in mine if k not in {*taken, *fitted}])}",
        f"dropped: {_parts([k for k in theirs if k not in used and not _of_run(game, k)])}",
    ]


def _fitting(game: Game, config: Mapping[str, Any]) -> Fitting | None:
    """Return how tensors of a model of other data fit; None if its data are not known here."""
    try:
        spec = DataSpec.model_validate(config["data"])
    except (ValidationError, KeyError):
        return None
    given: Mapping[str, Any] = config.get("game") or {}
    return Fitting(game, spec, bool(given.get("conditional")))


def _of_run(game: nn.Module, name: str) -> bool:
    """Whether a tensor is kept by a part that says that it belongs to a run (``of_run``)."""
    part = game
    for step in name.split(".")[:-1]:
        part = getattr(part, step, None)
        if part is None or getattr(part, "of_run", False):
            return part is not None
    return False


def _their_name(
    game: nn.Module, name: str, mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> str:
    """Return what a tensor is called in the other model.

    Lists whose entries a discriminator counts from the image on are matched at their other end.
    """
    part, path = game, list[str]()
    steps = name.split(".")
    for place, step in enumerate(steps[:-2]):
        listed = isinstance(part, Discriminator) and step in part.from_finest
        if listed and steps[place + 1].isdecimal():
            stem = ".".join([*path, step])
            shift = _entries(stem, mine) - _entries(stem, theirs)
            return ".".join([stem, str(int(steps[place + 1]) - shift), *steps[place + 2 :]])
        part = getattr(part, step, None)
        if not isinstance(part, nn.Module):
            break
        path.append(step)
    return name


def _entries(stem: str, tensors: Mapping[str, Tensor]) -> int:
    """Return how many entries a list has, up to the last that has tensors."""
    below = (name.removeprefix(f"{stem}.") for name in tensors if name.startswith(f"{stem}."))
    return max((int(name.partition(".")[0]) + 1 for name in below), default=0)


def _parts(names: list[str]) -> str:
    """Say how many tensors of each network these are, and name them if they are few."""
    if not names:
        return "nothing"
    if len(names) <= 4:
        return ", ".join(names)
    counts: dict[str, int] = {}
    for name in names:
        network = name.partition(".")[0]
        counts[network] = counts.get(network, 0) + 1
    return ", ".join(f"{network} ({count} tensors)" for network, count in counts.items())
