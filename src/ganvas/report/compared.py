"""The page of several runs beside one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganvas.report import html
from ganvas.report.charts import Series, line_chart
from ganvas.report.run import Run, read_run

CURVES = ("coverage", "discriminator", "loss", "estimate")
"""Groups of the log that are drawn, one chart for each number that several runs have."""


def page(
    runs: Sequence[str],
    settings: Mapping[str, Sequence[str]],
    scores: Mapping[str, Sequence[str]],
    against: str = "",
) -> str:
    """Return the page as HTML text.

    Args:
        runs: the folders.
        settings: in which they differ, with the words of each run.
        scores: with the number of each run.
        against: the data that the scores are measured against, if they are not the runs' own.
    """
    return html.page(
        "compared.html",
        "Runs compared",
        runs=list(runs),
        against=against,
        settings=[[name, *words] for name, words in settings.items()],
        scores=[[name, *numbers] for name, numbers in scores.items()],
        curves=curves([read_run(Path(run)) for run in runs]),
    )


def curves(runs: Sequence[Run]) -> list[str]:
    """Return a chart of each number that at least two of the runs logged, a line a run."""
    names = dict.fromkeys(name for run in runs for name in run.series)
    drawn = [
        line_chart(
            [Series(str(run.folder), *run.series[name]) for run in runs if name in run.series],
            title=name,
            x_label="round",
            y_label=name.partition("/")[2],
        )
        for name in names
        if name.partition("/")[0] in CURVES and sum(name in run.series for run in runs) > 1
    ]
    return [chart for chart in drawn if chart]
