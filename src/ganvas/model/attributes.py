"""Attributes of a model's samples: scored once, parted by planes among codes, and scored again.

Scores are of any origin: a scorer (`ganvas.metrics.attributes`), a function of pictures, numbers
that were read. Samples are made batch by batch, and only codes and scores are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.given import batches
from ganvas.latent.boundaries import Boundary, boundary
from ganvas.latent.combining import Move
from ganvas.latent.spaces import Space, spaces_of
from ganvas.model.exemplars import Place, drawn_at
from ganvas.model.labels import Labels
from ganvas.model.model import Model
from ganvas.model.trained import Array, FieldValues
from ganvas.networks.conditions import Given, at
from ganvas.play import has
from ganvas.play.abilities import HasStyles
from ganvas.slices import slices

Floats = npt.NDArray[np.float64]
BATCH = 128
OF_STYLES = ("truncation", "cutoff")
"""Options of samples that concern styles, where there are styles."""


class Scoring(Protocol):
    """What gives each item a number for each attribute: larger for more of it.

    Attributes:
        names: of the attributes.
    """

    @property
    def names(self) -> Sequence[str]:
        """The attributes."""
        ...

    def __call__(self, items: Array, /) -> Floats:
        """Return scores (N, m) of items in data units; not a number where there is none."""
        ...


@dataclass(frozen=True)
class Formula:
    """A function as a scoring.

    Attributes:
        names: of what it gives.
        function: of items (N, …) in data units, to (N,) or (N, m).
    """

    names: tuple[str, ...]
    function: Any

    def __call__(self, items: Array) -> Floats:
        """Return scores (N, m).

        Raises:
            UsageError: the function gives something else.
        """
        found = np.asarray(self.function(items), np.float64)
        found = found[:, None] if found.ndim == 1 else found
        if found.shape != (len(items), len(self.names)):
            raise UsageError(
                f"a score of {len(items)} items and {len(self.names)} attributes is an array "
                f"({len(items)}, {len(self.names)}), and this one is {found.shape}"
            )
        return found


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples by their latents, which lead to codes in any space.

    Attributes:
        z: their latents, (N, …).
        y: their classes, (N,) or weights (N, K), or other conditions, if the model has any.
        spaces: of the model's generator, by name.
        device: where it computes.
        options: of samples, by which they are drawn and made.
    """

    z: Tensor
    y: Given
    spaces: Mapping[str, Space]
    device: torch.device
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __len__(self) -> int:
        return len(self.z)

    @torch.no_grad()
    def of(self, space: str) -> Tensor:
        """Return the codes (N, *shape) in a space, on the CPU.

        Raises:
            UsageError: the generator has no such space.
        """
        if space not in self.spaces:
            raise UsageError(f"this model has no space '{space}': it has {', '.join(self.spaces)}")
        chosen = self.spaces[space]
        parts = [
            chosen.of(self.z[part].to(self.device), at(self.y, part, self.device)).cpu()
            for part in slices(len(self), BATCH)
        ]
        return torch.cat(parts)


def drawn(
    model: Model,
    which: int | Sequence[Place],
    seed: int = 0,
    label: Labels = None,
    given: FieldValues = None,
    **options: Any,
) -> Drawn:
    """Return samples by their latents.

    Args:
        model: draws samples.
        which: how many of the seed, samples 0, 1, …; or samples by seed and number.
        seed: of the former.
        label: their class; None: as it is drawn.
        given: their other conditions, as for `Model.sample`.
        options: of samples; of generators with styles ``truncation`` concerns these.

    Raises:
        UsageError: an option or a condition makes no sense.
        CannotError: the system has no samples.
    """
    styled = has(model.game, HasStyles)
    of_styles = {k: v for k, v in options.items() if styled and k in OF_STYLES}
    others = {k: v for k, v in options.items() if k not in of_styles}
    if isinstance(which, int):
        z, y = model.latents(which, seed, **others)
    else:
        z, y = drawn_at(model, which, **others)
    y = at(model.wanted(len(z), label, given, y), slice(None), "cpu")
    return Drawn(z, y, spaces_of(model.game, **of_styles), model.device, options)


@torch.no_grad()
def made(
    model: Model, space: Space, codes: Tensor, y: Given = None, batch: int = BATCH, **options: Any
) -> Iterator[Array]:
    """Give the items of codes (N, *shape) in data units, batch by batch, as options say."""
    with model.posed(**options):
        for part in batches(len(codes), batch):
            x = space.synthesise(codes[part].to(model.device), at(y, part, model.device))
            yield model.domain.decode(x)


def scores_of(
    model: Model, scoring: Scoring, space: Space, codes: Tensor, y: Given = None, **options: Any
) -> Floats:
    """Return the scores (N, m) of the items of codes (N, *shape); options are of samples."""
    return np.concatenate([scoring(items) for items in made(model, space, codes, y, **options)])


def boundaries(
    codes: Tensor, scores: Floats, names: Sequence[str], **how: Any
) -> dict[str, Boundary]:
    """Return the plane of each attribute among codes (N, …), by scores (N, m).

    Args:
        codes: of one space.
        scores: of their samples.
        names: of the attributes.
        how: see `ganvas.latent.boundaries.boundary`.

    Raises:
        UsageError: there are too few codes, or the scores of one do not differ; it is named.
    """
    found: dict[str, Boundary] = {}
    for name, column in zip(names, scores.T, strict=True):
        try:
            found[name] = boundary(codes, column, **how)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
    return found


@dataclass(frozen=True, eq=False)
class Effects:
    """What moves do to scores.

    Attributes:
        rows: names of the moves.
        names: of the attributes, the columns.
        changes: mean change of each score, (rows, m).
        spreads: standard deviations of scores before, (m,): changes in their units compare.
        rising: mean rank correlation of each score with the amount, over codes, (rows, m).
        agreed: share of codes whose score changed in the sense of the amount, (rows, m).
        moved: mean absolute change of items, in data units, (rows,).
    """

    rows: tuple[str, ...]
    names: tuple[str, ...]
    changes: Floats
    spreads: Floats
    rising: Floats
    agreed: Floats
    moved: Floats


def effects(
    model: Model,
    scoring: Scoring,
    space: Space,
    codes: Tensor,
    moves: Mapping[str, Move],
    amounts: Sequence[float],
    y: Given = None,
    **options: Any,
) -> Effects:
    """Edit codes (N, *shape) by each amount, and score what comes of it.

    Changes are those from 0 to the last amount; options are of samples.

    Raises:
        UsageError: there are fewer than two amounts, or the last one is 0.
    """
    if len(amounts) < 2 or not amounts[-1]:
        raise UsageError("effects need two amounts or more, the last one not 0: such as 0,1,2,3")
    before = scores_of(model, scoring, space, codes, y, **options)
    plain = np.concatenate(list(made(model, space, codes, y, **options))).astype(np.float32)
    changes, rising, agreed, moved = list[Floats](), list[Floats](), list[Floats](), list[float]()
    for move in moves.values():
        steps = [
            scores_of(model, scoring, space, move.moved(codes, a), y, **options) for a in amounts
        ]
        last = np.concatenate(
            list(made(model, space, move.moved(codes, amounts[-1]), y, **options))
        )
        difference = steps[-1] - before
        changes.append(np.nanmean(difference, axis=0))
        agreed.append((difference * np.sign(amounts[-1]) > 0).mean(axis=0))
        rising.append(_rank_correlations(np.stack(steps), amounts))
        moved.append(float(np.abs(last - plain).mean()))
    return Effects(
        tuple(moves),
        tuple(scoring.names),
        np.stack(changes),
        np.nanstd(before, axis=0),
        np.stack(rising),
        np.stack(agreed),
        np.array(moved),
    )


def _rank_correlations(scores: Floats, amounts: Sequence[float]) -> Floats:
    """Return the mean over codes of Spearman's ρ of scores (A, N, m) with amounts, (m,)."""
    stats: Any = import_module("scipy.stats")
    ranks = stats.rankdata(scores, axis=0)
    wanted = stats.rankdata(amounts)
    centred, of = ranks - ranks.mean(axis=0), wanted - wanted.mean()
    length = np.sqrt(np.square(centred).sum(axis=0) * np.square(of).sum())
    products = np.einsum("anm,a->nm", centred, of)
    return np.divide(products, length, out=np.zeros_like(products), where=length > 0).mean(axis=0)
