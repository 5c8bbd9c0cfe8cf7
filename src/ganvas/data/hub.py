"""Image data sets of the Hugging Face hub, through the optional ``datasets`` package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

from ganvas.data import pixels
from ganvas.data.image_options import ImageOptions
from ganvas.data.items import Collection, Items, encode_labels
from ganvas.data.pixels import Form
from ganvas.errors import UsageError

PREFIX = "hf:"
LABEL_COLUMNS = ("label", "labels", "fine_label")
TEST_SPLITS = ("test", "validation")


def read_hub(source: str, settings: ImageOptions) -> Collection:
    """Read the images of ``hf:org/name``, or of ``hf:org/name@config``.

    The first image column is used; splits "train" and "test" (else "validation") where there are
    some; classes from a ``label`` column.

    Raises:
        UsageError: ``datasets`` is not installed, the id cannot be loaded, or has no images.
    """
    try:
        library: Any = import_module("datasets")
    except ImportError:
        raise UsageError(
            f"{source} needs the 'datasets' package: pip install 'ganvas[hub]'."
        ) from None
    name, _, config = source.removeprefix(PREFIX).partition("@")
    try:
        loaded: Any = library.load_dataset(name, config or None)
    except Exception as error:  # its many causes share no base class
        reason = str(error).strip().split("\n")[0]
        raise UsageError(f"{source} cannot be loaded from the hub: {reason}.") from error
    return from_tables(name, loaded, settings)


def from_tables(name: str, tables: Mapping[str, Any], settings: ImageOptions) -> Collection:
    """Turn loaded splits (``datasets.Dataset`` objects by split name) into a collection."""
    train = "train" if "train" in tables else next(iter(tables))
    chosen = {"train": tables[train]}
    if test := next((key for key in TEST_SPLITS if key in tables and key != train), None):
        chosen["test"] = tables[test]
    column = _image_column(name, chosen["train"])
    pictures: dict[str, list[Image.Image]] = {
        split: list(table[column]) for split, table in chosen.items()
    }
    images = _conform(pictures, settings)
    labels, classes = _labels(chosen)
    items = {split: Items(images[split], labels.get(split)) for split in chosen}
    return Collection(name, items, classes)


def _image_column(name: str, table: Any) -> str:
    """Return the first column declared as images."""
    for column, feature in table.features.items():
        if type(feature).__name__ == "Image":
            return column
    raise UsageError(f"{name} has no image column; its columns are {', '.join(table.features)}.")


def _conform(
    pictures: dict[str, list[Image.Image]], settings: ImageOptions
) -> dict[str, pixels.Array8]:
    every = [picture for split in pictures.values() for picture in split]
    size = pixels.choose_size(
        settings, ((f"image {i}", (one.height, one.width)) for i, one in enumerate(every))
    )
    grey = all(pixels.is_grey(one) for one in every)
    alpha = all(pixels.is_transparent(one) for one in every)
    channels = pixels.choose_channels(settings, grey, alpha)
    form = Form(size, settings.resize, channels, settings.colour)
    return {
        split: np.stack([pixels.conform(one, form) for one in some])
        for split, some in pictures.items()
    }


def _labels(tables: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    features = tables["train"].features
    column = next((name for name in LABEL_COLUMNS if name in features), None)
    if column is None:
        return {}, ()
    if names := getattr(features[column], "names", None):
        labels = {split: np.array(table[column], np.int64) for split, table in tables.items()}
        return labels, tuple(names)
    return encode_labels({s: [str(v) for v in table[column]] for s, table in tables.items()})
