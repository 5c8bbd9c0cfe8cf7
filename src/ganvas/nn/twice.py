"""Second derivatives without waste, for penalties on the slope of a network.

PyTorch's own are right, and dear where a network is convolutional and piecewise linear:

- The second derivative of a rectifier is 0. PyTorch hands these zeros down through all layers
  below, so that a penalty pays for a whole further backward pass, of zeros.
- The double backward of a convolution finds the weight's gradient by a convolution whose kernel is
  as large as the image, group after group, and even where the weight is a constant.

Inside `Twice` both are played by functions of the same values and the same derivatives of any
order, without zeros, and with one native call for each derivative of a convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

from ganvas.nn.precision import rounds

aten: Any = torch.ops.aten  # pyright: ignore[reportUnknownMemberType]

SMALL = 8
"""Side of images up to which PyTorch's double backward of a dense convolution is as fast."""


class Twice(TorchFunctionMode):
    """A block in which networks are played so that their second derivatives cost little.

    They need not know: convolutions of one to three dimensions, transposed or not, and (leaky)
    rectifiers are replaced where they are called.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func``, or what is played in its place."""
        return REPLACED.get(func, func)(*args, **(kwargs or {}))


# ---- convolutions -------------------------------------------------------------------------------


class Geometry(NamedTuple):
    """How a kernel slides, in the order of ``torch.ops.aten.convolution``."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    transposed: bool
    output_padding: list[int]
    groups: int


class Trilinear(Function):
    """A derivative of S(x, w, g) = ⟨x ∗ w, g⟩, which is linear in each of the three.

    That by g is the convolution x ∗ w, those by x and by w are its gradients. The derivatives of
    each are those by the other two with one argument exchanged, so that there is an end to it.
    """

    @staticmethod
    def forward(
        ctx: Any,
        by: int,
        x: Tensor,
        w: Tensor,
        g: Tensor | None,
        bias: Tensor | None,
        how: Geometry,
    ) -> Tensor:
        """Return ∂S/∂x, ∂S/∂w or ∂S/∂g + bias for ``by`` 0, 1 or 2, of whom only shape counts."""
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, w, g)
        ctx.by, ctx.how = by, how
        if by == 2:
            return aten.convolution(x, w, bias, *how)
        return aten.convolution_backward(g, x, w, None, *how, [by == 0, by == 1, False])[by]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        """Return the gradients of x, w, g and the bias, as far as somebody reads them."""
        (v,) = grads
        found: list[Tensor | None] = [None] * 4
        if v is not None:
            x, w, g = [*ctx.saved_tensors[: ctx.by], v, *ctx.saved_tensors[ctx.by + 1 :]]
            if ctx.by != 0 and _is_read(ctx, 0):
                found[0] = Trilinear.apply(0, x.detach(), w, g, None, ctx.how)
            if ctx.by != 1 and _is_read(ctx, 1):
                found[1] = Trilinear.apply(1, x, w.detach(), g, None, ctx.how)
            if ctx.by != 2 and _is_read(ctx, 2):
                found[2] = Trilinear.apply(2, x, w, None, None, ctx.how)
            if ctx.by == 2 and _is_read(ctx, 2):  # the third tensor is the bias then
                found[3] = v.sum([0, *range(2, v.dim())])
        return None, *found, None


def convolve(x: Tensor, w: Tensor, bias: Tensor | None, how: Geometry) -> Tensor:
    """Return x ∗ w + bias, which can be differentiated any number of times.

    Args:
        x: (N, C, …) with one to three dimensions of space.
        w: kernels as `torch.nn.functional` has them.
        bias: one for each output channel.
        how: the rest.
    """
    return cast(Tensor, Trilinear.apply(2, x, w, None, bias, how))


def _is_read(ctx: Any, place: int) -> bool:
    """Whether this backward pass uses the gradient of an argument, counted among tensors.

    ``ctx.needs_input_grad`` says whether any could: `torch.autograd.grad` asks for some of them.
    """
    function = ctx.next_functions[place][0] if place < len(ctx.next_functions) else None
    if function is None:
        return False
    try:
        return torch._C._will_engine_execute_node(function)  # pyright: ignore[reportPrivateUsage]
    except RuntimeError:  # a leaf that was asked for
        return True


def _pays(x: Tensor, w: Tensor, how: Geometry) -> bool:
    """Whether `convolve` can play it, and is faster (docs/decisions/0010-convolutions.md)."""
    if x.dim() != len(how.stride) + 2:
        return False
    if not w.requires_grad:
        return True
    if how.groups > 1:
        by_channel = w.shape[1] == 1 and max(how.stride) > 1
        return not by_channel or x.is_contiguous(memory_format=torch.channels_last)
    wins = rounds(x) or w[0, 0].numel() == 1 or max(x.shape[2:]) > SMALL
    return x.device.type == "cpu" and wins


def _played(plain: Callable[..., Tensor], dims: int, names: str) -> Callable[..., Tensor]:
    """Return what is played in the place of a convolution whose arguments have these names."""

    def played(*args: Any, **kwargs: Any) -> Tensor:
        given = dict(zip(names.split(), args, strict=False)) | kwargs
        x, w = given["input"], given["weight"]

        def sizes(name: str, default: int) -> list[int]:
            size: int | Sequence[int] = given.get(name, default)
            several = [size] if isinstance(size, int) else list(size)
            return several * dims if len(several) == 1 else several

        if isinstance(given.get("padding"), str):
            return plain(*args, **kwargs)
        how = Geometry(
            stride=sizes("stride", 1),
            padding=sizes("padding", 0),
            dilation=sizes("dilation", 1),
            transposed="output_padding" in names,
            output_padding=sizes("output_padding", 0),
            groups=given.get("groups", 1),
        )
        if not _pays(x, w, how):
            return plain(*args, **kwargs)
        bias = given.get("bias")
        if rounds(x):
            kind = torch.get_autocast_dtype(x.device.type)
            x, w, bias = (t if t is None else t.to(kind) for t in (x, w, bias))
        return convolve(x, w, bias, how)

    return played


CONVOLUTION = "input weight bias stride padding dilation groups"
TRANSPOSED = "input weight bias stride padding output_padding groups dilation"


# ---- rectifiers ---------------------------------------------------------------------------------


class Rectifier(Function):
    """x where it is positive, else slope · x. Its second derivative is none, in place of zeros."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        """Return a tensor of the same shape."""
        y = F.leaky_relu(x, slope) if slope else F.relu(x)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(y)  # as positive as x is, and kept by the next layer anyhow
        ctx.slope = slope
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None]:
        """Return the gradient of x, differentiable in what comes from above only."""
        (g,), (y,) = grads, ctx.saved_tensors
        if g is None:
            return None, None
        if not ctx.slope:
            return aten.threshold_backward(g, y.detach(), 0), None
        return aten.leaky_relu_backward(g, y.detach(), ctx.slope, True), None


def _relu(input: Tensor, inplace: bool = False) -> Tensor:
    return _leaky_relu(input, 0.0, inplace)


def _leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    if inplace or negative_slope < 0:
        return F.leaky_relu(input, negative_slope, inplace)
    return cast(Tensor, Rectifier.apply(input, negative_slope))


REPLACED: dict[Callable[..., Any], Callable[..., Any]] = {
    F.relu: _relu,
    torch.relu: _relu,
    Tensor.relu: _relu,
    F.leaky_relu: _leaky_relu,
    F.conv1d: _played(F.conv1d, 1, CONVOLUTION),
    F.conv2d: _played(F.conv2d, 2, CONVOLUTION),
    F.conv3d: _played(F.conv3d, 3, CONVOLUTION),
    F.conv_transpose1d: _played(F.conv_transpose1d, 1, TRANSPOSED),
    F.conv_transpose2d: _played(F.conv_transpose2d, 2, TRANSPOSED),
    F.conv_transpose3d: _played(F.conv_transpose3d, 3, TRANSPOSED),
}
"""What is played in the place of which function."""
