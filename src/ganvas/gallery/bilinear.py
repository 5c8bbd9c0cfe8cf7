"""G12: min over x, max over y of x·y: gradient steps circle outwards; a memory stops them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.games.parts.terms import History
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Dots, Line
from ganvas.report.svg import INK

RATE, STEPS = 0.1, 500
WEIGHTS = (0.0, 0.1, 1.0)
"""Weights λ of historical averaging."""
REFERENCE = {0.0: 12.03, 0.1: 0.0057, 1.0: 0.477}
"""Distance from the equilibrium after 500 steps, from the lecture's table."""


def trajectory(weight: float, steps: int = STEPS) -> list[tuple[float, float]]:
    """Return the places (x, y) from (1, 0) on, both players stepping at once.

    With a weight each adds λ‖θ − mean of θ so far‖² to its loss, as the library's games do.
    """
    x, y = (nn.Parameter(torch.tensor(v, dtype=torch.float64)) for v in (1.0, 0.0))
    past = [History([player], weight) for player in (x, y)]
    places = [(float(x.detach()), float(y.detach()))]
    for _ in range(steps):
        losses: list[Tensor] = [x * y.detach(), -x.detach() * y]
        if weight:
            losses = [a + h([p]) for a, h, p in zip(losses, past, (x, y), strict=True)]
        slopes = [torch.autograd.grad(a, p)[0] for a, p in zip(losses, (x, y), strict=True)]
        with torch.no_grad():
            for player, slope in zip((x, y), slopes, strict=True):
                player -= RATE * slope
        places.append((float(x.detach()), float(y.detach())))
    return places


def circling(seed: int) -> Exhibit:
    """G12: simultaneous gradient steps on x·y, with and without historical averaging."""
    panels, rows = list[Panel](), list[Row]()
    paths = {weight: trajectory(weight) for weight in WEIGHTS}
    radii = {weight: [math.hypot(*place) for place in path] for weight, path in paths.items()}
    for colour, (weight, path) in enumerate(paths.items()):
        name = f"λ = {weight:g}" if weight else "plain gradient steps"
        rows.append(
            Row(f"{name}: distance after {STEPS} steps", radii[weight][-1], REFERENCE[weight])
        )
        x, y = zip(*path, strict=True)
        panels.append(
            Panel(
                name,
                [
                    Line(x, y, None, colour, width=1.2),
                    Dots(x[:1], y[:1], "start", INK, 6, 1.0),
                    Dots([0], [0], "equilibrium", 6, 6, 1.0),
                ],
                x_label="x (minimises xy)",
                y_label="y (maximises xy)",
                square=True,
            )
        )
    growth = (radii[0.0][-1] / radii[0.0][0]) ** (1 / STEPS)
    rows.append(Row("plain steps: growth of the distance per step", growth, math.sqrt(1 + RATE**2)))
    lines = [
        Line(range(STEPS + 1), radius, f"λ = {weight:g}", colour)
        for colour, (weight, radius) in enumerate(radii.items())
    ]
    panels.append(
        Panel(
            "distance from the equilibrium",
            lines,
            x_label="steps",
            y_label="√(x² + y²)",
            log_y=True,
        )
    )
    return Exhibit(
        "The equilibrium is (0, 0). Plain steps move at right angles to the way there and spiral "
        "out; with a pull towards the mean of past places they spiral in, slower if it is too "
        "strong, for the mean itself moves slowly.",
        figure("G12 A bilinear game and historical averaging", panels, columns=2),
        rows,
        {f"path with weight {weight:g}": path[::10] for weight, path in paths.items()},
    )
