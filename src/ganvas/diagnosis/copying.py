"""Whether a generator gives back its training items, as one look tells it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch

from ganvas.data.choice import places
from ganvas.data.domain import AnyArray, Domain
from ganvas.data.items import Items
from ganvas.data.source import Source
from ganvas.data.views import Mirror
from ganvas.metrics.copies import copies
from ganvas.metrics.of import plain
from ganvas.metrics.unmeasurable import UnmeasurableError

ASKED = 250
"""Samples that are looked up among training items, and fresh items: ± 3 % are enough."""

TRAINED = 4_096
"""Training items among which they are looked up, at most."""


class Copying:
    """Looks samples up among training items, and fresh items likewise.

    Args:
        train: the training items, in data units.
        held_out: items that were not trained on, if there are enough of them.
        domain: their kind. They are compared as plain vectors: in the features of a network another
            drawing of the same would be a copy.
        mirrored: training saw the items' mirror images, too.
    """

    def __init__(
        self, train: Items, held_out: Items | None, domain: Domain, mirrored: bool = False
    ) -> None:
        self._plain = partial(plain, domain)
        known = train.x[places(len(train), TRAINED)]
        self._train = self._plain(known)
        self._left_out = self._train[:ASKED] if held_out is None else None
        self._held_out = None
        if held_out is not None:
            self._held_out = self._plain(held_out.x[places(len(held_out), ASKED)])
        if mirrored:
            others = domain.decode(domain.mirrored(domain.encode(known)))
            self._train = torch.cat([self._train, self._plain(others)])

    def __call__(self, samples: AnyArray) -> dict[str, float]:
        """Return shares of copies among samples in data units, and among fresh items."""
        asked = self._plain(samples)
        try:
            found = copies(asked, self._train, held_out=self._held_out, left_out=self._left_out)
        except UnmeasurableError:
            return {}
        return {"memorised": found.share, "memorised_fresh": found.fresh}


def copying_of(source: Source, known: Mapping[str, Items]) -> Copying | None:
    """Return what looks samples up among a source's training items; None where they are endless.

    Args:
        source: the data.
        known: some of its items, by `ganvas.diagnosis.look.known_items`.
    """
    if "train" not in known:
        return None
    mirrored = any(isinstance(view, Mirror) for view in source.views)
    return Copying(source.items("train"), known.get("held-out"), source.spec.domain, mirrored)
