"""Whether a model file fits its own settings, before and after its networks are built.

Settings in a file are only words; its tensors are really there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ganvas.config import Settings
from ganvas.data.spec import DataSpec
from ganvas.errors import GanvasError
from ganvas.games import is_own
from ganvas.play import Game, build

ALWAYS = 2**28
"""Bytes that any model may ask for."""
TIMES = 16
"""Beyond that, so many times the size of its tensors: other players, and what initialises them."""
LEAST = 2**14
"""Bytes that any tensor counts for, so that millions of small ones count too."""


class AllocationError(Exception):
    """More memory was asked for than the limit."""


class Bounded(TorchDispatchMode):
    """Within this, tensors of so many bytes can be made in all, and none that would go beyond.

    Args:
        limit: in bytes.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.left = limit

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from loading its compiler, for a second or two, only to leave this out."""
        return False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one operation, if what it makes from nothing is small enough.

        Raises:
            AllocationError: it is not.
        """
        # Only what is made from sizes can be arbitrarily large; the rest grows from tensors.
        made = _wanted(func, args)
        if made:
            self.left -= max(4 * made, LEAST)
            if self.left < 0:
                raise AllocationError
        return func(*args, **(kwargs or {}))


def rebuild(
    kind: type[Game], config: Settings, spec: DataSpec, tensors: Mapping[str, Tensor], path: Path
) -> Game:
    """Return the networks that the settings of a file describe, if its tensors can be theirs.

    Raises:
        GanvasError: the networks would be much larger than the tensors, or there are none such.
    """
    limit = max(ALWAYS, TIMES * sum(tensor.nbytes for tensor in tensors.values()))
    try:
        with Bounded(limit):
            return build(kind, config, spec, seed=0)
    except AllocationError:
        raise GanvasError(
            f"{path} does not fit its own settings: they describe networks much larger than its "
            "tensors; it was changed"
        ) from None
    except GanvasError:
        raise
    except Exception as error:
        if is_own(kind):  # a mistake in the user's own game is not the file's
            raise
        reason = " ".join(str(error).split())[:200]
        raise GanvasError(
            f"{path} has settings of which no network can be made: {reason}"
        ) from error


def refuse_odd(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tensors of other names, shapes or types than expected, and those that hold NaN.

    Raises:
        GanvasError: there are some.
    """
    differing = sorted(expected.keys() ^ tensors.keys()) + [
        name
        for name in expected
        if name in tensors and _form(expected[name]) != _form(tensors[name])
    ]
    if differing:
        raise GanvasError(
            f"{path} does not fit its own settings: {len(differing)} tensors differ, the first is "
            f"'{differing[0]}'; it was changed, or the game has changed since"
        )
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and bool(torch.isnan(tensor).any()):
            raise GanvasError(
                f"{path}: '{name}' holds numbers that are not a number (NaN), so that nothing it "
                "makes would be; the training went wrong, or the file was changed"
            )


def _form(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
    return tensor.shape, tensor.dtype


def _wanted(func: Any, args: Sequence[Any]) -> int:
    """Return how many numbers an operation makes from sizes alone; 0 if it begins with tensors."""
    if any(isinstance(one, Tensor) for one in args) or not args:
        return 0
    for shape in args:
        if isinstance(shape, list | tuple):  # not always the first: bounds are no sizes
            return math.prod(n for n in cast(list[Any], shape) if isinstance(n, int))
    numbers = [abs(int(n)) for n in args if isinstance(n, int | float) and math.isfinite(n)]
    largest = max(numbers, default=0)
    return largest**2 if "eye" in str(func) else largest
