"""``ganvas posterior``: to which components of a model's mixture items belong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.abilities.slots import Thumbnails
from ganvas.api.run_items import held_out_items
from ganvas.cli.items import ARRAYS, check_file, read_items, write_array
from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.speech import say
from ganvas.data.choice import at_most
from ganvas.data.spec import AnyArray
from ganvas.files import write_whole
from ganvas.model import Model
from ganvas.report.slots import Asked, Bar, posterior_bars


def posterior(
    run: ModelFolder,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A .svg figure, or a .npy or .npz array of all of it."),
    ],
    items: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A .npy or .npz array, a picture, or a folder of them; by default held-out items.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="Items shown in a figure.", min=1)] = 6,
    slots: Annotated[int, typer.Option(help="Slots shown for each item.", min=1)] = 9,
    top: Annotated[
        bool, typer.Option("--top", help="Show the most probable slots, not random ones.")
    ] = False,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Write how probably each item belongs to each component of the model's mixture.

    A figure shows bars for some slots of the memory, and a sample of each slot below its bar.

    Example: ganvas posterior runs/memory --out bars.svg
    """
    check_file(out, ".svg", *ARRAYS)
    model = load_model(run, game)
    x = held_out_items(run, game) if items is None else read_items(items, model, "posterior")
    if out.suffix.lower() != ".svg":
        shares = model.posterior(x)
        write_array(out, "posterior", shares)
        say(f"{len(shares)} posteriors over {shares.shape[1]} components: {out}")
        return
    shown = at_most(x, count) if items is None else x[:count]
    write_whole(out, posterior_figure(model, shown, slots, top=top, seed=seed).encode())
    say(f"posteriors of {min(count, len(x))} items over {slots} slots: {out}")


def posterior_figure(
    model: Model, x: AnyArray, slots: int = 9, *, top: bool = False, seed: int = 0
) -> str:
    """Return an SVG of p(c|x) for some slots of real samples, a row for each item.

    Args:
        model: has a memory.
        x: items in data units.
        slots: how many are shown of each item.
        top: the most probable slots of each item; otherwise random ones, the same for all items.
        seed: with which slots and the noise of their pictures are drawn.

    Raises:
        UsageError: ``x`` has another shape than the model's data.
        CannotError: the model has no memory.
    """
    memory, shares = model.slots, model.posterior(x)
    drawn, known = memory.draw(slots, seed), [slot.index for slot in memory.table(real=True)]
    gallery = Thumbnails(model, seed)
    items: list[Asked] = []
    for item, share in zip(x, shares, strict=True):
        likeliest = sorted(known, key=share.__getitem__, reverse=True)
        shown = likeliest[:slots] if top else drawn
        bars = [Bar(slot, float(share[slot]), gallery.of_slot(slot, 1)[0]) for slot in shown]
        items.append(Asked(gallery.of_item(item), bars))
    which = "the most probable" if top else "random"
    return posterior_bars(f"p(c|x) of {which} slots", items)
