"""ALI and BiGAN: adversarial inference of latents (Dumoulin et al. 2017; Donahue et al. 2017)."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.data.feed import Feed
from ganvas.games.parts.joint import Joint, JointSettings
from ganvas.networks import EncoderConfig, MLPEncoder
from ganvas.play import Turns


class ALIConfig(JointSettings):
    """VEEGAN's networks and rates, with an encoder that gives a distribution.

    A deterministic encoder (``encoder.spread: false``) makes it a BiGAN.
    """

    encoder: EncoderConfig = MLPEncoder(widths=(128, 128), spread=True)


class ALI(Joint[ALIConfig]):
    """D tells pairs (x, E(x)) from pairs (G(z), z); G and E are both told to confuse them."""

    system: ClassVar[str] = "ali"

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of D, then one of G and E together (ALI, Algorithm 1)."""
        x = data.next().x
        z = self.latent.draw(len(x), turn.noise, turn.progress)
        with torch.no_grad():
            x_g, z_e = self.generator(z), self.draw(x, turn.noise)
        with turn("discriminator") as discriminator:
            on_encoded, on_generated = self.judge(x, z_e, x_g, z)
            loss = F.softplus(-on_encoded).mean() + F.softplus(on_generated).mean()
            discriminator.minimise(loss)
        with turn("generator", "encoder") as players:
            x_g, z_e = self.generator(z), self.draw(x, turn.noise)
            on_encoded, on_generated = self.judge(x, z_e, x_g, z)
            players.minimise(self.confusion(on_encoded, on_generated))

    def confusion(self, on_encoded: Tensor, on_generated: Tensor) -> Tensor:
        """Return L_D with the labels swapped, whose slope does not vanish where D is sure."""
        return F.softplus(on_encoded).mean() + F.softplus(-on_generated).mean()

    def judge(self, x: Tensor, z_e: Tensor, x_g: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of encoded and generated pairs, (N,) each."""
        on_encoded, on_generated = self.judge_both((x, z_e), (x_g, self.split(z)))
        return on_encoded, on_generated

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the logit of each sample with its own mean code, (N,); high means real."""
        return self.discriminator(x, self.encode(x))
