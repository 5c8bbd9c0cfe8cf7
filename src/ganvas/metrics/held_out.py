"""What autoencoders are measured by: likelihood and neighbours of held-out items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor

from ganvas.config import Settings
from ganvas.data.choice import CHOICE, at_most
from ganvas.data.items import Items
from ganvas.data.records import LABEL
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.metrics.classification import balanced, neighbour_accuracy
from ganvas.metrics.protocol import Protocol, Score, settings
from ganvas.metrics.unmeasurable import require_finite
from ganvas.slices import slices

BATCH = 500
DRAWS = 20
"""Sets of labelled items over which an accuracy is averaged."""


class Evaluation(Settings):
    """What is measured of an autoencoder.

    Attributes:
        items: how many held-out items have their likelihood estimated.
        samples: importance samples for each.
        neighbours: k of the classification of mean latents.
        labels: how many training items have one, in turn; left out where data have none.
    """

    items: PositiveInt = 2000
    samples: PositiveInt = 500
    neighbours: PositiveInt = 5
    labels: tuple[PositiveInt, ...] = (100, 600, 1000)


class Estimates(NamedTuple):
    """Of each item, (N,) in nats; the ELBO is the reconstruction minus the divergence."""

    log_likelihood: Tensor
    reconstruction: Tensor
    divergence: Tensor


Estimating = Callable[[Tensor, int], Estimates]
"""Estimates of items (N, *shape) from so many importance samples."""


def likelihood_scores(
    estimate: Estimating,
    source: Source,
    asked: Evaluation,
    seed: int,
    device: torch.device,
) -> dict[str, Score]:
    """Return log-likelihood, ELBO, reconstruction and divergence: means over items, in nats.

    The items are those of the last split: held-out ones, where there are some.
    """
    split = source.splits[-1]
    known = source.items(split).x
    items = at_most(known, asked.items)
    parts = [estimate(x, asked.samples) for x in _batches(items, source, device)]
    found = Estimates(*(torch.cat(column).double() for column in zip(*parts, strict=True)))
    columns = {
        "log_likelihood": found.log_likelihood,
        "elbo": found.reconstruction - found.divergence,
        "reconstruction": found.reconstruction,
        "divergence": found.divergence,
    }
    choice = {"choice": CHOICE} if len(items) < len(known) else {}
    conditions = settings(importance_samples=asked.samples, **choice)
    return {
        name: _score(name, float(values.mean()), None, source, len(items), seed, conditions)
        for name, values in columns.items()
    }


def neighbour_scores(
    encode: Callable[[Tensor], Tensor],
    source: Source,
    asked: Evaluation,
    seed: int,
    device: torch.device,
) -> dict[str, Score]:
    """Return the accuracies of nearest neighbours among labelled training items' latents (M1).

    Nothing where there are no labels, no held-out items, or fewer training items than labels.
    """
    if not {"train", "test"} <= set(source.splits):
        return {}
    train, test = source.items("train"), source.items("test")
    if LABEL not in train or LABEL not in test:
        return {}
    classes = len(np.unique(train[LABEL]))
    fewest = int(np.bincount(train[LABEL]).min()) * classes
    counts = [n for n in asked.labels if n <= fewest and n % classes == 0]
    if not counts:
        return {}
    known, asked_of = (_codes(encode, items, source, device) for items in (train, test))
    found: dict[str, Score] = {}
    for count in counts:
        accuracy = neighbour_accuracy(
            (known, train[LABEL]),
            (asked_of, test[LABEL]),
            count,
            k=asked.neighbours,
            draws=DRAWS,
            seed=seed,
        )
        name = f"accuracy_{count}_labels"
        conditions = settings(neighbours=asked.neighbours, draws=DRAWS)
        found[name] = _score(name, *accuracy, source, len(test), seed, conditions)
    return found


def accuracy_score(
    predict: Callable[[Tensor], Tensor],
    source: Source,
    labels: int,
    seed: int,
    device: torch.device,
) -> dict[str, Score]:
    """Return the share of held-out items whose most probable class, of (N, K), is their own.

    Args:
        predict: gives the classes' probabilities.
        source: the data; nothing is returned where no labelled items are held out.
        labels: how many training items had a label, for the protocol.
        seed: likewise.
        device: where the classifier is.
    """
    if "test" not in source.splits or LABEL not in (test := source.items("test")):
        return {}
    answers = _codes(predict, test, source, device).argmax(1).cpu().numpy()
    accuracy = float((answers == test[LABEL]).mean())
    conditions = settings(labels=labels)
    return {"accuracy": _score("accuracy", accuracy, None, source, len(test), seed, conditions)}


def labelled_places(items: Items, count: int, seed: int) -> NDArray[np.int64]:
    """Return which items keep their label: equally many of each class, in random order.

    Raises:
        UsageError: there are no labels, or too few of some class.
    """
    if LABEL not in items:
        raise UsageError("there are no labels to choose from")
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.permutation(balanced(items[LABEL], count, rng))


def _score(
    name: str,
    value: float,
    spread: float | None,
    source: Source,
    items: int,
    seed: int,
    conditions: tuple[tuple[str, str], ...],
) -> Score:
    protocol = Protocol(
        metric=name,
        samples=items,
        reference=f"{source.spec.name}, {source.splits[-1]}",
        reference_samples=items,
        seed=seed,
        settings=conditions,
    )
    return Score(value=value, spread=spread, protocol=protocol)


def _batches(x: NDArray[Any], source: Source, device: torch.device) -> list[Tensor]:
    encode = source.spec.domain.encode
    return [encode(x[part]).to(device) for part in slices(len(x), BATCH)]


@torch.no_grad()
def _codes(
    encode: Callable[[Tensor], Tensor], items: Items, source: Source, device: torch.device
) -> Tensor:
    codes = torch.cat([encode(x) for x in _batches(items.x, source, device)])
    require_finite(codes, "the network's answers")
    return codes
