"""``ganvas mix``: styles of some layers from other samples, as a sheet or a film."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.exemplars import OneLabel, rows
from ganvas.cli.items import check_place
from ganvas.cli.options import (
    Game,
    GivenFields,
    ModelFolder,
    Options,
    conditioned,
    load_model,
    told,
)
from ganvas.cli.spaces import CodeFile, chosen
from ganvas.cli.speech import say
from ganvas.data.animation import WRITERS, animated, require
from ganvas.files import disk_errors, write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from ganvas.model import Model
    from ganvas.model.codes import Codes
    from ganvas.model.trained import Array


def mix(
    run: ModelFolder,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A .png sheet, a .gif or .mp4, an array, or a folder."),
    ],
    seeds: Annotated[
        str, typer.Option(metavar="SEEDS", help="Samples whose other styles stay: 0-3, or 0:17.")
    ] = "0-3",
    sources: Annotated[
        str, typer.Option(metavar="SEEDS", help="Samples of which styles are taken.")
    ] = "4-8",
    slots: Annotated[
        str,
        typer.Option(metavar="SLOTS", help="Which styles: coarse, middle, fine, or 0-3, or 0,5."),
    ] = "fine",
    steps: Annotated[
        int | None,
        typer.Option(help="Frames from source to source; by default those of a second.", min=1),
    ] = None,
    rate: Annotated[float, typer.Option(help="Frames of a film a second.")] = 24.0,
    codes: CodeFile = None,
    label: OneLabel = None,
    given: GivenFields = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Show samples with the styles of some layers from others: what each level is about.

    A sheet has the sources above, the samples to the left, and each sample with the styles of each
    source between. In a film these styles go from source to source while all others stay; noise is
    the stored one throughout.

    Example: ganvas mix runs/faces --slots coarse --out coarse.png
    """
    from ganvas.latent.mixing import slots_of
    from ganvas.model.codes import lifted

    moving = out.suffix.lower() in WRITERS
    if moving:
        require(out.suffix.lower(), rate)
    model = load_model(run, game)
    asked = told(options, model)
    check_place(model, out, moving)
    named = {**conditioned(label, given), **asked}
    kept = lifted(model, chosen(model, codes, seeds, "--seeds", "w+", **named), "w+")
    givers = chosen(model, None, sources, "--sources", "w+", **named)
    which = slots_of(slots, kept.x.shape[1])
    if moving:
        film = _film(model, kept, givers, which, steps or max(1, round(rate)), asked)
        write_whole(out, animated(film, out.suffix.lower(), rate))
    else:
        sheet, columns = _sheet(model, kept, givers, which, asked)
        with disk_errors(out):
            model.domain.save(sheet, out, columns=columns)
    say(f"slots {', '.join(map(str, which))} of {len(givers)} samples in {len(kept)}: {out}")


def _sheet(
    model: Model, kept: Codes, givers: Codes, slots: list[int], options: dict[str, Any]
) -> tuple[Array, int]:
    """Return pictures row by row, and how many are in a row."""
    import numpy as np

    from ganvas.latent.mixing import mixed
    from ganvas.model.codes import items_of

    mixtures = mixed(kept.x, givers.x, slots)
    cells = items_of(model, _each(kept, mixtures, len(givers)), **options)
    left, above = (items_of(model, one, **options) for one in (kept, givers))
    groups = [
        [one[None], *row[:, None]]
        for one, row in zip(left, np.split(cells, len(kept)), strict=True)
    ]
    return rows([[None, *above[:, None]], *groups], len(givers) + 1), len(givers) + 1


def _film(
    model: Model, kept: Codes, givers: Codes, slots: list[int], steps: int, options: dict[str, Any]
) -> Array:
    """Return frames in which all samples stand side by side, and go round all sources."""
    import numpy as np

    from ganvas.latent.mixing import mixed
    from ganvas.latent.walks import walk
    from ganvas.model.codes import items_of

    path = walk(givers.x, steps, how="lerp", loop=True) if len(givers) > 1 else givers.x
    made = items_of(model, _each(kept, mixed(kept.x, path, slots), len(path)), **options)
    shown = model.domain.pictures(made)
    each = shown.reshape(len(kept), len(path), *shown.shape[1:])
    return np.concatenate([*each], axis=2)


def _each(kept: Codes, mixtures: Tensor, times: int) -> Codes:
    """Return mixtures (N, M, L, D) as codes with the classes and noise of the N."""
    from ganvas.networks.conditions import repeated

    maps = [one.repeat_interleave(times, 0) for one in kept.maps]
    return replace(kept, x=mixtures.flatten(0, 1), y=repeated(kept.y, times), maps=maps)
