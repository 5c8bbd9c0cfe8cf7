"""VGAN's baseline: an autoencoder of clips, and a mixture of normal laws of its codes.

Source: Vondrick, Pirsiavash & Torralba 2016, section 4: the discriminator's layers as the encoder,
the generator as the decoder, 256 components. Loss and covariances are not told there: they are
squares, and diagonal.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.choice import at_most
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.networks import Generator, GeneratorConfig
from ganvas.networks.conditions import Given
from ganvas.networks.video.layers import clip_shape
from ganvas.networks.video.vgan import VGANCritic, VGANGenerator, start
from ganvas.play import Adam, Game, Noise, OptimiserConfig, Player, Stage, Turns
from ganvas.slices import slices

ENCODED = 64
"""Clips that are encoded at once."""
SURE = 1e-6
"""Added to the variances of components."""


class VGANAutoencoderConfig(Settings):
    """The paper's baseline.

    Attributes:
        code: width of codes.
        components: of the mixture.
        encoder: layers that look at clips.
        decoder: makes clips of codes.
        optimiser: of both networks.
        fitted: training clips at most whose codes the mixture is fitted to.
    """

    code: PositiveInt = 100
    components: PositiveInt = 256
    encoder: VGANCritic = VGANCritic()
    decoder: GeneratorConfig = VGANGenerator()
    optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    fitted: PositiveInt = 20_000


class VGANAutoencoder(Game[VGANAutoencoderConfig]):
    """One player, encoder and decoder; then the mixture, in a stage of one round."""

    system: ClassVar[str] = "vgan-autoencoder"

    def __init__(self, config: VGANAutoencoderConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        body, width = config.encoder.body(clip_shape(spec.domain, "vgan"))
        self.encoder = nn.Sequential(body, nn.Flatten(), nn.Linear(width, config.code))
        start(self.encoder)
        self.decoder: Generator = config.decoder.build(spec.domain, config.code)
        self.mixture = Mixture(config.components, config.code)
        self.players = {"autoencoder": Player([self.encoder, self.decoder], config.optimiser)}

    def stages(self) -> list[Stage]:
        """Return the autoencoder's training, and one round in which the mixture is fitted."""
        first = Stage("autoencoder", self.round, prepares=True)
        return [first, Stage("mixture", self.fit, rounds=1)]

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step on ‖x − x̂‖², a mean over all numbers."""
        x = data.next().x
        with turn("autoencoder") as autoencoder:
            autoencoder.minimise((self.reconstruct(x) - x).square().mean())

    @torch.no_grad()
    def fit(self, data: Feed, turn: Turns) -> None:
        """Fit the mixture to the codes of training clips."""
        self.eval()
        known, domain = at_most(data.source.known.x, self.config.fitted), self.spec.domain
        codes = [
            self.encode(domain.encode(known[part]).to(self.mixture.means))
            for part in slices(len(known), ENCODED)
        ]
        self.mixture.fit(torch.cat(codes))
        self.train()

    # ---- what a trained model can do ------------------------------------------------------------

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        """Return n codes of the mixture; below 1 closer to the means of components."""
        return self.mixture.draw(n, noise, truncation)

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        """Return the clips (N, C, T, H, W) of codes."""
        return self.decoder(z)

    def encode(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the codes (N, code) of clips."""
        return self.encoder(x)

    def decode(self, code: Tensor) -> Tensor:
        """Return the clips of codes, as `sample` does."""
        return self.decoder(code)

    def reconstruct(self, x: Tensor, y: Given = None) -> Tensor:
        """Return what becomes of clips by way of their codes."""
        return self.decoder(self.encoder(x))


class Mixture(nn.Module):
    """A mixture of normal laws with diagonal covariances; before it is fitted a standard one.

    Args:
        components: how many.
        width: of what is drawn.
    """

    shares: Tensor
    means: Tensor
    deviations: Tensor

    def __init__(self, components: int, width: int) -> None:
        super().__init__()
        self.register_buffer("shares", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, width))
        self.register_buffer("deviations", torch.ones(components, width))

    def fit(self, codes: Tensor) -> None:
        """Fit it to codes (N, width) by expectation and maximisation; few have fewer components."""
        from sklearn.mixture import GaussianMixture

        count = min(len(self.shares), max(len(codes) // 2, 1))
        found = GaussianMixture(
            count, covariance_type="diag", reg_covar=SURE, init_params="k-means++", random_state=0
        ).fit(codes.double().cpu().numpy())
        parts: Any = (found.weights_, found.means_, found.covariances_)
        shares, means, variances = (
            torch.as_tensor(np.asarray(part, np.float64)).to(self.means) for part in parts
        )
        self.shares.zero_()
        self.shares[:count], self.means[:count] = shares, means
        self.deviations[:count] = variances.sqrt()

    def draw(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        """Return n draws (n, width), from components as often as their shares say."""
        ends = self.shares.double().cumsum(0)
        which = torch.searchsorted(ends, noise.uniform(n).double().to(ends.device) * ends[-1])
        which = which.clamp_max(len(ends) - 1)
        spread = noise.normal(n, self.means.shape[1]).to(self.means)
        return self.means[which] + truncation * self.deviations[which] * spread
