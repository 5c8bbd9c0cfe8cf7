"""Clips are compared in the features of networks that see them whole, and those that see motion."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.choice import some
from ganvas.data.domain import AnyArray, Domain
from ganvas.data.items import Items
from ganvas.metrics.clips import (
    DYNAMICS,
    RANDOM3D,
    ClipExtractor,
    Components,
    RandomClips,
    extract,
    in_units,
    parts_of,
)
from ganvas.metrics.diversity import mean_pairwise_distance
from ganvas.metrics.extractor import Look
from ganvas.metrics.kind import Measures, Numbers, Probe
from ganvas.metrics.motion import coarse, moved, shown
from ganvas.metrics.neighbourhood import Neighbourhood
from ganvas.metrics.protocol import Scores
from ganvas.metrics.scripted import ScriptedClips
from ganvas.metrics.unmeasurable import UnmeasurableError
from ganvas.metrics.videos import VideoEvaluation
from ganvas.metrics.vidnets import SETS, knowing


class VideoMeasures(Measures):
    """Fréchet and kernel distances, neighbours, factors, and what moves."""

    kind: ClassVar[str] = "videos"

    own: ScriptedClips | None = None
    """The network in a file of the user's."""

    def take(self, network: Path) -> None:
        """Compare clips by the network in a TorchScript file, too."""
        self.own = ScriptedClips(network, self.device)

    @cached_property
    def withheld(self) -> str:
        """Why the network that knows the set is not asked; empty: it is, or there is none."""
        try:
            knowing(self.source.spec.name, self.source.spec.shape[0], self.device)
        except UnmeasurableError as error:
            return str(error)
        return ""

    @cached_property
    def extractor(self) -> ClipExtractor:
        """The network that knows the set's factors, or one of random weights."""
        spec = self.source.spec
        known = None if self.withheld else knowing(spec.name, spec.shape[0], self.device)
        return known or RandomClips(RANDOM3D, self.source.known.x, self.device)

    @property
    def extractors(self) -> list[ClipExtractor]:
        """All networks that clips are compared by, the one above first."""
        real, first = self.source.known.x, self.extractor
        random = [] if first.name == RANDOM3D else [RandomClips(RANDOM3D, real, self.device)]
        own = [] if self.own is None else [self.own]
        return [first, *random, Components(real), RandomClips(DYNAMICS, real, self.device), *own]

    def scores(self, x: AnyArray, labels: NDArray[np.int64] | None, seed: int) -> Scores:
        """Return every score of uint8 clips (N, T, H, W, C)."""
        spec, held_out = self.source.spec, self.held_out
        known = SETS.get(spec.name)
        found = VideoEvaluation(
            x,
            self.source.known.x,
            self.extractors,
            held_out=None if held_out is None else held_out.x,
            factors=None if known is None else known.factors,
            data=spec.name,
            rate=float(getattr(self.domain, "rate", 0.0)),
            seed=seed,
            device=self.device,
        ).measures(None if labels is None else torch.from_numpy(labels))
        if self.withheld:
            found.left_out["frechet[vidnet]"] = self.withheld
        for factor, why in getattr(self.extractor, "withheld", {}).items():
            found.left_out[f"{factor}[vidnet]"] = why
        return found

    @staticmethod
    def plain(domain: Domain, array: AnyArray) -> Tensor:
        """Return uint8 clips (N, T, H, W, C) averaged to at most 8×8×8, as vectors."""
        del domain
        return coarse(in_units(array))

    def look(self, array: AnyArray) -> Look:
        """Return the features of uint8 clips (N, T, H, W, C)."""
        return Look(extract(self.extractor, array, device=self.device).features)

    def probe(self, real: Items) -> Probe:
        """Return what compares samples with real clips while a generator trains."""
        return ClipProbe(self, real.x)


class ClipNeighbourhood(Neighbourhood):
    """How clips lie among real ones in the features of an extractor of clips."""

    def __init__(self, real: AnyArray, measures: VideoMeasures) -> None:
        self._clips = measures
        super().__init__(real, measures.domain, None, measures.device)

    def _see(self, x: AnyArray) -> tuple[Tensor, Tensor | None]:
        return self._clips.look(x).features, None


class ClipProbe:
    """How samples lie among real clips, and how they differ in what they show and how they move.

    Variety is told apart: of which levels there are, whatever their place, and of where and when
    something changes, whatever it is; each in units of real clips.
    """

    def __init__(self, measures: VideoMeasures, real: AnyArray) -> None:
        self._around = ClipNeighbourhood(real, measures)
        self._domain = measures.domain
        self.samples = self._around.samples
        known = some(real, self.samples)
        self._spreads = {side: _spread(view, known) for side, view in SIDES.items()}
        self._amount = _amount(known)

    def __call__(self, samples: Tensor) -> Numbers:
        """Return the numbers of clips (N, C, T, H, W) in network units."""
        numbers = dict(self._around(samples))
        clips = self._domain.decode(samples)
        for side, spread in self._spreads.items():
            if spread > 0:
                numbers[f"{side}_diversity"] = _spread(SIDES[side], clips) / spread
        if self._amount > 0:
            numbers["motion"] = _amount(clips) / self._amount
        return numbers


SIDES: Final[dict[str, Callable[[Tensor], Tensor]]] = {"content": shown, "motion": moved}
"""What is told apart of clips."""


def _spread(view: Callable[[Tensor], Tensor], clips: AnyArray) -> float:
    """Return how much clips differ in what is told of them."""
    return mean_pairwise_distance(torch.cat([view(in_units(p)) for p in parts_of(clips)]))


def _amount(clips: AnyArray) -> float:
    """Return how much pixels change from frame to frame, in levels."""
    return float(np.abs(np.diff(clips.astype(np.int16), axis=1)).mean()) if len(clips) else 0.0
