"""Terms that are added to a player's loss, off by default.

`FeatureMatching` reads the features of a judge's own pass; the others look at weights alone, and
are part of every turn of their player (`ganvas.play.Player.terms`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.nn import Tracking, all_reduce, world_size


class FeatureMatching(Settings):
    """‖E f(x) − E f(G(z))‖², f the last hidden layer of D (Salimans et al. 2016, section 3.1).

    Attributes:
        weight: its factor.
        alone: the generator's only loss; else it is added to the objective's.
    """

    weight: float = Field(default=1.0, gt=0)
    alone: bool = True

    def loss(
        self, real: Tensor | tuple[Tensor, ...] | None, fake: Tensor | tuple[Tensor, ...] | None
    ) -> Tensor:
        """Return the weighted loss of features (N, F) each; the real ones are constants.

        The means are those of all processes. Of several layers or scales it is the sum of theirs.
        """
        assert real is not None
        assert fake is not None
        if isinstance(real, tuple) or isinstance(fake, tuple):
            pairs = zip(real, fake, strict=True)
            return torch.stack([self.loss(a, b) for a, b in pairs]).sum()
        apart = all_reduce(real.detach().mean(0) - fake.mean(0)) / world_size()
        return self.weight * apart.square().sum()


class History(Tracking):
    """Historical averaging: λ‖θ − (1/t) Σ_{i≤t} θ_i‖² of a player (Salimans et al. 2016, §3.3).

    Steps that are only looked ahead see the mean as it is, and do not move it.

    Args:
        parameters: θ, whose running mean is kept as buffers.
        weight: λ.
    """

    count: Tensor

    def __init__(self, parameters: list[nn.Parameter], weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.sizes = len(parameters)
        for number, parameter in enumerate(parameters):
            self.register_buffer(f"mean_{number}", torch.zeros_like(parameter))

    @property
    def means(self) -> list[Tensor]:
        """The running means, in the order of the parameters."""
        return [self.get_buffer(f"mean_{number}") for number in range(self.sizes)]

    def forward(self, parameters: Sequence[Tensor], progress: float = 0.0) -> Tensor:
        """Count θ_t in, and return its weighted squared distance from the mean, a constant."""
        if self.updates:
            self.count += 1
            share = 1.0 / self.count
            for mean, parameter in zip(self.means, parameters, strict=True):
                mean.lerp_(parameter.detach(), share.to(mean.dtype))
        total = torch.zeros((), device=self.count.device)
        for mean, parameter in zip(self.means, parameters, strict=True):
            total = total + (parameter - mean).square().sum()
        return self.weight * total
