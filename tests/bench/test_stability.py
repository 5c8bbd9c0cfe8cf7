"""``ganvas bench stability``: its sets, its sign test, and runs that go on where they stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas.bench import runner
from ganvas.bench.contest import find, hurried, names, plan, trained
from ganvas.bench.sets.robustness import NETWORKS
from ganvas.bench.standings import Tally, markdown, tally
from ganvas.cli.app import run as cli
from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points
from ganvas.data.spec import spec_of

SHEET = {  # α, β₁, β₂, n_dis of Miyato et al. 2018
    "A": (1e-4, 0.5, 0.9, 5),
    "B": (1e-4, 0.5, 0.999, 1),
    "C": (2e-4, 0.5, 0.999, 1),
    "D": (1e-3, 0.5, 0.9, 5),
    "E": (1e-3, 0.5, 0.999, 5),
    "F": (1e-3, 0.9, 0.999, 5),
}

SPECS = {
    "digits": spec_of("digits", Images(channels=1, height=16, width=16)),
    "ring8": spec_of("ring8", Points(dim=2, shift=[0.0, 0.0], scale=1.0)),
}


def row(case: str, method: str, score: float | None, seed: int = 0) -> dict[str, Any]:
    return {"case": case, "method": method, "seed": seed, "score": score, "real": 8.0}


def test_a_run_has_trained_above_half_of_the_datas_score() -> None:
    assert trained(row("a", "x", 4.1))
    assert not trained(row("a", "x", 4.0))
    assert not trained(row("a", "x", None))
    assert not trained({"case": "a", "error": "diverged"})


def test_the_sign_test_is_exact() -> None:
    assert Tally(8, 0, 3, 1).p == pytest.approx(2 / 2**8)
    assert Tally(1, 6, 0, 0).p == pytest.approx(2 * (1 + 7) / 2**7)
    assert Tally(2, 2, 9, 9).p == pytest.approx(1)
    assert Tally(0, 0, 9, 9).p == 1


def test_only_cases_that_both_have_played_are_paired() -> None:
    rows = [
        *(row("a", "x", 5), row("a", "y", 1)),
        *(row("b", "x", None), row("b", "y", 7)),
        *(row("c", "x", 5), row("c", "y", 7)),
        *(row("c", "x", 1, seed=1), row("c", "y", 2, seed=1)),
        row("d", "x", 8),
    ]
    assert tally(rows, "x", "y") == Tally(first=1, second=1, both=1, neither=1)
    assert tally(rows, "x", "y", share=0.1) == Tally(first=0, second=1, both=3, neither=0)


def test_rates_are_multiplied_and_nothing_else() -> None:
    adam = {"kind": "adam", "lr": 1e-4, "beta1": 0.0}
    game = {"system": "gan", "generator": {"lr": 1}, "generator_optimiser": adam}
    assert hurried(game, 10) == game | {"generator_optimiser": adam | {"lr": 1e-3}}


def test_the_six_settings_are_those_of_the_paper() -> None:
    matches = plan("settings", "cpu")
    assert len(matches) == 6 * 4 * 3
    for match in matches:
        game: Any = match.recipe().game
        for optimiser in (game.generator_optimiser, game.discriminator_optimiser):
            rate, beta1, beta2, steps = SHEET[match.case]
            assert (optimiser.lr, optimiser.beta1, optimiser.beta2) == (rate, beta1, beta2)
            assert game.discriminator_steps == steps
        assert (game.constraint is None) == (match.method in ("none", "GP"))
        assert bool(game.penalties) == (match.method == "GP")


@pytest.mark.parametrize("name", names())
def test_every_game_of_a_set_can_be_built(name: str) -> None:
    seen: set[str] = set()
    for match in plan(name, "smoke"):
        assert match.name not in seen
        seen.add(match.name)
        recipe = match.recipe()
        assert recipe.train.average is None
        with torch.device("meta"):
            recipe.game_type(recipe.game_config, SPECS[recipe.data.source])
    pairs = find(name).PAIRS
    assert {one for pair in pairs for one in pair} <= {
        match.method for match in plan(name, "smoke")
    }


def test_the_seven_networks_are_under_every_method() -> None:
    matches = plan("robustness", "cpu")
    assert len(matches) == 7 * 4
    assert len(NETWORKS) == 7
    for match in matches:
        game: Any = match.recipe().game.model_dump()
        plain = match.case == "no normalisation"
        wanted = "none" if plain else "layer" if match.method == "wgan-gp" else "batch"
        assert game["discriminator"]["norm"] == wanted
        assert game["discriminator_steps"] == (5 if match.method in ("wgan-gp", "clipping") else 1)


def test_a_longer_draw_begins_as_a_shorter_one() -> None:
    few, more = plan("random", "cpu", count=2), plan("random", "cpu", count=5)
    assert [match.case for match in more[:4]] == [match.case for match in few]
    assert [match.name for match in few] == [match.name for match in more[:4]]
    assert [match.method for match in few] == ["gan", "wgan-gp"] * 2


def test_a_set_is_played_told_and_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", "stability", "random", "--tier", "smoke"]
    words += ["--out", str(tmp_path / "runs"), "--results", str(tmp_path / "rows.jsonl")]
    assert cli(words) == 0
    said = capsys.readouterr().out
    assert "2 of 2 runs to do" in said
    assert "| score above | only wgan-gp | only gan | both | neither | p |" in said
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["method"] for row in rows] == ["gan", "wgan-gp"]
    assert all(1 <= row["score"] <= 10 and row["real"] > 3 for row in rows)
    assert all(row["parameters"]["generator"] > 0 for row in rows)
    assert cli(words) == 0
    assert "0 of 2 runs to do" in capsys.readouterr().out


def test_scores_on_the_way_are_those_of_a_run_that_was_never_halted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    match = plan("speed", "smoke", only=["DCGAN"])[0]
    asked: list[int] = []

    def score(folder: Path, recipe: object, samples: int) -> tuple[float, float]:
        from ganvas.training.folder import RunFolder

        asked.append(int(RunFolder(folder).list_checkpoints()[-1].stem))
        return float(asked[-1]), 8.0

    monkeypatch.setattr(find("speed"), "score", score)
    mark = match.fingerprint(match.recipe())
    found = runner.attempt(match, mark, tmp_path)
    assert asked == [2, 4]
    assert [(look["round"], look["score"]) for look in found["looks"]] == [(2, 2.0)]
    assert (found["rounds"], found["score"]) == (4, 4.0)
    again = runner.attempt(match, mark, tmp_path)  # it is over: nothing is played or looked at
    assert again["looks"] == found["looks"]


def test_tables_name_who_trains() -> None:
    common = {"set": "settings", "tier": "cpu", "rounds": 9, "batch": 4, "samples": 5, "looks": []}
    common |= {"commit": "abc", "machine": "a machine", "seconds": 1.0}
    rows = [
        common | row(case, method, score, seed)
        for seed in (0, 1)
        for case, method, score in (("A", "SN", 8.0), ("A", "none", 6.0 * seed))
    ]
    text = markdown("settings", "cpu", rows)
    assert "| A | **8** | 3 (1 of 2) |" in text
    assert "| 50% | 1 | 0 | 1 | 0 | 1 |" in text
    assert "SN | only GP" not in text  # which nobody has played
    assert markdown("settings", "cpu", []).startswith("No runs of the set settings")


def test_wrong_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        (["randon"], "no set 'randon'. Did you mean 'random'"),
        (["settings", "--tier", "gpu"], "no tier 'gpu'"),
        (["settings", "--method", "sn"], "no method 'sn'. Did you mean 'SN'? There are none, SN"),
    ):
        assert cli(["bench", "stability", *words]) == 2
        assert message in capsys.readouterr().err
