"""Systems of clips learn: samples come nearer to the data than those of untrained networks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ganvas.data.feed import Feed
from ganvas.games import find_game
from ganvas.metrics.clips import Components, extract
from ganvas.metrics.frechet import frechet_of_features
from ganvas.play import Game, Noise, Turns, build
from ganvas.play.abilities import CanSample, has
from tests.games.clips import shapes

SCENE = {"kind": "vgan", "width": 8}
LEVELS = {"kind": "tganv2", "width": 4, "levels": 2}
NORMAL = {"kind": "normal", "dim": 8}
QUICK = {"kind": "adam", "lr": 2e-3, "beta1": 0.5, "beta2": 0.999}
CRITICS = {"kind": "adam", "lr": 1e-3, "beta1": 0.0, "beta2": 0.9}
RATES = {"generator_optimiser": QUICK, "discriminator_optimiser": QUICK}
SYSTEMS: dict[str, tuple[dict[str, Any], int]] = {
    "vgan": ({"generator": SCENE, "discriminator": SCENE, "latent": NORMAL, **RATES}, 200),
    "vgan-autoencoder": (
        {"encoder": {"width": 8}, "decoder": SCENE, "code": 8, "components": 8, "optimiser": QUICK},
        150,
    ),
    "tganv2": (
        {
            "generator": LEVELS,
            "discriminator": LEVELS | {"width": 8, "blocks": 1},
            "latent": {"kind": "uniform", "dim": 8},
            "generator_optimiser": CRITICS,
            "discriminator_optimiser": CRITICS,
        },
        150,
    ),
    "mocogan": (
        {
            "generator": {"kind": "dcgan", "width": 8},
            "discriminator": {"kind": "video", "width": 8},
            "frame_discriminator": {"kind": "patch", "width": 8},
            "latent": NORMAL,
            **RATES,
        },
        150,
    ),
    "tgan": (
        {
            "generator": {"kind": "tgan", "width": 8, "max_width": 16},
            "discriminator": {"kind": "video", "width": 8},
            "latent": {"kind": "uniform", "dim": 8},
            **RATES,
        },
        150,
    ),
}


def distance(game: Game) -> float:
    """Return the Fréchet distance of samples in principal components."""
    game.eval()
    assert has(game, CanSample)
    domain, known = shapes().spec.domain, Components(shapes().known.x)
    with torch.no_grad():
        x = game.sample(game.prior(128, Noise(5)))
    real = extract(known, shapes().items("test").x).features
    return frechet_of_features(extract(known, domain.decode(x)).features, real)


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_samples_come_nearer(system: str) -> None:
    settings, rounds = SYSTEMS[system]
    kind = find_game(system)
    game = build(kind, kind.Config.model_validate(settings), shapes().spec, 0)
    before = distance(game)
    feed = Feed(shapes(), batch=16, seed=0, streams=game.streams())
    turns = Turns(game.players, Noise(0))
    turns.hold()
    game.train()
    for stage in game.stages():
        for number in range(stage.rounds or rounds):
            turns.round, turns.progress = number, number / rounds
            stage.play(feed, turns)
    assert distance(game) < 0.5 * before
