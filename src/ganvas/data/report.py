"""What there is to say of a data set: `ganvas.data.check` and its kind of data fill it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ganvas.data.memory import amount
from ganvas.data.readers.labels_csv import LABEL_FILE
from ganvas.data.readers.place import LeftOut, grouped, printable

SHOWN = 20
"""How many sizes, classes, broken files or duplicates the text lists before it only counts."""


@dataclass
class DataReport:
    """What is in a data set.

    Attributes:
        source: the name or path asked about.
        kind: of the main field.
        counts: number of usable items by split; None: drawn without end.
        sizes: number of images of each size ("height x width"), most frequent first.
        channels: number of images of each colour form (grey, rgb, rgba).
        facts: what else there is to say of such items, a line each.
        dim: number of coordinates of a point, or of features of a node.
        links: number of links of a graph.
        modes: number of modes of a law.
        classes: number of items of each class.
        tags: number of items with each tag, most frequent first.
        broken: files that cannot be used, with the reason.
        columns: what else is known of each item, a line for each column of its table of labels.
        numbers: a line for each column of a table.
        left_out: everything else that lies beside the images and is not read.
        decoded: bytes that all images take, where they have one size.
        duplicates: groups of image files with equal pixels, where asked for.
        warnings: what may spoil training, each with what to do.
    """

    source: str
    kind: str
    counts: dict[str, int | None]
    sizes: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    channels: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    facts: list[str] = field(default_factory=list[str])
    dim: int | None = None
    links: int | None = None
    modes: int | None = None
    classes: dict[str, int] = field(default_factory=dict[str, int])
    tags: dict[str, int] = field(default_factory=dict[str, int])
    broken: list[LeftOut] = field(default_factory=list[LeftOut])
    columns: list[str] = field(default_factory=list[str])
    numbers: list[str] = field(default_factory=list[str])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    decoded: int | None = None
    duplicates: list[list[str]] = field(default_factory=list[list[str]])
    warnings: list[str] = field(default_factory=list[str])

    @property
    def usable(self) -> bool:
        """Whether training would start with no further setting about broken files."""
        return not self.broken

    def text(self) -> str:
        """Return the report as plain text."""
        lines = [f"{self.source}: {self.kind}"]
        for split, count in self.counts.items():
            lines.append(f"  {split}: {'endless' if count is None else f'{count:,}'}")
        lines += [f"  {fact}" for fact in self.facts]
        if self.dim is not None:
            what = "coordinates" if self.links is None and not self.tags else "features"
            lines.append(f"  {what}: {self.dim:,}")
        if self.links is not None:
            lines.append(f"  links: {self.links:,}")
        if self.modes is not None:
            lines.append(f"  modes: {self.modes}")
        for title, counted in (
            ("sizes (height x width)", self.sizes),
            ("channels", self.channels),
            ("classes", self.classes),
            ("tags", self.tags),
        ):
            lines += _counted(title, counted)
        lines += _listed("columns", self.numbers)
        lines += _listed(f"other columns of {LABEL_FILE}", self.columns)
        if self.decoded is not None:
            lines.append(f"  decoded: {amount(self.decoded)}")
        if self.left_out:
            lines.append(f"  left out: {len(self.left_out):,}")
            lines += [f"    {line}" for line in grouped(self.left_out)]
        lines += _listed(
            "broken files", [f"{printable(one.name)}: {one.reason}" for one in self.broken]
        )
        lines += _listed(
            "duplicates", [", ".join(map(printable, same)) for same in self.duplicates]
        )
        lines += [f"  warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)


def _counted(title: str, counted: Mapping[str, int | None]) -> list[str]:
    """Return one line per key, the rest as a number, under a title; nothing for no keys."""
    rows = [name if count is None else f"{name}: {count:,}" for name, count in counted.items()]
    return _listed(title, rows)


def _listed(title: str, rows: Sequence[str]) -> list[str]:
    if not rows:
        return []
    rest = [f"    … and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return [f"  {title}: {len(rows)}", *(f"    {row}" for row in rows[:SHOWN]), *rest]
