"""The contract of what is measured of one kind of data: scores, and a glance while training."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.domain import AnyArray, Domain
from ganvas.data.items import Items
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.metrics.extractor import Look
from ganvas.metrics.neighbourhood import Neighbourhood
from ganvas.metrics.points import evaluate_point_set
from ganvas.metrics.protocol import Scores

Numbers = dict[str, float]


class Probe(Protocol):
    """Turns samples into the numbers that are logged while a generator trains."""

    samples: int
    """How many samples it wants."""

    def __call__(self, samples: Tensor) -> Numbers:
        """Return the numbers of samples (N, *shape) in network units, by bare names."""
        ...


class Measures:
    """What is measured of samples of one kind of data.

    As it stands it fits any kind: items are vectors in network units. A subclass has a ``kind`` of
    its own and is found by it: built-in ones in the file of that name in `ganvas.metrics.of`,
    others once they are imported.

    Args:
        source: the data that samples are compared with.
        device: on which networks that look at samples compute.

    Attributes:
        kind: of the data, or what their source says that it is ``measured`` as.
        customary: how many samples papers draw, of data with modes.
    """

    kind: ClassVar[str] = ""
    customary: ClassVar[tuple[int, ...]] = ()

    def __init__(self, source: Source, device: str | torch.device = "cpu") -> None:
        self.source, self.device = source, device

    @property
    def domain(self) -> Domain:
        """The main field's kind of data."""
        return self.source.spec.domain

    def take(self, network: Path) -> None:
        """Compare clips by a network of one's own, too.

        Raises:
            UsageError: the data are none, or the file is no such network.
        """
        raise UsageError(f"{network} is to look at videos, and the data are {self.domain.plural}")

    def scores(self, x: AnyArray, labels: NDArray[np.int64] | None, seed: int) -> Scores:
        """Return every score of samples.

        Args:
            x: in data units, in no order.
            labels: the classes (N,) that they were asked to show, if any.
            seed: with which they were drawn, for the protocol.
        """
        del labels
        train, held_out = self.source.known.x, self.held_out
        split = "train" if held_out is None else "test"
        return evaluate_point_set(
            x,
            train if held_out is None else held_out.x,
            real=None if held_out is None else train,
            reference_name=f"{self.source.spec.name}, {split}",
            seed=seed,
            vectors=self.vectors,
            units=self.domain.ruler,
        )

    def vectors(self, array: AnyArray) -> AnyArray:
        """Return items in data units as vectors (N, K) that distances are taken of."""
        return self.domain.standardised(array).reshape(len(array), -1)

    @staticmethod
    def plain(domain: Domain, array: AnyArray) -> Tensor:
        """Return items in data units as vectors (N, K) in which copies of items are near them."""
        return domain.encode(array).flatten(1)

    def look(self, array: AnyArray) -> Look:
        """Return what items in data units are compared by, (N, F), and of which class they are."""
        return Look(self.plain(self.domain, array))

    def probe(self, real: Items) -> Probe:
        """Return what looks at samples while training; real items are looked at once."""
        return Neighbourhood(real.x, self.domain)

    def histogram(self, x: AnyArray) -> NDArray[np.int64]:
        """Return how many samples in data units fall into each mode.

        Raises:
            UsageError: the data have no known modes.
        """
        raise UsageError(f"{self.source.spec.name} has no known modes to count samples in")

    @property
    def held_out(self) -> Items | None:
        """Items that were not trained on, if there are any."""
        return self.source.items("test") if "test" in self.source.splits else None
