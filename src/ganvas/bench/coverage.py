"""What the mode-coverage benchmark measures of a finished run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganvas.bench.rows import Row

if TYPE_CHECKING:
    from ganvas.data.settings import DataSettings

SAMPLE_SEED = 777
PLOTTED = 500
"""Points of each run kept for the panels of the report."""


def measure(folder: Path, data: DataSettings, seed: int) -> Row:
    """Return the scores of a finished run at each number of samples, floors and histogram.

    Args:
        folder: of the run.
        data: that it was trained on.
        seed: of the run.
    """
    from ganvas import api
    from ganvas.data.open import open_data
    from ganvas.metrics.of import measures_of
    from ganvas.model import load

    model = load(folder)
    source = open_data(data)
    measures = measures_of(source, model.device)
    drawn = SAMPLE_SEED + seed
    scores: dict[str, dict[str, float | None]] = {}
    floors: dict[str, dict[str, float | None]] = {}
    weights: str | None = None
    for n in measures.customary:
        found = api.measure(model, source, n, drawn)
        scores[str(n)] = {s.protocol.metric: plain(s.value) for s in found.values()}
        floors[str(n)] = {s.protocol.metric: s.floor for s in found.values()}
        weights = next(iter(found.values())).protocol.weights or None
    x, _ = api.drawn(model, source, max(measures.customary), drawn)
    generator = model.game.get_submodule("generator")
    return {
        "samples": list(measures.customary),
        "sample_seed": drawn,
        "scores": scores,
        "floors": floors,
        "classifier": weights,
        "histogram": [int(count) for count in measures.histogram(x)],
        "generator_parameters": sum(p.numel() for p in generator.parameters()),
        "points": x[:PLOTTED, :2].astype(float).round(2).tolist()
        if seed == 0 and x.ndim == 2
        else None,
    }


def plain(value: float) -> float | None:
    """Return a number that JSON can hold: null where there is none (no sample was good)."""
    return round(value, 6) if math.isfinite(value) else None


def watched(rows: Sequence[dict[str, Any]], total: int) -> Row:
    """Return coverage along training, the best look, and the first one with ``total`` modes."""
    looks = [row for row in rows if "coverage/modes" in row]
    curve = [[int(row["round"]), row["coverage/modes"]] for row in looks]
    if not looks:
        return {"curve": curve, "best": None, "full_coverage": None}
    most = max(looks, key=lambda row: row["coverage/modes"])
    full = [row for row in looks if row["coverage/modes"] >= total]
    return {
        "curve": curve,
        "best": {"round": int(most["round"]), "modes": most["coverage/modes"]},
        "full_coverage": int(full[0]["round"]) if full else None,
    }
