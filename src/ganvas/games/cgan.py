"""cGAN: generator and discriminator both see a condition y (Mirza & Osindero 2014), system A."""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from ganvas.config import Schedule
from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig, Labels
from ganvas.games.parts.advice import plain_method
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.uniform import Hypercube
from ganvas.networks import (
    CganMLPDiscriminator,
    CganMLPGenerator,
    DiscriminatorConfig,
    GeneratorConfig,
)
from ganvas.networks.cgan_mlp import CganMLPGeneratorNet
from ganvas.play import SGD, OptimiserConfig, Turns
from ganvas.slices import slices

HORIZON = 300_000
"""Updates: 500 epochs of 60,000 images in batches of 100, past the floor of the schedule."""


def decay(start: float, divisor: float, floor: float, rounds: int) -> Schedule:
    """Return lr_t = max(start / divisor^t, floor) as a schedule of ``rounds`` updates, exactly."""
    reached = math.log(start / floor) / math.log(divisor)
    end = floor if reached <= rounds else start / divisor**rounds
    return Schedule(start=start, end=end, shape="exponential", until=min(reached / rounds, 1.0))


def momentum(epoch: int, rounds: int, begin: int = 1, until: int = 250) -> Schedule:
    """Return momentum 0.5 up to epoch ``begin``, rising linearly to 0.7 at epoch ``until``.

    ``epoch`` is an epoch's length and ``rounds`` the horizon, both in updates.
    """
    first, last = begin * epoch / rounds, until * epoch / rounds
    end = 0.7 if last <= 1 else 0.5 + 0.2 * (1 - first) / (last - first)
    return Schedule(start=0.5, end=end, shape="linear", begin=first, until=min(last, 1.0))


MNIST = SGD(lr=decay(0.1, 1.00004, 1e-6, HORIZON), momentum=momentum(600, HORIZON))


class CGANConfig(AdversarialConfig):
    """System A: z uniform on the unit hypercube, SGD from 0.1, momentum 0.5 to 0.7.

    The schedules are those of MNIST's 300,000 updates of 100 images; `decay` and `momentum` give
    them for other horizons.
    """

    latent: AnyPrior = Hypercube(dim=100)
    generator: GeneratorConfig = CganMLPGenerator()
    discriminator: DiscriminatorConfig = CganMLPDiscriminator()
    conditional: bool | list[str] = True
    labels: Labels = Labels(fakes="batch", generator="batch")
    generator_optimiser: OptimiserConfig = MNIST
    discriminator_optimiser: OptimiserConfig = MNIST


class CGAN(Adversarial[CGANConfig]):
    """min_G max_D E log D(x|y) + E log(1 − D(G(z|y)|y))  (Eq. 2), G non-saturating by default.

    Fakes have the labels of the real batch.
    """

    system: ClassVar[str] = "cgan"
    measured_as = staticmethod(plain_method)

    def begin(self, data: Feed) -> None:
        """Let the generator start at the mean of the training data, as the authors' code does."""
        generator = self.generator
        if not (isinstance(generator, CganMLPGeneratorNet) and generator.centred):
            return
        x, domain = data.source.known.x, self.spec.domain
        sums = [domain.encode(x[rows]).double().sum(0) for rows in slices(len(x), 1000)]
        generator.centre(torch.stack(sums).sum(0) / len(x))

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step each on  E log D(x|y) + E log(1 − D(G(z|y)|y))  (Eq. 2)."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # y: the conditions of the real batch, on both sides
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # non-saturating: −E log D(G(z|y)|y)
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
