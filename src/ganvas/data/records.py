"""Records: items of data with everything that goes with each of them, as named fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, Protocol, Self, TypeVar, cast

MAIN = "x"
"""What the main field is called unless a reader says otherwise."""

LABEL = "label"
"""What a field of one class for each record is called."""


class Sized(Protocol):
    """What fields are made of: arrays or tensors."""

    @property
    def shape(self) -> Any:
        """Their lengths."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Any: ...


A = TypeVar("A", bound=Sized)


class Records(Generic[A]):
    """Named fields of equal length: row i of each belongs to record i.

    ``records["label"]`` is a field, ``records.x`` the main one, ``len(records)`` the number of
    records, and iterating gives the fields' names.

    Args:
        fields: by name, or the main one alone; None stands for a field that is not there.
        label: short for a field of this name.
        main: name of the main field.
        loose: names of fields that have no row for each record, such as the links of a graph: they
            belong to all records together.
    """

    __slots__ = ("fields", "loose", "main")

    def __init__(
        self,
        fields: Mapping[str, A | None] | A,
        label: A | None = None,
        *,
        main: str = MAIN,
        loose: frozenset[str] = frozenset(),
    ) -> None:
        several = isinstance(fields, (dict, Mapping))  # a dict is known for one at once
        given = fields if several else {main: fields, LABEL: label}
        named = cast("Mapping[str, A | None]", given)  # made many times a round: no type is built
        self.fields: dict[str, A] = {name: v for name, v in named.items() if v is not None}
        self.main = main
        self.loose = loose & self.fields.keys()

    @property
    def x(self) -> A:
        """The main field."""
        return self.fields[self.main]

    def __getitem__(self, name: str) -> A:
        return self.fields[name]

    def get(self, name: str) -> A | None:
        """Return a field, or None if there is none of that name."""
        return self.fields.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields[self.main])

    def replace(self, **fields: A | None) -> Self:
        """Return the records with other fields in place of these; None leaves one out."""
        return self.like({**self.fields, **fields})

    def only(self, *names: str) -> Self:
        """Return the records with the main field and those named, as far as they are there."""
        kept = {self.main, *names}
        if self.fields.keys() <= kept:
            return self
        return self.like({name: v for name, v in self.fields.items() if name in kept})

    def rows(self, index: Any) -> Self:
        """Return the records at an index or slice; fields that have no rows stay whole."""
        return self.like(
            {name: v if name in self.loose else v[index] for name, v in self.fields.items()}
        )

    def like(self, fields: Mapping[str, Any]) -> Self:
        """Return records of these fields, their main one and loose ones as in these."""
        return type(self)(fields, main=self.main, loose=self.loose)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name} {list(v.shape)}" for name, v in self.fields.items())
        return f"{type(self).__name__}({inside})"
