"""Scorer files: safetensors with the weights of a scorer, and how far it can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from ganvas.config import Settings
from ganvas.errors import GanvasError, UsageError
from ganvas.given import require_place
from ganvas.metrics.attributes import Build, Kind, Scorer
from ganvas.model.sealed import read_named, write_told
from ganvas.networks.perceptual import FeaturesName

FORMAT = "ganvas-scorer-1"
SUFFIX = ".safetensors"


class Told(Settings):
    """What a scorer file says of itself.

    Attributes:
        format: that of this module.
        names: of the attributes.
        kind, shape, features: what its network is made from (`Build`).
        accuracy: of each attribute, on pictures that were not trained on.
        gate: from which on an attribute is believed.
        learnt: from what, in plain values.
    """

    format: str
    names: list[str]
    kind: Kind
    shape: tuple[int, int, int]
    features: FeaturesName
    accuracy: dict[str, float]
    gate: float
    learnt: dict[str, Any] = Field(default={})


def check_scorer_file(path: Path) -> None:
    """Refuse a name that is no scorer file's, before any work is done.

    Raises:
        UsageError: it is not.
    """
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"--out {path}: a scorer is a {SUFFIX} file")
    require_place(path)


def save_scorer(path: Path, scorer: Scorer, learnt: dict[str, Any]) -> None:
    """Write a scorer, and from what it was learnt, in plain values.

    Raises:
        GanvasError: the file cannot be written.
    """
    told = Told(
        format=FORMAT,
        names=list(scorer.names),
        kind=scorer.build.kind,
        shape=scorer.build.shape,
        features=scorer.build.features,
        accuracy=dict(scorer.accuracy),
        gate=scorer.gate,
        learnt=learnt,
    )
    write_told(path, scorer.network.state_dict(), told.model_dump())


def load_scorer(path: str | Path, device: str = "cpu") -> Scorer:
    """Return the scorer in a file.

    Raises:
        UsageError: there is no such file, or it holds something else.
        GanvasError: it is damaged.
    """
    known, tensors, _ = read_named(path, FORMAT, "scorer", "ganvas scorer")
    try:
        told = Told.model_validate(known)
        build = Build(told.kind, told.shape, len(told.names), told.features)
        network = build.network()
        network.load_state_dict(tensors)
    except (ValidationError, RuntimeError) as error:
        raise GanvasError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    network.to(device).eval().requires_grad_(False)
    return Scorer(tuple(told.names), build, network, told.accuracy, told.gate)
