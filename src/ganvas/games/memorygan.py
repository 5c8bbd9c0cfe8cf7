"""memoryGAN: a discriminator that remembers, and a generator told which memory to draw (2018)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganvas.config import Amount, Settings, value_at
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.source import Source
from ganvas.data.spec import DataSpec
from ganvas.errors import GanvasError, UsageError
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig, Extent, Labels
from ganvas.games.parts.advice import ADVICE, MEASURED, nothing
from ganvas.games.parts.judge import Verdict, Verdicts
from ganvas.games.parts.objectives.classification import Minimax, NonSaturating, ReverseKL
from ganvas.games.parts.objectives.updown import UpDown
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.games.parts.remembering import Remembering, held_out_scores
from ganvas.latent.slots import readings, settled
from ganvas.metrics.protocol import Score
from ganvas.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    DiscriminatorConfig,
    GeneratorConfig,
)
from ganvas.networks.base import Discriminator, Generator, MemoryHead
from ganvas.nn import Memory
from ganvas.play import Loss, Noise, Sampling, Turns
from ganvas.play.abilities import CanAssign, CanEncode, HasSlots
from ganvas.play.advice import Proposal

Losses = Annotated[Minimax | NonSaturating | ReverseKL | UpDown, Field(discriminator="kind")]
"""Those that bounded logits can lower: a memory is never quite sure."""


NO_MEMORY = "trained without a memory (game.memory=null)"


class Jitter(Settings):
    """Random brightness and contrast of real images, as the code has them on CIFAR-10.

    Attributes:
        brightness: largest shift either way, in network units: 16 of 255 levels.
        contrast: smallest and largest factor on the distance from each channel's mean.
    """

    brightness: float = Field(default=32 / 255, ge=0)
    contrast: tuple[float, float] = (0.8, 1.2)

    def apply(self, x: Tensor, noise: Noise) -> Tensor:
        """Return images (N, C, H, W), each changed in its own way, within [−1, 1]."""
        n, (low, high) = len(x), self.contrast
        x = x + noise.uniform(n, 1, 1, 1, low=-self.brightness, high=self.brightness)
        mean = x.mean((2, 3), keepdim=True)
        return (mean + noise.uniform(n, 1, 1, 1, low=low, high=high) * (x - mean)).clamp(-1, 1)


class MemoryGANConfig(AdversarialConfig):
    """What memoryGAN can be told besides what all adversarial games can.

    Attributes:
        latent: the prior of z.
        generator: the network; its input is [K_c, z].
        discriminator: the query network μ; its head becomes the memory.
        objective: the pair of losses: minimax is the paper's; nonsaturating ("alternative"),
            reverse_kl and updown are its code's.
        memory: the memory; null for the ablation "– Memory", the plain game with a plain head.
        mcgn: give G a real slot's key; false for the ablation "– MCGN", where G is given z alone.
        information: λ, weight of the mutual information of keys and samples.
        information_form: cosine of query and key (the paper), or mse of the raw query (its code).
        jitter: brightness and contrast of real images.
        update_in_generator_step: let the memory follow the fakes of G's turn, too (the code).
    """

    latent: AnyPrior = Normal(dim=2)
    generator: GeneratorConfig = DCGANGenerator()
    discriminator: DiscriminatorConfig = DCGANDiscriminator()
    objective: Losses = Minimax()  # pyright: ignore[reportIncompatibleVariableOverride]
    memory: Remembering | None = Remembering()
    labels: Labels = Labels(fakes="batch", generator="batch")
    mcgn: bool = True
    information: Amount = 0.01
    information_form: Literal["cosine", "mse"] = "cosine"
    update_in_generator_step: bool = False
    jitter: Jitter | None = None


class MemorySampling(Sampling):
    """Options of samples.

    Attributes:
        slot: one slot of real samples, as ``ganvas slots`` lists them; None draws slots.
    """

    slot: int | None = None


class MemoryGAN(Adversarial[MemoryGANConfig]):
    """D(x) = p(y=1|x) is read from a memory of clusters of real and fake samples.

    G is given the key of a real slot c ~ P(c|v=1), the discrete part of what it draws, and z, the
    continuous part. The memory learns by EM, the query network by gradients.

    Attributes:
        keyed: whether G is given keys.
    """

    system: ClassVar[str] = "memorygan"
    advice: ClassVar[Mapping[str, Proposal]] = {**ADVICE, "pair": nothing}  # it has no such losses
    measured: ClassVar[Mapping[str, Proposal]] = {**MEASURED, "r3gan": nothing}
    Sampling = MemorySampling

    def __init__(self, config: MemoryGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.information = config.information
        self.form = config.information_form
        self.update_in_generator_step = config.update_in_generator_step
        self.jitter = config.jitter
        if self.keyed and self.packing > 1:
            raise UsageError(
                "a pack of samples has no single key to tell of: set game.packing=1, or "
                "game.mcgn=false, with which the generator is given no keys"
            )
        self.judge.follows = False  # the memory is updated in the round below

    def networks(self) -> tuple[Generator, Discriminator]:
        """Return G, whose input is as wide as a key more, and the query network."""
        config, query = self.config, self.build_discriminator()
        self.keyed = config.mcgn and config.memory is not None
        keys = cast(MemoryHead, query.head).memory.dim if self.keyed else 0

        def draw(n: int, noise: Noise) -> Tensor:
            # No slot is known yet: any directions stand for keys.
            return torch.cat([F.normalize(noise.normal(n, keys)), config.latent.draw(n, noise)], 1)

        return self.build_generator(keys + config.latent.dim, draw), query

    # ---- training -------------------------------------------------------------------------------

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one iteration of Algorithm 1: the query network, the memory, the generator."""
        for real in data.take(self.discriminator_steps):
            real = self.jittered(real, turn)
            rule = self.labels.fakes
            z = self.drawn(real, turn.noise, rule, progress=turn.progress)  # c ~ P(c|v=1), [K_c, z]
            with turn("discriminator") as discriminator:
                with torch.no_grad():
                    fake = self.generate(z)
                h, h_fake = list[Tensor](), list[Tensor]()
                for x, x_fake, part in turn.parts(*self.judge.see(turn, real, fake), z):
                    seen = Verdicts(
                        self.judge.verdict(x, features=True),
                        self.judge.verdict(x_fake, features=True),
                    )
                    loss = self.judge.loss(x, x_fake, turn, seen=seen)
                    information = self.information_loss(seen.fake, part, turn)
                    discriminator.minimise(plus(loss, information))  # Eq. 8
                    h.append(features(seen.real))
                    h_fake.append(features(seen.fake))
                if self.head is not None and not turn.steps["discriminator"]:
                    discriminator.skip()  # an empty memory has no slope
                self.remember(h, h_fake, turn)  # Eq. 5
        z = self.latents(real, turn)
        with turn("generator") as generator:
            h_fake = list[Tensor]()
            for x, part in turn.parts(real, z):
                fake = self.judge.show(self.generate(part), turn)
                on_fake = self.judge.verdict(fake, features=True)
                loss = self.judge.lowered(self.judge.show(x, turn), fake, on_fake=on_fake)
                generator.minimise(plus(loss, self.information_loss(on_fake, part, turn)))
                h_fake.append(features(on_fake))
        if self.update_in_generator_step:
            self.remember([one[:0] for one in h], h_fake, turn)

    def jittered(self, real: Batch, turn: Turns) -> Batch:
        """Return real images with random brightness and contrast, if it is to be so."""
        if self.jitter is None:
            return real
        return real.replace(**{real.main: self.jitter.apply(real.x, turn.noise)})

    def information_loss(self, verdict: Verdict, z: Batch, turn: Turns) -> Tensor:
        """Return λÎ, Î = −E κ K_cᵀ μ(G([K_c, z])), of fakes' verdicts and latents  (Eq. 7)."""
        if self.head is None or not self.keyed:
            return z.x.new_zeros(())
        keys, h = z.x[:, : self.memory.dim], features(verdict)
        if self.form == "mse":
            loss = (self.head.raw(h) - keys).square().mean()
        else:
            loss = -self.memory.kappa * (keys * self.head.query(h)).sum(1).mean()
        return value_at(self.information, turn.progress) * loss

    def remember(self, h: list[Tensor], h_fake: list[Tensor], turn: Turns) -> None:
        """Let the memory follow what D has just seen, by EM; no gradients."""
        if self.head is None:
            return
        with torch.no_grad():
            queries = (self.head.query(torch.cat(parts)) for parts in (h, h_fake))
            change = self.memory.update(*queries)
        turn.log(**change.statistics(self.memory))

    # ---- what a trained model can do ------------------------------------------------------------

    def lacks(self) -> Mapping[type, str]:
        """Return what needs a memory, where there is none."""
        if self.head is not None:
            return super().lacks()
        return {**super().lacks(), **dict.fromkeys((CanEncode, CanAssign, HasSlots), NO_MEMORY)}

    @property
    def head(self) -> MemoryHead | None:
        """The discriminator's head if it remembers, else None."""
        head = self.discriminator.head
        return head if isinstance(head, MemoryHead) else None

    @property
    def memory(self) -> Memory:
        """The memory.

        Raises:
            GanvasError: this is the ablation without one.
        """
        if self.head is None:
            raise GanvasError(f"this model was {NO_MEMORY}")
        return self.head.memory

    def slots(self, n: int, noise: Noise) -> Tensor:
        """Return real slots c ~ P(c|v=1), int64 (n,)  (Eq. 6)."""
        return self.memory.draw(noise.uniform(n).to(self.memory.keys.device))

    def prior(
        self,
        n: int,
        noise: Noise,
        truncation: float = 1.0,
        extent: Extent = 1,
        slot: int | None = None,
        *,
        progress: float = 1.0,
    ) -> Tensor:
        """Return n latents [K_c, z]; below 1, ``truncation`` draws z towards the middle.

        Raises:
            UsageError: there is no such ``slot``, or it holds no real samples.
            GanvasError: this generator is given no slots.
        """
        z = super().prior(n, noise, truncation, extent, progress=progress)
        if slot is not None:
            return self.with_keys(self.fixed(slot, n), z)
        return self.with_keys(self.slots(n, noise), z) if self.keyed else z

    def fixed(self, slot: int, n: int) -> Tensor:
        """Return one slot of real samples n times, int64 (n,).

        Raises:
            UsageError: there is no such slot, or it holds no real samples.
            GanvasError: this generator is given no slots.
        """
        if not self.keyed:
            raise GanvasError("this generator was trained without slots (game.mcgn=false)")
        memory = self.memory
        count = len(memory.keys)
        if not 0 <= slot < count:
            raise UsageError(f"there is no slot {slot}: slots are numbered 0 to {count - 1}")
        if not memory.populated[slot] or memory.values[slot] <= 0:
            held = "fakes" if memory.populated[slot] else "nothing yet"
            of_real = (memory.populated & (memory.values > 0)).nonzero().flatten()
            real = cast(list[int], of_real.tolist())
            known = (
                f"{', '.join(map(str, real[:5]))} …" if real else "there are none so far, train on"
            )
            raise UsageError(
                f"slot {slot} holds {held}, and the generator draws from slots of real samples: "
                f"{known}"
            )
        return torch.full((n,), slot, device=memory.keys.device)

    def with_keys(self, slots: Tensor, z: Tensor) -> Tensor:
        """Return latents [K_c, z] for slots (N,) and z (N, Z), where the keys lie."""
        keys = self.memory.keys[slots].to(z.dtype)
        return torch.cat([keys, z.to(keys.device)], dim=1)

    def settle(self, z: Tensor) -> Tensor:
        """Return mixtures [K̂, z] of latents with each K̂ replaced by the key it settles on."""
        return settled(self.memory, z) if self.keyed else z

    def from_slots(self, slots: Tensor, z: Tensor) -> Tensor:
        """Return samples (N, *shape) of chosen slots (N,), for z (N, Z).

        Raises:
            GanvasError: this generator is given no slots.
        """
        if not self.keyed:
            raise GanvasError("this generator was trained without slots (game.mcgn=false)")
        return self.generator(self.with_keys(slots, z))

    def query(self, x: Tensor) -> Tensor:
        """Return the unit queries of samples, (N, M).

        Raises:
            GanvasError: there is no memory to be queried.
        """
        if self.head is None:
            raise GanvasError(f"this model was {NO_MEMORY}")
        return self.head.query(self.discriminator.features(self.in_range(Batch(x)).x))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the unit queries of samples, (N, M)."""
        return self.query(x)

    def posterior(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return p(c|x) over all slots, (N, slots)  (Eq. 1)."""
        return self.memory.posterior(self.query(x))

    def gauge(self, x: Tensor) -> dict[str, float]:
        """Return the likelihood of held-out samples (N, *shape), and the shape of the prior."""
        return {} if self.head is None else readings(self.memory, self.query(x))

    def measures(self, source: Source, seed: int) -> dict[str, Score]:
        """Return the likelihood of held-out items, and the effective number of slots."""
        return {} if self.head is None else held_out_scores(self.memory, self.query, source, seed)


def features(verdict: Verdict) -> Tensor:
    """Return the features (N, F) of a verdict that was asked for them."""
    return cast(Tensor, verdict.features)


def plus(loss: Loss, more: Tensor) -> Loss:
    """Return a loss with something added to it."""
    return loss._replace(value=loss.value + more)
