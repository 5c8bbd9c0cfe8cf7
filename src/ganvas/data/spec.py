"""What networks are built from: the fields of a data set's records, their shapes and units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from ganvas.config import Settings
from ganvas.data.derived import AnyDerivation, Derivation
from ganvas.data.domain import AnyArray, Domain, Size
from ganvas.data.domains import AnyDomain
from ganvas.data.records import LABEL, MAIN
from ganvas.errors import UsageError

__all__ = ["AnyArray", "DataSpec", "spec_of"]


class DataSpec(Settings):
    """What is known of a data set before a network sees it; stored with the model.

    Attributes:
        name: the data set's name.
        fields: kind, shape and units of each field.
        main: the field that is generated; the others go with it.
        size: number of training records; None: endless.
        derived: how fields are worked out of the main one that no file holds, by name.
    """

    name: str
    fields: dict[str, AnyDomain]
    main: str = MAIN
    size: int | None = Field(default=None, ge=0)
    derived: dict[str, AnyDerivation] = Field(default={})

    @model_validator(mode="after")
    def _has_main(self) -> Self:
        if self.main not in self.fields:
            raise ValueError(f"main is '{self.main}', and fields are {', '.join(self.fields)}")
        return self

    @property
    def domain(self) -> Domain:
        """Kind, shape and units of the main field."""
        return self.fields[self.main]

    @property
    def kind(self) -> str:
        """The kind of the main field."""
        return self.domain.kind

    @property
    def shape(self) -> Size:
        """Shape of one item of the main field in network units."""
        return self.domain.shape

    @property
    def conditions(self) -> dict[str, Domain]:
        """The fields beside the main one that networks can be given."""
        return {k: d for k, d in self.fields.items() if d.condition and k != self.main}

    @property
    def loose(self) -> frozenset[str]:
        """The fields that have no row for each record: with some, records belong together."""
        return frozenset(name for name, domain in self.fields.items() if domain.loose)

    @property
    def classes(self) -> int:
        """Number of classes of the first field that is one; 0 without."""
        return next((d.classes for d in self.conditions.values() if d.classes), 0)

    @property
    def class_names(self) -> list[str]:
        """Their names in index order, or nothing."""
        return next((list(d.names) for d in self.conditions.values() if d.classes), list[str]())

    def with_derived(self, derived: Mapping[str, Derivation]) -> Self:
        """Return the spec with fields that are worked out of the main one.

        Raises:
            UsageError: a name is taken, or a field cannot be worked out of such items.
        """
        for name in derived:
            if name in self.fields:
                raise UsageError(f"data.derive names '{name}', which {self.name} has already")
        made = {name: how.domain(self.domain) for name, how in derived.items()}
        changes = {"fields": {**self.fields, **made}, "derived": dict(derived)}
        return self.model_copy(update=changes)

    def with_main(self, domain: Domain) -> Self:
        """Return the spec with another domain of the main field."""
        return self.model_copy(update={"fields": {**self.fields, self.main: domain}})


def spec_of(
    name: str,
    domain: Domain,
    *,
    classes: int = 0,
    class_names: list[str] | None = None,
    size: int | None = None,
) -> DataSpec:
    """Return the spec of items of one kind, each with a class if there are ``classes``."""
    from ganvas.data.domains.classes import Classes

    fields: dict[str, Domain] = {MAIN: domain}
    if classes:
        fields[LABEL] = Classes(count=classes, called=class_names or [])
    return DataSpec(name=name, fields=fields, size=size)
