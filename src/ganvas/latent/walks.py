"""Walks: sequences of latents for animations, through given points or at random."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.interpolation import blend


def walk(keys: Tensor, steps: int, *, how: str = "slerp", loop: bool = False) -> Tensor:
    """Return a path through all key latents, ``steps`` frames from each to the next.

    Args:
        keys: (K, Z), K >= 2.
        steps: frames of one leg, at least 1; every key is a frame.
        how: "slerp" for Gaussian latents, "lerp" for uniform or intermediate ones.
        loop: come back to the first key, which is then not repeated at the end.

    Returns:
        (F, Z) with F = (K - 1) steps + 1, or K steps for a loop.
    """
    if keys.ndim != 2 or len(keys) < 2:
        raise UsageError(f"a walk needs two latents or more, (K, Z), got {tuple(keys.shape)}")
    if steps < 1:
        raise UsageError(f"a walk needs at least one step from key to key, got {steps}")
    between = blend(how)
    starts = keys if loop else keys[:-1]
    ends = keys.roll(-1, 0) if loop else keys[1:]
    share = torch.arange(steps, dtype=keys.dtype, device=keys.device).view(1, -1, 1) / steps
    legs = between(starts.unsqueeze(1), ends.unsqueeze(1), share).flatten(0, 1)
    return legs if loop else torch.cat([legs, keys[-1:]])


def random_loop(count: int, latent: int, generator: torch.Generator, *, turns: int = 1) -> Tensor:
    """Return a closed walk of Gaussian latents that is smooth everywhere, (count, latent).

    Frame f is cos(w f) u + sin(w f) v with independent normal u and v: a circle on which every
    single frame is distributed as N(0, I).

    Args:
        count: frames; the one after the last would be the first.
        latent: numbers in a latent, Z.
        generator: gives u and v, on the CPU.
        turns: of the circle.
    """
    if count < 1 or latent < 1:
        raise UsageError(f"a walk needs frames and dimensions, got {count} and {latent}")
    u, v = torch.randn(2, latent, generator=generator)
    phase = 2 * math.pi * turns * torch.arange(count).unsqueeze(1) / count
    return torch.cos(phase) * u + torch.sin(phase) * v


def random_walk(
    count: int, latent: int, generator: torch.Generator, *, memory: float = 0.95
) -> Tensor:
    """Return an open walk whose every latent is distributed as N(0, I), (count, latent).

    z_(f+1) = memory z_f + sqrt(1 - memory^2) e: the stationary autoregressive process, whose
    correlation falls as memory^f.

    Args:
        count: frames.
        latent: numbers in a latent, Z.
        generator: gives the noise, on the CPU.
        memory: correlation of neighbouring frames, in [0, 1).
    """
    if not 0 <= memory < 1:
        raise UsageError(f"memory must lie in [0, 1), got {memory}")
    if count < 1 or latent < 1:
        raise UsageError(f"a walk needs frames and dimensions, got {count} and {latent}")
    noise = torch.randn(count, latent, generator=generator)
    frames = [noise[0]]
    fresh = math.sqrt(1 - memory**2)
    for step in noise[1:]:
        frames.append(memory * frames[-1] + fresh * step)
    return torch.stack(frames)
