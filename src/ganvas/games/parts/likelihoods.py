"""What a decoder's numbers mean: the likelihood of data given them."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganvas.config import Settings
from ganvas.play import Noise


class BernoulliLikelihood(Settings):
    """Independent pixels in [0, 1], of which the decoder gives the log-odds.

    Attributes:
        binarise: draw each pixel as 0 or 1 with its grey level as probability, afresh in every
            batch (Salakhutdinov & Murray 2008). Else grey levels are taken as they are, which
            makes a good loss and no likelihood.
    """

    kind: Literal["bernoulli"] = "bernoulli"
    binarise: bool = True

    def observe(self, x: Tensor, noise: Noise) -> Tensor:
        """Return what is to be explained, for items (N, *shape) in network units."""
        level = self.inputs(x)
        if not self.binarise:
            return level
        return (noise.uniform(*level.shape) < level).to(level.dtype)

    def inputs(self, x: Tensor) -> Tensor:
        """Return the encoder's view of items without chance: grey levels in [0, 1]."""
        return (x + 1) / 2

    def log_prob(self, observed: Tensor, decoded: Tensor) -> Tensor:
        """Return log p(x|z), (*sample, N), for (N, *shape) and decodings (*sample, N, *shape)."""
        target = observed.expand_as(decoded)
        each = F.binary_cross_entropy_with_logits(decoded, target, reduction="none")
        return -each.flatten(decoded.dim() - observed.dim() + 1).sum(-1)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the mean item of a decoding, in network units."""
        return torch.tanh(decoded / 2)


class NormalLikelihood(Settings):
    """Independent normal coordinates around what the decoder gives.

    Attributes:
        sigma: their standard deviation, in network units.
    """

    kind: Literal["normal"] = "normal"
    sigma: float = Field(default=0.1, gt=0)

    def observe(self, x: Tensor, noise: Noise) -> Tensor:
        """Return what is to be explained: the items."""
        return x

    def inputs(self, x: Tensor) -> Tensor:
        """Return the encoder's view of items: themselves."""
        return x

    def log_prob(self, observed: Tensor, decoded: Tensor) -> Tensor:
        """Return log p(x|z), (*sample, N), for (N, *shape) and decodings (*sample, N, *shape)."""
        each = ((observed - decoded) / self.sigma).square() + math.log(2 * math.pi * self.sigma**2)
        return -0.5 * each.flatten(decoded.dim() - observed.dim() + 1).sum(-1)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the mean item of a decoding, in network units."""
        return decoded


Likelihood = Annotated[BernoulliLikelihood | NormalLikelihood, Field(discriminator="kind")]
"""Any likelihood; told apart by ``kind``."""
