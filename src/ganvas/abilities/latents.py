"""``ganvas latents``: where data lie among a model's latents, and what lies everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.items import read_labelled
from ganvas.cli.options import Game, GivenFields, Label, ModelFolder, conditioned, load_model
from ganvas.cli.speech import say
from ganvas.errors import UsageError
from ganvas.given import require_place

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.trained import Array


def latents(
    run: ModelFolder,
    items: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Items, or a data set's name; without: the whole space."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An .svg of items, a .png of the space; by default latents.svg or latents.png.",
            show_default=False,
        ),
    ] = None,
    edge: Annotated[int, typer.Option(help="Samples along an edge of the .png.", min=2)] = 20,
    label: Label = None,
    given: GivenFields = None,
    game: Game = None,
) -> None:
    """Draw where items lie among the latents, or the samples of a regular grid of latents.

    Items are coloured by class. A sphere is shown by the Hammer projection, more than two
    dimensions by their principal axes. A grid covers the plane at equal steps of probability, the
    sphere at equal steps of area.

    Example: ganvas latents runs/svae digits --out latents.svg
    """
    from ganvas.files import disk_errors, write_whole

    model = load_model(run, game)
    wanted = ".png" if items is None else ".svg"
    out = out or Path(f"latents{wanted}")
    require_place(out)
    if out.suffix.lower() != wanted:
        what = "the whole space" if items is None else "items"
        raise UsageError(f"--out {out}: {what} become a {wanted}")
    if items is None:
        with disk_errors(out):
            asked = conditioned(label, given)
            model.domain.save(_grid(model, edge, asked), out)
        say(f"samples of {edge} × {edge} latents: {out}")
        return
    x, classes = read_labelled(items, model)
    from ganvas.report.latents import latent_figure

    figure = latent_figure(model.encode(x), classes, model.spec.class_names, _on_sphere(model))
    write_whole(out, figure.encode())
    say(f"latents of {len(x)} items: {out}")


def _grid(model: Model, edge: int, asked: dict[str, Any]) -> Array:
    from ganvas.latent.manifold import plane_grid, sphere_grid

    width = model.latents(1)[0].shape[1]
    z = sphere_grid(edge, width) if _on_sphere(model) else plane_grid(edge, width)
    return model.decode(z.numpy(), **asked).x


def _on_sphere(model: Model) -> bool:
    from ganvas.play.abilities import HasLatentSpace, has

    return has(model.game, HasLatentSpace) and model.game.latent.spherical
