"""Edits: codes of a model's samples moved along directions, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.boundaries import FAR
from ganvas.latent.combining import Joint, Move, over_slots
from ganvas.latent.directions import Direction
from ganvas.model.codes import Codes, codes_at, items_of, lifted
from ganvas.model.directions import LATENTS
from ganvas.model.exemplars import Place, edited, latents_at
from ganvas.model.labels import Labels
from ganvas.model.model import Model
from ganvas.model.trained import Array, FieldValues
from ganvas.play import has
from ganvas.play.abilities import HasLatentSpace

STYLES, LAYERS = "w", "w+"
"""Spaces: a style for all layers, and one for each."""


@dataclass(frozen=True, eq=False)
class Edited:
    """What became of samples.

    Attributes:
        items: sample by sample, each at every amount, in data units.
        far: how many of them are farther from a plane than normal latents ever are.
    """

    items: Array
    far: int


def edited_in(
    model: Model,
    space: str,
    move: Move,
    of: Codes | Sequence[Place],
    amounts: Sequence[float],
    *,
    absolute: bool = False,
    slots: Sequence[int] | None = None,
    label: Labels = None,
    given: FieldValues = None,
    **options: Any,
) -> Edited:
    """Return samples, or what is found of real items, with codes moved by each amount.

    Args:
        model: whose they are.
        space: of the move.
        move: a direction, or several jointly.
        of: n samples by seed and number, or codes: of the same space, or in W+ for a move in W.
        amounts: multiples of the direction's vector, 0 for the sample itself.
        absolute: amounts are the signed distances from its plane at which codes end.
        slots: of a direction in W, which layers' styles are moved; None: all.
        label: of samples, one class for all; by default that of the first one.
        given: of samples, other conditions of all, as for `Model.sample`.
        options: of samples.

    Raises:
        UsageError: there are no samples or amounts, no such space or slots, or codes are of a space
            to which the move does not lead.
        CannotError: the system has no samples.
    """
    if not amounts:
        raise UsageError("an edit needs amounts, such as -1,-0.5,0,0.5,1")
    if slots is not None and space != STYLES:
        raise UsageError(f"slots are of directions in W: this one is of the space '{space}'")
    if not isinstance(of, Codes) and space == LATENTS:
        z, _ = latents_at(model, of, **options)
        told = {"absolute": absolute, "label": label, "given": given}
        items = edited(model, move, of, amounts, **told, **options)
        return Edited(items, _far(model, move, moved_by(move, z, amounts, absolute)))
    by_layer = slots is not None or (isinstance(of, Codes) and of.space == LAYERS)
    where = LAYERS if by_layer and space == STYLES else space
    if isinstance(of, Codes):
        codes = lifted(model, of, where) if where == LAYERS else of
    else:
        codes = codes_at(model, of, where, label=label, given=given, **options)
    if codes.space != where:
        raise UsageError(
            f"these codes are of the space '{codes.space}' and the direction is of '{space}': find "
            "them, or it, in the other's"
        )
    if where == LAYERS and space == STYLES:
        if absolute:
            raise UsageError("styles of layers are moved by amounts, not to distances")
        move = _by_layer(move, codes.x.shape[1], slots)
    moved = moved_by(move, codes.x, amounts, absolute)
    every = [row for row in range(len(codes)) for _ in amounts]
    far = _far(model, move, moved) if space == LATENTS else 0
    return Edited(items_of(model, replace(codes.rows(every), x=moved), **options), far)


def moved_by(move: Move, codes: Tensor, amounts: Sequence[float], absolute: bool) -> Tensor:
    """Return codes (N, …) moved by each amount, (N · amounts, …), code by code."""
    step = move.brought if absolute else move.moved
    return torch.stack([step(codes, amount) for amount in amounts], dim=1).flatten(0, 1)


def _by_layer(move: Move, count: int, slots: Sequence[int] | None) -> Move:
    """Return a move of styles as one of the styles of some layers, or of all."""
    if isinstance(move, Joint):
        return Joint([over_slots(d, count, slots) for d in move.directions], move.shares)
    assert isinstance(move, Direction)
    return over_slots(move, count, slots)


def _far(model: Model, move: Move, codes: Tensor) -> int:
    """Return how many normal latents are farther than 5 from a plane; of others none are."""
    law = model.game.latent if has(model.game, HasLatentSpace) else None
    if law is None or law.kind != "normal":
        return 0
    planes = move.directions if isinstance(move, Joint) else [move]
    distances = [d.distances(codes).abs() for d in planes if isinstance(d, Direction)]
    return int((torch.stack(distances) > FAR).any(0).sum())
