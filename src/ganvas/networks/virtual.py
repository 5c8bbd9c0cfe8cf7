"""A generator whose batch norms are virtual: they refer to one batch of latents, fixed for good."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from ganvas.errors import UsageError
from ganvas.networks.base import Generator
from ganvas.nn import BatchNorm, VirtualStatistics, drawing_whole


class VirtuallyNormalised(Generator):
    """A generator with virtual batch normalisation (Salimans et al. 2016, section 3.5).

    Every call passes the reference first, so that its statistics belong to the weights as they are.

    Args:
        inner: the generator; its batch norms are switched over in place.
        reference_z: latents of the reference batch, (n, latent).
        reference_y: their labels, or None.
        include_self: whether a sample's own moments count beside the reference's.

    Raises:
        UsageError: the generator has no batch norm.
    """

    reference_z: Tensor
    reference_y: Tensor | None

    def __init__(
        self,
        inner: Generator,
        reference_z: Tensor,
        reference_y: Tensor | None = None,
        include_self: bool = True,
    ) -> None:
        super().__init__(inner.latent, inner.conditions, inner.shape)
        self.inner = inner
        self.register_buffer("reference_z", reference_z)
        self.register_buffer("reference_y", reference_y)
        self._norms = [layer for layer in inner.modules() if isinstance(layer, BatchNorm)]
        if not self._norms:
            raise UsageError(
                "game.virtual_batch_norm takes the place of the generator's batch norms, and it "
                "has none; set game.generator.norm=batch (mlp: game.generator.batch_norm=true)"
            )
        for layer in self._norms:
            layer.virtual = VirtualStatistics(include_self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return samples (N, *shape) for latents (N, latent), each independent of the others."""
        virtual = [cast(VirtualStatistics, layer.virtual) for layer in self._norms]
        for statistics in virtual:
            statistics.collecting = True
        with drawing_whole(self.inner):
            self.inner(self.reference_z, self.reference_y)
        for statistics in virtual:
            statistics.collecting = False
        x = self.inner(z, y)
        for statistics in virtual:
            statistics.forget()
        return x
