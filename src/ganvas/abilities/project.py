"""``ganvas project``: the samples that come nearest to items, and their codes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.items import PICTURES, Items, check_place, read_items, save_beside
from ganvas.cli.options import Game, GivenFields, ModelFolder, Out, Seed, conditions, load_model
from ganvas.cli.spaces import Loss, SpaceName
from ganvas.cli.speech import say
from ganvas.data.animation import WRITERS, animated, require
from ganvas.data.domain import PLANE
from ganvas.errors import UsageError
from ganvas.files import disk_errors, write_whole

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.trained import Array

SHOWN = 24
"""Moments of a search that a trajectory shows."""
RATE = 12.0
"""Frames a second."""


class Start(StrEnum):
    """Where searches begin."""

    MIDDLE = "middle"
    ENCODER = "encoder"


def project(
    run: ModelFolder,
    items: Items,
    out: Out,
    space: SpaceName = None,
    loss: Loss = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Steps of each search; by default 1000, of IvOM 500. 0: where it begins.",
            min=0,
            show_default=False,
        ),
    ] = None,
    restarts: Annotated[
        int, typer.Option(help="Searches for each item, among latents; the best counts.", min=1)
    ] = 3,
    start: Annotated[
        Start,
        typer.Option(
            help="Where searches begin: in the middle of styles, or with what an encoder says."
        ),
    ] = Start.MIDDLE,
    noise: Annotated[
        bool, typer.Option(help="Whether noise maps are searched for, too; else stored ones stay.")
    ] = True,
    whiteness: Annotated[
        float, typer.Option(help="Weight of the noise maps' autocorrelation.", min=0)
    ] = 1e5,
    official_pyramid: Annotated[
        bool,
        typer.Option(
            "--official-pyramid", help="Of noise maps, as in the official codes, not the paper."
        ),
    ] = False,
    closeness: Annotated[
        float, typer.Option(help="Weight of the distance from the middle of the space.", min=0)
    ] = 0.0,
    codes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the codes, as .safetensors."),
    ] = None,
    trajectory: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also show the search: a .gif or .mp4, or a .png."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The class of the items, for models with classes.")
    ] = None,
    given: GivenFields = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Search the samples that come nearest to items, and say how near.

    Of generators with styles their codes in W are searched for, with their noise maps; of others
    latents, by IvOM unless --space z is named. A .png shows items and nearest samples in turn.

    Example: ganvas project runs/faces photos --codes photos.safetensors --out nearest.png
    """
    from ganvas.latent.likeness import PIXELS
    from ganvas.latent.projection import Schedule
    from ganvas.model.codes import check_code_file, save_codes
    from ganvas.model.projection import default_space, project_items

    if codes is not None:
        check_code_file(codes)
    moving = trajectory is not None and trajectory.suffix.lower() not in PICTURES
    if trajectory is not None and moving:
        require(trajectory.suffix.lower(), RATE)
    model = load_model(run, game)
    check_place(model, out)
    if trajectory is not None:
        check_place(model, trajectory, moving, "--trajectory")
    x = read_items(items, model)
    asked = loss or codes or trajectory or label or given or closeness or model.conditional
    asked = asked or start is Start.ENCODER or steps == 0
    if space is None and default_space(model) == "z" and not asked:
        nearest, errors = model.project(x, restarts=restarts, steps=steps or 500, seed=seed)
        save_beside(model, x, nearest, out)
    else:
        schedule = Schedule(
            steps=1000 if steps is None else steps,
            whiteness=whiteness if noise else None,
            doubled=not official_pyramid,
            closeness=closeness,
        )
        found = project_items(
            model,
            x,
            space,
            loss=loss or PIXELS,
            schedule=schedule,
            restarts=restarts,
            start=start.value,
            label=label,
            given=conditions(given),
            seed=seed,
            every=max(1, schedule.steps // SHOWN) if trajectory else None,
        )
        save_beside(model, x, found.items, out)
        errors = found.errors
        if found.noise is not None:
            say(f"autocorrelation of the noise maps: {found.noise:.3f}")
        if codes is not None:
            save_codes(codes, found.codes, model)
            say(f"codes in {found.codes.space}: {codes}")
        if trajectory is not None and found.frames is not None:
            _show(model, x, found.frames, trajectory)
            say(f"trajectory: {trajectory}")
    say(f"mean squared error over {len(x)} items: {worded(model, float(errors.mean()))}")
    say(f"nearest samples: {out}")


def worded(model: Model, error: float) -> str:
    """Return a mean squared error of network units in words; of images by both ranges of pixels."""
    if model.domain.grid != PLANE:
        return f"{error:.5f}"
    return f"{error / 4:.5f} for pixels in [0, 1], {error:.5f} for pixels in [-1, 1]"


def _show(model: Model, x: Array, frames: Array, path: Path) -> None:
    """Write a search of N items, (T, N, …): as a film with the items above, or a row for each."""
    import numpy as np

    suffix, n = path.suffix.lower(), len(x)
    if suffix not in WRITERS:
        rows = np.concatenate([np.swapaxes(frames, 0, 1), x[:, None]], axis=1)
        with disk_errors(path):
            model.domain.save(rows.reshape(-1, *x.shape[1:]), path, columns=len(frames) + 1)
        return
    if model.domain.grid != PLANE:
        raise UsageError(f"a film of a search is for images; {model.domain.plural} have a .png")
    shown = np.stack([np.concatenate([*x[:8]], axis=1)] * len(frames))
    moving = np.stack([np.concatenate([*frame[: min(n, 8)]], axis=1) for frame in frames])
    write_whole(path, animated(np.concatenate([shown, moving], axis=1), suffix, RATE))
