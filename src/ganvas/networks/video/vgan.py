"""Networks of clips in which something moves over a still background (Vondrick et al. 2016).

Sources: the paper, and the authors' code (cvondrick/videogan) where the paper is silent. Clips are
(N, C, T, H, W). The paper's are 32 frames of 64×64; others keep its rule: layers of stride 2 double
T, H and W, so often that the smaller side ends at 4 pixels, and the first layer makes the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.errors import UsageError
from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    Head,
    LabelUse,
    Presets,
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.upsampling import (
    Growing,
    Upsampling,
    deconvolution,
    deconvolution_of_clips,
)
from ganvas.networks.video.layers import KERNEL, VOLUME, Shape, clip_shape
from ganvas.nn import BatchNorm, GaussianNoise, initialise

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

BASE = 4
"""Pixels of the smaller side that the first layer of a generator makes."""

EPS = 1e-3
"""Of batch norms that look at clips, in the code; those of generators have 1e-5."""


class Scene(NamedTuple):
    """A clip, and what it is composed of.

    Attributes:
        clip: m ⊙ f + (1 − m) ⊙ b, (N, C, T, H, W).
        foreground: f, of the same shape.
        mask: m in [0, 1], (N, 1, T, H, W).
        background: b, (N, C, H, W).
    """

    clip: Tensor
    foreground: Tensor
    mask: Tensor
    background: Tensor


def doublings(shape: Shape, family: str) -> int:
    """Return how often T, H and W double from the first layer to a clip.

    Raises:
        UsageError: they do not.
    """
    _, frames, *sides = shape
    count = 0
    while not any(side % (2 << count) for side in sides) and min(sides) >> (count + 1) >= BASE:
        count += 1
    if not count or frames % (1 << count):
        good = max(1 << count, round(frames / (1 << count)) << count)
        told = f"data.frames={good}" if count else "data.size=64 data.resize=fit-crop"
        raise UsageError(
            f"{family} networks double frames and sides together, from {BASE} pixels or a little "
            f"more: {frames} frames of {sides[0]}×{sides[1]} do not come out even; set {told}"
        )
    return count


def composed(foreground: Tensor, mask: Tensor, background: Tensor) -> Scene:
    """Return the scene m ⊙ f + (1 − m) ⊙ b (Eq. 2), the background never copied."""
    return Scene(
        torch.lerp(background.unsqueeze(2), foreground, mask), foreground, mask, background
    )


def start(network: nn.Module) -> None:
    """Initialise as the code does: weights N(0, 0.01²), biases 0, gains of norms N(1, 0.02²)."""
    initialise(network, "dcgan", 0.02)
    initialise(network, "normal", 0.01)


def _rising(
    layers: Sequence[nn.Module], channels: Sequence[int], eps: float = 1e-5
) -> list[nn.Module]:
    """Return layers, each with batch norm and rectifier behind it."""
    found: list[nn.Module] = []
    for layer, width in zip(layers, channels, strict=True):
        found += [layer, BatchNorm(width, eps=eps), nn.ReLU()]
    return found


def _ups(grow: Sequence[Growing], channels: Sequence[int]) -> list[nn.Module]:
    """Return what doubles maps of channels to the next ones, each by its up-sampler."""
    return [one(*pair, KERNEL) for one, pair in zip(grow, pairwise(channels), strict=True)]


class SceneGenerator(Generator):
    """What generators of scenes share; subclasses set ``trunk``, ``heads`` and ``background``.

    Attributes:
        trunk: of the foreground and its mask, from which ``heads`` make both.
        heads: one layer for f and m: C + 1 channels, the last of them the mask's.
        background: makes b; None: there is one stream.
    """

    trunk: nn.Module
    heads: nn.Module
    background: nn.Module | None

    def starts(self, z: Tensor, y: Given) -> tuple[Tensor, Tensor]:
        """Return what the foreground's trunk and the background start with."""
        raise NotImplementedError(f"{type(self).__name__} must define starts(z, y)")

    def scene(self, z: Tensor, y: Given = None) -> Scene:
        """Return the clips of latents and all that they are composed of.

        Raises:
            UsageError: there is one stream only.
        """
        return cast(Scene, self(z, y, parts=True))

    def forward(self, z: Tensor, y: Given = None, parts: bool = False) -> Tensor | Scene:
        """Return clips (N, C, T, H, W) for z (N, latent) and conditions, or with their parts."""
        moving, still = self.starts(z, y)
        made = self.heads(self.trunk(moving))
        if self.background is not None:
            foreground, mask = torch.tanh(made[:, :-1]), torch.sigmoid(made[:, -1:])
            scene = composed(foreground, mask, self.background(still))
            return scene if parts else scene.clip
        if parts:
            raise UsageError(
                "this generator has one stream, and neither mask nor background: train with "
                "game.generator.streams=two for its parts"
            )
        return torch.tanh(made)


class VGANGenerator(Upsampling, GeneratorSettings):
    """Settings of the generator of clips from noise; labels join z as one-hot weights.

    Attributes:
        width: channels before the last layer; they double towards the first.
        streams: a moving foreground with its mask over a still background, or the foreground's
            network alone.
    """

    kind: Literal["vgan"] = "vgan"
    width: PositiveInt = 64
    streams: Literal["two", "one"] = "two"

    def build(self, domain: Domain, latent: int, conditions: Conditions = NONE) -> SceneGenerator:
        """Return the network.

        Raises:
            UsageError: the data are no clips, of a size that does not halve, or a condition lies
                in space.
        """
        conditions.refuse_maps("vgan")
        return VGANGeneratorNet(self, clip_shape(domain, "vgan"), latent, conditions)


class VGANGeneratorNet(SceneGenerator):
    """z → f and m by 3-D layers, z → b by 2-D layers that share nothing with them."""

    def __init__(
        self, config: VGANGenerator, shape: Shape, latent: int, conditions: Conditions
    ) -> None:
        super().__init__(latent, conditions, shape)
        channels, *sizes = shape
        count, two = doublings(shape, "vgan"), config.streams == "two"
        frames, height, width = (size >> count for size in sizes)
        widths = [config.width << level for level in reversed(range(count))]
        given = latent + self.classes
        begin = nn.ConvTranspose3d(given, widths[0], (frames, height, width))
        grow = config.growing(count, deconvolution_of_clips, VOLUME)
        *ups, heads = _ups(grow, [*widths, channels + two])
        self.trunk = nn.Sequential(*_rising([begin, *ups], widths))
        self.heads = heads
        self.background = None
        if two:
            first = nn.ConvTranspose2d(given, widths[0], (height, width))
            *ups, image = _ups(config.growing(count, deconvolution), [*widths, channels])
            self.background = nn.Sequential(*_rising([first, *ups], widths), image, nn.Tanh())
        start(self)

    def starts(self, z: Tensor, y: Given) -> tuple[Tensor, Tensor]:
        """Return z with its labels as a pixel of space and time, and as one of space."""
        seen = self.with_one_hot(z, y)
        return seen[:, :, None, None, None], seen[:, :, None, None]


class VGANFutureGenerator(Upsampling, GeneratorSettings):
    """Settings of the generator of clips that go on from an image, which is its condition.

    Latents of some width are an extension: they join the image's features; the paper has none.

    Attributes:
        width: channels of the encoder's first layer, and before the last one.
    """

    kind: Literal["vgan_future"] = "vgan_future"
    width: PositiveInt = 128

    def build(self, domain: Domain, latent: int, conditions: Conditions = NONE) -> SceneGenerator:
        """Return the network.

        Raises:
            UsageError: the data are no clips, of a size that does not halve, or there is no image
                among the conditions.
        """
        shape = clip_shape(domain, "vgan_future")
        sizes = [tuple(d.shape) for d in conditions.maps.values()]
        if sizes != [(shape[0], *shape[2:])] or conditions.vectors:
            raise UsageError(
                "vgan_future networks go on from one image as large as a clip's frames: set "
                "data.derive={image: {kind: first_frame}} game.conditional=[image]"
            )
        return VGANFutureGeneratorNet(self, shape, latent, conditions)


class VGANFutureGeneratorNet(SceneGenerator):
    """Image → 4×4 maps → f and m by 3-D layers, b by 2-D layers."""

    def __init__(
        self, config: VGANFutureGenerator, shape: Shape, latent: int, conditions: Conditions
    ) -> None:
        super().__init__(latent, conditions, shape)
        channels, frames, *_ = shape
        count = doublings(shape, "vgan_future")
        rising = [config.width << level for level in range(count)]
        falling = rising[::-1]
        looks = [nn.Conv2d(*pair, 4, 2, 1) for pair in pairwise([channels, *rising])]
        rest = _rising(looks[1:], rising[1:], eps=EPS)
        self.encoder = nn.Sequential(looks[0], nn.ReLU(), *rest)
        top = falling[0]
        # time begins: one moment becomes the first few frames
        begin = nn.ConvTranspose3d(top + latent, top, (frames >> count, 1, 1))
        grow = config.growing(count, deconvolution_of_clips, VOLUME)
        *ups, heads = _ups(grow, [*falling, channels + 1])
        self.trunk = nn.Sequential(*_rising([begin, *ups], falling))
        self.heads = heads
        widths = [top + latent, *falling[1:]]
        *ups, image = _ups(config.growing(count, deconvolution), [*widths, channels])
        self.background = nn.Sequential(*_rising(ups, widths[1:]), image, nn.Tanh())
        start(self)

    def starts(self, z: Tensor, y: Given) -> tuple[Tensor, Tensor]:
        """Return the image's features, with z beside them if it has a width."""
        seen = self.encoder(self.conditions.laid(y, self.shape[2:]).to(z.dtype))
        if self.latent:
            seen = torch.cat([seen, z[:, :, None, None].expand(-1, -1, *seen.shape[2:])], 1)
        return seen.unsqueeze(2), seen


class VGANCritic(Settings):
    """Settings of layers that look at clips: of discriminators, and of what is built like them.

    Attributes:
        width: channels of the first layer; each further one doubles them.
        slope: of the leaky rectifiers.
        noise: standard deviation of what is added to the input of each layer in training, by which
            the authors of TGAN could train this discriminator with the vanilla loss (0.2).
    """

    kind: Literal["vgan"] = "vgan"
    width: PositiveInt = 64
    slope: float = Field(default=0.2, ge=0, lt=1)
    noise: float = Field(default=0.0, ge=0)

    def body(self, shape: Shape, more: int = 0) -> tuple[nn.Sequential, int]:
        """Return the layers but the last, and how many numbers they make of a clip.

        Args:
            shape: of clips.
            more: channels that are beside a clip's.
        """
        channels, *sizes = shape
        count = doublings(shape, "vgan")
        widths = [self.width << level for level in range(count)]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([channels + more, *widths]):
            norm = [BatchNorm(outputs, eps=EPS)] if layers else []
            look = nn.Conv3d(inputs, outputs, 4, 2, 1)
            layers += [GaussianNoise(self.noise), look, *norm, nn.LeakyReLU(self.slope)]
        frames, height, width = (size >> count for size in sizes)
        return nn.Sequential(*layers), widths[-1] * frames * height * width


class VGANDiscriminator(VGANCritic, DiscriminatorSettings):
    """Settings of the discriminator.

    Attributes:
        logits: 1, or the code's 2, whose softmax is the sigmoid of their difference.
        labels: how labels enter, if there are any.
    """

    logits: Literal[1, 2] = 1
    labels: LabelUse = "projection"

    def build(self, domain: Domain, conditions: Conditions = NONE) -> VGANDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are no clips, or of a size that does not halve.
        """
        return VGANDiscriminatorNet(self, clip_shape(domain, "vgan"), conditions)


class VGANDiscriminatorNet(Discriminator):
    """Clip → 3-D layers of stride 2 → one layer over all that is left → score."""

    def __init__(self, config: VGANDiscriminator, shape: Shape, conditions: Conditions) -> None:
        super().__init__(conditions, config.labels)
        self.body, width = config.body(shape, self.label_maps)
        self.last = GaussianNoise(config.noise)
        self.head = head = Head(width, self.classes, self.labels)
        if config.logits > 1:
            head.score = Difference(width, config.logits)
        start(self)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the last maps, flattened: (N, channels · T · H · W of the coarsest)."""
        return self.last(self.body(self.with_label_maps(x, y)).flatten(1))


class Difference(nn.Linear):
    """A logit for real and one for fake, of which the first less the second is the score."""

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, 1) for features (N, F)."""
        pair = super().forward(input)
        return pair[:, :1] - pair[:, 1:]


PRESETS: Presets = {
    # 32 frames of 64×64×3, latent 100: 16,245,383 and 11,041,473.
    "vgan": (VGANGenerator(), VGANDiscriminator()),
    # one stream: 12,663,619.
    "vgan_one_stream": (VGANGenerator(streams="one"), VGANDiscriminator()),
    # one image, no latents: 68,216,455; the discriminator twice as wide.
    "vgan_future": (VGANFutureGenerator(), VGANDiscriminator(width=128)),
}
"""Networks of this family that papers and benchmarks use, by name."""
