"""Lines of text: files, vocabulary, units, pictures, and the grammar."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from ganvas.data.catalogue import read
from ganvas.data.check import check_data
from ganvas.data.domains.text import PADDING, UNKNOWN, Text
from ganvas.data.open import open_data
from ganvas.data.procedural.grammar import SENTENCES, Grammar
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError

LINES = ["a bat", "", "naïve", "🦊 at a 🦊"]


def written(folder: Path, content: bytes, name: str = "poem.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def load(path: Path | str, **settings: object) -> Source:
    return open_data(DataSettings.model_validate({"source": str(path), **settings}))


@pytest.fixture
def poem(tmp_path: Path) -> Path:
    return written(tmp_path, "\n".join(LINES).encode())


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_of_a_file_are_items_and_empty_ones_are_not(
    tmp_path: Path, end: str, last: bool, mark: bytes
) -> None:
    text = end.join(LINES) + (end if last else "")
    source = load(written(tmp_path, mark + text.encode()))
    assert source.items("train").x.tolist() == [line for line in LINES if line]
    assert source.spec.kind == "text"
    assert source.spec.domain.described() == "lines of up to 8 of 9 characters"


@pytest.mark.parametrize(
    ("name", "settings"),
    [("notes", {}), ("poem.md", {}), ("table.csv", {"lines": True})],
)
def test_any_file_can_be_text(tmp_path: Path, name: str, settings: dict[str, bool]) -> None:
    path = written(tmp_path, b"1,2\n3,4\n", name)
    assert load(path, **settings).items("train").x.tolist() == ["1,2", "3,4"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("gut\nschön\n".encode("latin-1"), r"poem\.txt, line 2, is no UTF-8 text \(byte 0xf6\)"),
        (b"a\nb\nc\0d\n", r"poem\.txt, line 3, is no UTF-8 text \(byte 0x00\)"),
        (b"\n\n", r"has no line that holds text"),
        (b"", r"has no line that holds text"),
        (b"alone\n", r"holds a single sample"),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load(written(tmp_path, content))


def test_longer_lines_are_refused_cut_or_dropped(poem: Path) -> None:
    with pytest.raises(UsageError) as error:
        load(poem, length=5)
    assert str(error.value) == (
        "poem, line 4, has 8 characters; data.length=5 allows 5 at most. For example: data.long="
        "cut (keeps the first 5), data.long=drop (leaves such lines out) or data.length=8"
    )
    with pytest.raises(UsageError, match=r"poem, line 1, has 5 characters \(and 2 more are too"):
        load(poem, length=4)
    cut, dropped = (load(poem, length=5, long=rule) for rule in ("cut", "drop"))
    assert cut.items("train").x.tolist() == ["a bat", "naïve", "🦊 at "]
    assert dropped.items("train").x.tolist() == ["a bat", "naïve"]
    assert cut.spec.shape[1] == dropped.spec.shape[1] == 5


def test_the_vocabulary_holds_the_most_frequent_characters() -> None:
    lines = np.array(["aaab", "aabbc", "zc"])
    domain = Text.of(lines, DataSettings(source="x", vocabulary=5))
    assert domain.characters == "abc"
    assert domain.shape == (5, 5)
    codes = domain.codes(lines)
    assert codes.tolist() == [[2, 2, 2, 3, 0], [2, 2, 3, 3, 4], [UNKNOWN, 4, 0, 0, 0]]
    assert domain.lines(codes).tolist() == ["aaab", "aabbc", "\ufffdc"]


def test_network_units_are_one_hot_and_back(poem: Path) -> None:
    source = load(poem)
    domain, x = source.spec.domain, source.items("train").x
    units = domain.encode(x)
    assert units.shape == (3, *domain.shape) == (3, 11, 8)
    assert units.dtype == torch.float32
    assert units.sum(1).eq(1).all()
    assert units[0, PADDING].tolist() == [0] * 5 + [1] * 3
    assert domain.decode(units).tolist() == x.tolist()


def test_a_line_ends_with_its_first_padding_and_reading_it_again_changes_nothing() -> None:
    domain = Text(length=6, characters="ab")
    weights = torch.zeros(1, 4, 6)
    for place, sign in enumerate([2, 3, PADDING, 2, 2, UNKNOWN]):
        weights[0, sign, place] = 1
    assert domain.decode(weights).tolist() == ["ab"]
    lines = domain.decode(torch.rand(50, 4, 6, generator=torch.Generator().manual_seed(0)))
    assert domain.decode(domain.encode(lines)).tolist() == lines.tolist()
    assert {len(line) for line in lines.tolist()} > {1, 6}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array(["abc", "abcdefg"]), r"the lines, line 2, has 7 characters; the model's lines"),
        (np.array([1.0, 2.0]), "an array of str"),
        (np.array([["a"]]), "an array of str"),
    ],
)
def test_a_model_refuses_other_items(array: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Text(length=6, characters="ab").check(array)


def test_files_of_samples_are_read_again(tmp_path: Path) -> None:
    lines = np.array(["one, two", "drei", "🦊"])
    domain = Text.of(lines, DataSettings(source="x"))
    for name in ("a.txt", "a.npy", "a.npz"):
        domain.save(lines, tmp_path / name)
        again = read(DataSettings(source=str(tmp_path / name)))
        assert (again.kind, again.splits["train"].x.tolist()) == ("text", lines.tolist())
    domain.save(lines, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text("utf-8").splitlines()[:2] == ["line", '"one, two"']
    with pytest.raises(UsageError, match=r"Cannot save lines as 'a\.png': expected .*\.txt"):
        domain.save(lines, tmp_path / "a.png")


def test_a_preview_shows_every_line_whatever_is_in_it() -> None:
    domain = Text(length=9, characters="ab")
    content, suffix = domain.preview(np.array(["a < b & c", "\x1b[31m", " two  gaps"]))
    assert suffix == ".svg"
    shown = [node.text for node in ElementTree.fromstring(content) if node.tag.endswith("text")]
    assert shown == ["a < b & c", "\ufffd[31m", " two  gaps"]


def test_a_report_tells_of_characters_and_lengths(tmp_path: Path) -> None:
    path = written(tmp_path, b"abc\nab\n" * 60 + b"q" * 40 + b"\n")
    report = check_data(str(path))
    assert (report.kind, report.counts) == ("text", {"train": 121})
    text = report.text()
    assert "characters of a line: 2 to 40, 2.81 in the mean" in text
    assert "different characters: 4, most often 'a' 'b' 'c' 'q'" in text
    assert "different lines: 3" in text
    assert "data.length=3 with data.long=cut or data.long=drop" in text


def test_a_report_says_which_characters_are_seldom(tmp_path: Path) -> None:
    path = written(tmp_path, ("a" * 200 + "\n" + "bcdefgh\n").encode())
    assert (
        "7 of 8 characters come fewer than 100 times: data.vocabulary=3"
        in check_data(str(path)).text()
    )


def test_settings_of_text_are_refused_elsewhere() -> None:
    with pytest.raises(UsageError, match=r"data\.length is for text, but ring8 holds points"):
        load("ring8", length=4)
    with pytest.raises(UsageError, match=r"data\.size is for images, but grammar holds lines"):
        load("grammar", size=4)


def test_the_grammar_draws_its_own_language_and_all_of_it() -> None:
    language = SENTENCES.language()
    assert len(language) == 378
    assert max(map(len, language)) == 16
    assert {"my hen fed a fox", "she sang", "we saw him"} <= language
    splits = read(DataSettings(source="grammar")).splits
    assert {split: len(items) for split, items in splits.items()} == {
        "train": 10_000,
        "test": 2_000,
    }
    known, fresh = (set(splits[split].x.tolist()) for split in ("train", "test"))
    assert known | fresh <= language
    assert len(known) > 0.95 * len(language)
    assert load("grammar").spec.domain.described() == "lines of up to 16 of 20 characters"


def test_alternatives_of_a_rule_are_equally_likely() -> None:
    drawn = Grammar({"line": ("<x><x>", "c"), "x": ("a", "b")}).draw(4000, np.random.default_rng(0))
    shares = {word: drawn.count(word) / 4000 for word in ("c", "aa", "ab", "ba", "bb")}
    assert sum(shares.values()) == 1
    assert shares["c"] == pytest.approx(0.5, abs=0.03)
    assert all(shares[word] == pytest.approx(0.125, abs=0.02) for word in ("aa", "ab", "ba", "bb"))
