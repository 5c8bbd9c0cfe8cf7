"""1-NN error against brute force, and in parts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from ganvas.api import train
from ganvas.cli.app import run as main
from ganvas.errors import UsageError
from ganvas.metrics.nearest_class import NearestClass
from ganvas.recipes import load_recipe


def sets(seed: int = 0) -> tuple[torch.Tensor, ...]:
    noise = torch.Generator().manual_seed(seed)
    queries, references = (torch.randn(n, 5, generator=noise) for n in (40, 130))
    return queries, references, *(torch.randint(3, (n,), generator=noise) for n in (40, 130))


def test_error_and_distance_are_those_of_scikit_learn():
    queries, references, asked, classes = sets()
    nearest = NearestClass(queries)
    nearest.see(references, classes)
    known = KNeighborsClassifier(1).fit(references.numpy(), classes.numpy())
    assert nearest.error(asked) == pytest.approx(1 - known.score(queries.numpy(), asked.numpy()))
    distances, _ = known.kneighbors(queries.numpy())
    assert nearest.distance() == pytest.approx(float(distances.mean()), rel=1e-6)
    assert nearest.seen == 130


def test_parts_are_the_whole():
    queries, references, asked, classes = sets(1)
    whole, parts = NearestClass(queries), NearestClass(queries)
    whole.see(references, classes)
    for size in ((0, 1), (1, 60), (60, 130)):
        parts.see(references[slice(*size)], classes[slice(*size)])
    assert parts.error(asked) == whole.error(asked)
    assert parts.distance() == pytest.approx(whole.distance(), rel=1e-9)


def test_of_equal_references_the_first_counts():
    nearest = NearestClass(torch.zeros(1, 2))
    nearest.see(torch.ones(2, 2), torch.tensor([1, 2]))
    nearest.see(torch.ones(1, 2), torch.tensor([0]))
    assert nearest.error(torch.tensor([1])) == 0
    with pytest.raises(UsageError, match="2 references have 1 classes"):
        nearest.see(torch.ones(2, 2), torch.tensor([1]))


def test_the_items_themselves_make_no_error():
    queries, _, asked, _ = sets(2)
    nearest = NearestClass(queries)
    nearest.see(queries, asked)
    assert nearest.error(asked) == 0
    assert nearest.distance() == pytest.approx(0, abs=1e-6)


def test_the_command_of_a_conditional_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    changes = ["train.rounds=1", "train.batch=8", "evaluate.at_end=false"]
    small = ["game.generator.widths=[8]", "game.generator.y_width=4", "train.tensorboard=false"]
    data = ["data.source=digits8", "data.hold_out=0.2"]
    train(load_recipe("cgan/digits", [*data, *changes, *small]), tmp_path / "run", quiet=True)
    assert main(["knn", str(tmp_path / "run"), "--count", "1200"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines]
    assert [row[:2] for row in rows[1:3]] == [["samples", "1,000"], ["samples", "1,200"]]
    assert rows[4][:2] == ["training", "items"]
    assert float(rows[4][3]) < 5  # of real training digits few go wrong
    assert lines[-1].endswith("real items, held out")
