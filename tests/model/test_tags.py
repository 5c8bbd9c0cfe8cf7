"""Tagging: the words nearest to what a model draws, counted; and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganvas.abilities.tag import draw_words, top_tags
from ganvas.cli.app import run
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.tagged import read_tags
from ganvas.data.themes import themes
from ganvas.data.words import Vocabulary, save_words
from ganvas.games.cgan import CGAN, CGANConfig
from ganvas.model import Model, Provenance, load, save_model
from ganvas.play import build

TOP = 10


def orthonormal(count: int) -> Vocabulary:
    words = tuple(f"w{number:02d}" for number in range(count))
    return Vocabulary(words, np.eye(count, dtype=np.float32))


def test_a_generator_that_says_one_word_is_heard() -> None:
    """Invariant 11: words are orthonormal, the generator emits e_3."""
    known = orthonormal(30)
    e3 = np.eye(30, dtype=np.float32)[3]
    found = top_tags(np.tile(e3, (100, 1)), known)
    assert found[0] == ("w03", 100)
    assert len(found) == TOP
    assert all(count <= 100 for _, count in found)
    scaled = e3 * np.linspace(0.1, 9, 100, dtype=np.float32)[:, None]
    assert top_tags(scaled, known) == found


def test_counts_are_those_of_brute_force_and_ties_are_settled() -> None:
    rng = np.random.default_rng(0)
    known = Vocabulary(orthonormal(50).words, rng.standard_normal((50, 6)).astype(np.float32))
    drawn = rng.standard_normal((100, 6)).astype(np.float32)
    counts, near = dict.fromkeys(known.words, 0), dict.fromkeys(known.words, 0.0)
    for one in drawn:
        cosines = [float(one @ v / np.linalg.norm(one) / np.linalg.norm(v)) for v in known.vectors]
        for at in np.argsort(cosines)[::-1][:20]:
            counts[known.words[at]] += 1
            near[known.words[at]] += cosines[at]
    order = sorted(known.words, key=lambda word: (-counts[word], -near[word], word))
    found = top_tags(drawn, known)
    assert [one.word for one in found] == order[:TOP]
    assert [one.draws for one in found] == [counts[word] for word in order[:TOP]]
    # Equal counts and cosines: by the alphabet.
    pair = Vocabulary(("b", "a"), np.ones((2, 3), np.float32))
    assert [one.word for one in top_tags(np.ones((5, 3), np.float32), pair)] == ["a", "b"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tags")
    source = open_data(DataSettings(source="themes"))
    small = {"kind": "cgan_mlp", "z_width": 4, "y_width": 4, "widths": [], "output": "none"}
    judge = {"kind": "cgan_mlp", "x_width": 4, "y_width": 4, "widths": [4]}
    config = CGANConfig.model_validate(
        {"generator": small, "discriminator": judge, "conditional": ["features"]}
    )
    save_model(folder / "model", build(CGAN, config, source.spec, 0))
    save_words(folder / "words.npz", themes().vocabulary)
    np.save(folder / "features.npy", themes().features[:3])
    return folder


def test_draws_are_those_of_the_model(folder: Path) -> None:
    model = load(folder)
    x = themes().features[:2]
    drawn = draw_words(model, x, draws=5, seed=4)
    assert drawn.shape == (2, 5, 200)
    expected = model.sample(10, seed=4, given={"features": x.repeat(5, 0)}).x
    assert (drawn.reshape(10, 200) == expected).all()
    assert (drawn == draw_words(model, x, draws=5, seed=4)).all()


def test_the_command_writes_a_table_that_is_read_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, raw = folder / "tags.csv", folder / "raw.npy"
    words = ["--words", str(folder / "words.npz")]
    asked = ["tag", str(folder), str(folder / "features.npy"), "--out", str(out), *words]
    assert run([*asked, "--draws", "12", "--top", "4", "--raw", str(raw)]) == 0
    assert "tags of 3 items" in capsys.readouterr().out
    assert np.load(raw).shape == (3, 12, 200)
    lines = out.read_text().splitlines()
    assert lines[0] == "item,tags,counts"
    counts = [int(count) for count in lines[1].split(",")[2].split(";")]
    assert len(counts) == 4
    assert counts == sorted(counts, reverse=True)
    assert max(counts) <= 12
    assert [len(tags) for _, tags in read_tags(out)] == [4, 4, 4]
    again = folder / "again.csv"
    assert run([*asked[:4], str(again), *words, "--draws", "12", "--top", "4"]) == 0
    assert again.read_text() == out.read_text()


def test_what_cannot_be_tagged_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--words", str(folder / "words.npz")]
    np.save(folder / "narrow.npy", np.zeros((2, 7)))
    asked = ["tag", str(folder), str(folder / "narrow.npy"), "--out", str(folder / "t.csv")]
    assert run([*asked, *words]) == 2
    assert "has features of shape (2, 7), and the model was trained on (N, 64)" in (
        capsys.readouterr().err
    )
    assert run([*asked[:4], str(folder / "t.txt"), *words]) == 2
    assert "expected a .csv file" in capsys.readouterr().err
    source = open_data(DataSettings(source="ring8"))
    config = CGANConfig.model_validate({"generator": {"preset": "cganB"}, "conditional": False})
    model = Model(build(CGAN, config, source.spec, 0), Provenance(), "cpu")
    with pytest.raises(Exception, match=r"draws points with 2 coordinates; tags are drawn by"):
        draw_words(model, np.zeros((1, 4)))
