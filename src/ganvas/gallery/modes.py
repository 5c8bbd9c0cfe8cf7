"""G4 and G6: a generator that drops modes, and a discriminator that can tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganvas.data.laws import law
from ganvas.data.packaged import digits8
from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.gallery.playing import Table, images, mlp, points, table
from ganvas.metrics.diversity import mean_pairwise_distance
from ganvas.metrics.modes import assign, strictly_covered
from ganvas.nn import MinibatchDiscrimination
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Bars, Dots, Line, Picture, Words

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
ROUNDS, EVERY = 2000, 100
"""Length of the games, and rounds between looks."""


def collapse(seed: int) -> Exhibit:
    """G4: modes over time on the ring, with and without a remedy; a generator of one picture."""
    quick = {"kind": "adam", "lr": 1e-3, "beta1": 0.5, "beta2": 0.999}
    shared: dict[str, Any] = {
        "latent": {"kind": "normal", "dim": 16},
        "generator": mlp(64, 64),
        "discriminator": mlp(64, 64, activation="tanh"),
        "generator_optimiser": quick,
        "discriminator_optimiser": quick,
    }
    games = {
        "GAN": table("gan", points("ring8"), seed, **shared),
        "R3GAN": table("r3gan", points("ring8"), seed, gamma=0.1, **shared),
    }
    rounds, counts = list[int](), {name: list[int]() for name in games}
    for name, made in games.items():
        rounds.clear()

        def look(round: int, name: str = name, made: Table = made) -> None:
            rounds.append(round)
            # Within a tenth of the radius: the ring's own modes are a hundredth wide.
            found = assign(made.samples(1000), law("ring8"), radius=10.0)
            counts[name].append(strictly_covered(found.counts, 1000))

        made.play(ROUNDS, look, EVERY)
    panels = [_ring(name, made) for name, made in games.items()]
    panels.append(
        Panel(
            "modes over time",
            [Line(rounds, count, name, c) for c, (name, count) in enumerate(counts.items())],
            x_label="rounds",
            y_label="modes held (a fifth of their share)",
            y=(0, 8.4),
        )
    )
    pictures, rows = _pictures(seed)
    means = [float(np.mean(count)) for count in counts.values()]
    rows = [
        *(Row(f"{name}: modes at the end", count[-1]) for name, count in counts.items()),
        *(
            Row(f"{name}: modes, mean over the run", mean)
            for name, mean in zip(counts, means, strict=True)
        ),
        *rows,
    ]
    return Exhibit(
        "On the ring of eight modes the plain game wanders and holds hardly any; with relativistic "
        "pairing and gradient penalties (R3GAN) the same networks, rates and rounds find all. "
        "Last: a generator trained against a discriminator that hardly moves paints one picture "
        "over and over.",
        figure("G4 Mode collapse", [*panels, *pictures]),
        rows,
        {"rounds": rounds, **counts},
    )


def _ring(name: str, made: Table) -> Panel:
    centres, drawn = law("ring8").centres, made.samples(500)
    return Panel(
        f"{name}: samples at the end",
        [
            Dots(drawn[:, 0], drawn[:, 1], "samples", 0, 2.5, 0.5),
            Dots(centres[:, 0], centres[:, 1], "modes", 1, 5, 0.9),
        ],
        x_label="x₁",
        y_label="x₂",
        x=(-1.6, 1.6),
        y=(-1.3, 1.3),
        square=True,
    )


def _pictures(seed: int) -> tuple[list[Panel], list[Row]]:
    """Train on 8×8 digits twice, once with a discriminator that learns a fiftieth as fast."""
    panels, rows = list[Panel](), list[Row]()
    source = images("digits8")
    for title, rate in (("as usual", 1e-3), ("against a weak D", 2e-5)):
        made = table(
            "gan",
            source,
            seed,
            batch=64,
            latent={"kind": "normal", "dim": 16},
            generator=mlp(128, 128, output="tanh"),
            discriminator=mlp(128, 128),
            penalties={"r1": {"kind": "r1", "weight": 1.0}},
            generator_optimiser={"kind": "adam", "lr": 1e-3, "beta1": 0.5},
            discriminator_optimiser={"kind": "adam", "lr": rate, "beta1": 0.5},
        )
        made.play(ROUNDS)
        drawn, real = made.samples(500), made.real(500).x
        share = mean_pairwise_distance(torch.from_numpy(drawn).flatten(1)) / mean_pairwise_distance(
            real.flatten(1)
        )
        rows.append(Row(f"digits {title}: distance between samples / between data", share))
        panels.append(grid_panel(f"digits {title}: {share:.2f} of the variety", drawn[:24]))
    return panels, rows


def grid_panel(title: str, drawn: NDArray[np.floating], columns: int = 6) -> Panel:
    """Return a panel of grey images (N, 1, H, W) in [−1, 1], row by row."""
    pixels = tiles(drawn, columns)
    height, width = pixels.shape
    return Panel(title, [Picture(pixels, 0, width, 0, height)], bare=True, square=True)


def tiles(drawn: NDArray[np.floating], columns: int) -> Pixels:
    """Return grey images (N, 1, H, W) in [−1, 1] side by side, one pixel of white apart."""
    level = np.rint((np.clip(drawn[:, 0], -1, 1) + 1) * 127.5).astype(np.uint8)
    count, height, width = level.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), 255, np.uint8)
    for i, image in enumerate(level):
        y, x = i // columns * (height + 1), i % columns * (width + 1)
        sheet[y : y + height, x : x + width] = image
    return sheet


# ---- G6 -----------------------------------------------------------------------------------------

BATCH = 16


def similarity(layer: MinibatchDiscrimination, features: torch.Tensor) -> Floats:
    """Return c_b(i, j) = exp(−‖M_{i,b} − M_{j,b}‖₁), (B, N, N), written out."""
    rows = torch.einsum("nf,fbc->bnc", features, layer.table)
    apart = (rows[:, :, None] - rows[:, None]).abs().sum(-1)
    return torch.exp(-apart).detach().double().numpy()


def batches(seed: int) -> Exhibit:
    """G6: what minibatch discrimination tells of a diverse and of a collapsed batch."""
    rng = np.random.default_rng(seed)
    held = digits8().splits["train"].x
    chosen = held[rng.choice(len(held), BATCH, replace=False), :, :, 0] / 127.5 - 1
    noisy = chosen[:1] + 0.02 * rng.standard_normal((BATCH, 8, 8))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = MinibatchDiscrimination(64)
    shown = {"diverse": chosen, "collapsed": noisy, "identical": np.repeat(chosen[:1], BATCH, 0)}
    rows, panels = list[Row](), list[Panel]()
    outputs: dict[str, Floats] = {}
    matrices: dict[str, Floats] = {}
    for name, batch in shown.items():
        features = torch.from_numpy(batch.reshape(BATCH, 64).astype(np.float32))
        c = similarity(layer, features)
        outputs[name] = layer(features).detach().double().numpy().mean(1)
        matrices[name] = c.mean(0)
        written = c.sum(2).mean(0) - 1
        rows += [
            Row(
                f"{name}: mean o(x) of the layer",
                float(outputs[name].mean()),
                float(BATCH - 1) if name == "identical" else float(written.mean()),
            ),
            Row(
                f"{name}: mean c over pairs",
                float((c.sum() - c.shape[0] * BATCH) / c.shape[0]) / BATCH / (BATCH - 1),
            ),
        ]
    apart = layer(1e4 * torch.randn(BATCH, 64, generator=torch.Generator().manual_seed(seed)))
    rows.append(Row("a batch far apart: largest o(x)", float(apart.detach().max()), 0.0))
    for name in ("diverse", "collapsed"):
        panels += [_diagram()] if len(panels) == 3 else []
        panels.append(grid_panel(f"a {name} batch", shown[name][:, None], 4))
        panels.append(_matrix(f"{name}: c(i, j), mean over b", matrices[name]))
        edges = np.arange(BATCH + 1) - 0.5
        panels.append(
            Panel(
                f"{name}: o(x) = Σ c(i, j)",
                [Bars(edges, outputs[name], None, 0)],
                x_label="sample of the batch",
                y_label="closeness to the others",
                y=(0, BATCH),
            )
        )
    return Exhibit(
        "Features f of a batch become matrices M = fT; c(i, j) = exp(−‖M_i − M_j‖₁) is near 1 for "
        "alike samples, and their sum o joins f: a collapsed batch gives itself away.",
        figure("G6 Minibatch discrimination", panels, columns=4),
        rows,
        {**{f"o {n}": o for n, o in outputs.items()}, **{f"c {n}": c for n, c in matrices.items()}},
    )


def _matrix(title: str, c: Floats) -> Panel:
    shade = np.rint(255 * (1 - c)).astype(np.uint8)
    return Panel(
        title,
        [Picture(shade, -0.5, BATCH - 0.5, BATCH - 0.5, -0.5)],
        x_label="sample j (black: c = 1, white: 0)",
        y_label="sample i",
        x=(-0.5, BATCH - 0.5),
        y=(BATCH - 0.5, -0.5),
    )


def _diagram() -> Panel:
    places = [
        (0.0, "x₁ … x_n: a batch"),
        (1.0, "f(x_i) in R^A: a hidden layer of D"),
        (2.0, "M_i = f(x_i) T in R^(B×C), T learnt"),
        (3.0, "c_b(i, j) = exp(−‖M_ib − M_jb‖₁)"),
        (4.0, "o(x_i)_b = Σ over j ≠ i of c_b(i, j)"),
        (5.0, "[f(x_i), o(x_i)] to the next layer"),
    ]
    marks: list[Any] = [Words(0, -y, text) for y, text in places]
    marks += [Line([0, 0], [-y - 0.3, -y - 0.68], None, 9, arrow=True) for y, _ in places[:-1]]
    return Panel("the layer", marks, bare=True, x=(-1, 1), y=(-5.5, 0.5))
