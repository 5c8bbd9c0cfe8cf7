"""What is done to a batch on its way from where it lies to a round: its record as a whole.

A view's chances are part of its stream: drawn with the rows, block by block, so that neither
batch sizes nor processes change them.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.derived import Derivation
from ganvas.data.domain import Size
from ganvas.data.spec import DataSpec


class View(Protocol):
    """One change of a batch in network units.

    Attributes:
        chances: whether it takes any.
    """

    chances: bool

    def draw(self, rng: np.random.Generator, n: int) -> Tensor:
        """Return the chances of n rows, (n, …), where it takes any."""
        ...

    def __call__(self, batch: Batch, chances: Tensor | None, spec: DataSpec) -> Batch:
        """Return the batch as it is seen.

        Args:
            batch: the records, of any fields.
            chances: those of its rows.
            spec: what the fields are.
        """
        ...


class Mirror:
    """Each record flipped left to right with probability one half, all of its fields alike."""

    chances = True

    def draw(self, rng: np.random.Generator, n: int) -> Tensor:
        """Return 0 or 1 for each row, (n,) uint8."""
        return torch.from_numpy(rng.integers(2, size=n, dtype=np.uint8))

    def __call__(self, batch: Batch, chances: Tensor | None, spec: DataSpec) -> Batch:
        """Return the batch with those records flipped whose chance is 1."""
        assert chances is not None
        flip = chances.bool()
        changed: dict[str, Tensor] = {}
        for name, domain in spec.fields.items():
            if name in batch and (other := domain.mirrored(batch[name])) is not batch[name]:
                here = flip.view(-1, *[1] * (other.dim() - 1))
                changed[name] = torch.where(here, other, batch[name])
        return batch.replace(**changed)

    def __repr__(self) -> str:
        return "mirror"


class Dequantise:
    """Uniform noise of one level on the main field, which has levels: images.

    u in [0, 1) is a hash of a row's key and of the number's place in the image, so that an image is
    noisy alike in any batch and on any device: (p + u)/128 − 1 for level p. As in the code of
    WGAN-GP and of SN-GAN, whose levels p/128 − 1 leave room for the noise within [−1, 1).
    """

    chances = True

    def draw(self, rng: np.random.Generator, n: int) -> Tensor:
        """Return the keys of n rows, (n,) int64."""
        return torch.from_numpy(rng.integers(2**62, size=n, dtype=np.int64))

    def __call__(self, batch: Batch, chances: Tensor | None, spec: DataSpec) -> Batch:
        """Return the batch with noise on its main field."""
        assert chances is not None
        return batch.replace(**{batch.main: dequantised(batch.x, chances)})

    def __repr__(self) -> str:
        return "dequantise"


class Derive:
    """A field worked out of the main one, beside it.

    Args:
        name: of the field.
        how: it is worked out.
    """

    chances = True

    def __init__(self, name: str, how: Derivation) -> None:
        self.name, self.how = name, how

    def draw(self, rng: np.random.Generator, n: int) -> Tensor:
        """Return what chance there is in it for n rows, (n, chances) in [0, 1)."""
        return torch.from_numpy(rng.random((n, self.how.chances), dtype=np.float32))

    def __call__(self, batch: Batch, chances: Tensor | None, spec: DataSpec) -> Batch:
        """Return the batch with the field; if it is there, as it is."""
        assert chances is not None
        if self.name in batch:
            return batch
        return batch.replace(**{self.name: self.how.work_out(batch.x, chances)})

    def __repr__(self) -> str:
        return f"{self.name}: {self.how!r}"


class OneTag:
    """One of each record's tags, drawn anew at each look: the others are as if they were not there.

    Source: Brock et al. 2019, section 4.3, of JFT-300M. A record without tags stays without.

    Args:
        field: that of the tags.
    """

    chances = True

    def __init__(self, field: str) -> None:
        self.field = field

    def draw(self, rng: np.random.Generator, n: int) -> Tensor:
        """Return a number in [0, 1) for each row, (n,) float32."""
        return torch.from_numpy(rng.random(n, dtype=np.float32))

    def __call__(self, batch: Batch, chances: Tensor | None, spec: DataSpec) -> Batch:
        """Return the batch with one tag a row, (n, tags) of 0 and 1."""
        assert chances is not None
        return batch.replace(**{self.field: one_of(batch[self.field], chances)})

    def __repr__(self) -> str:
        return f"one tag of {self.field}"


def one_of(tags: Tensor, chances: Tensor) -> Tensor:
    """Return one of each row's tags (n, tags) of 0 and 1, by numbers (n,) in [0, 1)."""
    place = tags.cumsum(1)  # the k-th tag of a row that is there has k
    count = place[:, -1:]
    chosen = (chances.to(tags.device)[:, None] * count).floor().clamp_max(count - 1) + 1
    return tags * (place == chosen)


class AtSize:
    """Every field brought to a size in space, as its kind has it: images by means of pixels.

    Args:
        size: (height, width) of images.
    """

    chances = False

    def __init__(self, size: Size) -> None:
        self.size = tuple(size)

    def draw(self, rng: np.random.Generator, n: int) -> Tensor:
        """Return nothing for each row: a size is no matter of chance."""
        return torch.empty(n, 0)

    def __call__(self, batch: Batch, chances: Tensor | None, spec: DataSpec) -> Batch:
        """Return the batch at the size."""
        known = {name: domain for name, domain in spec.fields.items() if name in batch}
        return batch.replace(**{k: d.resized(batch[k], self.size) for k, d in known.items()})

    def __repr__(self) -> str:
        return f"size {'x'.join(map(str, self.size))}"


def dequantised(images: Tensor, keys: Tensor) -> Tensor:
    """Return images (N, C, H, W) in [−1, 1] with noise of one level, by keys (N,) int64."""
    places = torch.arange(images[0].numel(), device=images.device)
    noise = _hashed(keys[:, None] + places * _STEP).view_as(images)
    return (images + 1).mul(127.5).add(noise).div(128).sub(1)


_STEP = -0x61C8864680B583EB  # 2⁶⁴ over the golden ratio, as a signed number
_MIXERS = ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15))


def _hashed(state: Tensor) -> Tensor:
    """Return numbers in [0, 1) from int64 states: the output function of SplitMix64."""
    for shift, factor in _MIXERS:
        state = (state ^ _shifted(state, shift)) * factor
    state = state ^ _shifted(state, 31)
    return _shifted(state, 40).to(torch.float32).mul(2.0**-24)


def _shifted(state: Tensor, by: int) -> Tensor:
    """Return states shifted right with zeros entering, which int64 does not do by itself."""
    return (state >> by) & ((1 << (64 - by)) - 1)
