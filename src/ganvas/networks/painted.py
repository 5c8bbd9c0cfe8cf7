"""Frames of clips whose motion DCGAN's layers lay out, and whose content paints them.

Where both join at the root, content cannot hold a hue for a whole clip, nor motion a place for all
clips. Here content makes the gains and offsets of the batch norms of every level: it cannot tell
where things are, nor a path of what moves which channels they are painted with. An extension of
MoCoGAN's image generator, which is `dcgan`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NoReturn, Self

import torch
from pydantic import NonNegativeInt, model_validator
from torch import Tensor, nn

from ganvas.data.domains.vector import Vector
from ganvas.errors import UsageError
from ganvas.networks.base import Generator
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import image_shape
from ganvas.networks.dcgan import DCGANGenerator, DCGANGeneratorNet
from ganvas.networks.mlp import rectified

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

HIDDEN = 64
"""Width of layers between the path of what moves and the first maps of frames."""


class PaintedGenerator(DCGANGenerator):
    """Settings of the generator, beside those of `dcgan`.

    Attributes:
        content_layers: rectified layers that what all frames share passes before it makes gains.
        motion_layers: those that what each frame has of its own passes before it is laid out.
        colours: how many colours a clip is painted with, which what is shared has: each pixel is a
            mixture of them, so that inside of things they stay; 0: any colour anywhere.
    """

    kind: Literal["painted"] = "painted"  # pyright: ignore[reportIncompatibleVariableOverride]
    content_layers: NonNegativeInt = 0
    motion_layers: NonNegativeInt = 0
    colours: NonNegativeInt = 0

    @model_validator(mode="after")
    def _has_gains(self) -> Self:
        if self.norm != "batch":
            raise ValueError(f"kind: painted needs norm: batch, not {self.norm}")
        return self

    def build(self, domain: Domain, latent: int, conditions: Conditions = NONE) -> NoReturn:
        """Refuse: single images have nothing that frames share.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "game.generator.kind=painted makes frames of clips, which share a content: for images "
            "set game.generator.kind=dcgan"
        )

    def build_frames(
        self, frame: Domain, slow: int, fast: int, conditions: Conditions = NONE
    ) -> Generator:
        """Return the network for frames of clips.

        Raises:
            UsageError: there are conditions beside the content.
        """
        if conditions:
            raise UsageError(
                "game.generator.kind=painted is for frames that are told nothing beside their "
                "latents: set game.conditional=false, or game.category_to=motion"
            )
        return PaintedFrames(self, image_shape(frame, "painted"), slow, fast)


class PaintedFrames(Generator):
    """[content, motion] → DCGAN's layers of the motion, whose batch norms the content modulates."""

    def __init__(
        self, config: PaintedGenerator, shape: tuple[int, int, int], slow: int, fast: int
    ) -> None:
        super().__init__(slow + fast, NONE, shape)
        self.slow = slow
        self.content = rectified(config.content_layers, slow, slow, config.slope)
        self.motion = rectified(config.motion_layers, fast, HIDDEN, config.slope)
        told = Conditions({"content": Vector(shift=[0.0] * slow, scale=[1.0] * slow)})
        inner = config.model_copy(update={"labels": "norm"})
        self.colours = None
        if config.colours:
            self.colours = nn.Linear(slow, config.colours * shape[0])
            inner, shape = inner.model_copy(update={"output": "none"}), (config.colours, *shape[1:])
        width = HIDDEN if config.motion_layers else fast
        self.layers = DCGANGeneratorNet(inner, shape, width, told)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return frames (N, C, H, W) of latents (N, slow + fast), the slow ones first."""
        content = self.content(z[:, : self.slow])
        made = self.layers(self.motion(z[:, self.slow :]), content)
        if self.colours is None:
            return made
        colours = torch.tanh(self.colours(content)).view(z.shape[0], made.shape[1], -1)
        return torch.einsum("nkc,nkhw->nchw", colours, made.softmax(1))
