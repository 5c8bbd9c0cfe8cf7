"""GAN: the original game (Goodfellow et al. 2014), minimax or non-saturating, k steps of D."""

from __future__ import annotations

from typing import ClassVar

from ganvas.games.adversarial import Adversarial, AdversarialConfig
from ganvas.games.priors import Normal, Prior
from ganvas.networks import DiscriminatorConfig, GeneratorConfig, MLPDiscriminator, MLPGenerator


class GANConfig(AdversarialConfig):
    """The toy networks of the lecture (C1); see `AdversarialConfig` for all that can be changed.

    ``objective: minimax`` is the saturating game of Eq. 1; the default is its non-saturating twin.
    """

    latent: Prior = Normal(dim=16)
    generator: GeneratorConfig = MLPGenerator(widths=(128, 128))
    discriminator: DiscriminatorConfig = MLPDiscriminator(widths=(128, 128))


class GAN(Adversarial):
    """Algorithm 1: k steps of the discriminator, then one of the generator; `Adversarial.round`."""

    system: ClassVar[str] = "gan"
    Config = GANConfig
