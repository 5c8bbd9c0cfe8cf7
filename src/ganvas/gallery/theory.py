"""The theory report: values that theory gives, and what this library's losses make of them.

T1 to T4 and T10 of the lecture: the value of the game, its optimal discriminator, the
Jensen–Shannon identity, the generator's gradients, k steps of the discriminator, transport.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.gallery.playing import Table, atoms, mlp, table
from ganvas.games.parts.objectives.classification import Minimax, NonSaturating
from ganvas.metrics.distances import (
    earth_mover,
    parallel_lines,
    wasserstein_1d,
    wasserstein_assignment,
)
from ganvas.metrics.divergences import Density, between_densities, sinkhorn
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Line
from ganvas.report.svg import INK

Floats = NDArray[np.float64]
LOG4 = math.log(4)
LN2 = math.log(2)
PILES = ((3, 2, 1, 4), (1, 2, 4, 3))
"""The lecture's four piles, before and after; ten grains."""
JS_NORMALS = {1.0: 0.111421, 2.0: 0.336831}
"""JS of N(0, 1) and N(mean, 1), as printed in the lecture's table."""
STEPS = (1, 5, 25)
"""Numbers k of discriminator steps that are compared."""


def normal(mean: float, deviation: float = 1.0) -> Density:
    """Return the density of N(mean, deviation²)."""
    scale = deviation * math.sqrt(2 * math.pi)

    def density(x: Floats) -> Floats:
        return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / scale

    return density


def uniform(low: float) -> Density:
    """Return the density of U[low, low + 1]."""

    def density(x: Floats) -> Floats:
        return ((x > low) & (x < low + 1)).astype(np.float64)

    return density


def optimal(p: Density, q: Density, x: Floats) -> Floats:
    """Return D*(x) = p/(p + q)."""
    return p(x) / (p(x) + q(x))


def value_at_optimum(p: Density, q: Density, low: float, high: float) -> float:
    """Return V(D*, G) = ∫ p log D* + q log(1 − D*) by midpoint sums; 0 · log 0 is 0."""
    edges = np.linspace(low, high, 40_001)
    x, width = (edges[1:] + edges[:-1]) / 2, (high - low) / 40_000
    held = p(x) + q(x) > 0
    x = x[held]
    first, second = p(x), q(x)
    best = optimal(p, q, x)
    parts = np.where(first > 0, first * np.log(np.where(first > 0, best, 1)), 0)
    parts += np.where(second > 0, second * np.log(np.where(second > 0, 1 - best, 1)), 0)
    return float(parts.sum() * width)


def quantiles(n: int, mean: float = 0.0) -> Tensor:
    """Return n points of N(mean, 1) that lie evenly: means over them are integrals."""
    shares = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return math.sqrt(2) * torch.erfinv(2 * shares - 1) + mean


def report(seed: int) -> Exhibit:
    """Check theory against the library's own losses and distances."""
    rows = [*_undecided(), *_gradients(), *_identity()]
    trained = _trained(seed)
    rows += trained.rows
    rows += [*_transport(seed), *_lines(seed)]
    return Exhibit(
        "What theory says of the game, and what this library computes. The right panel: the value "
        "that a trained discriminator reaches approaches V* as it takes more steps (k) a round.",
        figure("Theory checked by computation", _panels(trained), columns=2),
        rows,
        trained.numbers,
    )


def _panels(trained: Exhibit) -> list[Panel]:
    numbers = trained.numbers
    rounds = numbers["rounds"]
    return [
        Panel(
            "D on N(0, 1) against N(2, 1)",
            [
                Line(numbers["x"], numbers["optimal"], "D* = p/(p + q)", INK, dashed=True),
                Line(numbers["x"], numbers["trained"], "trained D"),
            ],
            x_label="x",
            y_label="probability of being real",
            y=(0, 1),
        ),
        Panel(
            "distance from V*",
            [
                Line(rounds, numbers[f"gap k={k}"], f"k = {k}", place)
                for place, k in enumerate(STEPS)
            ],
            x_label="rounds",
            y_label="|V − V*|, nats",
            log_y=True,
        ),
    ]


def _undecided() -> list[Row]:
    zero = torch.zeros(1, dtype=torch.float64)
    rows = [Row("T1 V at D = 1/2", -float(Minimax().discriminator(zero, zero)), -1.386294)]
    for logit in (-8.0, 0.0):
        share = 1 / (1 + math.exp(-logit))
        rows += [
            Row(f"T1 slope of log(1 − D) at logit {logit:g}", _slope(Minimax(), logit), -share),
            Row(
                f"T2 slope of −log D at logit {logit:g}", _slope(NonSaturating(), logit), share - 1
            ),
        ]
    return rows


def _slope(objective: Minimax | NonSaturating, logit: float) -> float:
    x = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(objective.generator(None, x), x)
    return float(slope)


def _gradients() -> list[Row]:
    """Compare the non-saturating gradient in μ, with D frozen at D*, with that of KL − 2 JS."""
    rows = list[Row]()
    for mean in (1.0, 2.0):
        moving = torch.tensor(mean, dtype=torch.float64, requires_grad=True)
        # The optimal logit log p/q stays that of ``mean``; only the generator x = μ + e moves.
        x = quantiles(100_000) + moving
        (gradient,) = torch.autograd.grad(
            NonSaturating().generator(None, mean**2 / 2 - mean * x), moving
        )
        step = 1e-3
        ends = [_kl_minus_two_js(mean + side * step) for side in (1, -1)]
        expected = (ends[0] - ends[1]) / (2 * step)
        rows.append(Row(f"T2 gradient of −log D* at μ = {mean:g}", float(gradient), expected))
    return rows


def _kl_minus_two_js(mean: float) -> float:
    found = between_densities(normal(0), normal(mean), -12, 14)
    return found["reverse_kl"] - 2 * found["js"]


def _identity() -> list[Row]:
    cases = [("U[0, 1] and U[1/2, 3/2]", uniform(0), uniform(0.5), (-1.0, 3.0), 0.346574)]
    for mean, js in JS_NORMALS.items():
        cases.append((f"N(0, 1) and N({mean:g}, 1)", normal(0), normal(mean), (-12.0, 16.0), js))
    cases.append(("disjoint supports", uniform(0), uniform(2), (-1.0, 4.0), 0.693147))
    rows = list[Row]()
    for name, p, q, ends, js in cases:
        rows.append(Row(f"T3 JS of {name}", between_densities(p, q, *ends)["js"], js))
        rows.append(Row(f"T3 V* of {name}", value_at_optimum(p, q, *ends), -LOG4 + 2 * js))
    return rows


def _trained(seed: int) -> Exhibit:
    """Train one-hidden-layer discriminators on N(0, 1) against N(2, 1), k steps a round."""
    best = -LOG4 + 2 * JS_NORMALS[2.0]
    x = np.linspace(-2, 4, 61)
    numbers: dict[str, Any] = {"x": x, "optimal": optimal(normal(0), normal(2), x)}
    rounds = list(range(0, 61, 3))
    numbers["rounds"] = rounds
    rows = list[Row]()
    for k in STEPS:
        judge = _judge(seed)
        gaps = list[float]()
        for number in range(rounds[-1] + 1):
            if number in rounds:
                gaps.append(abs(_value(judge) - best))
            judge.train_discriminator(k)
        numbers[f"gap k={k}"] = gaps
        rows.append(Row(f"T4 |V − V*| after {rounds[-1]} rounds, k = {k}", gaps[-1]))
        if k == STEPS[-1]:
            found = 1 / (1 + np.exp(-judge.scores(x[:, None])))
            numbers["trained"] = found
            apart = float(np.abs(found - numbers["optimal"]).max())
            rows.append(Row("T3 V of a trained D on N(0, 1) and N(2, 1)", _value(judge), best))
            rows.append(Row("T3 max |D − D*| on [−2, 4]", apart, 0.0))
    return Exhibit("", "", rows, numbers)


def _judge(seed: int) -> Table:
    """Set a table whose generator draws N(2, 1) and whose data are N(0, 1)."""
    made = table(
        "gan",
        atoms(quantiles(8192).numpy()[:, None]),
        seed,
        batch=512,
        latent={"kind": "normal", "dim": 1},
        generator=mlp(2),
        discriminator=mlp(32, activation="tanh"),
        discriminator_optimiser={"kind": "adam", "lr": 5e-3, "beta1": 0.9, "beta2": 0.999},
    )
    shift = made.game.generator
    with torch.no_grad():
        hidden, last = (cast(nn.Linear, shift.get_submodule(n)) for n in ("hidden.0", "last"))
        hidden.weight.copy_(torch.tensor([[1.0], [-1.0]]))  # relu(z) − relu(−z) = z
        hidden.bias.zero_()
        last.weight.copy_(torch.tensor([[1.0, -1.0]]))
        last.bias.fill_(2.0)
    return made


def _value(judge: Table) -> float:
    """Return V of the discriminator as it is, by integration."""
    real, fake = (judge.scores(quantiles(4096, mean).numpy()[:, None]) for mean in (0.0, 2.0))
    return -float(Minimax().discriminator(torch.from_numpy(real), torch.from_numpy(fake)))


def _transport(seed: int) -> list[Row]:
    """Measure the four piles in three ways, and lines by an exact assignment of samples."""
    before, after = (np.asarray(pile, np.float64) for pile in PILES)
    grains = [np.repeat(np.arange(4.0), pile) for pile in PILES]
    places = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    rows = [
        Row("T10 piles, by cumulative sums", 10 * wasserstein_1d(*grains), 5),
        Row("T10 piles, by a linear programme", 10 * earth_mover(before, after, places), 5),
        Row(
            "T10 piles, by assignment of ten grains",
            10 * wasserstein_assignment(grains[0][:, None], grains[1][:, None]),
            5,
        ),
        Row("T10 piles, by Sinkhorn's iteration", 10 * sinkhorn(before, after, places), 5),
    ]
    heights = np.random.default_rng(seed).random(256)
    for theta in (0.5, -0.25):
        sides = [np.stack([np.full(256, place), heights], 1) for place in (0.0, theta)]
        found = wasserstein_assignment(*sides)
        rows.append(Row(f"T10 W of 256 pairs on lines, θ = {theta:g}", found, abs(theta)))
    return rows


def _lines(seed: int) -> list[Row]:
    """Measure the parallel lines, exactly and by a trained discriminator."""
    rows = list[Row]()
    for theta in (0.5, 0.0):
        found = parallel_lines(theta)
        apart = theta != 0
        rows += [
            Row(f"T10 W of lines, θ = {theta:g}", found["w1"], abs(theta)),
            Row(f"T10 JS of lines, θ = {theta:g}", found["js"], LN2 if apart else 0.0),
            Row(f"T10 KL of lines, θ = {theta:g}", found["kl"], math.inf if apart else 0.0),
        ]
    for theta in (0.5, -0.5):
        step = 1e-3
        ends = [parallel_lines(theta + side * step)["w1"] for side in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step)
        rows.append(Row(f"T10 dW/dθ at θ = {theta:g}", slope, math.copysign(1, theta)))
    for theta in (0.25, 1.0):
        estimate = learnt_js(theta, seed)
        rows.append(Row(f"T10 JS of lines as a trained D sees it, θ = {theta:g}", estimate, LN2))
    return rows


def learnt_js(theta: float, seed: int, steps: int = 400) -> float:
    """Return the bound log 2 + V/2 of a discriminator trained on two lines θ apart, in nats."""
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = (nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
        judge = nn.Sequential(*layers)
    descent = torch.optim.Adam(judge.parameters(), lr=0.02)
    draw = partial(torch.rand, 128, generator=rng)
    loss = torch.zeros(())
    for _ in range(steps):
        real = torch.stack([torch.zeros(128), draw()], 1)
        fake = torch.stack([torch.full((128,), theta), draw()], 1)
        loss = Minimax().discriminator(judge(real), judge(fake))
        descent.zero_grad()
        loss.backward()
        descent.step()
    return LN2 - float(loss.detach()) / 2
