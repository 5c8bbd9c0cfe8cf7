"""Items that commands are given, and arrays that they write about them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.errors import UsageError, as_they_are
from ganvas.given import path_of, require_folder, require_place

if TYPE_CHECKING:
    from ganvas.data import items
    from ganvas.data.domain import Domain
    from ganvas.data.graphs import Pairs
    from ganvas.data.items import Collection
    from ganvas.model import Model
    from ganvas.model.trained import Array

ARRAYS = (".npy", ".npz")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")

Items = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="An array or table, a picture, or a folder of them."),
]


def read_items(path: Path, model: Model, verb: str = "") -> Array:
    """Return items in data units, of the model's shape: of the field that a verb asks about.

    Raises:
        UsageError: nothing is there, or it does not fit the model.
    """
    return read_named(path, model, verb)[0]


def read_fields(path: Path, domain: Domain) -> Array:
    """Return items of a condition in data units.

    Raises:
        UsageError: nothing is there, or it is none of that kind.
    """
    found = domain.taken(_read(path, domain.as_read, labels=False).splits["train"].x)
    domain.check(found)
    return found


def read_named(path: Path, model: Model, verb: str = "") -> tuple[Array, Sequence[str]]:
    """Return items as `read_items` does, and their files' names, or else their numbers."""
    domain = model.read_by(verb)
    with _told_of_pictures(path, model):
        found = _read(path, domain, labels=False)
    x = found.splits["train"].x
    _check(domain, x, path)
    return x, found.files.get("train") or [str(number) for number in range(len(x))]


def read_parts(path: Path, model: Model, verb: str) -> Iterator[tuple[Array, Sequence[str]]]:
    """Yield items as `read_named` returns them, all of them at once.

    Where a verb is asked about clips of any length, videos come whole, as an array does: each for
    itself, since they may differ in length.
    """
    from ganvas.data.catalogue import find_videos
    from ganvas.data.readers.videos import whole_videos
    from ganvas.data.settings import DataSettings

    domain = model.read_by(verb)
    told = DataSettings.model_validate({"source": str(path), **domain.reading_of(path)})
    videos = find_videos(told) if domain.lasting else None
    if videos is None:
        yield read_named(path, model, verb)
        return
    with _told_of_pictures(path, model), as_they_are():
        for name, frames in whole_videos(*videos):
            _check(domain, frames[None], name)
            yield frames[None], [name]


@contextmanager
def _told_of_pictures(path: Path, model: Model) -> Generator[None]:
    """Say where a picture goes, if there is one in the place of a clip that goes on from it.

    Raises:
        UsageError: as of the body.
    """
    from ganvas.data.domain import PLANE

    try:
        yield
    except UsageError as error:
        maps = model.game.conditions.maps
        if path.suffix.lower() not in PICTURES or not maps or model.domain.grid == PLANE:
            raise
        raise UsageError(
            f"{error} This model is asked about clips; the picture that they go on from is a "
            f"condition: --given {next(iter(maps))}={path}"
        ) from None


def _check(domain: Domain, x: Array, name: str | Path) -> None:
    try:
        domain.check(x)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def read_labelled(path: Path, model: Model) -> tuple[Array, Array | None]:
    """Return items as `read_items` does, and their classes (N,) if there are any.

    Of data with held-out items it is those.
    """
    splits = _read(path, model.read_by("encode"), labels=True).splits
    items = splits.get("test", splits["train"])
    return items.x, items.get("label")


def read_splits(path: Path, model: Model, verb: str = "") -> Collection:
    """Return all splits of items in data units, of the model's shape, with their classes."""
    return _read(path, model.read_by(verb), labels=True)


def read_graph(name: str, model: Model) -> tuple[items.Items, Pairs]:
    """Return the nodes and links of a graph for a model of graphs.

    Raises:
        UsageError: nothing is there, or the data or the model are of another kind.
    """
    from ganvas.data.catalogue import read
    from ganvas.data.graph_source import LINKS
    from ganvas.data.settings import DataSettings

    graph = read(DataSettings(source=name, links=True)).splits["train"]
    if LINKS not in model.spec.fields or LINKS not in graph:
        found = "no graph" if LINKS not in graph else "a graph"
        raise UsageError(f"{name} is {found}, and the model was trained on {model.domain.plural}")
    return graph, graph[LINKS]


@as_they_are()
def _read(path: Path, domain: Domain, labels: bool) -> Collection:
    from ganvas.data import items
    from ganvas.data.catalogue import read
    from ganvas.data.domain import PLANE
    from ganvas.data.pixels import FORMS, Form
    from ganvas.data.readers.images import is_images, read_images
    from ganvas.data.readers.picture import read_picture
    from ganvas.data.readers.table import arranged
    from ganvas.data.settings import DataSettings

    if domain.grid != PLANE:
        settings = DataSettings.model_validate({"source": str(path), **domain.reading_of(path)})
        return arranged(read(settings), domain.names)
    channels, height, width = domain.shape
    colour = FORMS[channels]
    settings = DataSettings.model_validate(
        {
            "source": str(path),
            "size": (height, width),
            "resize": "fit-crop",
            "channels": colour,
            "labels": labels,
        }
    )
    if is_images(path) and path.exists():
        return read_images(path, settings, whole=not labels)
    if path.suffix.lower() in (".npy", ".npz", ".tar") or not path.is_file():
        return read(settings)
    x = read_picture(path, Form((height, width), "fit-crop", colour, None))
    return items.Collection(
        str(path), {"train": items.Items(x[None])}, files={"train": [path.name]}
    )


def check_file(out: Path | None, *suffixes: str, name: str = "--out") -> None:
    """Refuse what is no file of these kinds, or cannot be one, before any work is done.

    Args:
        out: where something goes, if anywhere.
        suffixes: of these kinds.
        name: of the option, for messages.

    Raises:
        UsageError: it has another suffix, or is a folder.
        GanvasError: its folder may not be written.
    """
    if out is None:
        return
    path_of(out, name)
    if out.suffix.lower() not in suffixes or out.is_dir():
        *others, last = suffixes
        kinds = f"{', '.join(others)} or {last}" if others else last
        raise UsageError(f"{name} {out}: expected a {kinds} file")
    require_place(out, name)


def check_place(model: Model, out: Path, moving: bool = False, name: str = "--out") -> None:
    """Refuse a place where a model's answers cannot be saved, before any work is done.

    An item of zeros is saved under its name into a folder that is thrown away.

    Args:
        model: whose answers they are.
        out: where they go.
        moving: as one film of them all, whose form is not that of an item.
        name: of the option, for messages.

    Raises:
        UsageError: there is no such kind of file, or the folder holds files already.
        GanvasError: its folder may not be written.
    """
    import torch

    from ganvas.files import require_free

    path_of(out, name)
    domain = model.domain
    if not moving:
        blank = domain.decode(torch.zeros(1, *domain.shape))
        with TemporaryDirectory() as folder:
            domain.save(blank, Path(folder) / (out.absolute().name or "folder"))
    if out.suffix:
        require_place(out, name)
    else:
        require_folder(out, name)
        require_free(out)


def write_array(out: Path, name: str, values: Array, **beside: Array) -> None:
    """Write an array as .npy, or as .npz under its name together with those beside it."""
    import numpy as np

    from ganvas.files import replacing

    with replacing(out) as file:
        if out.suffix.lower() == ".npy":
            np.save(file, values)
        else:
            np.savez(file, allow_pickle=False, **{name: values, **beside})


def save_beside(model: Model, x: Array, answers: Array, out: Path) -> None:
    """Write answers; as a picture of images, each beside the item it belongs to."""
    import numpy as np

    from ganvas.data.domain import PLANE
    from ganvas.files import disk_errors

    shown = answers
    if out.suffix.lower() in PICTURES and model.domain.grid == PLANE and x.shape == answers.shape:
        shown = np.stack([x, answers], 1).reshape(-1, *x.shape[1:])
    with disk_errors(out):
        model.domain.save(shown, out)
