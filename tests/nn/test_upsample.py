"""The up-samplers against matrices written out, and against each other."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from ganvas.errors import UsageError
from ganvas.nn import Resize, UpConv2d, as_transposed, box_kernel, lipschitz, upsampler
from ganvas.nn.upsample import shuffled

NAMES = [
    *("deconv", "deconv_even", "subpixel", "subpixel_icnr", "nn_resize", "bilinear_resize"),
    "deconv_then_s1",
]
SIZES = {1: (5,), 2: (4, 3), 3: (2, 3, 2)}


def place(n: int, size: int, padding: str) -> int | None:
    """Return which pixel stands at n, outside of the image by the rule."""
    if 0 <= n < size:
        return n
    if padding == "zeros":
        return None
    return (
        min(max(n, 0), size - 1) if padding == "replicate" else (-n if n < 0 else 2 * size - 2 - n)
    )


def grid(size):
    return list(itertools.product(*map(range, size)))


def filled(outputs, inputs, entries) -> np.ndarray:
    """Return a matrix of outputs × inputs from (output, input, value), added up."""
    rows, columns = ({p: i for i, p in enumerate(grid(s))} for s in (outputs, inputs))
    matrix = np.zeros((len(rows), len(columns)))
    for to, origin, value in entries:
        if to in rows and origin in columns:
            matrix[rows[to], columns[origin]] += value
    return matrix


def keeping(w, size, padding):
    """Return the matrix of a convolution with stride 1 that keeps the size."""
    middle = [k // 2 for k in w.shape]

    def entries():
        for n, t in itertools.product(grid(size), grid(w.shape)):
            along = zip(n, t, middle, size, strict=True)
            at = [place(a + b - m, side, padding) for a, b, m, side in along]
            if None not in at:
                yield n, tuple(at), w[t]

    return filled(size, size, entries())


def transposing(w, size, s, cut):
    """Return the matrix of a transposed convolution: input i writes tap m to s·i + m − cut."""

    def entries():
        for i, m in itertools.product(grid(size), grid(w.shape)):
            yield tuple(s * a + b - cut for a, b in zip(i, m, strict=True)), i, w[m]

    return filled(tuple(s * n for n in size), size, entries())


def nearest(size, s):
    big = tuple(s * n for n in size)
    return filled(big, size, ((n, tuple(a // s for a in n), 1.0) for n in grid(big)))


def linear(size, s):
    """Return the matrix of linear interpolation: the centre of n lies at (n + ½)/s − ½."""
    matrix = np.ones((1, 1))
    for side in size:
        one = np.zeros((s * side, side))
        for n in range(s * side):
            at = min(max((n + 0.5) / s - 0.5, 0), side - 1)
            low = min(int(at), side - 1)
            one[n, low] += 1 - (at - low)
            one[n, min(low + 1, side - 1)] += at - low
        matrix = np.kron(matrix, one)
    return matrix


def squares(w, size, s, padding):
    """Return the matrix of a sub-pixel convolution with kernels w (s^d, …)."""
    phases = grid((s,) * len(size))
    each = [keeping(one, size, padding) for one in w]
    rows = {p: i for i, p in enumerate(grid(size))}
    found = []
    for n in grid(tuple(s * side for side in size)):
        phase = phases.index(tuple(a % s for a in n))
        found.append(each[phase][rows[tuple(a // s for a in n)]])
    return np.stack(found)


def matrix_of(name, layer, size, s, padding, o, i):
    """Return the matrix from input channel i to output channel o, from the layer's weights."""
    dims = len(size)
    if name.startswith("deconv"):
        first = layer[0] if name == "deconv_then_s1" else layer
        k = first.kernel_size[0]
        cut = -(-(k - s) // 2)
        middle = [transposing(first.weight[i, c].numpy(), size, s, cut) for c in range(2)]
        if name != "deconv_then_s1":
            return middle[o]
        big = tuple(s * n for n in size)
        return sum(
            keeping(layer[1].weight[o, c].numpy(), big, padding) @ middle[c] for c in range(2)
        )
    w = layer.weight[:, i].numpy()
    if name.startswith("subpixel"):
        return squares(w[o * s**dims : (o + 1) * s**dims], size, s, padding)
    enlarge = nearest if name == "nn_resize" else linear
    return keeping(w[o], tuple(s * n for n in size), padding) @ enlarge(size, s)


@pytest.mark.parametrize(
    ("dims", "s", "k"), [(1, 2, 5), (1, 3, 3), (2, 2, 3), (2, 2, 4), (3, 2, 3)]
)
@pytest.mark.parametrize("name", NAMES)
def test_every_upsampler_is_its_matrix(name, dims, s, k):
    torch.manual_seed(0)
    size = SIZES[dims]
    for padding in ("reflect", "replicate", "zeros"):
        layer = upsampler(name, 2, 2, k, scale=s, padding=padding, dims=dims, bias=False).double()
        layer.requires_grad_(False)
        x = torch.randn(1, 2, *size, dtype=torch.double)
        y = layer(x)
        assert y.shape == (1, 2, *(s * n for n in size))
        flat = [x[0, i].flatten().numpy() for i in range(2)]
        for o in range(2):
            wanted = sum(matrix_of(name, layer, size, s, padding, o, i) @ flat[i] for i in range(2))
            np.testing.assert_allclose(y[0, o].flatten().numpy(), wanted, atol=1e-10)


@pytest.mark.parametrize("padding", ["reflect", "replicate", "zeros"])
@pytest.mark.parametrize(
    ("k", "s", "dims"), [(3, 2, 2), (5, 2, 2), (3, 3, 2), (1, 2, 2), (3, 2, 3), (5, 2, 1)]
)
def test_a_resize_is_the_transposed_convolution_by_a_box_kernel(k, s, dims, padding):
    torch.manual_seed(1)
    layer = upsampler("nn_resize", 3, 4, k, scale=s, padding=padding, dims=dims)
    way, x = layer.way, torch.randn(2, 3, *[6] * dims)
    plain = way.plain(x, layer.weight, layer.bias)
    if way.has_quick(layer.weight):
        torch.testing.assert_close(way.quick(x, layer.weight, layer.bias), plain, atol=1e-5, rtol=0)
    assert way.has_quick(layer.weight) or (padding, k) == ("reflect", 5)
    assert box_kernel(layer.weight, way.scale).shape == (3, 4, *[k + s - 1] * dims)
    inside = (..., *[slice(k, -k)] * dims)
    torch.testing.assert_close(as_transposed(layer)(x)[inside], plain[inside], atol=1e-5, rtol=0)


def test_a_resize_is_four_phase_kernels_at_the_coarse_grid():
    """Kernel 3, scale 2: phase 0 is [w₀, w₁+w₂] on pixels i−1, i, phase 1 [w₀+w₁, w₂] on i, i+1."""
    layer, x = upsampler("nn_resize", 2, 3, 3), torch.randn(2, 2, 5, 7)
    fold = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]])
    # The first row of squares starts one pixel outside: it is phase 1 of the pixel before.
    kernels = torch.einsum("pat,qbu,oitu->opqiab", fold.flip(0), fold.flip(0), layer.weight)
    small = torch.nn.functional.conv2d(
        torch.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate"), kernels.flatten(0, 2)
    )
    found = shuffled(small, (2, 2))[..., 1:-1, 1:-1] + layer.bias[:, None, None]
    torch.testing.assert_close(
        found, layer.way.plain(x, layer.weight, layer.bias), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_subpixel_convolution_is_a_transposed_one_with_a_kernel_s_times_as_large(dims):
    layer = upsampler("subpixel", 2, 3, 3, padding="zeros", dims=dims)
    nn.init.zeros_(layer.bias)
    deconv = as_transposed(layer)
    assert deconv.kernel_size == (6,) * dims
    x = torch.randn(2, 2, *SIZES[dims])
    torch.testing.assert_close(deconv(x), layer(x), atol=1e-5, rtol=0)


def test_icnr_repeats_pixels_at_the_start_and_not_after_a_step():
    layer, x = upsampler("subpixel_icnr", 2, 3, 3), torch.randn(2, 2, 5, 4)
    y = layer(x)
    assert torch.equal(y, y[..., ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3))
    y.square().sum().backward()
    with torch.no_grad():
        layer.weight.sub_(torch.randn_like(layer.weight))
    y = layer(x)
    assert not torch.allclose(y[..., ::2, :], y[..., 1::2, :])


def test_what_a_resize_makes_of_a_constant_is_constant():
    torch.manual_seed(0)
    x = torch.full((1, 3, 6, 5), 0.7)
    for name in ("nn_resize", "bilinear_resize"):
        for padding in ("reflect", "replicate"):
            y = upsampler(name, 3, 2, 3, padding=padding)(x)
            assert (y - y[..., :1, :1]).abs().max() < 1e-6
    for name in ("deconv", "deconv_even", "subpixel", "deconv_then_s1"):
        y = upsampler(name, 3, 2, 3)(x)[..., 3:-3, 3:-3]
        assert (y - y[..., :1, :1]).abs().max() > 1e-2


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_both_ways_and_sizes_of_any_side(name):
    layer = upsampler(name, 2, 3, 5).double()
    for size in ((3, 4), (4, 5), (7, 3)):
        x = torch.randn(1, 2, *size, dtype=torch.double, requires_grad=True)
        y = layer(x)
        assert y.shape == (1, 3, 2 * size[0], 2 * size[1])
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        slope.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer, of sizes that it takes for constants
        traced = torch.jit.trace(layer.eval(), x)
    torch.testing.assert_close(traced(x + 1), layer(x + 1))


def test_the_quick_way_has_the_gradients_of_the_plain_one():
    layer, x = upsampler("nn_resize", 2, 3, 3).double(), torch.randn(2, 2, 4, 5).double()
    slopes = [
        torch.autograd.grad(way(x, layer.weight, layer.bias).sin().sum(), list(layer.parameters()))
        for way in (layer.way.plain, layer.way.quick)
    ]
    torch.testing.assert_close(*slopes)


def test_bounds_on_the_slope_are_kept():
    torch.manual_seed(0)
    for name, padding in itertools.product(NAMES, ("reflect", "replicate", "zeros")):
        layer = upsampler(name, 2, 2, 3, padding=padding, bias=False).double().requires_grad_(False)
        units = torch.eye(2 * 4 * 3, dtype=torch.double).unflatten(1, (2, 4, 3))
        true = torch.linalg.matrix_norm(layer(units).flatten(1), 2).item()
        assert true <= lipschitz(layer) * (1 + 1e-6) <= 20 * true


def test_axes_may_differ():
    layer = upsampler("nn_resize", 2, 3, (1, 3, 3), scale=(1, 2, 2), dims=3)
    assert layer(torch.randn(1, 2, 3, 4, 5)).shape == (1, 3, 3, 8, 10)
    deconv = upsampler("deconv", 2, 3, (2, 1, 1), scale=(2, 1, 1), dims=3)
    assert deconv(torch.randn(1, 2, 1, 4, 5)).shape == (1, 3, 2, 4, 5)


def test_kernels_that_cannot_enlarge_are_refused():
    with pytest.raises(UsageError, match=r"kernel 2 cannot enlarge by 3.*nn_resize"):
        upsampler("deconv", 2, 3, 2, scale=3)
    with pytest.raises(UsageError, match="too small to be padded by reflection.*replicate"):
        UpConv2d(1, 1, 5, Resize((2, 2)), True)(torch.ones(1, 1, 1, 1))
