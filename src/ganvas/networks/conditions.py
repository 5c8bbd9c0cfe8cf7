"""What networks are given beside latents and items: the fields of a record that are conditions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganvas.data.records import LABEL
from ganvas.data.views import one_of
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ganvas.data.batch import Batch
    from ganvas.data.domain import Domain, Draws, Size

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it are as even in [0, 1) as numbers get."""

Given = Tensor | Mapping[str, Tensor] | None
"""Conditions of N items: a single field as it is, or numbers (N, width) of several that are vectors
side by side; by name where some are none: maps, which lie in space as items do."""


class Conditions(Mapping[str, "Domain"]):
    """The fields that a game's networks are given, by name.

    Args:
        fields: their domains.
        one_each: of several tags items have one at a time, so that one can be drawn.
    """

    def __init__(self, fields: Mapping[str, Domain] | None = None, one_each: bool = False) -> None:
        self._fields = dict(fields or {})
        self._one_each = one_each

    def __getitem__(self, name: str) -> Domain:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    @property
    def vectors(self) -> Conditions:
        """Those that are vectors, such as classes, tags and numbers."""
        return Conditions({name: d for name, d in self._fields.items() if d.numbers})

    @property
    def maps(self) -> Conditions:
        """The others, which lie in space as items do, such as a coarser copy or a label map."""
        return Conditions({name: d for name, d in self._fields.items() if not d.numbers})

    @property
    def width(self) -> int:
        """How many numbers all of them are in one row: K of a single field of K classes."""
        return sum(d.numbers or math.prod(d.shape) for d in self._fields.values())

    @property
    def planes(self) -> int:
        """How many planes maps are beside one another."""
        return sum(domain.planes for domain in self.maps.values())

    @property
    def classes(self) -> int:
        """K of a single field of classes, else 0."""
        single = len(self._fields) == 1
        return next(iter(self._fields.values())).classes if single else 0

    @property
    def labelled(self) -> bool:
        """Whether they are the class of each item alone, which measures know as its label."""
        return self.classes > 0 and LABEL in self._fields

    def refuse_maps(self, family: str) -> None:
        """Refuse conditions that lie in space, for a family of networks that takes none.

        Raises:
            UsageError: there are some.
        """
        for name, domain in self.maps.items():
            raise UsageError(
                f"the condition '{name}' holds {domain.plural}, which {family} networks do not "
                "take; mlp, cgan_mlp, dcgan, resnet, r3, bottleneck, progressive and stylegan2 "
                "networks do"
            )

    def of(self, batch: Batch) -> Given:
        """Return a batch's conditions as networks take them; None if there are none."""
        if not self._fields:
            return None
        if len(self._fields) == 1:
            return batch[next(iter(self._fields))]
        if self.maps:
            return {name: batch[name] for name in self._fields}
        return torch.cat([d.vector(batch[name]) for name, d in self._fields.items()], dim=1)

    def flat(self, given: Given) -> Tensor | None:
        """Return conditions as networks of vectors take them: classes (N,), or rows (N, width)."""
        if given is None or (isinstance(given, Tensor) and not self.maps):
            return given
        told = self._by_name(given)
        return torch.cat([d.vector(told[name]) for name, d in self._fields.items()], dim=1)

    def vector(self, given: Given) -> Tensor | None:
        """Return what `flat` does of those that are vectors alone; None without any."""
        if isinstance(given, Tensor) or given is None:
            return None if self.maps else given
        vectors = self.vectors
        first = next(iter(vectors), None)
        if first is None:
            return None
        return given[first] if len(vectors) == 1 else vectors.flat(given)

    def laid(self, given: Given, size: Size) -> Tensor:
        """Return maps beside one another, (N, planes, *size), brought to a size in space."""
        told = self._by_name(given)
        return torch.cat([d.laid(d.resized(told[name], size)) for name, d in self.maps.items()], 1)

    def kept(self, x: Tensor, given: Given) -> Tensor:
        """Return items with what maps show of them put back (`Domain.kept`)."""
        told = self._by_name(given) if self.maps else dict[str, Tensor]()
        for name, domain in self.maps.items():
            x = domain.kept(x, told[name])
        return x

    def _by_name(self, given: Given) -> Mapping[str, Tensor]:
        """Return conditions by their fields.

        Raises:
            UsageError: there are none.
        """
        if given is None:
            raise UsageError(f"this network needs conditions: {', '.join(self._fields)}")
        return given if isinstance(given, Mapping) else {next(iter(self._fields)): given}

    def mismatch(self, guess: Tensor, batch: Batch) -> Tensor:
        """Return −log p of a batch's conditions by a network's guess (N, width), the mean."""
        found, start = list[Tensor](), 0
        for name, domain in self._fields.items():
            stop = start + (domain.numbers or math.prod(domain.shape))
            found.append(domain.mismatch(guess[:, start:stop], batch[name]))
            start = stop
        return torch.stack(found).sum()

    def only(self, batch: Batch, copies: int = 1) -> dict[str, Tensor]:
        """Return the conditions' fields of a batch, so many copies one after the other."""
        found = {name: batch[name] for name in self._fields}
        if copies == 1:
            return found
        return {name: y.repeat(copies, *[1] * (y.dim() - 1)) for name, y in found.items()}

    def served(self, batch: Batch) -> Batch:
        """Return conditions of the data as rounds are given them: of several tags one a row.

        Which one it is hangs on the row's number alone, evenly.
        """
        chances = torch.arange(len(batch)) * GOLDEN % 1
        single = {name: one_of(batch[name], chances) for name in self._fields if self._one(name)}
        return batch.replace(**single)

    def require_one(self, name: str, values: NDArray[Any]) -> None:
        """Refuse several tags in a row where networks were given one at a time.

        Raises:
            UsageError: a row has several.
        """
        if self._one(name) and (most := int(values.sum(-1).max(initial=0))) > 1:
            raise UsageError(
                f"{name}: {most} at once, but this model was told one at a time "
                "(game.one_label=true): ask for one of them"
            )

    def _one(self, name: str) -> bool:
        return self._one_each and self._fields[name].several

    def require_uniform(self) -> None:
        """Refuse conditions that cannot be drawn uniformly.

        Raises:
            UsageError: one of them is no class, nor one of several tags.
        """
        for domain in self._fields.values():
            if not self._drawable(domain):
                raise UsageError(
                    f"there is no uniform draw of {domain.plural}, as game.labels asks for: set "
                    "game.labels.fakes=batch and game.labels.generator=batch"
                )

    @property
    def uniform(self) -> bool:
        """Whether they can be drawn uniformly."""
        return all(map(self._drawable, self._fields.values()))

    def _drawable(self, domain: Domain) -> bool:
        return bool(domain.classes or (self._one_each and domain.several))

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


def chosen_rows(given: Given, rows: Tensor) -> Given:
    """Return the conditions of some of N items, by their numbers (n,)."""
    if given is None or isinstance(given, Tensor):
        return None if given is None else given[rows.to(given.device)]
    return {name: values[rows.to(values.device)] for name, values in given.items()}


def in_turn(given: Given, n: int) -> Given:
    """Return the conditions of n items from those of some, which are taken in turn."""
    if given is None:
        return None
    some = len(given) if isinstance(given, Tensor) else len(next(iter(given.values())))
    return given if some == n else chosen_rows(given, torch.arange(n) % some)


def together(parts: Sequence[Given]) -> Given:
    """Return the conditions of items of which each part has some, one part after the other."""
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if tensors:
        return torch.cat(tensors)
    named = [part for part in parts if part is not None and not isinstance(part, Tensor)]
    return {name: torch.cat([one[name] for one in named]) for name in named[0]} if named else None


def repeated(given: Given, times: int) -> Given:
    """Return the conditions of N items with each of them so many times, one after the other."""
    if given is None:
        return None
    if isinstance(given, Tensor):
        return given.repeat_interleave(times, 0)
    return {name: values.repeat_interleave(times, 0) for name, values in given.items()}
