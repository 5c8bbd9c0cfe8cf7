"""Latents of a generator with a memory: on the way between slots, and what its prior looks like."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.nn.bessel import log_normaliser
from ganvas.nn.memory import Memory


def settle(memory: Memory, direction: Tensor) -> Tensor:
    """Return for each direction the slot of real samples that it most probably belongs to.

    c = argmax p(c|K̂), prior included, K̂ the direction at unit length: the paper's rule for vectors
    between keys (Fig. 1). Slots of fakes are left out: the generator never sees their keys.

    Args:
        memory: N slots with keys of width M.
        direction: (n, M), of any length but zero.

    Returns:
        Slots, int64 (n,).
    """
    unit = F.normalize(direction.to(memory.keys.dtype), dim=1)
    real = memory.populated & (memory.values > 0)
    return memory.log_joint(unit).masked_fill(~real, -torch.inf).argmax(dim=1)


def settled(memory: Memory, z: Tensor) -> Tensor:
    """Return latents [K̂, z] (n, M + Z) with each K̂ replaced by the key it settles on."""
    slots = settle(memory, z[:, : memory.dim])
    return torch.cat([memory.keys[slots].to(z.dtype), z[:, memory.dim :]], dim=1)


def by_rank(prior: Tensor) -> dict[int, float]:
    """Return the sorted probabilities at ranks 1, 2, 4, 8, … of (N,): its shape in few numbers."""
    ordered = prior.sort(descending=True).values
    ranks = [2**power for power in range(len(prior).bit_length()) if 2**power <= len(prior)]
    return {rank: float(ordered[rank - 1]) for rank in ranks}


def readings(memory: Memory, queries: Tensor) -> dict[str, float]:
    """Return what a memory makes of queries (n, M) of held-out samples, for the log.

    ``likelihood/biased`` and ``likelihood/true`` are means of log p(x|y=1) in nats (Fig. 3a). They
    rise when the memory follows the data, and also when all keys become one: read them together
    with ``slots/effective``, exp(entropy) of the prior. ``prior/rank r`` are its sorted
    probabilities (Fig. 3c).
    """
    constant = float(log_normaliser(memory.dim, torch.tensor(memory.kappa, dtype=torch.float64)))
    populated = memory.populated
    return {
        "likelihood/biased": float(memory.log_likelihood(queries).mean()),
        "likelihood/true": float(memory.log_likelihood(queries, constant).mean()),
        "slots/populated": float(populated.sum()),
        "slots/real": float((populated & (memory.values > 0)).sum()),
        "slots/effective": float(memory.effective_slots()),
        **{f"prior/rank {rank}": share for rank, share in by_rank(memory.prior()).items()},
    }
