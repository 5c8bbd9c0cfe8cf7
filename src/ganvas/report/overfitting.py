"""Whether the discriminator knows its training items by heart: estimates on both kinds of data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganvas.report.charts import Series, line_chart
from ganvas.report.run import Run

TRAIN, HELD_OUT = "_train", "_held_out"


@dataclass(frozen=True)
class Gap:
    """One estimate on training and on held-out items, by the same weights and samples.

    Attributes:
        name: of the estimate, such as ``wasserstein``.
        train, held_out: its curves, round by round.
    """

    name: str
    train: Series
    held_out: Series

    @property
    def values(self) -> list[float]:
        """The estimate on training items less that on held-out ones, as far as both are there."""
        fresh = dict(zip(self.held_out.x, self.held_out.y, strict=True))
        pairs = zip(self.train.x, self.train.y, strict=True)
        gaps = [value - fresh[at] for at, value in pairs if at in fresh]
        return [gap for gap in gaps if math.isfinite(gap)]

    def chart(self) -> str:
        """Return both curves as an SVG."""
        return line_chart(
            [self.train, self.held_out],
            title=f"Estimate on training and held-out data: {self.name}",
            x_label="round",
            y_label=self.name,
        )


def gaps(run: Run) -> list[Gap]:
    """Return the estimates that the run logged on both kinds of data."""
    found: list[Gap] = []
    for key, points in run.series.items():
        group, _, name = key.partition("/")
        other = run.series.get(key.removesuffix(TRAIN) + HELD_OUT)
        if group == "estimate" and name.endswith(TRAIN) and other is not None:
            kinds = (Series("training data", *points), Series("held-out data", *other))
            found.append(Gap(name.removesuffix(TRAIN), *kinds))
    return [gap for gap in found if gap.values]
