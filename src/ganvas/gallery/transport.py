"""G7, G8, G9: moving earth, distances that jump, and thin sets that hardly meet."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.gallery.theory import PILES
from ganvas.metrics.distances import (
    earth_mover,
    parallel_lines,
    transport_plan,
    wasserstein_1d,
    wasserstein_assignment,
)
from ganvas.metrics.divergences import sinkhorn
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Bars, Line, Picture, Words
from ganvas.report.svg import FAINT, INK

Floats = NDArray[np.float64]


def piles(seed: int) -> Exhibit:
    """G7: four piles of ten grains become four others, the cheapest way."""
    before, after = (np.asarray(pile, np.float64) for pile in PILES)
    surplus = np.cumsum(before - after)
    places = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    plan = 10 * transport_plan(before, after, places)
    grains = [np.repeat(np.arange(4.0), pile)[:, None] for pile in PILES]
    rows = [
        Row("W by cumulative sums, Σ|δ|", float(np.abs(surplus).sum()), 5),
        Row("W by quantiles of ten grains", 10 * wasserstein_1d(*grains), 5),
        Row("W by a linear programme", 10 * earth_mover(before, after, places), 5),
        Row("W by assignment of ten grains", 10 * wasserstein_assignment(*grains), 5),
        Row("W by Sinkhorn's iteration", 10 * sinkhorn(before, after, places), 5),
        Row("W of the same shares, mass 1", earth_mover(before, after, places), 0.5),
    ]
    expected = (2, 2, -1, 0)
    rows += [Row(f"δ{i + 1}", float(d), expected[i]) for i, d in enumerate(surplus)]
    states = [before]
    for i, moved in enumerate(surplus[:-1]):  # past border i, ``moved`` grains to the right
        step = np.zeros(4)
        step[i], step[i + 1] = -moved, moved
        states.append(states[-1] + step)
    titles = ["P = (3, 2, 1, 4)"]
    for i, moved in enumerate(surplus[:-1].astype(int).tolist()):
        ends = (i + 1, i + 2) if moved > 0 else (i + 2, i + 1)
        titles.append(f"move {abs(moved)} from {ends[0]} to {ends[1]}: cost {abs(moved)}")
    panels = [_piles(title, state, after) for title, state in zip(titles, states, strict=True)]
    panels += [_plan_panel(plan), _borders(surplus)]
    return Exhibit(
        "Three moves turn P into Q = (1, 2, 4, 3) at a total cost of 5; no plan is cheaper. The "
        "sum of |δ|, the surplus left of each border, says the same.",
        figure("G7 The earth mover on four piles", panels),
        rows,
        {"P": before, "Q": after, "surplus": surplus, "plan": plan, "steps": states},
    )


def _piles(title: str, state: Floats, after: Floats) -> Panel:
    edges = np.arange(5) + 0.5
    outline = [
        Line([i + 0.5, i + 1.5], [q, q], "Q" if i == 0 else None, INK, dashed=True)
        for i, q in enumerate(after.tolist())
    ]
    marks = [Bars(edges + 0.0, state, "piles", 0), *outline]
    return Panel(title, marks, x_label="place", y_label="grains", y=(0, 5), x=(0.3, 4.7))


def _plan_panel(plan: Floats) -> Panel:
    shade = 255 - np.rint(plan / plan.max() * 110).astype(np.uint8)
    pixels = np.stack([shade, shade, np.full_like(shade, 255)], -1)
    numbers = [
        Words(j + 1, i + 1, f"{plan[i, j]:.0f}")
        for i in range(4)
        for j in range(4)
        if plan[i, j] > 0.01
    ]
    return Panel(
        "a cheapest plan: grains from → to",
        [Picture(pixels, 0.5, 4.5, 4.5, 0.5), *numbers],
        x_label="to place",
        y_label="from place",
        x=(0.5, 4.5),
        y=(4.5, 0.5),
    )


def _borders(surplus: Floats) -> Panel:
    marks = [
        Line([i + 1, i + 1], [0, d], "δ: surplus to its left" if i == 0 else None, 1, width=8)
        for i, d in enumerate(surplus.tolist())
    ]
    flat = Line([0.4, 4.6], [0, 0], None, FAINT)
    return Panel(
        "what crosses each border",
        [flat, *marks],
        x_label="border after place",
        y_label="grains to the right",
        x=(0.4, 4.6),
        y=(-2.2, 2.8),
    )


# ---- G8 -----------------------------------------------------------------------------------------

CEILING = 1.15
"""Where an infinite divergence is drawn, in nats."""


def jumps(seed: int) -> Exhibit:
    """G8: over the distance of two parallel lines, W falls to 0 smoothly and JS and KL jump."""
    theta = np.linspace(-1, 1, 41)
    found = [parallel_lines(float(round(t, 6))) for t in theta]
    curves = {name: np.array([f[name] for f in found]) for name in ("w1", "js", "kl", "tv")}
    middle = int(np.abs(theta).argmin())
    apart = [i for i in range(len(theta)) if i != middle]
    rows = [
        Row("max |W − |θ||", float(np.abs(curves["w1"] - np.abs(theta)).max()), 0.0),
        Row("JS at every θ ≠ 0, lowest", float(curves["js"][apart].min()), math.log(2)),
        Row("JS at every θ ≠ 0, highest", float(curves["js"][apart].max()), math.log(2)),
        Row("KL at every θ ≠ 0, lowest", float(curves["kl"][apart].min()), math.inf),
        Row("TV at every θ ≠ 0, lowest", float(curves["tv"][apart].min()), 1.0),
        Row("largest of all at θ = 0", max(float(c[middle]) for c in curves.values()), 0.0),
    ]
    gap = curves["js"].copy()
    gap[middle] = np.nan
    high = np.where(np.isinf(curves["kl"]), CEILING, np.nan)
    panels = [
        Panel(
            "two lines, θ apart",
            [
                Line([0, 0], [0, 1], "(0, Z)", 0, width=3),
                Line([0.6, 0.6], [0, 1], "(θ, Z)", 1, width=3),
                Line([0.03, 0.57], [0.5, 0.5], None, FAINT, arrow=True),
                Words(0.3, 0.58, "θ"),
            ],
            x_label="x",
            y_label="Z, uniform on [0, 1]",
            x=(-0.5, 1.1),
            y=(-0.05, 1.1),
        ),
        Panel(
            "distances over θ",
            [
                Line(theta, curves["w1"], "W = |θ|", 0),
                Line(theta, gap, "JS = log 2", 1),
                Line(theta, high, "KL = ∞", 3, dashed=True),
                Line([0], [0], None, 1, dots=True),
            ],
            x_label="θ",
            y_label="nats; units of x for W",
            y=(-0.05, 1.25),
        ),
    ]
    return Exhibit(
        "W falls with θ and has a slope everywhere but at 0. JS is log 2 and KL infinite however "
        "close the lines are, and 0 when they meet: no gradient says where to go.",
        figure("G8 W, JS and KL of two parallel lines", panels, columns=2),
        rows,
        {"theta": theta, **curves},
    )


# ---- G9 -----------------------------------------------------------------------------------------

THICKNESS = (0.3, 0.1, 0.03, 0.01)
"""Radii by which lines and surfaces are thickened."""


def manifolds(seed: int, count: int = 2_000_000) -> Exhibit:
    """G9: two lines, two surfaces in space: the share of volume they have in common goes to 0."""
    rng = np.random.default_rng(seed)
    rows = list[Row]()
    shares: dict[str, list[float]] = {"lines": [], "surfaces": []}
    for radius in THICKNESS:
        # Two rods of length 1 that cross at right angles: Steinmetz's solid 16r³/3 of πr².
        along = rng.random(count) - 0.5
        turn, out = 2 * np.pi * rng.random(count), radius * np.sqrt(rng.random(count))
        height = out * np.sin(turn)
        both = along**2 + height**2 <= radius**2
        shares["lines"].append(float(both.mean()))
        # Two square plates of side 1 and thickness 2r, at right angles through each other's middle.
        shares["surfaces"].append(float((np.abs(along) <= radius).mean()))
        rows += [
            Row(
                f"rods of radius {radius:g}: common share of volume",
                shares["lines"][-1],
                16 * radius / (3 * math.pi),
            ),
            Row(
                f"plates of half thickness {radius:g}: common share of volume",
                shares["surfaces"][-1],
                2 * radius,
            ),
        ]
    for name, values in shares.items():
        steep = math.log(values[0] / values[-1]) / math.log(THICKNESS[0] / THICKNESS[-1])
        rows.append(Row(f"{name}: power of the thickness", steep, 1.0))
    panels = [
        _rods(),
        _plates(),
        Panel(
            "common share of volume",
            [
                Line(THICKNESS, values, name, c, dots=True)
                for c, (name, values) in enumerate(shares.items())
            ],
            x_label="half thickness",
            y_label="share",
            log_x=True,
            log_y=True,
        ),
    ]
    return Exhibit(
        "Laws on thin sets in space. Even where two lines or surfaces cross, the volume they share "
        "goes to 0 with their thickness: almost everywhere a discriminator can be sure, and JS is "
        "log 2.",
        figure("G9 Low-dimensional sets hardly meet", panels),
        rows,
        {"half thickness": THICKNESS, **shares},
    )


def seen(x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Return points of space as seen from the front, right and above."""
    return (x - y) * math.cos(math.pi / 6), z + (x + y) / 2 * math.sin(math.pi / 6) * 2


def _rods() -> Panel:
    run, zero = np.linspace(-1, 1, 41), np.zeros(41)
    bent = (0.35 * np.sin(2.5 * run), run, 0.25 * run**2)
    return Panel(
        "two curves in space",
        [
            *_corner(),
            Line(*seen(run, zero, 0.3 * run**2), "p_data", 0, width=3),
            Line(*seen(*bent), "p_g", 1, width=3),
        ],
        bare=True,
        square=True,
        x=(-2, 2),
        y=(-1.2, 1.6),
    )


def _plates() -> Panel:
    marks = _corner()
    run = np.linspace(-0.8, 0.8, 25)
    for place, k in enumerate(np.linspace(-0.8, 0.8, 9).tolist()):
        held = np.full(25, k)
        flat = 0.15 * np.sin(2 * run) * np.cos(2 * held)
        marks += [
            Line(*seen(run, held, flat), "p_data" if place == 0 else None, 0, width=1),
            Line(*seen(held, run, 0.15 * np.sin(2 * held) * np.cos(2 * run)), None, 0, width=1),
            Line(*seen(run, 0.1 * held + 0.1, held), "p_g" if place == 0 else None, 1, width=1),
            Line(*seen(held, 0.1 * run + 0.1, run), None, 1, width=1),
        ]
    return Panel("two surfaces in space", marks, bare=True, square=True, x=(-2, 2), y=(-1.6, 1.6))


def _corner() -> list[Line]:
    """Return the three axes, as far as they are seen."""
    ends, zero = np.array([-1.2, 1.2]), np.zeros(2)
    ways = ((ends, zero, zero), (zero, ends, zero), (zero, zero, ends))
    return [Line(*seen(*way), None, FAINT, width=0.8) for way in ways]
