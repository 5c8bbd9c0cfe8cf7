"""A score and the protocol it was measured under; unlike scores refuse to be compared.

Numbers of generative models are only comparable when everything about their measurement is equal:
the measure, the feature network and its weights, the sample counts, the reference set, the resize
rule and the seed. Here a number cannot exist without these.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import ConfigDict

from ganvas.config import Settings
from ganvas.errors import UsageError
from ganvas.metrics.unmeasurable import UnmeasurableError


class Estimate(NamedTuple):
    """A bare number and its standard deviation over subsets, splits or repeats."""

    value: float
    spread: float


class Protocol(Settings):
    """Everything that must be equal for two scores to be comparable.

    ``extractor`` and ``weights`` are empty for measures that need no feature network. ``settings``
    holds what only this measure has (neighbours, subsets, cells), as sorted pairs.
    """

    metric: str
    extractor: str = ""
    weights: str = ""
    samples: int
    reference: str = ""
    reference_samples: int = 0
    resize: str = ""
    seed: int | None = None
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The measure with its feature network, as in ``fid[digit-classifier]``."""
        return f"{self.metric}[{self.extractor}]" if self.extractor else self.metric

    def differences(self, other: Protocol) -> dict[str, tuple[object, object]]:
        """Return the fields that differ, each with both values."""
        mine, theirs = self.model_dump(), other.model_dump()
        return {key: (mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]}


def settings(**values: object) -> tuple[tuple[str, str], ...]:
    """Return ``values`` in the form of `Protocol.settings`: sorted pairs of strings."""
    return tuple(sorted((name, str(value)) for name, value in values.items()))


class Score(Settings):
    """A measured number: value, protocol, and where known its spread and a perfect model's value.

    ``spread`` is a standard deviation over subsets, splits or seeds. ``floor`` is what samples of
    the true law, or real images, score under the same measure.
    """

    model_config = ConfigDict(allow_inf_nan=True)

    value: float
    protocol: Protocol
    spread: float | None = None
    floor: float | None = None

    @property
    def name(self) -> str:
        """The protocol's name; it names the feature network that made the number."""
        return self.protocol.name

    def minus(self, other: Score) -> float:
        """Return the difference of two comparable values.

        Raises:
            UsageError: the protocols differ; the message shows the differing fields.
        """
        require_comparable([self, other])
        return self.value - other.value

    def to_json(self) -> str:
        """Return one line of strict JSON; numbers that are not finite become null."""
        content = self.model_dump()
        for key in ("value", "spread", "floor"):
            number = content[key]
            content[key] = number if number is not None and math.isfinite(number) else None
        return json.dumps({"name": self.name, **content})

    @classmethod
    def from_json(cls, text: str) -> Score:
        """Return the score that `to_json` wrote; a null value reads as NaN."""
        content = json.loads(text)
        content.pop("name")
        if content["value"] is None:
            content["value"] = math.nan
        return cls.model_validate(content)


class Scores(dict[str, Score]):
    """Scores by their names, and what could not be measured.

    Attributes:
        left_out: why a measure has no score, by its name.
    """

    def __init__(self, scores: Iterable[Score] = (), left_out: Mapping[str, str] | None = None):
        super().__init__({score.name: score for score in scores})
        self.left_out = dict(left_out or {})

    def add(self, other: Mapping[str, Score]) -> None:
        """Take over another evaluation's scores, and its reasons."""
        self.update(other)
        if isinstance(other, Scores):
            self.left_out |= other.left_out


def measured(measures: Mapping[tuple[str, ...], Callable[[], Iterable[Score]]]) -> Scores:
    """Return all scores of all measures; one without says why, and takes no other with it.

    Args:
        measures: each by the names of the scores that it gives.
    """
    found = Scores()
    for names, measure in measures.items():
        try:
            found.add(Scores(measure()))
        except UnmeasurableError as error:
            found.left_out |= dict.fromkeys(names, str(error))
    return found


def floor_of(measure: Callable[[], float]) -> float | None:
    """Return a perfect model's value, or None where too few real items are there to tell."""
    try:
        return measure()
    except UnmeasurableError:
        return None


def require_comparable(scores: Sequence[Score]) -> None:
    """Raise unless all scores have one protocol.

    Raises:
        UsageError: they differ; the message shows each differing field with both values.
    """
    for other in scores[1:]:
        differing = scores[0].protocol.differences(other.protocol)
        if differing:
            shown = "; ".join(f"{key}: {a!r} against {b!r}" for key, (a, b) in differing.items())
            raise UsageError(
                f"scores {scores[0].name} and {other.name} have different protocols and cannot "
                f"be compared ({shown}); evaluate both models with the same settings"
            )
