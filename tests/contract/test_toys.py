"""Kinds of data, judges, episodes and terms of one's own: nothing in ganvas knows of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

import ganvas
from ganvas import testing
from ganvas.cli.app import run
from ganvas.data.open import open_data
from ganvas.data.settings import settings_type
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.model import CannotError, save_model
from ganvas.model.trained import BLOCK, block_seed
from ganvas.play import Game, Noise
from tests.contract.toys import episodes, lazy, waves
from tests.contract.toys.cases import TOYS, case, source_of

HERE = "tests.contract.toys"
every_toy = pytest.mark.parametrize("name", TOYS)


def recipe(name: str, folder: Path, rounds: int, **data: Any) -> Path:
    tree = {
        "data": {**TOYS[name].data, **data},
        "game": {"system": TOYS[name].address},
        "train": {
            "rounds": rounds,
            "batch": 8,
            "log_every": 2,
            "watch_every": 0,
            "checkpoint_every": 2,
        },
        "evaluate": {"at_end": False},
    }
    path = folder / f"{name}{rounds}.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def weights(run_folder: Path, game: type[Game]) -> Tensor:
    model = ganvas.load(run_folder, game=game, device="cpu")
    return torch.cat([p.flatten() for p in model.game.parameters()])


@every_toy
def test_players_move_in_their_turns_and_runs_resume_exactly(name: str, tmp_path: Path) -> None:
    testing.check_turns(case(name))
    testing.check_determinism(case(name))
    testing.check_resume(case(name), tmp_path)


@every_toy
def test_runs_train_resume_and_sample_by_the_command_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = TOYS[name]
    own = ["--game", toy.address]
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert run(["train", str(recipe(name, tmp_path, 6)), "--out", str(whole), *own]) == 0
    begun = ["train", str(recipe(name, tmp_path, 6)), "--out", str(halves), *own]
    assert run([*begun, "train.stop_at=3"]) == 0
    assert run(["resume", str(halves), *own]) == 0
    assert weights(whole, toy.game).equal(weights(halves, toy.game))
    page = (whole / "report.html").read_text()
    assert all(f'alt="{caption}"' in page for caption in toy.shown)
    np.save(tmp_path / "map.npy", np.zeros((8, 8), np.uint8))
    given = [word.format(map=tmp_path / "map.npy") for word in toy.given]
    words = [w for word in given for w in ("--given", word)]
    out = tmp_path / "samples.npy"
    asked = ["sample", str(whole), "--count", "5", "--out", str(out), *own, *words]
    assert run([*asked, "truncation=0.5"]) == 0
    assert len(np.load(out)) == 5
    assert {path.name for path in tmp_path.glob("samples*")} == {"samples.npy", *toy.beside}
    if "samples-map.npy" in toy.beside:
        assert not np.load(tmp_path / "samples-map.npy").any()  # the map that was given
    if "samples-labels.csv" in toy.beside:
        assert (tmp_path / "samples-labels.csv").read_text() == "speed\n" + 5 * "2.5\n"


def test_a_verb_may_be_about_another_field_than_what_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    game = case("waves").build()
    save_model(tmp_path, game)
    model = ganvas.load(tmp_path, game=waves.WaveGAN, device="cpu")
    speeds = np.array([[1.5], [2.5]])
    wanted = game.encode(game.spec.fields["speed"].encode(speeds)).detach()
    assert np.allclose(model.encode(speeds), wanted)
    with pytest.raises(UsageError, match=r"expected data of shape \(n, 1\), got \(2, 12\)"):
        model.encode(np.zeros((2, 12), np.float32))
    np.save(tmp_path / "speeds.npy", speeds)
    asked = ["encode", str(tmp_path), str(tmp_path / "speeds.npy"), "--game", TOYS["waves"].address]
    assert run([*asked, "--out", str(tmp_path / "codes.npy")]) == 0
    assert np.allclose(np.load(tmp_path / "codes.npy"), wanted)


def test_several_outputs_are_fields_of_the_answer(tmp_path: Path) -> None:
    game = case("lazy").build()
    save_model(tmp_path, game)
    made = ganvas.load(tmp_path, game=lazy.Lazy, device="cpu").sample(7, seed=2)
    z = Noise(block_seed(2, 0)).normal(BLOCK, 3)[:7]
    assert list(made) == ["x", "spread"]
    both = game.generator(z).detach()
    assert np.allclose(made.x, both[:, :2], atol=1e-6)
    assert np.allclose(made["spread"], both[:, 2:].exp(), atol=1e-6)
    testing.check_shapes(case("lazy"))


def test_an_ability_of_ones_own_comes_with_its_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["--game", TOYS["waves"].address]
    runs = tmp_path / "waves"
    ganvas.train(recipe("waves", tmp_path, 1), runs, game=waves.WaveGAN, quiet=True)
    model = ganvas.load(runs, game=waves.WaveGAN, device="cpu")
    assert model.capabilities == ("sample", "interpolate", "encode", "hurry")
    out = tmp_path / "fast.npy"
    capsys.readouterr()
    assert run(["hurry", str(runs), "--out", str(out), "--by", "3", *own]) == 0
    assert capsys.readouterr().out == f"3 times faster: {out}\n"
    x = np.asarray(model.sample(3, given={"speed": "2"}).x)
    assert np.array_equal(np.load(out), np.tile(x, 3)[:, ::3])
    assert run(["hurry", "--help", *own]) == 0
    assert "Write samples, so many times faster." in capsys.readouterr().out
    assert run(["hurry", str(runs), "--out", str(out)]) == 2
    assert "No such command 'hurry'" in capsys.readouterr().err
    other = tmp_path / "lazy"
    ganvas.train(recipe("lazy", tmp_path, 1), other, game=lazy.Lazy, quiet=True)
    asked = ["hurry", str(other), "--out", str(out), "--game", TOYS["lazy"].address]
    assert run([*asked, *own]) == 2  # one model is of one game
    capsys.readouterr()
    with pytest.raises(CannotError, match="of lazy-gan has no 'hurry'; it has: sample, interpol"):
        _ = ganvas.load(other, game=lazy.Lazy).hurry


def test_two_processes_are_one(pair: testing.Pair) -> None:
    for name in TOYS:
        testing.check_two_processes(case(name), pair)


def test_settings_of_a_kind_of_ones_own_stand_under_data() -> None:
    assert source_of("waves").spec.shape == (12,)
    kind = settings_type()
    assert kind.model_validate({"source": "waves"}).of(waves.WaveOptions).ticks == 16
    with pytest.raises(UsageError, match=r"data\.ticks is for waves, but ring8 holds points"):
        open_data(kind.model_validate({"source": "ring8", "ticks": 5}))


def test_a_kind_of_data_may_come_after_recipes_have_been_read(tmp_path: Path) -> None:
    """In a process of its own, since here it came long ago."""
    np.save(tmp_path / "cloud.npy", np.zeros((8, 2), np.float32))
    lines = (
        "from ganvas.recipes import load_recipe",
        "load_recipe('gan/points', data='cloud.npy')",
        "import tests.contract.toys.waves",
        "recipe = load_recipe('gan/points', data='cloud.npy')",
        "assert recipe.data.ticks == 16",
    )
    command = [sys.executable, "-c", "\n".join(lines)]
    there = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=there)
    assert said.returncode == 0, said.stderr


def test_fine_tuning_begins_at_the_embedding_of_a_new_person(tmp_path: Path) -> None:
    many, one = tmp_path / "many", tmp_path / "one"
    own: Any = episodes.Heads
    ganvas.train(recipe("episodes", tmp_path, 6), many, game=own, quiet=True)
    tuned = yaml.safe_load(recipe("episodes", tmp_path, 1, source="someone").read_text())
    tuned["game"] = {"system": f"{HERE}.episodes:Tuned"}
    tuned["train"]["stop_at"] = None
    path = tmp_path / "tuned.yaml"
    path.write_text(yaml.safe_dump(tuned))
    ganvas.train(path, one, start_from=many, game=episodes.Tuned, quiet=True)
    before = ganvas.load(many, game=episodes.Heads, device="cpu").game
    after = ganvas.load(one, game=episodes.Tuned, device="cpu").game
    items = torch.from_numpy(source_of_someone().items("train").x)
    assert isinstance(before, episodes.Heads)
    assert isinstance(after, episodes.Tuned)
    wanted = before.embedder(items).mean(0)
    assert torch.allclose(after.table.weight[0], wanted, atol=0.02)  # one step of Adam away


def source_of_someone() -> Source:
    return open_data(settings_type().model_validate({"source": "someone"}))
