"""Results: means over seeds, what was published, and a verdict that knows its limits."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import stats

from ganvas.bench.rows import Row
from ganvas.bench.tables import METHODS, PUBLISHED, TIERS, Published, known

MEASURES = (
    ("modes", "modes"),
    ("modes_strict", "strict modes"),
    ("hq", "HQ %"),
    ("kl_modes", "KL"),
    ("kl_corr", "KL corrected"),
    ("jsd_grid", "JSD grid − floor"),
    ("w1_excess", "W₁ − floor"),
    ("sigma_ratio", "σ ratio"),
    ("modes_literal", "modes within 10 σ"),
    ("hq10_literal", "within 10 σ %"),
)
"""What tables show, of the larger number of samples, where any run has it."""

LESS_FLOOR = ("jsd_grid",)
LITERAL = {"modes": "modes_literal", "hq": "hq10_literal"}
"""What papers counted where ganvas also counts otherwise: in 1,200 dimensions, within 10 σ."""

FLOORS = (
    ("hq", "HQ"),
    ("hq_cal", "HQ"),
    ("hq10_literal", "within 10 σ"),
    ("kl_modes", "KL"),
    ("jsd_grid", "JSD grid"),
)
WITHIN_TEN = (
    " Papers count what is within 10 σ of a mode, where no sample of the law itself is; verdicts "
    "compare that. All other columns ask for noise of the right size."
)

SAME_SHARE = 0.05
"""Means closer than this share of a published number are within noise whatever their spread."""


def brief(value: float | None) -> str:
    """Return three digits, or all of a number of thousands; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


@dataclass(frozen=True)
class Cell:
    """A mean over seeds.

    Attributes:
        mean: of those seeds that have a value.
        deviation: standard deviation over seeds, 0 for one.
        count: how many seeds had a value.
    """

    mean: float
    deviation: float
    count: int

    @property
    def half_width(self) -> float:
        """Half the 95 % interval of the mean by Student's t; infinite for one seed."""
        if self.count < 2:
            return math.inf
        t = float(stats.t.ppf(0.975, self.count - 1))
        return t * self.deviation / math.sqrt(self.count)

    def __str__(self) -> str:
        return brief(self.mean) + (f" ± {self.deviation:.2g}" if self.count > 1 else "")


@dataclass(frozen=True)
class Line:
    """All seeds of one method on one data set, with one preset and tier."""

    data: str
    method: str
    preset: str
    tier: str
    rows: list[Row]

    def cell(self, measure: str) -> Cell | None:
        """Return a measure's mean, less its floor where that is what is compared."""
        found: list[float] = []
        for row in self.rows:
            n = str(row["samples"][-1])
            value = row["scores"][n].get(measure)
            if value is None and measure == "hq":
                value = row["scores"][n].get("hq_cal")
            if value is None:
                continue
            floor = row["floors"][n].get(measure) if measure in LESS_FLOOR else 0.0
            found.append(value - (floor or 0.0))
        return cell(found)

    def of(self, get: Callable[[Row], float | None]) -> Cell | None:
        """Return the mean of anything else that rows hold."""
        return cell([value for row in self.rows if (value := get(row)) is not None])

    def as_published(self, measure: str) -> Cell | None:
        """Return a measure's mean by the rule of the papers, where that is not our own."""
        literal = self.cell(LITERAL[measure]) if measure in LITERAL else None
        return literal or self.cell(measure)

    @property
    def published(self) -> Published | None:
        """What a paper says of this method on these data, if one does."""
        here = (p for p in PUBLISHED if (p.data, p.method) == (self.data, self.method))
        return next(here, None)

    @property
    def verdict(self) -> str:
        """How the mean compares with the published one; the protocols are not the same."""
        published = self.published
        if published is None:
            return "no published number"
        words: list[str] = []
        for name, better in (("modes", 1), ("hq", 1), ("kl_modes", -1)):
            there, here = getattr(published, name), self.as_published(name)
            if there is None:
                continue
            if here is None:
                words.append(f"{name}: below")
                continue
            gap = better * (here.mean - there)
            noise = max(here.half_width if here.count > 1 else 0.0, SAME_SHARE * abs(there))
            word = "within noise" if abs(gap) <= noise else "beats" if gap > 0 else "below"
            words.append(f"{name}: {word}")
        return ", ".join(words)


def cell(values: Sequence[float]) -> Cell | None:
    """Return mean and spread of some values; None of none."""
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return Cell(statistics.fmean(values), deviation, len(values))


def lines(rows: Sequence[Row], tier: str) -> list[Line]:
    """Return finished runs of a tier, grouped; methods in the order of the benchmark's table."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row["tier"] == tier and "error" not in row:
            groups.setdefault((row["data"], row["preset"], row["method"]), []).append(row)
    order = list(METHODS)
    ranked = sorted(
        groups.items(),
        key=lambda item: (
            item[0][0],
            item[0][1],
            order.index(known("method", item[0][2], METHODS)),
        ),
    )
    return [Line(data, method, preset, tier, found) for (data, preset, method), found in ranked]


def ordering(found: Sequence[Line], smaller: str, larger: str, measure: str) -> str:
    """Say whether one line's mean is above another's, by Welch's 95 % interval."""
    pair = [
        next((line for line in found if line.method == name), None) for name in (smaller, larger)
    ]
    cells = [line.cell(measure) if line else None for line in pair]
    a, b = cells
    if a is None or b is None:
        return f"{smaller} < {larger}: not measured"
    gap = b.mean - a.mean
    errors = [c.deviation**2 / c.count for c in (a, b)]
    spread = math.sqrt(sum(errors))
    if spread == 0:
        word = "holds" if gap > 0 else "tie" if gap == 0 else "does not hold"
        return f"{smaller} < {larger}: {word} ({gap:+.2f}, no spread)"
    if min(a.count, b.count) < 2:
        return f"{smaller} < {larger}: {gap:+.2f}, one seed"
    below = sum(e**2 / (c.count - 1) for e, c in zip(errors, (a, b), strict=True))
    half = float(stats.t.ppf(0.975, spread**4 / below)) * spread
    word = "holds" if gap > half else "does not hold" if gap < -half else "not decided"
    return f"{smaller} < {larger}: {word} ({gap:+.2f} ± {half:.2f})"


# ---- in words -----------------------------------------------------------------------------------


Measures = Sequence[tuple[str, str]]
"""Names and titles of columns."""


def measures_of(group: Sequence[Line]) -> Measures:
    """Return the measures that any line of a table has."""
    return [(name, title) for name, title in MEASURES if any(line.cell(name) for line in group)]


def header(measures: Measures) -> list[str]:
    """Return the columns of a table with these measures."""
    return [
        *("method", "seeds"),
        *(title for _, title in measures),
        *("best modes", "rounds to all modes", "s/run", "G params", "published", "verdict"),
    ]


def table_row(line: Line, measures: Measures) -> list[str]:
    """Return the cells of one line, with these measures."""
    full = line.of(lambda row: row["full_coverage"])
    reached = f"{full.mean:,.0f} ({full.count} of {len(line.rows)})" if full else "never"
    best = line.of(lambda row: row["best"]["modes"] if row["best"] else None)
    published = line.published
    return [
        line.method,
        str(len(line.rows)),
        *(str(line.cell(name) or "–") for name, _ in measures),
        str(best or "–"),
        reached,
        f"{statistics.median(row['seconds'] for row in line.rows):.0f}",
        f"{line.rows[0]['generator_parameters']:,}",
        cited(published) if published else "–",
        line.verdict,
    ]


def cited(published: Published) -> str:
    """Return a published number with its source and status."""
    parts = [f"{published.modes:g} modes"] if published.modes is not None else []
    parts += [f"HQ {published.hq:g}"] if published.hq is not None else []
    parts += [f"KL {published.kl_modes:g}"] if published.kl_modes is not None else []
    return f"{', '.join(parts)} ({published.source}, {published.status})"


def groups_of(found: Sequence[Line]) -> dict[tuple[str, str], list[Line]]:
    """Return the lines of each table: one for each data set and preset."""
    tables: dict[tuple[str, str], list[Line]] = {}
    for line in found:
        tables.setdefault((line.data, line.preset), []).append(line)
    return tables


def curve(line: Line) -> dict[int, float]:
    """Return modes by round, means over the seeds of a method, as far as all were looked at."""
    runs = [row["curve"] for row in line.rows if row["curve"]]
    looks = zip(*runs, strict=False)
    return {look[0][0]: statistics.fmean(modes for _, modes in look) for look in looks}


def orderings(group: Sequence[Line]) -> list[str]:
    """Return the orderings that the literature expects, in strict modes."""
    names = [line.method for line in group]
    pairs = (("gan", "unrolled"), ("unrolled", "veegan"), ("gan", "veegan"))
    return [ordering(group, a, b, "modes_strict") for a, b in pairs if a in names and b in names]


def protocol(group: Sequence[Line]) -> str:
    """Return in words what all runs of a table share, and what the law itself would score."""
    rows = [row for line in group for row in line.rows]
    row = rows[0]
    n = str(row["samples"][-1])
    commits = ", ".join(sorted({f"`{r['commit']}`" for r in rows}))
    machines = " and ".join(sorted({r["machine"] for r in rows}))
    floor = [
        f"{title} {row['floors'][n][name]:.3g}"
        for name, title in FLOORS
        if row["floors"][n].get(name) is not None
    ]
    return (
        f"{_length(rows)}, last iterate, "
        f"{int(n):,} samples, seeds {row['sample_seed'] - row['seed']} + run; commit {commits}; "
        f"{machines}, torch {row['torch']}, one thread a run. "
        f"A perfect generator: {', '.join(floor)}."
        + (WITHIN_TEN if LITERAL["hq"] in row["floors"][n] else "")
    )


def _length(rows: Sequence[Row]) -> str:
    """Return in words how long the runs of a table were."""
    longest = max(row["rounds"] for row in rows)
    updates = TIERS[rows[0]["tier"]].rounds(rows[0]["data"], rows[0]["preset"])
    if updates is None:
        return f"As many rounds as each recipe has, at most {longest:,}"
    staged = f" ({longest:,} rounds with the stages before the game)" if longest > updates else ""
    return f"{updates:,} generator updates{staged}"
