"""A memory as the head of any game's discriminator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ganvas.config import Settings
from ganvas.data.choice import CHOICE, at_most
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.latent.slots import readings
from ganvas.metrics.protocol import Protocol, Score, settings
from ganvas.networks.base import Discriminator, Head, MemoryHead
from ganvas.nn import Memory
from ganvas.slices import slices

HELD_OUT, BATCH = 10_000, 250
"""Items that likelihoods are taken of, and how many go through the network at once."""


class Remembering(Settings):
    """Settings of a memory (`ganvas.nn.Memory`) and of the way from features to queries.

    Attributes:
        slots: N.
        dim: M, of a linear layer that makes queries of the discriminator's features. None: the
            features are queries, of a network made for it.
        neighbours: k, slots that a query looks at.
        kappa: κ.
        decay: α.
        iterations: T.
        rule: "em", or "kaiser" for the ablation "– EM".
        increment: "unit" or "posterior" (Eq. 5 to the letter).
        merge: "winner", or "sum" with κ above about 5.
        correct_in_top: an old slot is refilled unless one of so many best has the right label.
    """

    slots: int = Field(default=512, ge=2)
    dim: int | None = Field(default=64, ge=1)
    neighbours: int = Field(default=32, ge=1)
    kappa: float = Field(default=1.0, gt=0)
    decay: float = Field(default=0.5, gt=0, le=1)
    iterations: int = Field(default=1, ge=1)
    rule: Literal["em", "kaiser"] = "em"
    increment: Literal["unit", "posterior"] = "unit"
    merge: Literal["winner", "sum"] = "winner"
    correct_in_top: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Remembering:
        if not self.correct_in_top <= self.neighbours <= self.slots:
            raise ValueError(
                f"expected correct_in_top ({self.correct_in_top}) <= neighbours "
                f"({self.neighbours}) <= slots ({self.slots})"
            )
        return self

    def install(self, discriminator: Discriminator) -> MemoryHead:
        """Put a memory in the place of the discriminator's linear score, and return the new head.

        Raises:
            UsageError: the discriminator's head does something else, too.
        """
        head = discriminator.head
        if not isinstance(head, Head) or discriminator.labels in ("projection", "auxiliary"):
            raise UsageError(
                "game.memory takes the place of the discriminator's head: leave game.minibatch "
                "out, and give labels by game.discriminator.labels=concat or not at all"
            )
        width = head.score.in_features
        others = self.model_dump(exclude={"slots", "dim"})
        memory = Memory(self.slots, self.dim or width, **others)
        discriminator.head = MemoryHead(memory, width, project=self.dim is not None)
        return discriminator.head


@torch.no_grad()
def held_out_scores(
    memory: Memory, query: Callable[[Tensor], Tensor], source: Source, seed: int
) -> dict[str, Score]:
    """Return what a memory makes of up to 10,000 held-out items (memoryGAN, Fig. 3a).

    Both likelihoods are those of queries, not of items: they tell how well the memory follows the
    network, and cannot be compared between networks. ``effective_slots`` is exp(entropy) of the
    prior.

    Args:
        memory: what was seen in training.
        query: gives the unit queries (N, M) of items (N, *shape).
        source: the data; its last split is used.
        seed: stated with the scores.
    """
    split = source.splits[-1]
    known = source.items(split).x
    items = at_most(known, HELD_OUT)
    names = {"likelihood/true": "query_log_likelihood"}
    names |= {"likelihood/biased": "query_log_likelihood_biased"}
    names |= {"slots/effective": "effective_slots"}
    means = dict.fromkeys(names, 0.0)
    for part in slices(len(items), BATCH):
        x = source.spec.domain.encode(items[part]).to(memory.keys.device)
        found = readings(memory, query(x))
        means = {name: means[name] + found[name] * len(x) / len(items) for name in names}
    return {
        name: Score(
            value=means[key],
            protocol=Protocol(
                metric=name,
                samples=len(items),
                reference=f"{source.spec.name}, {split}",
                reference_samples=len(items),
                seed=seed,
                settings=settings(choice=CHOICE) if len(items) < len(known) else (),
            ),
        )
        for key, name in names.items()
    }
