"""What the benchmark found, in as few numbers as the diagnosis needs to rank its remedies."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from ganvas.bench.rows import Row
from ganvas.bench.tables import METHODS

TIER = "cpu"


def distil(rows: Sequence[Row], lines: int) -> dict[str, Any]:
    """Return mean strict modes by data set and method, of the tier that compares all methods.

    Only tables with all methods count: gains over different data sets cannot be ranked.

    Args:
        rows: of the benchmark, failed ones among them.
        lines: of the file that they were read from.
    """
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        if row["tier"] == TIER and row["preset"] != "native" and "error" not in row:
            table = groups.setdefault((row["data"], row["preset"]), {})
            table.setdefault(row["method"], []).append(row)
    return {
        "lines": lines,
        "tier": TIER,
        "tables": [
            {
                "data": data,
                "preset": preset,
                "modes": len(next(iter(methods.values()))[0]["histogram"]),
                "strict": {
                    method: {"mean": _mean(found), "seeds": len(found)}
                    for method, found in sorted(methods.items())
                },
            }
            for (data, preset), methods in sorted(groups.items())
            if methods.keys() >= METHODS.keys()
        ],
    }


def _mean(rows: Sequence[Row]) -> float:
    scores = [row["scores"][str(row["samples"][-1])]["modes_strict"] for row in rows]
    return round(statistics.fmean(scores), 2)
