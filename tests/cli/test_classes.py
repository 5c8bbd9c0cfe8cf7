"""``ganvas classes`` and ``ganvas tradeoff``, on a BigGAN of a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ganvas.api.run_items import training_items, training_records
from ganvas.cli.app import run
from tests.cli.conftest import TINY, Ganvas


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "big"
    networks = ["game.generator={kind: biggan, width: 1, shared: 4}"]
    networks += ["game.discriminator={kind: biggan, width: 1}", "game.latent.dim=4"]
    words = ["train", "biggan/images", "--data", "digits8", "--out", str(folder), *TINY, *networks]
    assert run([*words, "data.hold_out=0.2", "train.average=null"]) == 0
    return folder


def test_classes_stand_from_easy_to_hard_with_what_they_leak_to(
    ganvas: Ganvas, big: Path, tmp_path: Path
) -> None:
    out = tmp_path / "classes.json"
    said = ganvas("classes", big, "threshold=0.5", "--each", 4, "--out", out)
    assert said.code == 0
    header, *rows = said.out.splitlines()
    assert header.split() == ["class", "agree", "leaks", "to", "vary", "vector"]
    agree = [float(row.split()[1].rstrip("%")) for row in rows[:10]]
    assert agree == sorted(agree, reverse=True)
    assert "40 samples: " in rows[10]
    found = json.loads(out.read_text())
    np.testing.assert_allclose(np.sum(found["shown"], axis=1), np.ones(10))
    np.testing.assert_allclose(np.diag(found["shown"]), found["agreement"])
    assert min(found["vectors"]) < 1 < max(found["vectors"])
    assert 1.0 in found["vectors"]  # the median one


def test_a_curve_has_untruncated_samples_first_and_names_its_points(
    ganvas: Ganvas, big: Path, tmp_path: Path
) -> None:
    out = tmp_path / "curve.json"
    said = ganvas("tradeoff", big, "threshold=1,0.1", "--count", 100, "--out", out)
    assert said.code == 0
    header, *rows = said.out.splitlines()
    assert header.split()[:2] == ["threshold", "fid"]
    assert [row.split()[0] for row in rows[:3]] == ["none", "1", "0.1"]
    assert "untruncated" in rows[0]
    assert sum("best distance" in row for row in rows[:3]) == 1
    assert "amenable to threshold" in said.out
    found = json.loads(out.read_text())
    assert [point["value"] for point in found["points"]] == [None, 1, 0.1]
    assert found["operating_points"]["untruncated"] is None
    within = [point["within"] for point in found["points"]]
    assert within[2] < within[0]
    page, words = tmp_path / "curve.html", ("truncation=0.5", "statistics=pooled", "--count", 100)
    assert ganvas("tradeoff", big, *words, "--out", page).code == 0
    assert "<svg" in page.read_text("utf-8")


def test_nearest_items_of_a_class_are_of_that_class(
    ganvas: Ganvas, big: Path, tmp_path: Path
) -> None:
    labels, x = training_records(big)["label"], training_items(big)
    some, out = tmp_path / "some.npy", tmp_path / "near.json"
    of_seven = np.flatnonzero(labels == 7)
    np.save(some, x[of_seven[[2, 5]]])
    for by in ("items", "features"):
        words = ("--label", 7, "--by", by, "--neighbours", 3, "--out", out)
        assert ganvas("nearest", big, some, *words).code == 0
        found = json.loads(out.read_text())
        assert [row[0] for row in found["index"]] == of_seven[[2, 5]].tolist()
        assert set(labels[np.array(found["index"])].flatten()) == {7}
    assert ganvas("nearest", big, "--label", 3, "--count", 2, "--out", tmp_path / "n.png").code == 0
    assert "leave --data out" in ganvas("nearest", big, "--label", 3, "--data", some).error


def test_misspelt_options_and_models_without_classes(
    ganvas: Ganvas, big: Path, trained: Path
) -> None:
    assert (
        "no option 'threshhold'. Did you mean 'threshold'?"
        in ganvas("tradeoff", big, "threshhold=1").error
    )
    assert "such as threshold=2,1,0.5,0.1" in ganvas("tradeoff", big, "threshold=a").error
    assert "trained without classes has none" in ganvas("classes", trained).error
