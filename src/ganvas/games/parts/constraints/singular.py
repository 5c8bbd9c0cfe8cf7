"""Singular value clipping."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.games.parts.constraints import Constraint, refuse_spectral
from ganvas.nn import BatchNorm, clip_singular_values_, singular_values

LEAST = 0.01
"""Gains of batch norms stay above this share of the deviation that they stand for (the code's)."""


class Singular(Constraint):
    """Singular values of all weights are clipped, and gains of batch norms (Saito et al. 2017).

    W, with a row for each output, becomes U·diag(min(s, limit))·Vᵀ; a gain γ stays within
    [0.01 σ, σ] of the running deviation σ that its norm divides by. Biases and offsets are left
    alone. It holds the scale of a critic; it is no Lipschitz bound of 1: a convolution of kernel 4
    and stride 2 sees each input in 8 patches, and has a norm of up to √8.

    Attributes:
        limit: of singular values.
        every: steps from one clipping to the next.
    """

    kind: Literal["singular"] = "singular"
    limit: float = Field(default=1.0, gt=0)
    every: int = Field(default=5, ge=1)

    @property
    def period(self) -> int:
        """Steps from one clipping to the next."""
        return self.every

    def install(self, network: nn.Module) -> None:
        """Clip once, so that no unclipped critic is ever asked.

        Raises:
            UsageError: its layers are spectrally normalised.
        """
        refuse_spectral(network, self.kind)
        self.enforce(network)

    def enforce(self, network: nn.Module) -> None:
        """Clip weights and gains."""
        clip_singular_values_(network, self.limit)
        clip_gains_(network)

    def statistics(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the largest singular value of all weights."""
        return {"sigma_max": torch.tensor(max(singular_values(network).values()))}


@torch.no_grad()
def clip_gains_(network: nn.Module) -> None:
    """Clip each batch norm's γ to [0.01 σ, σ], σ² its running variance, in place."""
    for layer in network.modules():
        if isinstance(layer, BatchNorm) and layer.weight is not None:
            most = layer.running_var.sqrt()
            layer.weight.copy_(torch.minimum(torch.maximum(layer.weight, LEAST * most), most))
