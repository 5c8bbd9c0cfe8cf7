"""Discriminators of images that score each place alone (Isola et al. 2017; MoCoGAN's D_I)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.networks.base import Discriminator, DiscriminatorSettings, Head, LabelUse
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import Down, image_shape
from ganvas.networks.dcgan import DCGANCritic, DCGANDiscriminatorNet
from ganvas.nn import GaussianNoise, initialise, sn

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class PatchHead(Head):
    """A score for each place of maps, and class logits that are means over places.

    Args:
        score: from maps (N, C, …) to (N, 1, …).
        classify: likewise to (N, K, …), where there is something to be guessed.
        classes: K.
    """

    def __init__(self, score: nn.Module, classify: nn.Module | None, classes: int = 0) -> None:
        nn.Module.__init__(self)
        self.classes = classes
        self.places = score
        self.named = classify

    def forward(self, h: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits (N, …), one for each place."""
        return self.places(h)[:, 0]

    def lipschitz(self) -> float:
        """Return infinity: how places overlap is not looked at."""
        return float("inf")

    def classify(self, h: Tensor) -> Tensor:
        """Return class logits (N, K).

        Raises:
            UsageError: the network has no classifier.
        """
        if self.named is None:
            raise UsageError(
                "This discriminator has no classifier: set labels: auxiliary, with labelled data."
            )
        return self.named(h).flatten(2).mean(2)


def patch_labels(labels: LabelUse, conditions: Conditions) -> None:
    """Refuse an inner product with features that have no one place.

    Raises:
        UsageError: it is asked for.
    """
    if labels == "projection" and conditions:
        raise UsageError(
            "a discriminator of patches has no features of the whole that labels could be "
            "projected on: choose labels=concat or auxiliary"
        )


class PatchDiscriminator(DCGANCritic, DiscriminatorSettings):
    """Settings of DCGAN's layers with a last convolution that halves once more, to scores.

    Attributes:
        noise: deviation of normal noise before each convolution, in training.
    """

    kind: Literal["patch"] = "patch"  # pyright: ignore[reportIncompatibleVariableOverride]
    noise: float = 0.0

    def build(self, domain: Domain, conditions: Conditions = NONE) -> PatchDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images.
        """
        return PatchDiscriminatorNet(self, image_shape(domain, "patch"), conditions)


class PatchDiscriminatorNet(Discriminator):
    """Image [, label maps] → level 1 → … → level S − 1 → a score for each place of level S."""

    def __init__(
        self, config: PatchDiscriminator, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(conditions, config.labels)
        patch_labels(config.labels, conditions)
        sizes = config.sizes(shape[1:])
        inner = DCGANDiscriminatorNet(
            config.model_copy(update={"stages": max(len(sizes) - 2, 1), "spectral": False}),
            shape,
            conditions,
        )
        self.blocks = inner.blocks
        self.noise = GaussianNoise(config.noise)
        size = sizes[max(len(sizes) - 2, 1)]
        channels = inner.width // (size[0] * size[1])

        def last(outputs: int) -> Down:
            return Down(channels, outputs, config.kernel, size, config.biased)

        guessed = last(self.classes) if self.labels == "auxiliary" else None
        self.head = PatchHead(last(1), guessed, self.classes)
        initialise(self, config.init, config.init_scale)
        sn(self, config.spectral)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the maps of level S − 1, (N, C, h, w)."""
        x = self.with_label_maps(x, y)
        for block in self.blocks:
            x = block(self.noise(x))
        return self.noise(x)
