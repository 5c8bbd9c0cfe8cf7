"""VEEGAN: a reconstructor of the noise keeps the modes (Srivastava et al. 2017)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.games.parts.joint import Joint, JointSettings
from ganvas.nn import all_reduce, world_size
from ganvas.play import Noise, Stage, Turns
from ganvas.play.advice import Offer


class VEEGANConfig(JointSettings):
    """The notebook's settings for points.

    Attributes:
        recon: d(z, F(x)) is ½Σ(z − F)², the Gaussian log-likelihood without its constant (the
            notebook), or Σ(z − F)² (the paper); never a mean over coordinates.
        autoencoder: what is reconstructed: the latents, or the data (VEEGAN+DAE).
        theta_adv: whether F also learns from D: not in Algorithm 1 ("none"); as in ALI.
        f_sigma: standard deviation of F's noise in the pairs of real samples.
        simultaneous: all three step from one snapshot; else D first.
        pretraining: steps of F alone before the game.
        pretraining_target: F is to find the noise of the untrained generator's samples
            ("latent"), or to give data the prior's mean and variance ("moment").
    """

    recon: Literal["gauss_nll", "l2"] = "gauss_nll"
    autoencoder: Literal["latent", "data"] = "latent"
    theta_adv: Literal["none", "ali"] = "none"
    f_sigma: float = Field(default=1.0, ge=0)
    simultaneous: bool = True
    pretraining: int = Field(default=0, ge=0)
    pretraining_target: Literal["latent", "moment"] = "latent"


class VEEGAN(Joint[VEEGANConfig]):
    """F maps data to noise, p_θ(z|x) = N(F(x), I); D is high on *generated* pairs (Eq. 4 to 8)."""

    system: ClassVar[str] = "veegan"
    offer: ClassVar[Offer | None] = Offer(
        why="noise that has to be recovered from the samples cannot be mapped to few of them",
        method="veegan",
    )

    def __init__(self, config: VEEGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.factor = 0.5 if config.recon == "gauss_nll" else 1.0

    def stages(self) -> list[Stage]:
        """Return the pretraining of F, if any, and the game."""
        main = Stage("main", self.round)
        length = self.config.pretraining
        return [Stage("pretrain", self.pretrain, length, prepares=True), main] if length else [main]

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one iteration of Algorithm 1."""
        x = data.next().x
        z = self.latent.draw(len(x), turn.noise, turn.progress)
        names = ("generator", "encoder", "discriminator")
        if not self.config.simultaneous:
            with turn("discriminator") as discriminator:
                with torch.no_grad():
                    x_g, z_g = self.generator(z), self.draw(x, turn.noise)
                discriminator.minimise(self.regression(x, z_g, x_g, z))
            names = names[:2]
        with turn(*names) as (generator, encoder, *others):
            x_g = self.generator(z)
            z_g = self.draw(x, turn.noise)
            for discriminator in others:
                discriminator.minimise(self.regression(x, z_g.detach(), x_g.detach(), z))
            # g_γ = ∇_γ [mean D(z, x_g) + mean d]: through D, and through F.
            distance = self.distance(x, x_g, z)
            loss = self.confusion(x_g, z) + distance
            generator.minimise(loss, retain=True, reconstruction=distance)
            # g_θ = ∇_θ mean d: x_g does not depend on θ, and there is no term of D.
            loss = distance
            if self.config.theta_adv == "ali":
                loss = loss - self.discriminator(x, z_g).mean()
            encoder.minimise(loss)

    def regression(self, x: Tensor, z_g: Tensor, x_g: Tensor, z: Tensor) -> Tensor:
        """Return O_LR = E softplus(−D(z, x_g)) + E softplus(D(z_g, x))."""
        on_generated, on_real = self.judge_both((x_g, self.split(z)), (x, z_g))
        return F.softplus(-on_generated).mean() + F.softplus(on_real).mean()

    def confusion(self, x_g: Tensor, z: Tensor) -> Tensor:
        """Return mean D(z, x_g): the estimate of the divergence that the generator lowers."""
        return self.discriminator(x_g, self.split(z)).mean()

    def distance(self, x: Tensor, x_g: Tensor, z: Tensor) -> Tensor:
        """Return the batch's mean of d: summed over latents, or over data for VEEGAN+DAE."""
        if self.config.autoencoder == "data":
            return (x - self.reconstruct(x)).square().flatten(1).sum(1).mean()
        return self.recon(self.split(z), self.encoder(x_g).mean)

    def recon(self, z: Tensor, found: Tensor) -> Tensor:
        """Return the batch's mean of ½Σ(z − F)² or Σ(z − F)² for (N, K) each."""
        return self.factor * (z - found).square().sum(1).mean()

    def draw(self, x: Tensor, noise: Noise) -> Tensor:
        """Return z_g = F(x) + σ ε, (N, K)."""
        mean = self.encoder(x).mean
        return mean + self.config.f_sigma * noise.normal(*mean.shape)

    def pretrain(self, data: Feed, turn: Turns) -> None:
        """Take one step of F alone."""
        x = data.next().x
        if self.config.pretraining_target == "latent":
            z = self.latent.draw(len(x), turn.noise, turn.progress)
            with torch.no_grad():
                x_g = self.generator(z)
            with turn("encoder") as encoder:
                encoder.minimise(self.recon(self.split(z), self.encoder(x_g).mean))
            return
        with turn("encoder") as encoder:
            found = self.encoder(x).mean
            mean = all_reduce(found.mean(0)) / world_size()
            variance = all_reduce((found - mean).square().mean(0)) / world_size()
            encoder.minimise((mean.square() + (variance - 1).square()).sum())

    def log_ratio(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log q(x|z)p₀(z) / p_θ(z|x)p(x) of pairs, (N,), for codes (N, K)."""
        return self.discriminator(x, z)

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return minus the log ratio of each sample with its mean code, (N,); high means real."""
        return -self.log_ratio(x, self.encode(x))
