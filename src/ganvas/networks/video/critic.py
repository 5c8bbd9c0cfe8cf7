"""Judges of clips: the 3-D discriminators of VGAN, TGAN and MoCoGAN.

Sources: Vondrick et al. 2016, Saito et al. 2017, Tulyakov et al. 2018. Of MoCoGAN's table 6 the
strides are its code's: 1 in time, 2 in space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.networks.base import Discriminator, DiscriminatorSettings, Head, LabelUse
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import Block
from ganvas.networks.patch import PatchHead, patch_labels
from ganvas.networks.video.layers import Down3d, Pace, clip_shape, fewer, gains, levels
from ganvas.nn import GaussianNoise, Init, initialise, sn

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class VideoDiscriminator(DiscriminatorSettings):
    """Settings of a discriminator, or critic, of clips.

    Attributes:
        width: channels of level 1; each further level has twice as many.
        max_width: limit of the doubling.
        stages: levels; None: until the smaller side is at most 7.
        time: each level halves the frames, or takes three of them away (MoCoGAN).
        patch: the last level scores each of its places alone.
        norm, norm_first: batch norm of levels, and of the first one.
        offset: whether norms have offsets; TGAN's code has gains alone.
        eps: of the norms.
        bias: whether convolutions have one.
        slope: of the leaky ReLUs.
        noise: deviation of normal noise in training …
        noise_before: … on what each convolution sees, or before each non-linearity.
        labels: how labels enter, if there are any; "concat" as constant maps beside the clip.
        head_bias: whether the score has a bias, if convolutions have one.
        spectral: spectral normalisation of all layers.
        init, init_scale: initialisation (`ganvas.nn.initialise`).
    """

    kind: Literal["video"] = "video"
    width: PositiveInt = 64
    max_width: PositiveInt = 1024
    stages: PositiveInt | None = None
    time: Pace = "halve"
    patch: bool = False
    norm: Literal["none", "batch"] = "batch"
    norm_first: bool = False
    offset: bool = True
    eps: float = Field(default=1e-5, gt=0)
    bias: bool = True
    slope: float = 0.2
    noise: float = Field(default=0.0, ge=0)
    noise_before: Literal["convolution", "activation"] = "convolution"
    labels: LabelUse = "concat"
    head_bias: bool = True
    spectral: bool = False
    init: Init = "he_normal"
    init_scale: float | None = None

    def build(self, domain: Domain, conditions: Conditions = NONE) -> VideoDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are no clips, or too short for so many levels.
        """
        conditions.refuse_maps("video")
        return VideoDiscriminatorNet(self, clip_shape(domain, "video"), conditions)


class VideoDiscriminatorNet(Discriminator):
    """Clip [, label maps] → level 1 → … → level S → flatten → score; or a score a place.

    Attributes:
        volumes: frames, height and width of levels 0 to S.
    """

    def __init__(
        self,
        config: VideoDiscriminator,
        shape: tuple[int, int, int, int],
        conditions: Conditions,
    ) -> None:
        super().__init__(conditions, config.labels)
        channels, frames, *_ = shape
        sizes = levels(shape[2:], config.stages)
        self.volumes = [(frames, *sizes[0])]
        blocks: list[nn.Module] = []
        before = config.noise if config.noise_before == "convolution" else 0.0
        after = config.noise if config.noise_before == "activation" else 0.0
        inputs = channels + self.label_maps
        last = len(sizes) - 1 - config.patch
        for level, size in enumerate(sizes[1:], start=1):
            frames = fewer(frames, config.time)
            if frames < 1:
                raise UsageError(
                    f"clips of {shape[1]} frames are too short for a discriminator of "
                    f"{len(sizes) - 1} levels that takes 3 frames at each: "
                    f"{3 * (len(sizes) - 1) + 1} at least (data.frames), or "
                    "game.discriminator.time=halve"
                )
            self.volumes.append((frames, *size))
            if level > last:
                break
            width = min(config.width * 2 ** (level - 1), config.max_width)
            down = Down3d(inputs, width, self.volumes[level - 1], config.time, config.bias)
            normed = config.norm if level > 1 or config.norm_first else "none"
            act = nn.Sequential(GaussianNoise(after), nn.LeakyReLU(config.slope))
            norm = gains(normed, width, config.offset, config.eps)
            blocks.append(nn.Sequential(GaussianNoise(before), Block(down, norm, act)))
            inputs = width
        self.blocks = nn.Sequential(*blocks, GaussianNoise(before))
        self.patch = config.patch
        biased = config.bias and config.head_bias
        self.head = self._places(config, inputs) if config.patch else self._whole(inputs, biased)
        initialise(self, config.init, config.init_scale)
        sn(self, config.spectral)

    def _whole(self, channels: int, biased: bool) -> Head:
        """Return a score of all places together: a convolution as large as what is left."""
        frames, height, width = self.volumes[-1]
        features = channels * frames * height * width
        head = Head(features, self.classes, self.labels, bias=biased)
        if head.classifier is not None:  # further outputs of the same convolution
            head.classifier = nn.Linear(features, self.classes, bias=biased)
        return head

    def _places(self, config: VideoDiscriminator, channels: int) -> PatchHead:
        """Return a score of each place, by a convolution like those before."""
        patch_labels(config.labels, self.conditions)

        def last(outputs: int) -> Down3d:
            return Down3d(channels, outputs, self.volumes[-2], config.time, config.bias)

        guessed = last(self.classes) if self.labels == "auxiliary" else None
        return PatchHead(last(1), guessed, self.classes)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the last maps: flattened, (N, F), or of patches (N, C, T', h, w)."""
        h = self.blocks(self.with_label_maps(x, y))
        return h if self.patch else h.flatten(1)
