"""Whether labels and latents have an effect on what a conditional generator draws."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.choice import places
from ganvas.data.domain import AnyArray, Domain
from ganvas.data.items import Items
from ganvas.data.records import LABEL
from ganvas.data.source import Source
from ganvas.metrics.obedience import Obedience, obedience
from ganvas.metrics.of import plain

ASKED = 500
"""Samples that are looked at, and fresh items."""
LABELLED = ("label_agreement", "label_kappa", "label_variance")
"""What is measured of conditional models."""
KNOWN = 2_000
"""Training items whose labels tell what a sample shows."""


class Obeying:
    """Compares samples with the classes that they were asked for, and fresh items likewise.

    Args:
        train: labelled training items, in data units.
        held_out: labelled items that were not trained on; None: training items that are set apart.
        classes: how many there are.
        domain: the items' kind.

    Attributes:
        known: how many training items samples are compared with.
    """

    def __init__(self, train: Items, held_out: Items | None, classes: int, domain: Domain) -> None:
        self._plain, self._classes = partial(plain, domain), classes
        known, fresh = apart(train, held_out)
        self._known, self._labels = self._plain(known.x), torch.from_numpy(known[LABEL])
        self.known = len(self._labels)
        self._fresh = self._of(self._plain(fresh.x), torch.from_numpy(fresh[LABEL]))

    def __call__(self, samples: AnyArray, asked: NDArray[Any]) -> dict[str, float]:
        """Return numbers of samples in data units and their classes (N,), and of fresh items."""
        found = self._of(self._plain(samples), torch.from_numpy(asked))
        return {
            "label_agreement": found.agreement,
            "label_agreement_fresh": self._fresh.agreement,
            "label_kappa": found.kappa,
            "label_kappa_fresh": self._fresh.kappa,
            "label_variance": found.within,
        }

    def _of(self, x: Tensor, asked: Tensor) -> Obedience:
        return obedience(x, asked, self._known, self._labels, self._classes)


def apart(train: Items, held_out: Items | None) -> tuple[Items, Items]:
    """Return training items that tell what a sample shows, and fresh ones of which it is told, too.

    Where none were held out, these are training items that the others do without.
    """
    order = places(len(train), KNOWN + ASKED)
    few = min(ASKED, len(order) // 4) if held_out is None else 0
    fresh = train.rows(order[:few]) if held_out is None else held_out
    return train.rows(order[few:][:KNOWN]), fresh.rows(places(len(fresh), ASKED))


def obeying_of(source: Source, known: Mapping[str, Items]) -> Obeying | None:
    """Return what compares samples with their classes; None where data have no labels, or no end.

    Args:
        source: the data.
        known: some of its items, by `ganvas.diagnosis.look.known_items`.
    """
    if "train" not in known or LABEL not in known["train"]:
        return None
    held_out = known.get("held-out")
    return Obeying(source.items("train"), held_out, source.spec.classes, source.spec.domain)
