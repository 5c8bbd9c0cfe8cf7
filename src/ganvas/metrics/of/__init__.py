"""How samples of each kind of data are measured, a file a kind, found by the name of the file.

Measures of a kind of one's own are a subclass of `Measures` in one's own module, known once that is
imported. A kind without any is measured as the kind that it is made of, or else as vectors.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from ganvas.data.domain import AnyArray, Domain
from ganvas.data.source import Source
from ganvas.metrics.kind import Measures


def measures_of(source: Source, device: str | torch.device = "cpu") -> Measures:
    """Return what is measured of samples that are to be like the data of a source."""
    kind = find_measures(source.measured) if source.measured else _measures_for(source.spec.domain)
    return (kind or Measures)(source, device)


def plain(domain: Domain, array: AnyArray) -> Tensor:
    """Return items in data units as vectors (N, K) in which copies of items are near them."""
    return _measures_for(domain).plain(domain, array)


def _measures_for(domain: Domain) -> type[Measures]:
    return next(filter(None, map(find_measures, _ancestry(type(domain)))), Measures)


def find_measures(kind: str) -> type[Measures] | None:
    """Return the measures that say they are of this kind, the last imported, if there are any."""
    if kind in measured_kinds():
        import_module(f"{__name__}.{kind}")
    named = [found for found in _all(Measures) if vars(found).get("kind") == kind]
    return named[-1] if named else None


@cache
def measured_kinds() -> tuple[str, ...]:
    """Return the names of the built-in measures, in alphabetical order."""
    return tuple(sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem[0] != "_"))


def _ancestry(domain: type[Domain]) -> list[str]:
    """Return the kind of a domain, and of those that it is made of, nearest first."""
    known = [base for base in domain.__mro__ if issubclass(base, Domain) and base is not Domain]
    return list(dict.fromkeys(str(base.model_fields["kind"].default) for base in known))


def _all(of: type[Measures]) -> list[type[Measures]]:
    return [found for sub in of.__subclasses__() for found in (sub, *_all(sub))]
