"""The commands about slots, scores and neighbours, on a memoryGAN of a few rounds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganvas as library
from ganvas.api.run_items import held_out_items, training_items
from ganvas.cli.app import run
from ganvas.data.open import DataSettings, open_data
from ganvas.report.run import read_run
from tests.cli.conftest import Ganvas

TINY = [
    *("train.rounds=20", "train.batch=16", "train.checkpoint_every=20", "train.log_every=10"),
    *("train.sample_every=0", "train.watch_every=10", "train.tensorboard=false"),
    *("train.accelerator=cpu", "evaluate.at_end=false", "game.latent.dim=2"),
    *("game.generator={kind: mlp, widths: [8]}", "game.discriminator={kind: mlp, widths: [8]}"),
    "game.memory={slots: 64, dim: 8, neighbours: 8}",
]


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small finished run of a memoryGAN on 8×8 digits."""
    folder = tmp_path_factory.mktemp("runs") / "memory"
    words = ["train", "memorygan/images", "--data", "digits8", "--out", str(folder), *TINY]
    assert run(words) == 0
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    path = tmp_path / "photos.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1)).astype(np.uint8))
    return path


# ---- the log ----------------------------------------------------------------------------------


def test_likelihood_and_prior_are_logged_and_in_the_report(memory: Path) -> None:
    series = read_run(memory).series
    for name in ("likelihood/biased", "likelihood/true", "slots/effective", "prior/rank 64"):
        assert series[name][0] == [10, 20], name
    assert all(-2.9189 <= value <= -0.9189 for value in series["likelihood/biased"][1])
    assert series["slots/effective"][1][-1] <= series["slots/real"][1][-1]
    census = library.load(memory).slots.census()
    assert series["slots/real"][1][-1] == census.real
    assert series["slots/effective"][1][-1] == pytest.approx(census.effective, rel=1e-4)
    page = (memory / "report.html").read_text("utf-8")
    for words in ("Likelihood", "Slots", "Prior"):
        assert f'class="title" x="56" y="17">{words}' in page


def test_evaluate_measures_all_held_out_items(ganvas: Ganvas, memory: Path) -> None:
    said = ganvas("evaluate", memory, "--count", "40", "--json")
    assert said.code == 0
    scores = {score["name"]: score for score in json.loads(said.out)}
    model, source = library.load(memory), open_data(DataSettings(source="digits8"))
    items = source.items(source.splits[-1]).x
    held = model.game.memory
    q = torch.from_numpy(model.encode(items))
    biased = float(held.log_likelihood(q).mean())
    found = scores["query_log_likelihood_biased"]
    assert found["value"] == pytest.approx(biased, abs=1e-4)
    assert found["protocol"]["samples"] == len(items)
    assert scores["effective_slots"]["value"] == pytest.approx(
        float(held.effective_slots()), rel=1e-4
    )


# ---- score and posterior ----------------------------------------------------------------------


def test_score_prints_a_line_for_each_item(ganvas: Ganvas, memory: Path, photos: Path) -> None:
    said = ganvas("score", memory, photos)
    assert said.code == 0
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert [row[0] for row in rows] == ["0", "1", "2"]
    expected = library.load(memory).score(np.load(photos))
    np.testing.assert_allclose([float(row[1]) for row in rows], expected, rtol=1e-4)
    out = photos.with_name("scores.npz")
    assert "3 scores from" in ganvas("score", memory, photos, "--out", out).out
    np.testing.assert_allclose(np.load(out)["scores"], expected)


def test_every_system_with_scores_has_the_command(
    ganvas: Ganvas, trained: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.array([[0.0, 1.0], [9.0, 9.0]], np.float32))
    said = ganvas("score", trained, tmp_path / "x.npy")
    assert said.code == 0
    assert len(said.out.splitlines()) == 2
    said = ganvas("posterior", trained, tmp_path / "x.npy", "--out", tmp_path / "p.npy")
    assert said.code == 2
    assert "a model of gan has no 'posterior'; it has: sample, interpolate, score" in said.error


def test_posterior_as_an_array_and_as_a_figure(ganvas: Ganvas, memory: Path, photos: Path) -> None:
    out = photos.with_name("p.npy")
    assert (
        "3 posteriors over 64 components" in ganvas("posterior", memory, photos, "--out", out).out
    )
    np.testing.assert_allclose(np.load(out).sum(1), 1, rtol=1e-5)
    figure = photos.with_name("p.svg")
    words = ["--count", "2", "--slots", "3", "--top"]
    said = ganvas("posterior", memory, photos, "--out", figure, *words)
    assert said.code == 0
    assert figure.read_text().count("<image") == 2 * (1 + 3)
    assert "posteriors over 64" in ganvas("posterior", memory, "--out", out).out
    held_out = held_out_items(memory)
    np.testing.assert_allclose(
        np.load(out)[:9], library.load(memory).posterior(held_out[:9]), atol=1e-6
    )


# ---- slots ------------------------------------------------------------------------------------


def test_slots_are_listed_and_written(ganvas: Ganvas, memory: Path, tmp_path: Path) -> None:
    census = library.load(memory).slots.census()
    said = ganvas("slots", memory)
    assert said.out.startswith(f"64 slots: {census.real} real, {census.fake} fake")
    out = tmp_path / "slots.json"
    assert ganvas("slots", memory, "--out", out).code == 0
    told = json.loads(out.read_text())
    assert told["populated"] == len(told["table"]) == census.populated
    page = tmp_path / "slots.svg"
    assert ganvas("slots", memory, "--out", page, "--count", "4").code == 0
    for words in ("round 10", "round 20", "now", "Held-out data, biased"):
        assert f">{words}</text>" in page.read_text()
    grid = tmp_path / "slots.png"
    assert ganvas("slots", memory, "--out", grid, "--count", "3", "--each", "5").code == 0
    assert Image.open(grid).size == (5 * 66 - 2, 3 * 66 - 2)  # 8×8 enlarged eightfold, gaps of 2


def test_samples_and_ways_of_one_slot(ganvas: Ganvas, memory: Path, tmp_path: Path) -> None:
    model = library.load(memory)
    slot = str(model.slots.table(real=True)[0].index)
    out = tmp_path / "x.npy"
    assert ganvas("sample", memory, f"slot={slot}", "--count", "3", "--out", out).code == 0
    assert np.array_equal(np.load(out), model.slots.sample(int(slot), 3))
    words = ["--corners", "0,1,2,3", "--steps", "4", "--out", out]
    assert "16 samples" in ganvas("interpolate", memory, *words).out
    assert np.array_equal(np.load(out), model.square([0, 1, 2, 3], 4))
    assert ganvas("interpolate", memory, f"slot={slot}", *words).code == 0
    assert np.array_equal(np.load(out), model.square([0, 1, 2, 3], 4, slot=int(slot)))
    assert ganvas("interpolate", memory, f"slot={slot}", "--steps", "5", "--out", out).code == 0
    assert len(np.load(out)) == 5


def test_encode_gives_unit_queries(ganvas: Ganvas, memory: Path, photos: Path) -> None:
    out = photos.with_name("q.npy")
    assert ganvas("encode", memory, photos, "--out", out).code == 0
    np.testing.assert_allclose(np.linalg.norm(np.load(out), axis=1), 1, rtol=1e-5)


# ---- nearest ----------------------------------------------------------------------------------


def test_training_items_are_their_own_nearest(ganvas: Ganvas, memory: Path, tmp_path: Path) -> None:
    some = tmp_path / "some.npy"
    np.save(some, training_items(memory)[[5, 77]])
    out = tmp_path / "near.json"
    said = ganvas("nearest", memory, some, "--neighbours", "3", "--out", out)
    assert said.code == 0
    told = json.loads(out.read_text())
    assert np.shape(told["index"]) == (2, 3)
    np.testing.assert_allclose(np.array(told["cosine"])[:, 0], 1, atol=1e-5)
    grid = tmp_path / "near.png"
    assert ganvas("nearest", memory, "--count", "2", "--out", grid).code == 0
    assert Image.open(grid).size == (8 * 66 - 2, 2 * 66 - 2)
    said = ganvas("nearest", memory, some, "--data", some, "--neighbours", "1")
    assert [line.split()[:2] for line in said.out.splitlines()[2:]] == [["0", "0"], ["1", "1"]]


def test_nearest_of_systems_without_an_encoder(
    ganvas: Ganvas, trained: Path, tmp_path: Path
) -> None:
    """Items are compared as they are; a copy is known by the next item being far."""
    known, some = training_items(trained), tmp_path / "some.npy"
    alone = np.argsort(np.linalg.norm(known, axis=1))[-1]  # the outermost: the next is not near
    np.save(some, known[[alone, 7]] + np.float32(1e-5))
    out = tmp_path / "near.json"
    said = ganvas("nearest", trained, some, "--neighbours", "2", "--out", out)
    assert said.code == 0
    assert "2 of 2 are copies" in said.out
    told = json.loads(out.read_text())
    assert [row[0] for row in told["index"]] == [alone, 7]
    assert told["copy"] == [True, True]
    by_hand = np.sort(np.linalg.norm(known - known[7] - 1e-5, axis=1))[:2]
    np.testing.assert_allclose(told["distance"][1], by_hand / known.std(), rtol=0.5)
    assert ganvas("nearest", trained, "--count", "2").code == 0
    said = ganvas("nearest", trained, "--by", "codes")
    assert "a model of gan has no 'encode'" in said.error


def test_a_memory_compares_items_as_they_are_if_asked(ganvas: Ganvas, memory: Path) -> None:
    said = ganvas("nearest", memory, "--count", "2", "--by", "items")
    assert "0 of 2 are copies" in said.out


# ---- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["slots", "RUN", "--out", "x.txt"],
            "expected a .svg, .json, .png, .jpg, .jpeg or .webp file",
        ),
        (["posterior", "RUN", "X", "--out", "x.png"], "expected a .svg, .npy or .npz file"),
        (["score", "RUN", "X", "--out", "x.png"], "expected a .npy or .npz file"),
        (["sample", "RUN", "slot=64", "--out", "x.npy"], "slots are numbered 0 to 63"),
        (["interpolate", "RUN", "--corners", "0,1,2", "--out", "x.npy"], "expected four seeds"),
        (["interpolate", "RUN", "--corners", "a,b,c,d", "--out", "x.npy"], "expected four seeds"),
        (["nearest", "RUN", "--neighbours", "9999"], "cannot find 9999 neighbours"),
        (["nearest", "RUN", "none.npy"], "none.npy"),
    ],
)
def test_a_wrong_request(
    ganvas: Ganvas,
    memory: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(photos.parent)
    places = {"RUN": str(memory), "X": str(photos)}
    said = ganvas(*[places.get(word, word) for word in words])
    assert said.code == 2
    assert complaint in said.error
    assert {path.name for path in photos.parent.iterdir()} == {photos.name}
