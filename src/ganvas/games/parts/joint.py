"""What ALI and VEEGAN share: a generator, an encoder, and a judge of pairs (x, z)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from typing_extensions import TypeVar

from ganvas.config import Settings
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.advice import ADVICE, MEASURED
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import (
    Encoder,
    EncoderConfig,
    Generator,
    GeneratorConfig,
    JointConfig,
    JointDiscriminator,
    MLPEncoder,
    MLPGenerator,
    MLPJoint,
)
from ganvas.nn import kinds_apart
from ganvas.play import Adam, Game, Noise, OptimiserConfig, Player
from ganvas.play.advice import Proposal

NOTEBOOK = Adam(lr=1e-3, beta1=0.5, beta2=0.999)


class JointSettings(Settings):
    """What both systems can be told.

    Attributes:
        latent: the prior of all noise that the generator is given.
        eps_dim: how many of its last numbers are noise that no encoder has to find.
        generator, encoder, discriminator: the networks, by preset name or in full.
        generator_optimiser, encoder_optimiser, discriminator_optimiser: how they step.
    """

    latent: AnyPrior = Normal(dim=255)
    eps_dim: int = Field(default=1, ge=0)
    generator: GeneratorConfig = MLPGenerator(widths=(128, 128), init="glorot")
    encoder: EncoderConfig = MLPEncoder(widths=(128, 128))
    discriminator: JointConfig = MLPJoint(widths=(128,))
    generator_optimiser: OptimiserConfig = NOTEBOOK
    encoder_optimiser: OptimiserConfig = NOTEBOOK
    discriminator_optimiser: OptimiserConfig = NOTEBOOK


C = TypeVar("C", bound=JointSettings, default=JointSettings, covariant=True)


class Joint(Game[C]):
    """Three players; subclasses say how a round goes.

    Attributes:
        width: K, of the latents that are encoded.
        apart: whether the discriminator must see encoded and generated pairs in separate passes,
            because it has layers that follow or mix what they see (batch norm).
    """

    advice: ClassVar[Mapping[str, Proposal]] = ADVICE
    measured: ClassVar[Mapping[str, Proposal]] = MEASURED

    averaged: ClassVar[tuple[str, ...]] = ("generator", "encoder")

    def __init__(self, config: C, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.latent = config.latent
        self.eps_dim = config.eps_dim
        self.width = config.latent.dim - config.eps_dim
        if self.width < 1:
            raise UsageError(
                f"game.eps_dim={config.eps_dim} leaves nothing of game.latent.dim="
                f"{config.latent.dim} to be encoded; give a smaller eps_dim"
            )
        self.generator: Generator = config.generator.build(spec.domain, config.latent.dim)
        self.encoder: Encoder = config.encoder.build(spec.domain, self.width)
        self.discriminator: JointDiscriminator = config.discriminator.build(spec.domain, self.width)
        self.separate = kinds_apart(self.discriminator)
        self.players = {
            "generator": Player(self.generator, config.generator_optimiser),
            "encoder": Player(self.encoder, config.encoder_optimiser),
            "discriminator": Player(self.discriminator, config.discriminator_optimiser),
        }

    def split(self, z: Tensor) -> Tensor:
        """Return the part (N, K) of the generator's noise that is to be encoded."""
        return z[:, : self.width]

    def judge_both(self, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
        """Return the logits (N,) of each kind of pairs (x, z), from one pass if that is the same.

        Of each, x is (N, *shape) and z (N, K).
        """
        if self.separate:
            return [self.discriminator(x, z) for x, z in pairs]
        x, z = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        return list(self.discriminator(x, z).chunk(len(pairs)))

    def draw(self, x: Tensor, noise: Noise) -> Tensor:
        """Return codes (N, K) of samples, drawn from the encoder where it is a distribution."""
        code = self.encoder(x)
        if code.log_variance is None:
            return code.mean
        return code.mean + (code.log_variance / 2).exp() * noise.normal(*code.mean.shape)

    # ---- what a trained model can do ------------------------------------------------------------

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        """Return n latents; below 1, ``truncation`` draws them towards the middle of the prior."""
        z = self.latent.draw(n, noise)
        middle = self.latent.centre
        return z if truncation == 1 else middle + truncation * (z - middle)

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return samples (N, *shape) in network units for latents (N, K + eps_dim)."""
        return self.generator(z)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return mean latents (N, K) of samples."""
        return self.encoder(x).mean

    def reconstruct(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return G(E(x)), with the extra noise in the middle of its prior."""
        return self.decode(self.encode(x))

    def decode(self, code: Tensor) -> Tensor:
        """Return the samples (N, *shape) of codes (N, K), extra noise in the middle."""
        return self.generator(self.with_middle(code))

    def cycle(self, z: Tensor) -> Tensor:
        """Return E(G(z)), (N, K), for latents (N, K + eps_dim)."""
        return self.encode(self.generator(z))

    def with_middle(self, code: Tensor) -> Tensor:
        """Return codes (N, K) as latents of the generator, (N, K + eps_dim)."""
        middle = code.new_full((len(code), self.eps_dim), self.latent.centre)
        return torch.cat([code, middle], dim=1)
