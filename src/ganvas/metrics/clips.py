"""Extractors of clips: maps from clips to features, and how a whole set is passed through them.

None of them is the I3D network of the literature: a number made here is called by the network that
made it, as in ``frechet[vidnet]``, and cannot be compared with published FVDs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ganvas.data.choice import places
from ganvas.errors import UsageError
from ganvas.metrics.vidnet import EDGE, VidNet, framed
from ganvas.nn import hash_of
from ganvas.slices import bounded, slices

Clips = NDArray[np.uint8]
"""Clips in data units, (N, T, H, W, C) uint8, or what can be indexed like them."""

RANDOM3D: Final = "random3d"
DYNAMICS: Final = "dynamics"
COMPONENTS: Final = "pca"

CALIBRATED = 256
"""Real clips by which a network of random weights is calibrated."""
FITTED = 1_024
"""Real clips whose principal components are taken."""
POOLED = 8
"""Frames, height and width to which clips are averaged before that."""
KEPT = 64
"""Principal components."""
BATCH = 64
"""Clips that go through a network at once; fewer where they are large (`parts_of`)."""


class ClipLook(NamedTuple):
    """What an extractor makes of some clips.

    Attributes:
        features: (N, F).
        told: probabilities (N, K) of each factor that it knows; nothing without a classifier.
    """

    features: Tensor
    told: Mapping[str, Tensor]


class ClipExtractor(Protocol):
    """A frozen map from clips to feature vectors.

    ``name`` and ``weights`` enter the protocol of every score; a name belongs to one network only.
    """

    @property
    def name(self) -> str:
        """The network's own name."""
        ...

    @property
    def weights(self) -> str:
        """SHA-256 of all that it was made with."""
        ...

    def scaling(self, shape: tuple[int, ...]) -> str:
        """Return how clips of (T, H, W, C) are brought to what it takes, in words."""
        ...

    def look(self, clips: Tensor) -> ClipLook:
        """Return what it makes of clips (N, C, T, H, W) float32 in [0, 1]."""
        ...


def checked_clips(clips: Clips) -> Clips:
    """Return the clips if they are uint8 of shape (N, T, H, W, C) with N > 0.

    Raises:
        UsageError: they are not. Floats are refused: their range would have to be guessed.
    """
    if clips.dtype != np.uint8 or clips.ndim != 5 or len(clips) == 0:
        raise UsageError(
            "clips to measure must be uint8 of shape (N, T, H, W, C) with N > 0, got "
            f"{clips.dtype} of shape {clips.shape}"
        )
    return clips


def in_units(clips: Clips, device: str | torch.device = "cpu") -> Tensor:
    """Return clips uint8 (N, T, H, W, C) as (N, C, T, H, W) in [0, 1]."""
    levels = torch.from_numpy(np.ascontiguousarray(clips)).to(device)
    return levels.permute(0, 4, 1, 2, 3).float().div_(255)


def parts_of(
    clips: Clips, rows: NDArray[np.int64] | None = None, batch: int = BATCH
) -> Iterator[Clips]:
    """Yield clips, or some of them, a few at a time; they are taken out as they go."""
    n = len(clips) if rows is None else len(rows)
    for part in slices(n, bounded(batch, math.prod(clips.shape[1:]))):
        yield clips[part] if rows is None else clips[rows[part]]


@torch.no_grad()
def look_through(
    extractor: ClipExtractor,
    clips: Clips,
    *,
    rows: NDArray[np.int64] | None = None,
    batch: int = BATCH,
    device: str | torch.device = "cpu",
) -> Iterator[ClipLook]:
    """Yield what an extractor makes of clips, batch by batch; clips are taken out as they go.

    Raises:
        UsageError: they are no clips.
    """
    checked_clips(clips)
    for part in parts_of(clips, rows, batch):
        found = extractor.look(in_units(part, device))
        yield ClipLook(found.features.cpu(), {k: p.cpu() for k, p in found.told.items()})


def extract(
    extractor: ClipExtractor,
    clips: Clips,
    *,
    rows: NDArray[np.int64] | None = None,
    batch: int = BATCH,
    device: str | torch.device = "cpu",
) -> ClipLook:
    """Return what an extractor makes of all clips; features are small enough to be kept."""
    n = len(clips) if rows is None else len(rows)
    looks = look_through(extractor, clips, rows=rows, batch=batch, device=device)
    told = gathered(n, ({"": look.features, **look.told} for look in looks))
    return ClipLook(told.pop(""), told)


def gathered(n: int, parts: Iterator[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return what is told of n things part by part, each kind in one tensor from the first part on.

    Small results that are kept between large ones that pass would tear the heap apart: each large
    one misses the place of the one before by what was kept, and hundreds of megabytes stay.
    """
    found: dict[str, Tensor] = {}
    start = 0
    for part in parts:
        if not found:
            found = {name: rows.new_empty((n, *rows.shape[1:])) for name, rows in part.items()}
        end = start + len(next(iter(part.values())))
        for name, rows in part.items():
            found[name][start:end] = rows
        start = end
    return found


# ---- what clips are seen as ---------------------------------------------------------------------


def whole(clips: Tensor) -> Tensor:
    """Return clips as they are."""
    return clips


def differences(clips: Tensor) -> Tensor:
    """Return how much each frame differs from the one before, in [0, 1]; ½ is no change."""
    if clips.shape[2] == 1:
        return torch.full_like(clips, 0.5)
    return (clips.diff(dim=2) + 1) / 2


VIEWS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    RANDOM3D: whole,
    DYNAMICS: differences,
}
"""What a network of random weights is shown, by the extractor's name."""


# ---- the extractors -----------------------------------------------------------------------------


class RandomClips:
    """A `VidNet` of fixed random weights whose norms are calibrated on real clips.

    Honest offline features of any clips: of them as they are (``random3d``), and of the differences
    of their frames, which know motion alone (``dynamics``). They see texture, colour and movement,
    no meaning.

    Args:
        name: one of `VIEWS`.
        real: clips by which it is calibrated.
        device: on which it computes.
    """

    def __init__(self, name: str, real: Clips, device: str | torch.device = "cpu") -> None:
        self.name, self._view = name, VIEWS[name]
        checked_clips(real)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = VidNet(int(real.shape[-1]), {})
        self._net = net.to(device).requires_grad_(False)
        rows = np.sort(places(len(real), CALIBRATED))
        parts = parts_of(real, rows, batch=CALIBRATED // 8)
        seen = [self._seen(in_units(part, device)).mul_(2).sub_(1) for part in parts]
        calibrate(net.eval().body, seen)
        self.weights = hash_of(net.state_dict())

    def _seen(self, clips: Tensor) -> Tensor:
        return framed(self._view(clips))

    def scaling(self, shape: tuple[int, ...]) -> str:
        """Return how frames are brought to 32×32."""
        return scaled_frames(shape)

    def look(self, clips: Tensor) -> ClipLook:
        """Return the means over places of its last maps, (N, 128)."""
        return ClipLook(self._net.body(2 * self._seen(clips) - 1), {})


@torch.no_grad()
def calibrate(layers: torch.nn.Sequential, seen: list[Tensor]) -> None:
    """Give the batch norms of a network in evaluation the statistics of all parts together.

    One norm after the other, each by a pass up to it: of what layers make of clips, which is far
    more than the clips, only one part is there at once.
    """
    counts: list[tuple[Tensor, int]] = []
    for depth, layer in enumerate(layers):
        if not isinstance(layer, torch.nn.BatchNorm3d):
            continue
        sums = torch.zeros(2, layer.num_features, dtype=torch.double, device=seen[0].device)
        count = 0
        for part in seen:
            made = layers[:depth](part).transpose(0, 1).flatten(1)
            count += made.shape[1]
            sums += torch.stack([made.sum(1).double(), made.square().sum(1).double()])
        mean, square = sums / count
        layer.get_buffer("running_mean").copy_(mean)
        variance = layer.get_buffer("running_var").copy_(square - mean.square())
        counts.append((variance, count))
    for variance, count in counts:  # layers above saw what a batch is scaled by in training
        variance *= count / (count - 1)


class Components:
    """The first principal components of clips averaged to 8×8×8: the classical floor.

    Args:
        real: clips whose components they are.
    """

    name = COMPONENTS

    def __init__(self, real: Clips) -> None:
        rows = np.sort(places(len(checked_clips(real)), FITTED))
        parts = ({"pixels": _pooled(in_units(part)).double()} for part in parts_of(real, rows))
        pixels = gathered(len(rows), parts)["pixels"]
        self._mean = pixels.mean(0)
        _, _, directions = np.linalg.svd((pixels - self._mean).numpy(), full_matrices=False)
        self._directions = torch.from_numpy(np.ascontiguousarray(directions[:KEPT].T))
        told = self._mean.numpy().tobytes() + self._directions.numpy().tobytes()
        self.weights = hashlib.sha256(told).hexdigest()

    def scaling(self, shape: tuple[int, ...]) -> str:
        """Return to what clips are averaged."""
        return f"means {shape[0]}x{shape[1]}x{shape[2]} to {POOLED}x{POOLED}x{POOLED}"

    def look(self, clips: Tensor) -> ClipLook:
        """Return the components, (N, 64 or fewer)."""
        pixels = _pooled(clips).cpu().double()
        return ClipLook(((pixels - self._mean) @ self._directions).float(), {})


class Knowing:
    """A trained `VidNet`: features, and what it says of each factor.

    Args:
        net: the network, in evaluation mode.
        weights: SHA-256 of its file.
        withheld: factors that it tells too rarely, each with the reason.
        device: on which it computes.
    """

    name = "vidnet"

    def __init__(
        self,
        net: VidNet,
        weights: str,
        withheld: Mapping[str, str] | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self._net, self.weights = net.to(device).eval().requires_grad_(False), weights
        self.withheld = dict(withheld or {})

    def scaling(self, shape: tuple[int, ...]) -> str:
        """Return how frames are brought to 32×32."""
        return scaled_frames(shape)

    def look(self, clips: Tensor) -> ClipLook:
        """Return features (N, 64), and probabilities of each factor."""
        features = self._net.hidden(framed(clips))
        logits = self._net.told(features)
        known = {n: found.softmax(1) for n, found in logits.items() if n not in self.withheld}
        return ClipLook(features, known)


def scaled_frames(shape: tuple[int, ...]) -> str:
    """Return how frames of clips (T, H, W, C) are brought to a network's size, in words."""
    if shape[1:3] == (EDGE, EDGE):
        return "none"
    return f"antialiased bilinear {shape[1]}x{shape[2]} to {EDGE}x{EDGE}"


def _pooled(clips: Tensor) -> Tensor:
    return F.adaptive_avg_pool3d(clips, (POOLED, POOLED, POOLED)).flatten(1)
