"""Graphs of the user's own: arrays in one .npz file, or tables of links and nodes as .csv."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.data.graph_laws import graph_collection, one_hot
from ganvas.data.graphs import tidy
from ganvas.data.items import (
    Collection,
    class_order,
    encode_labels,
    refuse_huge,
    require_several,
)
from ganvas.errors import UsageError

AnyArray = npt.NDArray[Any]
Words = npt.NDArray[np.str_]

LINK_KEYS = ("links", "edges", "edge_index")
LINKS, NODES = "links.csv", "nodes.csv"
LABEL = "label"
ANONYMOUS = 8192
"""Nodes without features are told apart by one number each, up to so many."""


def is_graph(path: Path, told: bool = False) -> bool:
    """Tell whether a folder or file holds tables of a graph, by its name or because it is told."""
    if not path.is_file():
        return (path / LINKS).is_file()
    return path.name.lower() == LINKS or (told and path.suffix.lower() == ".csv")


def graph_of(
    path: Path, links: AnyArray, features: AnyArray | None, label: AnyArray | None
) -> Collection:
    """Return the graph of arrays.

    Args:
        path: where they come from, for messages.
        links: pairs of node numbers, (E, 2) or (2, E), in any order and direction.
        features: (N, F) finite numbers; None: each node is known by its number alone.
        label: class of each node, (N,), or None.

    Raises:
        UsageError: a shape, a type or a number is wrong.
    """
    if links.dtype.kind not in "iu" or links.ndim != 2 or 2 not in links.shape:
        raise UsageError(
            f"{path}: links are {links.dtype} of shape {links.shape}; expected pairs of node "
            "numbers, whole numbers of shape (E, 2) or (2, E)."
        )
    ends = links if links.shape[1] == 2 else links.T
    if features is None:
        features = _anonymous(path, int(ends.max(initial=-1)) + 1)
    elif features.ndim != 2 or features.dtype.kind not in "biuf" or not features.shape[1]:
        raise UsageError(
            f"{path}: the nodes' features are {features.dtype} of shape {features.shape}; expected "
            "numbers of shape (nodes, features)."
        )
    elif not (finite := np.isfinite(features).all(axis=1)).all():
        raise UsageError(
            f"{path}: the features of node {int(np.argmin(finite))} are not finite numbers; put "
            "0 where one is not known."
        )
    refuse_huge(f"{path}: a node", features)
    nodes = len(features)
    require_several(str(path), nodes)
    if label is None:
        classes, names = {"train": None}, ()
    elif label.shape != (nodes,):
        raise UsageError(f"{path}: labels have shape {label.shape}; expected ({nodes},).")
    else:
        classes, names = encode_labels({"train": [str(one) for one in label.tolist()]})
    try:
        pairs = tidy(ends, nodes)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    if not len(pairs):
        raise UsageError(
            f"{path} holds no links between different nodes; there is nothing to learn."
        )
    return graph_collection(path.stem, features.astype(np.float32), classes["train"], pairs, names)


def read_tables(path: Path) -> Collection:
    """Read a folder with ``links.csv`` and, if it is there, ``nodes.csv``; or a table of links.

    Both have a header. A row of links begins with the names of two nodes. A row of nodes begins
    with the node's name; a column ``label`` is its class, all others are its features. Without a
    table of nodes there are those that have links, and nothing else is known of them.

    Raises:
        UsageError: a table cannot be read, or does not fit the other.
    """
    folder = path if path.is_dir() else None
    _, ends = _table(path if folder is None else folder / LINKS)
    if ends.shape[1] < 2:
        raise UsageError(f"{path}: a table of links has two columns of node names, not one.")
    table = None if folder is None else folder / NODES
    if table is None or not table.is_file():
        names = np.array(class_order(ends[:, :2].ravel().tolist()))
        return graph_of(path, _places(path, ends[:, :2], names), None, None)
    header, rows = _table(table)
    columns = [c for c in range(1, len(header)) if header[c] != LABEL]
    try:
        features = rows[:, columns].astype(np.float64) if columns else None
    except ValueError as error:
        raise UsageError(f"{table}: features must be numbers: {error}.") from None
    if features is None:
        features = _anonymous(table, len(rows))
    label = rows[:, header.index(LABEL)] if LABEL in header else None
    return graph_of(path, _places(path, ends[:, :2], rows[:, 0]), features, label)


def _table(path: Path) -> tuple[list[str], Words]:
    """Return the header and the rows of a .csv file, spaces around words removed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it is empty, which is said below
            words: Words = np.loadtxt(path, np.str_, delimiter=",", ndmin=2, comments=None)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read as a table of comma-separated values: {error}."
        ) from None
    if len(words) < 2:
        raise UsageError(f"{path} holds a header at most; expected rows below it.")
    words = np.char.strip(words)
    return words[0].tolist(), words[1:]


def _places(path: Path, ends: Words, names: Words) -> npt.NDArray[np.int64]:
    """Return the numbers of the named nodes (E, 2)."""
    order = np.argsort(names)
    ordered = names[order]
    if (twice := ordered[1:] == ordered[:-1]).any():
        raise UsageError(f"{path}: node '{ordered[1:][twice][0]}' has two rows in {NODES}.")
    place = np.minimum(np.searchsorted(ordered, ends), len(ordered) - 1)
    if (unknown := ordered[place] != ends).any():
        raise UsageError(
            f"{path}: a link names node '{ends[unknown][0]}', which has no row in {NODES}."
        )
    return order[place]


def _anonymous(path: Path, nodes: int) -> npt.NDArray[np.float32]:
    if nodes > ANONYMOUS:
        raise UsageError(
            f"{path} tells nothing of its {nodes:,} nodes; one number for each is too much from "
            f"{ANONYMOUS:,} on: give features, even random ones, of shape (nodes, features)."
        )
    return one_hot(nodes)
