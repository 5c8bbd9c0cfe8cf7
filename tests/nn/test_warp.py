"""Images under affine maps: whole maps exactly, others as filters and samples by hand have them."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.nn import band_filters, banded, changed_rows, folded, warped
from ganvas.nn.warp import MARGIN, SYM2, SYM6, resampled, sampled


def images(n: int = 3, channels: int = 2, height: int = 8, width: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, channels, height, width, generator=generator, dtype=torch.float64)


def maps(*rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def turned(angle: float, scale: float = 1.0, across: float = 0.0, down: float = 0.0) -> Tensor:
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    return maps([[c, -s, across], [s, c, down]])


def correlated(x: Tensor, taps: Tensor, axis: int) -> Tensor:
    """Return Σ_k taps[k] x[… + k] along an axis, one term after the other."""
    size = x.shape[axis] - len(taps) + 1
    return sum((t * x.narrow(axis, k, size) for k, t in enumerate(taps)), torch.zeros(()))


def by_hand(x: Tensor, inverse: Tensor) -> Tensor:
    """Return what `resampled` is, by 3×3 matrices, zero insertion and sums over taps."""
    n, c, h, w = x.shape
    taps = torch.tensor(SYM6, dtype=x.dtype)
    taps = taps / taps.sum()
    full = torch.eye(3, dtype=x.dtype).repeat(n, 1, 1)
    full[:, :2] = inverse
    more = 3 * max(h, w)
    rows, columns = (folded(torch.arange(-more, side + more), side) for side in (h, w))
    x = x[:, :, rows][:, :, :, columns]
    fine = x.new_zeros(n, c, 2 * x.shape[2], 2 * x.shape[3])
    fine[:, :, ::2, ::2] = x
    fine = F.pad(fine, (6, 5, 6, 5))
    for axis in (2, 3):
        fine = 2 * correlated(fine, taps.flip(0), axis)

    def scale(a: float, b: float) -> Tensor:
        return torch.diag(torch.tensor([a, b, 1.0], dtype=x.dtype))

    def move(by: float) -> Tensor:
        return torch.eye(3, dtype=x.dtype) + by * torch.tensor(
            [[0, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=x.dtype
        )

    full = move(-0.5) @ scale(2, 2) @ full @ scale(0.5, 0.5) @ move(0.5)
    shape = (n, c, 2 * (h + 2 * MARGIN), 2 * (w + 2 * MARGIN))
    full = scale(2 / fine.shape[3], 2 / fine.shape[2]) @ full @ scale(shape[3] / 2, shape[2] / 2)
    grid = F.affine_grid(full[:, :2], list(shape), align_corners=False)
    out = F.grid_sample(fine, grid, align_corners=False)
    for axis, side in ((2, h), (3, w)):
        out = correlated(out, taps, axis).narrow(axis, 1, 2 * side)
        out = out.index_select(axis, torch.arange(0, 2 * side, 2))
    return out


def test_places_beyond_the_ends_are_mirrored_as_often_as_it_takes():
    places = torch.arange(-9, 12)
    expected = [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]
    assert folded(places - 0, 4).tolist() == [int(e) for e in expected]
    assert folded(places, 1).tolist() == [0] * len(places)
    padded = F.pad(torch.arange(5.0)[None, None], (4, 4), mode="reflect")[0, 0]
    assert folded(torch.arange(-4, 9), 5).tolist() == padded.tolist()


@pytest.mark.parametrize(
    "inverse",
    [turned(0.4), turned(0.0, 0.8), turned(2.5, 1.2, 1.3, -0.6), turned(0.0, 1.0, 0.5, 0.25)],
)
def test_resampling_is_filters_and_samples(inverse: Tensor):
    x = images()
    found = resampled(x, inverse.expand(3, 2, 3))
    torch.testing.assert_close(found, by_hand(x, inverse.expand(3, 2, 3)), atol=1e-9, rtol=0)


def test_the_filters_give_back_what_went_in():
    x = images()
    torch.testing.assert_close(resampled(x, turned(0).expand(3, 2, 3)), x, atol=1e-6, rtol=0)


def test_a_shift_of_the_whole_resampling_is_one_of_pixels():
    x = images(1)
    by = turned(0.0, 1.0, 1.0, -2.0)
    torch.testing.assert_close(resampled(x, by), warped(x, by), atol=1e-6, rtol=0)


def test_maps_of_pixels_onto_pixels_move_them_as_they_are():
    x = images(4, height=7, width=7)
    inverse = torch.cat(
        [turned(0), turned(0), turned(math.pi / 2).round(), turned(0, 1.0, 2.0, -1.0)]
    )
    inverse[1, 0, 0] = -1
    found = warped(x, inverse)
    assert found[0].equal(x[0])
    assert found[1].equal(x[1].flip(2))
    assert found[2].equal(x[2].rot90(1, (1, 2))) or found[2].equal(x[2].rot90(-1, (1, 2)))
    rows, columns = folded(torch.arange(7) - 1, 7), folded(torch.arange(7) + 2, 7)
    assert found[3].equal(x[3][:, rows][:, :, columns])


def test_each_image_has_its_own_map_and_others_rest_bit_for_bit():
    x = images()
    inverse = torch.cat([turned(0), turned(0.7), turned(0)])
    found = warped(x, inverse)
    assert found[[0, 2]].equal(x[[0, 2]])
    torch.testing.assert_close(found[1:2], resampled(x[1:2], inverse[1:2]))
    assert changed_rows(x, torch.zeros(3, dtype=torch.bool), lambda some, at: some + 1) is x


def test_samples_between_pixels_have_derivatives_of_any_order():
    x = images(1, 1, 3, 3).requires_grad_()
    grid = torch.rand(1, 4, 4, 2, dtype=torch.float64) * 2.4 - 1.2

    def curved(x: Tensor) -> Tensor:
        return sampled(x, grid).pow(3)

    assert torch.autograd.gradcheck(curved, x)
    assert torch.autograd.gradgradcheck(curved, x)
    torch.testing.assert_close(sampled(x, grid), F.grid_sample(x, grid, align_corners=False))


def test_bands_add_up_to_the_identity_and_lie_one_above_the_other():
    bank = band_filters(4)
    whole = torch.zeros(43, dtype=torch.float64)
    whole[21] = 1
    torch.testing.assert_close(bank.sum(0), whole)
    torch.testing.assert_close(bank, bank.flip(1))
    power = torch.fft.rfft(bank, 512).abs()
    centres = (power * torch.arange(power.shape[1])).sum(1) / power.sum(1)
    assert centres.diff().gt(0).all()
    assert torch.tensor(SYM2).square().sum().item() == pytest.approx(1)


def test_filters_are_convolutions_of_the_mirrored_image():
    x, bank = images(height=5), band_filters(4)
    kernels = torch.rand(3, 4, dtype=torch.float64) @ bank
    rows, columns = (folded(torch.arange(-21, side + 21), side) for side in (5, 6))
    wide = x[:, :, rows][:, :, :, columns]
    for image, kernel, padded in zip(banded(x, kernels), kernels, wide, strict=True):
        expected = correlated(correlated(padded, kernel, 1), kernel, 2)
        torch.testing.assert_close(image, expected)
