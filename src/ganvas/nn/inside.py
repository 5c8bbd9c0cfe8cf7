"""What happens inside a network as it computes, and what happens if it computes otherwise.

Networks need not know: every non-linearity is met where it is called, as a module or as a
function, so residual blocks that call ``relu`` are seen like networks made of modules. What it
gives is what papers call a layer's activation: the maps behind a convolution, its norm and its
rectifier.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

from ganvas.nn.layers import Gate, MaxOut, SmoothStep

Anything = Callable[..., Any]

RECTIFIERS: frozenset[Anything] = frozenset({F.relu, torch.relu, Tensor.relu, F.leaky_relu})
"""Functions of which a gradient is guided."""
NONLINEAR = RECTIFIERS | {
    *(F.relu6, F.elu, F.selu, F.celu, F.gelu, F.silu, F.mish, F.prelu, F.softplus, F.hardtanh),
    *(torch.tanh, torch.sigmoid, Tensor.tanh, Tensor.sigmoid),
}
"""Functions whose results are layers."""
UNITS = (Gate, SmoothStep, MaxOut)
"""Modules that are one non-linearity, whatever they call."""

ITSELF = "itself"
"""How a layer is called that the network computes outside of all its parts."""


class Called(NamedTuple):
    """A non-linearity that was just called.

    Attributes:
        network: the outermost module that computes, by its name below the root.
        layer: the module in which it was called, by its name below that one; of several calls in
            one module the later ones end in ``/2``, ``/3``.
        function: which one; None of a module that is one.
        x, y: what it was given, and what it gave: (N, C, …) or (N, F).
    """

    network: str
    layer: str
    function: Anything | None
    x: Tensor
    y: Tensor


class Inside(TorchFunctionMode):
    """A block in which all non-linearities of the modules below a root are met.

    Args:
        root: a network, or what holds several.
        change: returns what takes the place of what a non-linearity gave.
    """

    def __init__(self, root: nn.Module, change: Callable[[Called], Tensor]) -> None:
        super().__init__()
        self._root, self._change = root, change
        self._open: list[tuple[str, nn.Module, list[None]]] = []  # modules that are computing
        self._hooks = ExitStack()

    def __enter__(self) -> Inside:
        modules = cast(Iterable[tuple[str, nn.Module]], self._root.named_modules())
        for name, module in modules:
            begins, ends = partial(self._begins, name), self._ends
            for handle in (
                module.register_forward_pre_hook(begins),
                module.register_forward_hook(ends, always_call=True),
            ):
                self._hooks.callback(handle.remove)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        self._hooks.close()
        super().__exit__(*error)

    def __torch_function__(
        self,
        func: Anything,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func``, and meet it if it is a non-linearity."""
        y = func(*args, **(kwargs or {}))
        whole = any(isinstance(module, UNITS) for _, module, _ in self._open)
        if func not in NONLINEAR or whole or not self._open:
            return y
        x = args[0] if args else (kwargs or {})["input"]
        return self._meet(func, x, y)

    def _begins(self, name: str, module: nn.Module, args: Any) -> None:
        self._open.append((name, module, []))

    def _ends(self, module: nn.Module, args: Any, output: Any) -> Any:
        changed = None
        if isinstance(module, UNITS) and isinstance(output, Tensor):
            changed = self._meet(None, args[0], output)
        self._open.pop()
        return changed

    def _meet(self, function: Anything | None, x: Tensor, y: Tensor) -> Tensor:
        (network, _, _), (inner, _, calls) = self._open[0], self._open[-1]
        calls.append(None)
        layer = inner.removeprefix(network).removeprefix(".") or ITSELF
        if len(calls) > 1:
            layer = f"{layer}/{len(calls)}"
        return self._change(Called(network, layer, function, x, y))


def layers_of(root: nn.Module, compute: Callable[[], object]) -> dict[str, Tensor]:
    """Return what all non-linearities below a root give while something is computed, in order.

    Args:
        root: a network, or what holds several.
        compute: calls it.

    Returns:
        (N, C, …) or (N, F) by the layer's name: of the module below the network that was called,
        and with that network's own name before it where several were. Of a module that computes
        more than once it is the last result.
    """
    found: dict[tuple[str, str], Tensor] = {}

    def note(met: Called) -> Tensor:
        found.pop((met.network, met.layer), None)
        found[met.network, met.layer] = met.y
        return met.y

    with Inside(root, note):
        compute()
    several = len({network for network, _ in found}) > 1
    return {f"{net}.{layer}" if several else layer: y for (net, layer), y in found.items()}


@contextmanager
def dropped(root: nn.Module, layer: str, maps: Iterable[int]) -> Generator[None]:
    """Let some maps of a layer be 0 everywhere, for a block; all others are as they were.

    Args:
        root: as for `layers_of`.
        layer: its name, as `layers_of` gives it.
        maps: their numbers.
    """
    gone = sorted(set(maps))

    def without(met: Called) -> Tensor:
        if not gone or layer not in (met.layer, f"{met.network}.{met.layer}"):
            return met.y
        return met.y.index_fill(1, torch.tensor(gone, device=met.y.device), 0)

    with Inside(root, without):
        yield


@contextmanager
def guided(root: nn.Module) -> Generator[None]:
    """Let gradients be guided through rectifiers, for a block (Springenberg et al. 2015).

    A gradient passes a rectifier where what went in was positive and the gradient is, too; of leaky
    ones the negative side is closed. What networks compute is unchanged.
    """

    def gate(met: Called) -> Tensor:
        if met.function not in RECTIFIERS:
            return met.y
        return cast(Tensor, _Gated.apply(met.x, met.y.detach()))

    with Inside(root, gate):
        yield


class _Gated(Function):
    """What a rectifier gives, with the guided gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x > 0)
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (positive,) = ctx.saved_tensors
        return gradients[0].clamp(min=0) * positive, None
