"""How a memory's slots follow a batch of queries: in one pass, in static shapes, without loops.

Everything about a pair of a query and a slot is a number, because the new key lies in the plane of
the old key and the query: K̂ = a K + b q. Vectors are touched once, when the slots are written.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

Increment = Literal["unit", "posterior"]


class MemoryState(Protocol):
    """What these functions need of a memory (see `ganvas.nn.memory.Memory`)."""

    keys: Tensor
    values: Tensor
    ages: Tensor
    histogram: Tensor
    kappa: float
    decay: float
    beta: float
    iterations: int
    increment: Increment


class Met(NamedTuple):
    """The slots that each query may move: index, K_iᵀq, and whether it is one; (B, k) each."""

    slots: Tensor
    similarity: Tensor
    valid: Tensor


class Moves(NamedTuple):
    """What each pair wants of its slot: claim, new weight, K̂ = a K + b q; (B, k) each."""

    claim: Tensor
    histogram: Tensor
    a: Tensor
    b: Tensor


def meet(similarity: Tensor, joint: Tensor, allowed: Tensor, count: int) -> Met:
    """Return the ``count`` most probable of the slots allowed to each query, S_y of the paper."""
    found, slots = joint.masked_fill(~allowed, -torch.inf).topk(count)
    return Met(slots, similarity.gather(1, slots), found > -torch.inf)


def posterior_moves(memory: MemoryState, met: Met) -> Moves:
    """Return T iterations of EM for each query by itself  (Eq. 5, K̂ᵗ⁻¹ on its right-hand side).

    E: γᵗ = softmax over S_y of κ K̂ᵗ⁻¹ᵀq + log(ĥᵗ⁻¹ + β). M: ĥᵗ = ĥᵗ⁻¹ + Δγ (or + 1, once),
    K̂ᵗ ∝ K̂ᵗ⁻¹ + r (q − K̂ᵗ⁻¹) with r = Δγ/ĥᵗ, then scaled to length 1. With s = K̂ᵀq that length is
    n² = (1−r)² + 2r(1−r)s + r², and s, a and b follow.
    """
    s, valid = met.similarity, met.valid
    histogram = memory.decay * memory.histogram[met.slots]
    gamma, a, b = torch.zeros_like(s), torch.ones_like(s), torch.zeros_like(s)
    for step in range(memory.iterations):
        before = gamma
        gamma = responsibilities(memory, s, histogram, valid)
        change = gamma - before
        histogram = histogram + (change if memory.increment == "posterior" else float(step == 0))
        r = change / histogram
        n = ((1 - r).square() + 2 * r * (1 - r) * s + r.square()).clamp_min(1e-12).sqrt()
        s = ((1 - r) * s + r) / n
        a, b = (1 - r) * a / n, ((1 - r) * b + r) / n
    return Moves(gamma, histogram, a, b)


def responsibilities(memory: MemoryState, s: Tensor, histogram: Tensor, valid: Tensor) -> Tensor:
    """Return γ, (B, k): rows that sum to 1, or to 0 where no slot is valid."""
    joint = memory.kappa * s + (histogram + memory.beta).log()
    lowest = torch.finfo(joint.dtype).min
    return joint.masked_fill(~valid, lowest).softmax(1) * valid


def nearest_moves(memory: MemoryState, met: Met) -> Moves:
    """Return K̂ = (K + q)/‖K + q‖ for the best slot (Kaiser et al. 2017); the nearest query wins."""
    s = met.similarity
    half = (2 + 2 * s).clamp_min(1e-12).rsqrt()
    return Moves(s, memory.decay * memory.histogram[met.slots] + 1, half, half)


def merge_winners(memory: MemoryState, queries: Tensor, met: Met, moves: Moves) -> Tensor:
    """Let each slot follow the pair with the largest claim, the first of equals.

    Returns:
        Which slots were moved, (N,) bool.
    """
    slots, valid = met.slots.flatten(), met.valid.flatten()
    claim = moves.claim.flatten().masked_fill(~valid, -torch.inf)
    largest = torch.full_like(memory.histogram, -torch.inf).scatter_reduce(0, slots, claim, "amax")
    none = len(slots)
    pairs = torch.arange(none, device=slots.device)
    pairs = pairs.masked_fill(~(valid & (claim == largest[slots])), none)
    winner = torch.full_like(memory.ages, none).scatter_reduce(0, slots, pairs, "amin")
    touched = winner < none
    winner = winner.clamp_max(none - 1)
    a = torch.where(touched, moves.a.flatten()[winner], 1.0)[:, None]
    b = torch.where(touched, moves.b.flatten()[winner], 0.0)[:, None]
    owner = queries[winner // met.slots.shape[1]]
    memory.keys.mul_(a).addcmul_(b, owner)
    new = moves.histogram.flatten()[winner]
    memory.histogram.copy_(torch.where(touched, new, memory.histogram))
    return touched


def merge_all(memory: MemoryState, queries: Tensor, met: Met) -> Tensor:
    """Let each slot follow all queries that found it: K̂ᵗ ∝ ĥᵗ⁻¹ K̂ᵗ⁻¹ + Σ_b Δγ_b q_b.

    Returns:
        Which slots were moved, (N,) bool.
    """
    slots, valid = met.slots, met.valid
    gamma = queries.new_zeros(len(queries), len(memory.histogram))
    touched = torch.zeros_like(gamma).scatter(1, slots, valid.to(gamma.dtype)).amax(0) > 0
    keys, histogram = memory.keys, memory.decay * memory.histogram
    for step in range(memory.iterations):
        s = (queries @ keys.T).gather(1, slots)
        new = torch.zeros_like(gamma).scatter(
            1, slots, responsibilities(memory, s, histogram[slots], valid)
        )
        change, gamma = new - gamma, new
        keys = F.normalize(histogram[:, None] * keys + change.T @ queries, dim=1)
        gain = change.sum(0) if memory.increment == "posterior" else float(step == 0)
        histogram = histogram + gain
    memory.keys.copy_(torch.where(touched[:, None], keys, memory.keys))
    memory.histogram.copy_(torch.where(touched, histogram, memory.histogram))
    return touched


def refill(
    memory: MemoryState,
    queries: Tensor,
    labels: Tensor,
    lost: Tensor,
    oldest: Tensor,
    level: Tensor,
) -> Tensor:
    """Write each lost query into an old slot of its own: K_n ← q, v_n ← y, a_n ← 0, h_n ← level.

    Shapes do not depend on how many are lost: ``oldest`` are as many slots as there are queries
    (or all), and those that no query takes are written back as they are.

    Returns:
        How many slots were refilled, 0-d.
    """
    first = torch.sort((~lost).to(torch.int8), stable=True).indices[: len(oldest)]
    taken = lost[first]

    def write(buffer: Tensor, new: Tensor) -> None:
        shape = (-1, *[1] * (buffer.dim() - 1))
        buffer[oldest] = torch.where(taken.view(shape), new, buffer[oldest])

    write(memory.keys, queries[first])
    write(memory.values, labels[first])
    write(memory.ages, torch.zeros_like(oldest))
    write(memory.histogram, level)
    return taken.sum()
