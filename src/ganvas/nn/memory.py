"""A memory of unit vectors: a mixture of von Mises–Fisher laws that learns without gradients.

Source: memoryGAN (Kim, Kim & Kim 2018), Eq. 1 to 6, with the corrections of its printed equations
that `docs/systems/memorygan.md` lists.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ganvas.nn.bessel import log_normaliser
from ganvas.nn.collective import gather
from ganvas.nn.memory_update import (
    Increment,
    meet,
    merge_all,
    merge_winners,
    nearest_moves,
    posterior_moves,
    refill,
)
from ganvas.nn.precision import unrounded

Rule = Literal["em", "kaiser"]
Merge = Literal["winner", "sum"]

DRAW_BITS, WEIGHT_BITS = 24, 36
"""Bits of a uniform number, and of the whole prior mass, in the integer arithmetic of `draw`."""


class Lookup(NamedTuple):
    """The slots that are most probable for each query: indices and posterior, (B, k) each."""

    slots: Tensor
    weights: Tensor


class Change(NamedTuple):
    """What an update did: 0-d counts of slots that were moved, and that were filled anew."""

    moved: Tensor
    refilled: Tensor

    def statistics(self, memory: Memory) -> dict[str, Tensor]:
        """Return what a log of training should have of it, by name."""
        return {"memory/refilled": self.refilled, "memory/slots": memory.effective_slots()}


class Memory(nn.Module):
    """N slots, each a mean direction K_i, a label v_i (1 real, 0 fake), an age and a weight h_i.

    A query q is a unit vector, p(q|c=i) ∝ exp(κ K_iᵀq), p(c=i) ∝ h_i + β, and a slot says of all
    its queries what its label says. Gradients reach queries only. All arithmetic is that of the
    keys' precision, whatever the surrounding network computes in. Slots with K = 0 are empty.

    Args:
        slots: N.
        dim: M, width of keys and queries.
        neighbours: k, how many slots a query looks at.
        kappa: κ, concentration of each law.
        decay: α, what a slot keeps of its weight when it is moved.
        beta: β, added to all weights.
        clip: ε; probabilities stay within [ε, 1 − ε].
        iterations: T of the EM update.
        rule: "em", or "kaiser": the best slot with the right label turns to the middle between
            itself and the query (Kaiser et al. 2017), the paper's ablation.
        increment: a moved slot's gain in weight: 1 (the authors' code) or its posterior (Eq. 5).
        merge: a slot that several queries of a batch move follows the one with the largest
            posterior ("winner"), or all of them ("sum": collapses unless κ is above about 5).
        correct_in_top: an old slot is refilled by a query unless one of so many best slots has the
            right label.

    Attributes:
        keys, values, ages, histogram: the slots, (N, M) and (N,) each; buffers.
    """

    keys: Tensor
    values: Tensor
    ages: Tensor
    histogram: Tensor

    def __init__(
        self,
        slots: int,
        dim: int,
        *,
        neighbours: int,
        kappa: float = 1.0,
        decay: float = 0.5,
        beta: float = 1e-8,
        clip: float = 1e-3,
        iterations: int = 1,
        rule: Rule = "em",
        increment: Increment = "unit",
        merge: Merge = "winner",
        correct_in_top: int = 1,
    ) -> None:
        super().__init__()
        if not 1 <= correct_in_top <= neighbours <= slots:
            raise ValueError(
                f"a memory needs correct_in_top ({correct_in_top}) <= neighbours ({neighbours}) "
                f"<= slots ({slots})"
            )
        self.slots, self.dim, self.neighbours = slots, dim, neighbours
        self.kappa, self.decay, self.beta, self.clip = kappa, decay, beta, clip
        self.iterations = iterations
        self.rule: Rule = rule
        self.increment: Increment = increment
        self.merge: Merge = merge
        self.correct_in_top = correct_in_top
        self.register_buffer("keys", torch.zeros(slots, dim))
        self.register_buffer("values", (torch.arange(slots) < slots // 2).float())
        self.register_buffer("ages", torch.zeros(slots, dtype=torch.long))
        self.register_buffer("histogram", torch.full((slots,), 1e-5))

    # ---- reading --------------------------------------------------------------------------------

    @property
    def populated(self) -> Tensor:
        """Which slots hold a key, (N,) bool."""
        return self.keys.square().sum(1) > 0

    def similarities(self, q: Tensor) -> Tensor:
        """Return K_iᵀq, (B, N), of queries (B, M)."""
        with unrounded(q):
            return q.to(self.keys.dtype) @ self.keys.T

    def log_joint(self, q: Tensor) -> Tensor:
        """Return κ K_iᵀq + log(h_i + β), (B, N): log p(q, c=i) up to one constant."""
        return self._log_joint(self.similarities(q))

    def posterior(self, q: Tensor) -> Tensor:
        """Return p(c=i|q) over all slots, (B, N)  (Eq. 1)."""
        return self.log_joint(q).softmax(1)

    def lookup(self, q: Tensor) -> Lookup:
        """Return the k most probable slots and the posterior among them  (Eq. 3)."""
        joint, slots = self.log_joint(q).topk(self.neighbours)
        return Lookup(slots, joint.softmax(1))

    def probability(self, q: Tensor) -> Tensor:
        """Return p(y=1|q) = Σ γ_i v_i over the k most probable slots, clipped, (B,)  (Eq. 2, 4).

        Its gradient is κ Σ γ_i (v_i − p) K_i, and zero where it is clipped.
        """
        slots, weights = self.lookup(q)
        return (weights * self.values[slots]).sum(1).clamp(self.clip, 1 - self.clip)

    def logit(self, q: Tensor) -> Tensor:
        """Return log p(y=1|q) − log p(y=0|q), (B,): what any adversarial loss takes."""
        p = self.probability(q)
        return p.log() - torch.log1p(-p)

    def log_likelihood(self, q: Tensor, log_normaliser: float | None = None) -> Tensor:
        """Return log Σ_i C p(c=i|v=1) exp(κ K_iᵀq) of queries under the real slots, (B,).

        Args:
            q: unit queries (B, M).
            log_normaliser: that of the memory. None: the *biased* likelihood of the authors' code,
                which has exp(−κ)/√(2π) in its place.
        """
        constant = log_normaliser
        if constant is None:
            constant = -self.kappa - math.log(2 * math.pi) / 2
        weights = self.histogram * self.values + self.beta
        log_prior = (weights / weights.sum()).log()
        return (self.kappa * self.similarities(q) + log_prior).logsumexp(1) + constant

    @property
    def log_normaliser(self) -> float:
        """Log C_M(κ), which makes `log_likelihood` that of a density on the sphere."""
        return float(log_normaliser(self.dim, torch.tensor(self.kappa, dtype=torch.float64)))

    # ---- the prior of the generator -------------------------------------------------------------

    def prior(self) -> Tensor:
        """Return P(c=i|v=1) = h_i v_i / Σ h_j v_j, (N,)  (Eq. 6); uniform if no slot is real."""
        weights = self.histogram * self.values
        weights = torch.where(weights.sum() > 0, weights, 1.0)
        return weights / weights.sum()

    def draw(self, uniform: Tensor) -> Tensor:
        """Return slots drawn from `prior`, int64 (n,), for numbers (n,) uniform on [0, 1).

        The cumulative prior is summed in integers, exactly: no rounding can lead to a fake slot.
        """
        steps = (self.prior() * 2**WEIGHT_BITS).round().long().cumsum(0)
        at = ((uniform * 2**DRAW_BITS).long() * steps[-1]) >> DRAW_BITS
        return torch.searchsorted(steps, at, right=True)

    def effective_slots(self) -> Tensor:
        """Return exp(entropy of the prior), 0-d: how many slots the generator really uses."""
        prior = self.prior()
        return (-torch.xlogy(prior, prior).sum()).exp()

    # ---- learning -------------------------------------------------------------------------------

    @torch.no_grad()
    def update(self, real: Tensor, fake: Tensor) -> Change:
        """Let the slots follow unit queries of real samples and of fakes, (B, M) each, or none.

        One step of incremental EM for each query, all against the memory as it was before. With
        several processes every one makes the same step, on the queries of all.
        """
        real, fake = (gather(q) if len(q) else q for q in (real.detach(), fake.detach()))
        queries = torch.cat([real, fake]).to(self.keys.dtype)
        labels = torch.cat([queries.new_ones(len(real)), queries.new_zeros(len(fake))])
        similarity = self.similarities(queries)
        joint = self._log_joint(similarity)
        right = self.populated & (self.values == labels[:, None])
        best = joint.topk(self.correct_in_top).indices
        lost = ~right.gather(1, best).any(1)
        oldest = self._oldest(len(queries))
        level = self.histogram.mean()
        touched = self._follow(queries, similarity, joint, right & ~lost[:, None])
        self.ages.add_(1).masked_fill_(touched, 0)
        refilled = refill(self, queries, labels, lost, oldest, level)
        return Change(touched.sum(), refilled)

    def _follow(
        self, queries: Tensor, similarity: Tensor, joint: Tensor, allowed: Tensor
    ) -> Tensor:
        """Move the slots that queries may move, and return which they were, (N,) bool."""
        met = meet(similarity, joint, allowed, self.neighbours if self.rule == "em" else 1)
        if self.merge == "sum" and self.rule == "em":
            return merge_all(self, queries, met)
        moves = posterior_moves(self, met) if self.rule == "em" else nearest_moves(self, met)
        return merge_winners(self, queries, met, moves)

    def _log_joint(self, similarity: Tensor) -> Tensor:
        return self.kappa * similarity + (self.histogram + self.beta).log()

    def _oldest(self, most: int) -> Tensor:
        """Return up to ``most`` slots, the oldest first; of equal age, the first first."""
        place = torch.arange(self.slots - 1, -1, -1, device=self.ages.device)
        return (self.ages * self.slots + place).topk(min(most, self.slots)).indices

    def extra_repr(self) -> str:
        """Show the sizes and the rule."""
        return f"{self.slots}, {self.dim}, neighbours={self.neighbours}, rule={self.rule}"
