"""From samples back to latents by optimisation: IvOM of Metz et al. 2017, section 3.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Method = Literal["adam", "lbfgs"]


def invert(
    generate: Callable[[Tensor], Tensor],
    target: Tensor,
    starts: Tensor,
    *,
    steps: int = 500,
    lr: float = 0.05,
    method: Method = "adam",
) -> tuple[Tensor, Tensor]:
    """Return for each target the latent whose sample is nearest to it, and how near.

    Latents are unconstrained. Each search keeps the best point that it met, so more steps or more
    starts never do worse.

    Args:
        generate: from latents (N, …) to samples (N, *shape).
        target: (N, *shape).
        starts: (R, N, …), where the R searches of each target begin.
        steps: of Adam; of L-BFGS at most so many iterations.
        lr: of Adam; L-BFGS searches along lines.
        method: "adam" moves all targets of a start at once; "lbfgs" sees them as one problem.

    Returns:
        Latents (N, …), and mean squared errors (N,).
    """
    best = starts[0].clone()
    error = torch.full((len(target),), float("inf"), device=target.device, dtype=target.dtype)

    def note(z: Tensor, errors: Tensor) -> None:
        nearer = errors < error
        error[nearer] = errors[nearer]
        best[nearer] = z[nearer]

    for start in starts:
        z = start.clone().requires_grad_()

        def errors_at(z: Tensor) -> Tensor:
            return (generate(z) - target).square().flatten(1).mean(1)

        if method == "adam":
            optimiser = torch.optim.Adam([z], lr=lr)
            for _ in range(steps):
                optimiser.zero_grad()
                errors = errors_at(z)
                note(z.detach(), errors.detach())
                errors.sum().backward()
                optimiser.step()
        else:
            search = torch.optim.LBFGS([z], max_iter=steps, line_search_fn="strong_wolfe")

            def closure(z: Tensor = z, search: torch.optim.LBFGS = search) -> Tensor:
                search.zero_grad()
                errors = errors_at(z)
                note(z.detach(), errors.detach())
                total = errors.sum()
                total.backward()
                return total

            search.step(closure)  # pyright: ignore[reportArgumentType]
        with torch.no_grad():
            note(z.detach(), errors_at(z))
    return best, error
