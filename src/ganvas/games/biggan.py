"""BigGAN: class-conditional images by scaling up SA-GAN (Brock, Donahue & Simonyan 2019)."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from ganvas.data.feed import MAIN, Feed
from ganvas.data.samplers import Streaming
from ganvas.data.spec import DataSpec
from ganvas.data.views import OneTag
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig, Extent, Labels
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.hinge import Hinge
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.games.parts.spectra import Orthogonality, SigmaPenalty, norms, spectra
from ganvas.networks import (
    BigGANDiscriminator,
    BigGANGenerator,
    Conditions,
    DiscriminatorConfig,
    GeneratorConfig,
)
from ganvas.networks.base import Head
from ganvas.nn import clamp_largest_, standing
from ganvas.play import Adam, Noise, OptimiserConfig, Player, Sampling, Turns
from ganvas.play.advice import Sign

HUB = 2.0
"""Released models take samples of the normal law on [−2, 2], times their "truncation"."""

BLIND = 0.03
"""Scores that spread less, in margins, are one for all images (docs/decisions/0012-collapse.md)."""

EXPLODED = 100.0
"""Above it the largest singular value of G's weights, all of which start at 1, has exploded."""


class BigGANConfig(AdversarialConfig):
    """The settings of table 1's last rows, and what section 4 tries against collapse.

    Attributes:
        orthogonality: of G's weights, without the shared embedding.
        sigma_penalty: on the largest singular value of each of G's weights.
        sigma_clamp: that value at most, enforced after each step of G (Eq. 4).
        monitor_every: rounds between looks at the singular values of all weights; 0 for never.
        one_label: of items with several tags networks are given one, drawn anew at each look.
    """

    latent: AnyPrior = Normal(dim=120)
    generator: GeneratorConfig = BigGANGenerator()
    discriminator: DiscriminatorConfig = BigGANDiscriminator()
    objective: AnyObjective = Hinge()
    discriminator_steps: int = Field(default=2, ge=1)
    conditional: bool | list[str] = True
    labels: Labels = Labels(fakes="uniform", generator="uniform")
    generator_optimiser: OptimiserConfig = Adam(lr=5e-5, beta1=0.0, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.0, beta2=0.999)
    orthogonality: Orthogonality | None = Orthogonality()
    sigma_penalty: SigmaPenalty | None = None
    sigma_clamp: float | None = Field(default=None, gt=0)
    monitor_every: int = Field(default=1000, ge=0)
    one_label: bool = True


class Truncated(Sampling):
    """Options of samples: three ways of drawing z closer to 0, which are three different laws.

    Attributes:
        truncation: σ of N(0, σ²I), as for other systems; above 1, too.
        threshold: t of the paper: numbers beyond ±t are drawn anew until they lie inside.
        scaling: s of the released models, which call it truncation: s times z with threshold 2.
    """

    threshold: Annotated[float, Field(gt=0)] | None = None
    scaling: Annotated[float, Field(gt=0, le=1)] | None = None


class BigGAN(Adversarial[BigGANConfig]):
    """Two steps of the discriminator, then one of the generator, on large batches."""

    system: ClassVar[str] = "biggan"
    Sampling = Truncated
    signs: ClassVar[tuple[Sign, ...]] = (
        Sign(
            "spectrum/generator",
            "collapsed",
            "the generator's largest singular value has exploded to {value:.3g}",
            above=EXPLODED,
        ),
        Sign(
            "estimate/spread",
            "collapsed",
            "the discriminator sees no difference any more: its scores of items and samples spread "
            "by {value:.2g} of its margin",
            below=BLIND,
        ),
    )

    def __init__(self, config: BigGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.monitor_every = config.monitor_every

    def given(self) -> Conditions:
        """Return the fields that both networks are given; of several tags one at a time."""
        return Conditions(super().given(), one_each=self.config.one_label)

    def player(self, name: str, network: nn.Module, optimiser: OptimiserConfig) -> Player:
        """Return a player; the generator's weights cost, and are clamped, as settings say."""
        player = super().player(name, network, optimiser)
        if name != "generator":
            return player
        rule, penalty, limit = (
            self.config.orthogonality,
            self.config.sigma_penalty,
            self.config.sigma_clamp,
        )
        shared = getattr(network, "embedding", None)

        def orthogonality(_: Sequence[Tensor], progress: float) -> Tensor:
            assert rule is not None
            return rule.cost(network, shared, progress)

        def sigmas(_: Sequence[Tensor], progress: float) -> Tensor:
            assert penalty is not None
            return penalty.cost(network, progress)

        def clamp(_: Turns) -> None:
            assert limit is not None
            clamp_largest_(network, limit)

        if rule is not None:
            player.terms["orthogonality"] = orthogonality
        if penalty is not None:
            player.terms["sigma_penalty"] = sigmas
        if limit is not None:
            player.afterwards.append(clamp)
        return player

    def streams(self) -> dict[str, Streaming]:
        """Return that of several tags one is served."""
        several = [n for n, d in self.conditions.items() if d.several]
        if not (self.config.one_label and several):
            return {}
        return {MAIN: Streaming(views=tuple(OneTag(name) for name in several))}

    def round(self, data: Feed, turn: Turns) -> None:
        """Update D n_D times, each time on images of its own, then G once."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator", tracks=("generator",)) as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # L_D = E max(0, 1 − D(x, y)) + E max(0, 1 + D(G(z, ỹ), ỹ))
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator", tracks=("discriminator",)) as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # L_G = −E D(G(z, ỹ), ỹ) + β Σ‖WWᵀ ⊙ (1 − I)‖²_F
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
        if self.monitor_every and turn.due(self.monitor_every):
            turn.log(**self.monitor())

    def monitor(self) -> dict[str, float]:
        """Return the largest singular values of all weights, and how long class vectors are."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        noted = dict[str, float]()
        for name, network in networks.items():
            noted |= spectra(name, network)
        shared, head = getattr(self.generator, "embedding", None), self.discriminator.head
        if shared is not None:
            noted |= norms("generator", shared.weight)
        if isinstance(head, Head) and head.table is not None:
            noted |= norms("discriminator", head.table.weight)
        return noted

    def estimate(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        """Return what the objective estimates, and which share of items is taken for real, D > 0.

        Of training items that is far more than of held-out ones where they are known by heart: over
        98 % and 50 to 55 % in the paper.
        """
        taken = float((real > 0).double().mean())
        return {**super().estimate(real, fake), "taken_for_real/items": taken}

    # ---- what a trained model can do ------------------------------------------------------------

    @contextmanager
    def posed(self, options: Mapping[str, Any]) -> Generator[None]:
        """Have samples made with the statistics that a released model has for their scaling."""
        stored = getattr(self.generator, "stored", None)
        with super().posed(options), ExitStack() as stack:
            if stored is not None and (scaling := options.get("scaling")) is not None:
                stack.enter_context(standing(stored.at(scaling)))
            yield

    def prior(
        self,
        n: int,
        noise: Noise,
        truncation: float = 1.0,
        extent: Extent = 1,
        threshold: float | None = None,
        scaling: float | None = None,
        *,
        progress: float = 1.0,
    ) -> Tensor:
        """Return n latents, (n, dim), cut as one of the three options says.

        Raises:
            UsageError: two of them are given, or the prior has no such cut.
        """
        told = {"truncation": truncation != 1, "threshold": threshold, "scaling": scaling}
        if sum(bool(value) for value in told.values()) > 1:
            named = " and ".join(name for name, value in told.items() if value)
            raise UsageError(f"{named} are different laws of z: give one of them")
        if threshold is not None:
            return self.latent.within(n, noise, threshold)
        if scaling is not None:
            return scaling * self.latent.within(n, noise, HUB)
        return super().prior(n, noise, truncation, extent, progress=progress)
