"""Classes as users name them, turned into what networks take."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError, did_you_mean

Label = int | str
Labels = Label | Sequence[Label] | None


def class_indices(label: Label | Sequence[Label], n: int, spec: DataSpec) -> Tensor:
    """Return the classes of n samples, int64 (n,), from one name or index, or one for each.

    Raises:
        UsageError: there is no such class, or another number of labels than samples.
    """
    if isinstance(label, int | str):
        return torch.full((n,), class_index(label, spec))
    if len(label) != n:
        raise UsageError(f"expected {n} labels, one for each sample, got {len(label)}")
    return torch.tensor([class_index(one, spec) for one in label])


def class_index(label: Label, spec: DataSpec) -> int:
    """Return the index of one class, by name or index.

    Raises:
        UsageError: there is no such class.
    """
    names = spec.class_names
    if isinstance(label, str) and label in names:
        return names.index(label)
    try:
        index = int(label)
    except (ValueError, OverflowError):
        index = -1
    if not 0 <= index < spec.classes:
        hint = did_you_mean(str(label), names)
        raise UsageError(f"there is no class '{label}': {advice(spec)}.{hint}")
    return index


def morph(label: Labels, to_label: Label, steps: int, spec: DataSpec) -> Tensor:
    """Return weights (steps, K) that pass from one class to another in equal steps.

    Raises:
        UsageError: the way does not begin with one class, or there is no such class.
    """
    if not isinstance(label, int | str):
        raise UsageError("a way to another class needs the one class it begins with: label")
    ends = torch.tensor([class_index(label, spec), class_index(to_label, spec)])
    first, last = F.one_hot(ends, spec.classes).float()
    return torch.lerp(first, last, torch.linspace(0, 1, steps).unsqueeze(1))


def advice(spec: DataSpec) -> str:
    """Return which labels there are, in words."""
    names = ", ".join(spec.class_names[:20])
    known = f", or one of {names}" if names else ""
    return f"expected label 0 to {spec.classes - 1}{known}"
