"""BigGAN-deep: the rules of BigGAN, on networks four times as deep (Brock et al. 2019)."""

from __future__ import annotations

from typing import ClassVar

from ganvas.games.biggan import BigGAN, BigGANConfig
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import (
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    DiscriminatorConfig,
    GeneratorConfig,
)


class BigGANDeepConfig(BigGANConfig):
    """The settings for 128×128; at 256×256 and 512×512 both rates are 2.5e-5."""

    latent: AnyPrior = Normal(dim=128)
    generator: GeneratorConfig = BigGANDeepGenerator()
    discriminator: DiscriminatorConfig = BigGANDeepDiscriminator()


class BigGANDeep(BigGAN):
    """The game is the same; z as a whole reaches every block."""

    system: ClassVar[str] = "biggan-deep"
    Config = BigGANDeepConfig
