"""G10: WGAN and GAN with three generators, and whose loss says how good the samples are."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ganvas.data.source import Source
from ganvas.gallery.exhibit import Exhibit, Row
from ganvas.gallery.modes import grid_panel
from ganvas.gallery.playing import images, mlp, table
from ganvas.metrics.distances import wasserstein_assignment
from ganvas.report.figures import Panel, figure
from ganvas.report.marks import Line

ROUNDS, EVERY = 300, 15
SAMPLES = 256
"""Samples and data whose distance is taken."""
GENERATORS: dict[str, dict[str, Any]] = {
    "DCGAN": {"kind": "dcgan", "width": 16, "stages": 2},
    "no norm, constant width": {
        "kind": "dcgan",
        "width": 16,
        "stages": 2,
        "norm": "none",
        "growth": "constant",
    },
    "MLP of 4 layers": mlp(256, 256, 256, 256, output="tanh"),
}
RMSPROP = {"kind": "rmsprop", "lr": 2e-4}
GAMES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "WGAN": (
        "wgan",
        "estimate/wasserstein",
        {
            "constraint": {"kind": "clip", "bound": 0.01},
            "warm_up": {"rounds": 0, "every": 0},
            "generator_optimiser": RMSPROP,
            "discriminator_optimiser": RMSPROP,
        },
    ),
    "GAN": ("dcgan", "estimate/js", {}),
}


class Run(NamedTuple):
    """One training: what its loss says of the distance, and what the distance was."""

    estimates: list[float]
    distances: list[float]
    drawn: NDArray[np.float32]


def six_runs(seed: int) -> Exhibit:
    """G10: train both games with each generator on 16×16 digits."""
    source = images("digits", size=16, resize="stretch")
    rounds = list(range(EVERY, ROUNDS + 1, EVERY))
    rows, grids, plots = list[Row](), list[Panel](), list[Panel]()
    numbers: dict[str, Any] = {"rounds": rounds}
    for game in GAMES:
        meters, distances = list[Line](), list[Line]()
        for colour, generator in enumerate(GENERATORS):
            run = _play(source, game, generator, seed)
            name = f"{game}, {generator}"
            fit = float(cast(Any, stats).spearmanr(run.estimates, run.distances).statistic)
            rows += [
                Row(f"{name}: distance of samples and data at the end", run.distances[-1]),
                Row(f"{name}: rank correlation of estimate and distance", fit),
            ]
            meters.append(Line(rounds, run.estimates, generator, colour))
            distances.append(Line(rounds, run.distances, generator, colour))
            numbers |= {f"{name}: estimate": run.estimates, f"{name}: distance": run.distances}
            grids.append(grid_panel(name, run.drawn[:32], 8))
        unit = "E f(x) − E f(x̃)" if game == "WGAN" else "log 2 − L_D/2, nats"
        grids.append(Panel(f"{game}: its estimate", meters, x_label="rounds", y_label=unit))
        plots.append(
            Panel(
                f"{game}: distance from the data",
                distances,
                x_label="rounds",
                y_label="W₁ of 256 pairs",
            )
        )
    return Exhibit(
        "With each of the three generators WGAN's estimate goes along with the distance between "
        "samples and data, up or down: it is a meter. The JS estimate of the GAN with the DCGAN "
        "generator rises while its samples get better. Short runs on 16×16 digits.",
        figure("G10 WGAN and GAN with three generators", [*grids, *plots], columns=4),
        rows,
        numbers,
    )


def _play(source: Source, game: str, generator: str, seed: int) -> Run:
    system, key, chosen = GAMES[game]
    made = table(
        system,
        source,
        seed,
        batch=64,
        latent={"kind": "normal", "dim": 32},
        generator=GENERATORS[generator],
        discriminator={"kind": "dcgan", "width": 16, "stages": 2},
        **chosen,
    )
    real = made.real(SAMPLES).x.flatten(1).numpy()
    distances = list[float]()

    def look(round: int) -> None:
        if round:
            drawn = made.samples(SAMPLES).reshape(SAMPLES, -1)
            distances.append(wasserstein_assignment(drawn, real))

    log = made.play(ROUNDS, look, EVERY)
    return Run([row[key] for row in log], distances, made.samples(64))
