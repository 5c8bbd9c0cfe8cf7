"""The slots of a trained model with a memory: what they hold, and samples of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ganvas.model.trained import Trained
from ganvas.play.abilities import HasSlots

Array = npt.NDArray[Any]


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

    def __init__(self, model: Trained, game: HasSlots) -> None:
        self._model, self._memory = model, game.memory

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

    def sample(self, slot: int, n: int, *, seed: int = 0, **options: Any) -> Array:
        """Return ``n`` samples of one slot, in data units.

        Args:
            slot: its index; a slot of real samples.
            n: how many.
            seed: of the noise, as for `Model.sample`.
            options: others, as for `Model.sample`.

        Raises:
            UsageError: there is no such slot, or it holds no real samples.
            GanvasError: the generator was trained without slots.
        """
        z, y = self._model.latents(n, seed, slot=slot, **options)
        with self._model.posed(slot=slot, **options):
            return self._model.generate(z, y, seed=seed)


def _numbers(tensor: Tensor) -> npt.NDArray[np.float64]:
    return tensor.detach().cpu().double().numpy()
