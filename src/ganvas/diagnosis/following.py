"""Whether conditions that are no single class have an effect on what a generator draws.

Such as tags, numbers, several classes at once, or a copy of the item with a part hidden. What a
sample shows of a field is worked out of it, where the field is one of those, or else that of the
nearest training item. How far that agrees with what was asked for is told beyond chance, as Cohen's
kappa is for classes, with squared distances in place of disagreements: 1 - E d(shown, asked) /
E d(shown, asked of another).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.derived import Derivation
from ganvas.data.domain import Domain
from ganvas.data.items import Items
from ganvas.data.source import Source
from ganvas.diagnosis.obeying import apart
from ganvas.metrics.obedience import nearest
from ganvas.metrics.of import plain
from ganvas.networks.conditions import Conditions

KAPPA, LATENTS = "kappa", "latent_effect"
SHIFTS = 5
"""Others whose conditions tell what agreement chance gives."""

Shown = Callable[[Tensor], Callable[[Tensor], Tensor]]
"""Says of items (N, *shape) what they show of a field, beside what is asked of them, (N, …)."""


def conditions_like(conditions: Conditions, source: Source, items: Items, n: int) -> Batch:
    """Return the conditions of items, repeated as often as n samples need, in network units."""
    rows = np.resize(np.arange(len(items)), n)
    served = conditions.served(source.batch(items.rows(rows).only(*conditions)))
    return served.only(*conditions)


class Following:
    """Compares what samples show of each condition with what they were asked for.

    Args:
        source: the data.
        train: training items, in data units.
        held_out: items that were not trained on; None: training items that are set apart.
        conditions: the fields.
    """

    def __init__(
        self, source: Source, train: Items, held_out: Items | None, conditions: Conditions
    ) -> None:
        self._source, self._conditions = source, conditions
        known, fresh = apart(train, held_out)
        self._known = plain(source.spec.domain, known.x)
        told, derived = source.batch(known.only(*conditions)), source.spec.derived
        self._shown: dict[str, Shown] = {
            name: _by_work(derived[name]) if name in derived else self._by_nearest(told[name])
            for name in conditions
        }
        x = conditions.served(source.batch(fresh.only(*conditions)))
        self._fresh = self._kappas(x.x, x)
        self._spread = _distance(x.x, x.x.roll(1, 0)) / 2

    def __call__(self, samples: Tensor, again: Tensor, asked: Batch) -> dict[str, float]:
        """Return numbers of samples in network units.

        Args:
            samples: (N, *shape).
            again: the same with other latents.
            asked: their conditions.
        """
        fresh = {f"{name}_fresh": value for name, value in self._fresh.items()}
        effect = _distance(samples.cpu(), again.cpu()) / 2 / max(self._spread, 1e-12)
        return {**self._kappas(samples.cpu(), asked), **fresh, LATENTS: effect}

    def _kappas(self, x: Tensor, asked: Batch) -> dict[str, float]:
        """Return how far what items show agrees with what was asked, beyond chance, by field."""
        found: dict[str, float] = {}
        for name, domain in self._conditions.items():
            told, shown = asked[name].cpu(), self._shown[name](x)
            found[f"{KAPPA}_{name}"] = beyond_chance(domain, shown, told)
        return found

    def _by_nearest(self, told: Tensor) -> Shown:
        """Return what gives a field's values (K, …) of the nearest training items."""
        domain = self._source.spec.domain

        def shown(x: Tensor) -> Callable[[Tensor], Tensor]:
            found = told[nearest(plain(domain, domain.decode(x)), self._known)]
            return lambda asked: found

        return shown


def beyond_chance(domain: Domain, shown: Callable[[Tensor], Tensor], told: Tensor) -> float:
    """Return how far a field that is shown agrees with what was asked, (N, …), beyond chance.

    Args:
        domain: of the field.
        shown: what is shown of it, beside what is asked.
        told: what was asked; what was asked of others tells what chance gives.
    """

    def distance(asked: Tensor) -> float:
        return _distance(domain.vector(shown(asked)), domain.vector(asked))

    chance = float(np.mean([distance(told.roll(shift, 0)) for shift in range(1, SHIFTS + 1)]))
    return 1 - distance(told) / chance if chance > 0 else 0.0


def _by_work(how: Derivation) -> Shown:
    """Return what works a field out of items, with the chances of what was asked."""
    return lambda x: lambda asked: how.alike(x, asked)


def following_of(
    source: Source, known: Mapping[str, Items], conditions: Conditions
) -> Following | None:
    """Return what compares samples with their conditions; None where data have no end.

    Args:
        source: the data.
        known: some of its items, by `ganvas.diagnosis.look.known_items`.
        conditions: the fields.
    """
    if "train" not in known:
        return None
    return Following(source, source.items("train"), known.get("held-out"), conditions)


def _distance(a: Tensor, b: Tensor) -> float:
    """Return the mean squared distance of rows of two batches (N, …)."""
    return float((a.double() - b.double()).flatten(1).square().sum(1).mean())
