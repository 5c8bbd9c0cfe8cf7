"""``ganvas sample``: samples of a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.items import check_place
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
from ganvas.cli.spaces import CodeFile, read_chosen
from ganvas.cli.speech import say
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.labels import Labels

COUNT = 64


def sample(
    run: ModelFolder,
    out: Out,
    count: Annotated[
        int | None,
        typer.Option(help="How many; by default 64, or all of a grid.", min=1, show_default=False),
    ] = None,
    seed: Seed = 0,
    label: Label = None,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="So many of each class: a row each in a picture.")
    ] = False,
    given: GivenFields = None,
    best_first: Annotated[
        bool,
        typer.Option(
            "--best-first", help="In the discriminator's order: most like real data first."
        ),
    ] = False,
    scores: Annotated[
        bool,
        typer.Option("--scores", help="Print each sample's name, as SEED:NUMBER, and its score."),
    ] = False,
    codes: CodeFile = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Draw samples from a trained model, with the options that its system has.

    Points are written in the data's own units, images as uint8; the classes and conditions that
    samples were drawn for in a table, and other outputs of the model in files beside them. With
    --codes it is the items of these, such as projections and tuned pivots.

    Example: ganvas sample runs/ring truncation=0.7 --count 1000 --out points.npy
    """
    from ganvas.data.saving import save_records
    from ganvas.files import disk_errors

    model = load_model(run, game)
    chosen = told(options, model, *(model.game.Sampling.beside if codes is None else ()))
    if codes is not None:
        from ganvas.model.codes import items_of

        if by_class or best_first or scores or given or label is not None:
            raise UsageError(
                "--codes are items of their own class: without other choices of samples"
            )
        check_place(model, out)
        points = read_chosen(codes, model, **chosen)
        with disk_errors(out):
            model.domain.save(items_of(model, points, **chosen), out)
        say(f"{len(points)} samples: {out}")
        return
    rows, columns = model.sheet(**chosen) or (COUNT, None)
    check_place(model, out)
    count = count or rows * (columns or 1)
    labels: Labels = label
    if by_class:
        labels, columns = each_class(model, count, label), count
    n = len(labels) if isinstance(labels, list) else count
    samples = model.sample(n, seed=seed, label=labels, given=conditions(given), **chosen)
    numbers = list(range(len(samples)))
    if best_first or scores:
        judged = model.score(samples).tolist()
        if best_first:
            row = columns or n  # of each class, in its own row
            numbers.sort(key=lambda number: (number // row, -judged[number]))
            samples = samples.rows(numbers)
        for number in numbers if scores else ():
            say(f"{seed}:{number}\t{judged[number]:.6g}")
    with disk_errors(out):
        written = {**model.fields, samples.main: model.written(**chosen)}
        _, *others = save_records(samples, written, out, columns)
    say(f"{n} samples: {out}")
    for path in others:
        say(f"with them: {path}")


def each_class(model: Model, count: int, label: str | None) -> list[int]:
    """Return so many of each class of a model, in order.

    Raises:
        UsageError: it has none, or one was chosen.
    """
    classes = model.spec.classes if model.conditional else 0
    if label is not None or not classes:
        why = "leave out --label" if classes else "this model was trained without classes"
        raise UsageError(f"--by-class draws of every class: {why}")
    return [k for k in range(classes) for _ in range(count)]
