"""``ganvas slots``: what a model's memory holds, as pictures and tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ganvas.cli.items import PICTURES, check_file
from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.speech import say, table
from ganvas.data import draw
from ganvas.data.domain import PLANE
from ganvas.data.spec import AnyArray
from ganvas.errors import UsageError
from ganvas.files import disk_errors, write_whole
from ganvas.model import Model, Slots
from ganvas.report.figures import Panel
from ganvas.report.marks import Line
from ganvas.report.run import read_run
from ganvas.report.slots import Held, Pixels, slot_browser
from ganvas.report.svg import INK

LISTED = 10
"""Slots that are printed."""
DOTS, CANVAS, PALE = 400, 96, 222
"""Points in a picture of a slot, its edge in pixels, and the grey of all other samples."""
MOMENTS = 4
"""Rounds at which the prior is shown along training."""
LIKELIHOOD, RANK = "likelihood/biased", "prior/rank "
"""Names in the log, which `ganvas.latent.slots.readings` gives."""

Series = Mapping[str, tuple[list[float], list[float]]]


def slots(
    run: ModelFolder,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A .svg page, a .png grid with a row for each slot, or .json."
        ),
    ] = None,
    count: Annotated[
        int, typer.Option(help="Slots shown, those drawn most often first.", min=1)
    ] = 24,
    each: Annotated[int, typer.Option(help="Samples of each slot.", min=1)] = 4,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Show what the slots of a model's memory hold: samples, count, age, real or fake.

    A page also shows the prior over slots along training; the JSON has all slots.

    Example: ganvas slots runs/memory --out slots.svg
    """
    check_file(out, ".svg", ".json", *PICTURES)
    model = load_model(run, game)
    memory, held = model.slots, model.slots.table()
    if out is not None and out.suffix.lower() == ".json":
        write_whole(out, json.dumps(slots_json(memory), indent=1).encode())
    elif out is not None and out.suffix.lower() == ".svg":
        page = browser_figure(model, count, each, seed=seed, run=run)
        write_whole(out, page.encode())
    elif out is not None:
        _save_rows(model, [s.index for s in held if s.real][:count], each, seed, out)
    say(summary(memory))
    rows = [
        (str(s.index), "real" if s.real else "fake", f"{s.prior:.2%}", f"{s.count:.4g}", str(s.age))
        for s in held[:LISTED]
    ]
    say(table(rows, ("slot", "of", "p(c)", "count", "age")))
    if out is not None:
        say(f"slots: {out}")


def browser_figure(
    model: Model, count: int = 24, each: int = 4, *, seed: int = 0, run: Path | None = None
) -> str:
    """Return an SVG of a memory: what its first slots generate, its prior and its ages.

    Args:
        model: has a memory.
        count: slots shown, those drawn most often first.
        each: pictures of each slot.
        seed: of their noise.
        run: a run folder, from whose log the past of the memory is shown, too.

    Raises:
        CannotError: the model has no memory.
    """
    memory, gallery = model.slots, Thumbnails(model, seed)
    table = memory.table()
    held = [
        Held(
            (
                f"slot {slot.index} · {'real' if slot.real else 'fake'}",
                f"p(c) {slot.prior:.2%} · count {slot.count:.2f} · age {slot.age}",
            ),
            gallery.of_slot(slot.index, each) if slot.real else (),
        )
        for slot in table[:count]
    ]
    series = read_run(run).series if run is not None else {}
    panels = [
        Panel(
            "Slots by probability",
            [*_prior_along(series), _prior_now(memory)],
            x_label="rank",
            y_label="P(c|v=1)",
            log_x=True,
            log_y=True,
        ),
        Panel(
            "Slots by age",
            [Line(range(1, len(table) + 1), sorted(slot.age + 1 for slot in table))],
            x_label="slots, the freshest first",
            y_label="1 + updates since touched",
            log_y=True,
        ),
    ]
    if LIKELIHOOD in series:
        panels.append(
            Panel(
                "Held-out data, biased",
                [Line(*series[LIKELIHOOD], dots=True)],
                x_label="round",
                y_label="log-likelihood",
            )
        )
    title = f"The memory of {model.provenance.recipe or model.system}"
    return slot_browser(title, summary(memory), panels, held)


def summary(slots: Slots) -> str:
    """Return a memory in a line."""
    found = slots.census()
    return (
        f"{found.slots:,} slots: {found.real:,} real, {found.fake:,} fake, "
        f"{found.slots - found.populated:,} empty; effectively {found.effective:,.1f} in use"
    )


def slots_json(slots: Slots) -> dict[str, Any]:
    """Return the census of a memory and all its populated slots, ready for JSON."""
    return {**asdict(slots.census()), "table": [asdict(slot) for slot in slots.table()]}


def _prior_now(slots: Slots) -> Line:
    """Return the sorted prior as a curve."""
    ordered = np.sort(slots.prior())[::-1]
    ranks = np.unique(np.geomspace(1, len(ordered), 64).astype(np.int64))
    return Line(ranks, ordered[ranks - 1], name="now", colour=INK)


def _prior_along(series: Series) -> list[Line]:
    """Return the sorted prior at a few rounds of a run's log (memoryGAN, Fig. 3c)."""
    logged: dict[int, dict[float, float]] = {
        int(key.removeprefix(RANK)): dict(zip(*points, strict=True))
        for key, points in series.items()
        if key.startswith(RANK)
    }
    rounds = sorted(set[float]().union(*logged.values()))
    if not rounds:
        return []
    places = np.unique(np.linspace(0, len(rounds) - 1, MOMENTS).astype(np.int64))
    shown = [rounds[int(place)] for place in places]
    return [
        Line(
            list(logged),
            [values.get(at, math.nan) for values in logged.values()],
            name=f"round {at:,.0f}",
            colour=colour,
        )
        for colour, at in enumerate(shown)
    ]


class Thumbnails:
    """Makes small pictures of items, and of what slots generate.

    Points are drawn over the model's samples, in the plane of their first two coordinates.

    Args:
        model: has a memory.
        seed: of the noise of generated samples.
    """

    def __init__(self, model: Model, seed: int = 0) -> None:
        self._model, self._seed = model, seed
        self._around: AnyArray | None = None
        if model.domain.grid not in (0, PLANE):
            raise UsageError(f"there are no small pictures of {model.domain.plural}")
        if not model.domain.grid:
            self._around = _plane(model.sample(DOTS, seed=seed).x)

    def of_item(self, item: AnyArray) -> Pixels:
        """Return the picture of one item in data units."""
        return _pixels(item) if self._around is None else self._dots(item[None], 4)

    def of_slot(self, slot: int, count: int) -> list[Pixels]:
        """Return pictures of a slot's samples: ``count`` images, or one picture of many points."""
        n = count if self._around is None else DOTS
        samples = self._model.slots.sample(slot, n, seed=self._seed)
        if self._around is not None:
            return [self._dots(samples, 1)]
        return [_pixels(sample) for sample in samples]

    def _dots(self, points: AnyArray, size: int) -> Pixels:
        """Return points (n, dim) as dots of 2 size + 1 pixels, over pale ones of all samples."""
        assert self._around is not None
        left, bottom, right, top = draw.square_view(self._around)
        canvas = np.full((CANVAS, CANVAS), 255, np.uint8)
        for places, ink, reach in ((self._around, PALE, 1), (_plane(points), 0, size)):
            unit = (places - [left, bottom]) / [right - left, top - bottom]
            column, row = np.rint([1, -1] * (unit - [0, 1]) * (CANVAS - 1)).astype(np.int64).T
            for dy, dx in np.ndindex(2 * reach + 1, 2 * reach + 1):
                y, x = row + dy - reach, column + dx - reach
                inside = (x >= 0) & (x < CANVAS) & (y >= 0) & (y < CANVAS)
                canvas[y[inside], x[inside]] = ink
        return canvas


def _plane(points: AnyArray) -> AnyArray:
    """Return the first two coordinates (n, 2) of points (n, dim), the second 0 if there is one."""
    return np.pad(points[:, :2], [(0, 0), (0, max(2 - points.shape[1], 0))])


def _pixels(image: AnyArray) -> Pixels:
    """Return an image (H, W, C) as grey (H, W) or colour (H, W, 3), without transparency."""
    return image[:, :, 0] if image.shape[-1] == 1 else np.ascontiguousarray(image[:, :, :3])


def _save_rows(model: Model, chosen: list[int], each: int, seed: int, out: Path) -> None:
    """Write samples of slots as a picture with a row for each."""
    if not chosen:
        raise UsageError("no slot holds real samples so far, so there is nothing to show: train on")
    rows = [model.slots.sample(slot, each, seed=seed) for slot in chosen]
    with disk_errors(out):
        model.domain.save(np.concatenate(rows), out, columns=each)
