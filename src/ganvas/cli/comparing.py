"""``ganvas distance``: how far two sets of samples are apart, by a critic trained between them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ganvas.cli.measuring import AsJson
from ganvas.cli.options import Games, Seed, Settings
from ganvas.cli.speech import say, table


def distance(
    first: Annotated[
        str, typer.Argument(metavar="FIRST", help="Data, or a run whose generator draws them.")
    ],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="The same.")],
    settings: Settings = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Whose critic is trained; by default wgan-gp/points or wgan-gp/images.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps of the critic.", min=1)] = 2000,
    seed: Seed = 0,
    as_json: AsJson = False,
    game: Games = None,
) -> None:
    """Train a critic between two sets until it is optimal, and say how far they are apart.

    Half of each set trains the critic, the other half is judged by it.

    Example: ganvas distance a.npy b.npy game.penalties.gradient.one_sided=true
    """
    from ganvas import api

    found = api.distance(
        first, second, recipe, settings or (), steps=steps, seed=seed, games=game or ()
    )
    if as_json:
        numbers = {k: v for k, v in vars(found).items() if k != "critic"}
        say(json.dumps({"value": found.value, **numbers}))
        return
    rows = [
        ("E f(x) − E f(y), items trained on", found.train),
        ("the same, held-out items", found.held_out),
        ("mean ‖∇f‖ between the sets", found.slope),
        ("distance: the second over the third", found.value),
    ]
    if found.exact is not None:
        rows.append(("W₁ by exact assignment, for comparison", found.exact))
    say(table([(name, f"{value:.4g}") for name, value in rows]))
