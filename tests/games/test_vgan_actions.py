"""VGAN's discriminator as a classifier: what is taken over, and how many labels are seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from ganvas.api.transfer import start_from
from ganvas.data.domains.videos import Videos
from ganvas.data.feed import Feed
from ganvas.data.spec import spec_of
from ganvas.errors import UsageError
from ganvas.games.vgan_actions import VGANActions
from ganvas.model import save_model
from ganvas.play import Noise, Turns, build
from tests.games.clips import shapes
from tests.games.test_vgan import made as scenes


def made(**settings: Any) -> VGANActions:
    config = VGANActions.Config.model_validate({"discriminator": {"width": 4}} | settings)
    return cast(VGANActions, build(VGANActions, config, shapes().spec, 0))


def test_layers_of_a_discriminator_are_taken_over_bit_for_bit(tmp_path: Path) -> None:
    known, game = scenes(), made()
    with torch.no_grad():
        for parameter in known.parameters():
            parameter.add_(0.1)
    save_model(tmp_path / "model", known)
    start_from(game, tmp_path / "model")
    theirs = known.judge.network.body.state_dict()
    mine = game.judge["network"].body.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    classes = shapes().spec.classes
    assert game.judge["network"](torch.randn(3, 3, 8, 8, 8)).shape == (3, classes)


def test_few_labels_are_seen_over_and_over() -> None:
    game = made(labels=4)
    feed = Feed(shapes(), batch=4, seed=0, streams=game.streams())
    first, again = feed.next(), feed.next()
    assert torch.equal(first["index"], again["index"])
    assert sorted(first["label"].tolist()) == [0, 0, 1, 1]


def test_whole_maps_are_left_out_in_training_alone() -> None:
    game, x = made().train(), torch.randn(4, 3, 8, 8, 8)
    network = game.judge["network"]
    h = network.drop(network.body(x)).flatten(2)
    empty = (h == 0).all(2)
    assert 0 < empty.float().mean() < 1
    game.eval()
    torch.testing.assert_close(game.predict(x), game.predict(x))
    torch.testing.assert_close(game.predict(x).sum(1), torch.ones(4))


@pytest.mark.slow
def test_it_learns_directions() -> None:
    """By heart at first: of 64 clips that it is trained on it tells nearly all."""
    game = made(optimiser={"kind": "adam", "lr": 2e-3, "beta1": 0.5}, dropout=0.0)
    feed, turns = Feed(shapes(), batch=32, seed=0), Turns(game.players, Noise(0))
    turns.hold()
    game.train()
    for _ in range(120):
        game.round(feed, turns)
    items = shapes().items("train")
    told = game.eval().predict(shapes().spec.domain.encode(items.x)).argmax(1).numpy()
    assert (told == items["label"]).mean() > 0.85


def test_clips_without_labels_are_refused() -> None:
    spec = spec_of("mine", Videos(channels=3, frames=8, height=8, width=8), size=10)
    with pytest.raises(UsageError, match="has no labels"):
        build(VGANActions, VGANActions.Config(), spec, 0)
