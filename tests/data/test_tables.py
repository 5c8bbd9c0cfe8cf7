"""Tables: names, whole numbers, classes, and one clear line for what is none."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from ganvas.data.catalogue import read
from ganvas.data.check import check_data
from ganvas.data.domains.points import Points
from ganvas.data.frames import arrays_of
from ganvas.data.items import Collection
from ganvas.data.open import open_data
from ganvas.data.readers.table import arranged
from ganvas.data.saving import save_records
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError

RNG = np.random.default_rng(0)


def opened(path: Path, **settings: object) -> Source:
    return open_data(DataSettings.model_validate({"source": str(path), **settings}))


def domain_of(source: Source) -> Points:
    assert isinstance(source.spec.domain, Points)
    return source.spec.domain


def written(tmp_path: Path, text: str, name: str = "mine.csv") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_names_whole_numbers_and_classes(tmp_path: Path) -> None:
    path = written(
        tmp_path, "age, income,label,up\n31,1.5e3,b,True\n\n40,2e3,a,False\n7,0.1,b,True\n"
    )
    source = opened(path)
    domain = domain_of(source)
    assert domain.called == ["age", "income", "up"]
    assert domain.whole == [True, False, True]
    train = source.items("train")
    assert train.x.tolist() == [[31, 1500, 1], [40, 2000, 0], [7, 0.1, 1]]
    assert source.spec.class_names == ["a", "b"]
    assert train["label"].tolist() == [1, 0, 1]


def test_a_table_without_names(tmp_path: Path) -> None:
    source = opened(written(tmp_path, "1;2.5\n3;4.5\n"))
    assert source.items("train").x.tolist() == [[1, 2.5], [3, 4.5]]
    assert domain_of(source).called == []
    assert opened(written(tmp_path, "a\tb\n1\t2\n3\t4\n", "mine.tsv")).spec.domain.names == [
        "a",
        "b",
    ]


def test_the_index_that_data_frames_write_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ganvas"):
        source = opened(written(tmp_path, ",a,b\n0,5,6.5\n1,7,8.5\n2,9,1.5\n"))
    assert source.spec.domain.names == ["a", "b"]
    assert source.items("train").x.tolist() == [[5, 6.5], [7, 8.5], [9, 1.5]]
    assert "only counts the rows" in caplog.text
    other = opened(written(tmp_path, ",a\n4,5\n1,7\n"))
    assert other.spec.domain.names == ["column 1", "a"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_samples_are_written_as_they_were_read(tmp_path: Path, suffix: str, kind: type) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    points = RNG.normal(size=(500, 3)).astype(kind)
    points[:, 1] = np.rint(10 * points[:, 1])
    domain = Points.around(points, "columns").model_copy(
        update={"called": ["a", "b c", 'd"e,f'], "whole": [False, True, False]}
    )
    path = tmp_path / f"out{suffix}"
    domain.save(points, path)
    again = opened(path)
    assert domain_of(again).called == domain.called
    assert domain_of(again).whole == domain.whole
    assert (again.items("train").x.astype(kind) == points).all()
    nameless = domain.model_copy(update={"called": [], "whole": []})
    nameless.save(points, path)
    assert opened(path).spec.domain.names == ["x0", "x1", "x2"]


def test_classes_are_a_column_of_the_table(tmp_path: Path) -> None:
    path = written(tmp_path, "age,label,income\n31,b,1.5\n40,a,2.5\n")
    source = opened(path)
    save_records(source.items("train"), source.spec.fields, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "age,income,label\n31,1.5,b\n40,2.5,a\n"
    again = opened(tmp_path / "out.csv").spec
    assert again.fields == source.spec.fields


def test_names_survive_npz(tmp_path: Path) -> None:
    names, whole = np.array(["a", "b"]), np.array([True, False])
    points = RNG.normal(size=(9, 2)).round()
    np.savez(tmp_path / "mine.npz", x=points, columns=names, whole=whole)
    domain = domain_of(opened(tmp_path / "mine.npz"))
    assert (domain.called, domain.whole) == (["a", "b"], [True, False])
    np.savez(tmp_path / "mine.npz", x=points, columns=names[:1])
    with pytest.raises(UsageError, match="expected a name for each column"):
        opened(tmp_path / "mine.npz")


def test_two_columns_are_points_unless_they_are_told_to_be_links(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n0,1\n1,2\n2,0\n")
    assert opened(path).spec.kind == "points"
    assert opened(path, links=True).spec.kind == "graph"
    assert opened(written(tmp_path, "a,b\nx,y\ny,z\n", "links.csv")).spec.kind == "graph"
    with pytest.raises(UsageError, match=r"data\.links=true, or call the file links\.csv"):
        opened(written(tmp_path, "a,b\nx,y\ny,z\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "no samples"),
        ("a,b\n1,2\n", "a single sample"),
        ("a,b\n1,2\n3\n", "line 3: expected 2 values with ',' between"),
        ("a,b\n1,2\n3,4,5\n", "line 3: expected 2 values"),
        ("a,b\n1,2\n\n3,\n", "line 4: column 'b' has no value."),
        ("a,b\n1,2\n3,NaN\n", r"line 3: column 'b' has no value \('NaN'\)"),
        ("1,2\n3,n/a\n", r"line 2: column 2 has no value \('n/a'\)"),
        ("a,b\n1,inf\n3,4\n", "line 2: column 'b' holds 'inf', which is no finite number"),
        ("sex,b\nmale,2\nfemale,4\n", "line 2: column 'sex' holds 'male'"),
        ("a,b\n1,1e300\n3,4\n", "give them in a larger unit"),
        ("a,a\n1,2\n3,4\n", "has two columns 'a'"),
        ("label\nx\ny\n", "no column beside 'label'"),
        ("a,label\n1,x\n2,\n", "line 3: column 'label' is empty"),
        ("a;b\n1,5;2\n2;3\n", "column 'a' holds '1,5'"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        opened(written(tmp_path, text))


def test_other_encodings_and_endless_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes("größe,b\n1,2\n3,4\n".encode("latin-1"))
    with pytest.raises(UsageError, match="not UTF-8"):
        opened(path)
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4\r\n")  # as spreadsheets save it
    assert opened(path).spec.domain.names == ["a", "b"]
    monkeypatch.setattr("ganvas.data.readers.csv_table.LONGEST", 100)
    path.write_text("a" * 1000)
    with pytest.raises(UsageError, match="a line of more than 100 characters"):
        opened(path)


def test_rows_are_read_a_part_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = RNG.normal(size=(101, 2))
    domain = Points.around(points, None)
    domain.save(points, tmp_path / "mine.csv")
    monkeypatch.setattr("ganvas.data.readers.csv_table.CELLS", 20)
    assert (opened(tmp_path / "mine.csv").items("train").x == points).all()


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    known = read(DataSettings(source=str(written(tmp_path, "b,a,c\n1,2.5,3\n4,5.5,6\n"))))
    mine = arranged(known, ["a", "b"])
    assert mine.splits["train"].x.tolist() == [[2.5, 1], [5.5, 4]]
    assert mine.details == {"called": ["a", "b"], "whole": [False, True]}
    with pytest.raises(UsageError, match="has no column 'aa', which the model was trained with"):
        arranged(known, ["aa", "b"])


# ---- in memory ----------------------------------------------------------------------------------


class Frame:
    """What all libraries' data frames have in common."""

    def __init__(self, **columns: object) -> None:
        self.columns = list(columns)
        self._data = columns

    def __getitem__(self, name: str) -> object:
        return self._data[name]


def collected(data: object) -> Collection:
    source = open_data(DataSettings(source="data.npz"), arrays_of(data))
    domain = domain_of(source)
    details = {"called": domain.called, "whole": domain.whole}
    train = source.items("train")
    return Collection("data", {"train": train}, tuple(source.spec.class_names), details=details)


MIXED = {"n": np.array([3, 5, 8]), "f": np.array([0.5, 2.0, 1.0]), "label": ["u", "v", "u"]}


def libraries() -> list[str]:
    return ["none", "pandas", "polars", "pyarrow"]


@pytest.mark.parametrize("library", libraries())
def test_data_frames_of_any_library(library: str) -> None:
    if library == "none":
        frame: object = Frame(**MIXED)
    else:
        module = pytest.importorskip(library)
        make = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "table"}[library]
        frame = getattr(module, make)(MIXED)
    found = collected(frame)
    assert found.splits["train"].x.tolist() == [[3, 0.5], [5, 2.0], [8, 1.0]]
    assert found.splits["train"]["label"].tolist() == [0, 1, 0]
    assert found.class_names == ("u", "v")
    assert found.details == {"called": ["n", "f"], "whole": [True, False]}


def test_structured_arrays_lists_and_mappings() -> None:
    rows = np.array([(1, 0.5), (2, 1.5)], [("n", "i4"), ("f", "f4")])
    found = collected(rows)
    assert found.details == {"called": ["n", "f"], "whole": [True, False]}
    assert found.splits["train"].x.tolist() == [[1, 0.5], [2, 1.5]]
    assert collected([[1.0, 2], [3, 4.5]]).splits["train"].x.tolist() == [[1, 2], [3, 4.5]]
    labelled = collected({"x": RNG.normal(size=(3, 2)), "y": ["a", "b", "a"]})
    assert labelled.class_names == ("a", "b")


def test_images_in_memory() -> None:
    pictures = RNG.integers(0, 256, (5, 4, 3, 3), dtype=np.uint8)
    source = open_data(DataSettings(source="data.npz"), arrays_of(pictures))
    assert (source.items("train").x == pictures).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Frame(a=[1.0, 2.0], b=[1.0, np.nan]), r"data, row 1: column 'b' has no value \('nan'\)"),
        (Frame(a=[1, 2], b=np.array([1, None], object)), "data, row 1: column 'b' has no value"),
        (Frame(a=[1, 2], b=["x", "y"]), "column 'b' is of type <U1"),
        (Frame(a=np.array(["2020", "2021"], "M8[Y]")), "column 'a' is of type datetime64"),
        (Frame(label=["x", "y"]), "no column of numbers beside 'label'"),
        (np.array([[1.0, np.nan], [2, 3]]), "first in row 0, column 1"),
        ({"x": object()}, "are no numbers: give a file"),
        (object(), "are no numbers: give a file"),
        ([[1, 2], [3]], "are no array"),
    ],
)
def test_what_is_no_data(data: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        collected(data)


# ---- Parquet ------------------------------------------------------------------------------------


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "mine.parquet"
    table = arrow.table({"n": [1, 2, 3], "f": [0.5, 1.5, 2.0], "label": ["a", "b", "a"]})
    parquet.write_table(table, path, row_group_size=2)
    source = opened(path)
    assert (domain_of(source).called, domain_of(source).whole) == (["n", "f"], [True, False])
    assert source.items("train").x.tolist() == [[1, 0.5], [2, 1.5], [3, 2]]
    assert source.items("train")["label"].tolist() == [0, 1, 0]
    for columns, message in (
        ({"a": [1, None]}, "row 1: column 'a' has no value"),
        ({"a": ["x", "y"]}, "column 'a' is of type string"),
    ):
        parquet.write_table(arrow.table(columns), path)
        with pytest.raises(UsageError, match=message):
            opened(path)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(UsageError, match="cannot be read as a Parquet file"):
        opened(path)


def test_the_install_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(
        UsageError, match=r"needs the 'pyarrow' package: pip install 'ganvas\[tables\]'"
    ):
        opened(written(tmp_path, "", "mine.parquet"))


# ---- ganvas data --------------------------------------------------------------------------------


def warnings_of(tmp_path: Path, **columns: np.ndarray) -> list[str]:
    path = tmp_path / "mine.npz"
    names = np.array(list(columns))
    np.savez(path, x=np.stack(list(columns.values()), 1), columns=names)
    return check_data(str(path)).warnings


def test_what_may_spoil_training_is_said(tmp_path: Path) -> None:
    plain = RNG.normal(size=5000)
    far = plain.copy()
    far[7] = 1e3
    found = warnings_of(
        tmp_path,
        wide=1e4 * plain,
        narrow=plain,
        far=far,
        same=np.full(5000, 0.1),
        id=np.arange(5000.0),
    )
    assert [line.partition(":")[0] for line in found] == [
        "all rows have the same number in same",
        "scales differ 10,000-fold (wide",
        "numbers far out in far (far",
        "id only counts the rows",
    ]
    assert not warnings_of(tmp_path, a=plain, b=5 * plain, c=np.exp(plain / 2))


def test_the_report_lists_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "age,income\n20,1000\n40,3000\n")
    text = check_data(str(path)).text()
    assert "age: 20 to 40, mean 30, spread 10" in text
    with pytest.raises(UsageError, match="line 2: column 'income' has no value"):
        check_data(str(written(tmp_path, "age,income\n20,\n")))
