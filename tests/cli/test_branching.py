"""Runs that go on from a checkpoint with other settings, and interventions on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas import api
from ganvas.errors import GanvasError, UsageError
from ganvas.recipes import load_recipe
from ganvas.training.checkpoint import load_state
from ganvas.training.folder import RunFolder
from tests.cli.conftest import TINY, Ganvas

ROUNDS = 6
WORDS = [*TINY, "train.keep=5", "train.checkpoint_every=2", "train.log_every=1"]
FROZEN = "train.interventions=[{at: 2, players: [generator], frozen: true}]"
SLOWER = "train.interventions=[{at: 2, rate: 0.25, reset: true}]"


def trained(folder: Path, *words: str) -> Path:
    recipe = load_recipe("gan/ring8", [*WORDS, "train.sample_every=0", *words])
    api.train(recipe, folder, quiet=True)
    return folder


def state(run: Path, round: int = ROUNDS) -> dict[str, Any]:
    return load_state(run / "checkpoints" / f"{round:09d}.safetensors")


def same(a: Any, b: Any) -> bool:
    """Whether two nested states are equal bit for bit."""
    match a, b:
        case torch.Tensor(), torch.Tensor():
            return torch.equal(a, b)
        case dict(), dict():
            return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
        case (list(), list()) | (tuple(), tuple()):
            return len(a) == len(b) and all(map(same, a, b))
        case _:
            return bool(a == b)


def part(run: Path, name: str, round: int = ROUNDS) -> dict[str, torch.Tensor]:
    return {k: v for k, v in state(run, round)["game"].items() if k.startswith(name)}


CONTINUED = ("game", "turns", "average", "feed", "global_rng", "rounds", "stage")


def equal(a: Path, b: Path) -> bool:
    one, other = state(a), state(b)
    one["turns"].pop("statistics")  # since the last row: another log
    other["turns"].pop("statistics")
    return all(same(one[key], other[key]) for key in CONTINUED)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "plain")


@pytest.fixture(scope="module")
def frozen(plain: Path) -> Path:
    api.branch(plain, plain.with_name("frozen"), [FROZEN], at=2, quiet=True)
    return plain.with_name("frozen")


def test_a_branch_without_changes_is_the_run_itself(plain: Path, tmp_path: Path) -> None:
    before = state(plain)
    ending = api.branch(plain, tmp_path / "same", at=4, quiet=True)
    assert (ending.outcome, ending.rounds) == ("finished", ROUNDS)
    assert equal(tmp_path / "same", plain)
    assert same(state(plain), before)
    rounds = [r["round"] for r in RunFolder(tmp_path / "same").rows() if "event" not in r]
    assert rounds == list(range(1, ROUNDS + 1))


@pytest.mark.parametrize("words", [FROZEN, SLOWER])
def test_an_intervention_is_the_same_in_one_run_and_from_a_checkpoint(
    plain: Path, tmp_path: Path, words: str
) -> None:
    whole = trained(tmp_path / "whole", words)
    api.branch(plain, tmp_path / "branch", [words], at=2, quiet=True)
    assert equal(whole, tmp_path / "branch")
    assert not equal(whole, plain)
    told = [r["message"] for r in RunFolder(whole).rows() if r.get("event") == "intervention"]
    assert len(told) == 1
    stopped = trained(tmp_path / "stopped", words, "train.stop_at=2")
    api.resume(stopped, quiet=True)
    assert equal(stopped, whole)
    again = [r["message"] for r in RunFolder(stopped).rows() if r.get("event") == "intervention"]
    assert again == told


def test_a_frozen_player_rests_and_the_other_plays_on(plain: Path, frozen: Path) -> None:
    assert same(part(frozen, "generator"), part(plain, "generator", 2))
    assert not same(part(frozen, "judge"), part(plain, "judge", 2))
    optimisers = state(frozen)["turns"]["optimisers"]
    assert same(optimisers["generator"], state(plain, 2)["turns"]["optimisers"]["generator"])
    assert state(frozen)["turns"]["steps"]["generator"] == 2


def test_rates_are_multiplied_and_moments_forgotten(plain: Path, tmp_path: Path) -> None:
    words = ["train.interventions=[{at: 2, players: [generator], rate: 0.25, reset: true}]"]
    words += ["train.stop_at=3", "train.checkpoint_every=1"]
    api.branch(plain, tmp_path / "slower", words, at=2, quiet=True)
    found = state(tmp_path / "slower", 3)["turns"]["optimisers"]
    before = load_recipe(plain / "config.yaml").game_config.model_dump()
    rate = before["generator_optimiser"]["lr"]
    assert found["generator"]["param_groups"][0]["lr"] == pytest.approx(0.25 * rate)
    steps = {float(m["step"]) for m in found["generator"]["state"].values()}
    assert steps == {1.0}  # of the one round since
    kept = {float(m["step"]) for m in found["discriminator"]["state"].values()}
    assert kept == {3.0}


def test_settings_of_the_game_change_from_there_on(plain: Path, tmp_path: Path) -> None:
    words = ["game.generator_optimiser.lr=0.5", "game.discriminator_optimiser.eps=0.125"]
    api.branch(plain, tmp_path / "wild", [*words, "train.stop_at=3"], at=2, quiet=True)
    groups = state(tmp_path / "wild", 3)["turns"]["optimisers"]
    assert groups["generator"]["param_groups"][0]["lr"] == 0.5
    assert groups["discriminator"]["param_groups"][0]["eps"] == 0.125
    events = [r for r in RunFolder(tmp_path / "wild").rows() if r.get("event") == "resume"]
    assert any("game.generator_optimiser.lr=0.5" in row["message"] for row in events)
    api.resume(tmp_path / "wild", quiet=True)  # its own settings are its own by now


def test_a_schedule_in_the_place_of_a_number_is_told_with_it_and_back(
    plain: Path, tmp_path: Path
) -> None:
    key, schedule = "game.generator_optimiser.lr", "{start: 0.002, end: 0, shape: linear}"
    lr = load_recipe(plain / "config.yaml").game_config.model_dump()["generator_optimiser"]["lr"]
    there, back = tmp_path / "there", tmp_path / "back"
    whole = "{begin: 0.0, end: 0.0, shape: linear, start: 0.002, until: 1.0}"
    api.branch(plain, there, [f"{key}={schedule}"], at=2, quiet=True)
    api.branch(there, back, [f"{key}=0.25"], at=2, quiet=True)
    notes = [[row.get("message", "") for row in RunFolder(run).rows()] for run in (there, back)]
    assert f"{key}={whole}, it was {lr}" in notes[0]
    assert f"{key}=0.25, it was {whole}" in notes[1]
    assert not [note for note in notes[0] + notes[1] if "nothing" in note]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("seed=3", "seed cannot change where a run goes on from a checkpoint.*--from"),
        ("data.source=grid25", "data.source cannot change"),
        ("game.generator_optimiser={kind: sgd}", "game.generator_optimiser.kind cannot change"),
        (
            "train.interventions=[{at: 2, players: [generater]}]",
            "names 'generater', which is no player.*Did you mean 'generator'",
        ),
        ("game.generator.widths=[9]", "is not the same tensor"),
    ],
)
def test_what_cannot_go_on_is_refused(
    plain: Path, tmp_path: Path, words: str, message: str
) -> None:
    with pytest.raises(GanvasError, match=message):
        api.branch(plain, tmp_path / "no", [words], at=2, quiet=True)


def test_the_command(ganvas: Ganvas, plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "b"
    said = ganvas("resume", plain, "--out", out, "--at", 2, "train.stop_at=3")
    assert said.code == 0, said.err
    assert "stopped at round 3" in said.out
    assert (
        "keeps no checkpoint of round 5; it has: 2, 4, 6"
        in ganvas("resume", plain, "--out", tmp_path / "c", "--at", 5).error
    )
    assert "go with --out" in ganvas("resume", plain, "--at", 2).error
    with pytest.raises(UsageError, match="already exists"):
        api.branch(plain, out, at=2, quiet=True)
