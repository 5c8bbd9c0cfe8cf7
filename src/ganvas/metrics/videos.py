"""Scores of generated clips, each with what real clips reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.choice import CHOICE, places
from ganvas.errors import UsageError
from ganvas.metrics.clips import (
    BATCH,
    ClipExtractor,
    ClipLook,
    Clips,
    checked_clips,
    extract,
    in_units,
    parts_of,
)
from ganvas.metrics.diversity import mean_pairwise_distance
from ganvas.metrics.frechet import frechet_of_moments
from ganvas.metrics.inception_score import inception_score
from ganvas.metrics.kid import kernel_distance, subset_size
from ganvas.metrics.moments import moments_of
from ganvas.metrics.motion import Track, colour_distances, flicker, foreground, track, wasserstein
from ganvas.metrics.prdc import coverage, fitting, prdc
from ganvas.metrics.protocol import Protocol, Score, Scores, floor_of, measured, settings
from ganvas.metrics.scripted import I3D
from ganvas.metrics.unmeasurable import UnmeasurableError, require_finite

Found = Iterator[Score]
NEIGHBOURS = 5
SUBSETS, SUBSET_SIZE = 10, 500
"""Of the kernel distance: subsets, and clips in one at most."""
SPLITS = 10
"""Parts of the samples for an Inception-type score."""
COVERED = 0.2
"""A cell of factors is covered by this share of what it has in the data."""


class Factors:
    """Which factors of clips are content, and which motion; one without a side has none.

    Args:
        content, motion: their names.
    """

    def __init__(self, content: Sequence[str] = (), motion: Sequence[str] = ()) -> None:
        self.content, self.motion = tuple(content), tuple(motion)


class VideoEvaluation:
    """The measures of one set of clips; each set goes once through each extractor, batch by batch.

    Real clips that are not the reference play the perfect generator: as many of them as there are
    samples (or all, if fewer) give each score its floor.

    Args:
        samples: generated clips, uint8 (N, T, H, W, C), in no order.
        train: training clips of the same shape, or what can be indexed like them.
        extractors: the first of them also tells neighbours, and cells if it knows factors.
        held_out: clips that were not trained on.
        factors: which side the factors belong to that an extractor knows.
        data: name of the data set, for the protocol.
        rate: frames in a second.
        seed: with which the samples were drawn.
        device: on which extractors compute.
        batch: clips that go through at once.

    Raises:
        UsageError: clips of another type or shape.
    """

    def __init__(
        self,
        samples: Clips,
        train: Clips,
        extractors: Sequence[ClipExtractor],
        *,
        held_out: Clips | None = None,
        factors: Factors | None = None,
        data: str = "videos",
        rate: float = 0.0,
        seed: int | None = None,
        device: str | torch.device = "cpu",
        batch: int = BATCH,
    ) -> None:
        for clips in (samples, train) if held_out is None else (samples, train, held_out):
            if checked_clips(clips).shape[1:] != samples.shape[1:]:
                raise UsageError(
                    f"samples have shape {samples.shape[1:]}, real clips {clips.shape[1:]}: "
                    "they must be equal to be compared"
                )
        self.samples, self.extractors, self.seed = samples, list(extractors), seed
        self.factors = factors or Factors()
        self._data, self._device, self._batch, self._rate = data, device, batch, rate
        self.split = "train" if held_out is None else "held-out"
        self._reference, self._real = (train, None) if held_out is None else (held_out, train)
        self._rows = places(len(self._reference))
        self._real_rows = places(0 if self._real is None else len(self._real), len(samples))

    def _seen(self, clips: Clips, rows: NDArray[np.int64] | None = None) -> list[ClipLook]:
        return [
            extract(e, clips, rows=rows, batch=self._batch, device=self._device)
            for e in self.extractors
        ]

    @cached_property
    def fake(self) -> list[ClipLook]:
        """What each extractor makes of the samples."""
        return self._seen(self.samples)

    @cached_property
    def reference(self) -> list[ClipLook]:
        """What each makes of the reference."""
        return self._seen(self._reference, self._rows)

    @cached_property
    def real(self) -> list[ClipLook]:
        """What each makes of the clips that play the perfect generator; nothing without any."""
        return [] if self._real is None else self._seen(self._real, self._real_rows)

    def measures(self, labels: Tensor | None = None) -> Scores:
        """Return every score; what could not be measured says why.

        Args:
            labels: (N,) classes that samples were asked to show.
        """
        asked: dict[tuple[str, ...], Callable[[], Found]] = {}
        for number, extractor in enumerate(self.extractors):
            name = extractor.name
            asked[(f"{_distance(extractor)}[{name}]",)] = lambda n=number: self.frechet(n)
            asked[(f"kid[{name}]",)] = lambda n=number: self.kernel(n)
            near = ("precision", "recall", "density", "coverage", "coverage_ratio", "diversity")
            asked[tuple(f"{one}[{name}]" for one in near)] = lambda n=number: self.near(n)
        first = self.extractors[0].name
        asked[tuple(f"is_{s}[{first}]" for s in ("content", "motion", "joint"))] = self.inception
        asked[(f"cells[{first}]", f"cells_kl[{first}]")] = self.cells
        asked[(f"mcs[{first}]",)] = lambda: self.control(labels)
        asked[("acd_colour",)] = self.content_distance
        moves = ("speed_w1", "turn_ratio", "vanished", "flicker")
        asked[moves] = self.moves
        return measured(asked)

    # ---- distances in features ------------------------------------------------------------------

    def _compared(self, number: int) -> tuple[Tensor, Tensor]:
        x, y = self.fake[number].features, self.reference[number].features
        require_finite(x, "features of the samples")
        require_finite(y, "features of the reference")
        return x, y

    def _floor(self, number: int, measure: Callable[[Tensor], float]) -> float | None:
        if not self.real:
            return None
        features = self.real[number].features
        return floor_of(lambda: measure(features))

    def frechet(self, number: int) -> Found:
        """Yield the Fréchet distance in an extractor's features."""
        x, y = self._compared(number)
        width = x.shape[1]
        if min(len(x), len(y)) <= width:
            raise UnmeasurableError(
                f"a Fréchet distance of {width} features needs more than {width} clips on each "
                f"side, got {len(x)} and {len(y)}"
            )
        reference = moments_of(y)

        def distance(features: Tensor) -> float:
            return frechet_of_moments(moments_of(features), reference)

        name = _distance(self.extractors[number])
        yield self._score(name, distance(x), number, floor=self._floor(number, distance))

    def kernel(self, number: int) -> Found:
        """Yield the kernel distance: the one to trust below a thousand clips."""
        x, y = self._compared(number)

        def distance(features: Tensor) -> float:
            return kernel_distance(features, y, subsets=SUBSETS, size=SUBSET_SIZE).value

        value, spread = kernel_distance(x, y, subsets=SUBSETS, size=SUBSET_SIZE)
        yield self._score(
            "kid",
            value,
            number,
            spread=spread,
            floor=self._floor(number, distance),
            subsets=SUBSETS,
            size=subset_size(len(x), len(y), SUBSET_SIZE),
        )

    def near(self, number: int) -> Found:
        """Yield precision, recall, density, coverage, its ratio to real clips', and variety."""
        x, y = self._compared(number)
        real = self.real[number].features if self.real else None
        k = fitting(NEIGHBOURS, *(len(one) for one in (x, y, real) if one is not None))
        floors = {} if real is None else prdc(y, real, k)._asdict()
        for name, value in prdc(y, x, k)._asdict().items():
            yield self._score(name, value, number, floor=floors.get(name), k=k)
        if real is not None:
            n = min(len(x), len(real))
            ratio = coverage(y, x[:n], k) / max(coverage(y, real[:n], k), 1 / len(y))
            yield self._score("coverage_ratio", ratio, number, floor=1.0, k=k)
        yield self._score(
            "diversity",
            mean_pairwise_distance(x),
            number,
            floor=self._floor(number, mean_pairwise_distance),
        )

    # ---- what the first extractor knows ---------------------------------------------------------

    def _sides(self) -> dict[str, tuple[str, ...]]:
        known = self.fake[0].told
        sides = {"content": self.factors.content, "motion": self.factors.motion}
        return {side: tuple(n for n in names if n in known) for side, names in sides.items()}

    def inception(self) -> Found:
        """Yield Inception-type scores of content, of motion and of both; none without a classifier.

        An upper bound is the number of values; real clips' own score is the floor.
        """
        sides = {side: names for side, names in self._sides().items() if names}
        if len(sides) == 2:
            sides["joint"] = sides["content"] + sides["motion"]
        for side, names in sides.items():
            values = [_joint(look.told, names) for look in (self.fake[0], *self.real[:1])]
            splits = min(SPLITS, len(values[0]))
            value, spread = inception_score(values[0], splits)
            floor = None
            if len(values) > 1:
                floor = floor_of(lambda p=values[1], s=splits: inception_score(p, s).value)
            yield self._score(f"is_{side}", value, 0, spread=spread, floor=floor, splits=splits)

    def cells(self) -> Found:
        """Yield how many cells of content × motion are covered, and the divergence from the data's.

        A cell counts from a fifth of the share on that it has in the data.
        """
        names = tuple(name for side in self._sides().values() for name in side)
        if not names:
            return
        fake, wanted = (_shares(look.told, names) for look in (self.fake[0], self.reference[0]))
        held = wanted > 0

        def covered(shares: Tensor) -> float:
            return float((shares[held] >= COVERED * wanted[held]).sum())

        def divergence(shares: Tensor) -> float:
            p = shares[shares > 0]
            q = wanted.clamp_min(0.5 / len(self._reference))[shares > 0]
            return float((p * (p / q).log()).sum())

        real = _shares(self.real[0].told, names) if self.real else None
        count, of = int(held.sum()), "+".join(names)
        for metric, measure in (("cells", covered), ("cells_kl", divergence)):
            floor = None if real is None else measure(real)
            yield self._score(metric, measure(fake), 0, floor=floor, cells=count, factors=of)

    def control(self, labels: Tensor | None) -> Found:
        """Yield how often the factor shown is the class asked for; none without classes."""
        known = self.fake[0].told.get("label")
        if labels is None or known is None:
            return
        shown = known.argmax(1)
        yield self._score("mcs", float((shown == labels).double().mean()), 0, floor=1.0)

    # ---- what is followed pixel by pixel --------------------------------------------------------

    def content_distance(self) -> Found:
        """Yield how far a thing's colour changes within a clip, and when frames are mixed.

        For things of one colour before black, as clips made by code have them.
        """
        if self.samples.shape[-1] != 3:
            return
        value = self._colours(self.samples, None)
        floor = None if self._real is None else self._colours(self._real, self._real_rows)
        ceiling = self._colours(self._reference, self._rows[: len(self.samples)], mixed=True)
        yield self._score("acd_colour", value, None, floor=floor, ceiling=f"{ceiling:.1f}")

    def _colours(self, clips: Clips, rows: NDArray[np.int64] | None, mixed: bool = False) -> float:
        found = list[Tensor]()
        for part in self._parts(clips, rows):
            seen = foreground(_mixed(part) if mixed else part)
            found.append(colour_distances(seen))
        distances = torch.cat(found)
        told = distances[distances.isfinite()]
        if not len(told):
            raise UnmeasurableError("no clip has two frames in which a thing is to be seen")
        return float(told.double().mean())

    def moves(self) -> Found:
        """Yield how speeds and turns differ from real ones, what vanishes, and what flickers."""
        mine, quiet = self._tracks(self.samples, None)
        wanted, _ = self._tracks(self._reference, self._rows[: len(self.samples)])
        real = None if self._real is None else self._tracks(self._real, self._real_rows)
        yield self._score(
            "speed_w1",
            wasserstein(mine.speeds, wanted.speeds),
            None,
            floor=None if real is None else wasserstein(real[0].speeds, wanted.speeds),
        )
        scale = float(wanted.turns.mean()) if len(wanted.turns) else math.nan
        yield self._score("turn_ratio", _mean(mine.turns) / scale, None, floor=1.0)
        yield self._score(
            "vanished", mine.vanished, None, floor=None if real is None else real[0].vanished
        )
        yield self._score("flicker", quiet, None, floor=None if real is None else real[1])

    def _tracks(self, clips: Clips, rows: NDArray[np.int64] | None) -> tuple[Track, float]:
        speeds, turns, gone, count = list[Tensor](), list[Tensor](), 0.0, 0
        change = torch.zeros(2, dtype=torch.float64)
        for part in self._parts(clips, rows):
            found = track(foreground(part))
            speeds.append(found.speeds)
            turns.append(found.turns)
            gone, count = gone + found.vanished * len(part), count + len(part)
            change += torch.stack([x.double() for x in flicker(part)])
        told = Track(torch.cat(speeds), torch.cat(turns), gone / count)
        return told, float(change[0] / change[1].clamp_min(1))

    def _parts(self, clips: Clips, rows: NDArray[np.int64] | None) -> Iterator[Tensor]:
        return map(in_units, parts_of(clips, rows, self._batch))

    def _score(
        self,
        metric: str,
        value: float,
        number: int | None,
        *,
        floor: float | None = None,
        spread: float | None = None,
        **options: object,
    ) -> Score:
        extractor = None if number is None else self.extractors[number]
        n, frames = len(self.samples), self.samples.shape[1]
        protocol = Protocol(
            metric=metric,
            extractor=extractor.name if extractor else "",
            weights=extractor.weights if extractor else "",
            samples=n,
            reference=f"{self._data}, {self.split}",
            reference_samples=len(self._reference),
            resize=extractor.scaling(self.samples.shape[1:]) if extractor else "",
            seed=self.seed,
            settings=settings(
                frames=frames,
                rate=f"{self._rate:g}",
                quantisation="8 bit",
                floor_samples=len(self._real_rows),
                choice=CHOICE,
                **options,
            ),
        )
        return Score(value=value, protocol=protocol, floor=floor, spread=spread)


def _distance(extractor: ClipExtractor) -> str:
    """Return what a Fréchet distance is called: as in the literature by its own network alone."""
    return "fvd" if extractor.name == I3D else "frechet"


def _joint(told: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """Return probabilities (N, K₁·K₂·…) of factors that are told apart independently."""
    joint = told[names[0]]
    for name in names[1:]:
        joint = (joint[:, :, None] * told[name][:, None, :]).flatten(1)
    return joint


def _shares(told: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """Return the share of clips in each cell of factors, by what is most likely of each."""
    cell, count = torch.zeros(len(told[names[0]]), dtype=torch.long), 1
    for name in names:
        values = told[name].shape[1]
        cell, count = cell * values + told[name].argmax(1), count * values
    return torch.bincount(cell, minlength=count).double() / len(cell)


def _mixed(clips: Tensor) -> Tensor:
    """Return clips each of whose frames comes from another clip, at the same time."""
    n, _, frames, *_ = clips.shape
    clip = torch.arange(n)[:, None] + torch.arange(frames)[None]
    return clips[clip % n, :, torch.arange(frames)[None].expand(n, -1)].transpose(1, 2)


def _mean(values: Tensor) -> float:
    return float(values.double().mean()) if len(values) else math.nan
