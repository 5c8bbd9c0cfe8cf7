"""Conditions of any kind, told by ``--given`` to every command that makes or judges samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganvas.cli.moves import parted
from ganvas.data.domains.images import Images
from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.data.spec import DataSpec
from ganvas.games import find_game
from ganvas.model import Provenance, load, save_model
from ganvas.play import build
from tests.cli.conftest import Ganvas
from tests.cli.test_program import COMMANDS

SPEC = DataSpec(
    name="own",
    fields={
        "x": Images(channels=1, height=8, width=8),
        "tags": Tags(called=["old", "glad"]),
        "far": Vector(shift=[5.0], scale=[2.0]),
    },
    size=100,
)
OLD = ("--given", "tags=old", "--given", "far=7")
GLAD = ("--given", "tags=glad", "--given", "far=3")
FIXED = "noise=fixed"


@pytest.fixture(scope="module", name="model")
def fixture_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    kind, game = {"kind": "stylegan2", "maps": 16, "max_maps": 4}, find_game("stylegan2")
    config: dict[str, Any] = {
        "generator": kind | {"width": 6, "depth": 2},
        "discriminator": kind,
        "latent": {"kind": "normal", "dim": 4},
        "conditional": ["tags", "far"],
    }
    save_model(folder, build(game, game.Config.model_validate(config), SPEC, 0), Provenance())
    return folder


def told(words: tuple[str, ...]) -> dict[str, Any]:
    return dict(word.split("=") for word in words[1::2])


def near(found: Path, expected: np.ndarray[Any, Any]) -> bool:
    return bool(np.abs(np.load(found).astype(int) - expected.astype(int)).max() <= 1)


def test_every_command_that_takes_a_label_takes_other_conditions() -> None:
    taking = {
        name: {word for one in command.params for word in one.opts}
        for name, command in COMMANDS.items()
    }
    assert not {n for n, words in taking.items() if "--label" in words and "--given" not in words}
    assert {"walk", "interpolate", "edit", "directions", "rescore"} <= {*taking}


def test_ways_squares_sweeps_and_sums_are_of_what_is_given(
    ganvas: Ganvas, model: Path, tmp_path: Path
) -> None:
    out, its = tmp_path / "out.npy", load(model, device="cpu")
    of = {seed: its.sample(1, seed=seed, given=told(OLD), noise="fixed").x for seed in (3, 4)}
    other = its.sample(1, seed=3, given=told(GLAD), noise="fixed").x
    assert np.abs(other.astype(int) - of[3].astype(int)).max() > 3
    for space in ([], ["--space", "w+"]):
        way = (*space, "--steps", 3, *OLD, FIXED, "--out", out)
        assert ganvas("walk", model, "--seeds", "3,4", *map(str, way)).code == 0
        assert near(out, np.concatenate([of[3], np.load(out)[1:2], of[4]]))
        line = ("interpolate", model, "--from-seed", "3", "--to-seed", "4", *map(str, way))
        assert ganvas(*line).code == 0
        assert near(out, np.concatenate([of[3], np.load(out)[1:2], of[4]]))
    square = ("interpolate", model, "--corners", "3,4,4,3", "--steps", "2", *OLD, FIXED)
    assert ganvas(*square, "--out", out).code == 0
    assert near(out, np.concatenate([of[3], of[4], of[4], of[3]]))
    swept = ("sweep", model, "--option", "truncation", "--values", "1", "--seeds", "3,4", *OLD)
    assert ganvas(*swept, FIXED, "--out", out).code == 0
    assert near(out, np.concatenate([of[3], of[4]]))
    summed = ("arithmetic", model, "--plus", "3", "--around", "0", *OLD, FIXED, "--out", out)
    assert ganvas(*summed).code == 0
    assert near(out, np.repeat(of[3], 9, 0))
    mixed = ("mix", model, "--seeds", "3", "--sources", "3", *OLD, FIXED, "--out", out)
    assert ganvas(*mixed).code == 0
    assert near(out, np.concatenate([np.full_like(of[3], 255), *[of[3]] * 3]))


def test_directions_are_found_and_edits_made_of_what_is_given(
    ganvas: Ganvas, model: Path, tmp_path: Path
) -> None:
    its, out, here = load(model, device="cpu"), tmp_path / "out.npy", tmp_path / "one.safetensors"
    few = ("--number", "1", "--count", "50")
    for way in (
        ["--plus", "1,2", "--minus", "3,4", "--figure", tmp_path / "x.png"],
        ["--closed-form", "--space", "w", *few],
        ["--components", *few],
    ):
        here.unlink(missing_ok=True)
        found = ("directions", model, *way, *OLD, "--out", here)
        assert ganvas(*found).code == 0
    of = its.sample(1, seed=3, given=told(OLD), noise="fixed").x
    edit = ("edit", model, "--direction", here, "--seeds", "3", FIXED, "--out", out)
    assert ganvas(*edit, "--amounts", "0,1", *OLD).code == 0
    assert near(out, np.concatenate([of, np.load(out)[1:]]))
    scores = tmp_path / "scores.csv"
    rows = [f"0:{n},{n % 2}" for n in range(8)]
    scores.write_text("\n".join(["sample,dark", *rows]) + "\n")
    labelled = ("directions", model, "--labels", scores, "--space", "w", *OLD)
    plane = tmp_path / "dark.safetensors"
    assert ganvas(*labelled, "--out", plane).code == 0
    # Both meanings of --given at once: a direction that stays, and conditions of the samples.
    both = ("edit", model, "--direction", plane, "--seeds", "3", "--amounts", "0", FIXED, *OLD)
    said = ganvas(*both, "--given", plane, "--out", out)
    assert said.code == 0
    assert near(out, of)
    table = ("rescore", model, "--direction", plane, "--count", "4", "--amounts", "0,1", *OLD)
    said = ganvas(*table, "--scores", "tests.cli.test_given:brightness")
    assert "bright" in said.out


def brightness(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return x.astype(float).mean((1, 2, 3))


brightness.names = ("bright",)  # type: ignore[attr-defined]


def test_items_are_projected_scored_and_looked_for_under_what_is_given(
    ganvas: Ganvas, model: Path, tmp_path: Path
) -> None:
    its, items, out = load(model, device="cpu"), tmp_path / "items.npy", tmp_path / "out.npy"
    np.save(items, its.sample(2, given=told(OLD), noise="fixed").x)
    codes = tmp_path / "codes.safetensors"
    search = ("project", model, items, "--steps", "2", "--space", "w", "--out", out)
    assert ganvas(*search, *OLD, "--codes", codes).code == 0
    again = tmp_path / "again.npy"
    assert ganvas("sample", model, "--codes", codes, "--out", again).code == 0
    assert near(again, np.load(out))  # codes keep their conditions
    said = ganvas("walk", model, "--codes", codes, *OLD, "--out", again)
    assert "codes of a file have their own conditions: leave out --given" in said.error
    scores = tmp_path / "scores.npy"
    assert ganvas("score", model, items, *OLD, "--out", scores).code == 0
    expected = its.score(its.sample(2, given=told(OLD), noise="fixed"))
    assert np.load(scores) == pytest.approx(expected, abs=1e-4)
    for command in (
        ("teach", model, "--steps", "1", "--batch", "2", "--width", "1"),
        ("ppl", model, "--count", "2", "--out", tmp_path / "ppl.png"),
    ):
        said = ganvas(*command)
        assert "--given tags=VALUE --given far=VALUE" in " ".join(said.error.split()), command
        assert ganvas(*command, *OLD).code == 0, command


def test_what_is_missing_misspelt_or_no_condition_is_said(
    ganvas: Ganvas, model: Path, tmp_path: Path
) -> None:
    out = ("--out", tmp_path / "x.npy")
    said = ganvas("walk", model, *out)
    assert "this model's samples depend on tags, far, too: give --given tags=VALUE" in said.error
    said = ganvas("walk", model, "--given", "tags=old", *out)
    assert "depend on far, too: give --given far=VALUE" in " ".join(said.error.split())
    said = ganvas("interpolate", model, "--given", "tag=old", "--given", "far=1", *out)
    assert "no condition 'tag'. Did you mean 'tags'?" in said.error
    said = ganvas("sweep", model, "--given", "old", *out)
    assert "--given old: expected FIELD=VALUE" in said.error
    said = ganvas("walk", model, "--label", "old", *out)
    assert "no classes that a label could name" in said.error
    named = tmp_path / "a=b.safetensors"
    named.touch()
    assert parted([str(named), "far=1", "c.npy"]) == ({"far": "1"}, [named, Path("c.npy")])
