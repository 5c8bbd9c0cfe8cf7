"""G1, G2, G5: what the two losses of the generator look like, and what they do to its gradient."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.gallery.playing import Table, atoms, gradient_norm, mlp, points, table
from ganvas.gallery.theory import normal
from ganvas.games.parts.objectives.classification import Minimax, NonSaturating
from ganvas.metrics.distances import wasserstein_1d
from ganvas.play import Noise
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Area, Line
from ganvas.report.svg import FAINT, INK, PALETTE

Floats = NDArray[np.float64]


def curves(seed: int) -> Exhibit:
    """G1: log(1 − D) is flat where fakes are bad, −log D is steep there."""
    share = np.linspace(0.002, 0.998, 250)
    logit = torch.tensor(np.log(share / (1 - share)), requires_grad=True)
    values, slopes = list[Floats](), list[Floats]()
    for objective in (Minimax(), NonSaturating()):
        losses = torch.stack(
            [objective.generator(None, logit[i : i + 1]) for i in range(len(share))]
        )
        (slope,) = torch.autograd.grad(losses.sum(), logit)
        values.append(losses.detach().numpy())
        slopes.append(slope.numpy())
    names = ("log(1 − D)", "−log D")
    at = int(np.abs(share - 0.01).argmin())
    rows = list[Row]()
    for name, slope, expected in zip(names, slopes, (-share[at], share[at] - 1), strict=True):
        rows.append(Row(f"slope of {name} in the logit, D = {share[at]:.2f}", slope[at], expected))
    rows.append(Row("ratio of the slopes there", slopes[1][at] / slopes[0][at], 1 / share[at] - 1))
    panels = [
        Panel(
            "loss of the generator",
            [
                Line(share, v, name, c)
                for c, (v, name) in enumerate(zip(values, names, strict=True))
            ],
            x_label="D(G(z))",
            y_label="nats",
        ),
        Panel(
            "its slope in the logit of D",
            [
                Line(share, s, name, c)
                for c, (s, name) in enumerate(zip(slopes, names, strict=True))
            ],
            x_label="D(G(z)): bad fakes left, good ones right",
            y_label="nats per unit of logit",
        ),
    ]
    return Exhibit(
        "Where D is sure of a fake (left), log(1 − D) is flat and −log D has slope −1: the "
        "non-saturating loss moves bad samples most, the minimax loss hardly.",
        figure("G1 Two losses of the generator", panels, columns=2),
        rows,
        {"D": share, **{f"loss {n}": v for n, v in zip(names, values, strict=True)}},
    )


# ---- G2 -----------------------------------------------------------------------------------------

WINDOW = np.linspace(-4, 4, 161)
FRAMES, PACE = 30, 40
"""Pictures of the animation, and rounds between two of them."""
SHOWN = (0, 3, 10, 30)
"""Frames that the figure shows."""


def target(x: Floats) -> Floats:
    """Return the density of data: two bumps."""
    return 0.5 * normal(-1.2, 0.4)(x) + 0.5 * normal(1.2, 0.6)(x)


def fit(seed: int) -> Exhibit:
    """G2: a generator learns a density of one number; D follows p/(p + p_g)."""
    rng = np.random.default_rng(seed)
    side = rng.integers(2, size=16_384)
    data = np.where(side == 0, -1.2, 1.2) + np.where(side == 0, 0.4, 0.6) * rng.standard_normal(
        len(side)
    )
    made = table(
        "gan",
        atoms(data[:, None]),
        seed,
        batch=256,
        latent={"kind": "normal", "dim": 4},
        generator=mlp(32, 32),
        discriminator=mlp(32, 32),
        discriminator_steps=5,
        penalties={"r1": {"kind": "r1", "weight": 0.02}},
        generator_optimiser={"kind": "adam", "lr": 1e-3, "beta1": 0.5},
        discriminator_optimiser={"kind": "adam", "lr": 5e-3, "beta1": 0.5},
    )
    rounds, found = list[int](), list[tuple[Floats, Floats, float]]()

    def look(round: int) -> None:
        drawn = made.samples(8192)[:, 0].astype(np.float64)
        judged = 1 / (1 + np.exp(-made.scores(WINDOW[:, None])))
        rounds.append(round)
        found.append((smoothed(drawn, WINDOW), judged, wasserstein_1d(drawn, data[:8192])))

    made.play(FRAMES * PACE, look, PACE)
    real = target(WINDOW)
    gaps = [_gap(real, ours, judged) for ours, judged, _ in found]
    panels = [_moment(f"after {rounds[i]} rounds", real, *found[i][:2]) for i in SHOWN]
    panels.append(
        Panel(
            "distance of samples and data",
            [Line(rounds, [w for *_, w in found], "W₁")],
            x_label="rounds",
            y_label="W₁, units of x",
        )
    )
    panels.append(
        Panel(
            "distance of D from D*",
            [Line(rounds, gaps, "mean |D − D*| over the samples", 1)],
            x_label="rounds",
            y_label="probability",
        )
    )
    rows = [
        Row("W₁ of samples and data at the start", found[0][2]),
        Row("W₁ of samples and data at the end", found[-1][2]),
        Row("mean |D − D*| at the end", gaps[-1]),
        Row("mean D at the end, 1/2 when the game is over", _mean_d(real, *found[-1][:2]), 0.5),
    ]
    return Exhibit(
        "A generator of one number learns two bumps: D stays near p/(p + p_g), and both go to 1/2 "
        "as p_g comes to p. g2.gif shows it moving.",
        figure("G2 A one-dimensional game", panels),
        rows,
        {
            "x": WINDOW,
            "p_data": real,
            "rounds": rounds,
            **{f"p_g after {rounds[i]} rounds": found[i][0] for i in SHOWN},
            **{f"D after {rounds[i]} rounds": found[i][1] for i in SHOWN},
            "w1": [w for *_, w in found],
        },
        animation(rounds, real, [f[:2] for f in found]),
    )


def smoothed(values: Floats, x: Floats, width: float = 0.1) -> Floats:
    """Return a density at x from values, each a normal bump of the given width."""
    edges = np.linspace(-6, 6, 1201)
    heights, _ = np.histogram(values, edges)
    middles = (edges[1:] + edges[:-1]) / 2
    bumps = normal(0, width)(x[:, None] - middles)
    return bumps @ heights / len(values)


def _gap(real: Floats, ours: Floats, judged: Floats) -> float:
    """Return the mean of |D − D*| under (p + p_g)/2."""
    best = real / np.maximum(real + ours, 1e-12)
    return float(np.average(np.abs(judged - best), weights=real + ours))


def _mean_d(real: Floats, ours: Floats, judged: Floats) -> float:
    return float(np.average(judged, weights=real + ours))


def _moment(title: str, real: Floats, ours: Floats, judged: Floats) -> Panel:
    best = np.where(real + ours > 1e-3, real / np.maximum(real + ours, 1e-12), np.nan)
    return Panel(
        title,
        [
            Area(WINDOW, real, "p_data", FAINT),
            Area(WINDOW, ours, "p_g", 1),
            Line(WINDOW, best, "D*", INK, dashed=True),
            Line(WINDOW, judged, "D"),
        ],
        x_label="x",
        y_label="density, probability",
        y=(0, 1.05),
    )


def animation(rounds: Sequence[int], real: Floats, found: Sequence[tuple[Floats, Floats]]) -> bytes:
    """Return a GIF of p_g, D and D* over time; 480 × 300 pixels, five frames a second."""
    frames = [_frame(n, real, *each) for n, each in zip(rounds, found, strict=True)]
    frames += [frames[-1]] * 8
    held = io.BytesIO()
    frames[0].save(held, "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0)
    return held.getvalue()


def _frame(round: int, real: Floats, ours: Floats, judged: Floats) -> Image.Image:
    scale, wide, high = 2, 480, 300  # drawn twice as large, for smooth lines
    image = Image.new("RGB", (scale * wide, scale * high), "#fdfdfc")
    pen = ImageDraw.Draw(image)
    left, right, top, floor = 40, wide - 15, 45, high - 30

    def path(values: Floats) -> list[tuple[float, float]]:
        x = left + (WINDOW - WINDOW[0]) / (WINDOW[-1] - WINDOW[0]) * (right - left)
        y = floor - np.clip(values, 0, 1.05) / 1.05 * (floor - top)
        return [(scale * a, scale * b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]

    font, small = ImageFont.load_default(13 * scale), ImageFont.load_default(11 * scale)
    for level in (0, 0.5, 1):
        y = scale * (floor - level / 1.05 * (floor - top))
        pen.line([(scale * left, y), (scale * right, y)], "#e2e5e7", scale)
        pen.text((scale * (left - 6), y), f"{level:g}", "#4c555c", small, "rm")
    for x in range(-4, 5, 2):
        at = scale * (left + (x + 4) / 8 * (right - left))
        pen.text((at, scale * (floor + 5)), f"{x}", "#4c555c", small, "ma")
    pen.polygon(
        [(scale * left, scale * floor), *path(real), (scale * right, scale * floor)], "#dfe3e6"
    )
    for values, shade in ((ours, PALETTE[1]), (judged, PALETTE[0])):
        pen.line(path(values), shade, 2 * scale, "curve")
    held = real + ours > 1e-2
    for place in np.flatnonzero(held[:-1] & held[1:]).tolist():
        pair = slice(place, place + 2)
        best = path(real / np.maximum(real + ours, 1e-12))[pair]
        pen.line(best, PALETTE[INK], 2 * scale)
    pen.text((scale * left, scale * 8), f"round {round}", PALETTE[INK], font)
    names = (("p_data", "#9aa4ac"), ("p_g", PALETTE[1]), ("D", PALETTE[0]), ("D*", PALETTE[INK]))
    for place, (name, shade) in enumerate(names):
        pen.text((scale * (200 + 70 * place), scale * 10), name, shade, font)
    return image.resize((wide, high), Image.Resampling.LANCZOS).quantize(
        64, Image.Quantize.FASTOCTREE
    )


# ---- G5 -----------------------------------------------------------------------------------------

MOMENTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 600, 800, 1000)
"""Discriminator steps after which gradients are measured."""


def vanishing(seed: int) -> Exhibit:
    """G5: against a better and better D, one gradient dies and the other does not."""
    made = table(
        "gan",
        points("ring8", standardise=True),
        seed,
        latent={"kind": "normal", "dim": 2},
        generator=mlp(64, 64),
        discriminator=mlp(128, 128),
        discriminator_optimiser={"kind": "adam", "lr": 1e-3, "beta1": 0.5},
    )
    norms: dict[str, list[float]] = {"log(1 − D)": [], "−log D": []}
    right = list[float]()
    done = 0
    for moment in MOMENTS:
        made.train_discriminator(moment - done)
        done = moment
        for name, objective in zip(norms, (Minimax(), NonSaturating()), strict=True):
            norms[name].append(_norm(made, objective))
        right.append(_right(made))
    panels = [
        Panel(
            "gradient of the generator",
            [Line(MOMENTS, norm, name, c) for c, (name, norm) in enumerate(norms.items())],
            x_label="steps of D against a generator that rests",
            y_label="‖∇ L_G‖",
            log_y=True,
        ),
        Panel(
            "how often D is right",
            [Line(MOMENTS, right, None, 2)],
            x_label="steps of D against a generator that rests",
            y_label="share of samples",
            y=(0.4, 1.02),
        ),
    ]
    rows = [Row(f"‖∇ L_G‖ of {name} at the end", norm[-1]) for name, norm in norms.items()]
    rows += [
        Row(f"‖∇ L_G‖ of {name}: end / start", norm[-1] / norm[0]) for name, norm in norms.items()
    ]
    rows.append(Row("share of samples that D tells right at the end", right[-1]))
    return Exhibit(
        "The better the discriminator, the smaller the gradient of log(1 − D): it falls by orders "
        "of magnitude, while that of −log D grows (Arjovsky & Bottou 2017, figures 2 and 3).",
        figure("G5 A good discriminator leaves the minimax loss no gradient", panels, columns=2),
        rows,
        {"steps": MOMENTS, **norms, "right": right},
    )


def _norm(made: Table, objective: Minimax | NonSaturating) -> float:
    """Return ‖∇_θ L_G‖ over 2,048 latents, the same at each call."""
    game = made.game
    z = game.prior(2048, Noise(12))
    return gradient_norm(
        lambda: objective.generator(None, game.judge(game.generator(z)).logits),
        game.generator,
    )


def _right(made: Table) -> float:
    real, fake = made.scores(made.real(1024).x), made.scores(made.samples(1024))
    return float(np.concatenate([real > 0, fake < 0]).mean())
