"""Features with tags: pairs of items, split by item, and words that are known by a vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganvas.data.check import check_data
from ganvas.data.feed import Feed
from ganvas.data.fingerprint import fingerprint
from ganvas.data.open import open_data
from ganvas.data.pairs import PairSource, split_pairs
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.data.tagged import Tagged
from ganvas.data.themes import THEMES, WORDS, item_themes, themes
from ganvas.data.words import Vocabulary, read_words, save_words, vocabulary
from ganvas.errors import UsageError

TAGS = ["red;round", "", "round", "red;blue;blue"]
FEATURES = np.arange(8, dtype=np.float32).reshape(4, 2)
KNOWN = Vocabulary(("blue", "red", "round"), np.eye(3, 5, dtype=np.float32))


@pytest.fixture
def words(tmp_path: Path) -> str:
    save_words(tmp_path / "words.npz", KNOWN)
    return str(tmp_path / "words.npz")


def archive(folder: Path, tags: list[str] = TAGS) -> str:
    np.savez(folder / "photos.npz", features=FEATURES, tags=np.array(tags))
    return str(folder / "photos.npz")


def opened(source: str, words: str | None = None, **settings: object) -> Source:
    told = {"source": source, "words": words, **settings}
    return open_data(DataSettings.model_validate(told))


def test_an_item_with_t_tags_gives_t_pairs(tmp_path: Path, words: str) -> None:
    source = opened(archive(tmp_path), words)
    assert isinstance(source, PairSource)
    assert source.pairs("train").tolist() == [[0, 1], [0, 2], [2, 2], [3, 1], [3, 0]]
    items = source.items("train")
    assert (items["features"] == FEATURES[[0, 0, 2, 3, 3]]).all()
    assert (items.x == KNOWN.vectors[[1, 2, 2, 1, 0]]).all()
    assert source.vocabulary is not None
    assert source.vocabulary.words == KNOWN.words


def test_a_batch_holds_pairs_as_they_are(tmp_path: Path, words: str) -> None:
    source = opened(archive(tmp_path), words)
    batch = Feed(source, batch=5, seed=0).next()
    index = batch["index"].numpy()
    assert sorted(index.tolist()) == list(range(5))
    items = source.items("train")
    x = source.spec.domain.decode(batch.x)
    assert x == pytest.approx(items.x[index], abs=1e-6)
    features = source.spec.fields["features"].decode(batch["features"])
    assert features == pytest.approx(items["features"][index], abs=1e-5)


def test_three_forms_are_one_set(tmp_path: Path, words: str) -> None:
    first = opened(archive(tmp_path), words)
    folder = tmp_path / "photos"
    folder.mkdir()
    np.save(folder / "features.npy", FEATURES)
    lines = ["item,tags", *(f"{row},{tags}" for row, tags in enumerate(TAGS))]
    (folder / "tags.csv").write_text("\n".join(lines) + "\n")
    second = opened(str(folder), words)
    (tmp_path / "other.csv").write_text("tags\n" + "\n".join(TAGS) + "\n")
    third = opened(str(folder / "features.npy"), words, tags=str(tmp_path / "other.csv"))
    assert fingerprint(first) == fingerprint(second) == fingerprint(third)


def test_no_item_is_on_both_sides_of_a_split() -> None:
    source = opened("themes", hold_out=0.1)
    assert isinstance(source, PairSource)
    train, test = (set(source.pairs(split)[:, 0].tolist()) for split in ("train", "test"))
    assert not train & test
    assert (len(train), len(test)) == (3600, 400)
    again = opened("themes", hold_out=0.1)
    assert fingerprint(source) == fingerprint(again)
    # Items without tags are held out of nothing: a share of those that have some is.
    pairs = np.array([[2, 0], [5, 0], [5, 1], [9, 1], [11, 0]])
    split = split_pairs(pairs, 0.25)
    assert sorted(np.concatenate(list(split.values())).tolist()) == pairs.tolist()
    assert len(np.unique(split["test"][:, 0])) == 1


def test_words_without_a_vector_are_refused_or_skipped(tmp_path: Path, words: str) -> None:
    source = archive(tmp_path, ["red", "rond", "round", "blue"])
    with pytest.raises(
        UsageError, match=r"photos.npz, row 1: the word 'rond' has no vector.*round"
    ):
        opened(source, words)
    skipped = opened(source, words, skip_unknown=True)
    assert isinstance(skipped, PairSource)
    assert skipped.pairs("train")[:, 0].tolist() == [0, 2, 3]


def test_what_does_not_fit_is_one_line(tmp_path: Path, words: str) -> None:
    with pytest.raises(UsageError, match=r"4 rows of features and 3 of tags"):
        opened(archive(tmp_path, ["red", "red", "red"]), words)
    with pytest.raises(UsageError, match=r"data.words=FILE.npz, which `ganvas words"):
        open_data(DataSettings(source=archive(tmp_path)))
    with pytest.raises(UsageError, match=r"data.words=.*nowhere.npz: there is no such file"):
        opened(archive(tmp_path), str(tmp_path / "nowhere.npz"))
    with pytest.raises(UsageError, match=r"holds no words: .*its arrays: features, tags"):
        opened(archive(tmp_path), archive(tmp_path))
    with pytest.raises(UsageError, match=r"data.size is for images, but .* holds words"):
        opened(archive(tmp_path), words, size=8)
    (tmp_path / "tags.csv").write_bytes(b"tags\nred\nr\xf6t\n")
    np.save(tmp_path / "features.npy", FEATURES)
    with pytest.raises(UsageError, match=r"tags.csv, line 3: not UTF-8"):
        opened(str(tmp_path), words)
    (tmp_path / "tags.csv").write_text("words\nred\n")
    with pytest.raises(UsageError, match=r"a header that names the column 'tags'"):
        opened(str(tmp_path), words)
    np.save(tmp_path / "features.npy", np.array([["a", "b"]]))
    (tmp_path / "tags.csv").write_text("tags\nred\n")
    with pytest.raises(UsageError, match=r"features are <U1 of shape \(1, 2\); expected numbers"):
        opened(str(tmp_path), words)


def test_a_vocabulary_is_refused_where_it_is_none() -> None:
    eye = np.eye(2, dtype=np.float32)
    for names, vectors, told in (
        (["a", "a"], eye, "the word 'a' twice"),
        (["a", "b"], eye * [[1], [0]], "the vector of 'b' is 0"),
        (["a"], eye, "1 words and vectors of shape"),
    ):
        with pytest.raises(UsageError, match=told):
            vocabulary("x.npz", np.array(names), vectors)


def test_words_are_read_as_they_were_written(words: str) -> None:
    again = read_words(Path(words))
    assert again.words == KNOWN.words
    assert (again.vectors == KNOWN.vectors).all()


def test_nearest_words_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    known = vocabulary("", np.array([f"w{i}" for i in range(40)]), rng.standard_normal((40, 7)))
    x = rng.standard_normal((9, 7)).astype(np.float32)
    index, cosines = known.nearest(x, 5)
    v = known.vectors
    every = (x @ v.T) / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(v, axis=1)
    assert (index == np.argsort(-every, axis=1)[:, :5]).all()
    assert cosines == pytest.approx(-np.sort(-every, axis=1)[:, :5], abs=1e-6)
    assert (known.nearest(3 * x, 5)[0] == index).all()
    assert known.nearest(x, 99)[0].shape == (9, 40)


def test_themes_are_known() -> None:
    few, many = themes(10), themes()
    assert isinstance(few, Tagged)
    assert (few.features == many.features[:10]).all()
    assert (few.pairs == many.pairs[many.pairs[:, 0] < 10]).all()
    about = item_themes()
    assert set(about.sum(axis=1).tolist()) == {1, 2}
    assert abs((about.sum(axis=1) == 2).mean() - 0.3) < 0.02
    item, word = many.pairs.T
    assert about[item, word // WORDS].all()  # each tag is a word of a theme of its item
    assert many.vocabulary.words[WORDS].startswith(THEMES[1])
    # Every word's nearest are words of its theme.
    index, _ = many.vocabulary.nearest(many.vocabulary.vectors, WORDS)
    assert (index // WORDS == np.arange(len(many.vocabulary))[:, None] // WORDS).mean() > 0.99


def test_what_is_there_is_told(tmp_path: Path) -> None:
    report = check_data(archive(tmp_path))
    assert (report.kind, report.counts, report.dim) == ("words", {"train": 4}, 2)
    assert report.tags == {"red": 2, "round": 2, "blue": 1}
    assert "1 items have no tag" in report.warnings[0]
    assert check_data("themes").counts == {"train": 4000}
