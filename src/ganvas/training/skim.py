"""Rounds played without their arithmetic: results have their shapes, and stand-ins for values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

LITTLE = 1 << 14
"""Numbers below which an operation is done without a look at what it costs."""
CHEAP = float(1 << 26)
"""Work below which it is done, too: some milliseconds on one core."""
PER_BYTE = 8.0
"""Sums and products that take as long as one byte read or written, on common machines."""
STOCK = 1 << 18
"""Numbers up to which draws stand in for a result; larger ones have memory that nobody touches."""

NOWHERE = {"device": torch.device("meta"), "generator": None}
"""Arguments of operations on tensors without content."""
WORTH_DOING = object()


def work(func: Any, args: Any, kwargs: Mapping[str, Any], made: Any) -> float:
    """Return what an operation costs: its sums and products, and `PER_BYTE` for each byte."""
    if func.is_view:
        return 0.0
    moved = sum(tensor.nbytes for tensor in dense(args, kwargs, made))
    count = flop_registry.get(func.overloadpacket)
    return PER_BYTE * moved + (count(*args, **kwargs, out_val=made) if count else 0)


def dense(*of: Any) -> list[Tensor]:
    """Return the tensors in nested arguments or results of an operation, sparse ones apart."""
    found: list[Tensor] = []
    for one in of:
        if isinstance(one, Tensor):
            if one.layout is torch.strided:
                found.append(one)
        elif isinstance(one, (list, tuple)):
            found += dense(*cast(Sequence[Any], one))
        elif isinstance(one, dict):
            found += dense(*cast(Mapping[str, Any], one).values())
    return found


class Skim(TorchDispatchMode):
    """Leaves out whatever takes long on a processor; other results stand in for its own.

    They have the shapes and lifetimes of its own, but memory of large ones is never touched: so
    networks can be played that take minutes, or do not fit. What is cheap is done, and so is what
    gives shapes that depend on values; of tensors that are changed in place, large ones stay.
    """

    def __init__(self) -> None:
        super().__init__()
        self._forms: dict[object, Any] = {}
        self._stock = torch.rand(STOCK, generator=torch.Generator().manual_seed(0))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from loading its compiler, for a second or two, only to leave this out."""
        return False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Do an operation, or return what stands in for its result."""
        given = dict(kwargs or {})
        if _is_formal(func):
            return func(*args, **given)
        tensors = dense(args, given)
        if tensors and sum(tensor.numel() for tensor in tensors) < LITTLE:
            return func(*args, **given)
        asked = func, _signature((args, *given.items()))
        if asked not in self._forms:
            self._forms[asked] = self._form(func, args, given)
        form = self._forms[asked]

        def stand_in(part: object) -> object:
            if isinstance(part, _Given):
                return tensors[part.place]
            return self._like(part) if isinstance(part, Tensor) else part

        return func(*args, **given) if form is WORTH_DOING else _mapped(form, stand_in)

    def _form(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return the result of an operation without its content, or that it is worth doing."""
        bare: list[Tensor] = []

        def without(part: object) -> object:
            if not isinstance(part, Tensor):
                return part
            if part.layout is not torch.strided:
                raise NotImplementedError
            like = torch.empty_strided(part.shape, part.stride(), dtype=part.dtype, device="meta")
            bare.append(like)
            return like

        def within(part: object) -> object:
            places = [place for place, one in enumerate(bare) if one is part]
            return _Given(places[0]) if places else part

        try:
            bare_args, bare_kwargs = _mapped((tuple(args), dict(kwargs)), without)
            bare_kwargs |= {key: value for key, value in NOWHERE.items() if key in kwargs}
            made = func(*bare_args, **bare_kwargs)
            cheap = work(func, bare_args, bare_kwargs, made) < CHEAP
        except (NotImplementedError, RuntimeError):  # sparse, or shapes that depend on values
            return WORTH_DOING
        return WORTH_DOING if cheap else _mapped(made, within)

    def _like(self, bare: Tensor) -> Tensor:
        """Return a tensor of a shape: draws from [0, 1), zeros of no reals, or just memory."""
        made = torch.empty_strided(bare.shape, bare.stride(), dtype=bare.dtype)
        if not bare.is_floating_point():
            made.zero_()
        elif bare.numel() <= STOCK:
            made.copy_(self._stock[: bare.numel()].view(bare.shape))
        return made


@cache
def _is_formal(func: Any) -> bool:
    """Whether an operation gives another view of a tensor, or is none on tensors."""
    return func.is_view or torch.Tag.inplace_view in func.tags or func.namespace != "aten"


@dataclass(frozen=True)
class _Given:
    """In a result, the tensor that an operation was given and has changed."""

    place: int


def _signature(part: Any) -> object:
    """Return what the form of a result depends on."""
    if isinstance(part, Tensor):
        return part.shape, part.stride() if part.layout is torch.strided else None, part.dtype
    if isinstance(part, (list, tuple)):
        return tuple(map(_signature, cast(Sequence[Any], part)))
    return part, type(cast(object, part))


def _mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return nested arguments or results with each leaf changed."""
    if isinstance(tree, dict):
        return {key: _mapped(one, change) for key, one in cast(dict[str, Any], tree).items()}
    if not isinstance(tree, (list, tuple)):
        return change(tree)
    every = [_mapped(one, change) for one in cast(Sequence[Any], tree)]
    return tuple(every) if isinstance(tree, tuple) else every
