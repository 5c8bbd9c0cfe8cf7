"""Features of one layer of k-means on patches of images (Coates & Ng 2011, 2012).

Patches are normalised in contrast and whitened; a place of an image is described by how much
nearer than the mean each centroid is (the "triangle" code), and an image by the sums over its four
quarters. The plainest learnt features there are: what deeper ones have to beat.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.slices import slices

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

CONTRAST = 10.0
"""Added to the variance of a patch, of pixels from 0 to 255."""
WHITENING = 0.1
"""Added to the eigenvalues of the covariance of normalised patches."""


class Patches:
    """The features of images of one size.

    Args:
        images: that patches are taken from, (N, H, W, C) uint8; they need no labels.
        centroids: K.
        edge: of a patch, in pixels.
        count: how many patches are clustered.
        seed: of the choice of patches and of the clustering.
    """

    def __init__(
        self,
        images: Images,
        centroids: int = 400,
        edge: int = 6,
        count: int = 40_000,
        seed: int = 0,
    ) -> None:
        self.edge = min(edge, *images.shape[1:3])
        rng = np.random.default_rng(seed)
        patches = _normalised(torch.from_numpy(self._draw(images, count, rng)))
        self.mean = patches.mean(0)
        spread = torch.cov((patches - self.mean).T)
        values, axes = cast(tuple[Tensor, Tensor], torch.linalg.eigh(spread))
        self.whiten = axes @ torch.diag((values.clamp(min=0) + WHITENING).rsqrt()) @ axes.T
        white = ((patches - self.mean) @ self.whiten).numpy()
        clusters: Any = import_module("sklearn.cluster")  # late: a second to import
        found = clusters.MiniBatchKMeans(
            min(centroids, len(white)), batch_size=2048, n_init=1, max_iter=20, random_state=seed
        ).fit(white)
        self.centroids = torch.from_numpy(np.asarray(found.cluster_centers_, np.float32))

    def __call__(self, images: Images, batch: int = 50) -> Floats:
        """Return (N, 4K) float32 of images (N, H, W, C) uint8."""
        return torch.cat([self._code(images[part]) for part in slices(len(images), batch)]).numpy()

    @torch.no_grad()
    def _code(self, images: Images) -> Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
        height, width = (side - self.edge + 1 for side in pixels.shape[2:])
        columns = F.unfold(pixels, self.edge).transpose(1, 2)  # (N, places, C·edge²)
        white = (_normalised(columns.flatten(0, 1)) - self.mean) @ self.whiten
        distance = torch.cdist(white, self.centroids)
        nearer = (distance.mean(1, keepdim=True) - distance).clamp(min=0)
        maps = nearer.view(len(images), height, width, -1).permute(0, 3, 1, 2)
        # The sum over each quarter: the mean times how many places there are.
        return (F.adaptive_avg_pool2d(maps, 2) * (height * width / 4)).flatten(1)

    def _draw(self, images: Images, count: int, rng: np.random.Generator) -> Floats:
        """Return patches at random places as rows, in the order of ``unfold``."""
        n, height, width, _ = images.shape
        which, edge = rng.integers(n, size=count), self.edge
        top = rng.integers(height - edge + 1, size=count)
        left = rng.integers(width - edge + 1, size=count)
        rows = [
            np.moveaxis(images[i, y : y + edge, x : x + edge], -1, 0).ravel()
            for i, y, x in zip(which, top, left, strict=True)
        ]
        return np.stack(rows).astype(np.float32)


def _normalised(patches: Tensor) -> Tensor:
    """Return rows with mean 0 and about variance 1."""
    centred = patches - patches.mean(1, keepdim=True)
    return centred / (centred.square().mean(1, keepdim=True) + CONTRAST).sqrt()
