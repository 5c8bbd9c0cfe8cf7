"""Settings of one kind among several, each found in a file of its own.

A base class and a package make a family: `ganvas.games.parts.objectives` holds `Objective` and all
files that define one. A kind is a subclass that can be made and has a ``kind``, its name; a new one
is a new file there. One of the user's own lies in their module, and is known once that is imported.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Union, cast

from pydantic import BaseModel, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema


@dataclass(frozen=True)
class ByKind:
    """Makes a field hold settings of any kind of a family, told apart by their ``kind``.

    As in ``objective: Annotated[Objective, ByKind("ganvas.games.parts.objectives")]``.

    Attributes:
        package: where the family's files lie.
    """

    package: str

    def __get_pydantic_core_schema__(self, base: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a union of all kinds that are known by now."""
        known = tuple(kinds(base, self.package).values())
        union: Any = cast(Any, Union)[known]
        if len(known) > 1:
            union = Annotated[union, Field(discriminator="kind")]
        return handler.generate_schema(union)


def kinds(base: type[BaseModel], package: str) -> dict[str, type[BaseModel]]:
    """Return all kinds of a family by name, in the order of files and of lines.

    Args:
        base: what they have in common.
        package: in whose files the built-in ones lie.
    """
    for file in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{file.name}")
    own = [kind for kind in _below(base) if not kind.__module__.startswith(f"{package}.")]
    built_in = [kind for kind in _below(base) if kind not in own]
    return {str(kind.model_fields["kind"].default): kind for kind in [*built_in, *own]}


def _below(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Give the classes below ``base`` that are kinds: those that say so and can be made."""
    for sub in base.__subclasses__():
        named = "kind" in sub.model_fields and not sub.model_fields["kind"].is_required()
        if named and not inspect.isabstract(sub):
            yield sub
        yield from _below(sub)
