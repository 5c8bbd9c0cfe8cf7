"""What DIW-GAN keeps of the data and of its own output, and the weights it makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from ganvas.games.parts.density import herd, kmeans, perturbed
from ganvas.play import Noise
from ganvas.play.abilities import ability

CLIP = 0.1, 10.0
"""Weights stay within these multiples of their mean."""

Choice = Literal["herding", "kde", "kmeans", "random"]


class Summary(nn.Module):
    """What is kept of the data: latents' normalisation, density, representatives and their weights.

    ``border`` is the distance below which two latents count as the same sample twice.

    Args:
        size: number of representatives.
        code: k, width of the latents.
    """

    shift: Tensor
    scale: Tensor
    bandwidth: Tensor
    representatives: Tensor
    distances: Tensor
    border: Tensor

    def __init__(self, size: int, code: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(code))
        self.register_buffer("scale", torch.ones(code))
        self.register_buffer("bandwidth", torch.ones(()))
        self.register_buffer("representatives", torch.zeros(size, code))
        self.register_buffer("distances", torch.ones(size))
        self.register_buffer("border", torch.zeros(()))


class Trail(nn.Module):
    """What training remembers of fakes: the latents of recent batches, and potentials of matching.

    Args:
        rows: latents that can be remembered, the newest last.
        size: number of representatives.
        code: k, width of the latents.
    """

    recent: Tensor
    filled: Tensor
    potential: Tensor

    def __init__(self, rows: int, size: int, code: int) -> None:
        super().__init__()
        self.register_buffer("recent", torch.zeros(rows, code))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))
        self.register_buffer("potential", torch.zeros(size))

    def known(self) -> tuple[Tensor, Tensor]:
        """Return the rows of latents, and which of them have been filled."""
        places = torch.arange(len(self.recent), device=self.recent.device)
        return self.recent, places >= len(self.recent) - self.filled


@dataclass(frozen=True)
class Pairs:
    """A batch of fakes beside the reals that they are paired with; row i of all is one pair.

    Attributes:
        rows, columns: which of the representatives, and of the fakes, (B,).
        reals, fakes: normalised latents, (B, k).
        distances: between the two, (B,).
        real_weights: w_r, above 1 where the generator hardly comes, (B,).
        fake_weights: w_g, above 1 where it comes often, (B,).
    """

    rows: Tensor
    columns: Tensor
    reals: Tensor
    fakes: Tensor
    distances: Tensor
    real_weights: Tensor
    fake_weights: Tensor


@ability("pairs")
class CanPair(Protocol):
    """Meets representatives of the data, each with one of its samples."""

    summary: Summary

    def pairs(self, x: Tensor, past: Tensor) -> Pairs:
        """Return how fakes (B, *shape) would be paired and weighted; past ones are (P, *shape)."""
        ...

    def repeated(self, x: Tensor) -> Tensor:
        """Return the pairs (P, 2) of samples (N, *shape) nearer than nearly all pairs of reals."""
        ...

    def uncovered(self) -> Tensor:
        """Return the weight of every representative, (R,), above 1 where it is badly met."""
        ...

    def represented(self) -> Tensor:
        """Return the representatives as items, (R, *shape)."""
        ...


def chosen(how: Choice, codes: Tensor, size: int, bandwidth: Tensor, noise: Noise) -> Tensor:
    """Return ``size`` representatives (size, k) of normalised latents (N, k).

    Args:
        how: ``herding`` keeps every mode's share to within one; ``kde`` draws from the kernel
            density, so that shares vary binomially; ``kmeans`` takes the latents nearest to
            k-means++ centres, which under-represents spread; ``random`` takes the first.
        codes: in random order.
        size: how many.
        bandwidth: of the density.
        noise: what draws and first centres come from; shared by all processes.
    """
    match how:
        case "herding":
            return codes[herd(codes, size, bandwidth)]
        case "kde":
            return perturbed(codes, size, bandwidth, noise)
        case "kmeans":
            return codes[kmeans(codes, size, noise)]
        case "random":
            return codes[:size]


def bounded(weights: Tensor) -> Tensor:
    """Return weights with mean 1, clipped to 0.1 to 10 of their mean before."""
    mean = weights.mean().clamp_min(1e-30)
    clipped = (weights / mean).clamp(*CLIP)
    return clipped / clipped.mean()


def entropy(weights: Tensor) -> Tensor:
    """Return the entropy of weights over that of equal ones: 1 if all are alike."""
    share = weights / weights.sum()
    n = torch.tensor(float(len(weights)), device=weights.device)
    return -(share * share.clamp_min(1e-30).log()).sum() / n.log()
