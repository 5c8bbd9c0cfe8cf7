"""What all networks share: their call signatures, how labels enter, and how a score leaves."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.errors import UsageError
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.nn import (
    Memory,
    MinibatchDeviation,
    MinibatchDiscrimination,
    lookup,
    one_hot,
    unrounded,
    widen,
)

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

LabelUse = Literal["none", "concat", "projection", "auxiliary"]
"""How a discriminator uses class labels, if the data have any.

"concat": as further inputs; "projection": by an inner product with the features (Miyato & Koyama
2018); "auxiliary": not as an input, but `Discriminator.classify` guesses them (AC-GAN).
"""


class GeneratorSettings(Settings, ABC):
    """Settings of a generator; every family of networks has its own, found by ``kind``.

    Attributes:
        whole: it makes clips as a whole, not frame by frame.
    """

    kind: Any
    whole: ClassVar[bool] = False

    @abstractmethod
    def build(self, domain: Domain, latent: int, conditions: Conditions = NONE) -> Generator:
        """Return the network for a kind of data, latents of a width, and conditions.

        Raises:
            UsageError: the family is not for such data.
        """

    def build_frames(
        self, frame: Domain, slow: int, fast: int, conditions: Conditions = NONE
    ) -> Generator:
        """Return the network for frames of clips.

        Args:
            frame: the kind of data of a frame.
            slow: width of what all frames of a clip share, which comes first in latents.
            fast: width of what each frame has of its own.
            conditions: what it is given beside both.
        """
        return self.build(frame, slow + fast, conditions)


class DiscriminatorSettings(Settings, ABC):
    """Settings of a discriminator; every family of networks has its own, found by ``kind``."""

    kind: Any

    @abstractmethod
    def build(self, domain: Domain, conditions: Conditions = NONE) -> Discriminator:
        """Return the network for a kind of data, and conditions.

        Raises:
            UsageError: the family is not for such data.
        """


Presets = dict[str, tuple[GeneratorSettings, DiscriminatorSettings]]
"""Pairs of networks that go together, by name."""


def labels_of(y: Tensor | None, classes: int) -> Tensor:
    """Return the labels that a conditional network needs.

    Raises:
        UsageError: there are none.
    """
    if y is None:
        raise UsageError(
            f"this network is conditional, and is given no conditions: of {classes} classes they "
            f"are int64 (N,) or weights (N, {classes}); commands take them by --label or --given, "
            "or are for models without such conditions"
        )
    return y


class Conditional(nn.Module):
    """A network that is given conditions beside what it sees.

    Args:
        conditions: their fields.

    Attributes:
        classes: how many numbers they are in a row: K of a single field of K classes; 0 without.
    """

    def __init__(self, conditions: Conditions) -> None:
        super().__init__()
        self.conditions = conditions
        self.classes = conditions.width

    def flat(self, y: Given) -> Tensor:
        """Return all conditions as labels (N,) or rows (N, classes).

        Raises:
            UsageError: there are none.
        """
        return labels_of(self.conditions.flat(y), self.classes)

    def vector(self, y: Given) -> Tensor | None:
        """Return the conditions that are vectors as labels (N,) or rows; None if there are none.

        Raises:
            UsageError: the network has some, and they are not given.
        """
        vectors = self.conditions.vectors
        return labels_of(self.conditions.vector(y), vectors.width) if vectors else None

    def beside(self, x: Tensor, y: Given) -> Tensor:
        """Return maps x (N, C, …) with the conditions that lie in space beside them, if any."""
        if not self.conditions.maps:
            return x
        laid = self.conditions.laid(y, tuple(x.shape[2:]))
        return torch.cat([x, laid.to(x.dtype)], dim=1)


class Generator(Conditional):
    """Draws samples: ``forward(z, y)`` maps (N, latent) to (N, *shape) in network units.

    Labels y are (N,) int64 or weights (N, K), or other conditions; ignored if the network was built
    without.

    Args:
        latent: width of z.
        conditions: what it is given beside z.
        shape: of one sample.

    Attributes:
        bounded: whether samples end in a tanh that is no `OutputUnit`.
        adds_images: whether a sample is the sum of images of several levels.
    """

    bounded: ClassVar[bool] = False
    adds_images: bool = False

    def __init__(self, latent: int, conditions: Conditions, shape: tuple[int, ...]) -> None:
        super().__init__(conditions)
        self.latent = latent
        self.shape = shape

    @property
    def extends(self) -> bool:
        """Whether latents may lie in space, (N, latent, a, b), for larger samples."""
        return False

    def with_one_hot(self, z: Tensor, y: Given) -> Tensor:
        """Return z (N, latent) followed by all conditions: (N, latent + K)."""
        return _joined(z, self.flat(y), self.classes) if self.classes else z

    def with_vector(self, z: Tensor, y: Given) -> Tensor:
        """Return z (N, latent) followed by the conditions that are vectors."""
        vector = self.vector(y)
        return z if vector is None else _joined(z, vector, self.conditions.vectors.width)


class Discriminator(Conditional):
    """Scores samples: ``forward(x, y) == head(features(x, y), y)``, unbounded logits (N,).

    Labels y are (N,) int64 or weights (N, K), or other conditions; ignored if the network does not
    use any. Subclasses define `features` and ``head``.

    Args:
        conditions: what it is given beside samples.
        labels: how they are used; "none" whenever there are none.

    Attributes:
        from_finest: lists of parts that are counted from the image on.
    """

    from_finest: ClassVar[tuple[str, ...]] = ("blocks", "levels", "attention")

    head: Head | BatchHead | MemoryHead

    def __init__(self, conditions: Conditions, labels: LabelUse) -> None:
        super().__init__(conditions)
        self.labels: LabelUse = labels if conditions else "none"

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, F), the last hidden layer. Conditions count only if they are concatenated."""
        raise NotImplementedError(f"{type(self).__name__} must define features(x, y)")

    def judge(self, x: Tensor, y: Given = None) -> tuple[Tensor, Tensor]:
        """Return logits (N,), and the features (N, F) of the same pass.

        The head computes in single precision at least: differences of rounded logits are coarse,
        and so are those of samples of a batch.
        """
        h = widen(self.features(x, y))
        with unrounded(h):
            return self.head(h, self.conditions.flat(y)), h

    def forward(self, x: Tensor, y: Given = None) -> Tensor:
        """Return logits (N,) for samples (N, *shape)."""
        return self.judge(x, y)[0]

    def classify(self, h: Tensor) -> Tensor:
        """Return class logits (N, K), or a guess of other conditions, from features."""
        with unrounded(h):
            return self.head.classify(widen(h))

    def lipschitz(self) -> float:
        """Return K with |f(x, y) − f(x', y)| ≤ K‖x − x'‖ for every label y; infinite if unknown."""
        return math.inf

    def with_label_maps(self, x: Tensor, y: Given) -> Tensor:
        """Return x (N, C, H, W) followed by constant maps of vectors, and conditions that are maps.

        Of x (N, F) without space it returns x followed by all conditions in a row.
        """
        if self.labels != "concat":
            return x
        if x.dim() == 2:
            return _joined(x, self.flat(y), self.classes)
        vector = self.vector(y)
        if vector is not None:
            weights = one_hot(vector, self.conditions.vectors.width, x.dtype)
            maps = weights.view(*weights.shape, *[1] * (x.dim() - 2))
            x = torch.cat([x, maps.expand(-1, -1, *x.shape[2:])], dim=1)
        return self.beside(x, y)

    @property
    def label_maps(self) -> int:
        """How many maps `with_label_maps` adds to what lies in space."""
        conditions = self.conditions
        return conditions.vectors.width + conditions.planes if self.labels == "concat" else 0


def _joined(x: Tensor, y: Tensor, width: int) -> Tensor:
    """Return rows (N, F) followed by labels (N,), as weights, or rows (N, width)."""
    return torch.cat([x, one_hot(y, width, x.dtype)], dim=1)


class Head(nn.Module):
    """Linear score ψ(h), plus ⟨v_y, h⟩ from a table of classes for "projection".

    Args:
        width: F, width of the features.
        classes: K, or 0.
        labels: what the head does with them; "concat" leaves them to the layers before.
        bias: whether ψ has one.
        scale: factor on the score.
    """

    def __init__(
        self,
        width: int,
        classes: int = 0,
        labels: LabelUse = "none",
        *,
        bias: bool = True,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.scale = scale
        self.score = nn.Linear(width, 1, bias=bias)
        self.table = nn.Embedding(classes, width) if labels == "projection" else None
        if self.table is not None:
            # ⟨v, h⟩ then varies as much as one feature, like ψ.
            nn.init.normal_(self.table.weight, std=width**-0.5)
        self.classifier = nn.Linear(width, classes) if labels == "auxiliary" else None

    def forward(self, h: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits (N,) for features (N, F)."""
        score = self.score(h).squeeze(1)
        if self.table is not None:
            score = score + (lookup(self.table.weight, labels_of(y, self.classes)) * h).sum(1)
        return score if self.scale == 1 else score * self.scale

    def lipschitz(self) -> float:
        """Return the norm of the score's slope; with a table of classes max_y ‖ψ + v_y‖."""
        rows = self.score.weight if self.table is None else self.score.weight + self.table.weight
        return abs(self.scale) * rows.square().sum(1).max().sqrt().item()

    def classify(self, h: Tensor) -> Tensor:
        """Return class logits (N, K).

        Raises:
            UsageError: the network has no classifier.
        """
        if self.classifier is None:
            raise UsageError(
                "This discriminator has no classifier: set labels: auxiliary, with labelled data."
            )
        return self.classifier(h)


class BatchHead(nn.Module):
    """A head that is also told how each sample compares with its batch.

    Adds w·o(h) to the score: the same as a linear score of h followed by o(h).

    Args:
        head: what judges the features (N, F).
        compare: gives o(h), (N, outputs).
    """

    def __init__(self, head: Head, compare: MinibatchDiscrimination | MinibatchDeviation) -> None:
        super().__init__()
        self.plain = head
        self.compare = compare
        self.weigh = nn.Linear(compare.outputs, 1, bias=False)

    def forward(self, h: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits (N,) for features (N, F) of samples that belong together."""
        return self.plain(h, y) + self.weigh(self.compare(h)).squeeze(1)

    def classify(self, h: Tensor) -> Tensor:
        """Return class logits (N, K) of the plain head."""
        return self.plain.classify(h)


class MemoryHead(nn.Module):
    """A head that looks samples up among what was seen before (memoryGAN, Kim et al. 2018).

    The logit is that of p(y=1|q), the share of real slots near the unit query q. It fits any
    discriminator and any adversarial loss; whoever trains it must also `Memory.update` it.

    Args:
        memory: what was seen before.
        width: F, width of the features. They are the queries themselves if ``project`` is false.
        project: put a linear layer without bias between features and queries.
    """

    def __init__(self, memory: Memory, width: int, project: bool = True) -> None:
        super().__init__()
        self.memory = memory
        self.project = nn.Linear(width, memory.dim, bias=False) if project else nn.Identity()

    def raw(self, h: Tensor) -> Tensor:
        """Return queries of any length, (N, M), for features (N, F)."""
        return self.project(h)

    def query(self, h: Tensor) -> Tensor:
        """Return unit queries q, (N, M), for features (N, F)."""
        return F.normalize(self.raw(h).to(self.memory.keys.dtype), dim=1)

    def forward(self, h: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits (N,) for features (N, F)."""
        return self.memory.logit(self.query(h))

    def classify(self, h: Tensor) -> Tensor:
        """Refuse: a memory knows real from fake only.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "A memory head does not classify: set game.discriminator.labels=concat, or game.memory="
            "null."
        )


Output = Literal["none", "tanh", "sigmoid"]
"""Names of generators' last non-linearities; see `OutputUnit`."""


class OutputUnit(nn.Module):
    """The last non-linearity of a generator, times a scale.

    "sigmoid" is 2σ(a) − 1: the sigmoid of systems that keep pixels in [0, 1], in network units.
    """

    def __init__(self, name: Output, scale: float = 1.0) -> None:
        super().__init__()
        self.name: Output = name
        self.scale = scale

    def forward(self, a: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        match self.name:
            case "none":
                x = a
            case "tanh":
                x = torch.tanh(a)
            case "sigmoid":
                x = torch.tanh(a / 2)
        return x if self.scale == 1 else x * self.scale

    def inverse(self, x: Tensor) -> Tensor:
        """Return the input that gives ``x``, which is kept off the ends of a bounded range."""
        x = x / self.scale
        if self.name == "none":
            return x
        # As the logit of a probability kept within [0.001, 0.999].
        a = torch.atanh(x.clamp(-0.998, 0.998))
        return a if self.name == "tanh" else 2 * a
