"""Graphs made from a formula, the same on every machine: papers that cite, and plain blocks.

Both are drawn once from a fixed seed. Links are independent: i and j are linked with probability
1 − exp(−λ_ij), and the rates λ are known, so that the best possible prediction is known as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ganvas.data.domains.links import Links
from ganvas.data.graphs import Pairs
from ganvas.data.items import Collection, Items
from ganvas.errors import UsageError, did_you_mean
from ganvas.slices import slices

Float = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Rates = Callable[[Index, Index], Float]
"""λ of nodes i and j, broadcast against one another."""

SEED = 2018
SPACE = 5
"""Coordinates of the space of topics."""
ROWS = 256
"""Rows of the matrix of rates that are held at a time."""


@dataclass(frozen=True, eq=False)
class GraphLaw:
    """A graph drawn from known rates.

    Attributes:
        name: the data set's name.
        features: of each node, (N, F) float32.
        label: community of each node, (N,) int64.
        communities: their names.
        links: drawn links (E, 2), i < j.
        rates: λ of pairs of nodes.
    """

    name: str
    features: npt.NDArray[np.float32]
    label: Index
    communities: tuple[str, ...]
    links: Pairs
    rates: Rates

    @property
    def collection(self) -> Collection:
        """The graph as a data set."""
        return graph_collection(self.name, self.features, self.label, self.links, self.communities)

    def rate(self, pairs: Pairs) -> Float:
        """Return λ of each pair (M, 2): the best score by which links can be predicted."""
        return self.rates(pairs[:, 0], pairs[:, 1])


def graph_collection(
    name: str,
    features: npt.NDArray[np.float32],
    label: Index | None,
    links: Pairs,
    class_names: tuple[str, ...],
) -> Collection:
    """Return a graph as a data set: features (N, F), classes (N,) or none, and links (E, 2)."""
    fields = {"x": features, "label": label, "links": links}
    items = Items(fields, loose=frozenset({"links"}))
    return Collection(name, {"train": items}, class_names, "graph", {"links": Links()})


def citation(
    nodes: int = 2000, links: int = 5000, words: int = 500, topics: int = 7, seed: int = SEED
) -> GraphLaw:
    """Return a graph of papers: sparse, with topics, few often cited, described by their words.

    Papers p and words q are points on the unit sphere of R⁵. The topics' centres are uniform on
    it; a paper of topic c lies in the direction of centre_c + 0.3 ε, ε ~ N(0, I). How often it is
    cited goes by its weight w = u^(−0.4), u ~ U(0, 1), a power law, cut at 10.

        λ_ij ∝ w_i w_j exp(20 ⟨p_i, p_j⟩), adding up to ``links``.

    A paper holds word v with probability 1 − exp(−18 s_iv), where the shares s_iv of its words
    are ∝ exp(5 ⟨p_i, q_v⟩) / v^0.8: some words are common, all belong to a direction.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    centres = _unit(rng.standard_normal((topics, SPACE)))
    label = np.sort(rng.integers(topics, size=nodes))
    place = _unit(centres[label] + 0.3 * rng.standard_normal((nodes, SPACE)))
    weight = np.minimum((1 - rng.random(nodes)) ** -0.4, 10.0)

    def relative(i: Index, j: Index) -> Float:
        nearness = np.einsum("...k,...k->...", place[i], place[j])
        return weight[i] * weight[j] * np.exp(20 * (nearness - 1))

    rates = _scaled(relative, nodes, links)
    direction = _unit(rng.standard_normal((words, SPACE)))
    usage = np.exp(5 * place @ direction.T) / np.arange(1, words + 1) ** 0.8
    holds = 1 - np.exp(-18 * usage / usage.sum(axis=1, keepdims=True))
    features = (rng.random((nodes, words)) < holds).astype(np.float32)
    names = tuple(f"topic {k}" for k in range(topics))
    return GraphLaw("citation", features, label, names, _drawn(rates, nodes, rng), rates)


def blocks(
    nodes: int = 1000, count: int = 10, inside: float = 14.0, outside: float = 2.0, seed: int = SEED
) -> GraphLaw:
    """Return a stochastic block model: ``count`` equal blocks, and nothing but links to tell them.

    A node has on average ``inside`` links within its block and ``outside`` to all others; its
    features are its own number, one-hot.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    label = np.arange(nodes) * count // nodes
    size = nodes / count
    within, between = inside / (size - 1), outside / (nodes - size)

    def rates(i: Index, j: Index) -> Float:
        return np.where(label[i] == label[j], within, between)

    names = tuple(f"block {k}" for k in range(count))
    return GraphLaw("blocks", one_hot(nodes), label, names, _drawn(rates, nodes, rng), rates)


def one_hot(nodes: int) -> npt.NDArray[np.float32]:
    """Return the features of nodes of which nothing is known but which they are, (N, N)."""
    return np.eye(nodes, dtype=np.float32)


_LAWS: dict[str, Callable[[], GraphLaw]] = {"citation": citation, "blocks": blocks}

GRAPH_NAMES: tuple[str, ...] = tuple(_LAWS)
"""Names of all graphs that are made."""


@cache
def graph_law(name: str) -> GraphLaw:
    """Return the graph called ``name``.

    Raises:
        UsageError: none has this name.
    """
    if name not in _LAWS:
        raise UsageError(
            f"There is no graph '{name}'.{did_you_mean(name, GRAPH_NAMES)} "
            f"The graphs are {', '.join(GRAPH_NAMES)}."
        )
    return _LAWS[name]()


def _scaled(rates: Rates, nodes: int, links: int) -> Rates:
    """Return the rates times the factor by which they add up to so many links."""
    total = sum(float(rate.sum()) for _, _, rate in _above_diagonal(rates, nodes))
    factor = links / total

    def scaled(i: Index, j: Index) -> Float:
        return factor * rates(i, j)

    return scaled


def _drawn(rates: Rates, nodes: int, rng: np.random.Generator) -> Pairs:
    """Return the pairs that are linked, each with probability 1 − exp(−λ)."""
    found: list[Pairs] = []
    for i, j, rate in _above_diagonal(rates, nodes):
        linked = rng.random(len(rate)) < -np.expm1(-rate)
        found.append(np.stack([i[linked], j[linked]], axis=1))
    return np.concatenate(found)


def _above_diagonal(rates: Rates, nodes: int) -> Iterator[tuple[Index, Index, Float]]:
    """Give all pairs i < j and their rates, some rows at a time."""
    columns = np.arange(nodes)
    for part in slices(nodes, ROWS):
        rows = columns[part, None]
        rate = rates(rows, columns[None])
        above = rows < columns
        at, j = np.nonzero(above)
        yield at + part.start, j, rate[above]


def _unit(x: Float) -> Float:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
