"""Lazy terms of both players, a buffered mean, a view with state, and several outputs."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.data.domains.points import Points
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.games.parts.judge import Judge
from ganvas.games.parts.objectives.classification import NonSaturating
from ganvas.games.parts.penalties.zero_centred import R1
from ganvas.networks import MLPDiscriminator
from ganvas.nn import RunningMean
from ganvas.play import Adam, Game, Loss, Noise, Player, Turns


class Adaptive(nn.Module):
    """A view that shifts more the surer the judge is: p is a buffer, told by every verdict."""

    p: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("p", torch.zeros(()))

    def forward(self, batch: Batch, turn: Turns) -> Batch:
        moved = self.p * turn.noise.normal(len(batch), 1)
        return batch.replace(**{batch.main: batch.x + moved})

    def told(self, logits: Tensor) -> None:
        self.p.add_(0.01 * logits.sign().mean()).clamp_(0, 1)


class Lazy(Game):
    """A generator with two outputs and a path length against its own past mean, every 2nd round."""

    system: ClassVar[str] = "lazy-gan"
    averaged: ClassVar[tuple[str, ...]] = ("generator", "length.mean")

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.generator = nn.Linear(3, 2 + 2)
        self.parts = {"spread": Points(dim=2, shift=[0, 0], scale=1)}
        self.view = Adaptive()
        network = MLPDiscriminator(widths=(8,)).build(spec.domain)
        self.judge = Judge(
            network, NonSaturating(), penalties={"r1": R1()}, views=[self.view], lazy=3
        )
        self.length = RunningMean(share=0.1)
        self.players = {
            "generator": Player(self.generator, Adam(lr=1e-2), lazy=2),
            "discriminator": Player(self.judge, Adam(lr=1e-2), lazy=3),
        }

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next()
        with turn("discriminator") as discriminator:
            z = turn.noise.normal(len(real), 3)
            fake = Batch(self.sample(z).detach())
            shown = self.judge.see(turn, real, fake)
            discriminator.minimise(self.judge.loss(*shown, turn))
        self.view.told(turn.ranks.mean(self.judge.verdict(shown[0]).logits.detach().sign().mean()))
        with turn("generator") as generator:
            z = turn.noise.normal(len(real), 3)
            loss = self.judge.confusion(real, Batch(self.sample(z)), turn)
            generator.minimise(loss._replace(lazily=lambda: self.path_length(z, turn)))

    def path_length(self, z: Tensor, turn: Turns) -> tuple[Tensor, dict[str, Tensor]]:
        """Return E (‖∂ Σ G(z)‖ − a)², a the mean of what it was before."""
        z = z.clone().requires_grad_()
        (slope,) = torch.autograd.grad(self.sample(z).sum(), z, create_graph=True)
        norms = slope.square().sum(1).sqrt()
        usual = self.length(norms)
        return (norms - usual).square().mean(), {"path/length": usual}

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 3) * truncation

    def sample_parts(self, z: Tensor, y: Tensor | None = None) -> Batch:
        """Return both outputs of latents (N, 3): points, and how sure they are of each number."""
        x, spread = self.generator(z).chunk(2, dim=1)
        return Batch({"x": x, "spread": spread.exp()})

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.sample_parts(z).x


__all__ = ["Lazy", "Loss"]
