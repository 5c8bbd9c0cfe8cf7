"""Tables of results as Markdown, CSV, JSON and a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ganvas.bench.lines import (
    MEASURES,
    Line,
    brief,
    cited,
    curve,
    groups_of,
    header,
    lines,
    measures_of,
    orderings,
    protocol,
    table_row,
)
from ganvas.bench.page import page
from ganvas.bench.rows import Row
from ganvas.bench.tables import STACKS, TIERS, known
from ganvas.errors import UsageError
from ganvas.files import write_whole


def markdown(found: Sequence[Line]) -> str:
    """Return all tables as Markdown, each with its protocol."""
    if not found:
        return "No finished runs of this tier."
    tier = found[0].tier
    parts = [
        f"# Mode coverage, tier `{tier}`",
        "",
        f"Printed by `ganvas bench report --tier {tier}`; its protocol is the benchmark's. A row "
        "is the mean ± standard deviation over its seeds.",
        "",
    ]
    for (data, preset), group in groups_of(found).items():
        measures = measures_of(group)
        columns = header(measures)
        parts += [
            f"### {data}, networks `{preset}`",
            "",
            protocol(group),
            "",
            "| " + " | ".join(columns) + " |",
            "|" + "---|" * len(columns),
            *("| " + " | ".join(table_row(line, measures)) + " |" for line in group),
            "",
        ]
        parts += [f"- {text}" for text in orderings(group)]
        parts += ["", *along_training(group), ""] if data in STACKS else [""]
    return "\n".join(parts).rstrip() + "\n"


def along_training(group: Sequence[Line]) -> list[str]:
    """Return a table of modes against rounds, stages before the game included: a line a method."""
    curves = {line.method: curve(line) for line in group}
    looks = sorted({rounds for means in curves.values() for rounds in means})
    return [
        f"| modes after rounds | {' | '.join(f'{rounds:,}' for rounds in looks)} |",
        "|" + "---|" * (len(looks) + 1),
        *(
            f"| {method} | {' | '.join(brief(means.get(rounds)) for rounds in looks)} |"
            for method, means in curves.items()
        ),
    ]


def as_json(found: Sequence[Line]) -> str:
    """Return the table as JSON: mean, standard deviation and number of seeds of every measure."""
    table = [
        {
            **{name: getattr(line, name) for name in ("data", "preset", "tier", "method")},
            "measures": {
                name: {"mean": c.mean, "std": c.deviation, "seeds": c.count}
                for name, _ in MEASURES
                if (c := line.cell(name)) is not None
            },
            "published": line.published.model_dump() if line.published else None,
            "verdict": line.verdict,
        }
        for line in found
    ]
    return json.dumps(table, indent=2) + "\n"


def as_csv(found: Sequence[Line]) -> str:
    """Return one flat table, a row for each line, means and deviations in columns of their own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [name for name, _ in MEASURES]
    numbers = [f"{name}_{part}" for name in names for part in ("mean", "std")]
    writer.writerow(["data", "preset", "tier", "method", "seeds", *numbers, "published", "verdict"])
    for line in found:
        cells = [line.cell(name) for name in names]
        values = [v for c in cells for v in ((c.mean, c.deviation) if c else ("", ""))]
        published = cited(line.published) if line.published else ""
        head = [line.data, line.preset, line.tier, line.method, len(line.rows)]
        writer.writerow([*head, *values, published, line.verdict])
    return text.getvalue()


def write(rows: Sequence[Row], tier: str, out: Path | None) -> str:
    """Return the Markdown tables, or write a file and say so.

    Raises:
        UsageError: there is no such tier, or the file is of no known type.
    """
    found = lines(rows, known("tier", tier, TIERS))
    if out is None:
        return markdown(found)
    makers: dict[str, Callable[[Sequence[Line]], str]] = {
        ".md": markdown,
        ".csv": as_csv,
        ".json": as_json,
        ".html": page,
    }
    if out.suffix not in makers:
        raise UsageError(f"--out {out}: expected a .md, .csv, .json or .html file")
    write_whole(out, makers[out.suffix](found).encode())
    return str(out)


def floors(data: str, count: int) -> list[tuple[str, str, str]]:
    """Return each measure of so many samples of the law itself, with its spread."""
    from ganvas.data.laws import law
    from ganvas.metrics.floors import point_floors, stacked_floors

    found: dict[str, Any] = (
        dict(stacked_floors(count)) if data in STACKS else point_floors(law(data), count)
    )
    return [(name, f"{f.value:.6g}", f"{f.spread:.2g}") for name, f in found.items()]
