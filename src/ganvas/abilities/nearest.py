"""``ganvas nearest``: which training items are near to samples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ganvas.cli.items import check_file, check_place, read_items
from ganvas.cli.options import Game, GivenFields, ModelFolder, Seed, conditions, load_model
from ganvas.cli.speech import say, table

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.neighbours import Closest
    from ganvas.model.trained import Array

By = Literal["codes", "items", "features"]


def nearest(
    run: ModelFolder,
    items: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A .npy or .npz array, a picture, or a folder of them; without it, samples.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A .png with a row for each item, an array of rows, or .json."
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="Samples, where no FILE is given.", min=1)] = 8,
    neighbours: Annotated[int, typer.Option(help="Neighbours of each item.", min=1)] = 7,
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where to look instead of in the run's training data."),
    ] = None,
    by: Annotated[
        By | None,
        typer.Option(
            help="Compare codes, by direction, the items as they are, or the features that they "
            "are measured by; by default codes, of models that have an encoder.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="A class, of which samples are drawn, and among whose items is looked."),
    ] = None,
    given: GivenFields = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Find the training items nearest to samples, or to your own items, and tell copies.

    Near means a large cosine of their codes, or else a small distance of their pixels (of points:
    coordinates) or features. A sample is a copy if one training item is three times as near as the
    next.

    Example: ganvas nearest runs/digits --count 8 --out nearest.png
    """
    import numpy as np

    from ganvas.api.run_items import looks, training_items
    from ganvas.errors import UsageError
    from ganvas.files import disk_errors, write_whole
    from ganvas.model.neighbours import closest, closest_vectors

    model = load_model(run, game)
    if out is not None and out.suffix.lower() != ".json":
        check_place(model, out)
    else:
        check_file(out, ".json")
    if items is None:
        x = model.sample(count, seed=seed, label=label, given=conditions(given)).x
    else:
        x = read_items(items, model)
    if label is not None and data is not None:
        raise UsageError("--label looks among training items of the class: leave --data out")
    places: Array | None = None
    if label is not None:
        known, places = _of_class(run, game, model, label)
    else:
        known = training_items(run, game) if data is None else read_items(data, model)
    coded = "encode" in model.capabilities if by is None else by == "codes"
    if by == "features":
        queries, gallery = looks(run, game, x, known)
        found = _closest(closest_vectors(queries, gallery, neighbours), known)
    elif coded:
        found = _by_codes(model, x, known, neighbours)
    else:
        found = _closest(closest(model.domain, x, known, neighbours), known)
    if places is not None:
        found.plain["index"] = places[found.index].tolist()
    if out is not None and out.suffix.lower() == ".json":
        write_whole(out, json.dumps(found.plain).encode())
    elif out is not None:
        rows = np.concatenate([x[:, None], known[found.index]], axis=1)
        with disk_errors(out):
            model.domain.save(rows.reshape(-1, *x.shape[1:]), out, columns=neighbours + 1)
    say(found.about)
    if out is not None:
        say(f"nearest items: {out}")
        return
    pairs = zip(found.index.tolist(), found.values.tolist(), strict=True)
    lines = [
        (str(item), " ".join(map(str, row)), " ".join(f"{value:.4g}" for value in values))
        for item, (row, values) in enumerate(pairs)
    ]
    say(table(lines, ("item", "nearest", found.unit)))


@dataclass(frozen=True)
class _Found:
    """Neighbours (n, k), how near they are in a unit, and what that comes to in a line."""

    index: Array
    values: Array
    unit: str
    about: str
    plain: dict[str, Any]


def _by_codes(model: Model, x: Array, known: Array, k: int) -> _Found:
    from ganvas.model import nearest as find

    found = find(model, x, known, k)
    best = found.similarity[:, 0]
    about = f"mean {best.mean():.4f}, largest {best.max():.4f}"
    return _Found(
        found.index,
        found.similarity,
        "cosine",
        f"cosine with the nearest of {len(known):,} items: {about}",
        {"index": found.index.tolist(), "cosine": found.similarity.tolist()},
    )


def _of_class(run: Path, game: str | None, model: Model, label: str) -> tuple[Array, Array]:
    """Return the training items of a class, and their places among all of them."""
    import numpy as np

    from ganvas.api.run_items import training_records
    from ganvas.errors import UsageError
    from ganvas.model.labels import class_field, class_indices

    records, conditions = training_records(run, game), model.game.conditions
    wanted = class_indices(label, 1, conditions)
    if wanted.ndim > 1:
        raise UsageError(f"--label {label} is a mixture, of which there are no items: name a class")
    places = np.flatnonzero(records[class_field(conditions)] == wanted.item())
    return records.x[places], places


def _closest(found: Closest, known: Array) -> _Found:
    best = found.distance[:, 0]
    about = f"mean {best.mean():.4g}, smallest {best.min():.4g}"
    copied = f"{found.copied.sum()} of {len(best)} are copies"
    return _Found(
        found.index,
        found.distance,
        "distance",
        f"distance from the nearest of {len(known):,} items: {about}; {copied}",
        {
            "index": found.index.tolist(),
            "distance": found.distance.tolist(),
            "copy": found.copied.tolist(),
        },
    )
