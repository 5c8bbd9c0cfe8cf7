"""``ganvas forget``: samples without the maps of a generator that draw an object."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from ganvas.cli.items import ARRAYS, check_file, write_array
from ganvas.cli.options import Game, GivenFields, Label, ModelFolder, Seed, conditioned, load_model
from ganvas.cli.speech import say, table
from ganvas.data.arrays import load_array
from ganvas.data.catalogue import read
from ganvas.data.domain import PLANE
from ganvas.data.readers.regions import Region, read_boxes, read_masks
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.files import disk_errors, misspelt
from ganvas.latent.forgetting import Told, tell
from ganvas.model import Model
from ganvas.model.features import SeenLayer, named_layer
from ganvas.model.labels import Labels
from ganvas.model.trained import Array, FieldValues
from ganvas.networks.conditions import Given, at
from ganvas.nn import dropped, layers_of
from ganvas.play.abilities import CanSample
from ganvas.slices import slices

BATCH = 64
SECOND = 2
"""Counted from the picture, the hidden layer of the paper."""
ROW = 16
"""Samples in a row of the picture."""


def forget(
    run: ModelFolder,
    where: Annotated[
        Path,
        typer.Argument(
            metavar="BOXES",
            help="Where the object lies in samples 0, 1, … of the seed: a .csv with the header "
            "sample,x0,y0,x1,y1 in pixels, or masks, an array or a folder of pictures.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="A .png of samples, before above after, or an .npz of both."
        ),
    ],
    count: Annotated[int, typer.Option(help="Samples to draw with and without.", min=1)] = 16,
    layer: Annotated[
        str | None,
        typer.Option(
            help="Its name or number, 1 next to the latent; by default the second hidden one from "
            "the picture, as in the paper.",
            show_default=False,
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(help="C of the regression; smaller values regularise more.")
    ] = 1.0,
    most: Annotated[
        int | None,
        typer.Option(
            help="Drop at most so many maps, those of the largest weights.",
            min=1,
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    label: Label = None,
    given: GivenFields = None,
    game: Game = None,
) -> None:
    """Let a generator forget an object: drop the maps that draw it, and sample again.

    A logistic regression tells a layer's activations where the object lies from those elsewhere in
    the same samples; all maps of positive weight become 0 everywhere. Samples that are drawn for
    the result are of the next seed.

    Example: ganvas forget runs/rooms windows.csv --out without.png
    """
    check_file(out, ".png", ".npz")
    model = load_model(run, game)
    regions = read_regions(where, model)
    asked = conditioned(label, given)
    chosen = hidden_layer(model, layer, **asked)
    told = learn_object(model, regions, chosen, seed=seed, strength=strength, **asked)
    gone = heaviest(told, most)
    before = model.sample(count, seed=seed + 1, **asked).x
    with forgetting(model, chosen, gone):
        after = model.sample(count, seed=seed + 1, **asked).x
    if out.suffix.lower() in ARRAYS:
        write_array(out, "before", before, after=after, maps=np.array(gone), weights=told.weights)
    else:
        with disk_errors(out):
            model.domain.save(_rows(before, after), out, columns=min(count, ROW))
    rows = [
        ("layer", f"{chosen.name}, {' × '.join(map(str, chosen.shape))}"),
        (
            "places of the object",
            f"{told.positives:,} in {len({r.sample for r in regions})} samples",
        ),
        ("told rightly from others", f"{told.accuracy:.1%}"),
        ("maps dropped", f"{len(gone)} of {chosen.shape[0]}"),
    ]
    say(table(rows))
    say(f"{count} samples with all maps and without: {out}")


def read_regions(path: Path, model: Model) -> list[Region]:
    """Return where an object lies in samples of a model.

    Raises:
        UsageError: nothing is there, or it does not fit the model's pictures.
    """
    if model.domain.grid != PLANE:
        raise UsageError(
            f"objects lie in pictures, and samples of this model are {model.domain.plural}"
        )
    size = model.domain.shape[1], model.domain.shape[2]
    if not path.exists():
        raise UsageError(f"there is no {path}: give a .csv of boxes, or masks{misspelt(path)}")
    if path.suffix.lower() == ".csv":
        regions = read_boxes(path, size)
        if not regions:
            raise UsageError(f"{path} holds no boxes below its header")
        return regions
    return read_masks(_masks(path), size, str(path))


def _masks(path: Path) -> Array:
    """Return the array of a .npy file, of whatever numbers, or else pictures as they are read.

    Raises:
        UsageError: it is none.
    """
    if path.suffix.lower() == ".npy":
        return load_array(path)
    settings = DataSettings.model_validate({"source": str(path), "labels": False})
    return np.asarray(read(settings).splits["train"].x)


def hidden_layer(
    model: Model, word: str | None = None, label: Labels = None, given: FieldValues = None
) -> SeenLayer:
    """Return a layer of a generator by name or number; by default the second from the picture.

    A model with conditions is told some.

    Raises:
        CannotError: the system has no samples.
        UsageError: there is no such layer, or it holds no maps.
    """
    z, drawn = model.latents(1)
    y = model.wanted(1, label, given, drawn)
    layers = [
        SeenLayer(name, tuple(maps.shape[1:]), maps[0].numel())
        for name, maps in _maps(model, z, y).items()
    ]
    size = model.domain.shape[1:]
    with_maps = [layer for layer in layers if len(layer.shape) == 1 + len(size)]
    if word is not None:
        found = named_layer(word, layers)
        if found not in with_maps:
            raise UsageError(f"layer {found.name} holds no maps, but numbers: {found.shape}")
        return found
    # What the output unit gives is the picture, no hidden layer.
    inner = [one for one in with_maps if one.shape != tuple(model.domain.shape)]
    if not inner:
        raise UsageError(f"the generator of this model of {model.system} has no hidden maps")
    return inner[-min(SECOND, len(inner))]


@torch.inference_mode()
def learn_object(
    model: Model,
    regions: Sequence[Region],
    layer: SeenLayer,
    *,
    seed: int = 0,
    label: Labels = None,
    given: FieldValues = None,
    strength: float = 1.0,
) -> Told:
    """Return what tells the activations of an object from others, in samples of a seed.

    Args:
        model: with a generator of pictures.
        regions: where the object lies in the seed's samples.
        layer: where to look.
        seed: of the samples.
        label: their class, if one was asked for.
        given: their other conditions, as for `Model.sample`.
        strength: C of the regression.
    """
    count = 1 + max(region.sample for region in regions)
    z, drawn = model.latents(count, seed)
    y = model.wanted(count, label, given, drawn)
    maps = [
        _maps(model, z[part], at(y, part))[layer.name].float().cpu()
        for part in slices(count, BATCH)
    ]
    return tell(torch.cat(maps), regions, strength=strength, seed=seed)


def heaviest(told: Told, most: int | None = None) -> list[int]:
    """Return the maps that speak for an object, or those of the largest weights among them."""
    maps = told.maps
    if most is None or len(maps) <= most:
        return maps
    return sorted(sorted(maps, key=lambda number: -told.weights[number])[:most])


@contextmanager
def forgetting(model: Model, layer: SeenLayer, maps: Sequence[int]) -> Generator[None]:
    """Let samples of a model be drawn without some maps of a layer, for a block."""
    with dropped(model.game, layer.name, maps):
        yield


def _maps(model: Model, z: Tensor, y: Given) -> dict[str, Tensor]:
    sample, device = model.asked(CanSample).sample, model.device
    given = at(y, slice(None), device)
    with torch.no_grad():
        return layers_of(model.game, lambda: sample(z.to(device), given))


def _rows(before: Array, after: Array) -> Array:
    """Return samples in rows of both, those before above those after."""
    rows = [part for some in slices(len(before), ROW) for part in (before[some], after[some])]
    return np.concatenate(rows)
