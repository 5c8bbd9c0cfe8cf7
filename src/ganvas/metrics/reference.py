"""What is kept of the images that samples are compared with, however many there are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganvas.data.choice import places
from ganvas.metrics.extractor import Extractor, Images, look_through
from ganvas.metrics.moments import RunningMoments
from ganvas.metrics.unmeasurable import UnmeasurableError, named_rows

KEPT = 10_000
"""Features that are kept one by one: measures of single neighbours, and of pairs, need no more."""


class Reference:
    """Real images as an extractor sees them: the moments of all, and single features of some.

    They are passed through once, in random order, so that the first of them stand for all.

    Args:
        extractor: makes the features.
        images: an array (M, H, W, C) uint8, or what can be indexed like one.
        batch: images passed through at once.
        device: on which the extractor's networks lie.

    Attributes:
        order: the places (M,) of the images, as they were passed through.
        features: of the first of them, (min(M, `KEPT`), F).
        probabilities: of all, (M, K); None without a classifier.
    """

    def __init__(
        self, extractor: Extractor, images: Images, batch: int, device: str | torch.device
    ) -> None:
        self.order = places(len(images))
        self._moments: RunningMoments | None = None
        kept, probabilities = list[Tensor](), list[Tensor]()
        broken, seen = list[int](), 0
        for look in look_through(extractor, images, rows=self.order, batch=batch, device=device):
            features = look.features
            fine = features.isfinite().all(1)
            broken += self.order[seen : seen + len(features)][~fine.numpy()].tolist()
            self._moments = self._moments or RunningMoments(features.shape[1])
            self._moments.update(features[fine])
            if seen < KEPT:
                kept.append(features[: KEPT - seen])
            if look.probabilities is not None:
                probabilities.append(look.probabilities)
            seen += len(features)
        self._broken = named_rows(np.sort(np.asarray(broken, np.int64)), seen)
        self.features = torch.cat(kept)
        self.probabilities = torch.cat(probabilities) if probabilities else None

    def __len__(self) -> int:
        return len(self.order)

    @property
    def moments(self) -> RunningMoments:
        """Mean and covariance of all features."""
        self.require_finite()
        assert self._moments is not None, "there is an image at least"
        return self._moments

    def require_finite(self) -> None:
        """Refuse to be compared with.

        Raises:
            UnmeasurableError: some features are not finite; the message names the images' places.
        """
        if self._broken:
            raise UnmeasurableError(f"features of the reference are not finite {self._broken}")
