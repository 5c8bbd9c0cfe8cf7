"""Linear maps that a generator begins with: of its latents, or of the styles of its layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized

from ganvas.errors import UsageError
from ganvas.latent.spaces import affines, still
from ganvas.model.model import Model
from ganvas.networks.conditions import Given, at, in_turn
from ganvas.play.abilities import CanSample, HasStyles
from ganvas.slices import slices

CHUNK = 512


@torch.no_grad()
def first_map(model: Model, y: Given = None) -> Tensor:
    """Return the matrix (outputs, d) of the first layer with weights that latents reach.

    What comes before it, such as a normalisation of latents, counts as no map; of a layer that also
    also sees conditions the part of latents is taken, and latents that it does not see have zeros.

    Args:
        model: makes samples.
        y: any conditions that they may have; None: classes are drawn.

    Raises:
        UsageError: the generator has no such layer.
    """
    layer, seen = _first_layer(model, y)
    width = model.latents(1)[0].flatten(1).shape[1]
    matrix = _matrix(layer, tuple(seen.shape[1:]), seen)[:, :width]
    return torch.nn.functional.pad(matrix, (0, width - matrix.shape[1]))


@torch.no_grad()
def first_outputs(model: Model, z: Tensor, y: Given = None) -> Tensor:
    """Return what the first layer makes of latents (N, …), (N, F), on the CPU."""
    layer, _ = _first_layer(model, y)
    heard: list[Tensor] = []

    def listen(_: nn.Module, __: Any, out: Tensor) -> None:
        heard.append(out.flatten(1).cpu())

    sample = model.asked(CanSample).sample
    with ExitStack() as stack:
        stack.callback(layer.register_forward_hook(listen).remove)
        stack.enter_context(still(model.game))
        for part in slices(len(z), CHUNK):
            sample(z[part].to(model.device), at(y, part, model.device))
    return torch.cat(heard)


@torch.no_grad()
def style_maps(model: Model, slots: Sequence[int] | None = None, y: Given = None) -> list[Tensor]:
    """Return the matrices (channels, D) of the affine maps of styles, of some slots or of all.

    Args:
        model: makes samples of styles.
        slots: which; None: all.
        y: as for `first_map`.

    Raises:
        CannotError: the generator has no styles.
        UsageError: it has no such slot, or no affine map reads one of them.
    """
    styled = model.asked(HasStyles)
    chosen = range(styled.style_slots) if slots is None else slots
    if any(not 0 <= slot < styled.style_slots for slot in chosen):
        raise UsageError(
            f"this generator has slots 0 to {styled.style_slots - 1}, not "
            f"{', '.join(map(str, chosen))}"
        )
    width = styled.mean_style.shape[0]
    read = _slot_of(model, styled, y)
    found = [
        _matrix(layer, (width,), styled.mean_style[None])
        for name, layer in affines(model.game).items()
        if read[name] in chosen
    ]
    if not found:
        raise UsageError("no layer of this generator reads these slots by an affine map")
    return found


def _slot_of(model: Model, styled: HasStyles, y: Given) -> dict[str, int]:
    """Return the slot that each affine map reads: slots are given their own numbers as styles."""
    numbers = torch.arange(styled.style_slots, device=model.device, dtype=torch.float32)
    width = styled.mean_style.shape[0]
    heard: dict[str, int] = {}
    with ExitStack() as stack:
        for name, layer in affines(model.game).items():

            def listen(_: nn.Module, seen: Any, name: str = name) -> None:
                heard[name] = round(float(seen[0].flatten()[0]))

            stack.callback(layer.register_forward_pre_hook(listen).remove)
        stack.enter_context(still(model.game))
        w = numbers[None, :, None].expand(1, -1, width)
        styled.synthesise(w, _some(model, 1, y))
    return heard


def _some(model: Model, n: int, y: Given) -> Given:
    """Return the first n of some conditions in turn, or classes that are drawn."""
    known = model.latents(n)[1] if y is None else in_turn(at(y, slice(n)), n)
    return at(known, slice(n), model.device)


def _first_layer(model: Model, y: Given) -> tuple[nn.Module, Tensor]:
    """Return the first layer with a matrix or kernel that sampling calls, and what it saw."""
    called: list[tuple[nn.Module, Tensor]] = []
    with ExitStack() as stack:
        for part in cast(Sequence[nn.Module], list(model.game.modules())):
            if _has_weights(part):

                def listen(part: nn.Module, seen: Any) -> None:
                    if seen:  # a constant sees nothing
                        called.append((part, seen[0]))

                stack.callback(part.register_forward_pre_hook(listen).remove)
        stack.enter_context(still(model.game))
        z, _ = model.latents(2)
        sample: Callable[..., Tensor] = model.asked(CanSample).sample
        with torch.no_grad():
            sample(z.to(model.device), _some(model, 2, y))
    if not called:
        raise UsageError(f"the generator of this model of {model.system} has no layer with weights")
    return called[0]


def _has_weights(part: nn.Module) -> bool:
    """Whether a layer has a matrix or kernel of its own, by itself or as a parametrisation's."""
    if isinstance(part, nn.Embedding | ParametrizationList):
        return False
    owners = [part]
    if is_parametrized(part):
        owners += [m for m in part.modules() if isinstance(m, ParametrizationList)]
    return any(p.dim() > 1 for one in owners for p in one.parameters(recurse=False))


def _matrix(layer: nn.Module, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Return the matrix (outputs, inputs) of an affine layer for inputs of a shape, on the CPU."""
    size = int(torch.tensor(shape).prod())
    basis = torch.eye(size, device=like.device, dtype=like.dtype).view(size, *shape)
    zero = layer(basis[:1] * 0)
    return (layer(basis) - zero).flatten(1).T.float().cpu()
