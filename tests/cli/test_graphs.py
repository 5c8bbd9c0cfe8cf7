"""From a user's own links to predictions, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ganvas.data.graph_laws import citation
from tests.cli.conftest import Ganvas

TINY = [
    *("train.rounds=6", "train.checkpoint_every=3", "train.log_every=2"),
    *("train.tensorboard=false", "train.accelerator=cpu"),
]


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    law = citation(80, 200, 20, 2)
    path = tmp_path / "mine.npz"
    np.savez(path, x=law.features, links=law.links, y=law.label)
    return path


def test_own_graph_from_links_to_predictions(ganvas: Ganvas, tmp_path: Path, graph: Path) -> None:
    found = ganvas("data", graph)
    assert found.code == 0
    assert "mine.npz: graph" in found.out
    assert "svgae/graph --data" in found.out
    assert "r3gan" not in found.out
    run = tmp_path / "run"
    assert ganvas("train", "svgae/graph", "--data", graph, "--out", run, *TINY).code == 0
    scores = {s["name"]: s for s in json.loads(ganvas("evaluate", run, "--json").out)}
    assert set(scores) == {"link_auc", "link_ap"}
    assert scores["link_auc"]["protocol"]["settings"] == [["encoder", "best"]]
    codes, table = tmp_path / "codes.npy", tmp_path / "links.csv"
    assert ganvas("encode", run, graph, "--out", codes).code == 0
    assert np.load(codes).shape == (80, 16)
    assert ganvas("predict", run, graph, "--count", 7, "--out", table).code == 0
    rows = table.read_text().splitlines()
    assert rows[0] == "source,target,probability"
    assert len(rows) == 8
    i, j, chance = rows[1].split(",")
    pairs, answers = tmp_path / "pairs.npy", tmp_path / "answers.npz"
    np.save(pairs, np.array([[int(i), int(j)], [0, 1]]))
    assert ganvas("predict", run, graph, "--pairs", pairs, "--out", answers).code == 0
    with np.load(answers) as loaded:
        assert loaded["pairs"].tolist()[0] == [int(i), int(j)]
        assert loaded["probability"][0] == pytest.approx(float(chance), abs=1e-6)
    assert "verdict: healthy" in ganvas("diagnose", run).out
    assert "no more" not in ganvas("resume", run, "train.rounds=8").err


def test_what_is_wrong_is_said(ganvas: Ganvas, tmp_path: Path, graph: Path, trained: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "links.csv"
    said = ganvas("train", "svgae/graph", "--data", "ring8", "--out", run, *TINY)
    assert said.code == 2
    assert "svgae predicts links between the nodes of a graph" in said.error
    said = ganvas("predict", trained, graph, "--out", out)
    assert said.code == 2
    assert "a model of gan has no 'predict'; it has: sample" in said.error
    said = ganvas("predict", trained, graph, "--out", tmp_path / "links.txt")
    assert "expected a .csv or .npz file" in said.error
