"""``ganvas teach``: an encoder of a generator's codes, taught on its own samples."""

from __future__ import annotations

from typing import Annotated

import typer

from ganvas.cli.options import Game, GivenFields, Label, ModelFolder, Seed, conditioned, load_model
from ganvas.cli.spaces import Loss, SpaceName
from ganvas.cli.speech import say


def teach(
    run: ModelFolder,
    space: SpaceName = None,
    loss: Loss = None,
    steps: Annotated[int, typer.Option(help="Steps of Adam, each on fresh samples.", min=1)] = 2000,
    batch: Annotated[int, typer.Option(help="Samples in a step.", min=2)] = 32,
    rate: Annotated[float, typer.Option(help="At first; it falls to 0.", min=0)] = 1e-3,
    items: Annotated[
        float, typer.Option(help="Weight of the items' distance beside the codes'.", min=0)
    ] = 1.0,
    width: Annotated[int, typer.Option(help="Of the encoder.", min=1)] = 32,
    label: Label = None,
    given: GivenFields = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Teach an encoder of a generator's codes on its own samples, and keep it beside the model.

    ganvas project --start encoder begins with what it says, and with --steps 0 ends there.

    Example: ganvas teach runs/faces --space w+ --steps 2000
    """
    from ganvas.latent.encoding import Lessons
    from ganvas.latent.likeness import PIXELS
    from ganvas.model.projection import teach_encoder

    model = load_model(run, game)
    lessons = Lessons(steps=steps, batch=batch, rate=rate, items=items, width=width)

    def told(step: int, losses: dict[str, float]) -> None:
        if (step + 1) % max(1, steps // 10) == 0:
            shown = ", ".join(f"{name} {value:.4f}" for name, value in losses.items())
            say(f"step {step + 1}: {shown}")

    of = conditioned(label, given)
    kept = teach_encoder(
        model, space, loss=loss or PIXELS, lessons=lessons, seed=seed, told=told, **of
    )
    say(f"encoder: {kept.path}")
