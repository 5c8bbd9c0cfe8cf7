"""What the diagnosis recommends rests on the committed results of the benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganvas.bench.found import distil
from ganvas.bench.rows import read_rows
from ganvas.bench.tables import METHODS
from ganvas.cli.app import run
from ganvas.data.open import open_data
from ganvas.diagnosis import found, remedies
from ganvas.diagnosis.found import PLAIN, Found, Score, Table
from ganvas.games import find_game, systems
from ganvas.games.parts.advice import MEASURED
from ganvas.play.advice import Proposal, Setup
from ganvas.recipes import load_recipe

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "modes.jsonl"
PACKAGED = Path(found.__file__).with_name("found.json")


def first_lines(folder: Path, count: int) -> Path:
    path = folder / "rows.jsonl"
    lines = RESULTS.read_text("utf-8").splitlines(keepends=True)[:count]
    path.write_text("".join(lines), "utf-8")
    return path


def test_the_packaged_numbers_are_those_of_the_results(tmp_path: Path) -> None:
    """Rows that were added since do not matter; `ganvas bench found` takes them in."""
    packaged = json.loads(PACKAGED.read_text("utf-8"))
    rows = first_lines(tmp_path, packaged["lines"])
    assert run(["bench", "found", "--results", str(rows), "--out", str(tmp_path / "f.json")]) == 0
    assert json.loads((tmp_path / "f.json").read_text("utf-8")) == packaged
    assert distil(read_rows([rows]), packaged["lines"]) == packaged


def test_a_table_without_all_methods_is_not_ranked_by() -> None:
    rows = [row for row in read_rows([RESULTS]) if row["tier"] == "cpu"]
    ring = [row for row in rows if (row["data"], row["preset"]) == ("ring8", "toyV_torch")]
    (table,) = distil(ring, len(ring))["tables"]
    assert table["strict"].keys() == METHODS.keys()
    assert distil([row for row in ring if row["method"] != "vbn"], 1)["tables"] == []


def test_every_measured_remedy_is_a_method_of_the_benchmark() -> None:
    offers = [offer.method for name in systems() if (offer := find_game(name).offer)]
    assert {PLAIN, *MEASURED, *offers} <= METHODS.keys()


def setup_of(name: str) -> Setup:
    recipe = load_recipe(name)
    return Setup(recipe.tree(), open_data(recipe.data).spec, recipe.system)


def measured(name: str) -> list[Proposal]:
    return remedies.measured(setup_of(name), load_recipe(name).game_type)


def made(**strict: float) -> Found:
    scores = {name.replace("_", "-"): Score(mean=mean, seeds=3) for name, mean in strict.items()}
    table = Table(data="ring8", preset="toyV", modes=8, strict=scores)
    return Found(lines=1, tier="cpu", tables=[table])


def test_remedies_follow_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    results = made(nsgan=2, pacgan=7, unrolled=8, mbd=2, r3gan=1, feature_matching=3)
    monkeypatch.setattr(remedies, "found", lambda: results)
    assert results.gain("unrolled", "points") == pytest.approx(0.75)
    assert results.gain("veegan", "points") is None
    setup = setup_of("gan/ring8")
    first, second, third = (proposal(setup) for proposal in measured("gan/ring8"))
    assert first is not None
    assert first.command == "ganvas train unrolled/points --data ring8 --out runs/unrolled"
    assert "8 of 8 modes of ring8 (nsgan: 2)" in first.why
    assert second is not None
    assert second.settings == ("game.packing=2",)
    assert third is not None
    assert third.settings[0].startswith("game.feature_matching")


def test_a_method_that_keeps_more_already_is_no_reason_to_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remedies, "found", lambda: made(nsgan=2, pacgan=7, unrolled=8, mbd=2))
    assert measured("unrolled/ring8") == []
    assert len(measured("pacgan/ring8")) == 1
    assert len(measured("sngan/ring8")) == 2  # unknown: the plain game
    assert measured("r3gan/ring8") == []


def test_results_on_points_stand_in_for_images_until_there_are_some() -> None:
    results = made(nsgan=2, pacgan=7)
    assert results.gain("pacgan", "images") == results.gain("pacgan", "points")
    stacked = Table(
        data="digits_stack",
        preset="dig",
        modes=1000,
        strict={"nsgan": Score(mean=500, seeds=1), "pacgan": Score(mean=600, seeds=1)},
    )
    both = results.model_copy(update={"tables": [*results.tables, stacked]})
    assert both.gain("pacgan", "images") == pytest.approx(0.1)
    assert both.gain("pacgan", "points") == pytest.approx(5 / 8)
