"""Walks: sequences of latents for animations, through given points or around a circle."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.given import whole
from ganvas.latent.interpolation import blend


def walk(keys: Tensor, steps: int, *, how: str = "slerp", loop: bool = False) -> Tensor:
    """Return a path through all key latents, ``steps`` frames from each to the next.

    Args:
        keys: (K, …), K >= 2.
        steps: frames of one leg, at least 1; every key is a frame.
        how: "slerp" for Gaussian latents, "lerp" for uniform or intermediate ones.
        loop: come back to the first key, which is then not repeated at the end.

    Returns:
        (F, …) with F = (K - 1) steps + 1, or K steps for a loop.
    """
    if keys.ndim < 2 or len(keys) < 2:
        raise UsageError(f"a walk leads through two samples or more, such as 0,1, not {len(keys)}")
    if not keys[0].numel():
        raise UsageError("samples hang on conditions alone: there are no latents to walk through")
    _require_steps(steps)
    between = blend(how)
    flat = keys.flatten(1)
    starts = flat if loop else flat[:-1]
    ends = flat.roll(-1, 0) if loop else flat[1:]
    share = torch.arange(steps, dtype=keys.dtype, device=keys.device).view(1, -1, 1) / steps
    legs = between(starts.unsqueeze(1), ends.unsqueeze(1), share).flatten(0, 1)
    path = legs if loop else torch.cat([legs, flat[-1:]])
    return path.view(-1, *keys.shape[1:])


def circle(keys: Tensor, steps: int) -> Tensor:
    """Return a closed walk through two latents u and v that is smooth everywhere, (4 steps, …).

    Frame f is cos(φ) u + sin(φ) v with φ = πf/(2 steps): of independent normal u and v every single
    frame is distributed as they are. The other half leads through −u and −v.

    Args:
        keys: u and v, (2, …).
        steps: frames of a quarter.
    """
    if keys.ndim < 2 or len(keys) != 2:
        raise UsageError(f"a circle goes around two samples, such as 0,1, not {len(keys)}")
    _require_steps(steps)
    phase = torch.arange(4 * steps, dtype=keys.dtype, device=keys.device) * (math.pi / 2 / steps)
    u, v = keys.flatten(1)
    path = torch.cos(phase).unsqueeze(1) * u + torch.sin(phase).unsqueeze(1) * v
    return path.view(-1, *keys.shape[1:])


def _require_steps(steps: int) -> None:
    if whole(steps, "steps") < 1:
        raise UsageError(f"a walk needs at least one step from key to key, got {steps}")
