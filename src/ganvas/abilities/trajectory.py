"""``ganvas trajectory``: the paths of latents along which clips are made, and clips of any path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ganvas.cli.items import check_file
from ganvas.cli.options import (
    Game,
    GivenFields,
    Label,
    ModelFolder,
    Options,
    Seed,
    conditions,
    load_model,
    told,
)
from ganvas.cli.speech import say
from ganvas.files import replacing

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.labels import Labels
    from ganvas.model.trained import Array


def trajectory(
    run: ModelFolder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A .npz of arrays by name.")],
    count: Annotated[int, typer.Option(help="Of how many clips.", min=1)] = 64,
    seed: Seed = 0,
    label: Label = None,
    given: GivenFields = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Write what lies between latents and frames: what rests, and the path of what moves.

    The arrays are "content" (n, …), "path" (n, frames, …) and "times" (n, frames), where a clip of
    training is 1 long; of paths that follow an equation "velocity", too. They are those of the
    samples of the same seed and options.

    Example: ganvas trajectory runs/disc rate=2 --out path.npz
    """
    check_file(out, ".npz")
    model = load_model(run, game)
    found = paths(model, count, seed, label, conditions(given), **told(options, model, "grid"))
    with replacing(out) as file:
        np.savez(file, allow_pickle=False, **found)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in found.items())
    say(f"{shapes}: {out}")


def paths(
    model: Model,
    n: int,
    seed: int = 0,
    label: Labels = None,
    given: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, Array]:
    """Return the paths of the first n samples of a seed, by name.

    Raises:
        UsageError: an option makes no sense for this model.
        CannotError: its system has no paths.
    """
    import torch

    from ganvas.games.parts.clips import HasPaths

    game = model.asked(HasPaths)
    z, drawn = model.latents(n, seed, **options)
    y = model.wanted(n, label, given, drawn)
    with torch.inference_mode(), model.posed(**options):
        found = game.path(z.to(model.device), y)
    return {name: array.float().cpu().numpy() for name, array in found.items()}


def rendered(model: Model, content: Array, path: Array, label: Labels = None) -> Array:
    """Return clips in data units of any content (n, …) along any paths (n, frames, …).

    Raises:
        UsageError: there is no such class.
        CannotError: its system has no paths.
    """
    import torch

    from ganvas.games.parts.clips import HasPaths

    game = model.asked(HasPaths)
    y = None if label is None else model.wanted(len(content), label)
    rest = torch.as_tensor(content, dtype=torch.float32, device=model.device)
    moving = torch.as_tensor(path, dtype=torch.float32, device=model.device)
    with torch.inference_mode():
        return model.domain.decode(game.render(rest, moving, y))
