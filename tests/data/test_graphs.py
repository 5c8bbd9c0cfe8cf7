"""Links, pairs without one, and graphs made from a formula, against brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.data.graph_laws import GraphLaw, blocks, citation, graph_law
from ganvas.data.graphs import (
    checked,
    degrees,
    split_links,
    tidy,
    unlinked,
    unlinked_rows,
)
from ganvas.errors import UsageError

Set = set[tuple[int, int]]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def as_set(pairs: np.ndarray) -> Set:
    return {(int(i), int(j)) for i, j in pairs}


def some_links(nodes: int = 30, count: int = 60) -> np.ndarray:
    return tidy(rng().integers(nodes, size=(count, 2)), nodes)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6))))
def test_tidy_is_the_set_of_undirected_links(links: list[tuple[int, int]]) -> None:
    found = tidy(np.array(links, np.int64).reshape(-1, 2), 7)
    assert as_set(found) == {(min(pair), max(pair)) for pair in links if pair[0] != pair[1]}
    assert len(found) == len(as_set(found))
    assert (np.diff(found[:, 0] * 7 + found[:, 1]) > 0).all()
    assert degrees(found, 7).sum() == 2 * len(found)


@pytest.mark.parametrize("bad", [[[0, 5]], [[-1, 2]]])
def test_a_node_that_is_not_there_is_named(bad: list[list[int]]) -> None:
    with pytest.raises(UsageError, match=r"pair 0 names the nodes .* numbers 0 to 4"):
        checked(bad, 5)


@pytest.mark.parametrize("bad", [[0, 1], [[0.5, 1.0]], [[0, 1, 2]]])
def test_what_is_no_pair_is_refused(bad: list[float]) -> None:
    with pytest.raises(UsageError, match="expected pairs of node numbers"):
        checked(bad, 5)


def test_splits_part_the_links() -> None:
    links = some_links(60, 400)
    parts = split_links(links, 0.1, rng())
    held = round(0.1 * len(links))
    assert [len(parts[name]) for name in ("test", "validation")] == [held, round(held / 2)]
    sets = [as_set(part) for part in parts.values()]
    assert set.union(*sets) == as_set(links)
    assert sum(map(len, sets)) == len(links)
    assert split_links(links, 0.0, rng()) == {"train": links}


def test_a_split_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"data.hold_out=0.9 leaves none"):
        split_links(some_links(), 0.9, rng())


def test_pairs_without_a_link_are_all_others_and_equally_likely() -> None:
    links, nodes = some_links(6, 8), 6
    others = set(combinations(range(nodes), 2)) - as_set(links)
    assert as_set(unlinked(links, nodes, len(others), rng())) == others
    drawn = [as_set(unlinked(links, nodes, 1, rng(seed))) for seed in range(2000)]
    counts = np.array([sum(pair in one for one in drawn) for pair in others])
    expected = 2000 / len(others)
    assert (((counts - expected) ** 2) / expected).sum() < 3 * len(others)  # χ²: mean n − 1
    listed = np.concatenate(list(unlinked_rows(links, nodes)))
    assert as_set(listed) == others
    assert len(listed) == len(others)


def test_a_graph_too_dense_is_refused() -> None:
    full = np.array(list(combinations(range(5), 2)))
    with pytest.raises(UsageError, match="have 0 pairs without one, fewer than the 1 wanted"):
        unlinked(full, 5, 1, rng())


def all_rates(law: GraphLaw) -> np.ndarray:
    pairs = np.array(list(combinations(range(len(law.features)), 2)))
    return law.rate(pairs)


@pytest.mark.parametrize("law", [citation(200, 600, 60, 4), blocks(200, 4)], ids=lambda x: x.name)
def test_links_are_as_many_as_the_rates_say(law: GraphLaw) -> None:
    chance = 1 - np.exp(-all_rates(law))
    spread = np.sqrt((chance * (1 - chance)).sum())
    assert abs(len(law.links) - chance.sum()) < 4 * spread
    assert as_set(tidy(law.links, 200)) == as_set(law.links)
    linked = law.rate(law.links).mean()
    assert linked > 2 * all_rates(law).mean()


def test_rates_of_papers_add_up_and_prefer_the_cited() -> None:
    law = citation(150, 400, 30, 3)
    assert all_rates(law).sum() == pytest.approx(400)
    assert law.links.shape[1] == 2
    degree = degrees(citation().links, 2000)
    assert degree.max() > 5 * degree.mean()  # few are cited often


def test_words_tell_topics() -> None:
    law = citation(300, 600, 100, 3)
    assert set(np.unique(law.features)) == {0.0, 1.0}
    means = np.stack([law.features[law.label == k].mean(0) for k in range(3)])
    near = ((law.features[:, None] - means) ** 2).sum(-1).argmin(1)
    assert (near == law.label).mean() > 0.8


def test_blocks_have_the_degrees_asked_for() -> None:
    law = blocks(1000, 5, inside=12, outside=3)
    same = law.label[law.links[:, 0]] == law.label[law.links[:, 1]]
    assert 2 * same.sum() / 1000 == pytest.approx(12, rel=0.06)
    assert 2 * (~same).sum() / 1000 == pytest.approx(3, rel=0.1)


def test_a_name_stands_for_the_same_graph_every_time() -> None:
    assert as_set(citation().links) == as_set(graph_law("citation").links)
    assert as_set(citation(seed=1).links) != as_set(citation().links)
    with pytest.raises(UsageError, match="There is no graph 'citations'.*citation"):
        graph_law("citations")
