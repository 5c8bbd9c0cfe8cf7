"""VGAN's discriminator as a classifier of actions, from few labels (Vondrick et al. 2016, sec. 5).

All its layers but the last are kept, and trained on: start them from a run of VGAN by ``--from``,
or leave them as they were drawn, for comparison.
"""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.feed import MAIN, Feed
from ganvas.data.records import LABEL
from ganvas.data.samplers import InTurn, Streaming
from ganvas.data.source import Source
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.metrics.held_out import accuracy_score, labelled_places
from ganvas.metrics.protocol import Score
from ganvas.networks.conditions import Given
from ganvas.networks.video.layers import clip_shape
from ganvas.networks.video.vgan import VGANDiscriminator, start
from ganvas.nn import Dropout
from ganvas.play import Adam, Game, OptimiserConfig, Player, Turns


class VGANActionsConfig(Settings):
    """The code's settings.

    Attributes:
        discriminator: the network whose layers are taken.
        dropout: share of its last maps that are left out in training.
        labels: how many training clips have a label, equally many of each class; null: all.
        label_seed: of that choice.
        optimiser: of all layers.
    """

    discriminator: VGANDiscriminator = VGANDiscriminator()
    dropout: float = Field(default=0.5, ge=0, lt=1)
    labels: PositiveInt | None = None
    label_seed: int = Field(default=0, ge=0)
    optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)


class Judged(nn.Module):
    """The discriminator's layers, by the names that they have there, and a layer for classes.

    Args:
        config: of the discriminator.
        shape: (C, T, H, W) of clips.
        classes: how many there are.
        dropout: share of the last maps that are left out.
    """

    def __init__(
        self,
        config: VGANDiscriminator,
        shape: tuple[int, int, int, int],
        classes: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.body, width = config.body(shape)
        self.drop = Dropout(dropout, maps=True)
        self.classifier = nn.Linear(width, classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return class logits (N, K)."""
        return self.classifier(self.drop(self.body(x)).flatten(1))


class VGANActions(Game[VGANActionsConfig]):
    """One player, which tells the class of clips."""

    system: ClassVar[str] = "vgan-actions"

    def __init__(self, config: VGANActionsConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        if not spec.classes:
            raise UsageError(
                f"vgan-actions learns to tell classes, and {spec.name} has no labels; give one "
                "sub-folder per class, or a labels.csv"
            )
        shape = clip_shape(spec.domain, "vgan")
        network = Judged(config.discriminator, shape, spec.fields[LABEL].classes, config.dropout)
        self.judge = nn.ModuleDict({"network": network})  # as in a run of VGAN
        self.players = {"classifier": Player(self.judge, config.optimiser)}

    def streams(self) -> dict[str, Streaming]:
        """Return that of labelled clips alone, where some have no label."""
        count, seed = self.config.labels, self.config.label_seed
        if count is None:
            return {}
        chosen = InTurn(lambda items: labelled_places(items, count, seed))
        return {MAIN: Streaming(sampler=chosen)}

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step on the cross-entropy of labelled clips."""
        batch = data.next()
        with turn("classifier") as classifier:
            logits = self.judge["network"](batch.x)
            right = (logits.argmax(1) == batch[LABEL]).float().mean()
            classifier.minimise(F.cross_entropy(logits, batch[LABEL]), accuracy=right)

    def predict(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the probabilities of the classes of each clip, (N, K)."""
        return self.judge["network"](x).softmax(1)

    def measures(self, source: Source, seed: int) -> dict[str, Score]:
        """Return the accuracy on held-out clips."""
        size = source.spec.size or 0
        device = next(self.judge.parameters()).device
        return accuracy_score(self.predict, source, self.config.labels or size, seed, device)
