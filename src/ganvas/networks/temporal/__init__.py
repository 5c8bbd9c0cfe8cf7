"""Temporal generators, found by file: from noise to the latents of a clip's frames.

A path begins at a start, drawn once for a clip, and may need fresh noise on its way. It is asked
for at times that count frames of the clips of training: 0 is the first frame, 1 the second, 0.5
lies between them. Whoever renders frames does not know how a path came about.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.domain import Size
from ganvas.errors import UsageError
from ganvas.kinds import ByKind

Times = Sequence[float]
"""When a path is looked at, in frames of the clips of training."""


class Temporal(nn.Module, ABC):
    """Paths of frame latents: ``forward(start, fresh, times, given)`` gives (N, K, *shape).

    Args:
        frames: T, of the clips of training.

    Attributes:
        kind: its name in a configuration, for messages.
        backwards: whether it knows times before 0.
        longer: whether it knows times after T − 1.
        paced: whether what it is told may change on the way.
        first: number of the step that gives the first frame; 0: the start itself does.
        start: shape of what a path starts from.
        fresh: shape of what is drawn anew at each step; empty: nothing.
    """

    kind: str = ""
    backwards: ClassVar[bool] = False
    longer: ClassVar[bool] = True
    paced: ClassVar[bool] = False
    first: int = 0
    start: Size
    fresh: Size = ()

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def steps(self, times: Times) -> int:
        """Return how many rows of fresh noise a path needs that is looked at then."""
        return 0

    @abstractmethod
    def forward(
        self, start: Tensor, fresh: Tensor, times: Times, given: Tensor | None = None
    ) -> Tensor:
        """Return the latents of frames, (N, K, *shape).

        Args:
            start: (N, *start).
            fresh: (N, steps, *fresh).
            times: K of them.
            given: what paths are told, (N, V), or (N, steps, V) where it changes.
        """

    def check(self, times: Times) -> None:
        """Refuse times of which it knows nothing.

        Raises:
            UsageError: there are some.
        """
        if min(times) < 0 and not self.backwards:
            raise UsageError(
                f"backwards: what comes before the first frame is known to game.temporal of kind "
                f"ode, ode2 and ode3, not to {self.kind}"
            )
        if max(times) > self.frames - 1 + 1e-6 and not self.longer:
            raise UsageError(
                f"a path of kind {self.kind} ends with frame {self.frames}, as the clips of "
                "training do: rate=R gives more frames of the same time"
            )


class TemporalSettings(Settings, ABC):
    """Settings of a temporal generator, found by their ``kind``."""

    kind: Any

    @abstractmethod
    def build(
        self, start: Size, shape: Size, frames: int, given: int = 0, from_start: bool = False
    ) -> Temporal:
        """Return the network.

        Args:
            start: shape of what paths start from.
            shape: of a frame's latents.
            frames: T, of the clips of training.
            given: V, how many numbers paths are told.
            from_start: the first frame's latent is what the start says, not a step after it.

        Raises:
            UsageError: such paths do not fit together.
        """


AnyTemporal = Annotated[TemporalSettings, ByKind(__name__)]
"""A field of settings that holds any temporal generator."""


def vector(shape: Size, kind: str) -> int:
    """Return the width of latents that are vectors.

    Raises:
        UsageError: they are maps.
    """
    if len(shape) != 1:
        raise UsageError(
            f"game.temporal.kind={kind} makes paths of vectors, and these latents are maps of "
            f"shape {shape}: choose conv-lstm, ode or sde"
        )
    return shape[0]


def refuse_given(given: int, kind: str) -> None:
    """Refuse what paths are told, for a kind that starts where its noise says.

    Raises:
        UsageError: they are told something.
    """
    if given:
        raise UsageError(
            f"game.temporal.kind={kind} has no place for categories: let the image generator have "
            "them (game.category_to=image), or choose gru or conv1d"
        )
