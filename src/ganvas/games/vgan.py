"""VGAN: clips of a foreground that moves over a still background (Vondrick et al. 2016).

The model of the future goes on from an image, which it is given in the place of z.
"""

from __future__ import annotations

from collections.abc import Generator as Yields
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.config import Amount, value_at
from ganvas.data.batch import Batch
from ganvas.data.domain import AnyArray, Domain
from ganvas.data.domains.images import Images
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import (
    Adversarial,
    AdversarialConfig,
    Labels,
    OfGenerators,
)
from ganvas.games.parts.advice import ADVICE
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import Conditions, DiscriminatorConfig, GeneratorConfig
from ganvas.networks.conditions import Given
from ganvas.networks.video.vgan import (
    Scene,
    SceneGenerator,
    VGANDiscriminator,
    VGANFutureGeneratorNet,
    VGANGenerator,
)
from ganvas.play import Adam, Loss, OptimiserConfig, Turns
from ganvas.play.abilities import CanSampleParts, HasUnits
from ganvas.play.advice import Number, Proposal, Remedy, Setup, times


class VGANConfig(AdversarialConfig):
    """The paper's settings; where it is silent or contradicts itself, those of its code.

    Attributes:
        mask: λ of the mean of the mask, on which the generator of two streams is to be sparing.
            The paper writes ‖m‖₁; its code takes the mean over all elements.
        first_frame: λ of the mean distance of the first frame from the image that the model of the
            future is given (L1, as the code has it; Eq. 3 prints squares).
    """

    latent: AnyPrior = Normal(dim=100)
    generator: GeneratorConfig = VGANGenerator()
    discriminator: DiscriminatorConfig = VGANDiscriminator()
    generator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    labels: Labels = Labels(fakes="batch", generator="batch")
    mask: Amount = 0.1
    first_frame: float = Field(default=10.0, ge=0)


def cheaper_mask(setup: Setup) -> Remedy | None:
    """A mask that costs a tenth, so that something may move."""
    rate = setup.game.get("mask")
    if not rate or not isinstance(rate, int | float | dict):
        return None
    why = "a mask that costs less lets the foreground cover more, and so move"
    return times({"game.mask": cast(Number, rate)}, 0.1, why)


class OfScenes(OfGenerators):
    """Options of samples.

    Attributes:
        parts: give what clips are composed of, too: foreground, mask, masked foreground and
            background.
        colours: of a model of the future, bring the colours of its clips to those of the image that
            they go on from, by the histogram of the first frame; the paper names it as the cure of
            its most common failure.
    """

    posing: ClassVar[frozenset[str]] = OfGenerators.posing | {"parts", "colours"}
    beside: ClassVar[frozenset[str]] = frozenset({"parts"})

    parts: bool = False
    colours: bool = False


class VGAN(Adversarial[VGANConfig]):
    """One step of the discriminator, one of the generator, on whole clips.

    Attributes:
        parts: the kinds of data of what a clip is composed of.
    """

    system: ClassVar[str] = "vgan"
    Sampling = OfScenes
    advice: ClassVar[Mapping[str, Proposal]] = {**ADVICE, "move": cheaper_mask}

    def __init__(self, config: VGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.parts = _parts(spec.domain)
        self._shown: Mapping[str, Any] = {}

    @property
    def judged(self) -> Conditions:
        """The fields that the judge is given: of an image it sees the clip alone."""
        return self.conditions.vectors

    @property
    def composes(self) -> bool:
        """Whether clips have a foreground and a background."""
        generator = self.generator
        return isinstance(generator, SceneGenerator) and generator.background is not None

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of each (Eq. 1), the generator's not saturating, as in the code."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # −log D(x) − log(1 − D(G(z)))
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # −log D(G(z)) + λ mean(m), or + λ |x⁰ − G⁰(x⁰)| (Eq. 3)
                generator.minimise(self.lowered(x, z, turn))

    def lowered(self, real: Batch, z: Batch, turn: Turns) -> Loss:
        """Return what the generator minimises, with what it pays for its mask and first frame."""
        given, noted, mask = self.conditions.of(z), dict[str, Tensor](), None
        if self.composes:
            clip, _, mask, _ = self.scene(z.x, given)
        else:
            clip = self.generator(z.x, given)
        told = {self.spec.main: clip, **self.conditions.only(z)}
        value, statistics, *_ = self.judge.confusion(real, Batch(told, main=self.spec.main), turn)
        if mask is not None:
            noted["mask/mean"] = mask.mean()
            value = value + self.sparing(mask, turn.progress)
        for name in self.conditions.maps:
            noted["first_frame/distance"] = (z[name] - clip[:, :, 0]).abs().mean()
            value = value + self.beginning(z[name], clip)
        return Loss(value, {**statistics, **noted})

    def sparing(self, mask: Tensor, progress: float) -> Tensor:
        """Return λ mean(m)."""
        return value_at(self.config.mask, progress) * mask.mean()

    def beginning(self, image: Tensor, clip: Tensor) -> Tensor:
        """Return λ E|x⁰ − G⁰(x⁰)| of images (N, C, H, W) and clips that go on from them."""
        return self.config.first_frame * (image - clip[:, :, 0]).abs().mean()

    # ---- what a trained model can do ------------------------------------------------------------

    def scene(self, z: Tensor, y: Given = None) -> Scene:
        """Return clips with what they are composed of, in network units but for the mask.

        Raises:
            UsageError: there is one stream only.
        """
        return cast(SceneGenerator, self.generator).scene(z, y)

    @contextmanager
    def posed(self, options: Mapping[str, Any]) -> Yields[None]:
        """Have samples given with their parts, or in the colours of their image, for a block.

        Raises:
            UsageError: this model has neither parts nor images, or no dropout.
        """
        if options.get("parts") and not self.composes:
            raise UsageError(f"parts=true: this model was {self.lacks()[CanSampleParts]}")
        if options.get("colours") and not self.conditions.maps:
            raise UsageError("colours=true: this model does not go on from an image")
        before, self._shown = self._shown, options
        try:
            with super().posed(options):
                yield
        finally:
            self._shown = before

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        """Return clips (N, C, T, H, W) in network units for latents, and conditions if any.

        Raises:
            UsageError: the model is conditional, and there are none.
        """
        return self._coloured(self.generator(z, y), y)

    def sample_parts(self, z: Tensor, y: Given = None) -> Batch:
        """Return clips, and what they are composed of as far as ``parts`` asked for it."""
        main = self.spec.main
        if not self._shown.get("parts"):
            return Batch({main: self.sample(z, y)}, main=main)
        scene = self.scene(z, y)
        made = {
            main: self._coloured(scene.clip, y),
            "foreground": scene.foreground,
            "mask": 2 * scene.mask - 1,
            "masked": scene.mask * scene.foreground,
            "background": scene.background,
        }
        return Batch(made, main=main)

    def _coloured(self, clips: Tensor, y: Given) -> Tensor:
        if not self._shown.get("colours"):
            return clips
        image = self.conditions.laid(y, tuple(clips.shape[-2:]))
        return recoloured(clips, image)

    def unit_images(self, x: Tensor) -> Tensor:
        """Return the images that clips (N, C, T, H, W) go on from."""
        return x[:, :, 0]

    def unit_maps(self, images: Tensor, layer: int) -> Tensor:
        """Return what a convolution of the encoder makes of images (N, C, H, W), rectified.

        Raises:
            UsageError: there is no such layer.
        """
        layers = cast(VGANFutureGeneratorNet, self.generator).encoder
        rectified = [place for place, part in enumerate(layers) if isinstance(part, nn.ReLU)]
        if layer > len(rectified):
            raise UsageError(f"layer {layer}: this encoder has {len(rectified)} convolutions")
        return layers[: rectified[layer - 1] + 1](images)

    def shown(self, images: Tensor) -> AnyArray:
        """Return images as pictures, uint8 (N, H, W, C)."""
        return next(iter(self.conditions.maps.values())).decode(images)

    def lacks(self) -> Mapping[type, str]:
        """Return that of one stream there are no parts, and that noise is not looked at."""
        lacking = dict(super().lacks())
        if not self.composes:
            lacking[CanSampleParts] = "trained with one stream (game.generator.streams=one)"
        if not isinstance(self.generator, VGANFutureGeneratorNet):
            lacking[HasUnits] = "trained to make clips of noise, not to go on from an image"
        return lacking


def _parts(clips: Domain) -> dict[str, Domain]:
    """Return the kinds of data of what clips are composed of."""
    channels, _, height, width = clips.shape
    return {
        "foreground": clips,
        "mask": clips.model_copy(update={"channels": 1}),
        "masked": clips,
        "background": Images(channels=channels, height=height, width=width),
    }


def recoloured(clips: Tensor, image: Tensor) -> Tensor:
    """Return clips (N, C, T, H, W) by whose first frame each channel has the values of an image.

    A level becomes the one of equal rank in the image, (N, C, H, W): the map that brings the first
    frame's histogram to the image's, for all frames.
    """
    ranks = clips[:, :, 0].flatten(2).sort(2).values
    levels = image.flatten(2).sort(2).values
    values = clips.flatten(2).contiguous()
    place = torch.searchsorted(ranks.contiguous(), values).clamp_max(levels.shape[2] - 1)
    return levels.gather(2, place).view_as(clips)
