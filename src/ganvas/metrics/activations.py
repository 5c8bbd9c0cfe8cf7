"""What is in a generator's maps: droplets, fine detail, and how evenly images follow codes.

Source: Karras et al. 2020, Figs. 1, 3, 8, 15 and 16; as numbers they are not in the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast

import torch
from torch import Tensor, nn

from ganvas.nn import exactly
from ganvas.nn.inside import Called, Inside

TINY: Final = 1e-8
SMALLEST: Final = 8
"""Side of maps from which on a spectrum says something."""


class Layer(NamedTuple):
    """What is told of a layer's maps.

    Attributes:
        size: (height, width).
        droplets: how far the highest peak of a sample stands out, a mean over samples.
        fine: share of their power above half of the highest frequency; None of small maps.
        spectrum: power by frequency, from the lowest to the highest, summing to 1.
    """

    size: tuple[int, int]
    droplets: float
    fine: float | None
    spectrum: list[float]


@torch.no_grad()
def activations(network: nn.Module, run: Callable[[], Any]) -> dict[str, Tensor]:
    """Return the maps (N, C, h, w) of all layers of a network that a call computes, by name."""
    found: dict[str, Tensor] = {}

    def keep(called: Called) -> Tensor:
        if called.y.dim() == 4:
            found[f"{called.network}.{called.layer}"] = called.y.detach()
        return called.y

    with Inside(network, keep):
        run()
    return found


def layers(maps: Mapping[str, Tensor]) -> dict[str, Layer]:
    """Return what is told of each layer's maps."""
    told: dict[str, Layer] = {}
    for name, x in maps.items():
        seen = min(x.shape[2:]) >= SMALLEST
        power = spectrum(x) if seen else torch.zeros(0)
        size = cast(tuple[int, int], tuple(x.shape[2:]))
        told[name] = Layer(size, droplets(x), high_share(x) if seen else None, power.tolist())
    return told


def droplets(x: Tensor) -> float:
    """Return the highest absolute value of maps (N, C, h, w) over the median, a mean over samples.

    Each map is brought to mean 0 and deviation 1 first, as an instance norm would; maps that do not
    vary are left out of it by being 0.
    """
    x = x.double()
    deviation, mean = torch.std_mean(x, dim=(2, 3), keepdim=True, unbiased=False)
    values = ((x - mean) / (deviation + TINY)).abs().flatten(1)
    peak, middle = values.max(1).values, values.median(1).values
    return float((peak / middle.clamp(min=TINY)).mean())


def spectrum(x: Tensor, bins: int = 16) -> Tensor:
    """Return the power of maps (N, C, h, w) by radial frequency, (bins,), as shares of all of it.

    Means of maps are left out; frequencies go to ½ a pixel, and those in the corners beyond it are
    in no bin.
    """
    power, radius = _power(x)
    found = power.new_zeros(bins)
    place = (radius * 2 * bins).long()
    inside = (place < bins) & (radius > 0)
    found.index_add_(0, place[inside], power[inside])
    return found / found.sum().clamp(min=TINY)


def high_share(x: Tensor) -> float:
    """Return the share of power of maps (N, C, h, w) above ¼ a pixel: half the highest."""
    power, radius = _power(x)
    varied = power[radius > 0].sum().clamp(min=TINY)
    return float(power[radius > 0.25].sum() / varied)


def _power(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean power of maps at each frequency, and its distance from 0."""
    fourier: Any = torch.fft
    power = cast(Tensor, fourier.fft2(x.double())).abs().square().mean((0, 1))
    rows, columns = (
        cast(Tensor, fourier.fftfreq(n, dtype=torch.float64, device=x.device)) for n in x.shape[2:]
    )
    return power, torch.hypot(rows[:, None], columns[None])


def singular_values(make: Callable[[Tensor], Tensor], codes: Tensor) -> Tensor:
    """Return the singular values of the Jacobian at each code, (N, min(D, items)), largest first.

    Networks do not round meanwhile: slopes that go forward do not pass through their products.

    Args:
        make: gives items (N, …) of codes, each of its own.
        codes: (N, D).
    """
    found: list[Tensor] = []
    for code in codes:

        def item(one: Tensor) -> Tensor:
            return make(one[None]).flatten()

        with exactly():
            jacobian = cast(Tensor, torch.func.jacfwd(item)(code))
        found.append(cast(Tensor, torch.linalg.svdvals(jacobian.double())))
    return torch.stack(found)
