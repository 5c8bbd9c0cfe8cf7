"""Generators of clips frame by frame: what rests, a path of what moves, and who renders both."""

from __future__ import annotations

from collections.abc import Generator as Yields
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.networks.base import Generator
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.joint import Encoder
from ganvas.networks.temporal import Temporal, Times
from ganvas.networks.video.frames import frames_of
from ganvas.nn import one_hot

Told = Literal["motion", "image", "both"]
"""Who hears of categories: the path, the image generator beside what rests, or both (TGAN)."""

Pace = Sequence[tuple[int, int]]
"""Categories one after the other, each for so many frames of the clips of training."""


class Parts(NamedTuple):
    """A latent of clips, taken apart.

    Attributes:
        content: what all frames share, (N, slow).
        start: where the path starts, (N, S).
        fresh: what is drawn on its way, (N, steps, E).
    """

    content: Tensor
    start: Tensor
    fresh: Tensor


class ClipGenerator(Generator):
    """z = [content, start, fresh …] → path of frame latents → frames [content; path] → clip.

    Args:
        frames: makes frames of latents, the slow ones first.
        temporal: makes paths.
        slow: width of what all frames share.
        conditions: what it is given: categories, and a picture that the clip begins with.
        shape: (C, T, H, W) of the clips of training.
        told: who hears of categories.
        shared: paths start from the content itself (TGAN); then a latent [content, fresh …] may
            also be [content, another one as the start, fresh …].
        encoder: gives content and start of the picture that a clip begins with.

    Attributes:
        times: when paths are looked at; in training at the clips' own frames.
        pace: categories one after the other, in place of one for each clip.
    """

    def __init__(
        self,
        frames: Generator,
        temporal: Temporal,
        slow: int,
        conditions: Conditions,
        shape: tuple[int, ...],
        *,
        told: Told = "motion",
        shared: bool = False,
        encoder: Encoder | None = None,
    ) -> None:
        times = [float(k) for k in range(shape[1])]
        starts, each = temporal.start[0], temporal.fresh[0] if temporal.fresh else 0
        own = 0 if encoder else slow + (0 if shared else starts)
        super().__init__(own + temporal.steps(times) * each, conditions, shape)
        self.slow, self.told, self.shared = slow, told, shared
        self.own, self.starts, self.each = own, starts, each
        self.frames, self.temporal, self.encoder = frames, temporal, encoder
        self.times: Times = times
        self.pace: Pace | None = None

    @contextmanager
    def at(self, times: Times, pace: Pace | None = None) -> Yields[None]:
        """Let paths be looked at at other times, and categories change, for a block."""
        before = self.times, self.pace
        self.times, self.pace = times, pace
        try:
            yield
        finally:
            self.times, self.pace = before

    def width(self, times: Times) -> int:
        """Return the width of the fresh noise of a path that is looked at then."""
        return self.temporal.steps(times) * self.each

    # ---- the way from latents to clips ----------------------------------------------------------

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return clips (N, C, K, H, W) for z (N, latent) and conditions, at `times`."""
        content, path = self.content_and_path(z, y)
        return self.render(content, path, y)

    def content_and_path(self, z: Tensor, y: Given = None) -> tuple[Tensor, Tensor]:
        """Return what frames share, (N, slow) or (N, K, slow), and their path, (N, K, fast)."""
        content, start, fresh = self.parts(z, y)
        category = self.category(y)
        told = None
        if category is not None and self.told != "image":
            told = self._in_steps(category, fresh.shape[1])
        path = self.temporal(start, fresh, self.times, told)
        if category is not None and self.told == "image":
            content = self._beside(content, self._in_time(category))
        return content, path

    def render(self, content: Tensor, path: Tensor, y: Given = None) -> Tensor:
        """Return clips (N, C, K, H, W) of content (N, slow) and any path (N, K, fast)."""
        category = self.conditions.vector(y) if self.told == "both" else None
        made = frames_of(self.frames, content, path, category)
        return made.view(path.shape[0], -1, *made.shape[1:]).transpose(1, 2)

    def still(self, z: Tensor, y: Given, at: Tensor) -> Tensor:
        """Return one frame of each clip, (N, C, H, W), by its number (N,): N pictures are made."""
        content, path = self.content_and_path(z, y)
        rows = torch.arange(len(path), device=path.device)
        chosen = content[rows, at] if content.dim() == 3 else content
        category = self.conditions.vector(y) if self.told == "both" else None
        return frames_of(self.frames, chosen, path[rows, at][:, None], category)

    def parts(self, z: Tensor, y: Given = None) -> Parts:
        """Return the parts of latents; with an encoder those of the picture are the first two."""
        steps = self.temporal.steps(self.times)
        own = z.shape[1] - steps * self.each
        fresh = z[:, own:].reshape(z.shape[0], steps, self.each)
        if self.encoder is not None:
            code = self.encoder(self.picture(y)).mean
            return Parts(code[:, : self.slow], code[:, self.slow :], fresh)
        return Parts(z[:, : self.slow], z[:, own - self.starts : own], fresh)

    # ---- what it is given -----------------------------------------------------------------------

    def picture(self, y: Given) -> Tensor:
        """Return the picture that clips begin with, (N, C, H, W).

        Raises:
            UsageError: there is none.
        """
        name = next(iter(self.conditions.maps))
        found = y.get(name) if isinstance(y, dict) else y
        if not isinstance(found, Tensor) or found.dim() != 4:
            raise UsageError(f"clips of this model begin with a picture: --given {name}=FILE")
        return found

    def category(self, y: Given) -> Tensor | None:
        """Return categories as weights (N, V); None without any."""
        label = self.vector(y)
        if label is None:
            return None
        return one_hot(label, self.conditions.vectors.width, torch.get_default_dtype())

    def _paced(self, category: Tensor, numbers: list[int]) -> Tensor:
        """Return the category (N, len, V) of each frame by its number, as the pace has it."""
        assert self.pace is not None
        order = [k for k, length in self.pace for _ in range(length)]
        chosen = torch.tensor([order[min(max(n, 0), len(order) - 1)] for n in numbers])
        weights = one_hot(chosen.to(category.device), category.shape[1], category.dtype)
        return weights.expand(category.shape[0], -1, -1)

    def _in_steps(self, category: Tensor, steps: int) -> Tensor:
        """Return the category of each step of the path, (N, steps, V), or of the clip, (N, V).

        Raises:
            UsageError: it changes, and paths are told once.
        """
        if self.pace is None:
            return category
        if not self.temporal.paced:
            raise UsageError(
                f"schedule: a path of kind {self.temporal.kind} is told its category once; "
                "game.temporal.kind=gru hears it at each frame"
            )
        return self._paced(category, [step + 1 - self.temporal.first for step in range(steps)])

    def _in_time(self, category: Tensor) -> Tensor:
        """Return the category of each frame, (N, K, V), or of the clip, (N, V)."""
        if self.pace is None:
            return category
        return self._paced(category, [int(time + 1e-6) for time in self.times])

    @staticmethod
    def _beside(content: Tensor, category: Tensor) -> Tensor:
        """Return [content, category], for clips or for each frame."""
        if category.dim() == 3:
            content = content[:, None].expand(-1, category.shape[1], -1)
        return torch.cat([content, category.to(content)], -1)


def told_conditions(conditions: Conditions, told: Told) -> tuple[int, int, Conditions]:
    """Return how many numbers paths are told, how many rest beside content, and what frames get."""
    vectors = conditions.vectors
    match told:
        case "motion":
            return vectors.width, 0, NONE
        case "image":
            return 0, vectors.width, NONE
        case "both":
            return vectors.width, 0, vectors
