"""Pictures with attributes as scorers learn them: of any data's tags, classes and numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ganvas.api.run_data import open_again
from ganvas.data.domain import Domain
from ganvas.data.items import Collection, Items
from ganvas.data.source import REFERENCE, Source
from ganvas.errors import UsageError, did_you_mean
from ganvas.metrics.attributes import Labelled, degrees_of
from ganvas.play import Game
from ganvas.recipes import load_recipe
from ganvas.training.folder import CONFIG, RunFolder

Floats = npt.NDArray[np.float64]
WORD = re.compile(r"(?:(?P<name>[^=<>~]+)=)?(?P<field>[^=<>~]+)>(?P<above>[^~]+)(?:~(?P<room>.+))?")


class Attribute(NamedTuple):
    """One attribute of records.

    Attributes:
        name: of it.
        target: (N,) 1 with it, 0 without.
        clear: (N,) where that is beyond doubt.
        degree: (N,) how much of it there is, 0 to 1.
    """

    name: str
    target: Floats
    clear: npt.NDArray[np.bool_]
    degree: Floats


def labelled_splits(run: str | Path, game: str | type[Game] | None = None) -> Source:
    """Return the data of a run with all their fields, also of one trained without them.

    Raises:
        UsageError: there is no run, or its data are gone.
    """
    settings = load_recipe(RunFolder.open(run).path / CONFIG, game=game).data
    return open_again(settings.model_copy(update={"labels": True}))


def labelled_of(
    data: Source | Collection, wanted: Sequence[str] = ()
) -> tuple[Labelled, Labelled | None]:
    """Return the training pictures of data with their attributes, and the held-out ones or None.

    Args:
        data: with fields beside the pictures.
        wanted: attributes: a tag's or a class's name; or NAME=FIELD>VALUE of a field of numbers,
            NAME=FIELD>VALUE~ROOM to leave what is nearer to the value than that out of accuracies.
            Nothing: all tags and classes.

    Raises:
        UsageError: there are none, or not those.
    """
    if isinstance(data, Source):
        domains, last = data.spec.fields, data.splits[-1]
        splits = {"train": data.known}
        if last not in ("train", REFERENCE):
            splits["test"] = data.items(last)
    else:
        domains, splits = data.domains, dict(data.splits)
        if data.class_names:
            domains = {**domains, "label": _classes(data.class_names)}
    train = _labelled(splits["train"], domains, wanted)
    held = splits.get("test")
    return train, None if held is None else _labelled(held, domains, wanted)


def _classes(names: Sequence[str]) -> Domain:
    from ganvas.data.domains.classes import Classes

    return Classes(count=len(names), called=list(names))


def _labelled(items: Items, domains: Mapping[str, Domain], wanted: Sequence[str]) -> Labelled:
    known = {one.name: one for one in _named(items, domains)}
    if not wanted and not known:
        raise UsageError(
            "these data have no tags and no classes: give a folder with a labels.csv, or name an "
            "attribute of a field of numbers, such as --attribute 'old=age>0.5'"
        )
    found = [_read(word, items, domains, known) for word in wanted] or list(known.values())
    return Labelled(
        tuple(one.name for one in found),
        np.asarray(items.x),
        np.stack([one.target for one in found], axis=1),
        np.stack([one.clear for one in found], axis=1),
        np.stack([one.degree for one in found], axis=1),
    )


def _named(items: Items, domains: Mapping[str, Domain]) -> list[Attribute]:
    """Return an attribute for each tag, and for each class of those that have names or numbers."""
    found: list[Attribute] = []
    for field, domain in domains.items():
        if field == items.main or field not in items:
            continue
        array = np.asarray(items[field])
        if domain.several:
            names, columns = list(domain.names), array.T
        elif domain.classes:
            names = list(domain.names) or [str(k) for k in range(domain.classes)]
            columns = np.stack([array == k for k in range(domain.classes)])
            if domain.classes == 2:
                names, columns = names[1:], columns[1:]
        else:
            continue
        sure = np.ones(len(array), np.bool_)
        for name, column in zip(names, columns.astype(np.float64), strict=True):
            found.append(Attribute(name, column, sure, column))
    return found


def _read(
    word: str, items: Items, domains: Mapping[str, Domain], known: Mapping[str, Attribute]
) -> Attribute:
    if word in known:
        return known[word]
    match = WORD.fullmatch(word)
    numbers = [k for k, d in domains.items() if _is_number(d) and k in items]
    if match is None:
        raise UsageError(
            f"--attribute {word}: there is no such tag or class.{did_you_mean(word, known)} There "
            f"are: {', '.join(known) or 'none'}; of numbers, {', '.join(numbers) or 'none'}, such "
            "as old=age>0.5"
        )
    field = match["field"]
    try:
        above, room = float(match["above"]), float(match["room"] or 0)
    except ValueError:
        raise UsageError(f"--attribute {word}: expected NAME=FIELD>VALUE~ROOM") from None
    if field not in numbers:
        raise UsageError(
            f"--attribute {word}: '{field}' is no field of one number."
            f"{did_you_mean(field, numbers)}"
        )
    values = np.asarray(items[field], np.float64)[:, 0]
    target = (values > above).astype(np.float64)
    clear = np.abs(values - above) >= room
    return Attribute(match["name"] or field, target, clear, degrees_of(values, above))


def _is_number(domain: Domain) -> bool:
    return domain.shape == (1,) and not domain.classes and not domain.several
