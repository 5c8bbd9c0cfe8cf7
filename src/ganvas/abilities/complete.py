"""``ganvas complete``: items that a model makes of what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ganvas.cli.items import PICTURES, check_place, read_fields, read_items
from ganvas.cli.options import (
    Game,
    GivenFields,
    Label,
    ModelFolder,
    Options,
    Out,
    Seed,
    conditions,
    load_model,
    told,
)
from ganvas.cli.speech import say
from ganvas.errors import UsageError
from ganvas.files import disk_errors

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.labels import Labels
    from ganvas.model.trained import Array


def complete(
    run: ModelFolder,
    items: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Pictures with transparent holes, or coarse ones: a file, a folder, an array.",
        ),
    ],
    out: Out,
    count: Annotated[int, typer.Option(help="Samples for each item.", min=1)] = 4,
    whole: Annotated[
        bool,
        typer.Option("--whole", help="The items are whole: hide a part, or coarsen them, first."),
    ] = False,
    seed: Seed = 0,
    label: Label = None,
    given: GivenFields = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Fill in what is hidden of items, or what coarse ones do not show.

    For models that were trained on such copies of their data (data.derive). What is known is kept
    as it is. A .png shows in each row what was given and the samples of it.

    Example: ganvas complete runs/filled torn.png --count 7 --out filled.png
    """
    model = load_model(run, game)
    check_place(model, out)
    name = derived_field(model)
    if whole:
        field = given_of(model, name, read_items(items, model))
    else:
        field = read_fields(items, model.game.conditions[name])
    made = completed(
        model, name, field, count, seed, label, conditions(given), **told(options, model)
    )
    columns = None
    if out.suffix.lower() in PICTURES:
        shown = model.spec.derived[name].shown(field, model.domain)
        rows = [shown[:, None], made.reshape(len(field), count, *made.shape[1:])]
        made, columns = np.concatenate(rows, 1).reshape(-1, *made.shape[1:]), count + 1
    with disk_errors(out):
        model.domain.save(made, out, columns)
    say(f"{count} samples of each of {len(field)} items: {out}")


def derived_field(model: Model) -> str:
    """Return the condition of a model that is worked out of its items.

    Raises:
        UsageError: there is none, or there are several.
    """
    names = [name for name in model.game.conditions if name in model.spec.derived]
    if len(names) != 1:
        raise UsageError(
            f"this model is given {' and '.join(names) or 'no part or copy'} of what it makes: "
            "complete is for models with one, trained with data.derive, as cgan/digits_masked is"
        )
    return names[0]


def given_of(model: Model, name: str, x: Array, seed: int = 0) -> Array:
    """Return a derived field of items in data units, by chances of a seed."""
    import torch

    how, domain = model.spec.derived[name], model.spec.fields[name]
    chances = np.random.default_rng(seed).random((len(x), how.chances), np.float32)
    return domain.decode(how.work_out(model.domain.encode(x), torch.from_numpy(chances)))


def completed(
    model: Model,
    name: str,
    field: Array,
    count: int = 1,
    seed: int = 0,
    label: Labels = None,
    others: Mapping[str, Any] | None = None,
    **options: Any,
) -> Array:
    """Return samples of each of some derived fields, one after the other, known parts restored.

    Args:
        model: conditioned on it.
        name: of the field.
        field: its values (n, …) in data units.
        count: samples of each.
        seed: of the samples.
        label: of all, for a model that is given classes, too.
        others: conditions beside it, as for `Model.sample`.
        options: as for `Model.sample`.
    """
    given = np.repeat(field, count, axis=0)
    told = {**(others or {}), name: given}
    made = model.sample(len(given), seed=seed, label=label, given=told, **options).x
    return model.spec.derived[name].restored(made, given)
