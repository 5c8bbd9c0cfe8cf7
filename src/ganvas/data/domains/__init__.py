"""Kinds of data, one file each, found by the name of the file.

A kind of one's own is a subclass of `Domain` in one's own module, known once that is imported.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, SerializeAsAny

from ganvas.data.domain import Domain
from ganvas.errors import did_you_mean


@cache
def kinds() -> tuple[str, ...]:
    """Return the names of the built-in kinds, in alphabetical order."""
    return tuple(sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem[0] != "_"))


def find_domain(kind: str) -> type[Domain]:
    """Return the class of a kind of data.

    Raises:
        ValueError: there is no such kind.
    """
    if kind in kinds():
        import_module(f"{__name__}.{kind}")
    known = all_domains()
    if kind not in known:
        names = sorted({*kinds(), *known})
        raise ValueError(
            f"there is no kind of data '{kind}'.{did_you_mean(kind, names)} Kinds are "
            f"{', '.join(names)}; one of your own comes with --game MODULE:CLASS"
        )
    return known[kind]


def all_domains() -> dict[str, type[Domain]]:
    """Return the classes of all kinds that have been imported, by name, the last of each."""
    return {d.model_fields["kind"].default: d for d in _below(Domain)}


def _below(of: type[Domain]) -> list[type[Domain]]:
    return [found for sub in of.__subclasses__() for found in (sub, *_below(sub))]


def _of_kind(value: Any) -> Any:
    """Read a mapping as the kind of data that it says it is."""
    if not isinstance(value, dict):
        return value
    tree = cast(dict[str, Any], value)
    return find_domain(str(tree.get("kind"))).model_validate(tree)


AnyDomain = Annotated[SerializeAsAny[Domain], BeforeValidator(_of_kind)]
"""A field of settings that holds any kind of data."""
