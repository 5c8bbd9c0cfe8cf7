"""Networks of variational autoencoders: what infers latents, and small networks between latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

from ganvas.networks.joint import EncoderConfig
from ganvas.networks.mlp import MLPBody
from ganvas.nn import initialise

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class Place(NamedTuple):
    """Unbounded numbers that say where a distribution of latents lies, and how wide it is."""

    location: Tensor
    spread: Tensor


class Inference(nn.Module):
    """Hidden layers with two linear heads: ``forward(x)`` gives a `Place`, (N, L) and (N, S).

    Args:
        body: from (N, …) to (N, width).
        width: of the last hidden layer.
        location: L.
        spread: S.
    """

    def __init__(self, body: nn.Module, width: int, location: int, spread: int) -> None:
        super().__init__()
        self.body = body
        self.location = nn.Linear(width, location)
        self.spread = nn.Linear(width, spread)
        initialise(self.location, "glorot")
        initialise(self.spread, "glorot")

    def forward(self, x: Tensor) -> Place:
        """Return location and spread."""
        h = self.body(x)
        return Place(self.location(h), self.spread(h))


def inference(config: EncoderConfig, domain: Domain, location: int, spread: int) -> Inference:
    """Return an encoder of data: the hidden layers of any encoder, with two heads of its own."""
    plain = config.build(domain, location)
    return Inference(plain.body, plain.mean.in_features, location, spread)


def between(body: MLPBody, inputs: int, location: int, spread: int) -> Inference:
    """Return a network from one latent, or several joined ones, to the place of another."""
    layers = body.layers(inputs)
    initialise(layers, body.init, body.init_scale)
    return Inference(layers, body.widths[-1], location, spread)


class Classifier(nn.Sequential):
    """Hidden layers and a linear one: (N, inputs) to class logits (N, K)."""

    def __init__(self, body: MLPBody, inputs: int, classes: int) -> None:
        super().__init__(body.layers(inputs), nn.Linear(body.widths[-1], classes))
        initialise(self, body.init, body.init_scale)
