"""G11 and the studies of WGAN-GP: what clipping, a gradient penalty and spectral norms make of D.

Critics are trained to the end against fakes that are the data plus normal noise, as in the
paper's figure 1; the twelve-layer study plays whole games.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.gallery.playing import Table, mlp, points, table
from ganvas.games.parts.penalties import input_gradient, interpolates, squared_norms
from ganvas.play import Noise
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Bars, Dots, Line, Picture

Floats = NDArray[np.float64]
LAWS = {"ring8": "8 Gaussians", "grid25": "25 Gaussians", "swiss_roll": "Swiss roll"}
KINDS = {"clip": "weight clipping", "gp": "gradient penalty", "sn": "spectral norm"}
"""Kinds of critics that are drawn; "gp10" is a penalty with λ = 10 in place of 0.1."""
BOUND = 0.1
"""c of the clipped critics of figures; the paper's toys do not say theirs."""
STEPS = 1500
VIEW = 3.0
"""Half the edge of the part of the plane that is shown."""
CELLS = 128
PROBE = 2000
"""Points at which gradients and the fit of a parabola are measured."""
NEAR = math.sqrt(0.1)
"""A small step from the data, in units of the noise."""


class Critic(NamedTuple):
    """A trained critic, with numbers about it.

    Attributes:
        surface: its values on a grid over the view, rows from bottom to top.
        weights: all of its weight matrices (as used, after spectral normalisation), flat.
        steepness: mean ‖∇f‖ between data and fakes.
        quadratic: R² of the best parabola for its values there: 1 says that it is no more.
        near: share of its gap between data and fakes that a tenth of the noise's variance makes up:
            0.1 for a parabola, more if it follows the data closely.
        real: data that are shown.
    """

    surface: Floats
    weights: Floats
    steepness: float
    quadratic: float
    near: float
    real: Floats


def settings_of(kind: str) -> tuple[str, dict[str, Any]]:
    """Return the system and settings of a critic; the penalty's λ is that of the toy script."""
    adam = {"kind": "adam", "lr": {"start": 1e-3, "end": 1e-4}, "beta1": 0.5, "beta2": 0.9}
    match kind:
        case "clip":
            return "wgan", {
                "constraint": {"kind": "clip", "bound": BOUND},
                "discriminator_optimiser": {"kind": "rmsprop", "lr": 5e-4},
            }
        case "sn":
            plain = {"objective": {"kind": "wasserstein"}, "generator_batch": 1}
            return "sngan", {"discriminator_optimiser": adam, **plain}
        case _:
            weight = 10.0 if kind == "gp10" else 0.1
            return "wgan-gp", {
                "penalties": {"gradient": {"kind": "gradient", "weight": weight}},
                "discriminator_optimiser": adam,
            }


@lru_cache(maxsize=16)
def trained(law: str, kind: str, seed: int, steps: int = STEPS) -> Critic:
    """Train a critic of three hidden layers on data against the same data plus N(0, I)."""
    system, chosen = settings_of(kind)
    made = table(
        system,
        points(law, standardise=law != "swiss_roll"),
        seed,
        batch=256,
        latent={"kind": "normal", "dim": 2},
        generator=mlp(2),
        # From small slopes on: with λ = 10 the penalty is a wall between f and −f, of height λ.
        discriminator=mlp(128, 128, 128, activation="relu", spectral=kind == "sn"),
        **chosen,
    )
    made.train_against(lambda real, noise: real + noise.normal(len(real), 2), steps)
    return _measured(made, seed)


def _measured(made: Table, seed: int) -> Critic:
    ticks = (np.arange(CELLS) + 0.5) / CELLS * 2 * VIEW - VIEW
    across, up = np.meshgrid(ticks, ticks)
    surface = made.scores(np.stack([across.ravel(), up.ravel()], 1)).reshape(CELLS, CELLS)
    noise = Noise(seed + 1)
    real = made.real(PROBE).x
    between = interpolates(real, real + noise.normal(PROBE, 2), noise.uniform(PROBE))
    slopes = squared_norms(input_gradient(made.game.eval().discriminator, between)).sqrt()
    x, y = between.double().numpy().T
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
    values = made.scores(between)
    left = values - basis @ np.linalg.lstsq(basis, values)[0]
    step = noise.normal(PROBE, 2)
    at_data, close, far = (made.scores(real + reach * step).mean() for reach in (0, NEAR, 1))
    return Critic(
        surface,
        _weights(made.game.discriminator),
        float(slopes.mean().detach()),
        1 - float(left.var() / values.var()),
        float((at_data - close) / (at_data - far)),
        real[:400].double().numpy(),
    )


def _weights(network: nn.Module) -> Floats:
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    return torch.cat([layer.weight.detach().reshape(-1) for layer in layers]).double().numpy()


def _study(law: str, kind: str, seed: int, panels: list[Panel], rows: list[Row]) -> None:
    """Add the picture and the numbers of one critic on one law."""
    critic = trained(law, kind, seed)
    panels.append(_surface(f"{LAWS[law]}, {KINDS[kind]}", critic))
    rows += [
        Row(f"{law}, {kind}: R² of a parabola", critic.quadratic),
        Row(f"{law}, {kind}: share of the gap near the data", critic.near),
        Row(f"{law}, {kind}: mean ‖∇f‖ between data and fakes", critic.steepness),
    ]


def surfaces(seed: int) -> Exhibit:
    """Draw the level sets of critics trained to the end, clipped and penalised, on three laws."""
    rows, panels = list[Row](), list[Panel]()
    for kind in ("clip", "gp"):
        for law in LAWS:
            _study(law, kind, seed, panels, rows)
    steep = trained("ring8", "gp10", seed).steepness
    rows.append(Row("ring8, λ = 10: mean ‖∇f‖ between data and fakes", steep, 1.0))
    return Exhibit(
        "Critics trained to the end on data against data plus noise (Gulrajani et al. 2017, figure "
        "1a). With clipping they know little more than where the data are as a whole: a parabola "
        "would have 0.1 of its gap near the data. With a gradient penalty, λ = 0.1 as in the toy "
        "script, they follow the modes; with λ = 10 the slope is near 1.",
        figure("Value surfaces of critics", panels),
        rows,
        {"view": [-VIEW, VIEW], "steps": STEPS, "clip": BOUND},
    )


def _surface(title: str, critic: Critic) -> Panel:
    edge = VIEW
    return Panel(
        title,
        [
            Picture(bands(critic.surface[::-1]), -edge, edge, -edge, edge, smooth=True),
            Dots(critic.real[:, 0], critic.real[:, 1], "data", 1, 2.2, 0.8),
        ],
        x_label="x₁ (bright: high value, lines: level sets)",
        y_label="x₂",
        x=(-edge, edge),
        y=(-edge, edge),
        square=True,
    )


def bands(surface: Floats, levels: int = 14) -> NDArray[np.uint8]:
    """Return a map of values (H, W) in equal bands from dark to bright, borders drawn."""
    low, high = np.quantile(surface, [0.15, 0.999])
    share = np.clip((surface - low) / max(high - low, 1e-12), 0, 1 - 1e-9)
    band = np.floor(share * levels)
    border = np.zeros_like(band, bool)
    border[:-1] |= band[:-1] != band[1:]
    border[:, :-1] |= band[:, :-1] != band[:, 1:]
    ends = np.array([[58, 78, 118], [243, 245, 240]], np.float64)
    tone = (band / (levels - 1))[..., None]
    colours = (1 - tone) * ends[0] + tone * ends[1]
    colours[border] = colours[border] * 0.72
    return np.rint(colours).astype(np.uint8)


def three_ways(seed: int) -> Exhibit:
    """G11: clipping, gradient penalty and spectral norm on 8 and 25 Gaussians; weights."""
    rows, panels = list[Row](), list[Panel]()
    for law in ("ring8", "grid25"):
        for kind in KINDS:
            _study(law, kind, seed, panels, rows)
    numbers = dict[str, Any]()
    for colour, (kind, name) in enumerate(KINDS.items()):
        weights = trained("ring8", kind, seed).weights
        reach = float(np.quantile(np.abs(weights), 0.999)) * 1.02
        heights, edges = np.histogram(weights, 61, (-reach, reach), density=True)
        numbers |= {f"weights {kind}": heights, f"edges {kind}": [-reach, reach]}
        panels.append(
            Panel(
                f"weights: {name}",
                [Bars(edges, heights, None, colour)],
                x_label="weight, 8 Gaussians",
                y_label="density",
            )
        )
    clipped = np.abs(trained("ring8", "clip", seed).weights)
    rows.append(
        Row("ring8, clip: share of weights beyond 0.9 c", float((clipped > 0.9 * BOUND).mean()))
    )
    for kind in ("gp", "sn"):
        weights = np.abs(trained("ring8", kind, seed).weights)
        beyond = float((weights > 0.9 * weights.max()).mean())
        rows.append(Row(f"ring8, {kind}: share of weights beyond 0.9 of the largest", beyond))
    return Exhibit(
        "Clipping drives weights to its bounds and leaves critics too simple; a gradient penalty "
        "leaves weights bell-shaped; spectral norms bound every layer, and the slope of the critic "
        "stays below 1.",
        figure("G11 Clipping, gradient penalty, spectral norm", panels),
        rows,
        numbers,
    )


# ---- twelve layers (figure 1b) ------------------------------------------------------------------

DEPTH, BREADTH = 12, 256
ROUNDS = 80
"""Rounds of five critic steps each."""
BOUNDS = (0.1, 0.01, 0.001)


class Deep(NamedTuple):
    """A twelve-layer critic after training: gradient norms by layer, and its weights."""

    norms: list[float]
    weights: Floats


@lru_cache(maxsize=8)
def deep(bound: float | None, seed: int, rounds: int = ROUNDS) -> Deep:
    """Play a game of twelve-layer networks on the Swiss roll, clipped at ``bound`` or penalised."""
    system, chosen = settings_of("gp10" if bound is None else "clip")
    if bound is not None:
        chosen["constraint"] = {"kind": "clip", "bound": bound}
        chosen["warm_up"] = {"rounds": 0, "every": 0}
        chosen["generator_optimiser"] = chosen["discriminator_optimiser"] = {
            "kind": "rmsprop",
            "lr": 5e-5 if bound < 0.1 else 5e-4,
        }
    widths = (BREADTH,) * (DEPTH - 1)
    made = table(
        system,
        points("swiss_roll"),
        seed,
        batch=64,
        latent={"kind": "normal", "dim": 2},
        generator=mlp(*widths, init="he"),
        discriminator=mlp(*widths, activation="relu", init="he"),
        **chosen,
    )
    made.play(rounds)
    return Deep(layer_norms(made), _weights(made.game.discriminator))


def layer_norms(made: Table, n: int = 256) -> list[float]:
    """Return the root mean square norm of ∂L_C/∂(a sample's activations), layer by layer."""
    game = made.game
    seen = list[Tensor]()
    layers = [m for m in game.discriminator.modules() if isinstance(m, nn.Linear)]

    def keep(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
        seen.append(output)

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    real = made.real(n).x
    fake = torch.from_numpy(made.samples(n))
    x = torch.cat([real, fake]).requires_grad_()
    logits = game.judge(x).logits
    loss = game.judge.objective.discriminator(logits[:n], logits[n:])
    slopes = cast(Sequence[Tensor], torch.autograd.grad(loss, seen))
    for hook in hooks:
        hook.remove()
    # The loss is a mean over n: times n it is what one sample's change does.
    return [n * math.sqrt(float(squared_norms(slope.double()).mean())) for slope in slopes]


def gradients(seed: int) -> Exhibit:
    """Show gradient norms by layer of twelve-layer critics, clipped or penalised."""
    lines, rows = list[Line](), list[Row]()
    depth = list(range(1, DEPTH + 1))
    numbers: dict[str, Any] = {"layer": depth}
    for colour, bound in enumerate((*BOUNDS, None)):
        norms = deep(bound, seed).norms
        name = "gradient penalty" if bound is None else f"clipping, c = {bound:g}"
        lines.append(Line(depth, np.maximum(norms, 1e-30), name, colour, dots=True))
        numbers[name] = norms
        rows.append(Row(f"{name}: decades from the last layer to the first", decades(norms)))
    panels = [
        Panel(
            "gradient of the critic's loss",
            lines,
            x_label="layer of the critic, from the input",
            y_label="‖∂L_C/∂a‖ of a sample, RMS",
            log_y=True,
        )
    ]
    for colour, bound in ((1, 0.01), (3, None)):
        weights = deep(bound, seed).weights
        reach = 0.0105 if bound else float(np.quantile(np.abs(weights), 0.999))
        heights, edges = np.histogram(weights, 61, (-reach, reach), density=True)
        name = "gradient penalty" if bound is None else f"clipping, c = {bound:g}"
        numbers |= {f"weights, {name}": heights, f"edges, {name}": [-reach, reach]}
        panels.append(
            Panel(
                f"weights: {name}",
                [Bars(edges, heights, None, colour)],
                x_label="weight",
                y_label="density",
            )
        )
        if bound:
            share = float((np.abs(weights) > 0.9 * bound).mean())
            rows.append(Row("clipping, c = 0.01: share of weights beyond 0.9 c", share))
    return Exhibit(
        "Twelve-layer critics on the Swiss roll: with clipping the gradient grows or dies "
        "exponentially through the layers, by the bound c; with a gradient penalty it keeps its "
        "size (Gulrajani et al. 2017, figure 1b).",
        figure("Gradients and weights of deep critics", panels),
        rows,
        numbers,
    )


def decades(norms: Sequence[float]) -> float:
    """Return the powers of ten that a gradient gains on its way back from the last layer."""
    return math.log10(max(norms[0], 1e-45) / max(norms[-1], 1e-45))
