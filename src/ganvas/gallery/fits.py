"""G3 and G15: a model that is too simple for its data; joint and conditional models."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.gallery.theory import normal
from ganvas.metrics.divergences import between_densities
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Area, Dots, Line
from ganvas.report.svg import FAINT, INK

Floats = NDArray[np.float64]
WIDTH = 0.5
"""Standard deviation of each bump."""
REFERENCE = {
    ("kl", 2.0): (0.0, 2.0616, 0.72355),
    ("reverse_kl", 2.0): (2.0, 0.5, 0.69305),
    ("js", 2.0): (0.0, 2.042, 0.2010),
    ("js", 2.5): (2.5, 0.5, 0.2158),
    ("js", 4.0): (4.0, 0.5, 0.2158),
}
"""Mean, standard deviation and divergence of the best normal law, from the lecture's table."""
NAMES = {"kl": "KL(p‖q)", "reverse_kl": "KL(q‖p)", "js": "JS(p, q)"}


@dataclass(frozen=True)
class Fit:
    """A normal law and its divergence from the mixture."""

    mean: float
    deviation: float
    divergence: float


def mixture(apart: float) -> Callable[[Floats], Floats]:
    """Return the density ½N(−a, ½²) + ½N(a, ½²)."""

    def density(x: Floats) -> Floats:
        return 0.5 * (normal(-apart, WIDTH)(x) + normal(apart, WIDTH)(x))

    return density


def fitted(kind: str, apart: float, mean: float, deviation: float) -> Fit:
    """Return the local optimum near a start, by Nelder and Mead's method."""
    ends = (-apart - 12.0, apart + 12.0)

    def cost(guess: Floats) -> float:
        law = normal(float(guess[0]), math.exp(float(guess[1])))
        return between_densities(mixture(apart), law, *ends, cells=4000)[kind]

    found = cast(Any, optimize).minimize(
        cost,
        [mean, math.log(deviation)],
        method="Nelder-Mead",
        options={"xatol": 1e-6, "fatol": 1e-10},
    )
    return Fit(float(found.x[0]), math.exp(float(found.x[1])), float(found.fun))


def branches(kind: str, apart: float) -> tuple[Fit, Fit]:
    """Return the optima found from one law over both bumps, and from one on the right bump."""
    wide = fitted(kind, apart, 0.05, math.hypot(apart, WIDTH))
    return wide, fitted(kind, apart, apart, WIDTH)


def best(kind: str, apart: float) -> Fit:
    """Return the better of both optima."""
    return min(branches(kind, apart), key=lambda fit: fit.divergence)


def simple_fits(seed: int) -> Exhibit:
    """G3: KL covers both bumps, reverse KL seeks one, JS does either, by their distance."""
    rows, panels, numbers = list[Row](), list[Panel](), dict[str, Any]()
    for (kind, apart), (mean, deviation, divergence) in REFERENCE.items():
        fit = best(kind, apart)
        name = f"{NAMES[kind]}, a = {apart:g}"
        rows += [
            Row(f"{name}: |mean|", abs(fit.mean), mean),
            Row(f"{name}: deviation", fit.deviation, deviation),
            Row(f"{name}: divergence", fit.divergence, divergence),
        ]
        panels.append(_fit_panel(name, apart, fit))
    grid = np.linspace(1.6, 3.0, 15)
    both = [branches("js", float(apart)) for apart in grid]
    covers, seeks = ([pair[i].divergence for pair in both] for i in (0, 1))
    numbers |= {"a": grid, "JS of the covering optimum": covers, "JS of the seeking one": seeks}
    gap = np.asarray(covers) - np.asarray(seeks)
    crossing = float(np.interp(0.0, gap, grid))
    rows.append(Row("a at which JS changes from covering to seeking", crossing))
    panels.append(
        Panel(
            "JS: two local optima",
            [
                Line(grid, covers, "from a law over both bumps", 0),
                Line(grid, seeks, "from a law on one bump", 1),
            ],
            x_label="a: half the distance of the bumps",
            y_label="JS at the optimum, nats",
        )
    )
    return Exhibit(
        "One normal law q fitted to two bumps p. KL(p‖q) covers both, KL(q‖p) seeks one, and JS is "
        "no matter of principle: it covers at a = 2 and seeks at a = 2.5.",
        figure("G3 One bump for two: KL, reverse KL and JS", panels),
        rows,
        numbers,
    )


def _fit_panel(name: str, apart: float, fit: Fit) -> Panel:
    x = np.linspace(-6, 6, 241)
    law = f"q: N({abs(round(fit.mean, 3)):g}, {fit.deviation:.3g}²)"
    return Panel(
        name,
        [
            Area(x, mixture(apart)(x), "p", FAINT),
            Area(x, normal(fit.mean, fit.deviation)(x), law, 1),
        ],
        x_label="x",
        y_label="density",
        y=(0, 0.85),
    )


# ---- G15 ----------------------------------------------------------------------------------------

CLASSES = (np.array([-1.0, -0.5]), np.array([1.0, 0.5]))
SPREAD = 0.8
"""Standard deviation of both classes, in both directions."""


def two_models(seed: int, count: int = 1000) -> Exhibit:
    """G15: a generative model knows where each class lives, a discriminative one their border."""
    rng = np.random.default_rng(seed)
    label = rng.integers(2, size=count)
    x = np.stack(CLASSES)[label] + SPREAD * rng.standard_normal((count, 2))
    generative, means, spread = _generative(x, label)
    discriminative = _discriminative(x, label)
    fresh_label = rng.integers(2, size=20_000)
    fresh = np.stack(CLASSES)[fresh_label] + SPREAD * rng.standard_normal((20_000, 2))
    slope = (CLASSES[1] - CLASSES[0]) / SPREAD**2
    apart = float(np.linalg.norm(CLASSES[1] - CLASSES[0]))
    right = 0.5 * (1 + math.erf(apart / 2 / SPREAD / math.sqrt(2)))
    rows = list[Row]()
    for name, weights in (("generative", generative), ("discriminative", discriminative)):
        told = (fresh @ weights[:2] + weights[2] > 0) == fresh_label
        rows += [
            Row(f"{name}: share of fresh points told right", float(told.mean()), right),
            Row(
                f"{name}: |slope of log p(1|x)/p(0|x)|",
                float(np.linalg.norm(weights[:2])),
                float(np.linalg.norm(slope)),
            ),
        ]
    drawn = means[label] + spread * rng.standard_normal((count, 2))
    panels = [
        _classes("data", x, label, None, None),
        _classes("generative: p(x, y), and new points", drawn, label, generative, (means, spread)),
        _classes("discriminative: p(y | x) alone", x, label, discriminative, None),
    ]
    return Exhibit(
        "Both models tell the classes apart equally well; only the generative one, p(x, y), also "
        "says where points lie, and draws new ones. A GAN's generator is of that kind, its "
        "discriminator of the other.",
        figure("G15 Generative and discriminative models", panels),
        rows,
        {
            "generative": generative,
            "discriminative": discriminative,
            "means": means,
            "spread": spread,
        },
    )


def _generative(x: Floats, label: NDArray[np.int64]) -> tuple[Floats, Floats, float]:
    """Fit p(x | y) as two normal laws of one spread; return the border it implies, and the laws."""
    means = np.stack([x[label == k].mean(0) for k in (0, 1)])
    variance = float(((x - means[label]) ** 2).mean())
    slope = (means[1] - means[0]) / variance
    share = float(label.mean())
    offset = -slope @ means.mean(0) + math.log(share / (1 - share))
    return np.append(slope, offset), means, math.sqrt(variance)


def _discriminative(x: Floats, label: NDArray[np.int64]) -> Floats:
    """Fit p(y | x) = σ(w·x + b) by maximum likelihood."""
    inputs = np.concatenate([x, np.ones((len(x), 1))], 1)

    def cost(weights: Floats) -> tuple[float, Floats]:
        logit = inputs @ weights
        wrong = 1 / (1 + np.exp(-logit)) - label
        return float((np.logaddexp(0, logit) - label * logit).mean()), inputs.T @ wrong / len(x)

    found = cast(Any, optimize).minimize(cost, np.zeros(3), jac=True)
    return np.asarray(found.x, np.float64)


def _classes(
    title: str,
    x: Floats,
    label: NDArray[np.int64],
    border: Floats | None,
    laws: tuple[Floats, float] | None,
) -> Panel:
    marks: list[Any] = [
        Dots(x[label == k, 0], x[label == k, 1], f"class {k}", k, 2.5, 0.5) for k in (0, 1)
    ]
    if border is not None:
        first = np.array([-4.0, 4.0])
        second = -(border[2] + border[0] * first) / border[1]
        marks.append(Line(first, second, "border", INK, dashed=True))
    if laws is not None:
        turn = np.linspace(0, 2 * np.pi, 61)
        for k, mean in enumerate(laws[0]):
            for radius in (1, 2):
                marks.append(
                    Line(
                        mean[0] + radius * laws[1] * np.cos(turn),
                        mean[1] + radius * laws[1] * np.sin(turn),
                        None,
                        k,
                    )
                )
    return Panel(title, marks, x_label="x₁", y_label="x₂", x=(-4, 4), y=(-3, 3), square=True)
