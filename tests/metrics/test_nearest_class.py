"""1-NN error against brute force, and in parts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from ganvas.abilities.knn import errors
from ganvas.cli.app import run as main
from ganvas.errors import UsageError
from ganvas.metrics.nearest_class import NearestClass
from ganvas.metrics.of import plain
from tests.model.conftest import saved


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


def test_samples_and_training_items_as_references(tmp_path: Path):
    model = saved(tmp_path, "classes")
    drawn = model.sample(1500, seed=9)
    known, asked = drawn.rows(slice(0, 1100)), drawn.rows(slice(1100, 1500))
    found = list(errors(model, known, asked, 1200))
    sizes = [(one.name, one.size) for one in found]
    # in decades, and real ones as many as samples, or all there are
    assert sizes == [("samples", 1000), ("samples", 1200), ("training items", 1100)]
    nearest = NearestClass(plain(model.domain, asked.x))
    nearest.see(plain(model.domain, known.x), torch.from_numpy(known["label"]))
    assert found[2].error == nearest.error(torch.from_numpy(asked["label"]))
    assert found[1].distance <= found[0].distance


def test_the_command_wants_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    saved(tmp_path, "points")
    assert main(["knn", str(tmp_path)]) == 2
    assert "train one with game.conditional=true" in capsys.readouterr().err
