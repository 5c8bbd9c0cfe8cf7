"""A model's discriminator as a map from items to features, one layer at a time or all together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganvas.data.choice import some
from ganvas.data.progress import Progress
from ganvas.errors import UsageError, did_you_mean
from ganvas.given import batches
from ganvas.latent.features import joined, pooled
from ganvas.model.card import Provenance
from ganvas.model.model import Model
from ganvas.model.trained import Array
from ganvas.networks.conditions import Conditions, Given
from ganvas.nn import Standing, estimated, layers_of, standing
from ganvas.play import build
from ganvas.play.abilities import CanScore
from ganvas.slices import slices

RESTATED = 2_048
"""Items over which batch statistics are taken anew."""


class SeenLayer(NamedTuple):
    """What one layer gives of an item.

    Attributes:
        name: of the module whose output it is.
        shape: of its maps, (C, …), or of a vector, (F,).
        width: how many features it makes.
    """

    name: str
    shape: tuple[int, ...]
    width: int


class Features:
    """The layers of whatever scores items in a model: behind each non-linearity, pooled.

    Layers that see other items of a batch, too, such as those behind a minibatch deviation, are
    features of no item and left out.

    Args:
        model: one that has scores.
        layers: names or numbers, counted from 1 next to the item; None: all that hold maps, or
            all of a network that has no maps.
        side: maps are pooled to so many places along each side.

    Attributes:
        known: all layers, in order.
        layers: those that were chosen.

    Raises:
        CannotError: the system has no scores.
        UsageError: they are no judgements, there is no such layer, or none is about an item alone.
    """

    def __init__(self, model: Model, layers: Sequence[str] | None = None, side: int = 4) -> None:
        self.model = model
        self.side = side
        self._game = model.asked(CanScore)
        self._statistics: Standing = {}
        if model.game.scores_are != "judgements":
            raise UsageError(
                f"a model of {model.system} has no discriminator: its scores are "
                f"{model.game.scores_are}"
            )
        self.known = self._look()
        if not self.known:
            raise UsageError(
                f"no layer of this model of {model.system} is about one item alone: it judges "
                "several together, or has no non-linearity"
            )
        with_maps = [layer for layer in self.known if len(layer.shape) > 1]
        self.layers = (
            with_maps or self.known if layers is None else [self.layer(word) for word in layers]
        )

    @property
    def width(self) -> int:
        """How many features an item has."""
        return sum(layer.width for layer in self.layers)

    def layer(self, word: str) -> SeenLayer:
        """Return a layer by its name, or by its number from 1 on.

        Raises:
            UsageError: there is none.
        """
        return named_layer(word, self.known)

    @torch.no_grad()
    def __call__(self, x: Array, batch: int = 128) -> Array:
        """Return the features (n, width) float32 of items in data units.

        A network that is given classes is told all of them in equal parts, which says nothing.

        Args:
            x: items of the kind that the model scores.
            batch: how many go through the network at once.

        Raises:
            UsageError: they have another shape than the model's data.
        """
        domain = self.model.read_by("score")
        domain.check(x)
        found = np.empty((len(x), self.width), np.float32)
        with self.settled():
            for part in batches(len(x), batch):
                maps = self.maps(domain.encode(x[part]).to(self.model.device))
                chosen = (maps[layer.name] for layer in self.layers)
                found[part] = joined(chosen, self.side).cpu().numpy()
        return found

    def settled(self) -> AbstractContextManager[None]:
        """Have the batch statistics that `restate` found, if it was asked, for a block."""
        return standing(self._statistics)

    def maps(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return what every layer gives of items in network units, by name, in order.

        With the statistics of `restate` inside of `settled` only, which has to last as long as a
        gradient is asked for.
        """
        return layers_of(self.model.game, lambda: self.score(inputs))

    def score(self, inputs: Tensor) -> Tensor:
        """Return the scores (N,) of items in network units, told nothing beside them."""
        return self._game.score(inputs, nothing(self.model.game.conditions, inputs))

    def restate(self, x: Array, batch: int = 128) -> None:
        """Have batch statistics of at most `RESTATED` items in place of those that training kept.

        Those of a discriminator are a mixture of real samples and fakes, under many weights.

        Args:
            x: items in data units, such as those of training.
            batch: how many are normalised together.
        """
        domain, items = self.model.read_by("score"), some(x, RESTATED)

        def play() -> None:
            with Progress("taking batch statistics", len(items)) as progress:
                for part in slices(len(items), max(batch, 2)):
                    if part.stop - part.start > 1:
                        self.score(domain.encode(items[part]).to(self.model.device))
                        progress.advance(part.stop - part.start)

        self._statistics = estimated(self.model.game, play)

    @torch.no_grad()
    def _look(self) -> list[SeenLayer]:
        """Return the layers of which each item's part is the same beside whatever other item."""
        generator = torch.Generator().manual_seed(0)
        shape = self.model.read_by("score").shape
        three = (torch.rand(3, *shape, generator=generator) * 2 - 1).to(self.model.device)
        beside, other = self.maps(three[:2]), self.maps(three[[0, 2]])
        return [
            SeenLayer(name, tuple(maps.shape[1:]), pooled(maps, self.side).shape[1])
            for name, maps in beside.items()
            if len(maps) == 2 and torch.allclose(maps[0], other[name][0], 1e-3, 1e-4)
        ]


def named_layer(word: str, layers: Sequence[SeenLayer]) -> SeenLayer:
    """Return a layer by its name, or by its number from 1 on.

    Raises:
        UsageError: there is none.
    """
    if word.isdecimal() and 0 < int(word) <= len(layers):
        return layers[int(word) - 1]
    for layer in layers:
        if layer.name == word:
            return layer
    names = [layer.name for layer in layers]
    raise UsageError(
        f"there is no layer '{word}'.{did_you_mean(word, names)} This network has, from its input "
        f"on: {', '.join(f'{k} {name}' for k, name in enumerate(names, 1))}"
    )


def nothing(conditions: Conditions, x: Tensor) -> Given:
    """Return conditions of N items that say nothing: classes in equal parts, and zeros."""
    if not conditions:
        return None
    parts: dict[str, Tensor] = {}
    for name, domain in conditions.items():
        share = 1 / domain.classes if domain.classes else 0.0
        shape = (domain.numbers,) if domain.numbers else domain.shape
        parts[name] = x.new_full((len(x), *shape), share)
    if len(parts) == 1:
        return next(iter(parts.values()))
    if all(domain.numbers for domain in conditions.values()):
        return torch.cat(list(parts.values()), dim=1)
    return parts


def untrained(model: Model, seed: int = 0) -> Model:
    """Return a model with the same settings whose weights nobody has trained."""
    game = build(type(model.game), model.game.config, model.spec, seed)
    return Model(game, Provenance(recipe="untrained"), model.device)
