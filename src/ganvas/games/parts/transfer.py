"""Weights fitted from networks of images with other channels, or of items with other classes.

Colours: a generator's image is recoloured, a discriminator is shown the image recoloured back, so
that both compute what they did: grey is repeated, colours are averaged, and new transparency is
none. Classes are known by their names; new ones start as they were drawn.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from ganvas.data.domain import PLANE
from ganvas.data.spec import DataSpec
from ganvas.networks.base import Generator, OutputUnit
from ganvas.nn import Equalised
from ganvas.play import Game

ALPHA: Final = 4
"""Channels of images with transparency, which is the last."""
SHUFFLED: Final = 4
"""Kernels of one channel of up-samplers that shuffle pixels."""


class Fitting:
    """How tensors of another game's networks fit those of a game.

    Args:
        game: whose networks take them.
        theirs: the other's data.
        conditional: whether the other's networks are given its classes.
    """

    def __init__(self, game: Game, theirs: DataSpec, conditional: bool) -> None:
        self.game = game
        images = game.spec.domain.grid == theirs.domain.grid == PLANE
        self.channels = (theirs.shape[0], game.spec.shape[0]) if images else (0, 0)
        own = game.conditions.classes
        self.classes = (theirs.classes if conditional else 0, own)
        names = theirs.class_names, game.spec.class_names
        known = {name: place for place, name in enumerate(names[0])}
        self.same = {known[name]: place for place, name in enumerate(names[1]) if name in known}
        self.biases: list[str] = []

    @property
    def appears(self) -> bool:
        """Whether images have a transparency that they had not."""
        return self.channels[1] == ALPHA and self.channels[0] in (1, 3)

    def fit_(self, name: str, mine: Tensor, theirs: Tensor) -> bool:
        """Fill a tensor from one of another shape, as far as they have things in common.

        Returns:
            Whether they have any.
        """
        if mine.dim() != theirs.dim():
            return False
        axes = [a for a in range(mine.dim()) if mine.shape[a] != theirs.shape[a]]
        if len(axes) != 1:
            return False
        axis = axes[0]
        made = self._colours(name, axis, mine, theirs)
        if made is None:
            made = self._classes(name, axis, mine, theirs)
        if made is None:
            return False
        mine.copy_(made)
        return True

    def _colours(self, name: str, axis: int, mine: Tensor, theirs: Tensor) -> Tensor | None:
        """Return a weight, or bias, next to images; None if it is none."""
        had, have = self.channels
        sizes = theirs.shape[axis], mine.shape[axis]
        if had == have or not (had and have):
            return None
        old = theirs.movedim(axis, 0)
        if name.startswith("generator."):
            each = sizes[0] // had
            if each not in (1, SHUFFLED) or (had * each, have * each) != sizes:
                return None
            if theirs.dim() == 1:
                self.biases.append(name)
            new = torch.einsum(
                "ij,j...->i...",
                recolouring(had, have).to(old),
                old.reshape(had, -1, *old.shape[1:]),
            )
            return new.flatten(0, 1).movedim(0, axis)
        if axis != 1:
            return None
        back = recolouring(have, had).to(old)
        scale = self._rate(name, mine, theirs)
        if sizes[0] % had == 0 and sizes[1] == sizes[0] // had * have:  # packs of images
            packs = old.reshape(-1, had, *old.shape[1:])
            new = torch.einsum("pi...,ij->pj...", packs, back).flatten(0, 1)
            return (scale * new).movedim(0, axis)
        if sizes[0] - had != sizes[1] - have:
            return None
        image = torch.einsum("ij,i...->j...", back, old[:had])
        return (scale * torch.cat([image, old[had:]])).movedim(0, axis)

    def _classes(self, name: str, axis: int, mine: Tensor, theirs: Tensor) -> Tensor | None:
        """Return what has a row, or column, for each class behind others; None if it has not."""
        had, have = self.classes
        if had == have:
            return None
        others = mine.shape[axis] - have
        scale = self._rate(name, mine, theirs) if axis == 1 else 1.0
        old, new = scale * theirs.movedim(axis, 0), mine.movedim(axis, 0).clone()
        if others == theirs.shape[axis] - had and others >= 0:
            new[:others] = old[:others]
            for before, now in self.same.items():
                if before < had and now < have:
                    new[others + now] = old[others + before]
        elif not (had and have) and axis == 1:  # a layer that is told more, or less, than before
            both = min(len(old), len(new))
            new[:both] = old[:both]
        else:
            return None
        return new.movedim(0, axis)

    def _rate(self, name: str, mine: Tensor, theirs: Tensor) -> float:
        """Return by how much more an equalised layer scales less: √ of the ratio of its inputs."""
        stem, behind, _ = name.partition(".parametrizations.")
        if not behind:
            return 1.0
        layer = self.game.get_submodule(stem)
        assert parametrize.is_parametrized(layer)
        chain = layer.get_submodule("parametrizations.weight").children()
        equal = any(isinstance(one, Equalised) for one in chain)
        return math.sqrt(mine.shape[1] / theirs.shape[1]) if equal else 1.0


def recolouring(had: int, have: int) -> Tensor:
    """Return the matrix (have, had) from colours of images to those with other channels."""
    colours = {1: 1, 3: 3, ALPHA: 3}
    few, many = colours.get(had, had), colours.get(have, have)
    matrix = torch.zeros(have, had)
    if few == many:
        matrix[:many, :few] = torch.eye(few)
    elif few == 1:
        matrix[:many, 0] = 1.0
    else:
        matrix[:many, :few] = 1.0 / few
    if had == have == ALPHA:
        matrix[-1, -1] = 1.0
    return matrix


def alpha_of(game: Game, fitting: Fitting) -> list[str]:
    """Let images that get a transparency begin opaque, and say so, or why they cannot."""
    if not fitting.appears:
        return []
    generator = next((m for m in game.modules() if isinstance(m, Generator)), None)
    if not fitting.biases or generator is None:
        return ["alpha cannot start opaque: the generator's last layer has no bias"]
    unit = getattr(generator, "output", None)
    if not isinstance(unit, OutputUnit):
        unit = OutputUnit("tanh" if generator.bounded else "none")
    opaque = unit.inverse(torch.ones(()))
    # Where levels' images are added up, only the finest says how opaque they are.
    last = fitting.biases[-1:] if generator.adds_images else fitting.biases
    state: dict[str, Tensor] = game.state_dict()
    for name in last:
        state[name][-1] = opaque
    return [f"alpha starts opaque: {', '.join(last)}"]
