"""The number by which a training chooses the best model: any score, as `evaluate` gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from ganvas.api.measuring import drawn, measure, measure_codes, measure_own
from ganvas.data.choice import some
from ganvas.data.source import Source
from ganvas.errors import UsageError, did_you_mean
from ganvas.latent.path_length import path_lengths
from ganvas.metrics.of import plain
from ganvas.metrics.parzen import MOST, SHARE, WIDTHS, log_densities
from ganvas.metrics.protocol import Scores
from ganvas.model import Model, load, save_model
from ganvas.networks.perceptual import RANDOM, feature_network
from ganvas.play import Game, has, seeded
from ganvas.play.abilities import HasStyles
from ganvas.training.settings import Best

Measure = Callable[[Model, Source, Best], float]


def chooser(settings: Best, source: Source) -> Callable[[Game], float]:
    """Return what gives the number of a game in evaluation mode, which stays as it is."""

    def number(game: Game) -> float:
        device = next((p.device for p in game.parameters()), torch.device("cpu"))
        with TemporaryDirectory() as folder, seeded(settings.seed, device):
            save_model(Path(folder), game)
            return value(load(folder, game=type(game), device=device), source, settings)

    return number


def value(model: Model, source: Source, settings: Best) -> float:
    """Return the score of a model by its name.

    Raises:
        UsageError: there is no such score of this system on these data.
    """
    if settings.measure in ASKED:
        return ASKED[settings.measure](model, source, settings)
    scores = Scores()
    for found in (
        measure(model, source, settings.samples, settings.seed),
        measure_codes(model, source, settings.seed),
        measure_own(model, source, settings.seed),
    ):
        scores.add(found)
    if settings.measure not in scores:
        known = [*ASKED, *scores]
        why = scores.left_out.get(settings.measure, "there is no such score here")
        raise UsageError(
            f"train.best.measure={settings.measure}: {why}."
            f"{did_you_mean(settings.measure, known)} There are: {', '.join(known)}"
        )
    return scores[settings.measure].value


def parzen(model: Model, source: Source, settings: Best) -> float:
    """Return the mean log-likelihood of validation items under windows around samples, in nats.

    These items are the third of the held-out ones by which `ganvas parzen` chooses the width; the
    others, which it measures, choose nothing.

    Raises:
        UsageError: the data hold nothing out.
    """
    split = source.splits[-1]
    if split == "train":
        raise UsageError("train.best.measure=parzen needs held-out items: set data.hold_out=0.1")
    x, _ = drawn(model, source, settings.samples, settings.seed)
    held_out = plain(model.domain, some(source.items(split).x, MOST))
    some_of_them = held_out[: max(len(held_out) // SHARE, 1)]
    return float(log_densities(some_of_them, plain(model.domain, x), WIDTHS).mean(1).max())


def ppl(model: Model, source: Source, settings: Best) -> float:
    """Return the perceptual path length by random convolutions, in W of models with styles, or Z.

    Raises:
        UsageError: the model makes no images.
    """
    network = feature_network(RANDOM, model.spec.shape[0]).to(model.device)
    space = "w" if has(model.game, HasStyles) else "z"
    n, seed = settings.samples, settings.seed
    return path_lengths(model.game, network.distance, n, space=space, seed=seed).value


ASKED: Mapping[str, Measure] = {"parzen": parzen, "ppl": ppl}
"""Measures that `evaluate` leaves to commands of their own."""
