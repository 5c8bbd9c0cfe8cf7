"""``ganvas arithmetic``: samples of sums and differences of latents, A − B + C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.exemplars import OneLabel, places, rows
from ganvas.cli.items import PICTURES, check_place
from ganvas.cli.options import (
    Game,
    GivenFields,
    ModelFolder,
    Options,
    Out,
    Seed,
    conditioned,
    load_model,
    told,
)
from ganvas.cli.speech import say
from ganvas.data.domain import PLANE
from ganvas.files import disk_errors

if TYPE_CHECKING:
    from ganvas.model.exemplars import Sum
    from ganvas.model.trained import Array


def arithmetic(
    run: ModelFolder,
    plus: Annotated[
        list[str],
        typer.Option(
            metavar="SEEDS",
            help="Exemplars of what is added: 3,5,9; 0:17 is number 17 of seed 0; may be repeated.",
        ),
    ],
    out: Out,
    minus: Annotated[
        list[str] | None,
        typer.Option(metavar="SEEDS", help="Exemplars of what is taken away; may be repeated."),
    ] = None,
    around: Annotated[
        float, typer.Option(help="By how much each number of a neighbour's latent may differ.")
    ] = 0.25,
    seed: Seed = 0,
    label: OneLabel = None,
    given: GivenFields = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Add and subtract latents: (man with glasses) − (man without) + (woman without).

    Each concept is the mean of its exemplars; one alone is less stable than three. A picture shows
    a row for each, ended by the sample of the mean, then the sum amid eight neighbours and, to its
    right, the same sum of pixels. Other files hold the sum and its neighbours.

    Example: ganvas arithmetic runs/faces --plus 3,5,9 --minus 1,4,6 --plus 2,7,8 --out sum.png
    """
    from ganvas.model.exemplars import arithmetic as add_up

    signs = {"--plus": (1, plus), "--minus": (-1, minus or [])}
    terms = [(s, places(w, option)) for option, (s, words) in signs.items() for w in words]
    model = load_model(run, game)
    check_place(model, out)
    asked = conditioned(label, given)
    summed = add_up(model, terms, spread=around, seed=seed, **asked, **told(options, model))
    pictured = model.domain.grid == PLANE and out.suffix.lower() in PICTURES
    shown, columns = _figure(summed) if pictured else (_block(summed), 3)
    with disk_errors(out):
        model.domain.save(shown, out, columns=columns)
    say(f"sum of {len(terms)} means: {out}")


def _block(summed: Sum) -> Array:
    """Return the sum amid its neighbours, (9, …)."""
    import numpy as np

    return np.concatenate([summed.around[:4], summed.result, summed.around[4:]])


def _figure(summed: Sum) -> tuple[Array, int]:
    """Return pictures and how many are in a row."""
    import numpy as np

    columns = max(3, *(len(one) for _, one, _ in summed.terms)) + 2
    terms = [[one, *[None] * (columns - 1 - len(one)), mean] for _, one, mean in summed.terms]
    top, middle, bottom = np.split(_block(summed), 3)
    sums = [[top], [middle, *[None] * (columns - 4), summed.pixels], [bottom]]
    return rows([*terms, [None], *sums], columns), columns
