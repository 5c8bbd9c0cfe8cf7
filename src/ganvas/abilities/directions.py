"""``ganvas directions``: directions among codes, of exemplars, scores, labels, weights or codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.exemplars import OneLabel, named, places, rows, slot_numbers
from ganvas.cli.finding import (
    Asked,
    Learnt,
    check_place,
    found_without_labels,
    learnt_of_labels,
    learnt_of_scores,
    say_tables,
    sheet,
    write_directions,
)
from ganvas.cli.items import PICTURES, check_file
from ganvas.cli.options import (
    Game,
    GivenFields,
    ModelFolder,
    Options,
    conditioned,
    load_model,
    refuse_unused,
    told,
)
from ganvas.cli.speech import say
from ganvas.data.domain import PLANE
from ganvas.errors import UsageError
from ganvas.files import disk_errors

if TYPE_CHECKING:
    from ganvas.latent.directions import Direction
    from ganvas.model import Model
    from ganvas.model.exemplars import Place
    from ganvas.model.trained import Array

SHOWN = 4
"""New samples that a figure moves along the direction."""
FRESH = 1_000_003
"""Seed of these samples: none that anybody is likely to have chosen as an exemplar."""
WAYS = ("--plus and --minus", "--scores", "--labels", "--closed-form", "--components")


def directions(
    run: ModelFolder,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="A .safetensors file of one direction, or a folder of several."
        ),
    ],
    plus: Annotated[
        str | None,
        typer.Option(
            metavar="SEEDS", help="Samples with it: 3,5,9; 0:17 is number 17 of seed 0; 0-8."
        ),
    ] = None,
    minus: Annotated[str | None, typer.Option(metavar="SEEDS", help="Samples without it.")] = None,
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Scores of samples 0, 1, …: a .npy or .csv, a scorer of ganvas scorer, "
            "MODULE:FUNCTION of your own, or discriminator.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Labels by hand: sample,glasses,… with 1, 0 or nothing."
        ),
    ] = None,
    closed_form: Annotated[
        bool, typer.Option("--closed-form", help="Those that the weights change most along.")
    ] = False,
    components: Annotated[
        bool, typer.Option("--components", help="Principal components of codes.")
    ] = False,
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="One of the scores or labels; may be repeated. By default all."),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(help="z, w, w+ or s; may be repeated, to compare them.", show_default="z"),
    ] = None,
    slots: Annotated[
        str | None,
        typer.Option(
            metavar="SLOTS", help="Of --closed-form in w: the layers that read 0-3, or 2."
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            help="Samples that are scored; of numbers in a file as many as there are.",
            min=2,
            show_default="6000",
        ),
    ] = None,
    share: Annotated[
        float, typer.Option(help="Of them, on each side of a plane.", min=0.0, max=0.5)
    ] = 0.02,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Score from which remaining codes count; by default .5 of probabilities, else 0.",
            show_default=False,
        ),
    ] = None,
    number: Annotated[int, typer.Option(help="Directions without labels.", min=1)] = 8,
    seed: Annotated[int, typer.Option(help="Of the samples.", min=0)] = 0,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Also draw what the directions show.")
    ] = None,
    label: OneLabel = None,
    given: GivenFields = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Find directions of latents or styles, along which ganvas edit moves samples.

    Of exemplars: the way from the mean of some samples to that of others (DCGAN). Of scores or
    labels: the normal of the plane by which a linear SVM parts the codes of the samples that show
    most of an attribute from those that show least (InterFaceGAN). Without either: along which the
    weights change most (SeFa), or codes differ most (GANSpace); a sheet shows what to call them.

    Example: ganvas directions runs/faces --scores scorer.safetensors --space w --out planes
    """
    asked = (plus is not None or minus is not None, scores is not None, labels is not None)
    kinds = [
        way for way, there in zip(WAYS, (*asked, closed_form, components), strict=True) if there
    ]
    if len(kinds) != 1:
        raise UsageError(
            f"give one of {', '.join(WAYS)}; " + (" and ".join(kinds) if kinds else "none is given")
        )
    check_file(figure, *PICTURES, name="--figure")
    model = load_model(run, game)
    chosen = told(options, model)
    under = conditioned(label, given)
    if figure is not None and model.domain.grid != PLANE:
        raise UsageError(f"--figure is for images; this model makes {model.domain.plural}")
    if asked[0]:
        if plus is None or minus is None:
            raise UsageError("exemplars are two groups: give --plus and --minus")
        if figure is None:
            refuse_unused(chosen, model, "these are directions of latents")
        _of_exemplars(model, plus, minus, out, figure, under, chosen)
        return
    spaces = list(dict.fromkeys(space or ["z"]))
    if figure is None and scores is None:
        from ganvas.model.attributes import OF_STYLES

        used = OF_STYLES if {*spaces} & {"w+", "s"} else ()
        refuse_unused(
            chosen, model, f"these are directions of codes in {' and '.join(spaces)}", *used
        )
    unnamed = scores is None and labels is None
    check_place(out, several=len(spaces) > 1 or (unnamed and number > 1))
    samples = Asked(count, seed, label, under["given"], chosen)
    if scores is not None:
        found = learnt_of_scores(
            *(model, scores, spaces, attribute, samples), share=share, threshold=threshold
        )
        scored = len(found[0].codes)
        method = {"method": "svm of scores", "scores": scores, "count": scored, "seed": seed}
    elif labels is not None:
        found = learnt_of_labels(model, labels, spaces, attribute, samples)
        method = {"method": "svm of labels", "labels": str(labels)}
    else:
        picked = None if slots is None else slot_numbers(slots)
        found = [
            found_without_labels(model, s, number, samples, components=components, slots=picked)
            for s in spaces
        ]
        method = {"method": "components" if components else "closed form", "slots": picked}
    for one in found:
        say_tables(one)
    write_directions(out, found, model, {**method, **chosen})
    if figure is not None:
        _draw(figure, model, found)


def _draw(figure: Path, model: Model, found: Sequence[Learnt]) -> None:
    for one in found:
        path = figure
        if len(found) > 1:
            path = figure.with_name(f"{figure.stem}-{one.space.name}{figure.suffix}")
        shown, columns = sheet(model, one)
        with disk_errors(path):
            model.domain.save(shown, path, columns=columns)
        say(f"figure: {path}")


def _of_exemplars(
    model: Model,
    plus: str,
    minus: str,
    out: Path,
    figure: Path | None,
    under: dict[str, Any],
    asked: dict[str, Any],
) -> None:
    from ganvas.latent.directions import between
    from ganvas.model.directions import check_direction_file, save_direction
    from ganvas.model.exemplars import latents_at

    check_direction_file(out)
    with_it, without = places(plus, "--plus"), places(minus, "--minus")
    latents = [latents_at(model, group, **asked)[0] for group in (with_it, without)]
    direction = between(*latents)
    found = {"method": "exemplars", "plus": named(with_it), "minus": named(without), **asked}
    save_direction(out, direction, model, found)
    say(f"direction of length {direction.length:.4g}: {out}")
    if figure is not None:
        shown, columns = _figure(model, direction, with_it, without, under, asked)
        with disk_errors(figure):
            model.domain.save(shown, figure, columns=columns)
        say(f"figure: {figure}")


def _figure(
    model: Model,
    direction: Direction,
    plus: Sequence[Place],
    minus: Sequence[Place],
    under: dict[str, Any],
    options: dict[str, Any],
) -> tuple[Array, int]:
    """Return pictures and how many are in a row.

    Rows of exemplars end with the sample of their mean latent, and the mean of their pixels; then
    new samples at −1 to 1 times the direction.
    """
    import numpy as np

    from ganvas.model.exemplars import arithmetic, edited

    groups = [arithmetic(model, [(1, g)], **under, **options) for g in (plus, minus)]
    columns = max(len(plus), len(minus), 4) + 3
    amounts = np.linspace(-1, 1, columns).tolist()
    fresh = [(FRESH, number) for number in range(SHOWN)]
    moved = edited(model, direction, fresh, amounts, **under, **options)
    tops = [[summed.terms[0][1], None, summed.result, summed.pixels] for summed in groups]
    return rows([*tops, [None], *([row] for row in np.split(moved, SHOWN))], columns), columns
