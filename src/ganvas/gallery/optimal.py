"""A discriminator and a critic, each trained to optimality between two Gaussians (WGAN, figure 2).

One-dimensional, three hidden layers of 64 tanh units: the paper does not say its laws and networks.
Units that are odd leave the critic one optimum, all weights at their bounds with signs that agree;
with ReLUs it ends in one of many, by the signs that it began with.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.gallery.playing import ADAM, Table, atoms, mlp, table
from ganvas.gallery.theory import normal
from ganvas.games.parts.penalties import input_gradient
from ganvas.play import Noise
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Area, Line
from ganvas.report.svg import FAINT

Floats = NDArray[np.float64]
REAL, FAKE, SPREAD = -2.0, 2.0, 0.5
"""Means of data and fakes, and the deviation of both."""
STEPS = 1000
BOUND = 0.05
"""Of the weights of three layers of 64: sums stay within what tanh passes almost unbent. Twice as
much saturates them, and the critic is a step between the means."""
SHIFTS = (1.0, 2.0, 4.0)
VIEW = 4.0
"""The line is shown from −4 to 4, and networks see x/4, from −1 to 1: biases are clipped, too, so a
critic can bend as far out as 1 and no further."""


class Curve(NamedTuple):
    """A function on a grid (N,) over the view, its slope there, and the estimate it ended with.

    ``value`` is E f(x) − E f(x̃), averaged over the last tenth of the steps.
    """

    x: Floats
    f: Floats
    slope: Floats
    value: float


def trained(kind: str, fake: float, seed: int, steps: int = STEPS, bound: float = BOUND) -> Curve:
    """Train the discriminator of a GAN ("gan"), or a clipped critic ("wgan"), on fixed laws.

    Args:
        kind: the system.
        fake: mean of the fakes.
        seed: of networks and draws.
        steps: taken by the discriminator alone.
        bound: of a clipped critic's weights.
    """
    rng = np.random.default_rng(seed)
    made = table(
        kind,
        atoms(rng.normal(REAL, SPREAD, (20_000, 1)) / VIEW),
        seed,
        batch=128,
        latent={"kind": "normal", "dim": 1},
        generator=mlp(2),
        discriminator=mlp(64, 64, 64, activation="tanh"),
        **_rules(kind, bound),
    )
    drawn = Noise(seed)

    def fakes(real: Tensor, _: Noise) -> Tensor:
        return (fake + SPREAD * drawn.normal(len(real), 1)) / VIEW

    losses = made.train_against(fakes, steps)
    tail = losses[-max(steps // 10, 1) :]
    return _on_grid(made, -sum(tail) / len(tail), kind == "gan")


def _rules(kind: str, bound: float) -> dict[str, Any]:
    if kind == "gan":
        return {"discriminator_optimiser": ADAM}
    falling = {"kind": "rmsprop", "lr": {"start": 2e-3, "end": 1e-5}}
    return {"constraint": {"kind": "clip", "bound": bound}, "discriminator_optimiser": falling}


def _on_grid(made: Table, value: float, probability: bool) -> Curve:
    x = np.linspace(-VIEW, VIEW, 401)
    points = torch.from_numpy((x / VIEW).astype(np.float32))[:, None]
    logits = made.scores(points)
    game = made.game.eval()
    slopes = input_gradient(game.discriminator, points).detach().double().numpy().ravel() / VIEW
    if not probability:
        return Curve(x, logits, slopes, value)
    d = 1 / (1 + np.exp(-logits))
    return Curve(x, d, d * (1 - d) * slopes, value)


def near(curve: Curve, mean: float) -> Floats:
    """Return the slopes at points of the grid within two deviations of a mean."""
    return curve.slope[np.abs(curve.x - mean) <= 2 * SPREAD]


def optimal(seed: int) -> Exhibit:
    """Show where an optimal discriminator and an optimal critic guide the generator."""
    gan, critic = trained("gan", FAKE, seed), trained("wgan", FAKE, seed)
    half_way = float(critic.slope[len(critic.x) // 2])
    values = {gap: trained("wgan", REAL + gap, seed).value for gap in SHIFTS}
    unit = values[SHIFTS[0]]
    rows = [
        Row(
            "D: mean |D′| on the fakes over its maximum",
            float(np.abs(near(gan, FAKE)).mean() / np.abs(gan.slope).max()),
            0.0,
        ),
        Row(
            "f: mean slope on the fakes over that half-way",
            float(near(critic, FAKE).mean()) / half_way,
            1.0,
        ),
        Row(
            "f: share of the view where it rises towards the data",
            float((critic.slope < 0).mean()),
            1.0,
        ),
        *(
            Row(f"f: estimate at Δ = {gap:g} over that at Δ = 1", values[gap] / unit, gap)
            for gap in SHIFTS[1:]
        ),
    ]
    x = gan.x
    scaled = (critic.f - critic.f.min()) / np.ptp(critic.f)
    laws = [
        Area(x, normal(REAL, SPREAD)(x), "data", FAINT),
        Area(x, normal(FAKE, SPREAD)(x), "fakes", 2),
    ]
    panels = [
        Panel(
            "values",
            [*laws, Line(x, gan.f, "GAN: D(x)", 0), Line(x, scaled, "WGAN: f(x), from 0 to 1", 1)],
            x_label="x",
            y_label="density, or value",
        ),
        Panel(
            "slopes, each over its largest",
            [
                Line(x, gan.slope / np.abs(gan.slope).max(), "D′(x)", 0),
                Line(x, critic.slope / np.abs(critic.slope).max(), "f′(x)", 1),
            ],
            x_label="x",
            y_label="share of the steepest slope",
        ),
        Panel(
            "the estimate over the distance",
            [
                Line(SHIFTS, [values[gap] / unit for gap in SHIFTS], "estimate", 1, dots=True),
                Line(SHIFTS, SHIFTS, "W₁", FAINT, dashed=True),
            ],
            x_label="distance Δ of the means",
            y_label="over that at Δ = 1",
        ),
    ]
    return Exhibit(
        "Both networks are trained to optimality between fixed Gaussians. The discriminator is "
        "sure of both and flat under the fakes: nothing tells them where to go. The clipped critic "
        "is almost a straight line: its slope points to the data everywhere, and up to a constant "
        "its value is W₁ (Arjovsky et al. 2017, figure 2).",
        figure("Optimal discriminator and critic between two Gaussians", panels),
        rows,
        {
            "x": x,
            "D": gan.f,
            "D'": gan.slope,
            "f": critic.f,
            "f'": critic.slope,
            "estimates": {str(gap): value for gap, value in values.items()},
        },
    )
