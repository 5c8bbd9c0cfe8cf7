"""Starting from another run's networks: transfer learning and fine-tuning."""

from __future__ import annotations

from pathlib import Path

import torch

from ganvas.errors import UsageError
from ganvas.model.storage import find, read
from ganvas.play import Game


@torch.no_grad()
def start_from(game: Game, run: Path) -> list[str]:
    """Take over every tensor of another run's model that has the same name and shape in ``game``.

    Returns:
        What was loaded, what is new and what was dropped, one line each.

    Raises:
        UsageError: there is no model, or nothing of it fits.
        GanvasError: the model cannot be read.
    """
    path = find(run)
    config, theirs = read(path)
    mine = game.state_dict()
    fitting = [k for k in mine if k in theirs and theirs[k].shape == mine[k].shape]
    if not any(mine[k].is_floating_point() for k in fitting):
        raise UsageError(
            f"nothing of {path} ({config['system']}) fits this recipe's networks; give it the same "
            "game.generator and game.discriminator"
        )
    for name in fitting:
        mine[name].copy_(theirs[name])
    return [
        f"loaded from {path}: {_parts(fitting)}",
        f"new: {_parts([k for k in mine if k not in fitting])}",
        f"dropped: {_parts([k for k in theirs if k not in fitting])}",
    ]


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
