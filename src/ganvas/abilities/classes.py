"""``ganvas classes``: how samples follow their labels, class by class."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ganvas.cli.items import check_file
from ganvas.cli.options import Data, Game, Options, Run, Seed, told
from ganvas.cli.speech import say, table

if TYPE_CHECKING:
    from ganvas.metrics.by_class import ByClass

MOST = 10_000
"""Training items with which samples are compared."""
SHOWN = 40
"""Classes that are listed; of more the easiest and hardest half as many each."""


def classes(
    run: Run,
    options: Options = None,
    each: Annotated[int, typer.Option(help="Samples of each class.", min=2)] = 100,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="The whole matrix, and all numbers.")
    ] = None,
    data: Data = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Tell for each class whether samples show it, what they show instead, and how they vary.

    Classes stand from easy to hard. A class that varies less than a tenth as much as real items has
    collapsed; the length of its class vector is told beside it, of models that have one.

    Example: ganvas classes runs/big threshold=0.5 --out classes.json
    """
    import torch

    from ganvas.api.run_data import called_as, run_data
    from ganvas.data.choice import places
    from ganvas.data.records import LABEL
    from ganvas.errors import UsageError
    from ganvas.files import write_whole
    from ganvas.metrics.by_class import by_class, recognised
    from ganvas.metrics.of import measures_of
    from ganvas.model import load

    check_file(out, ".json")
    its = run_data(run, data, game=game)
    model, source = load(its.folder.path, game=its.recipe.game_type), its.source
    called_as(model.spec, source)
    count = model.game.conditions.classes
    if not count:
        raise UsageError(f"a model of {model.system} that was trained without classes has none")
    wanted = [k for k in range(count) for _ in range(each)]
    samples = model.sample(len(wanted), seed=seed, label=wanted, **told(options, model)).x
    asked = torch.tensor(wanted)
    known = source.known.rows(places(len(source.known), MOST))
    measures, labels = measures_of(source, model.device), torch.from_numpy(known[LABEL])
    fake, real = measures.look(samples), measures.look(known.x)
    shown = recognised(fake, real, labels, count)
    found = by_class(fake.features, asked, shown, real.features, labels, count)
    lengths = class_lengths(model.game)
    names = model.spec.class_names or [str(k) for k in range(count)]
    say(table(_rows(found, names, lengths), ("class", "agree", "leaks to", "vary", "vector", "")))
    say(
        f"{len(asked):,} samples: {found.agreement.mean():.1%} show their class, the worst "
        f"{found.agreement.min():.1%}; {len(found.collapsed)} of {count} classes have collapsed"
    )
    if out is not None:
        write_whole(out, json.dumps(_plain(found, names, lengths)).encode())
        say(f"the whole matrix: {out}")


def class_lengths(game: object) -> dict[int, float]:
    """Return how long the generator's class vectors are, in units of their median, by class."""
    embedding = getattr(getattr(game, "generator", None), "embedding", None)
    if embedding is None:
        return {}
    lengths = embedding.weight.detach().square().sum(1).sqrt()
    found = cast(list[float], (lengths / lengths.median().clamp_min(1e-12)).tolist())
    return dict(enumerate(found))


def _rows(found: ByClass, names: list[str], lengths: dict[int, float]) -> list[tuple[str, ...]]:
    order, rows = found.easy_to_hard, list[tuple[str, ...]]()
    left_out = max(len(order) - SHOWN, 0)
    for place, k in enumerate(order):
        if left_out and SHOWN // 2 <= place < SHOWN // 2 + left_out:
            if place == SHOWN // 2:
                rows.append(("…", f"{left_out} more", "", "", "", ""))
            continue
        other, share = found.leak(k)
        rows.append(
            (
                names[k],
                f"{found.agreement[k]:.1%}",
                f"{names[other]} {share:.1%}" if share else "",
                f"{found.variance[k]:.2f}",
                f"{lengths[k]:.2f}" if k in lengths else "",
                "collapsed" if k in found.collapsed else "",
            )
        )
    return rows


def _plain(found: ByClass, names: list[str], lengths: dict[int, float]) -> dict[str, Any]:
    """Return all numbers as JSON has them."""
    values = cast(list[float], found.variance.tolist())
    vary = [None if isnan(value) else value for value in values]  # JSON knows no NaN
    return {
        "classes": names,
        "shown": found.shown.tolist(),
        "agreement": found.agreement.tolist(),
        "variance": vary,
        "collapsed": [names[k] for k in found.collapsed],
        "vectors": [lengths.get(k) for k in range(len(names))],
    }
