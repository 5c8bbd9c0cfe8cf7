"""What a recipe says about its data: where they lie, and how they are made uniform.

Some settings are every data set's; the others belong to one kind of data, and stand in its file
(`ganvas.data.domains`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import Field, create_model

from ganvas.config import Settings
from ganvas.data.derived import AnyDerivation
from ganvas.data.domain import Domain
from ganvas.data.domains import all_domains, find_domain, kinds
from ganvas.data.domains.points import PointOptions
from ganvas.data.domains.text import TextOptions
from ganvas.data.options import DataOptions
from ganvas.data.video_options import VideoOptions
from ganvas.errors import UsageError

Asked = TypeVar("Asked", bound=DataOptions)


class AffineSettings(Settings):
    """How `affine_digits` and `affine_mnist` turn and move their digits.

    Attributes:
        degrees: each digit is turned by a whole number of degrees, at most so many either way.
        canvas: edge of the black square that it is pasted on.
        shift: largest distance from the left and from the top; None: whatever fits (12 for digits
            of 28 on 40; the paper's code stops at 11).
    """

    degrees: int = Field(default=20, ge=0, le=180)
    canvas: int = Field(default=40, ge=1, le=8192)
    shift: int | None = Field(default=None, ge=0)


class CommonSettings(Settings):
    """What all data can be told.

    Attributes:
        source: a law, packaged or standard set, a path, or ``hf:org/name``.
        labels: serve labels, and all else that goes with the main field, where there is some.
        hold_out: fraction of the items kept out of training as split "test", where the source
            brings no test split of its own. Of a graph: of its links, and half as many more for
            validation.
        derive: fields that are worked out of each item on its way, by name: conditions such as a
            copy with a part hidden, or a coarser one.
        affine: affine digits only: turns and shifts. None: those of the paper.
        variant: sets made by code only: what each of them can be told (`ganvas.data.procedural`).
    """

    source: str = Field(min_length=1)
    labels: bool = True
    hold_out: float = Field(default=0.0, ge=0, lt=1)
    derive: dict[str, AnyDerivation] = Field(default={})
    affine: AffineSettings | None = None
    variant: dict[str, Any] = Field(default={})

    def of(self, options: type[Asked]) -> Asked:
        """Return these settings as those of one kind of data, which they are."""
        assert isinstance(self, options), f"settings do not include {options.__name__}"
        return self

    def refuse_foreign(self, kind: str) -> None:
        """Refuse settings that are not at their default and belong to other kinds of data only.

        Raises:
            UsageError: there are some.
        """
        for key, options in foreign_options(kind).items():
            field = type(self).model_fields.get(key)  # two kinds may have one of a name
            if field is not None and getattr(self, key) != field.default:
                raise UsageError(
                    f"data.{key} is for {options.owner}, but {self.source} holds "
                    f"{find_domain(kind).plural}: leave it out."
                )


def foreign_options(kind: str) -> dict[str, type[DataOptions]]:
    """Return the settings that a kind of data does not know, and whose they are.

    None are foreign to data of which the kind is not known: the empty word.
    """
    if not kind:
        return {}
    own = find_domain(kind).Options
    known = set(own.model_fields) if own is not None else set[str]()
    return {
        key: options
        for options in _options(all_domains().values())
        for key in options.model_fields
        if key not in known
    }


def _options(domains: Iterable[type[Domain]]) -> list[type[DataOptions]]:
    """Return the settings of kinds of data; those that build on others come before these."""
    found = dict.fromkeys(d.Options for d in domains if d.Options is not None)
    return sorted(found, key=lambda options: -len(options.__mro__))


BUILT_IN = _options([find_domain(kind) for kind in kinds()])


if TYPE_CHECKING:

    class DataSettings(VideoOptions, PointOptions, TextOptions, CommonSettings):
        """Where data come from and how they are made uniform; `of` gives any kind's settings."""

else:

    class DataSettings(*BUILT_IN, CommonSettings):
        """Where data come from and how they are made uniform."""


def settings_type() -> type[DataSettings]:
    """Return `DataSettings`, with the settings of kinds of data of one's own if there are some."""
    own = tuple(options for options in _options(all_domains().values()) if options not in BUILT_IN)
    return _extended(own) if own else DataSettings


@cache
def _extended(own: tuple[type[DataOptions], ...]) -> type[DataSettings]:
    """Return `DataSettings` with more of them; the same type whenever it is asked for."""
    made = create_model("DataSettings", __base__=(DataSettings, *own), __doc__=DataSettings.__doc__)
    return cast(type[DataSettings], made)
