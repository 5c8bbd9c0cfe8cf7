"""``ganvas guided``: what the maps of a discriminator look for, by guided back-propagation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer
from torch import Tensor

from ganvas.abilities.features import BatchStatistics, Kept, renew_statistics
from ganvas.api.run_items import training_items
from ganvas.cli.items import check_file, read_items
from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say
from ganvas.data.choice import at_most
from ganvas.data.domain import PLANE
from ganvas.errors import UsageError
from ganvas.files import write_whole
from ganvas.model.features import Features, untrained
from ganvas.model.trained import Array
from ganvas.nn import gradient_map
from ganvas.nn import guided as guiding
from ganvas.report.attention import attention_figure, shaded
from ganvas.slices import slices

LOOKED = 2_048
"""Items among which those are sought that excite a map most."""


def guided(
    run: ModelFolder,
    items: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="Images: an array, a picture, or a folder of them; without it, training items.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE.svg", help="Where the figure goes.")] = Path(
        "guided.svg"
    ),
    layer: Annotated[
        str | None,
        typer.Option(
            help="Its name or number, 1 next to the image; by default the last with maps.",
            show_default=False,
        ),
    ] = None,
    maps: Annotated[int, typer.Option(help="How many, the first of the layer.", min=1)] = 6,
    top: Annotated[int, typer.Option(help="Images for each map.", min=1)] = 5,
    statistics: Kept = BatchStatistics.REESTIMATED,
    seed: Annotated[int, typer.Option(help="Of the untrained network.", min=0)] = 0,
    game: Game = None,
) -> None:
    """Draw which pixels excite the maps of a discriminator most, beside an untrained one.

    For each map the images with the largest response anywhere, and below them the guided gradient
    of that response: through rectifiers passes only what is positive forwards and backwards.

    Example: ganvas guided runs/dcgan photos --out guided.svg
    """
    check_file(out, ".svg")
    model = load_model(run, game)
    if model.read_by("score").grid != PLANE:
        raise UsageError(
            f"figures of gradients are of images, and this model scores "
            f"{model.read_by('score').plural}"
        )
    known = training_items(run, game) if items is None else read_items(items, model, "score")
    x = at_most(known, LOOKED)
    networks = {
        "trained": Features(model, None if layer is None else [layer]),
        "untrained": Features(untrained(model, seed), None if layer is None else [layer]),
    }
    chosen = networks["trained"].layers[-1]
    if len(chosen.shape) != 3:
        raise UsageError(f"layer {chosen.name} holds no maps, but numbers: {chosen.shape}")
    found = dict[str, list[Array]]()
    for name, network in networks.items():
        if statistics is BatchStatistics.REESTIMATED:
            renew_statistics(network, run, game)
        count = min(maps, chosen.shape[0])
        sights = [sight(network, chosen.name, number, x, top) for number in range(count)]
        found[name] = [_paired(shown.images, shaded(shown.gradients)) for shown in sights]
    figure = attention_figure(f"Guided gradients of layer {chosen.name}", found)
    write_whole(out, figure.encode())
    say(f"layer {chosen.name}, {len(found['trained'])} maps: {out}")


class Sight(NamedTuple):
    """What excites a map.

    Attributes:
        rows: which items, the most exciting first.
        images: these, in data units (n, H, W, C).
        responses: the map's largest value anywhere, (n,).
        gradients: guided ones of these values, (n, H, W, C).
    """

    rows: Array
    images: Array
    responses: Array
    gradients: Array


def sight(features: Features, layer: str, number: int, x: Array, top: int = 5) -> Sight:
    """Return the items that excite a map most, and the guided gradient of its response to each.

    Args:
        features: of a discriminator of images.
        layer: its name.
        number: of the map.
        x: items in data units.
        top: how many items.
    """
    domain, device = features.model.read_by("score"), features.model.device

    def response(inputs: Tensor) -> Tensor:
        return features.maps(inputs)[layer][:, number].flatten(1).amax(1)

    with features.settled():
        with torch.no_grad():
            parts = (domain.encode(x[part]).to(device) for part in slices(len(x), 128))
            responses = torch.cat([response(inputs).float().cpu() for inputs in parts]).numpy()
        rows = np.argsort(-responses, kind="stable")[:top]
        with guiding(features.model.game):
            gradient = gradient_map(response, domain.encode(x[rows]).to(device))
    return Sight(rows, x[rows], responses[rows], gradient.permute(0, 2, 3, 1).cpu().numpy())


def _paired(images: Array, gradients: Array) -> Array:
    """Return pictures and gradients side by side, (n, 2, H, W, C), without a fourth channel."""
    return np.stack([images, gradients], 1)[..., :3]
