"""``ganvas sweep``: the same samples with one option at several values, such as truncation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.exemplars import OneLabel, places
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
from ganvas.cli.speech import say
from ganvas.data.animation import WRITERS, animated, require
from ganvas.errors import UsageError
from ganvas.files import disk_errors, write_whole

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.trained import Array

MOST = 1000
"""Values."""


def sweep(
    run: ModelFolder,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A .png sheet, a .gif or .mp4, an array, or a folder."),
    ],
    option: Annotated[str, typer.Option(help="Which option of samples.")] = "truncation",
    values: Annotated[
        str,
        typer.Option(metavar="VALUES", help="Values with commas, or FROM:TO:COUNT of numbers."),
    ] = "1,0.7,0.5,0.3,0",
    seeds: Annotated[
        str, typer.Option(metavar="SEEDS", help="Which samples: 0-8, or 3,5,9, or 0:17.")
    ] = "0-3",
    rate: Annotated[float, typer.Option(help="Frames of an animation a second.")] = 12.0,
    label: OneLabel = None,
    given: GivenFields = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Show the same samples with one option at several values: a row for each sample.

    In an animation they stand side by side, a frame for each value. Latents, classes and noise are
    the same throughout.

    Example: ganvas sweep runs/faces --values 1,0.7,0.5,0 --out truncated.png
    """
    moving = out.suffix.lower() in WRITERS
    if moving:
        require(out.suffix.lower(), rate)
    which, words = places(seeds, "--seeds"), _values(values)
    model = load_model(run, game)
    others = told(options, model)
    check_place(model, out, moving)
    asked = conditioned(label, given)
    swept = [{**others, **told([f"{option}={word}"], model)} for word in words]
    columns = [_samples(model, which, asked, options) for options in swept]
    if moving:
        write_whole(out, animated(_film(model, columns), out.suffix.lower(), rate))
    else:
        import numpy as np

        sheet = np.stack(columns, axis=1)
        with disk_errors(out):
            model.written(**others).save(
                sheet.reshape(-1, *sheet.shape[2:]), out, columns=len(words)
            )
    say(f"{len(which)} samples at {len(words)} values of {option}: {out}")


def _samples(
    model: Model, which: list[tuple[int, int]], asked: dict[str, Any], options: dict[str, Any]
) -> Array:
    """Return some samples, as `ganvas sample` draws them."""
    import numpy as np

    drawn = (model.sample(n + 1, seed=seed, **asked, **options).x[-1:] for seed, n in which)
    return np.concatenate([*drawn])


def _film(model: Model, columns: list[Array]) -> Array:
    """Return a frame for each value, with all samples side by side."""
    import numpy as np

    return np.stack([np.concatenate([*model.domain.pictures(x)], axis=1) for x in columns])


def _values(words: str) -> list[str]:
    """Return values from words such as ``1,0.5`` or ``0:1:5``.

    Raises:
        UsageError: there are none, or too many.
    """
    parts = words.split(":")
    if len(parts) != 3:
        return [word.strip() for word in words.split(",")]
    try:
        first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        first, last, count = 0.0, 0.0, 0
    if not 2 <= count <= MOST:
        raise UsageError(
            f"--values {words}: expected FROM:TO:COUNT such as 0:1:11, of 2 to {MOST} values"
        )
    step = (last - first) / (count - 1)
    return [f"{first + number * step:.6g}" for number in range(count)]
