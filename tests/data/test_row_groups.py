"""Parquet files of images as a stream: a block is a row group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganvas.data.readers.row_groups import index_parquet
from ganvas.data.readers.streamed import read_stream
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource
from ganvas.errors import GanvasError, UsageError
from tests.data.sharded import numbers, picture
from tests.data.test_shards import epoch

arrow: Any = pytest.importorskip("pyarrow")
parquet: Any = pytest.importorskip("pyarrow.parquet")


def write(path: Path, rows: list[int], group: int, names: tuple[str, ...] = ()) -> str:
    """Write images with classes, so many in a row group, as the hub's tables are."""
    cells = [{"bytes": picture(i), "path": f"{i}.png"} for i in rows]
    table = arrow.table({"label": [i % 2 for i in rows], "image": cells})
    if names:
        label = {"_type": "ClassLabel", "names": list(names)}
        about = {"info": {"features": {"image": {"_type": "Image"}, "label": label}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    parquet.write_table(table, path, row_group_size=group)
    return str(path)


def opened(urls: list[str], **settings: Any) -> ArraySource:
    asked = DataSettings(source="hf:set", cache="none", **settings)
    found = index_parquet("hf:set", "set", {"train": urls}, asked)
    return ArraySource(read_stream(found, asked), asked)


def test_each_row_comes_once_an_epoch(tmp_path: Path) -> None:
    urls = [
        write(tmp_path / f"{i}.parquet", list(range(i * 20, (i + 1) * 20)), 6, ("dog", "cat"))
        for i in range(2)
    ]
    source = opened(urls)
    assert source.spec.class_names == ["dog", "cat"]
    train = source.items("train")
    assert numbers(train.x[:]) == list(range(40))
    assert train["label"].tolist() == [i % 2 for i in range(40)]
    assert sorted(epoch(source, 8)) == list(range(40))
    assert epoch(source, 10) == epoch(opened(urls), 5)


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0.parquet"
    parquet.write_table(arrow.table({"words": ["a", "b"]}), path)
    with pytest.raises(UsageError, match=r"0\.parquet has no column of images.*words"):
        opened([str(path)])
    path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"0\.parquet cannot be read"):
        opened([str(path)])
    source = opened([write(path, list(range(8)), 4)])
    write(path, [7, 6, 5, 4, 3, 2, 1, 0], 4)
    with pytest.raises(GanvasError, match=r"0\.parquet, row \d is not what it was"):
        epoch(source, 8)
