"""Near duplicates of a set of images: equal codes of an autoencoder (DCGAN, section 3.1).

A denoising autoencoder 3072 → 128 → 3072 with a rectified code learns images of 32×32. Which of the
128 units are above 0 is an image's key, and images of one key are near duplicates of one another.
One pass over a dictionary finds them, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ganvas.data.catalogue import DATA_NAMES, read
from ganvas.data.pixels import WHITE, Array8, Form, conform_array
from ganvas.data.settings import DataSettings
from ganvas.slices import slices

EDGE: Final = 32
BITS: Final = 128
FORM: Final = Form((EDGE, EDGE), "fit-crop", "rgb", WHITE)
"""What images are looked at as: colour, centre crops."""


@dataclass(frozen=True)
class Training:
    """How the autoencoder is trained; the paper does not say.

    Attributes:
        steps: of Adam.
        batch: images in each.
        rate: of Adam.
        corrupted: share of the inputs that are set to the mean.
        dropped: share of the code that is left out.
        seed: of weights, order and both.
    """

    steps: int = 600
    batch: int = 128
    rate: float = 1e-3
    corrupted: float = 0.2
    dropped: float = 0.5
    seed: int = 0


USUAL: Training = Training()


class Autoencoder(nn.Module):
    """3072 → 128 rectified units → 3072."""

    def __init__(self) -> None:
        super().__init__()
        self.code = nn.Linear(3 * EDGE * EDGE, BITS)
        self.out = nn.Linear(BITS, 3 * EDGE * EDGE)

    def forward(self, x: Tensor, told: Training) -> Tensor:
        """Return what is made of corrupted items (N, 3072)."""
        x = nn.functional.dropout(x, told.corrupted)
        return self.out(nn.functional.dropout(self.code(x).relu(), told.dropped))


def near_duplicates(source: str) -> list[list[str]]:
    """Return the groups of near duplicates of a data set, by file or split and number.

    Args:
        source: images, as `DataSettings.source` has them; broken files are left out.

    Raises:
        UsageError: it is not there.
    """
    if source in DATA_NAMES:
        collection = read(DataSettings(source=source))
    else:
        form = {"size": EDGE, "resize": "fit-crop", "channels": "rgb", "background": "white"}
        told = {"source": source, "skip_broken": True, **form}
        collection = read(DataSettings.model_validate(told))
    names = [
        name
        for split, items in collection.splits.items()
        for name in collection.files.get(split) or [f"{split} {row}" for row in range(len(items))]
    ]
    images = np.concatenate([np.asarray(items.x) for items in collection.splits.values()])
    return [[names[row] for row in rows] for rows in groups(keys(images))]


def keys(images: Array8, told: Training | None = None) -> npt.NDArray[np.uint8]:
    """Return the 128 bits of each image of uint8 (N, H, W, C) as 16 bytes, (N, 16)."""
    told = told or USUAL
    x = torch.from_numpy(conform_array(images, FORM)).flatten(1)
    with torch.random.fork_rng([]):
        torch.manual_seed(told.seed)
        network, mean, scale = _trained(x, told)
    with torch.no_grad():
        codes = [network.code(_unit(x[part], mean, scale)) for part in slices(len(x), 1000)]
    return np.packbits((torch.cat(codes) > 0).numpy(), axis=1)


def groups(found: npt.NDArray[np.uint8]) -> list[list[int]]:
    """Return the rows of equal keys (N, 16), those of two or more; the first one stays."""
    together: dict[bytes, list[int]] = {}
    for row, key in enumerate(found):
        together.setdefault(key.tobytes(), []).append(row)
    return [rows for rows in together.values() if len(rows) > 1]


def _trained(x: Tensor, told: Training) -> tuple[Autoencoder, Tensor, float]:
    """Return an autoencoder of uint8 (N, 3072), and the mean and spread of its inputs."""
    mean = x.float().mean(0)
    some = x[torch.randperm(len(x))[:1000]].float()
    scale = float((some - mean).square().mean().sqrt()) or 1.0
    network = Autoencoder()
    adam = torch.optim.Adam(network.parameters(), told.rate)
    for _ in range(told.steps):
        clean = _unit(x[torch.randint(len(x), (told.batch,))], mean, scale)
        loss = nn.functional.mse_loss(network(clean, told), clean)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return network, mean, scale


def _unit(x: Tensor, mean: Tensor, scale: float) -> Tensor:
    return (x.float() - mean) / scale
