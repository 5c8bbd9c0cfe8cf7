"""``ganvas pairs`` and ``ganvas codes``: what a DIW-GAN's distance sees, and how wide a code is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.options import Game, ModelFolder, Seed, Settings, load_model
from ganvas.cli.speech import say, table
from ganvas.errors import UsageError


def pairs(
    run: ModelFolder,
    out: Annotated[Path, typer.Option(metavar="FILE.svg", help="Where the figure goes.")],
    summary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write the representatives, hardest to cover first."
        ),
    ] = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Draw a DIW-GAN's samples beside the real data they are matched with, and their weights.

    Example: ganvas pairs runs/diw --out pairs.svg --summary representatives.npy
    """
    from ganvas.api.pairs import meet
    from ganvas.files import disk_errors, write_whole

    if out.suffix.lower() != ".svg":
        raise UsageError(f"--out {out}: expected a name that ends in .svg")
    model = load_model(run, game)
    found = meet(model, seed)
    write_whole(out, found.figure.encode())
    say(
        table(
            [
                ("mean matched distance", f"{found.distance:.4g}"),
                ("entropy of the reals' weights", f"{found.real_entropy:.3f}"),
                ("entropy of the fakes' weights", f"{found.fake_entropy:.3f}"),
                ("pairs of samples that repeat each other", f"{100 * found.repeated:.3g} %"),
                ("the same of real data", "0.1 %"),
            ]
        )
    )
    if summary is not None:
        with disk_errors(summary):
            model.domain.save(found.reals, summary)
        say(f"{len(found.reals)} representatives: {summary}")
    say(f"figure: {out}")


def codes(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe of diwgan.")],
    settings: Settings = None,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="Data of your own, or a name.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="Of each autoencoder; the recipe's own without.", min=1)
    ] = None,
    game: Game = None,
) -> None:
    """Train autoencoders of growing width, and say which is wide enough for the data.

    Example: ganvas codes diwgan/images --data photos --rounds 1000
    """
    from ganvas.api.codes import wide_enough, widths
    from ganvas.recipes import load_recipe

    errors = widths(load_recipe(recipe, settings or [], data, game), rounds, say=say)
    say(f"wide enough: game.code={wide_enough(errors)}")
