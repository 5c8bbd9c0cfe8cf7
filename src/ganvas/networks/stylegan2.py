"""StyleGAN2's generator: mapping, synthesis, and the ways of adding up images (Karras et al. 2020).

Images are base · 2ᵏ pixels along each side. Level l, from 0 on, has min(maps/2^(l+2), max_maps)
maps and two slots of styles: at the published sizes, 4·2ˡ pixels square, that is maps/side maps
and 2·log2(side) − 2 slots in all. All layers are named from the coarsest level on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, cast

import torch
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn

from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    LabelUse,
    Presets,
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import Size, image_shape
from ganvas.networks.levels import Levels
from ganvas.networks.styled import AdaptiveConv, Mapping, MeanStyle, StyledConv, ToImage
from ganvas.nn import (
    BilinearUp,
    Growth,
    MapNoise,
    Modulation,
    blend,
    equalised,
    sn,
    unrounded,
    widen,
)
from ganvas.nn.modulated import PlainConv

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

SQRT_HALF = math.sqrt(0.5)

Architecture = Literal["skip", "residual", "original"]
"""How levels are added up to an image, and how a discriminator takes one in.

- "skip": an image from the maps of each level, each doubled and added to the next; or, in a
  discriminator, maps from the image at each level, added to those of the level before.
- "residual": the maps of each level and those of the level before, doubled or halved, times √½.
- "original": an image from, or maps from the image at, the finest level alone.
"""


class StyledLevels(Levels):
    """What generator and discriminator have in common.

    Attributes:
        maps: level l has min(maps/2^(l+2), max_maps) of them: 32768 in configuration F, 16384 in
            all others.
        max_maps: that limit.
        grows: a level at a time, as `ganvas.networks.progressive` does; of "original" networks.
        rounded: of networks that compute in bfloat16 (``train.precision``) the finest levels that
            do; the others are exact. None: all.
        limit: absolute values of maps in bfloat16 are at most this.
    """

    kind: Literal["stylegan2"] = "stylegan2"
    maps: PositiveInt = 32768
    max_maps: PositiveInt = 512
    grows: bool = False
    rounded: NonNegativeInt | None = 4
    limit: Annotated[float, Field(gt=0)] | None = 256.0

    def widths(self, levels: int) -> list[int]:
        """Return the maps of so many levels, coarsest first."""
        return [min(max(self.maps >> (level + 2), 1), self.max_maps) for level in range(levels)]

    def rounds(self, level: int, levels: int) -> bool:
        """Whether a level of so many may compute in bfloat16."""
        return self.rounded is None or level >= levels - self.rounded


class StyleGAN2Generator(StyledLevels, GeneratorSettings):
    """Settings of the generator.

    Attributes:
        architecture: how levels are added up.
        style: how styles act: on weights, "modulation", or on normalised maps, "adain", with noise
            of a strength for each channel, as in StyleGAN's first version.
        demodulate: divide modulated weights by their length.
        modulation: how modulated convolutions are computed.
        noise: whether there is any.
        width: D of styles.
        depth: layers of the mapping.
        rate: how fast they learn.
        labels: how vectors among conditions reach the mapping: "embedded" and normalised on their
            own, or "joined" with z before both are normalised as one, as in the first code.
        spectral: normalise the weights of the synthesis by their largest singular value.
        mean_decay: share of the old mean style in the new one, after each batch.
    """

    architecture: Architecture = "skip"
    style: Literal["modulation", "adain"] = "modulation"
    demodulate: bool = True
    modulation: Modulation = "scaled"
    noise: bool = True
    width: PositiveInt = 512
    depth: PositiveInt = 8
    rate: Annotated[float, Field(gt=0)] = 0.01
    labels: Literal["embedded", "joined"] = "embedded"
    spectral: bool = False
    mean_decay: Annotated[float, Field(ge=0, lt=1)] = 0.995

    @model_validator(mode="after")
    def _only_plain_networks_grow(self) -> StyleGAN2Generator:
        if (self.grows or self.style == "adain") and self.architecture != "original":
            what = "grows=true" if self.grows else "style=adain"
            raise ValueError(f"{what} is for architecture=original, not {self.architecture}")
        return self

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> StyleGAN2GeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images, or their sides cannot be halved.
        """
        return StyleGAN2GeneratorNet(self, image_shape(domain, "stylegan2"), latent, conditions)


class StyleGAN2Discriminator(StyledLevels, DiscriminatorSettings):
    """Settings of the discriminator.

    Attributes:
        architecture: how it takes images in.
        deviation: samples in a group whose standard deviation is told as one more map at the
            coarsest level; 0 for none.
        labels: how labels enter, if there are any; "projection" is ⟨h, m(y)⟩/√width with a mapping
            m of labels.
        label_width: of that mapping; None: as many as there are features.
        label_depth: its layers.
    """

    architecture: Architecture = "residual"
    deviation: NonNegativeInt = 4
    labels: LabelUse = "projection"
    label_width: PositiveInt | None = None
    label_depth: PositiveInt = 8

    @model_validator(mode="after")
    def _only_plain_networks_grow(self) -> StyleGAN2Discriminator:
        if self.grows and self.architecture != "original":
            raise ValueError(f"grows=true is for architecture=original, not {self.architecture}")
        return self

    def build(self, domain: Domain, conditions: Conditions = NONE) -> Discriminator:
        """Return the network.

        Raises:
            UsageError: the data are not images, or their sides cannot be halved.
        """
        from ganvas.networks.stylegan2_discriminator import StyleGAN2DiscriminatorNet

        return StyleGAN2DiscriminatorNet(self, image_shape(domain, "stylegan2"), conditions)


class StyleGAN2GeneratorNet(Generator):
    """z → mapping → styles; a constant → levels of styled convolutions → image, unbounded.

    Attributes:
        sizes: (height, width) of all levels, coarsest first.
        slots: of styles, two for each level.
        mean: w̄.
        truncation: ψ, by which `forward` draws styles towards w̄, and how many slots it does so in;
            None for all.
        growth: of a network that grows, the level whose images it gives, and their α.
    """

    def __init__(
        self,
        config: StyleGAN2Generator,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        super().__init__(latent, conditions, shape)
        self.sizes = config.sizes(shape[1:])
        self.slots = 2 * len(self.sizes)
        self.width = config.width
        self.truncation: tuple[float, int | None] = (1.0, None)
        vectors = conditions.vectors.width if conditions else 0
        self.mapping = Mapping(
            latent, config.width, config.depth, config.rate, vectors, config.labels == "joined"
        )
        self.mean = MeanStyle(config.width, config.mean_decay)
        self.synthesis = Synthesis(config, shape, self.sizes, conditions)
        sn(self.synthesis, config.spectral)
        self.adds_images = config.architecture == "skip"

    @property
    def growth(self) -> Growth | None:
        """How far it has grown; None if it does not grow."""
        return self.synthesis.growth

    def styles(self, z: Tensor, y: Given = None) -> Tensor:
        """Return the style of each slot, (N, L, D), for latents (N, latent).

        Of latents (N, L, latent) each slot has its own. In training w̄ follows those of slot 0.
        """
        told = self.vector(y)
        with unrounded(z):
            if z.dim() == 2:
                w = self.mapping(z, told)[:, None].expand(-1, self.slots, -1)
            else:
                several = None if told is None else told.repeat_interleave(self.slots, 0)
                w = self.mapping(z.flatten(0, 1), several).view(z.shape[0], self.slots, -1)
        self.mean.follow(w[:, 0])
        return w

    def truncated(self, w: Tensor) -> Tensor:
        """Return w̄ + ψ(w − w̄) in the slots before the cut-off, for styles (N, L, D)."""
        psi, cutoff = self.truncation
        if psi == 1:
            return w
        near = torch.lerp(self.mean.value.to(w.dtype), w, psi)
        return near if cutoff is None else torch.cat([near[:, :cutoff], w[:, cutoff:]], dim=1)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return images (N, C, H, W), unbounded, for z (N, latent), or (N, L, latent)."""
        return self.synthesis(self.truncated(self.styles(z, y)), self.laid(y))

    def synthesise(
        self, w: Tensor, y: Given = None, maps: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Return images of styles (N, L, D), and of noise maps if they are given."""
        return self.synthesis(w, self.laid(y), maps)

    def laid(self, y: Given) -> list[Tensor]:
        """Return the conditions that lie in space, at the size of each level; none without any."""
        if not self.conditions.maps:
            return []
        return [self.conditions.laid(y, size) for size in self.sizes]

    @torch.no_grad()
    def usage(self, w: Tensor, y: Given = None) -> list[float]:
        """Return the share of each level in the images of styles (N, L, D), coarsest first.

        It is the deviation of the pixels that a level adds, a mean over images (Fig. 8); shares sum
        to 1. Of networks that add up no images it is none.
        """
        if self.synthesis.architecture != "skip":
            return []
        found: list[Tensor] = []

        def keep(_: nn.Module, __: object, image: Tensor) -> None:
            found.append(widen(image).flatten(1).std(1).mean())

        hooks = [layer.register_forward_hook(keep) for layer in self.synthesis.to_image]
        try:
            self.synthesise(w, y)
        finally:
            for hook in hooks:
                hook.remove()
        total = torch.stack(found).sum()
        return [float(one / total) for one in found]

    @property
    def noises(self) -> list[MapNoise]:
        """All layers that add noise, coarsest first."""
        return [layer for layer in self.synthesis.modules() if isinstance(layer, MapNoise)]


class Synthesis(nn.Module):
    """Styles (N, L, D) → image, from a constant.

    Attributes:
        opening: what is done to the constant before the coarsest level's convolution, if anything.
        first: the layers of the coarsest level.
        blocks: those of each further one, the first of which doubles the sides.
        to_image: an image from the maps of each level, or of the finest alone.
        shortcuts: of "residual" ones, around the blocks.
    """

    def __init__(
        self,
        config: StyleGAN2Generator,
        shape: tuple[int, int, int],
        sizes: list[Size],
        conditions: Conditions,
    ) -> None:
        super().__init__()
        widths = config.widths(len(sizes))
        self.architecture = config.architecture
        self.adaptive = config.style == "adain"
        self.growth = Growth() if config.grows else None
        self.rounds = [config.rounds(level, len(sizes)) for level in range(len(sizes))]
        beside = conditions.planes

        def layer(inputs: int, outputs: int, level: int, up: bool = False) -> nn.Module:
            if self.adaptive:
                return AdaptiveConv(
                    inputs, outputs, sizes[level], config.width, up=up, noise=config.noise
                )
            return StyledConv(
                inputs,
                outputs,
                sizes[level],
                config.width,
                up=up,
                demodulate=config.demodulate,
                modulation=config.modulation,
                noise=config.noise,
                limit=config.limit,
            )

        start = torch.ones if self.adaptive else torch.randn
        self.constant = nn.Parameter(start(1, widths[0], *sizes[0]))
        self.opening = layer(0, widths[0], 0) if self.adaptive else None
        self.first = nn.ModuleList([layer(widths[0] + beside, widths[0], 0)])
        self.blocks = nn.ModuleList(
            nn.ModuleList([layer(few + beside, many, level, up=True), layer(many, many, level)])
            for level, (few, many) in enumerate(pairwise(widths), 1)
        )
        every = config.architecture == "skip" or config.grows
        self.to_image = nn.ModuleList(
            ToImage(
                width,
                shape[0],
                0 if self.adaptive else config.width,
                config.modulation,
                config.limit,
            )
            for width in (widths if every else widths[-1:])
        )
        self.shortcuts = nn.ModuleList(
            equalised(PlainConv(few + beside, many, 1, up=True), gain=1.0)
            for few, many in (pairwise(widths) if config.architecture == "residual" else ())
        )
        self.up = BilinearUp()

    def forward(
        self, w: Tensor, laid: Sequence[Tensor] = (), maps: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Return images (N, C, h, w) of the level to which it has grown.

        Args:
            w: styles (N, L, D).
            laid: conditions in space at the size of each level, if there are any.
            maps: noise maps in place of drawn or stored ones, of all noisy layers.
        """
        last, alpha = self.growth.now if self.growth else (len(self.rounds) - 1, 1.0)
        given = iter(maps) if maps is not None else None
        h = before = self.constant.expand(w.shape[0], -1, -1, -1)
        image: Tensor | None = None
        if self.opening is not None:
            h = self._played(self.opening, h, w[:, 0], given)
        for level in range(last + 1):
            before, h = h, self._level(level, h, w, laid, given)
            if self.architecture == "skip":
                share = self._image(level, h, w)
                image = share if image is None else self.up(image) + share
        if image is None:
            image = self._image(last, h, w)
        if alpha == 1 or not last:
            return image
        return blend(self.up(self._image(last - 1, before, w)), image, alpha)

    def _level(
        self,
        level: int,
        x: Tensor,
        w: Tensor,
        laid: Sequence[Tensor],
        given: Iterator[Tensor] | None,
    ) -> Tensor:
        """Return the maps of a level, of those of the level before; the constant's at level 0."""
        layers = cast(nn.ModuleList, self.blocks[level - 1] if level else self.first)
        end = 2 * level + 1 + self.adaptive
        with nullcontext() if self.rounds[level] else unrounded(x):
            if not self.rounds[level]:
                x = widen(x)
            if laid:
                x = torch.cat([x, laid[max(level - 1, 0)].to(x.dtype)], dim=1)
            h = x
            for slot, layer in enumerate(layers, end - len(layers)):
                h = self._played(layer, h, w[:, slot], given)
            if level and len(self.shortcuts):
                h = (h + self.shortcuts[level - 1](x)) * SQRT_HALF
            return h

    @staticmethod
    def _played(layer: nn.Module, x: Tensor, w: Tensor, given: Iterator[Tensor] | None) -> Tensor:
        """Return what a layer makes of maps, a style and the next of the noise maps, if any."""
        noisy = isinstance(layer.noise, MapNoise)
        return layer(x, w, next(given) if noisy and given is not None else None)

    def _image(self, level: int, h: Tensor, w: Tensor) -> Tensor:
        """Return the image of the maps of a level, in single precision."""
        layer = self.to_image[level if len(self.to_image) > 1 else 0]
        with nullcontext() if self.rounds[level] else unrounded(h):
            return widen(layer(h, w[:, 2 * level + 1]))


PRESETS: Presets = {
    # At 1024×1024×3 and latent 512: 30,370,060 and 29,012,513.
    "stylegan2": (StyleGAN2Generator(), StyleGAN2Discriminator()),
    # 24,900,764 and 24,038,161.
    "stylegan2_e": (StyleGAN2Generator(maps=16384), StyleGAN2Discriminator(maps=16384)),
    # Configurations B to D differ in what is trained, not in the networks.
    "stylegan2_d": (
        StyleGAN2Generator(maps=16384, architecture="original", grows=True),
        StyleGAN2Discriminator(maps=16384, architecture="original", grows=True),
    ),
    # 26,219,627 and as before.
    "stylegan2_a": (
        StyleGAN2Generator(maps=16384, architecture="original", grows=True, style="adain"),
        StyleGAN2Discriminator(maps=16384, architecture="original", grows=True),
    ),
}
"""Networks of configurations A to F, by name."""
