"""One frame of each clip, at a random time: S_1 of MoCoGAN, a stream of pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.spec import DataSpec


class OneFrame:
    """A view: the main field of each record is one of its frames, each equally likely."""

    chances = True

    def draw(self, rng: np.random.Generator, n: int) -> Tensor:
        """Return a number in [0, 1) for each row, (n,) float32."""
        return torch.from_numpy(rng.random(n, dtype=np.float32))

    def __call__(self, batch: Batch, chances: Tensor | None, spec: DataSpec) -> Batch:
        """Return the batch with pictures (n, C, H, W) in place of clips (n, C, T, H, W)."""
        assert chances is not None
        clips = batch.x
        at = (chances.to(clips.device) * clips.shape[2]).long().clamp_max(clips.shape[2] - 1)
        rows = torch.arange(len(clips), device=clips.device)
        return batch.replace(**{batch.main: clips[rows, :, at]})

    def __repr__(self) -> str:
        return "one frame"
