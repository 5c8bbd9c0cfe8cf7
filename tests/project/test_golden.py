"""Golden runs: what is recorded twice is equal, and whatever changes is told, and by how much."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from ganvas.recipes import load_recipe, names
from scripts import golden
from scripts.golden_runs.apart import compare_dumps, furthest
from scripts.golden_runs.traces import Trace, hexed, tensor_differences

TINY = """
all: {train: {rounds: 6, batch: 4, log_every: 3, watch_every: 0, sample_every: 0}}
cases:
  tiny:
    recipe: gan/ring8
    game: {latent: {dim: 2}, generator: &net {widths: [4]}, discriminator: *net}
    train: {tensorboard: false, average: {half_life: 0.01}}
    evaluate: {at_end: false}
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of one case in the place of the script's own."""
    table = tmp_path / "cases.yaml"
    table.write_text(TINY)
    monkeypatch.setattr(golden, "TABLE", table)
    return table


def test_a_case_comes_out_equal_and_another_rate_is_told(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "golden"
    assert golden.main(["record", "--folder", str(folder)]) == 0
    first = json.loads((folder / "tiny.json").read_text())
    assert golden.record_of(golden.table()["tiny"]) == first
    roles = Counter(line.split()[0] for line in first["tensors"].values())
    assert roles == {"game": 8, "average": 4, "optimisers": 24}  # two networks of two layers, Adam

    tiny.write_text(TINY.replace("latent:", "generator_optimiser: {lr: 0.0011}, latent:"))
    capsys.readouterr()
    assert golden.main(["check", "--folder", str(folder)]) == 1
    told = capsys.readouterr().out
    assert "the case in the table is another one" in told
    assert "differs by" in told
    changed = golden.differences(first, golden.record_of(golden.table()["tiny"]))
    assert any(line.startswith("game.generator.hidden.0.weight differs by") for line in changed)
    assert any(line.startswith("log: loss/generator differs by") for line in changed)


def test_a_run_that_ended_early_is_not_recorded(tiny: Path, tmp_path: Path) -> None:
    rest = "{number: kimg, better: lower, window: 1, patience: 1}"  # kimg only grows
    tiny.write_text(
        TINY.replace("batch: 4, log_every: 3", f"batch: 4, log_every: 1, stop_on: {rest}")
    )
    with pytest.raises(SystemExit, match=r"gan/ring8 ended at round \d \(converged\)"):
        golden.main(["record", "--folder", str(tmp_path / "golden")])
    assert not list((tmp_path / "golden").iterdir())


def test_a_file_of_another_machine_is_not_compared(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {"machine": golden.machine() | {"torch": "0.4"}}
    (tmp_path / "tiny.json").write_text(json.dumps(record))
    assert golden.main(["check", "--folder", str(tmp_path)]) == 2
    assert "not comparable" in capsys.readouterr().out


def test_a_case_that_was_never_recorded_and_one_that_is_gone_fail(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.json").write_text("{}")
    assert golden.main(["check", "--folder", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "no case any more: old" in told
    assert "never recorded" in told


def traces(**arrays: list[float]) -> dict[str, Trace]:
    named = {f"game.{name}": torch.tensor(values) for name, values in arrays.items()}
    return {name: Trace.of(name, tensor) for name, tensor in named.items()}


def test_tensors_may_be_renamed_and_not_be_changed() -> None:
    before = traces(a=[1.0, 2.0], b=[1.0, 2.0], c=[3.0, 4.0])
    after = traces(x=[1.0, 2.0], b=[3.0, 4.0], y=[1.0, 2.0])
    assert golden.digest(before) == golden.digest(after)
    assert tensor_differences(before, after) == []
    assert golden.digest(before) != golden.digest(traces(a=[1.0, 2.0], c=[3.0, 4.0]))
    changed = traces(a=[1.0, 2.0], b=[1.0, 2.0], c=[3.0, 4.000001])
    assert golden.digest(before) != golden.digest(changed)

    told = tensor_differences(before, traces(x=[1.0, 2.0], b=[1.0, 2.0], y=[3.0, 4.5]))
    norm = np.hypot(3, 4.5)
    assert told == [f"game.c → game.y differs by {0.5 / norm:.1e}"]
    told = tensor_differences(before, traces(a=[1.0, 2.0], b=[1.0, 2.0], c=[3.0]))
    assert told == ["game.c (game float32 2) is gone", "game.c (game float32 1) is new"]


def test_a_role_is_part_of_the_hash() -> None:
    tensor = torch.tensor([1.0, 2.0])
    weights, average = (
        {name: Trace.of(name, tensor)} for name in ("game.a.weight", "average.values.0")
    )
    assert golden.digest(weights) != golden.digest(average)


@pytest.mark.parametrize("number", [0.0, -0.0, 1.0, 40.0, 0.1, -1e-310, float("inf")])
def test_numbers_are_kept_to_the_last_bit(number: float) -> None:
    assert str(float.fromhex(hexed(number))) == str(number)
    trace = Trace.of("game.x", torch.tensor([number], dtype=torch.float64))
    assert Trace.read(str(trace)) == trace


def test_distance_of_two_states_is_relative_to_each_tensor() -> None:
    one = {"game.a": np.array([2.0, 0.0]), "game.b": np.array([1.0]), "average.a": np.ones(2)}
    two = {"game.a": np.array([2.0, 0.01]), "game.new": np.array([1.0]), "average.a": np.ones(2)}
    assert furthest(one, one) == (0.0, "")
    assert furthest(one, two) == (0.01 / 2.0, "game.a")
    assert furthest(one, {"game.a": one["game.a"]})[0] == np.inf
    # What cancels to almost nothing is measured by its group: a thousandth of the median, 1.0.
    noise = {"game.b": np.array([1e-17]), "game.c": np.ones(1), "game.d": np.ones(1)}
    assert furthest(noise, noise | {"game.b": np.array([3e-17])}).size == pytest.approx(2e-14)


def test_states_of_two_checkouts_are_compared_case_by_case(tmp_path: Path) -> None:
    for side, last in (("a", 1.0), ("b", 1.0 + 1e-6)):
        (tmp_path / side).mkdir()
        save_file({"game.a": np.ones(1)}, tmp_path / side / "x.1.safetensors")
        save_file({"game.a": np.array([last])}, tmp_path / side / "x.40.safetensors")
    worst = compare_dumps(tmp_path / "a", tmp_path / "b")
    assert worst[1].size == 0.0
    assert worst[40].size == pytest.approx(1e-6, rel=1e-3)


def test_double_precision_reaches_data_weights_and_optimisers(tiny: Path) -> None:
    with golden.precision(double=True):
        found, rows = golden.run(golden.table()["tiny"])
    assert len(rows) == 2
    assert {tensor.dtype for tensor in found.values()} == {torch.float64}
    assert torch.get_default_dtype() == torch.float32
    logged = [row["loss/generator"] for row in rows]
    assert all(float(np.float32(number)) != number for number in logged)


def test_every_case_plays_a_recipe_and_every_system_has_two() -> None:
    recipes = [case["recipe"] for case in golden.table().values()]
    assert set(recipes) <= set(names())
    systems = Counter(recipe.partition("/")[0] for recipe in recipes)
    assert min(systems.values()) >= 2


@pytest.mark.slow
def test_every_case_is_accepted() -> None:
    for case in golden.table().values():
        load_recipe(case["recipe"], golden.words(case))


@pytest.mark.slow
def test_a_checkout_is_as_far_from_itself_as_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    command = ["compare", str(golden.ROOT), str(golden.ROOT / "src"), "svgae-graph", "--double"]
    assert golden.main(command) == 0
    assert "largest after 40 rounds: 0.0e+00" in capfd.readouterr().out
