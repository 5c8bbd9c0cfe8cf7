"""Images are compared in the features of a network, the data set's own classifier if it has one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.domain import AnyArray, Domain
from ganvas.data.items import Items
from ganvas.metrics.extractor import Extractor, Look, extract
from ganvas.metrics.extractors import Pixels, default_extractor
from ganvas.metrics.images import evaluate_images
from ganvas.metrics.kind import Measures, Probe
from ganvas.metrics.neighbourhood import Neighbourhood
from ganvas.metrics.protocol import Scores


class ImageMeasures(Measures):
    """Frechet and kernel distance, neighbours, copies, and what a classifier says."""

    kind: ClassVar[str] = "images"

    @property
    def extractor(self) -> Extractor:
        """The network that looks at the images."""
        spec = self.source.spec
        return default_extractor(spec.name, channels=spec.shape[0], device=self.device)

    def scores(self, x: AnyArray, labels: NDArray[np.int64] | None, seed: int) -> Scores:
        """Return every score of uint8 images (N, H, W, C)."""
        held_out = self.held_out
        return evaluate_images(
            x,
            self.source.known.x,
            self.extractor,
            held_out=None if held_out is None else held_out.x,
            data=self.source.spec.name,
            labels=None if labels is None else torch.from_numpy(labels),
            seed=seed,
            device=self.device,
        )

    @staticmethod
    def plain(domain: Domain, array: AnyArray) -> Tensor:
        """Return the pixels of uint8 images (N, H, W, C), at most 32 an edge."""
        del domain
        return extract(Pixels(), array).features

    def look(self, array: AnyArray) -> Look:
        """Return the features of uint8 images (N, H, W, C), and classes where the network knows."""
        return extract(self.extractor, array, device=self.device)

    def probe(self, real: Items) -> Probe:
        """Return what compares samples with real images by their features and classes."""
        return Neighbourhood(real.x, self.domain, self.extractor, self.device)
