"""``ganvas pairs``: how samples meet the data, of a model that pairs them: weights, repetitions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import torch
import typer
from torch import Tensor

from ganvas.cli.items import check_file, check_place
from ganvas.cli.options import Game, ModelFolder, Seed, load_model
from ganvas.cli.speech import say, table
from ganvas.data.domain import PLANE
from ganvas.files import disk_errors, write_whole
from ganvas.games.parts.representatives import CanPair, entropy
from ganvas.model import Model
from ganvas.model.trained import Array
from ganvas.report.pairs import Floats, Matched, pair_figure

MOST = 512
"""Pairs at once: what exact matching solves quickly, and a figure can show."""
JUDGED = 1000
"""Samples among which repetitions are sought."""
USUAL = 2560
"""Samples that say what is usual for the generator."""


def pairs(
    run: ModelFolder,
    out: Annotated[Path, typer.Option(metavar="FILE.svg", help="Where the figure goes.")],
    summary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write the representatives, hardest to cover first."
        ),
    ] = None,
    seed: Seed = 0,
    game: Game = None,
) -> None:
    """Draw a DIW-GAN's samples beside the real data they are matched with, and their weights.

    Example: ganvas pairs runs/diw --out pairs.svg --summary representatives.npy
    """
    check_file(out, ".svg")
    model = load_model(run, game)
    if summary is not None:
        check_place(model, summary, name="--summary")
    found = meet(model, seed)
    write_whole(out, found.figure.encode())
    say(
        table(
            [
                ("mean matched distance", f"{found.distance:.4g}"),
                ("entropy of the reals' weights", f"{found.real_entropy:.3f}"),
                ("entropy of the fakes' weights", f"{found.fake_entropy:.3f}"),
                ("pairs of samples that repeat each other", f"{100 * found.repeated:.3g} %"),
                ("the same of real data", "0.1 %"),
            ]
        )
    )
    if summary is not None:
        with disk_errors(summary):
            model.domain.save(found.reals, summary)
        say(f"{len(found.reals)} representatives: {summary}")
    say(f"figure: {out}")


@dataclass(frozen=True)
class Meeting:
    """A batch of samples and the representatives that they are matched with.

    Attributes:
        distance: mean over the pairs, in latents whose standard deviation is 1.
        real_entropy: of the reals' weights over that of equal ones; low if few hold most of it.
        fake_entropy: the same of the fakes'.
        repeated: share of pairs of samples as near as 0.1 % of the pairs of reals are.
        reals: the representatives decoded, in data units, heaviest first.
        real_weights: theirs.
        matched: what the figure shows.
    """

    distance: float
    real_entropy: float
    fake_entropy: float
    repeated: float
    reals: Array
    real_weights: Floats
    matched: Matched

    @property
    def figure(self) -> str:
        """The figure as SVG text."""
        return pair_figure(self.matched)


@torch.no_grad()
def meet(model: Model, seed: int = 0) -> Meeting:
    """Pair a batch of a model's samples with its representatives, as a step of training does.

    Raises:
        CannotError: the model knows no representatives.
    """
    game = model.asked(CanPair)
    x = model.sample(USUAL, seed=seed).x
    inputs = model.domain.encode(x).to(model.device)
    count = min(len(game.summary.representatives), MOST)
    found = game.pairs(inputs[:count], inputs[count:])
    order = found.columns.cpu().numpy()
    reals = model.domain.decode(game.represented())
    rows = found.rows.cpu().numpy()
    twice = game.repeated(inputs[:JUDGED]).cpu().numpy()
    share = len(twice) / (JUDGED * (JUDGED - 1) / 2)
    if not model.domain.grid and x.shape[1] > 1:
        plane = reals[rows, :2], x[order, :2]
        axes = ("first coordinate", "second coordinate")
        pictures = repeats = None
    else:
        plane = _principal(game.summary.representatives, found.reals, found.fakes)
        axes = ("first principal latent", "second principal latent")
        images = model.domain.grid == PLANE
        pictures = np.stack([reals[rows], x[order]], 1) if images else None
        repeats = x[twice] if images else None
    everywhere = _numbers(game.uncovered())
    heavy = np.argsort(-everywhere)
    return Meeting(
        distance=float(found.distances.mean()),
        real_entropy=float(entropy(game.uncovered())),
        fake_entropy=float(entropy(found.fake_weights)),
        repeated=share,
        reals=reals[heavy],
        real_weights=everywhere[heavy],
        matched=Matched(
            reals=plane[0].astype(np.float64),
            fakes=plane[1].astype(np.float64),
            real_weights=_numbers(found.real_weights),
            fake_weights=_numbers(found.fake_weights),
            axes=axes,
            pictures=pictures,
            repeats=repeats,
            repeated=f"{100 * share:.2g} % of pairs of samples are repetitions, 0.1 % of reals",
        ),
    )


def _principal(basis: Tensor, reals: Tensor, fakes: Tensor) -> tuple[Floats, Floats]:
    """Return latents in the plane of the representatives' first two principal directions."""
    middle = basis.mean(0)
    _, _, directions = cast(tuple[Tensor, Tensor, Tensor], torch.linalg.svd(basis - middle))
    plane = basis.new_zeros(basis.shape[1], 2)
    plane[:, : min(2, len(directions))] = directions[:2].T
    return _numbers((reals - middle) @ plane), _numbers((fakes - middle) @ plane)


def _numbers(values: Tensor) -> Floats:
    return values.double().cpu().numpy()
