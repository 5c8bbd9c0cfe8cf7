"""Tables of the benchmark: means, intervals, verdicts, orderings, and the page."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ganvas.bench.lines import Line, cell, lines, ordering
from ganvas.bench.page import cube, curves, page
from ganvas.bench.report import as_csv, as_json, markdown, write
from ganvas.errors import UsageError


def row(method: str, seed: int, modes: float, strict: float, hq: float = 50.0) -> dict[str, Any]:
    scores = {"modes": modes, "modes_strict": strict, "hq": hq, "kl_modes": 0.1, "jsd_grid": 0.3}
    floors = {"modes": 8.0, "hq": 98.9, "kl_modes": 0.001, "jsd_grid": 0.05}
    return {
        "data": "ring8",
        "method": method,
        "preset": "toyV",
        "tier": "cpu",
        "seed": seed,
        "samples": [2500, 10000],
        "scores": {"2500": scores, "10000": scores},
        "floors": {"2500": floors, "10000": floors},
        "rounds": 10000,
        "seconds": 20.0 + seed,
        "commit": "abc1234",
        "machine": "Linux x86_64",
        "torch": "2.13.0",
        "sample_seed": 777 + seed,
        "curve": [[500, modes / 2], [1000, modes]],
        "best": {"round": 1000, "modes": modes},
        "full_coverage": 1000 if modes == 8 else None,
        "histogram": [10] * 8,
        "generator_parameters": 49_538,
        "points": [[0.1, 0.2], [1.0, 0.0]] if seed == 0 else None,
    }


ROWS = [
    *(row("gan", seed, 1 + seed, 1) for seed in range(3)),
    *(row("unrolled", seed, 8, 6 + seed, hq=35.0) for seed in range(3)),
    *(row("veegan", seed, 8, 8, hq=60.0) for seed in range(3)),
]


def named(found: list[Line], method: str) -> Line:
    return next(line for line in found if line.method == method)


def test_means_and_intervals() -> None:
    found = cell([1.0, 2.0, 3.0])
    assert found is not None
    assert (found.mean, found.deviation, found.count) == (2.0, 1.0, 3)
    low, high = stats.t.interval(0.95, 2, loc=2.0, scale=1 / math.sqrt(3))
    assert found.half_width == pytest.approx((high - low) / 2)
    assert cell([]) is None
    single = cell([4.0])
    assert single is not None
    assert single.half_width == math.inf
    assert str(single) == "4"
    assert [str(cell([x])) for x in (0.12345, 996.4, 999.6, 1000.0)] == [
        *("0.123", "996", "1,000", "1,000")
    ]


def test_lines_are_grouped_ordered_and_less_their_floor() -> None:
    broken = {**row("wgan", 0, 0, 0), "error": "diverged"}
    found = lines([*reversed(ROWS), broken, {**row("gan", 5, 1, 1), "tier": "smoke"}], "cpu")
    assert [line.method for line in found] == ["gan", "unrolled", "veegan"]
    divergence = found[0].cell("jsd_grid")
    assert divergence is not None
    assert divergence.mean == pytest.approx(0.25)
    modes = found[0].cell("modes")
    assert modes is not None
    assert modes.mean == 2.0


def test_a_line_has_the_larger_sample_the_best_look_and_the_median_of_times() -> None:
    rows = [row("gan", seed, 3, 2) for seed in range(3)]
    for one, seconds in zip(rows, (10.0, 30.0, 200.0), strict=True):
        one["scores"] = {"2500": one["scores"]["2500"] | {"hq": 1.0}, "10000": {"hq": 40.0}}
        one |= {"seconds": seconds, "best": {"round": 777, "modes": 5.0}}
    (line,) = lines(rows, "cpu")
    assert str(line.cell("hq")) == "40 ± 0"
    assert line.cell("modes") is None
    header, _, cells = [
        [word.strip() for word in text.strip("|").split("|")]
        for text in markdown([line]).splitlines()
        if text.startswith("|")
    ]
    found = dict(zip(header, cells, strict=True))
    assert (found["s/run"], found["best modes"]) == ("30", "5 ± 0")


def test_verdicts_against_published_numbers() -> None:
    found = lines(ROWS, "cpu")
    # VEEGAN: published 8 modes and 52.9 %; ours 8 and 60 without spread, 5 % of 52.9 is 2.6.
    assert named(found, "veegan").verdict == "modes: within noise, hq: beats"
    assert named(found, "unrolled").verdict == "modes: beats, hq: within noise"
    assert "hq: below" in named(found, "gan").verdict
    assert lines([row("vbn", 0, 1, 1)], "cpu")[0].verdict == "no published number"


@pytest.mark.parametrize(("kl", "word"), [(0.01, "beats"), (0.5, "below")])
def test_a_smaller_divergence_is_the_better_one(kl: float, word: str) -> None:
    # PacGAN on stacks: published 1,000 modes and a divergence of 0.06.
    one = row("pacgan", 0, 1000, 1000) | {"data": "smnist_fixed"}
    one["scores"]["10000"]["kl_modes"] = kl
    assert lines([one], "cpu")[0].verdict == f"modes: within noise, kl_modes: {word}"


def test_what_papers_counted_otherwise_is_compared_by_their_rule() -> None:
    # Literally within 10 σ there is no sample of the law itself, so our own columns ask for its
    # shell; the published 5.5 modes and 28.29 % of VEEGAN are literal.
    tight = row("veegan", 0, 0, 0)
    for n in ("2500", "10000"):
        tight["scores"][n] = {"modes": 0, "hq_cal": 0, "modes_literal": 8, "hq10_literal": 20}
        tight["floors"][n] = {"modes": 10, "hq_cal": 99.8, "hq10_literal": 0, "kl_modes": 0.001}
    found = lines([tight | {"data": "mix1200"}], "cpu")
    assert found[0].verdict == "modes: beats, hq: below"
    text = markdown(found)
    assert "A perfect generator: HQ 99.8, within 10 σ 0, KL 0.001. Papers count" in text
    assert "| modes within 10 σ | within 10 σ % |" in text
    assert "JSD grid − floor" not in text  # no run has it


def test_orderings_by_welchs_interval() -> None:
    found = lines(ROWS, "cpu")
    assert ordering(found, "gan", "unrolled", "modes_strict").startswith("gan < unrolled: holds")
    assert "not decided" in ordering(found, "unrolled", "veegan", "modes_strict")
    assert "does not hold" in ordering(found, "veegan", "gan", "modes_strict")
    assert "not measured" in ordering(found, "gan", "ali", "modes_strict")
    a, b = [1.0, 2.0, 4.0], [3.0, 5.0, 9.0]
    test = stats.ttest_ind(b, a, equal_var=False)
    half = test.confidence_interval(0.95).high - (sum(b) - sum(a)) / 3
    rows = [
        *(row("gan", i, 1, v) for i, v in enumerate(a)),
        *(row("ali", i, 1, v) for i, v in enumerate(b)),
    ]
    assert f"± {half:.2f}" in ordering(lines(rows, "cpu"), "gan", "ali", "modes_strict")


def test_markdown_says_its_protocol_and_csv_holds_numbers() -> None:
    found = lines(ROWS, "cpu")
    text = markdown(found)
    assert "10,000 generator updates, last iterate, 10,000 samples" in text
    assert "`abc1234`" in text
    two = [{**r, "machine": f"Linux x86_64, processor {r['seed'] % 2}, AVX2"} for r in ROWS]
    assert "Linux x86_64, processor 0, AVX2 and Linux x86_64, processor 1" in markdown(
        lines(two, "cpu")
    )
    assert "A perfect generator: HQ 98.9, KL 0.001, JSD grid 0.05." in text
    assert "| 1,000 (3 of 3) |" in text
    assert "8 modes, HQ 52.9 (VEEGAN, table 1, V)" in text
    table = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert float(table[0]["modes_mean"]) == 2.0
    assert float(table[0]["modes_std"]) == 1.0
    (first, *_) = json.loads(as_json(found))
    assert first["measures"]["modes"] == {"mean": 2.0, "std": 1.0, "seeds": 3}
    assert first["published"]["source"] == "VEEGAN, table 1"
    assert "| 49,538 |" in text
    assert markdown([]) == "No finished runs of this tier."
    staged = markdown(lines([row("diwgan", 0, 8, 8) | {"rounds": 13_001}], "cpu"))
    assert "10,000 generator updates (13,001 rounds with the stages before the game)" in staged


def test_recipes_of_their_own_length_say_so() -> None:
    own = [{**r, "preset": "native", "tier": "paper"} for r in ROWS[:2]]
    table = markdown(lines(own, "paper"))
    assert "As many rounds as each recipe has, at most 10,000, last iterate" in table


def test_stacks_have_their_modes_along_training() -> None:
    stacked = [
        {**r, "data": "digits_stack", "preset": "dig"} for r in ROWS if r["method"] != "veegan"
    ]
    later = [[r + 500, modes] for r, modes in stacked[-1]["curve"]]
    staged = {**stacked[-1], "method": "diwgan", "seed": 0, "curve": later}
    table = markdown(lines([*stacked, staged], "cpu"))
    assert "| modes after rounds | 500 | 1,000 | 1,500 |" in table
    assert "| gan | 1 | 2 | – |" in table  # means of 1, 2 and 3, and of half as many
    assert "| diwgan | – | 4 | 8 |" in table
    assert "modes after rounds" not in markdown(lines(ROWS, "cpu"))


def test_a_misspelt_tier_is_no_empty_report() -> None:
    with pytest.raises(UsageError, match=r"no tier 'cpux'\. Did you mean 'cpu'\?"):
        write(ROWS, "cpux", None)


def test_the_page_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "a" / "modes.html"
    assert write(ROWS, "cpu", out) == str(out)
    page = out.read_text()
    assert page.count("<figure>") == 1 + 3  # the law, three methods
    assert page.count("<svg ") == 1  # curves
    assert 'src="data:image/png;base64,' in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    with pytest.raises(UsageError, match=r"expected a \.md, \.csv, \.json or \.html"):
        write(ROWS, "cpu", tmp_path / "modes.txt")


def test_cubes_show_how_often_each_mode_of_a_stack_was_met() -> None:
    counts = np.zeros(1000)
    counts[105] = 2.0  # digits 1, 0, 5: plane 1, row 0, column 5
    stack = row("gan", 0, 1, 1) | {"data": "digits_stack", "preset": "dig", "points": None}
    stack["histogram"] = counts.tolist()
    picture = np.asarray(cube(stack))
    dark = np.argwhere(picture < 128)
    ((top, left), edge) = dark.min(0), dark.max(0)[0] - dark.min(0)[0] + 1
    step = edge * 10 + 2  # a plane of ten cells and the gap beside it
    assert (left // step, left % step // edge, top % step // edge) == (1, 5, 0)
    assert "digits_stack, networks dig" in page(lines([stack], "cpu"))


def test_curves_are_means_over_seeds() -> None:
    (chart,) = curves(lines(ROWS, "cpu"))
    assert "Modes during training" in chart
    assert all(name in chart for name in ("gan", "unrolled", "veegan"))
