"""A graph is served whole, with links held out that training never sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.data.check import check_data
from ganvas.data.feed import Feed
from ganvas.data.graphs import HeldOut, tidy
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError

LINKS = [[0, 1], [1, 0], [2, 1], [3, 3], [3, 4], [4, 0]]


def opened(path: str | Path, **settings: object) -> Source:
    return open_data(DataSettings.model_validate({"source": str(path), **settings}))


def write(path: Path, **arrays: object) -> Path:
    np.savez(path, **{key: np.array(value) for key, value in arrays.items()})
    return path


def numbers(pairs: np.ndarray) -> set[int]:
    return set((pairs[:, 0] * 10_000 + pairs[:, 1]).tolist())


def test_splits_are_disjoint_and_the_same_every_time() -> None:
    source = opened("citation", hold_out=0.1)
    whole = opened("citation").items("train")["links"]
    train = source.items("train")["links"]
    parts = [numbers(train)]
    none: list[set[int]] = []
    for held in (HeldOut.of(source.items(split)) for split in source.splits[1:]):
        half = len(held.pairs) // 2
        assert held.linked.sum() == half
        assert held.linked[:half].all()
        assert held.rates is not None
        assert held.rates[:half].mean() > held.rates[half:].mean()
        parts.append(numbers(held.pairs[:half]))
        none.append(numbers(held.pairs[half:]))
        assert not none[-1] & numbers(whole)
    assert set.union(*parts) == numbers(whole)
    assert sum(map(len, parts)) == len(whole)
    assert not none[0] & none[1]
    assert source.splits == ("train", "validation", "test")
    again = opened("citation", hold_out=0.1).items("test")
    assert (again["pairs"] == source.items("test")["pairs"]).all()
    assert opened("citation").splits == ("train",)


def test_every_batch_is_the_whole_graph() -> None:
    source = opened("blocks")
    feed = Feed(source, batch=64, seed=0)
    one, two = feed.next(n=1000), feed.next(n=1000)
    graph = source.items("train")
    assert torch.equal(one.x, torch.eye(1000))
    assert "links" in one
    assert (one["links"].numpy() == graph["links"]).all()
    assert (one["label"].numpy() == graph["label"]).all()
    assert torch.equal(one.x, two.x)
    assert (source.spec.kind, source.spec.shape, source.spec.size) == ("graph", (1000,), 1000)
    with pytest.raises(UsageError, match=r"graph of 1,000 nodes.*Train a system for graphs"):
        feed.next()


def test_features_come_in_units_of_their_size(tmp_path: Path) -> None:
    x = np.array([[0, 3.0], [4.0, 0], [0, 0], [0, -5.0], [0, 0]])
    path = write(tmp_path / "g.npz", x=x, links=LINKS, y=[*"abbaa"])
    domain = opened(path).spec.domain
    assert domain.encode(x).square().sum() / 3 == pytest.approx(1)
    assert domain.decode(domain.encode(x)) == pytest.approx(x)
    assert opened(path, standardise=False).spec.domain.encode(x).numpy() == pytest.approx(x)
    domain.save(x, tmp_path / "x.png")
    domain.save(x, tmp_path / "x.npy")
    assert (np.load(tmp_path / "x.npy") == x).all()


@pytest.mark.parametrize("key", ["links", "edges", "edge_index"])
@pytest.mark.parametrize("turned", [False, True])
def test_arrays_of_a_graph(tmp_path: Path, key: str, turned: bool) -> None:
    links = np.array(LINKS).T if turned else np.array(LINKS)
    path = write(tmp_path / "g.npz", features=np.eye(5), labels=[*"abbaa"], **{key: links})
    graph = opened(path).items("train")
    assert (graph["links"] == tidy(LINKS, 5)).all()
    assert "label" in graph
    assert graph["label"].tolist() == [0, 1, 1, 0, 0]
    assert opened(path, labels=False).spec.classes == 0


def test_without_features_a_node_is_its_number(tmp_path: Path) -> None:
    graph = opened(write(tmp_path / "g.npz", links=LINKS)).items("train")
    assert (graph.x == np.eye(5)).all()


def test_tables_of_links_and_nodes(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("source,target\nx, y\ny,z\nz,z\ny,x\n")
    alone = opened(tmp_path / "links.csv").items("train")
    assert "links" in alone
    assert alone["links"].tolist() == [[0, 1], [1, 2]]
    assert opened(tmp_path).spec.shape == (3,)
    (tmp_path / "nodes.csv").write_text("node,f,label,g\nz,0.5,1,2\nx,1,2,0\ny,0,1,0\nq,1,1,1\n")
    source = opened(tmp_path)
    graph = source.items("train")
    assert graph.x.tolist() == [[0.5, 2], [1, 0], [0, 0], [1, 1]]
    assert "links" in graph
    assert graph["links"].tolist() == [[0, 2], [1, 2]]
    assert source.spec.class_names == ["1", "2"]
    report = check_data(str(tmp_path))
    assert (report.kind, report.links, report.dim) == ("graph", 2, 2)
    assert "1 nodes have no link" in report.text()


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"links": [[0.5, 1]]}, "links are float64 of shape"),
        ({"links": [[0, 1, 2]]}, "expected pairs of node numbers"),
        ({"links": [[0, 7]], "x": np.eye(3)}, "pair 0 names the nodes 0 and 7; the 3 nodes"),
        ({"links": [[0, 0]], "x": np.eye(3)}, "no links between different nodes"),
        ({"links": [[0, 1]], "x": [1.0, 2.0]}, "expected numbers of shape"),
        ({"links": [[0, 1]], "x": [[1.0], [np.nan]]}, "features of node 1 are not finite"),
        ({"links": [[0, 1]], "x": np.eye(2), "y": [1]}, r"labels have shape \(1,\)"),
        ({"links": [[0, 9000]]}, "tells nothing of its 9,001 nodes"),
    ],
)
def test_arrays_that_are_no_graph(
    tmp_path: Path, arrays: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        opened(write(tmp_path / "g.npz", **arrays))


@pytest.mark.parametrize(
    ("links", "nodes", "complaint"),
    [
        ("a\nx\n", None, "two columns of node names"),
        ("a,b\n", None, "a header at most"),
        ("a,b\nx,y\nx\n", None, "cannot be read as a table"),
        ("a,b\nx,y\n", "n,f\nx,1\n", "names node 'y', which has no row in nodes.csv"),
        ("a,b\nx,y\n", "n,f\nx,1\ny,2\nx,3\n", "node 'x' has two rows"),
        ("a,b\nx,y\n", "n,f\nx,red\ny,2\n", "features must be numbers"),
    ],
)
def test_tables_that_are_no_graph(
    tmp_path: Path, links: str, nodes: str | None, complaint: str
) -> None:
    (tmp_path / "links.csv").write_text(links)
    if nodes is not None:
        (tmp_path / "nodes.csv").write_text(nodes)
    with pytest.raises(UsageError, match=complaint):
        opened(tmp_path)


def test_settings_of_images_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"data\.size is for images, but citation holds nodes of a graph"
    ):
        opened("citation", size=8)
