"""The slots of a trained model with a memory: what they hold, and samples of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.latent.interpolation import line, square
from ganvas.play.abilities import HasSlots

if TYPE_CHECKING:
    from ganvas.model.model import Model

Array = npt.NDArray[Any]

BATCH = 256
"""Samples that go through the generator at once."""


@dataclass(frozen=True)
class Slot:
    """One slot that holds a key.

    Attributes:
        index: its place in the memory.
        real: whether it holds real samples; the generator draws from no other.
        count: its histogram, how much it has been used of late.
        age: updates since it was last touched.
        prior: P(c|v=1), with which the generator draws it; 0 for slots of fakes.
    """

    index: int
    real: bool
    count: float
    age: int
    prior: float


@dataclass(frozen=True)
class Census:
    """What a memory holds.

    Attributes:
        slots: how many there are.
        populated: those that hold a key.
        real: of these, those of real samples.
        fake: those of fakes.
        effective: exp(entropy) of the prior, how many slots the generator really draws from.
    """

    slots: int
    populated: int
    real: int
    fake: int
    effective: float


class Slots:
    """What is in a model's memory; made by `Model.slots`.

    Samples of a slot come of latents [K_c, z]: the slot's key, and noise drawn as for any sample.
    """

    def __init__(self, model: Model, game: HasSlots) -> None:
        self._model, self._game, self._memory = model, game, game.memory

    def __len__(self) -> int:
        return self._memory.slots

    def census(self) -> Census:
        """Count the slots."""
        populated, real = self._memory.populated, self._memory.values > 0
        return Census(
            slots=len(self),
            populated=int(populated.sum()),
            real=int((populated & real).sum()),
            fake=int((populated & ~real).sum()),
            effective=float(self._memory.effective_slots()),
        )

    def prior(self) -> Array:
        """Return P(c|v=1), with which the generator draws each slot, (N,) float64."""
        return _numbers(self._memory.prior())

    def table(self, *, real: bool | None = None) -> list[Slot]:
        """Return the slots that hold a key, those drawn most often first, then the most used.

        Args:
            real: only slots of real samples, or only of fakes; None: both.
        """
        memory, prior = self._memory, self.prior()
        populated, values = _numbers(memory.populated), _numbers(memory.values) > 0
        counts, ages = _numbers(memory.histogram), _numbers(memory.ages)
        slots = [
            Slot(i, bool(values[i]), float(counts[i]), int(ages[i]), float(prior[i]))
            for i in np.flatnonzero(populated).tolist()
            if real in (None, values[i])
        ]
        return sorted(slots, key=lambda slot: (-slot.prior, -slot.count, slot.index))

    def draw(self, n: int, seed: int = 0) -> list[int]:
        """Return different slots of real samples, drawn by their prior: n, or all there are."""
        known = self.table(real=True)
        shares = np.array([slot.prior for slot in known])
        n = min(n, int((shares > 0).sum()))
        if not n:
            return []
        rng = np.random.Generator(np.random.PCG64(seed))
        chosen = rng.choice(len(known), size=n, replace=False, p=shares / shares.sum())
        return [known[place].index for place in chosen.tolist()]

    @torch.inference_mode()
    def sample(self, slot: int, n: int, *, seed: int = 0, truncation: float = 1.0) -> Array:
        """Return ``n`` samples of one slot, in data units.

        Args:
            slot: its index; a slot of real samples.
            n: how many.
            seed: of the noise, as for `Model.sample`.
            truncation: below 1, noise closer to the middle.

        Raises:
            UsageError: there is no such slot, or it holds no real samples.
        """
        z, _ = self._model.latents(n, seed, truncation)
        return self._generate(slot, z[:, self._memory.dim :])

    @torch.inference_mode()
    def between(
        self,
        slot: int,
        seeds: Sequence[int],
        steps: int = 8,
        how: str = "lerp",
        *,
        truncation: float = 1.0,
    ) -> Array:
        """Return samples of one slot between the noises of seeds (Figs. 6–7).

        Args:
            slot: its index; a slot of real samples.
            seeds: two for a line of ``steps`` samples, four for a square of steps × steps, by row.
            steps: samples along a line or an edge, at least 2.
            how: the way between noises, "lerp" or "slerp".
            truncation: as for `sample`.

        Raises:
            UsageError: the seeds are not two or four, or there is no such slot of real samples.
        """
        ends = torch.stack([self._noise(seed, truncation) for seed in seeds])
        noise = line(ends, steps, how) if len(ends) == 2 else square(ends, steps, how)
        return self._generate(slot, noise)

    def _noise(self, seed: int, truncation: float) -> Tensor:
        """Return the noise (Z,) of a seed's first latent [K_c, z]."""
        z, _ = self._model.latents(1, seed, truncation)
        return z[0, self._memory.dim :]

    def _generate(self, slot: int, noise: Tensor) -> Array:
        """Return the samples of one slot for noise (n, Z).

        Raises:
            UsageError: there is no such slot, or it holds no real samples.
            GanvasError: the generator was trained without slots.
        """
        chunks: list[Array] = []
        for z in torch.split(noise.to(self._memory.keys.device), BATCH):
            slots = self._game.fixed(slot, len(z))
            chunks.append(self._model.domain.decode(self._game.from_slots(slots, z)))
        return np.concatenate(chunks)


def _numbers(tensor: Tensor) -> npt.NDArray[np.float64]:
    return tensor.detach().cpu().double().numpy()
