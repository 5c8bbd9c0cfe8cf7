"""A table in memory, from training to samples written under its names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import ganvas
from ganvas.cli.app import app
from ganvas.errors import UsageError

RNG = np.random.default_rng(0)
TINY = {
    "train.rounds": 4,
    "train.batch": 8,
    "train.threads": 1,
    "game.generator.widths": [8],
    "game.discriminator.widths": [8],
    "evaluate.samples": 40,
}


def people(n: int) -> np.ndarray:
    table = np.empty(n, [("age", "i8"), ("income", "f8")])
    table["age"], table["income"] = RNG.integers(20, 70, n), RNG.lognormal(8, 1, n)
    return table


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "people"
    ganvas.train("r3gan/points", folder, people(60), quiet=True, **TINY)
    return folder


def test_the_run_keeps_the_data_that_it_was_given(run: Path) -> None:
    source = yaml.safe_load((run / "config.yaml").read_text())["data"]["source"]
    assert Path(source) == run / "data.npz"
    with np.load(source) as kept:
        assert kept["columns"].tolist() == ["age", "income"]
        assert kept["x"].shape == (60, 2)
    ending = ganvas.resume(run, ["train.rounds=6"], quiet=True)  # the same data, by its fingerprint
    assert ending.rounds == 6


def test_samples_are_written_under_the_names_of_the_table(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    done = CliRunner().invoke(app, ["sample", str(run), "--count", "30", "--out", str(out)])
    assert done.exit_code == 0, done.output
    head, *lines = out.read_text().splitlines()
    assert head == "age,income"
    written = np.array([line.split(",") for line in lines], np.float64)
    samples = ganvas.load(run).sample(30).x
    assert (written == samples).all()
    assert (samples[:, 0] == samples[:, 0].round()).all()
    assert all(line.partition(",")[0].lstrip("-").isdigit() for line in lines)


def test_columns_of_a_file_are_found_by_name(run: Path, tmp_path: Path) -> None:
    model, table = ganvas.load(run), people(5)
    path = tmp_path / "mine.csv"
    rows = [f"{income!r},{age}" for age, income in table.tolist()]
    path.write_text("\n".join(["income,age", *rows]))
    out = tmp_path / "scores.npy"
    done = CliRunner().invoke(app, ["score", str(run), str(path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    known = np.stack([table["age"], table["income"]], 1)
    np.testing.assert_allclose(np.load(out), model.score(known), rtol=1e-6)


def test_a_model_is_measured_against_other_data(run: Path) -> None:
    kept = (run / "evaluation.json").read_bytes()
    near, far = people(50), people(50)
    far["income"] += 1e7
    scores = [ganvas.evaluate(run, 40, against=table)["w1"] for table in (near, far)]
    assert scores[1].value > 10 * scores[0].value
    assert ("units", "standard deviations of the columns") in scores[0].protocol.settings
    assert (run / "evaluation.json").read_bytes() == kept
    with pytest.raises(UsageError, match="3 coordinates, and the model was trained on points"):
        ganvas.evaluate(run, 40, against=RNG.normal(size=(9, 3)))
    with pytest.raises(UsageError, match="holds columns"):
        ganvas.evaluate(run, 40, against=people(9)[["income", "age"]])


def test_what_is_no_data_writes_nothing(tmp_path: Path) -> None:
    points = np.arange(12.0).reshape(6, 2)
    for data, message in (
        ([[0.0, np.nan], [1, 2]], "^data holds NaN .* first in row 0, column 1"),
        (np.ma.masked_greater(points, 8), "^data are a masked array, in which 3 numbers are hid"),
    ):
        with pytest.raises(UsageError, match=message):
            ganvas.train("r3gan/points", tmp_path / "run", data, quiet=True, **TINY)
    assert not (tmp_path / "run").exists()
