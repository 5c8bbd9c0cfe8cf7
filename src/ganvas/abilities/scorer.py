"""``ganvas scorer``: a network that tells attributes of a model's pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ganvas.api.labelled import labelled_of, labelled_splits
from ganvas.cli.exemplars import OneLabel
from ganvas.cli.items import read_splits
from ganvas.cli.options import Game, GivenFields, ModelFolder, conditions, load_model
from ganvas.cli.scoring import read_table
from ganvas.cli.speech import say, table
from ganvas.data.domain import PLANE
from ganvas.errors import UsageError
from ganvas.metrics.attributes import EPOCHS, GATE, Labelled, learn
from ganvas.model.scorers import check_scorer_file, save_scorer
from ganvas.networks.perceptual import RANDOM

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.networks.perceptual import FeaturesName

KINDS = ("network", "features")


def scorer(
    run: ModelFolder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .safetensors file of the scorer.")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Labelled pictures: a data set's name, or a folder with labels.csv; by default "
            "the run's own data.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Samples of the model that were looked at: sample,glasses,…"
        ),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A tag, a class, or 'old=age>0.5~0.1' of a number, where what is nearer than 0.1 "
            "does not count for accuracies; may be repeated. By default all tags and classes.",
        ),
    ] = None,
    gate: Annotated[
        float,
        typer.Option(help="Accuracy below which nothing is measured by it.", min=0.5, max=1),
    ] = GATE,
    kind: Annotated[
        str | None,
        typer.Option(
            help="network, trained whole, or features, a regression on frozen ones; by default the "
            "first from 500 pictures on.",
            show_default=False,
        ),
    ] = None,
    features: Annotated[
        str,
        typer.Option(help="Whose: random-conv, vgg16_shift_tolerant or efficientnet-lite0."),
    ] = RANDOM,
    epochs: Annotated[
        int, typer.Option(help="Looks of a network at each picture.", min=1)
    ] = EPOCHS,
    label: OneLabel = None,
    given: GivenFields = None,
    seed: Annotated[int, typer.Option(help="Of first weights and order.", min=0)] = 0,
    game: Game = None,
) -> None:
    """Train a scorer of attributes on labelled pictures, or on tens of samples labelled by hand.

    Each attribute's accuracy on pictures that were held out (of few, in turn) is its gate: scores
    of attributes below it are withheld from ganvas directions and ganvas rescore.

    Example: ganvas scorer runs/faces --data faces --out scorer.safetensors
    """
    check_scorer_file(out)
    if kind is not None and kind not in KINDS:
        raise UsageError(f"--kind {kind}: expected {' or '.join(KINDS)}")
    if data is not None and labels is not None:
        raise UsageError("--data are labelled pictures, --labels are labels of samples: not both")
    model = load_model(run, game)
    if model.domain.grid != PLANE:
        raise UsageError(f"a scorer sees pictures, and this model makes {model.domain.plural}")
    held = None
    if labels is not None:
        told = _of_samples(model, labels, attribute or (), label, conditions(given))
        source = f"{len(told)} samples"
    elif data is not None:
        told, held = labelled_of(read_splits(data, model), attribute or ())
        source = str(data)
    else:
        told, held = labelled_of(labelled_splits(run, game), attribute or ())
        source = "the run's data"
    named = cast("FeaturesName", features)
    found = learn(
        told,
        held,
        kind=kind,
        features=named,
        gate=gate,
        epochs=epochs,
        seed=seed,
        device=model.device,
    )
    save_scorer(out, found, {"source": source, "pictures": len(told), "seed": seed})
    lines = [
        (name, f"{found.accuracy[name]:.1%}", "" if name in found.trusted else "below the gate")
        for name in found.names
    ]
    say(table(lines, ("attribute", "told rightly", "")))
    say(f"{found.build.kind} scorer of {len(told):,} pictures: {out}")


def _of_samples(
    model: Model,
    path: Path,
    wanted: list[str] | tuple[()],
    label: str | None,
    given: dict[str, Any],
) -> Labelled:
    """Return samples with labels by hand.

    Raises:
        UsageError: the table makes no sense, or has no such attribute.
    """
    import numpy as np

    from ganvas.cli.scoring import chosen
    from ganvas.model.attributes import drawn, made

    told = read_table(path, labels=True)
    assert told.samples is not None
    columns = chosen(told.names, wanted)
    samples = drawn(model, told.samples, label=label, given=given)
    x = np.concatenate(list(made(model, samples.spaces["z"], samples.z, samples.y)))
    targets = told.values[:, columns]
    names = tuple(told.names[i] for i in columns)
    return Labelled(names, x, targets, np.ones(targets.shape, np.bool_))
