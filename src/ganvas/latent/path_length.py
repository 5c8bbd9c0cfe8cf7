"""Perceptual path length: how fast items change along ways between codes (Karras et al. 2019).

A way leads from one code to another, in W straight, in Z along the sphere where latents lie around
one. At a share t of it the length is d(g(c_t), g(c_{t+ε}))/ε², of items with the same noise, with a
perceptual distance d, which is squared, so that there is a limit. With LPIPS for d, in W and at
t = 0 it is the paper's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.data.domain import PLANE
from ganvas.errors import UsageError, did_you_mean
from ganvas.given import batches
from ganvas.latent.interpolation import lerp, slerp
from ganvas.latent.spaces import Space, spaces_of
from ganvas.networks.conditions import Given, in_turn, together
from ganvas.nn import exactly
from ganvas.play import Game, Noise

EPS: Final = 1e-4
"""Share of the way by which two codes are apart."""
EDGE: Final = 256
"""Pixels on the longer edge above which items are made smaller before they are compared."""
TAILS: Final = (0.01, 0.99)
"""Quantiles beyond which lengths are no part of the mean."""

Distance = Callable[[Tensor, Tensor], Tensor]
Where = Literal["ends", "full"]


@dataclass(frozen=True)
class PathLengths:
    """Lengths at codes, one for each, and where they were taken.

    Attributes:
        each: (N,), at the codes c_t.
        codes: where each way begins, (N, *shape).
        space: of the codes.
        y: their conditions, if the generator has any.
    """

    each: Tensor
    codes: Tensor
    space: str
    y: Given = None

    @property
    def value(self) -> float:
        """The mean of those between the 1st and the 99th percentile."""
        low, high = (torch.quantile(self.each, q, interpolation="nearest") for q in TAILS)
        return float(self.each[(self.each >= low) & (self.each <= high)].mean())

    @property
    def order(self) -> Tensor:
        """Numbers of the codes, those with the shortest first."""
        return self.each.argsort()


@torch.no_grad()
def path_lengths(
    game: Game,
    distance: Distance,
    n: int,
    *,
    space: str = "w",
    where: Where = "ends",
    seed: int = 0,
    eps: float = EPS,
    batch: int = 50,
    y: Given = None,
    styles: Mapping[str, Any] | None = None,
    **options: Any,
) -> PathLengths:
    """Measure n ways of a generator.

    Args:
        game: makes the items; in any mode.
        distance: (N,) of images (N, C, H, W) in network units.
        n: how many ways.
        space: "z", or "w" of generators with styles.
        where: at the beginning of each way, "ends", or anywhere on it, "full".
        seed: of the codes.
        eps: share of the way between two codes.
        batch: ways at once.
        y: conditions taken in turn; None: both ends have the same class, drawn uniformly.
        styles: how they are truncated, as `spaces_of` takes it.
        options: of latents.

    Raises:
        UsageError: the generator has no such space, or makes no images.
    """
    if (domain := game.spec.domain).grid != PLANE:
        raise UsageError(f"path lengths are of images, and this model makes {domain.plural}")
    every = spaces_of(game, **(styles or {}))
    there = {name: one for name, one in every.items() if name in ("z", "w")}
    if space not in there:
        raise UsageError(
            f"ways of this model lie in {' or '.join(there)}, not in '{space}'."
            f"{did_you_mean(space, there)}"
        )
    codes, way = there[space], there[space].way
    blend = slerp if way == "slerp" else lerp
    noise = Noise(seed)
    starts, found, told = list[Tensor](), list[Tensor](), list[Given]()
    for part in batches(n, batch):
        count = part.stop - part.start
        given = codes.conditions(count, noise) if y is None else in_turn(y, count)
        start, end = (codes.draw(count, noise, given, **options) for _ in range(2))
        t = noise.uniform(count, *[1] * (start.dim() - 1)).to(start) * (where == "full")
        near = (blend(start.double(), end.double(), share.double()) for share in (t, t + eps))
        a, b = (_small(_made(codes, one.to(start.dtype), given)) for one in near)
        starts.append(start)
        told.append(given)
        found.append((distance(a, b) / eps**2).double().cpu())
    return PathLengths(torch.cat(found), torch.cat(starts), space, together(told))


def _made(space: Space, codes: Tensor, y: Given) -> Tensor:
    """Return items in single precision at least: ε is lost in fewer bits."""
    with exactly():
        return space.synthesise(codes, y)


def _small(x: Tensor) -> Tensor:
    """Return images at most `EDGE` pixels long, by means of squares."""
    factor = max(x.shape[2:]) // EDGE
    return F.avg_pool2d(x, factor) if factor > 1 else x
