"""``ganvas tradeoff``: variety and fidelity at several values of an option of samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.items import check_file
from ganvas.cli.options import Data, Game, Options, Run, Seed, told
from ganvas.cli.speech import say, table

if TYPE_CHECKING:
    from ganvas.data.source import Source
    from ganvas.data.spec import AnyArray
    from ganvas.metrics.tradeoff import Point
    from ganvas.model import Model

COLUMNS = ("fid", "is", "agree", "vary", "ends")
MOST = 10_000
"""Real items that samples are compared with."""


def tradeoff(
    run: Run,
    values: Annotated[
        str,
        typer.Argument(
            metavar="OPTION=V,V,…", help="An option of the system's samples, with its values."
        ),
    ] = "truncation=0.9,0.8,0.7,0.6,0.5,0.3",
    options: Options = None,
    count: Annotated[int, typer.Option(help="Samples at each value.", min=100)] = 2_000,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .json with all numbers, or a page .html.")
    ] = None,
    data: Data = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Tell how samples change with an option that trades variety for fidelity.

    Untruncated samples come first. Beside the curve stand the points that papers report: the least
    Fréchet distance, the Inception-type score that is nearest to that of real items, and the
    highest; and whether samples are saturated, as those of models that bear no truncation are.

    Example: ganvas tradeoff runs/big threshold=2,1,0.5 statistics=pooled --out curve.html
    """
    from ganvas.api.run_data import called_as, run_data
    from ganvas.files import write_whole
    from ganvas.metrics.tradeoff import operating_points
    from ganvas.model import load

    check_file(out, ".json", ".html")
    option, numbers = _parsed(values)
    its = run_data(run, data, game=game)
    model, source = load(its.folder.path, game=its.recipe.game_type), its.source
    called_as(model.spec, source)
    kept = told(options, model)
    swept = [{**kept, option: number} for number in numbers]
    for these in swept:  # what is misspelt is told before anything is drawn
        model.sampling(**these)
    by_value = dict(zip((None, *numbers), (kept, *swept), strict=True))
    points, real, ends = _curve(model, source, by_value, count, seed)
    best = operating_points(points, real)
    rows = [(*_row(p), ", ".join(n for n, q in best.items() if q is p)) for p in points]
    say(table(rows, (option, *COLUMNS, "")))
    if ends is not None:
        say(_amenable(option, points, ends))
    if real is not None:
        say(f"Inception-type score of real items: {real:.3f}")
    if out is None:
        return
    plain = {
        "option": option,
        "options": kept,
        "samples": count,
        "points": [asdict(point) for point in points],
        "operating_points": {name: point.value for name, point in best.items()},
        "real": real,
        "real_saturated": ends,
    }
    html = out.suffix.lower() == ".html"
    write_whole(out, (_page(option, points) if html else json.dumps(plain)).encode())
    say(f"the curve: {out}")


def _parsed(words: str) -> tuple[str, list[float]]:
    """Return the option and its values, from words such as ``threshold=2,1,0.5``.

    Raises:
        UsageError: they are not of that form.
    """
    from ganvas.errors import UsageError

    option, equals, written = words.partition("=")
    try:
        numbers = [float(word) for word in written.split(",")]
    except ValueError:
        numbers = []
    if not (option and equals and numbers):
        raise UsageError(
            f"{words}: expected an option and its values, such as threshold=2,1,0.5,0.1"
        )
    return option, numbers


def _curve(
    model: Model,
    source: Source,
    by_value: Mapping[float | None, Mapping[str, Any]],
    count: int,
    seed: int,
) -> tuple[list[Point], float | None, float | None]:
    """Return the point at each value, and the score and the saturation of real items."""
    import torch

    from ganvas.data.choice import places
    from ganvas.data.records import LABEL
    from ganvas.metrics.by_class import by_class, recognised
    from ganvas.metrics.frechet import frechet_of_moments
    from ganvas.metrics.inception_score import inception_score
    from ganvas.metrics.moments import moments_of
    from ganvas.metrics.of import measures_of
    from ganvas.metrics.tradeoff import Point, saturation

    def ends(x: AnyArray) -> float | None:
        return saturation(x) if x.dtype == "uint8" and x.ndim == 4 else None

    measures, classes = measures_of(source, model.device), model.game.conditions.classes
    fresh = measures.held_out or source.known
    fresh = fresh.rows(places(len(fresh), MOST))
    known = source.known.rows(places(len(source.known), MOST))
    real, trained = measures.look(fresh.x), measures.look(known.x)
    moments, found = moments_of(real.features), list[Point]()
    for value, options in by_value.items():
        asked = source.classes_like(fresh, count) if classes else None
        label = None if asked is None else asked.tolist()
        x = model.sample(count, seed=seed, label=label, **options).x
        look = measures.look(x)
        score, agreement, within = None, None, None
        if look.probabilities is not None:
            score = inception_score(look.probabilities).value
        if asked is not None:
            labels, wanted = torch.from_numpy(known[LABEL]), torch.from_numpy(asked)
            shown = recognised(look, trained, labels, classes)
            of_class = by_class(
                look.features, wanted, shown, trained.features, labels, classes
            ).variance
            agreement = float((shown == wanted).double().mean())
            within = float(of_class.nanmean())
        distance = frechet_of_moments(moments_of(look.features), moments)
        found.append(Point(value, distance, score, agreement, within, ends(x)))
    score = None
    if real.probabilities is not None:
        score = inception_score(real.probabilities[:count]).value
    return found, score, ends(fresh.x)


def _row(point: Point) -> tuple[str, ...]:
    shares = (point.agreement, point.within, point.saturated)
    return (
        "none" if point.value is None else f"{point.value:g}",
        f"{point.frechet:.4g}",
        "" if point.inception is None else f"{point.inception:.3f}",
        *("" if share is None else f"{share:.3f}" for share in shares),
    )


def _amenable(option: str, points: Sequence[Point], real: float) -> str:
    """Return whether truncated samples are saturated, in words."""
    from ganvas.metrics.tradeoff import spoilt

    bad = [p for p in spoilt(points, real) if p.value is not None]
    if not bad:
        return f"amenable to {option}: no samples are saturated beyond real items ({real:.1%})"
    values = ", ".join(f"{p.value:g}" for p in bad)
    return f"not amenable to {option}: samples are saturated at {values}, real items {real:.1%}"


def _page(option: str, points: Sequence[Point]) -> str:
    """Return a page with the curve and with each number by the option."""
    from ganvas.report import html
    from ganvas.report.tradeoff import charts

    return html.page(
        "tradeoff.html",
        f"Variety and fidelity by {option}",
        curves=charts(option, points),
        header=[option, *COLUMNS],
        rows=[list(_row(point)) for point in points],
    )
