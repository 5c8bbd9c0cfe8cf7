"""train.freeze: which weights rest, that they do bit for bit, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganvas.errors import GanvasError, UsageError
from ganvas.games import find_game
from ganvas.play import build
from ganvas.testing import Case, same_tree, table
from ganvas.training.folder import RunFolder
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.resting import at_rest, in_order, rest
from ganvas.training.settings import TrainSettings
from tests.games.cases import CASES, digits8, digits16, ring

STYLED = {"kind": "stylegan2", "maps": 16, "max_maps": 4}


def game_of(case: Case) -> Any:
    return case.build()


def styled() -> Any:
    game = find_game("stylegan2")
    config = game.Config.model_validate(
        {
            "latent": {"kind": "normal", "dim": 4},
            "generator": STYLED | {"width": 4, "depth": 3},
            "discriminator": STYLED,
        }
    )
    return build(game, config, digits16().spec, 0)


def names(game: Any, player: str) -> list[str]:
    """Return the names of the parameters at rest."""
    of = game.players[player]
    return [n for net in of.networks for n, p in net.named_parameters() if of.rests(p)]


def test_first_layers_are_counted_from_the_image_and_from_the_latents():
    game = game_of(CASES["gan, few digits"])
    rest(game, digits8(), {"discriminator": 1})
    assert all(n.startswith("network.blocks.0.") for n in names(game, "discriminator"))
    # Blocks of a growing critic, and of StyleGAN2's, are named from the coarsest.
    game = styled()
    rest(game, digits16(), {"discriminator": 3, "generator": 2})
    found = names(game, "discriminator")
    assert {n.split(".parametrizations")[0].removesuffix(".bias") for n in found} == {
        "network.from_image.0",
        "network.blocks.1.0",
        "network.blocks.1.1",
    }
    layers = {
        n.split(".parametrizations")[0].removesuffix(".bias") for n in names(game, "generator")
    }
    assert layers == {"mapping.layers.0", "mapping.layers.1"}


def test_every_weight_is_in_one_layer():
    for game, source, player in (
        (game_of(CASES["dcgan digits"]), digits8(), "discriminator"),
        (styled(), digits16(), "generator"),
    ):
        layers = in_order(game, source, game.players[player])
        flat = [id(p) for layer in layers for p in layer]
        assert len(flat) == len(set(flat))
        assert set(flat) == {id(p) for p in game.players[player].parameters}
        assert all(any(p.dim() > 1 for p in layer) for layer in layers)


@pytest.mark.parametrize(
    ("told", "resting"),
    [
        ("mapping", lambda name: name.startswith("mapping.")),
        ("affine", lambda name: ".affine." in name),
        ({"all_but": "affine"}, lambda name: ".affine." not in name),
        ({"all_but": "mapping,affine"}, lambda n: not ("mapping." in n or ".affine." in n)),
    ],
    ids=lambda told: None if callable(told) else str(told),
)
def test_mapping_or_affine_layers_of_styles_alone(told: Any, resting: Any):
    game = styled()
    settings = TrainSettings(rounds=1, freeze={"generator": told})
    notes = at_rest(game, digits16(), settings.freeze)
    every = dict(game.generator.named_parameters())
    assert set(names(game, "generator")) == {n for n in every if resting(n)}
    count = sum(p.numel() for n, p in every.items() if resting(n))
    assert f"{count:,} rest (train.freeze.generator)" in notes[0]


def loop(path: Path, stop: int | None = None, resume: bool = False, **freeze: Any) -> Loop:
    case = replace(CASES["gan, few digits"], rounds=2)
    run = RunFolder.open(path) if resume else RunFolder.create(path, "")
    settings = TrainSettings(
        rounds=4, batch=8, stop_at=stop, checkpoint_every=2, log_every=2, freeze=freeze
    )
    made = Loop(case.build(), case.source(), settings, run, launch(settings))
    if resume:
        made.resume()
    made.run()
    return made


def test_they_rest_bit_for_bit_all_others_move_and_a_run_resumes_exactly(tmp_path: Path):
    begun = game_of(CASES["gan, few digits"])
    told = {"discriminator": 1, "generator": "project"}
    whole = loop(tmp_path / "whole", **told)
    for player in ("discriminator", "generator"):
        of = whole.game.players[player]
        for net, before in zip(of.networks, begun.players[player].networks, strict=True):
            pairs = zip(net.named_parameters(), before.parameters(), strict=True)
            for (name, now), was in pairs:
                assert now.equal(was) == of.rests(now), name
    loop(tmp_path / "parts", stop=2, **told)
    again = loop(tmp_path / "parts", resume=True, **told)
    assert same_tree(whole.state_dict()["game"], again.state_dict()["game"])
    assert same_tree(whole.state_dict()["turns"], again.state_dict()["turns"])


def test_a_run_does_not_go_on_with_other_parts_at_rest(tmp_path: Path):
    loop(tmp_path / "run", stop=2)
    with pytest.raises(GanvasError, match=r"parts rest from a run's first round on"):
        loop(tmp_path / "run", resume=True, discriminator=1)


def test_a_discriminator_that_looks_ahead_rests_there_too():
    game, feed, turns = table(CASES["unrolled points"])
    rest(game, ring(), {"discriminator": 1})
    built: Any = game
    real = feed.next()
    with turns("generator"):
        fake = built.generate(built.latents(real, turns))
        ahead: Any = turns.lookahead(
            "discriminator", lambda judge: built.judge.loss_ahead(real, fake, turns, judge), 2
        )
    after = ahead.__self__._parameters()
    parameters = dict(built.judge.named_parameters())
    moved = {name: not after[name].equal(p) for name, p in parameters.items()}
    resting = {name: game.players["discriminator"].rests(p) for name, p in parameters.items()}
    assert moved == {name: not rests for name, rests in resting.items()}
    assert set(moved.values()) == {True, False}


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        ({"critic": 1}, "names 'critic', which is no player of this game"),
        ({"discriminator": 99}, r"the player has \d+ layers, so at most \d+ of them can rest"),
        ({"generator": "maping"}, "no part of this player is called 'maping'"),
        ({"generator": {"all_but": "synthesi"}}, "no part .* did you mean 'synthesis'"),
        ({"generator": "mapping,synthesis"}, "leaves nothing to train"),
    ],
    ids=str,
)
def test_what_cannot_rest_is_refused(freeze: Any, message: str):
    told = TrainSettings(rounds=1, freeze=freeze).freeze
    with pytest.raises(UsageError, match=f"(?i){message}"):
        rest(styled(), digits16(), told)


def test_past_and_rest_do_not_go_together():
    case = CASES["gan, few digits"]
    config = case.config.model_copy(update={"historical_averaging": 0.1})
    game = build(case.game, config, digits8().spec, 0)
    with pytest.raises(UsageError, match="historical_averaging do not go together"):
        rest(game, digits8(), {"discriminator": 1})
