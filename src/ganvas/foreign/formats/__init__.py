"""Kinds of checkpoints of other programs: one file each, found by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from torch import Tensor

from ganvas.data.domain import Domain
from ganvas.data.domains.classes import Classes
from ganvas.data.domains.images import Images
from ganvas.data.records import LABEL, MAIN
from ganvas.data.spec import DataSpec
from ganvas.foreign.pickles import CarriedError
from ganvas.foreign.torch_files import Content

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Imported:
    """A model of ours with the weights of another program.

    Attributes:
        system: which game it is of.
        game: its settings.
        spec: what it was trained on, as far as the file says.
        tensors: by their names in the game; what is not there of the discriminator is fresh.
        about: what it is, in a sentence.
        licence: what is known of the licence of such weights.
        notes: what a user should know, one line each.
    """

    system: str
    game: dict[str, Any]
    spec: DataSpec
    tensors: dict[str, Tensor]
    about: str
    licence: str
    notes: tuple[str, ...] = ()


class Format(Protocol):
    """One kind of checkpoint: a file of this folder.

    Attributes:
        KIND: its name, for messages.
    """

    KIND: str

    def fits(self, content: Content) -> bool:
        """Whether a file is of this kind, by the names in it."""
        ...

    def read(self, content: Content, path: Path) -> Imported:
        """Return what it holds.

        Raises:
            UsageError: it is damaged, or a variant that is not known.
        """
        ...


def known() -> Iterator[Format]:
    """Give all kinds."""
    for path in sorted(HERE.glob("[a-z]*.py")):
        yield cast("Format", import_module(f"{__name__}.{path.stem}"))


def find(content: Content) -> Format:
    """Return the kind of a file.

    Raises:
        UsageError: it is of none.
    """
    kinds = list(known())
    for kind in kinds:
        if kind.fits(content):
            return kind
    raise CarriedError(
        f"{content.where} is no checkpoint of a kind that ganvas imports; these are: "
        f"{', '.join(kind.KIND for kind in kinds)}"
    )


def images_spec(name: str, channels: int, height: int, width: int, classes: int = 0) -> DataSpec:
    """Return what is known of images that a model of another program was trained on."""
    fields: dict[str, Domain] = {MAIN: Images(channels=channels, height=height, width=width)}
    if classes:
        fields[LABEL] = Classes(count=classes)
    return DataSpec.model_validate({"name": name, "fields": fields})
