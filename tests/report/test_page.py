"""The page is whole, well-formed and self-contained, whatever of the run is there."""

from __future__ import annotations

import base64
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError
from PIL import Image

from ganvas.bench.page import Part
from ganvas.errors import UsageError
from ganvas.gallery.page import write_page
from ganvas.report import html, write_report
from ganvas.report.charts import Series
from ganvas.report.curves import by_scale, charts
from ganvas.report.page import render
from ganvas.report.run import LARGEST, read_run
from ganvas.report.svg import DARK, PALETTE

VOID = {"meta", "img", "br", "link"}
EVIL = "<script>alert(1)</script>\"'&"


class Checker(HTMLParser):
    """Collects tags, attributes and text, and insists that every tag is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def write_run(folder: Path, **extra: Any) -> Path:
    """Write a small but complete run."""
    (folder / "samples").mkdir(parents=True)
    rows = [
        {
            "round": r,
            "kimg": r * 0.064,
            "stage": "main",
            "time": r / 2,
            "img_per_s": 128.0,
            "loss/critic": 1 / r,
            "loss/generator": 0.5,
            "grad_norm/critic": 2.0 + r,
            "coverage/modes": 8.0,
            "penalty/r1": 0.1,
        }
        for r in range(10, 210, 10)
    ]
    rows.insert(7, {"round": 80, "event": "warning", "message": f"collapse suspected {EVIL}"})
    log = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metrics.jsonl").write_text(log + '{"round": 210, "kim')  # killed while writing
    (folder / "config.yaml").write_text(f"name: r3gan/ring8\nabout: {json.dumps(EVIL)}\nseed: 3\n")
    for r in (0, 50, 100, 150, 200):
        Image.new("L", (2, 2), r).save(folder / "samples" / f"{r:09d}.png")
    protocol = {"metric": "kl", "samples": 500, "reference": "ring8", "settings": [["radius", "3"]]}
    evaluation = {
        "verdict": {"name": "healthy", "evidence": ["8 of 8 modes", EVIL]},
        "scores": {
            "kl": {"value": 0.125, "spread": 0.01, "floor": 0.05, "protocol": protocol},
            "class_share_0[digits]": {"value": 0.25, "protocol": protocol},
            "class_share_1[digits]": {"value": 0.75, "protocol": protocol},
        },
    }
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    environment = {"torch": "2.13", "cores": 2, "command": ["ganvas", "train", "my data/x.yaml"]}
    (folder / "environment.json").write_text(json.dumps(environment))
    for name, content in extra.items():
        (folder / name.replace("_", ".")).write_text(content)
    return folder


def test_the_page_tells_the_whole_run(run_folder: Path) -> None:
    path = write_report(write_run(run_folder))
    assert path == run_folder / "report.html"
    text = Checker(path.read_text("utf-8")).text
    for words in (
        "r3gan/ring8",
        "healthy",
        "8 of 8 modes",
        "0.125 ± 0.01",
        "samples 500, reference ring8, radius 3",
        "warning",
        "at round 80: collapse suspected",
        "0: 0.25",  # the bar of class 0
        "12.8k",  # real samples seen: 200 rounds of 64
        "1 min 40 s",
        "round 200",
        "seed: 3",
        "ganvas train 'my data/x.yaml'",
        f"ganvas resume {run_folder}",
        f"ganvas train {run_folder}/config.yaml --out {run_folder}-again",
    ):
        assert words in text, words


def test_the_page_loads_nothing_from_elsewhere(run_folder: Path) -> None:
    page = write_report(write_run(run_folder)).read_text("utf-8")
    checker = Checker(page)
    assert not {"script", "link", "iframe", "object", "form"} & set(checker.tags)
    links = [v for n, v in checker.attributes if n in ("src", "href", "srcset", "action", "data")]
    assert links
    assert all(value.startswith("data:image/png;base64,") for value in links)
    assert not re.search(r"https?://|@import|url\(", page)
    assert not [n for n, _ in checker.attributes if n.startswith("on")]


def test_first_middle_and_last_samples_are_shown(run_folder: Path) -> None:
    checker = Checker(write_report(write_run(run_folder)).read_text("utf-8"))
    shown = [v.partition(",")[2] for n, v in checker.attributes if n == "src"]
    files = [run_folder / "samples" / f"{r:09d}.png" for r in (0, 100, 200)]
    assert [base64.b64decode(data) for data in shown] == [file.read_bytes() for file in files]


def test_hostile_text_stays_text(run_folder: Path) -> None:
    page = write_report(write_run(run_folder)).read_text("utf-8")
    assert "<script" not in page
    assert (
        Checker(page).text.count(EVIL) == 3
    )  # about, evidence, event; YAML has it with backslashes


def test_every_series_is_drawn_once(run_folder: Path) -> None:
    leading, others = charts(read_run(write_run(run_folder)))
    everything = "".join(leading + others)
    assert [re.findall(r'aria-label="(.*?)"', chart)[0] for chart in leading] == [
        "Losses",
        "Coverage: modes",
        "Gradient norms: critic",
        "Speed",
    ]
    assert len(re.findall('class="line c', everything)) == 6


@pytest.mark.parametrize(
    "missing", ["metrics.jsonl", "config.yaml", "evaluation.json", "environment.json", "samples"]
)
def test_a_missing_part_is_left_out(run_folder: Path, missing: str) -> None:
    part = write_run(run_folder) / missing
    if part.is_dir():
        for picture in part.iterdir():
            picture.unlink()
        part.rmdir()
    else:
        part.unlink()
    Checker(write_report(run_folder).read_text("utf-8"))


def test_a_run_stopped_at_once_still_has_a_page(run_folder: Path) -> None:
    run_folder.mkdir()
    checker = Checker(write_report(run_folder).read_text("utf-8"))
    assert "Nothing has been logged yet" in checker.text
    assert "svg" not in checker.tags


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config_yaml", "a: [1"),
        ("config_yaml", "- just\n- a list"),
        ("evaluation_json", "[]"),
        ("evaluation_json", '{"scores": [1], "verdict": "collapsed"}'),
        ("evaluation_json", '{"scores": {"fid": NaN, "kl": null, "class_share_0": 7}}'),
        ("environment_json", '{"a": {"b": [1, 2]}, "command": 3}'),
        ("metrics_jsonl", '\n[1]\n"x"\n{"loss": 3}\n{"round": "a"}\n{"round": 1, "loss/a": NaN}\n'),
        ("metrics_jsonl", '{"round": 1, "loss/a": Infinity, "flag": true}\n'),
    ],
)
def test_damaged_parts_do_no_harm(run_folder: Path, name: str, content: str) -> None:
    write_run(run_folder, **{name: content})
    Checker(write_report(run_folder).read_text("utf-8"))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run folder"):
        write_report(tmp_path / "none")


def test_the_log_is_read_as_series(run_folder: Path) -> None:
    run = read_run(write_run(run_folder))
    rounds, losses = run.series["loss/critic"]
    assert rounds == [float(r) for r in range(10, 210, 10)]
    assert losses == [1 / r for r in rounds]
    assert "stage" not in run.series
    assert [(e.round, e.kind) for e in run.events] == [(80, "warning")]
    assert run.rounds == 200
    assert run.last("coverage/modes") == 8
    assert run.last("unknown") is None


def test_curves_that_would_flatten_one_another_are_parted() -> None:
    def flat(name: str, level: float) -> Series:
        return Series(name, [0.0, 1.0], [0.0, level])

    count, share, zero, other = flat("n", 10), flat("s", 0.9), flat("z", 0), flat("o", -8)
    assert by_scale([count, share, zero, other], 4) == [[count, zero, other], [share]]
    wide = [Series("a", [0.0], [1e-3]), Series("b", [0.0], [1e3])]
    assert by_scale(wide, 4) == [wide]  # one logarithmic axis holds both


# ---- a run that somebody else made ------------------------------------------------------------


def test_nothing_outside_the_run_is_shown(run_folder: Path, tmp_path: Path) -> None:
    write_run(run_folder)
    secret = tmp_path / "secret.txt"
    secret.write_text("name: hidden words\n")
    picture = tmp_path / "private.png"
    Image.new("L", (3, 3), 77).save(picture)
    for name in ("config.yaml", "evaluation.json", "environment.json", "metrics.jsonl"):
        (run_folder / name).unlink()
        (run_folder / name).symlink_to(secret)
    for path in sorted((run_folder / "samples").iterdir()):
        path.unlink()
        path.symlink_to(picture)
    page = write_report(run_folder).read_text("utf-8")
    assert "hidden words" not in page
    assert "data:image" not in page


def test_a_linked_folder_of_samples_is_not_shown(run_folder: Path, tmp_path: Path) -> None:
    write_run(run_folder)
    (run_folder / "samples").rename(tmp_path / "elsewhere")
    (run_folder / "samples").symlink_to(tmp_path / "elsewhere")
    assert "data:image" not in write_report(run_folder).read_text("utf-8")


def test_only_plain_pictures_are_shown(run_folder: Path) -> None:
    write_run(run_folder)
    for path, r in zip(sorted((run_folder / "samples").iterdir()), range(5), strict=True):
        path.unlink()
        if r == 0:
            os.mkfifo(path)  # opening it would wait for ever
        elif r == 2:
            path.write_text("a private key, no picture")
        else:
            with path.open("wb") as file:
                file.truncate(LARGEST + 1)  # takes no room on the disk
    assert "data:image" not in write_report(run_folder).read_text("utf-8")


def test_the_report_is_not_written_through_a_link(run_folder: Path, tmp_path: Path) -> None:
    write_run(run_folder)
    precious = tmp_path / "precious"
    precious.write_text("dear")
    (run_folder / "report.html").symlink_to(precious)
    write_report(run_folder)
    assert precious.read_text() == "dear"
    assert not (run_folder / "report.html").is_symlink()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.jsonl", '{"round": NaN, "a": 1}\n{"round": 1e999, "event": 1}\n[1]\n'),
        ("metrics.jsonl", '{"round": 1, "a": 1' + "0" * 5000 + "}\n"),
        ("evaluation.json", '{"scores": {"kl": {"value": 1' + "0" * 5000 + '}}, "verdict": 3}'),
        ("evaluation.json", "[" * 100_000),
        ("config.yaml", "[" * 10_000),
        ("config.yaml", "name: [1]\nabout: {a: 1}\nseed: !!int x\n"),
    ],
)
def test_odd_files_leave_a_page(run_folder: Path, name: str, content: str) -> None:
    write_run(run_folder)
    (run_folder / name).write_text(content)
    Checker(write_report(run_folder).read_text("utf-8"))


# ---- the skeleton of all pages ----------------------------------------------------------------


def test_every_page_is_whole_by_itself_and_escapes_names(tmp_path: Path) -> None:
    numbers = {"item": "g7", "title": EVIL, "text": EVIL, "seed": 0}
    rows = [{"quantity": EVIL, "value": 1.0, "expected": "inf"}]
    (tmp_path / "g7.json").write_text(json.dumps({**numbers, "rows": rows}))
    (tmp_path / "g7.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    part = Part(EVIL, EVIL, EVIL, [EVIL], [[EVIL]], [EVIL], [], [(EVIL, "data:image/png;base64,")])
    pages = [
        html.page("benchmark.html", EVIL, "ganvas.bench", parts=[part]),
        write_page(tmp_path).read_text("utf-8"),
        write_report(write_run(tmp_path / "run")).read_text("utf-8"),
    ]
    for text in pages:
        checker = Checker(text)
        assert EVIL in checker.text
        assert "<script" not in text
        assert ("content", html.POLICY) in checker.attributes
        assert html.stylesheet() in text
        links = [v for n, v in checker.attributes if n in ("src", "href", "srcset", "action")]
        assert links
        assert all(value.startswith("data:") for value in links)


def test_a_word_that_a_template_lacks_is_an_error_and_no_gap() -> None:
    with pytest.raises(UndefinedError, match="parts"):
        html.page("benchmark.html", "title", "ganvas.bench")


def test_every_colour_is_there_for_light_and_for_dark() -> None:
    style = html.stylesheet()
    for i, (light, dark) in enumerate(zip(PALETTE, DARK, strict=True)):
        assert f"--c{i}: {light};" in style
        assert f"--c{i}: {dark};" in style.rpartition("@media (prefers-color-scheme: dark)")[2]
        assert f".c{i} {{ --c: var(--c{i}); }}" in style


GIF = b"GIF89a" + bytes(20)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(12)


def test_previews_of_every_kind_are_shown_and_nothing_that_only_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    files = {
        "000000000.svg": SVG,
        "000000005.gif": b"<html>",  # of a round that would be shown
        "000000006-mask.png": b"no picture",
        "000000006.gif": GIF,
        "000000006-film.mp4": MP4,
        "000000003.gif": GIF,
    }
    for name, content in files.items():
        (folder / "samples" / name).write_bytes(content)
    page = render(read_run(folder))
    tag = r'(?:alt|aria-label)="(round [^"]*)" src="data:([^;]*);base64,([^"]*)"'
    shown = re.findall(tag, page)
    assert [(caption, kind) for caption, kind, _ in shown] == [
        ("round 0", "image/svg+xml"),
        ("round 6", "image/gif"),
        ("round 6, film", "video/mp4"),
    ]
    assert [base64.b64decode(content) for *_, content in shown] == [SVG, GIF, MP4]
    assert page.count("<video") == 1
    assert "<script" not in page  # it is inside of a picture, where it does not run
    assert "media-src data:" in page
