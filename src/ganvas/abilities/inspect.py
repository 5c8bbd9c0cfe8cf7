"""``ganvas inspect``: what is in a generator's maps, and how evenly images follow codes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.items import check_file
from ganvas.cli.options import (
    Game,
    GivenFields,
    Label,
    ModelFolder,
    Seed,
    conditioned,
    conditions,
    load_model,
)
from ganvas.cli.speech import say, table
from ganvas.files import disk_errors

if TYPE_CHECKING:
    from torch import Tensor

    from ganvas.metrics.activations import Layer
    from ganvas.metrics.phase import Phase
    from ganvas.model import Model

STEPS = 15
"""Frames of a way along a direction."""
PLACES = 8
"""Codes at which Jacobians are taken."""


def inspect(
    run: ModelFolder,
    count: Annotated[int, typer.Option(help="Samples that are looked at.", min=2)] = 64,
    space: Annotated[
        str | None,
        typer.Option(help="Of Jacobians: z, w or s; by default w of models with styles."),
    ] = None,
    direction: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Of ganvas directions, one that moves things: does detail move with them?",
        ),
    ] = None,
    reach: Annotated[
        float, typer.Option(help="How far samples are moved along it, both ways.", min=0)
    ] = 3.0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .json with all numbers, or a page .html."),
    ] = None,
    label: Label = None,
    given: GivenFields = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Look into a generator: droplets and fine detail of each layer, levels' shares, Jacobians.

    A droplet is a peak far above everything else in a layer's normalised maps. The fine share is
    that of power above half the highest frequency. The Jacobian's singular values, over the
    largest, say whether images change alike in all directions of the code. Along a direction that
    moves an object, such as a pose, detail is followed by itself: of generators that grew it may
    cling to the grid of pixels.

    Example: ganvas inspect runs/faces --out inside.html
    """
    import torch

    from ganvas.errors import UsageError
    from ganvas.files import write_whole
    from ganvas.latent.spaces import spaces_of
    from ganvas.metrics.activations import activations, layers, singular_values
    from ganvas.networks.conditions import in_turn
    from ganvas.play import Noise, has
    from ganvas.play.abilities import HasStyles

    check_file(out, ".json", ".html")
    model = load_model(run, game)
    there = spaces_of(model.game)
    chosen = space or ("w" if "w" in there else "z")
    rows = [name for name, one in there.items() if len(one.shape) == 1]
    if chosen not in rows:
        told = " or ".join(filter(None, (", ".join(rows[:-1]), rows[-1])))
        raise UsageError(f"--space {chosen}: Jacobians of this model are taken in {told}")
    codes = there[chosen]
    phase = None
    if direction is not None:
        phase = followed(model, direction, reach, count, seed, **conditioned(label, given))
    noise = Noise(seed)
    said = model.said(1, label, conditions(given))
    y = codes.conditions(count, noise) if said is None else in_turn(said, count)
    drawn = codes.draw(count, noise, y)
    found = layers(activations(model.game, lambda: codes.synthesise(drawn, y)))
    places = min(PLACES, count)
    first = codes.conditions(1, Noise(seed)) if said is None else said
    values = singular_values(lambda c: codes.synthesise(c, first), drawn[:places])
    shown = (values / values[:, :1]).mean(0)
    shares = dict[str, float]()
    if has(model.game, HasStyles) and y is None:
        with torch.inference_mode():
            shares = model.game.gauge(torch.zeros(1, device=model.device))
    if found:
        lines = [_row(name, layer) for name, layer in found.items()]
        say(table(lines, ("layer", "size", "droplets", "fine")))
    for name, share in shares.items():
        say(f"share of the level of {name.rpartition('/')[2]} pixels: {share:.3f}")
    half = int((shown > 0.5).sum())
    say(
        f"Jacobian in {chosen}: {half} of {len(shown)} singular values above half the largest, "
        f"a tenth at number {int((shown > 0.1).sum())}, median {float(shown.median()):.3g}"
    )
    if phase is not None:
        say(
            f"detail moves {phase.slope:.2f} pixels for each pixel of what it belongs to, "
            f"correlation {phase.correlation:.2f}, on ways of {phase.travel:.2f} pixels"
        )
    if out is None:
        return
    with disk_errors(out):
        if out.suffix.lower() == ".html":
            write_whole(out, _page(found, shares, shown).encode())
        else:
            told = {**_plain(found, shares, values), "phase": phase and phase._asdict()}
            write_whole(out, json.dumps(told).encode())
    say(f"all of it: {out}")


def followed(
    model: Model, direction: Path, reach: float, count: int, seed: int = 0, **of: Any
) -> Phase:
    """Return how detail follows what a direction moves, over samples of a seed.

    Args:
        model: makes images.
        direction: a file of one.
        reach: how far samples are moved, both ways, in multiples of the direction.
        count: samples.
        seed: of the samples.
        of: their class and other conditions.

    Raises:
        UsageError: the file is none, or of another model; or samples are no images.
    """
    import numpy as np
    import torch

    from ganvas.cli.moves import load_moves
    from ganvas.data.domain import PLANE
    from ganvas.errors import UsageError
    from ganvas.metrics.phase import phase
    from ganvas.model.editing import edited_in

    if model.domain.grid != PLANE:
        raise UsageError(
            f"detail is followed in images, and this model makes {model.domain.plural}"
        )
    space, moves = load_moves([direction], [], model)
    (move,) = moves.values()
    amounts = np.linspace(-reach, reach, STEPS).tolist()
    found = edited_in(model, space, move, [(seed, n) for n in range(count)], amounts, **of).items
    frames = torch.cat([model.domain.encode(part) for part in np.split(found, count)])
    return phase(frames.view(count, STEPS, *frames.shape[1:]))


def _row(name: str, layer: Layer) -> tuple[str, str, str, str]:
    fine = "" if layer.fine is None else f"{layer.fine:.4f}"
    return name, f"{layer.size[0]}×{layer.size[1]}", f"{layer.droplets:.2f}", fine


def _plain(found: dict[str, Layer], shares: dict[str, float], values: Tensor) -> dict[str, Any]:
    return {
        "layers": {name: layer._asdict() for name, layer in found.items()},
        "shares": shares,
        "singular values": values.tolist(),
    }


def _page(found: dict[str, Layer], shares: dict[str, float], shown: Tensor) -> str:
    """Return a page with spectra, shares of levels, and singular values."""
    from ganvas.report import html
    from ganvas.report.charts import Series, bar_chart, line_chart

    spectra: Sequence[Series] = [
        Series(
            name,
            [(i + 0.5) / 2 / len(one.spectrum) for i in range(len(one.spectrum))],
            one.spectrum,
        )
        for name, one in found.items()
        if one.spectrum
    ]
    values = [float(value) for value in shown]
    charts = [
        line_chart(
            [Series("over the largest", [i + 1.0 for i in range(len(values))], values)],
            title="Singular values of the Jacobian",
            x_label="number",
            y_label="over the largest",
        )
    ]
    if spectra:
        title = "Power of maps by frequency"
        charts.append(line_chart(spectra, title=title, x_label="cycles a pixel", y_label="share"))
    if shares:
        names = [name.rpartition("/")[2] for name in shares]
        charts.append(
            bar_chart(
                names,
                list(shares.values()),
                title="Shares of levels",
                x_label="pixels",
                y_label="share",
            )
        )
    return html.page(
        "tradeoff.html",
        "Inside a generator",
        curves=charts,
        header=["layer", "size", "droplets", "fine"],
        rows=[list(_row(name, layer)) for name, layer in found.items()],
    )
