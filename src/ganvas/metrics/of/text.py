"""Lines of text are compared by the sequences of characters in them."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.choice import CHOICE, some
from ganvas.data.domain import AnyArray
from ganvas.data.domains.text import Text
from ganvas.data.items import Items
from ganvas.metrics.diversity import mean_pairwise_distance
from ganvas.metrics.kind import Measures, Numbers, Probe
from ganvas.metrics.ngrams import Ngrams, js_bits, ngrams
from ganvas.metrics.protocol import Protocol, Score, Scores, settings

WATCHED = 640
"""Lines that are drawn while training: ten batches, as in the authors' code."""


class TextMeasures(Measures):
    """Divergences of n-grams from the training lines', and which lines are new or repeated."""

    kind: ClassVar[str] = "text"

    @property
    def text(self) -> Text:
        """The lines' kind of data."""
        return cast(Text, self.domain)

    def counted(self, lines: AnyArray) -> dict[int, Ngrams]:
        """Return the n-grams of lines (N,)."""
        return ngrams(self.text.codes(lines), self.text.shape[0])

    @cached_property
    def corpus(self) -> dict[int, Ngrams]:
        """The n-grams of all training lines."""
        return self.counted(self.source.known.x)

    @cached_property
    def known(self) -> frozenset[str]:
        """All training lines."""
        return frozenset(self.source.known.x.tolist())

    def numbers(self, lines: AnyArray) -> Numbers:
        """Return ``js1`` to ``js4`` in bits, and shares of lines that are known, and different."""
        return {
            **js_bits(self.counted(lines), self.corpus),
            "known_lines": float(np.mean([line in self.known for line in lines.tolist()])),
            "distinct_lines": len(np.unique(lines)) / len(lines),
        }

    def scores(self, x: AnyArray, labels: NDArray[np.int64] | None, seed: int) -> Scores:
        """Return every score of lines (N,); the floor is that of as many held-out lines."""
        del labels
        held_out = self.held_out
        fresh = None if held_out is None else some(held_out.x, len(x))
        floors = {} if fresh is None else self.numbers(fresh)
        fewer = {} if fresh is None or len(fresh) == len(x) else {"floor_samples": len(fresh)}
        chosen = {} if held_out is None or len(held_out) <= len(x) else {"choice": CHOICE}
        known = self.source.known.x
        return Scores(
            Score(
                value=value,
                floor=floors.get(name),
                protocol=Protocol(
                    metric=name,
                    samples=len(x),
                    reference=f"{self.source.spec.name}, train",
                    reference_samples=len(known),
                    seed=seed,
                    settings=settings(length=self.text.length, **fewer, **chosen),
                ),
            )
            for name, value in self.numbers(x).items()
        )

    def probe(self, real: Items) -> Probe:
        """Return what compares samples with the training lines while a generator trains."""
        return TextProbe(self, real.x)


class TextProbe:
    """The numbers of a few lines, and how far they differ, in units of real lines."""

    samples = WATCHED

    def __init__(self, measures: TextMeasures, real: AnyArray) -> None:
        self._measures = measures
        self._spread = self._differ(real[:WATCHED])

    def __call__(self, samples: Tensor) -> Numbers:
        """Return the numbers of samples (N, signs, length)."""
        lines = self._measures.text.decode(samples)
        found = self._measures.numbers(lines)
        return found | ({"diversity": self._differ(lines) / self._spread} if self._spread else {})

    def _differ(self, lines: AnyArray) -> float:
        return mean_pairwise_distance(self._measures.plain(self._measures.text, lines))
