"""The items that a run was trained on, and those that it was not."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ganvas.api.run_data import open_again
from ganvas.data.items import Collection, Items
from ganvas.data.source import REFERENCE, Source
from ganvas.data.spec import AnyArray
from ganvas.metrics.of import measures_of
from ganvas.play import Game
from ganvas.recipes import load_recipe
from ganvas.training.folder import CONFIG, RunFolder

Own = str | type[Game] | None


def training_items(run: str | Path, game: Own = None) -> AnyArray:
    """Return the training items of a run in data units; of endless data, the fixed reference set.

    Of a run of a game of the user's own, ``game`` is that game: ``module:Class`` or the class.

    Raises:
        UsageError: there is no run, or its data are gone.
    """
    return training_records(run, game).x


def training_records(run: str | Path, game: Own = None) -> Items:
    """Return `training_items` with all that is known of them, such as their classes.

    Raises:
        UsageError: there is no run, or its data are gone.
    """
    return _source(run, game).known


def looks(run: str | Path, game: Own, *arrays: AnyArray) -> list[Tensor]:
    """Return what items (N, …) in data units are measured by, (N, F): of images their features.

    Raises:
        UsageError: there is no run, or its data are gone.
    """
    measures = measures_of(_source(run, game))
    return [measures.look(array).features for array in arrays]


def held_out_items(run: str | Path, game: Own = None) -> AnyArray:
    """Return the last split of a run's data: held-out items, or the training items without any.

    Of a run of a game of the user's own, ``game`` is that game: ``module:Class`` or the class.

    Raises:
        UsageError: there is no run, or its data are gone.
    """
    source = _source(run, game)
    return source.items(source.splits[-1]).x


def both_items(run: str | Path, game: Own = None) -> tuple[AnyArray, AnyArray | None]:
    """Return `training_items` and `held_out_items` of a run; None where it holds nothing out.

    Raises:
        UsageError: there is no run, or its data are gone.
    """
    known, held_out = both_records(run, game)
    return known.x, None if held_out is None else held_out.x


def both_records(run: str | Path, game: Own = None) -> tuple[Items, Items | None]:
    """Return what `both_items` does with all fields, such as classes.

    Raises:
        UsageError: there is no run, or its data are gone.
    """
    source = _source(run, game)
    last = source.splits[-1]
    return source.known, None if last in ("train", REFERENCE) else source.items(last)


def labelled_items(run: str | Path, game: Own = None) -> Collection:
    """Return all splits of a run's data with all their fields, also of those trained without.

    Raises:
        UsageError: there is no run, or its data are gone.
    """
    settings = load_recipe(RunFolder.open(run).path / CONFIG, game=game).data
    source = open_again(settings.model_copy(update={"labels": True}))
    last = source.splits[-1]
    held_out = {} if last in ("train", REFERENCE) else {"test": source.items(last)}
    names = tuple(source.spec.class_names)
    return Collection(source.spec.name, {"train": source.known, **held_out}, names)


def _source(run: str | Path, game: Own) -> Source:
    return open_again(load_recipe(RunFolder.open(run).path / CONFIG, game=game).data)
