"""``ganvas parzen``: the log-likelihood of held-out items under windows around samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.speech import say, table


def parzen(
    run: ModelFolder,
    count: Annotated[
        int, typer.Option(help="Samples; of each class equally many, where there are any.", min=2)
    ] = 10_000,
    items: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Samples of any other sampler: an array, or a folder."),
    ] = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Measure held-out items by Parzen windows around samples, as GAN papers once did.

    Pixels are in [0, 1], points standardised. The window's width is chosen on a third of the
    held-out items, the others are measured; beside it as many training items in place of samples,
    and where items have classes as many draws of a Gaussian for each, which know no shapes.
    Values of another number of samples or of other widths do not compare.

    Example: ganvas parzen runs/cgan --count 10000
    """
    import torch

    from ganvas.api.run_items import both_records
    from ganvas.cli.items import read_items
    from ganvas.data.choice import some
    from ganvas.data.records import LABEL
    from ganvas.errors import UsageError
    from ganvas.metrics.of import plain
    from ganvas.metrics.parzen import MOST, SHARE, WIDTHS, gaussians, likelihood

    model = load_model(run, game)
    if items is not None:
        x = read_items(items, model)
    else:
        classes = model.game.conditions.classes
        labels = [k % classes for k in range(count)] if classes else None
        x = model.sample(count, seed=seed, label=labels).x
    known, held_out = both_records(run, game)
    vectors = plain(model.domain, some((known if held_out is None else held_out).x, MOST))
    cut = len(vectors) // SHARE
    if not cut:
        raise UsageError(
            f"{len(vectors)} items are too few: windows take {SHARE} to be measured by"
        )
    around = {"samples": plain(model.domain, x)}
    if held_out is not None:
        around["training items"] = plain(model.domain, some(known.x, len(x)))
        if LABEL in known and (label := torch.from_numpy(known[LABEL])).dim() == 1:
            # Of all training items: a normal law is known by its mean and deviations.
            laws = gaussians(plain(model.domain, some(known.x, MOST)), some(label, MOST), len(x))
            around["draws of a Gaussian for each class"] = laws
    rows = list[tuple[str, str, str, str]]()
    for name, found in around.items():
        score = likelihood(found, vectors[:cut], vectors[cut:])
        value = f"{score.mean:.1f} ± {score.error:.1f}"
        rows.append((f"{len(found):,} {name}", value, f"{score.width:.3g}", f"{WIDTHS[0]:g} to 1"))
    say(table(rows, ("windows around", "nats", "width", "of widths")))
    kept = "held-out items" if held_out is not None else "items, none of which the run holds out"
    say(f"of {len(vectors) - cut:,} {kept}; {cut:,} others chose the width")
