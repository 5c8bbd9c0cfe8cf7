"""The report of a run: one self-contained page, from whatever of the run is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from ganvas.data.previews import media_type
from ganvas.duration import duration
from ganvas.errors import flag
from ganvas.files import write_whole
from ganvas.report import html
from ganvas.report.axes import number
from ganvas.report.charts import bar_chart
from ganvas.report.curves import charts
from ganvas.report.overfitting import Gap, gaps
from ganvas.report.run import Run, Tree, content_of, read_run

FILE = "report.html"
TONES = {  # of the verdicts of `ganvas diagnose`
    "healthy": "good",
    "dropping modes": "warn",
    "memorising": "warn",
    "labels have no effect": "bad",
    "latents have no effect": "bad",
    "frozen motion": "bad",
    "one content": "bad",
    "discriminator overpowered": "warn",
    "collapsed": "bad",
    "diverging": "bad",
}
CLASS_SHARE = re.compile(r"class_share_(\d+)(?:\[.*\])?")
SHOWN_EVENTS = 20
TILES = 4
"""Measures of coverage among the main numbers, at most."""


class Verdict(NamedTuple):
    """What `ganvas diagnose` found, and the class of style that it is shown in."""

    name: str
    tone: str
    evidence: list[str]


class Table(NamedTuple):
    """Words for a table; columns without any are left out."""

    head: list[str]
    rows: list[list[str]]

    @classmethod
    def of(cls, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        """Return rows of cells without empty columns."""
        kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
        return cls([head[i] for i in kept], [[row[i] for i in kept] for row in rows])


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a run folder, from whatever of the run is there.

    Returns:
        The path of the page.

    Raises:
        UsageError: there is no such folder.
        GanvasError: the page cannot be written.
    """
    path = folder / FILE
    write_whole(path, render(read_run(folder)).encode())
    return path


def render(run: Run) -> str:
    """Return the page as HTML text."""
    leading, others = charts(run)
    scores, shares = _scores(run.evaluation)
    found = gaps(run)
    return html.page(
        "run.html",
        run.name,
        run=run,
        verdict=_verdict(run.evaluation),
        tiles=_tiles(run),
        samples=_samples(run),
        scores=scores,
        shares=shares,
        others_measured=[(what, _scores(found)[0]) for what, found in _others(run.evaluation)],
        gaps=_overfitting(found),
        estimates=[gap.chart() for gap in found],
        events=run.events[-SHOWN_EVENTS:],
        earlier=len(run.events[:-SHOWN_EVENTS]),
        leading=leading,
        others=others,
        commands="\n\n".join(_commands(run)),
        environment=[
            (key.replace("_", " "), _plain(value))
            for key, value in run.environment.items()
            if key != "command"
        ],
    )


def _tiles(run: Run) -> list[tuple[str, str]]:
    """The main numbers, as far as they were logged."""
    kimg, share = run.last("kimg"), "of " + (f"stage {run.stage}" if run.stage else "the horizon")
    main = {
        "rounds": run.rounds,
        share: run.last("progress"),
        "real samples seen": None if kimg is None else 1000 * kimg,
        "time": run.last("time"),
        "samples per second": run.last("img_per_s"),
    }
    covered = [key for key in run.series if key.startswith("coverage/")][:TILES]
    main |= {key.partition("/")[2].replace("_", " "): run.last(key) for key in covered}
    writers = {"time": duration, share: "{:.0%}".format}
    return [
        (name, writers.get(name, number)(value))
        for name, value in main.items()
        if value is not None
    ]


def _verdict(evaluation: Tree) -> Verdict | None:
    """The verdict with its evidence; either a word, or a mapping of verdict and evidence."""
    given = evaluation.get("verdict")
    if not given:
        return None
    verdict = _mapping(given) or {"name": given}
    name = str(verdict.get("name") or verdict.get("verdict") or "")
    evidence = [str(line) for line in _listing(verdict.get("evidence"))]
    return Verdict(name, TONES.get(name, ""), evidence)


def _samples(run: Run) -> list[tuple[str, str]]:
    """The previews of the first, the middle and the last round that has some: caption, address."""
    rounds = list(dict.fromkeys(preview.round for preview in run.samples))
    chosen = {rounds[i] for i in (0, len(rounds) // 2, -1)} if rounds else set[int]()
    shown: list[tuple[str, str]] = []
    for round, part, path in run.samples:
        content = content_of(run.folder, path) if round in chosen else None
        kind = None if content is None else media_type(path.suffix, content)
        if content is not None and kind is not None:
            caption = f"round {round:,}{f', {part}' if part else ''}"
            shown.append((caption, html.embedded(content, kind)))
    return shown


def _others(evaluation: Tree) -> list[tuple[str, Tree]]:
    """Other scores than those of the last iterate against the run's own data, and whose."""
    found = [
        (f"Against {place}", dict(_mapping(scores)))
        for place, scores in _mapping(evaluation.get("against")).items()
    ]
    best = dict(_mapping(evaluation.get("best")))
    rounds = _mapping(best.get("model")).get("rounds")
    return [(f"The best model, of round {rounds}", best), *found] if best else found


def _scores(evaluation: Tree) -> tuple[Table, list[str]]:
    """The scores, each with its protocol; the shares of the classes as a chart."""
    rows: list[Sequence[str]] = []
    shares: dict[str, float] = {}
    for name, given in _mapping(evaluation.get("scores")).items():
        score = _mapping(given) or {"value": given}
        value, share = score.get("value"), CLASS_SHARE.fullmatch(name)
        if share and isinstance(value, int | float) and 0 <= value <= 1:
            shares[share[1]] = float(value)
            continue
        words = _value(value, score.get("spread")), _value(score.get("floor"))
        rows.append((name, *words, _protocol(score.get("protocol"))))
    bars = bar_chart(
        list(shares),
        list(shares.values()),
        title="Share of each class among the samples",
        x_label="class",
        y_label="share",
        reference=1 / len(shares) if shares else None,
    )
    table = Table.of(("score", "value", "perfect model", "protocol"), rows)
    return table, [bars] if bars else []


def _overfitting(found: Sequence[Gap]) -> Table:
    """The estimates on training and on held-out data: a gap that grows is overfitting."""
    rows = [
        (
            gap.name.replace("_", " "),
            number(gap.train.y[-1]),
            number(gap.held_out.y[-1]),
            number(gap.values[-1]),
            number(max(gap.values, key=abs)),
        )
        for gap in found
    ]
    head = ("estimate", "on training data", "on held-out data", "gap", "largest gap")
    return Table.of(head, rows)


def _commands(run: Run) -> list[str]:
    """The command line that started the run, and those that repeat, continue and use it."""
    folder = shlex.quote(run.folder.as_posix())
    again = shlex.quote(f"{run.folder.as_posix()}-again")
    config = shlex.quote((run.folder / "config.yaml").as_posix())
    own = flag(str(_mapping(run.config.get("game")).get("system", "")))
    started = run.environment.get("command")
    words = [str(word) for word in _listing(started)]
    lines = [f"# started with\n{shlex.join(words) if words else started}"] if started else []
    return [
        *lines,
        "# the same run again, from its complete settings\n"
        f"ganvas train {config}{own} --out {again}",
        f"# continue to the horizon\nganvas resume {folder}{own}",
        f"# 64 new samples\nganvas sample {folder}{own} --count 64 --seed 0 --out samples.png",
        f"# measure\nganvas evaluate {folder}{own} --json",
    ]


def _value(value: object, spread: object = None) -> str:
    """Write a score, with its spread if it has one."""
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    return (
        f"{number(value)} ± {number(spread)}" if isinstance(spread, int | float) else number(value)
    )


def _protocol(protocol: object) -> str:
    """Write what a score was measured under in one line; what does not apply is left out."""
    fields = dict(_mapping(protocol))
    fields.pop("metric", None)  # the score's name says it
    pairs = [_listing(pair) for pair in _listing(fields.pop("settings", None))]
    fields |= {str(pair[0]): pair[1] for pair in pairs if len(pair) == 2}
    applies = {k: v for k, v in fields.items() if v not in ("", None, [])}
    return ", ".join(f"{key.replace('_', ' ')} {_plain(v)}" for key, v in applies.items())


def _plain(value: object) -> str:
    """Write any JSON value as running text."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {_plain(v)}" for k, v in cast(Tree, value).items())
    if isinstance(value, list):
        return ", ".join(_plain(v) for v in cast(list[object], value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _mapping(value: object) -> Mapping[str, Any]:
    return cast(Tree, value) if isinstance(value, dict) else {}


def _listing(value: object) -> list[object]:
    return cast(list[object], value) if isinstance(value, list) else []
