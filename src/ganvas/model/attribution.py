"""Attribution: whether items are a model's own, by how near its projections come to them.

Source: Karras et al. 2020, section 5: a generator finds its own images almost exactly, and others
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ganvas.errors import UsageError
from ganvas.latent.projection import Schedule
from ganvas.model.model import Model
from ganvas.model.projection import project_items
from ganvas.model.trained import Array

FREE: Final = Schedule(whiteness=0.1)
"""The paper's search, with noise maps that may follow any noise: its weight is made for LPIPS."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """Errors of projections, by the loss that was minimised.

    Attributes:
        own: of the model's samples, (n,).
        others: of items that are none, (m,).
    """

    own: Array
    others: Array

    @property
    def auc(self) -> float:
        """P(an own sample's error is below another item's), ties counting half."""
        below = (self.own[:, None] < self.others).mean()
        return float(below + 0.5 * (self.own[:, None] == self.others).mean())

    @property
    def threshold(self) -> float:
        """The error that tells most items rightly, both kinds counting alike: at most it, own."""
        cuts = np.unique(np.concatenate([self.own, self.others]))
        right = [(self.own <= cut).mean() + (self.others > cut).mean() for cut in cuts]
        best = int(np.argmax(right))
        return float((cuts[best] + cuts[min(best + 1, len(cuts) - 1)]) / 2)


def attribute(
    model: Model,
    x: Array,
    count: int | None = None,
    *,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    schedule: Schedule = FREE,
    **told: Any,
) -> Attribution:
    """Project items and as many of a model's own samples, and return how near both come.

    Args:
        model: whose samples are looked for.
        x: items in data units that are no samples of it, such as held-out ones.
        count: samples; None: as many as items.
        seed: of the samples and of the searches.
        options: of the samples, such as ``{"noise": "fixed"}`` for those with the stored noise.
        schedule: of the searches; by default noise maps follow noise, not signal.
        told: how projections go; see `project_items`. Searches for its own samples are as those
            for items: they know nothing of their latents.

    Raises:
        UsageError: there are no items, or as of `project_items`.
    """
    if not len(x):
        raise UsageError("attribution needs items that are none of the model's")
    asked = {name: told.get(name) for name in ("label", "given")}
    own = model.sample(count or len(x), seed=seed, **asked, **(options or {})).x
    near, far = (
        project_items(model, items, seed=seed, schedule=schedule, **told) for items in (own, x)
    )
    return Attribution(near.distances, far.distances)
