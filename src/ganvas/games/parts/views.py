"""What a judge is shown of a batch: noise, packs; random changes stand in `augmentation`.

Real samples and fakes are changed under one law. A view may be a module: its buffers are then part
of every checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.config import Schedule, value_at
from ganvas.data.batch import Batch
from ganvas.data.domain import PLANE, Domain
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.play import Turns


class InstanceNoise:
    """Normal noise on every number (Sønderby et al. 2017).

    Args:
        deviation: its standard deviation, a number or a schedule.
    """

    def __init__(self, deviation: float | Schedule) -> None:
        self.deviation = deviation

    def __call__(self, batch: Batch, turn: Turns) -> Batch:
        """Return the batch with noise on its main field."""
        spread = value_at(self.deviation, turn.progress)
        if not spread:
            return batch
        noise = turn.noise.normal(*batch.x.shape)
        return batch.replace(**{batch.main: batch.x + spread * noise})


class UnitPixels:
    """Pixels in [0, 1] in place of [−1, 1], as codes have them whose generators end in a sigmoid.

    Args:
        spec: of the data.

    Raises:
        UsageError: they are no images.
    """

    def __init__(self, spec: DataSpec) -> None:
        if spec.domain.grid != PLANE:
            raise UsageError(
                f"game.pixels=unit is for images, but {spec.name} holds {spec.domain.plural}: "
                "leave it out"
            )

    def __call__(self, batch: Batch, turn: Turns | None = None) -> Batch:
        """Return the batch with the pixels of its main field in that range."""
        return batch.replace(**{batch.main: (batch.x + 1) / 2})


class Pack:
    """Every few consecutive samples (N, C, …) joined into one: (N/m, m·C, …).

    Source: PacGAN, Lin et al. 2018, section 3.

    Args:
        size: m.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, batch: Batch, turn: Turns | None = None) -> Batch:
        """Return the batch in packs, without labels and such, which are a single item's.

        Raises:
            UsageError: the packs do not come out even.
        """
        n, m = len(batch), self.size
        if n % m:
            raise UsageError(
                f"game.packing={m} does not divide the {n} samples that the discriminator is "
                "given at once; choose train.batch (per process, and per part of game.accumulate) "
                f"as a multiple of {m}"
            )
        rows = {name: v for name, v in batch.fields.items() if v.dim() > 1}
        return batch.like(
            {name: v.reshape(n // m, m * v.shape[1], *v.shape[2:]) for name, v in rows.items()}
        )


def pack_around(x: Tensor, packing: int) -> Tensor:
    """Return for each sample the pack of it and those that follow it, cyclically: (N, m·C, …)."""
    return torch.cat([x.roll(-shift, 0) for shift in range(packing)], 1) if packing > 1 else x


def packed(domain: Domain, packing: int) -> Domain:
    """Return the domain of packs of samples, joined along channels or coordinates."""
    return domain if packing == 1 else domain.packed(packing)
