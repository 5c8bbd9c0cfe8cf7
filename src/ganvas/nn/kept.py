"""What a pass keeps for its backward pass, in bytes: exact, and without a number being computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


def kept_bytes(play: Callable[[], Tensor], beside: Iterable[Tensor] = ()) -> int:
    """Return how many bytes of tensors a pass keeps, each memory once.

    On torch's device "meta" nothing is computed, and networks of any size are looked at in no time.

    Args:
        play: makes the pass, and returns what hangs on it.
        beside: what is there anyhow, such as parameters.
    """
    known = {_place(tensor) for tensor in beside}
    found: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        if (place := _place(tensor)) not in known:
            found[place] = tensor.untyped_storage()  # it lives as long as it is counted
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = play()
    total = sum(storage.nbytes() for storage in found.values())
    del result
    return total


def _place(tensor: Tensor) -> int:
    """Return which memory a tensor lies in; on "meta" it has no address."""
    return tensor.untyped_storage()._cdata  # pyright: ignore[reportPrivateUsage]
