"""Settings of one kind among several, each found in a file of its own.

A base class and a package make a family: `ganvas.games.parts.objectives` holds `Objective` and all
files that define one. A kind is a subclass that can be made and has a ``kind``, its name; a new one
is a new file there. One of the user's own lies in their module, and is known once that is imported.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Union, cast, get_args

from pydantic import (
    BaseModel,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema


@dataclass(frozen=True)
class ByKind:
    """Makes a field hold settings of any kind of a family, told apart by their ``kind``.

    As in ``objective: Annotated[Objective, ByKind("ganvas.games.parts.objectives")]``.

    Attributes:
        package: where the family's files lie.
    """

    package: str

    def __get_pydantic_core_schema__(self, base: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a union of all kinds that are known by now, and of later ones."""
        _families.add((base, self.package))
        at_once = kinds(base, self.package)

        def later() -> dict[str, type[BaseModel]]:
            known = at_once.values()
            return {name: k for name, k in own_kinds(base, self.package).items() if k not in known}

        def read(value: Any, known: ValidatorFunctionWrapHandler) -> Any:
            added = later()
            if not added:
                return known(value)
            if isinstance(value, tuple(added.values())):
                return value
            name = cast(Any, value).get("kind") if isinstance(value, dict) else None
            if name in added:
                return added[name].model_validate(value)
            if not isinstance(name, str) or name in at_once:
                return known(value)
            every = ", ".join(repr(one) for one in [*at_once, *added])
            told = {"discriminator": "'kind'", "tag": name, "expected_tags": every}
            raise PydanticKnownError("union_tag_invalid", told)

        def write(value: Any, known: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
            if type(value) in at_once.values() or not isinstance(value, BaseModel):
                return known(value)
            return value.model_dump(mode=info.mode, exclude_defaults=info.exclude_defaults)

        return core_schema.no_info_wrap_validator_function(
            read,
            handler.generate_schema(_union(at_once.values())),
            serialization=core_schema.wrap_serializer_function_ser_schema(write, info_arg=True),
            metadata={"family": base},
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON schema of all kinds that are known when it is asked for."""
        base: Any = schema.get("metadata", {}).get("family")
        if base is None:  # other annotations stand around it, which say theirs
            return handler(schema)
        return handler(TypeAdapter(_union(kinds(base, self.package).values())).core_schema)


def _union(known: Iterable[type[BaseModel]]) -> Any:
    union: Any = cast(Any, Union)[tuple(known)]
    return Annotated[union, Field(discriminator="kind")] if get_args(union) else union


_families: set[tuple[type[BaseModel], str]] = set()
"""What families there are: base and package of all that settings have asked for."""


def every_own_kind() -> frozenset[type[BaseModel]]:
    """Return the kinds of any family that lie in modules of the user's own, and are known by now.

    What is made of settings once, such as their JSON schema, is made anew when there are others.
    """
    return frozenset(kind for family in _families for kind in own_kinds(*family).values())


def own_kinds(base: type[BaseModel], package: str) -> dict[str, type[BaseModel]]:
    """Return the kinds of a family that lie in the user's own modules, the last of each name."""
    found = [kind for kind in _below(base) if not kind.__module__.startswith(f"{package}.")]
    return {_name(kind): kind for kind in found}


def kinds(base: type[BaseModel], package: str) -> dict[str, type[BaseModel]]:
    """Return all kinds of a family by name, in the order of files and of lines.

    Args:
        base: what they have in common.
        package: in whose files the built-in ones lie.
    """
    for file in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{file.name}")
    built_in = [kind for kind in _below(base) if kind.__module__.startswith(f"{package}.")]
    return {**{_name(kind): kind for kind in built_in}, **own_kinds(base, package)}


def _name(kind: type[BaseModel]) -> str:
    return str(kind.model_fields["kind"].default)


def _below(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Give the classes below ``base`` that are kinds: those that say so and can be made."""
    for sub in base.__subclasses__():
        named = "kind" in sub.model_fields and not sub.model_fields["kind"].is_required()
        if named and not inspect.isabstract(sub):
            yield sub
        yield from _below(sub)
