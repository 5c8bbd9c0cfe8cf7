"""Every other recipe of BigGAN and StyleGAN2 that a CPU can play, once: does it learn?

Runs: each by its name. Samples are compared with held-out images, or all where none are held out,
beside the samples of the same networks before training; each leaves a sheet in the work folder.
Minutes are the processor's, of training, and not told of a run that was there already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Row, to_the_end
from numpy.typing import NDArray
from parts.fidelity._scoring import SIZE, features, scorer
from parts.fidelity.biggan import looked
from PIL import Image

from ganvas import api
from ganvas.api.measuring import drawn
from ganvas.api.run_data import run_data
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.of import measures_of
from ganvas.model import Model, Provenance, load
from ganvas.play import build

MINUTES = 42
NAMES = (
    "biggan/emoji",
    "biggan/faces",
    "biggan-deep/digits",
    "biggan-deep/emoji",
    "biggan-deep/faces",
    "stylegan2/digits",
    "stylegan2/emoji",
)
QUIET: dict[str, Any] = {
    "sample_every": 0,
    "watch_every": 0,
    "tensorboard": False,
    "checkpoint_every": 250,
    "log_every": 20,
}
SAMPLES = 2_000
SHOWN = 48


def learned(recipe: str, work: Path) -> Row:
    """Train a recipe, once; return how far its samples are from the data, and how far they were."""
    run, start = work / "recipes" / recipe.replace("/", "-"), time.process_time()
    known = (run / "finished").exists()
    quiet: dict[str, Any] = {"train": QUIET, "evaluate": {"at_end": False}}
    to_the_end(run, partial(api.train, recipe, run, quiet=True, overwrite=True, **quiet))
    row: Row = {} if known else {"minutes": round((time.process_time() - start) / 60, 1)}
    its = run_data(run)
    settings, source = its.recipe, its.source
    items = (source.items("test") if "test" in source.splits else source.known).x[:]
    before = build(settings.game_type, settings.game_config, source.spec, settings.seed)
    models = {"": load(run, device="cpu"), "untrained ": Model(before, Provenance(), device="cpu")}
    measures = measures_of(source, torch.device("cpu"))
    truth = measures.look(items).features
    for when, model in models.items():
        x, _ = drawn(model, source, SAMPLES, seed=1)
        found = frechet_of_features(measures.look(x).features, truth)
        row[f"{when}Fréchet distance"] = round(found, 3)
        if recipe.endswith("/faces") and x.shape[1] == SIZE:
            judge = scorer(work)
            by = frechet_of_features(features(judge, x), features(judge, items))
            row[f"{when}by the scorer"] = round(by, 3)
        if not when:
            sheet(x[:SHOWN], run.with_suffix(".png"))
    if models[""].game.conditions.classes and "test" in source.splits:
        row |= looked(run)
    return row


def sheet(images: NDArray[np.uint8], path: Path, columns: int = 12) -> None:
    """Write images (N, H, W, C) side by side."""
    n, height, width, channels = images.shape
    rows = images.reshape(n // columns, columns, height, width, channels).swapaxes(1, 2)
    pixels = rows.reshape(n // columns * height, columns * width, channels)
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(path)


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    for name in NAMES:
        yield name, partial(learned, name, work)
