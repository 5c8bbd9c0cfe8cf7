"""The data of a run: where they lie now, or others that it is measured against on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganvas.data.catalogue import DATA_NAMES
from ganvas.data.fingerprint import fingerprint
from ganvas.data.frames import NAME, arrays_of
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.data.spec import AnyArray, DataSpec
from ganvas.errors import UsageError, as_they_are, flag, quoted
from ganvas.games import address, is_own
from ganvas.model import Model
from ganvas.play import Game
from ganvas.recipes import Recipe, load_recipe
from ganvas.training.folder import CONFIG, RunFolder

Place = str | Path | None
Own = str | type[Game] | None


@dataclass(frozen=True)
class RunData:
    """A run's recipe, and the data that it is looked at with.

    Attributes:
        folder: of the run.
        recipe: with the place of the data in it.
        source: the data.
        others: whether they are others than those that the run was trained on.
    """

    folder: RunFolder
    recipe: Recipe
    source: Source
    others: bool = False


def open_again(settings: DataSettings, content: Mapping[str, AnyArray] | None = None) -> Source:
    """Open the data of a run that was begun, whose settings stay as they are.

    Raises:
        UsageError: they are not there, or broken by now.
    """
    with as_they_are("A run reads its data as its config.yaml says, in the state it met them."):
        return open_data(settings, content)


def run_data(
    run: str | Path, data: Place = None, against: object = None, game: Own = None
) -> RunData:
    """Open the data of a run.

    Args:
        run: the run folder.
        data: where the run's data lie now; they are known by their fingerprint.
        against: other data, to be measured against in place of the run's own: their place, or what
            `ganvas.data.frames.arrays_of` takes.
        game: the run's game, if it is one of the user's own.

    Raises:
        UsageError: there is no run, the data are not there, or they are not the run's.
    """
    folder = RunFolder.open(run)
    if data is not None and against is not None:
        raise UsageError(
            "--data says where the run's own data lie, --against names others: not both"
        )
    place = against if data is None and isinstance(against, str | Path) else data
    recipe = load_recipe(folder.path / CONFIG, data=place, game=game)
    content = None if against is None or place is not None else arrays_of(against)
    asked = recipe.data if content is None else recipe.data.model_copy(update={"source": NAME})
    source = open_again(asked, content)
    if data is not None:
        _require_same(folder, recipe, source)
    if against is not None:
        _rename(source)
    return RunData(folder, recipe, source, against is not None)


def called_as(spec: DataSpec, source: Source) -> None:
    """Let a run's data that were moved have the name that they had in training.

    Their name stands in the protocol of every score, and the same data have one.
    """
    source.spec = source.spec.model_copy(update={"name": spec.name})


def as_trained(model: Model, source: Source) -> None:
    """Let other data have the units of those that a model was trained on.

    Raises:
        UsageError: they are of another kind or shape, or have other columns or classes.
    """
    mine, known = source.spec.domain, model.domain
    names = ([*mine.names], [*known.names])
    classes = (source.spec.class_names, model.spec.class_names)
    for what, here, there, asked in (
        ("", mine.described(), known.described(), True),
        ("columns ", *names, all(names)),
        ("classes ", *classes, model.conditional),
    ):
        if asked and here != there:
            raise UsageError(
                f"{source.spec.name} holds {what}{here}, and the model was trained on {what}{there}"
            )
    source.spec = source.spec.with_main(known)


def _require_same(folder: RunFolder, recipe: Recipe, source: Source) -> None:
    """Refuse data that are not those of the run's checkpoints.

    Raises:
        UsageError: they are others, or nobody can tell.
    """
    told, run, place = folder.identity(), quoted(folder.path), quoted(recipe.data.source)
    own = flag(address(recipe.game_type)) if is_own(recipe.game_type) else ""
    purpose = f"to measure against them on purpose: ganvas evaluate {run}{own} --against {place}"
    if told is None:
        raise UsageError(
            f"{folder.path} has no sound checkpoint, so nobody can tell whether {place} holds the "
            f"data that it was trained on; {purpose}"
        )
    kept = told.get("data")
    if not kept:
        raise UsageError(
            f"the data of {folder.path} are drawn by a formula and lie nowhere: leave --data out; "
            f"{purpose}"
        )
    if fingerprint(source) != kept:
        raise UsageError(
            f"the data in {place} are not those that {folder.path} was trained on; {purpose}"
        )


def _rename(source: Source) -> None:
    """Let the name of the user's own data tell their content, as no other data's does."""
    name = source.spec.name
    if name not in DATA_NAMES:
        told = f"{name} ({fingerprint(source)[:8]})"
        source.spec = source.spec.model_copy(update={"name": told})
