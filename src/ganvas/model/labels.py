"""Classes as users name them, or mixtures of them, turned into what networks take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ganvas.data.domain import Domain, Shares
from ganvas.errors import UsageError
from ganvas.latent.interpolation import line, square

NAMED = 20
"""How many names a message lists."""

Label = int | str | Shares
"""A class by index or name, or a mixture: ``{3: 1, 8: 1}``, as a word ``3:1,8:1``."""
Labels = Label | Sequence[Label] | None
Fields = Mapping[str, Domain]
"""A model's conditions."""


def class_field(conditions: Fields) -> str:
    """Return the name of the field that labels are of: the first of classes.

    Raises:
        UsageError: there is none.
    """
    for name, domain in conditions.items():
        if domain.classes:
            return name
    there = " ".join(f"--given {name}=VALUE" for name in conditions)
    raise UsageError(f"this model has no classes that a label could name; it has: {there}")


def classes_of(conditions: Fields) -> Domain:
    """Return the classes that labels are of.

    Raises:
        UsageError: there are none.
    """
    return conditions[class_field(conditions)]


def class_indices(label: Label | Sequence[Label], n: int, conditions: Fields) -> Tensor:
    """Return the classes of n samples from one label, or one for each.

    They are int64 (n,), or with a mixture among them weights (n, K).

    Raises:
        UsageError: there is no such class, or another number of labels than samples.
    """
    classes = classes_of(conditions)
    several: Any = [label] * n if np.ndim(cast(Any, label)) == 0 else label
    if len(several) != n:
        raise UsageError(f"expected {n} labels, one for each sample, got {len(several)}")
    known = {str(one): classes.label(one) for one in several}
    if any(told.ndim for told in known.values()):
        known = {str(one): classes.weights(one) for one in several}
    return torch.from_numpy(np.stack([known[str(one)] for one in several]))


def morph(label: Labels, to_label: Label, steps: int, conditions: Fields) -> Tensor:
    """Return weights (steps, K) that pass from one class or mixture to another in equal steps.

    Raises:
        UsageError: the way does not begin with one class, or there is no such class.
    """
    if not isinstance(label, int | str | Mapping):
        raise UsageError("a way to another class needs the one class it begins with: label")
    return line(_weights((label, to_label), conditions), steps, "lerp")


def between_four(labels: Sequence[Label], side: int, conditions: Fields) -> Tensor:
    """Return weights (side², K) that pass bilinearly between the classes of four corners.

    Raises:
        UsageError: they are not four, or there is no such class.
    """
    if isinstance(labels, str) or len(labels) != 4:
        raise UsageError("a square has four corners: give four classes, such as 1,4,7,9")
    return square(_weights(labels, conditions), side, "lerp")


def advice(conditions: Fields) -> str:
    """Return which labels there are, in words."""
    classes = classes_of(conditions)
    names = ", ".join(classes.names[:NAMED])
    known = f", or one of {names}" if names else ""
    return f"expected label 0 to {classes.classes - 1}{known}"


def _weights(labels: Sequence[Label], conditions: Fields) -> Tensor:
    classes = classes_of(conditions)
    return torch.stack([torch.from_numpy(classes.weights(label)) for label in labels])
