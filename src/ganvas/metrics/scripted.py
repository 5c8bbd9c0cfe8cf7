"""A network of one's own that looks at clips, in a TorchScript file: the I3D of the literature.

It does not come with ganvas, and nothing is fetched: who has the file gives it, and every score
carries its hash.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from ganvas.errors import UsageError
from ganvas.files import misspelt
from ganvas.metrics.clips import ClipLook

I3D = "i3d"
SIDE = 224
"""Height and width of the frames that it takes."""
PLAIN = {"rescale": False, "resize": False, "return_features": True}
"""What the published file is told: clips are prepared, and features are wanted, not classes."""
AT_ONCE = 4
"""Clips that go through together: enlarged, each takes many megabytes."""


class ScriptedClips:
    """A TorchScript module from clips (N, 3, T, 224, 224) in [−1, 1] to features (N, F).

    The published file's arguments are given as far as it has them.

    Args:
        path: of the file.
        device: on which it computes.

    Raises:
        UsageError: there is none, or it is no such module.
    """

    name = I3D

    def __init__(self, path: Path, device: str | torch.device = "cpu") -> None:
        if not path.is_file():
            raise UsageError(f"there is no TorchScript file {path}{misspelt(path)}")
        try:
            module = cast(Any, torch.jit.load(str(path), map_location=device))
            takes: list[str] = [one.name for one in module.forward.schema.arguments[2:]]
        except (RuntimeError, ValueError, AttributeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(
                f"{path} is no TorchScript module ({reason}): write one with "
                "torch.jit.script(…).save"
            ) from None
        self._path, self._module = path, module.eval()
        self._told = {name: value for name, value in PLAIN.items() if name in takes}
        with path.open("rb") as file:
            self.weights = hashlib.file_digest(file, "sha256").hexdigest()

    def scaling(self, shape: tuple[int, ...]) -> str:
        """Return how frames are brought to 224×224."""
        return f"{shape[1]}×{shape[2]} to {SIDE}×{SIDE}, bilinear, not antialiased"

    def look(self, clips: Tensor) -> ClipLook:
        """Return its features.

        Raises:
            UsageError: it makes something else of clips, or cannot take such short ones.
        """
        parts = [self._features(some) for some in torch.split(clips, AT_ONCE)]
        return ClipLook(torch.cat(parts), {})

    def _features(self, clips: Tensor) -> Tensor:
        n, channels, frames = clips.shape[:3]
        colour = clips.expand(-1, 3, -1, -1, -1) if channels == 1 else clips[:, :3]
        large = F.interpolate(
            colour.transpose(1, 2).flatten(0, 1), (SIDE, SIDE), mode="bilinear", align_corners=False
        )
        shown = large.view(n, frames, 3, SIDE, SIDE).transpose(1, 2).mul(2).sub(1)
        try:
            found = self._module(shown, **self._told)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UsageError(
                f"{self._path} takes no clips of {frames} frames of {SIDE}×{SIDE}: {reason}"
            ) from None
        if not isinstance(found, Tensor) or found.shape[:1] != (n,):
            raise UsageError(f"{self._path} makes no features (N, F) of clips")
        return found.flatten(1).float()
