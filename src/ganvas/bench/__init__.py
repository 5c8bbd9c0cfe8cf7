"""The mode-coverage benchmark: many methods, one protocol, one row for each run."""

from ganvas.bench.jobs import Job, plan
from ganvas.bench.rows import Row, append, read_rows
from ganvas.bench.runner import run
from ganvas.bench.tables import METHODS, PRESETS, TIERS

__all__ = [
    "METHODS",
    "PRESETS",
    "TIERS",
    "Job",
    "Row",
    "append",
    "plan",
    "read_rows",
    "run",
]
