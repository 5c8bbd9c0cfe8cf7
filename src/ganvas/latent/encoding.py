"""Encoders of trained generators: from items to codes, taught on the generator's own pairs.

Every step draws fresh codes and has the generator make their items, so that there is nothing to
learn by heart. Codes of W+ are of two styles that meet at a random slot, in every second pair:
with one style in all slots an encoder would learn nothing about slots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from ganvas.data.domain import PLANE, Domain
from ganvas.latent.likeness import Likeness
from ganvas.latent.spaces import Space
from ganvas.networks import DCGANEncoder, Encoder, MLPEncoder
from ganvas.networks.conditions import Given, in_turn
from ganvas.play import Noise


@dataclass(frozen=True)
class Lessons:
    """How an encoder is taught.

    Attributes:
        steps: of Adam, each on fresh pairs.
        batch: pairs in a step.
        rate: at first; it falls to 0 along half a cosine.
        items: weight of the distance of items from those of their codes, beside the codes' error.
        width: of the encoder.
    """

    steps: int = 2000
    batch: int = 32
    rate: float = 1e-3
    items: float = 1.0
    width: int = 32


LESSONS: Final = Lessons()
"""For images of 32 to 64 pixels."""


class CodeEncoder(nn.Module):
    """Codes of items: ``forward(x)`` maps (N, *item) in network units to (N, *shape).

    What its network gives counts from the middle of the space, in units of the mean deviation of a
    coordinate.

    Args:
        network: from items to rows.
        middle: μ (*shape) and σ of the space.
    """

    mean: Tensor
    unit: Tensor

    def __init__(self, network: Encoder, middle: tuple[Tensor, float]) -> None:
        super().__init__()
        self.network = network
        mean, sigma = middle
        self.register_buffer("mean", mean.clone())
        self.register_buffer("unit", torch.tensor(sigma / mean.shape[-1] ** 0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Return codes."""
        rows: Tensor = self.network(x).mean
        return self.mean + self.unit * rows.view(-1, *self.mean.shape)


def encoder_for(
    domain: Domain, shape: tuple[int, ...], middle: tuple[Tensor, float], width: int
) -> CodeEncoder:
    """Return a fresh encoder of codes of a shape: of images a convolutional one."""
    plane = domain.grid == PLANE
    settings = (
        DCGANEncoder(width=width, init="he") if plane else MLPEncoder(widths=(4 * width,) * 3)
    )
    return CodeEncoder(settings.build(domain, torch.Size(shape).numel()), middle)


def pairs(space: Space, n: int, noise: Noise, y: Given = None) -> tuple[Tensor, Given, Tensor]:
    """Return n codes of a space, their conditions (drawn, or y in turn), and their items."""
    y = space.conditions(n, noise) if y is None else in_turn(y, n)
    with torch.no_grad():
        codes = space.draw(n, noise, y)
        if codes.dim() > 2:
            slots = codes.shape[1]
            other = space.draw(n, noise, y)
            # Every second pair changes style at a slot from 1 on, the others never.
            from_slot = 1 + noise.integers(n, max(slots - 1, 1)).to(codes.device)
            from_slot[::2] = slots
            changed = torch.arange(slots, device=codes.device) >= from_slot[:, None]
            codes = torch.where(changed[:, :, None], other, codes)
        return codes, y, space.synthesise(codes, y)


def teach(
    encoder: CodeEncoder,
    space: Space,
    likeness: Likeness,
    noise: Noise,
    lessons: Lessons,
    told: Given = None,
) -> Iterator[dict[str, float]]:
    """Teach an encoder, and give the losses of each step: of codes, in their units, and of items.

    Args:
        encoder: of codes of the space.
        space: whose pairs it learns.
        likeness: of items.
        noise: draws the pairs.
        lessons: how.
        told: conditions of the pairs, taken in turn; None: they are drawn uniformly.
    """
    optimiser = torch.optim.Adam(encoder.parameters(), lr=lessons.rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, lessons.steps)
    encoder.train()
    for _ in range(lessons.steps):
        codes, y, x = pairs(space, lessons.batch, noise, told)
        found = encoder(x)
        of_codes = ((found - codes) / encoder.unit).square().mean()
        of_items = found.new_zeros(())
        if lessons.items:
            of_items = likeness.from_target(x)(space.synthesise(found, y)).mean()
        optimiser.zero_grad()
        (of_codes + lessons.items * of_items).backward()
        optimiser.step()
        falling.step()
        yield {"codes": float(of_codes.detach()), "items": float(of_items.detach())}
    encoder.eval()
