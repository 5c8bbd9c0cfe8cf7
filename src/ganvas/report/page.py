"""One self-contained HTML page about a run.

Nothing on the page is loaded from elsewhere: style and charts are inline, pictures are data URIs,
and there is no script, which a content security policy in the page itself also tells the browser.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from ganvas.errors import flag
from ganvas.files import write_whole
from ganvas.report.charts import bar_chart, number
from ganvas.report.curves import charts
from ganvas.report.overfitting import gaps
from ganvas.report.run import Event, Run, Tree, content_of, read_run

FILE = "report.html"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
TONES = {  # of the verdicts of `ganvas diagnose`
    "healthy": "good",
    "dropping modes": "warn",
    "discriminator overpowered": "warn",
    "collapsed": "bad",
    "diverging": "bad",
}
CLASS_SHARE = re.compile(r"class_share_(\d+)(?:\[.*\])?")
SHOWN_EVENTS = 20
PNG = b"\x89PNG\r\n\x1a\n"


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a run folder, from whatever of the run is there.

    Returns:
        The path of the page.

    Raises:
        UsageError: there is no such folder.
        GanvasError: the page cannot be written.
    """
    page = render(read_run(folder))
    path = folder / FILE
    write_whole(path, page.encode())
    return path


def render(run: Run) -> str:
    """Return the page as HTML text."""
    leading, others = charts(run)
    sections = [
        _head(run),
        _section("Samples", _samples(run)),
        _section("Coverage and scores", _scores(run.evaluation)),
        _section("Overfitting", _overfitting(run)),
        _section("What happened", _events(run.events)),
        _section("Curves", _grid(leading) + _details("More curves", _grid(others))),
        _section("How to reproduce", _commands(run)),
        _section("Settings", _settings(run)),
    ]
    style = files("ganvas.report").joinpath("style.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(run.name)} · ganvas</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body>\n</html>\n"
    )


# ---- sections ---------------------------------------------------------------------------------


def _head(run: Run) -> str:
    """The run's name, its verdict and its main numbers."""
    tiles = [
        ("rounds", run.rounds, ""),
        ("real samples seen", _times(run.last("kimg"), 1000), ""),
        ("time", run.last("time"), "time"),
        ("samples per second", run.last("img_per_s"), ""),
    ]
    tiles += [
        (key.partition("/")[2].replace("_", " "), run.last(key), "")
        for key in run.series
        if key.startswith("coverage/")
    ][:4]
    shown = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{duration(v) if unit == 'time' else number(v)}</dd></div>"
        for name, v, unit in tiles
        if v is not None
    )
    return (
        f"<header><h1>{escape(run.name)}</h1>"
        + (f"<p>{escape(run.about)}</p>" if run.about else "")
        + f'<p class="faint">{escape(str(run.folder))}</p>'
        + _verdict(run.evaluation)
        + (f'<dl class="tiles">{shown}</dl>' if shown else "<p>Nothing has been logged yet.</p>")
        + "</header>"
    )


def _verdict(evaluation: Tree) -> str:
    """The verdict with its evidence; either a word, or a mapping of verdict and evidence."""
    given = evaluation.get("verdict")
    if not given:
        return ""
    verdict = _mapping(given) or {"name": given}
    name = str(verdict.get("name") or verdict.get("verdict") or "")
    evidence = [str(line) for line in _listing(verdict.get("evidence"))]
    tone = TONES.get(name, "")
    return (
        f'<div class="note"><p>Verdict: <span class="verdict {tone}">{escape(name)}</span></p>'
        + _bullets(evidence)
        + "</div>"
    )


def _samples(run: Run) -> str:
    """The first, the middle and the last picture, oldest first."""
    paths = run.samples
    chosen = dict.fromkeys(paths[i] for i in (0, len(paths) // 2, -1)) if paths else ()
    figures: list[str] = []
    for path in chosen:
        content = content_of(run.folder, path)
        if content is None or not content.startswith(PNG):
            continue
        data = base64.b64encode(content).decode("ascii")
        caption = f"round {int(path.stem):,}" if path.stem.isdecimal() else path.stem
        figures.append(
            f'<figure><img src="data:image/png;base64,{data}" alt="samples, {escape(caption)}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
    return f'<div class="samples">{"".join(figures)}</div>' if figures else ""


def _scores(evaluation: Tree) -> str:
    """The table of scores, each with its protocol; the shares of the classes as bars."""
    rows: list[Sequence[str]] = []
    shares: dict[str, float] = {}
    for name, given in _mapping(evaluation.get("scores")).items():
        score = _mapping(given) or {"value": given}
        value, share = score.get("value"), CLASS_SHARE.fullmatch(name)
        if share and isinstance(value, int | float) and 0 <= value <= 1:
            shares[share[1]] = float(value)
            continue
        rows.append(
            (
                escape(name),
                escape(_value(value, score.get("spread"))),
                escape(_value(score.get("floor"))),
                f'<span class="faint">{escape(_protocol(score.get("protocol")))}</span>',
            )
        )
    bars = bar_chart(
        list(shares),
        list(shares.values()),
        title="Share of each class among the samples",
        x_label="class",
        y_label="share",
        reference=1 / len(shares) if shares else None,
    )
    table = _table(("score", "value", "perfect model", "protocol"), rows)
    return table + (_grid([bars]) if bars else "")


def _overfitting(run: Run) -> str:
    """The estimates on training and on held-out data: a gap that grows is overfitting."""
    found = gaps(run)
    rows = [
        (
            escape(gap.name.replace("_", " ")),
            number(gap.train.y[-1]),
            number(gap.held_out.y[-1]),
            number(gap.values[-1]),
            number(max(gap.values, key=abs)),
        )
        for gap in found
    ]
    head = ("estimate", "on training data", "on held-out data", "gap", "largest gap")
    return _table(head, rows) + _grid(gap.chart() for gap in found)


def _events(events: Sequence[Event]) -> str:
    """Warnings, roll-backs and stages, the newest last."""
    items = [
        f"<b>{escape(e.kind)}</b> at round {e.round:,}: {escape(e.message)}"
        for e in events[-SHOWN_EVENTS:]
    ]
    left_out = len(events) - len(items)
    if left_out:
        items.insert(0, f'<span class="faint">{left_out:,} earlier ones in metrics.jsonl</span>')
    return f'<div class="note">{_bullets(items, escaped=True)}</div>' if items else ""


def _commands(run: Run) -> str:
    """The command line that started the run, and those that repeat, continue and use it."""
    folder = shlex.quote(run.folder.as_posix())
    again = shlex.quote(f"{run.folder.as_posix()}-again")
    config = shlex.quote((run.folder / "config.yaml").as_posix())
    own = flag(str(_mapping(run.config.get("game")).get("system", "")))
    started = run.environment.get("command")
    words = [str(word) for word in _listing(started)]
    lines = [f"# started with\n{shlex.join(words) if words else started}"] if started else []
    lines += [
        "# the same run again, from its complete settings\n"
        f"ganvas train {config}{own} --out {again}",
        f"# continue to the horizon\nganvas resume {folder}{own}",
        f"# 64 new samples\nganvas sample {folder}{own} --count 64 --seed 0 --out samples.png",
        f"# measure\nganvas evaluate {folder}{own} --json",
    ]
    environment = [
        (escape(key.replace("_", " ")), escape(_plain(value)))
        for key, value in run.environment.items()
        if key != "command"
    ]
    block = "\n\n".join(lines)
    return f"<pre>{escape(block)}</pre>" + _details("Made with", _table((), environment))


def _settings(run: Run) -> str:
    text = run.config_text.strip()
    return _details("config.yaml", f"<pre>{escape(text)}</pre>") if text else ""


# ---- pieces -----------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """Write a length of time as people do: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def _details(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>{content}</details>" if content else ""


def _grid(drawn: Iterable[str]) -> str:
    charts_ = "".join(f'<div class="chart">{chart}</div>' for chart in drawn)
    return f'<div class="charts">{charts_}</div>' if charts_ else ""


def _bullets(lines: Sequence[str], *, escaped: bool = False) -> str:
    items = "".join(f"<li>{line if escaped else escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; empty columns are left out."""
    if not rows:
        return ""
    kept = [i for i in range(len(rows[0])) if any(row[i] for row in rows)]
    lines = ["".join(f"<th>{head[i]}</th>" for i in kept)] if head else []
    lines += ["".join(f"<td>{row[i]}</td>" for i in kept) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table>{body}</table></div>'


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


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
