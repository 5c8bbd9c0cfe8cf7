"""What runs of a set say: scores by case and method, and who trains where the other does not."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy import stats

from ganvas.bench.contest import TRAINED, find, trained
from ganvas.bench.rows import Row

SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds, as shares of the data's own score."""


class Tally(NamedTuple):
    """How many cases, seeds apart, pass a threshold under one of two methods, both or neither."""

    first: int
    second: int
    both: int
    neither: int

    @property
    def p(self) -> float:
        """Probability of so uneven a split of those that one method alone passes, if both are even.

        The two-sided sign test: exact, by the binomial law; 1 where no case differs.
        """
        apart = self.first + self.second
        return float(stats.binomtest(self.first, apart).pvalue) if apart else 1.0


def tally(rows: Sequence[Row], first: str, second: str, share: float = TRAINED) -> Tally:
    """Count the cases that two methods have both played, by whether they pass a threshold."""
    by: dict[str, Mapping[tuple[str, int], Row]] = {
        method: {(row["case"], row["seed"]): row for row in rows if row["method"] == method}
        for method in (first, second)
    }
    shared = [place for place in by[first] if place in by[second]]
    passed = [
        (trained(by[first][place], share), trained(by[second][place], share)) for place in shared
    ]
    each = ((True, False), (False, True), (True, True), (False, False))
    return Tally(*(passed.count(outcome) for outcome in each))


def markdown(name: str, tier: str, rows: Sequence[Row]) -> str:
    """Return the tables of a set: scores, passes by threshold with a sign test, and curves."""
    found = [row for row in rows if (row["set"], row["tier"]) == (name, tier)]
    if not found:
        return f"No runs of the set {name}, tier {tier}, yet."
    parts = [f"### {name}, tier `{tier}`", "", protocol(name, found), "", *scores(found)]
    for first, second in find(name).PAIRS:
        if {first, second} <= {row["method"] for row in found}:
            parts += ["", *thresholds(found, first, second)]
    if any(row.get("looks") for row in found):
        parts += ["", *curves(found)]
    return "\n".join(parts)


def protocol(name: str, rows: Sequence[Row]) -> str:
    """Return in words what all runs share."""
    commits = ", ".join(sorted({f"`{row['commit']}`" for row in rows}))
    machines = " and ".join(sorted({row["machine"] for row in rows}))
    played = [row for row in rows if "error" not in row]
    real = f"{statistics.fmean(row['real'] for row in played):.4g}" if played else "unknown"
    rounds, batch, samples = (
        ", ".join(f"{value:,}" for value in sorted({row[key] for row in played}))
        for key in ("rounds", "batch", "samples")
    )
    return (
        f"{rounds} generator updates, batch {batch}, {samples} samples; score: "
        f"{find(name).UNIT}, of the data {real}; a run has trained above half of that. "
        f"{len(rows)} runs, commit {commits}; {machines}, one thread a run."
    )


def scores(rows: Sequence[Row]) -> list[str]:
    """Return a line a case, with mean score, and how many have trained, under each method."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines = [f"| case | {' | '.join(methods)} |", "|" + " --- |" * (len(methods) + 1)]
    for case in dict.fromkeys(row["case"] for row in rows):
        cells = (
            _cell([row for row in rows if (row["case"], row["method"]) == (case, method)])
            for method in methods
        )
        lines.append(f"| {case} | {' | '.join(cells)} |")
    return lines


def _cell(rows: Sequence[Row]) -> str:
    """Return the mean score, in bold where all have trained; how many have, where some have."""
    if not rows:
        return "–"
    values = [row["score"] for row in rows if row.get("score") is not None]
    mean = f"{statistics.fmean(values):.3g}" if values else "failed"
    count = sum(map(trained, rows))
    if len(rows) == 1:
        return f"**{mean}**" if count else mean
    return f"**{mean}**" if count == len(rows) else f"{mean} ({count} of {len(rows)})"


def thresholds(rows: Sequence[Row], first: str, second: str) -> list[str]:
    """Return a line a threshold: who passes it, and the sign test's p."""
    lines = [
        f"| score above | only {first} | only {second} | both | neither | p |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for share in SHARES:
        counts = tally(rows, first, second, share)
        lines.append(f"| {share:.0%} | {' | '.join(map(str, counts))} | {counts.p:.2g} |")
    return lines


def curves(rows: Sequence[Row]) -> list[str]:
    """Return a line a look: each method's score, and after how many seconds, means over seeds."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines = [f"| rounds | {' | '.join(methods)} |", "|" + " ---: |" * (len(methods) + 1)]
    looks = {
        method: [
            [*row["looks"], {"round": row["rounds"], **{k: row[k] for k in ("score", "seconds")}}]
            for row in rows
            if row["method"] == method and "error" not in row
        ]
        for method in methods
    }
    for number in sorted(
        {look["round"] for runs in looks.values() for run in runs for look in run}
    ):
        cells: list[str] = []
        for method in methods:
            here = [look for run in looks[method] for look in run if look["round"] == number]
            told = [look for look in here if look["score"] is not None]
            score, seconds = (
                statistics.fmean(look[key] for look in told) if told else 0.0
                for key in ("score", "seconds")
            )
            cells.append(f"{score:.3g} after {seconds:.0f} s" if told else "–")
        lines.append(f"| {number:,} | {' | '.join(cells)} |")
    return lines
