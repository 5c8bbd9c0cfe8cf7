"""A saved model of a graph: codes, chances of links, and the links that a graph lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganvas.abilities.predict import missing_links
from ganvas.data.graph_laws import citation
from ganvas.data.graph_source import GraphSource
from ganvas.data.items import Items
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.games.svgae import SVGAE, SVGAEConfig
from ganvas.model import CannotError, Model, load, save_model
from ganvas.play import build

NODES = 300  # more than one block of rows


@pytest.fixture
def graph() -> Items:
    return GraphSource(citation(NODES, 700, 30, 3).collection, DataSettings(source="papers")).items(
        "train"
    )


@pytest.fixture
def model(tmp_path: Path, graph: Items) -> Model:
    source = GraphSource(citation(NODES, 700, 30, 3).collection, DataSettings(source="papers"))
    save_model(tmp_path, build(SVGAE, SVGAEConfig(), source.spec, 0))
    card = (tmp_path / "README.md").read_text()
    assert "300 nodes of a graph with 30 features" in card
    assert "model.encode(x, links=links)" in card
    return load(tmp_path, device="cpu")


def test_chances_are_those_of_the_codes(model: Model, graph: Items) -> None:
    assert model.capabilities == ("encode", "predict")
    z = model.encode(graph.x, links=graph["links"])
    assert z.shape == (NODES, 16)
    assert "links" in graph
    pairs = np.array([[3, 7], [9, 9], [299, 0]])
    chances = model.predict(graph.x, links=graph["links"], pairs=pairs)
    products = (z[pairs[:, 0]] * z[pairs[:, 1]]).sum(1)
    assert chances == pytest.approx(1 / (1 + np.exp(-products)), abs=1e-6)


def test_direction_and_order_of_links_do_not_matter(model: Model, graph: Items) -> None:
    assert "links" in graph
    turned = graph["links"][::-1, ::-1]
    again = np.concatenate([turned, graph["links"]])
    assert model.encode(graph.x, links=again) == pytest.approx(
        model.encode(graph.x, links=graph["links"]), abs=1e-6
    )


def test_missing_links_are_the_likeliest_of_all_others(model: Model, graph: Items) -> None:
    assert "links" in graph
    z = model.encode(graph.x, links=graph["links"])
    odds = z @ z.T
    odds[np.tril_indices(NODES)] = -np.inf
    odds[graph["links"][:, 0], graph["links"][:, 1]] = -np.inf
    best = np.sort(odds.ravel())[::-1][:20]
    pairs, chances = missing_links(model, graph.x, graph["links"], 20)
    assert odds[pairs[:, 0], pairs[:, 1]] == pytest.approx(best, abs=1e-5)
    assert (np.diff(chances) <= 0).all()
    with pytest.raises(UsageError, match="at least 1 pair"):
        missing_links(model, graph.x, graph["links"], 0)


def test_what_does_not_fit_is_said(model: Model, graph: Items) -> None:
    assert "links" in graph
    with pytest.raises(UsageError, match=r"shape \(n, 30\), got \(300, 29\)"):
        model.encode(graph.x[:, 1:], links=graph["links"])
    with pytest.raises(UsageError, match="give links"):
        model.encode(graph.x)
    with pytest.raises(UsageError, match="pair 0 names the nodes 0 and 300"):
        model.predict(graph.x, links=graph["links"], pairs=np.array([[0, 300]]))
    with pytest.raises(UsageError, match="give pairs"):
        model.predict(graph.x, links=graph["links"])
    with pytest.raises(CannotError, match="has no 'sample'; it has: encode, predict"):
        model.sample(1)
