"""What networks are given beside latents and items: the fields of a record that are conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganvas.errors import UsageError

if TYPE_CHECKING:
    from ganvas.data.batch import Batch
    from ganvas.data.domain import Domain, Draws

Given = Tensor | Mapping[str, Tensor] | None
"""Conditions of N items: classes (N,) int64 or numbers (N, width), of all fields that are vectors
side by side; by name where some are none, such as maps."""


class Conditions(Mapping[str, "Domain"]):
    """The fields that a game's networks are given, by name.

    Args:
        fields: their domains.
    """

    def __init__(self, fields: Mapping[str, Domain] | None = None) -> None:
        self._fields = dict(fields or {})

    def __getitem__(self, name: str) -> Domain:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    @property
    def width(self) -> int:
        """How many numbers all of them are as one vector: K of a single field of K classes.

        Raises:
            UsageError: one of them is no vector.
        """
        for name, domain in self._fields.items():
            if not domain.numbers:
                raise UsageError(
                    f"the condition '{name}' holds {domain.plural}, which this network does not "
                    "take; name the others: game.conditional=[label]"
                )
        return sum(domain.numbers for domain in self._fields.values())

    @property
    def classes(self) -> int:
        """K of a single field of classes, else 0."""
        single = len(self._fields) == 1
        return next(iter(self._fields.values())).classes if single else 0

    def of(self, batch: Batch) -> Given:
        """Return a batch's conditions as networks take them; None if there are none."""
        if not self._fields:
            return None
        if len(self._fields) == 1:
            return batch[next(iter(self._fields))]
        if all(domain.numbers for domain in self._fields.values()):
            return torch.cat([d.vector(batch[name]) for name, d in self._fields.items()], dim=1)
        return {name: batch[name] for name in self._fields}

    def mismatch(self, guess: Tensor, batch: Batch) -> Tensor:
        """Return −log p of a batch's conditions by a network's guess (N, width), the mean."""
        found, start = list[Tensor](), 0
        for name, domain in self._fields.items():
            stop = start + domain.numbers
            found.append(domain.mismatch(guess[:, start:stop], batch[name]))
            start = stop
        return torch.stack(found).sum()

    def only(self, batch: Batch, copies: int = 1) -> dict[str, Tensor]:
        """Return the conditions' fields of a batch, so many copies one after the other."""
        found = {name: batch[name] for name in self._fields}
        if copies == 1:
            return found
        return {name: y.repeat(copies, *[1] * (y.dim() - 1)) for name, y in found.items()}

    def require_uniform(self) -> None:
        """Refuse conditions that cannot be drawn uniformly.

        Raises:
            UsageError: one of them is no class.
        """
        for domain in self._fields.values():
            if not domain.classes:
                raise UsageError(
                    f"there is no uniform draw of {domain.plural}, as game.labels asks for: set "
                    "game.labels.fakes=batch and game.labels.generator=batch"
                )

    def draw(self, n: int, noise: Draws) -> dict[str, Tensor]:
        """Return n conditions drawn uniformly.

        Raises:
            UsageError: that has no meaning for one of them.
        """
        self.require_uniform()
        drawn = {name: domain.draw(n, noise) for name, domain in self._fields.items()}
        return {name: values for name, values in drawn.items() if values is not None}


NONE = Conditions()
"""No conditions at all."""


def at(given: Given, rows: slice, device: torch.device | str | None = None) -> Given:
    """Return the conditions of some of N items, on a device if one is named."""
    if given is None:
        return None
    if isinstance(given, Tensor):
        return given[rows] if device is None else given[rows].to(device)
    parts = {name: values[rows] for name, values in given.items()}
    return parts if device is None else {name: v.to(device) for name, v in parts.items()}
