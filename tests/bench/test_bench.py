"""The benchmark runs, goes on where it was, and keeps one row for each run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ganvas import bench
from ganvas.api.environment import machine
from ganvas.bench import METHODS, PRESETS, Job, append, plan, read_rows
from ganvas.bench import tables as bench_tables
from ganvas.bench.coverage import watched
from ganvas.bench.runner import attempt
from ganvas.bench.tables import PUBLISHED, Tier, default_preset
from ganvas.cli.app import run as cli
from ganvas.data.domains.points import Points
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError, UsageError
from ganvas.metrics.of import measures_of
from ganvas.metrics.of.law import LawMeasures
from ganvas.play import build
from ganvas.training.folder import RunFolder
from ganvas.training.lock import LOCK, Holder

POINT_PRESETS = ("toyV", "toyV_torch", "toyU", "toyP")
TINY = Tier(points=20, stacked=10, seeds=2)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tier of few rounds, measured by few samples: exact transport takes their cube."""
    monkeypatch.setitem(bench_tables.TIERS, "tiny", TINY)
    monkeypatch.setattr(LawMeasures, "customary", (200, 300))


def present() -> list[str]:
    """Return the methods whose systems are here."""
    found = []
    for name in METHODS:
        try:
            Job("ring8", name, "toyV", "smoke", 0).recipe()
            found.append(name)
        except GanvasError:
            continue
    return found


@pytest.mark.usefixtures("tiny")
def test_a_finished_run_is_a_row_and_is_not_repeated(tmp_path: Path) -> None:
    results, said = tmp_path / "rows.jsonl", list[str]()
    jobs = plan(["ring8"], ["nsgan", "pacgan"], [], "tiny", 1)
    fresh = bench.run(jobs, results, tmp_path / "runs", say=said.append)
    assert [row["method"] for row in fresh] == ["nsgan", "pacgan"]
    row = read_rows([results])[0]
    assert row["rounds"] == 20
    assert row["samples"] == [200, 300]
    assert row["sample_seed"] == 777
    assert len(row["histogram"]) == 8
    assert sum(row["histogram"]) == round(row["scores"]["300"]["hq"] * 3)
    assert set(row["scores"]["200"]) >= {"modes_strict", "kl_modes", "jsd_grid", "w1_excess"}
    assert row["commit"]
    assert row["machine"] == machine()
    assert bench.run(jobs, results, tmp_path / "runs", say=said.append) == []
    assert said[-1] == "0 of 2 runs to do"


@pytest.mark.usefixtures("tiny")
def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    from ganvas import api

    job = Job("ring8", "nsgan", "toyV", "tiny", 0)
    recipe = job.recipe()
    mark = job.fingerprint(recipe)
    train = recipe.train.model_copy(update={"stop_at": 10})
    stopped = recipe.model_copy(update={"train": train})
    api.train(stopped, tmp_path / "a" / f"{job.name}-{mark}", quiet=True)
    resumed, whole = attempt(job, mark, tmp_path / "a"), attempt(job, mark, tmp_path / "b")
    assert resumed["rounds"] == whole["rounds"] == 20
    assert resumed["scores"] == whole["scores"]


@pytest.mark.usefixtures("tiny")
def test_a_run_that_is_interrupted_is_no_row(tmp_path: Path) -> None:
    results = tmp_path / "rows.jsonl"
    jobs = plan(["ring8"], ["nsgan"], [], "smoke", 1)

    def interrupt() -> None:
        if within(60, lambda: any(run.rows() for run in folders(tmp_path / "runs"))):
            signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        bench.run(jobs, results, tmp_path / "runs")
    thread.join()
    assert read_rows([results]) == []
    assert [0 < last_saved(run) < 2000 for run in folders(tmp_path / "runs")] == [True]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "to_all"), [("KILL", False), ("TERM", False), ("INT", True)])
def test_workers_save_and_stop_when_their_parent_does(
    tmp_path: Path, name: str, to_all: bool
) -> None:
    words = ["bench", "modes", "--tier", "smoke", "--data", "ring8", "--method", "nsgan"]
    words += ["--method", "gan", "--jobs", "2", "--out", str(tmp_path / "runs")]
    words += ["--results", str(tmp_path / "rows.jsonl")]
    parent = subprocess.Popen(
        [sys.executable, "-m", "ganvas", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def runs() -> list[RunFolder]:
        return folders(tmp_path / "runs")

    assert within(60, lambda: len(runs()) == 2 and all(run.rows() for run in runs()))
    number = getattr(signal, f"SIG{name}")
    if to_all:  # as a terminal does
        os.killpg(parent.pid, number)
    else:
        parent.send_signal(number)
    assert within(60, lambda: all("interrupted" in str(run.rows()[-1]) for run in runs()))
    assert all(0 < last_saved(run) < 2000 for run in runs())
    assert within(30, lambda: parent.poll() is not None)
    assert within(30, lambda: not alive(parent.pid))
    _, said = parent.communicate()
    if name != "KILL":
        assert parent.returncode == 128 + number
        assert said.splitlines()[0].startswith("error: interrupted: rows are in")
        assert "Traceback" not in said


@pytest.mark.slow
def test_a_killed_worker_takes_no_other_along(tmp_path: Path) -> None:
    said: list[str] = []
    seeds = plan(["ring8"], ["nsgan"], [], "smoke", 2)
    names = [job.name for job in seeds]

    def kill(name: str, after: int = 0) -> int:
        """Kill whoever works on a job when it has written so many rows; return how many it has."""
        run = next(run for run in folders(tmp_path / "runs") if name in run.path.name)
        assert within(120, lambda: len(run.rows()) > after)
        holder = Holder.read(run.path / LOCK)
        assert holder is not None
        os.kill(holder.pid, signal.SIGKILL)
        return len(run.rows())

    def kill_when_begun() -> None:
        if within(120, lambda: len(folders(tmp_path / "runs")) == 2):
            kill(names[0])
            kill(names[1], kill(names[1]))

    thread = threading.Thread(target=kill_when_begun)
    thread.start()
    rows = bench.run(
        seeds, tmp_path / "rows.jsonl", tmp_path / "runs", processes=2, say=said.append
    )
    thread.join()
    found = {row["seed"]: row for row in rows}
    assert "error" not in found[0]
    assert found[1]["error"] == "its process was killed 2 times"
    assert sum("another one goes on" in line for line in said) == 2


def alive(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def folders(out: Path) -> list[RunFolder]:
    return [RunFolder(path) for path in out.glob("*")]


def last_saved(run: RunFolder) -> int:
    return int(run.list_checkpoints()[-1].stem)


def within(seconds: float, true: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.usefixtures("tiny")
def test_a_failure_is_a_row_and_is_retried_only_on_request(tmp_path: Path) -> None:
    results = tmp_path / "rows.jsonl"
    job = Job("ring8", "nsgan", "toyV", "tiny", 0)
    mark = job.fingerprint(job.recipe())
    failed = {"data": "ring8", "method": "nsgan", "preset": "toyV", "tier": "tiny", "seed": 0}
    append(results, {**failed, "settings": mark, "error": "diverged"})
    assert bench.run([job], results, tmp_path / "runs") == []
    assert len(bench.run([job], results, tmp_path / "runs", retry=True)) == 1
    (row,) = read_rows([results])
    assert "error" not in row


def test_rows_of_several_files_are_one_table_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    base = {"data": "ring8", "method": "gan", "preset": "toyV", "tier": "cpu"}
    append(tmp_path / "a", {**base, "seed": 0, "value": 1})
    append(tmp_path / "b", {**base, "seed": 0, "value": 2})
    append(tmp_path / "b", {**base, "seed": 1, "value": 3})
    with (tmp_path / "b").open("a") as file:
        file.write('{"data": "ri')
    rows = read_rows([tmp_path / "a", tmp_path / "b", tmp_path / "none"])
    assert [row["value"] for row in rows] == [2, 3]
    (tmp_path / "c").write_text("nonsense\n" + json.dumps({**base, "seed": 0}) + "\n")
    with pytest.raises(UsageError, match="line 1, is no row"):
        read_rows([tmp_path / "c"])


def test_all_methods_of_a_preset_share_networks_batch_and_updates() -> None:
    recipes = {name: Job("grid25", name, "toyV", "cpu", 3).recipe() for name in present()}
    assert len(recipes) >= 15
    for name, recipe in recipes.items():
        assert recipe.train.rounds == 10_000
        assert recipe.train.batch == 256
        assert recipe.seed == 3
        assert recipe.data.source == "grid25"
        assert recipe.train.average is None
        generator = recipe.game.model_dump()["generator"]
        assert generator["widths"] == (128, 128), name
        assert recipe.game.model_dump()["latent"]["dim"] == 255


@pytest.mark.parametrize("data", ["ring8", "grid25", "rand25", "cube27", "mix1200"])
def test_all_methods_see_the_law_in_its_own_units(data: str) -> None:
    for name in present():
        domain = open_data(Job(data, name, "toyV", "cpu", 0).recipe().data).spec.domain
        assert isinstance(domain, Points)
        assert (domain.scale, set(domain.shift)) == (1, {0}), name


def test_an_option_that_is_off_changes_no_fingerprint() -> None:
    job = Job("ring8", "nsgan", "toyV", "cpu", 0)
    recipe = job.recipe()
    mark = job.fingerprint(recipe)
    assert len(mark) == 12
    other = recipe.model_copy(update={"seed": 1})
    assert job.fingerprint(other) != mark
    quiet = recipe.train.model_copy(update={"keep": 7})
    assert job.fingerprint(recipe.model_copy(update={"train": quiet})) == mark


def test_every_method_and_preset_has_a_fingerprint_of_its_own() -> None:
    jobs = [Job("ring8", name, preset, "cpu", 0) for name in present() for preset in POINT_PRESETS]
    marks = {job.fingerprint(job.recipe()): job.name for job in jobs}
    assert len(marks) == len(jobs)  # gan and hinge differ in the kind of their objective only


def test_native_takes_the_methods_own_recipe() -> None:
    from ganvas.recipes import load_recipe

    native = Job("ring8", "r3gan", "native", "paper", 0).recipe()
    own = load_recipe("r3gan/ring8")
    assert native.game == own.game
    assert native.train.rounds == own.train.rounds


@pytest.mark.parametrize("method", ["nsgan", "wgan-gp", "r3gan"])
@pytest.mark.parametrize("preset", ["smD", "smU2", "smU4", "smR"])
def test_stacks_have_the_papers_networks_and_budgets(preset: str, method: str) -> None:
    recipe = Job("stacked_digits", method, preset, "paper", 0).recipe()
    updates = {"smD": 100_000, "smU2": 500_000, "smU4": 500_000, "smR": 78_125}
    batches = {"smD": 64, "smU2": 128, "smU4": 128, "smR": 256}
    assert (recipe.train.rounds, recipe.train.batch) == (updates[preset], batches[preset])
    build(recipe.game_type, recipe.game_config, open_data(recipe.data).spec, 0)


@pytest.mark.parametrize(("data", "preset"), [("digits_stack", "dig"), ("stacked_digits", "smD")])
def test_every_method_can_be_played_on_stacks(data: str, preset: str) -> None:
    for name in present():
        recipe = Job(data, name, preset, "cpu", 0).recipe()
        assert recipe.data.source == data
        open_data(recipe.data)
        if preset == "dig":
            assert recipe.game.model_dump()["generator"]["widths"] == (256, 256), name
            build(recipe.game_type, recipe.game_config, open_data(recipe.data).spec, 0)


def test_plans_go_seed_by_seed_and_know_their_names() -> None:
    jobs = plan(["ring8", "digits_stack"], ["gan", "nsgan"], [], "cpu", None)
    assert [job.seed for job in jobs] == [0] * 4 + [1] * 4 + [2] * 4
    assert {job.preset for job in jobs if job.data == "digits_stack"} == {"dig"}
    assert default_preset("smnist_fixed") == "smD"
    with pytest.raises(UsageError, match="no method 'nsgn'. Did you mean 'nsgan'"):
        plan(["ring8"], ["nsgn"], [], "cpu", 1)
    with pytest.raises(UsageError, match="no preset 'toyX'"):
        plan(["ring8"], ["gan"], ["toyX"], "cpu", 1)


def test_laws_are_measured_by_the_numbers_of_samples_of_the_papers() -> None:
    assert measures_of(open_data(DataSettings(source="ring8"))).customary == (2500, 10_000)


def test_what_was_watched_becomes_curve_best_and_date_of_full_coverage() -> None:
    rows = [{"round": r, "coverage/modes": m} for r, m in ((500, 3), (1000, 8), (1500, 7))]
    found = watched([{"round": 100}, *rows], 8)
    assert found["curve"] == [[500, 3], [1000, 8], [1500, 7]]
    assert found["best"] == {"round": 1000, "modes": 8}
    assert found["full_coverage"] == 1000
    assert watched(rows, 25)["full_coverage"] is None


def test_published_numbers_name_known_methods_and_sources() -> None:
    assert all(p.method in METHODS and p.source and p.status in "VM" for p in PUBLISHED)
    assert PRESETS["native"] == {}


def test_commands_refuse_wrong_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["bench", "modes", "--data", "ring9"]) == 2
    assert "Did you mean 'ring8'" in capsys.readouterr().err
    assert cli(["bench", "modes", "--shard", "3/2"]) == 2
    assert cli(["bench", "modes", "--tier", "cpus"]) == 2


def test_floors_are_those_of_the_sheet(capsys: pytest.CaptureFixture[str]) -> None:
    def printed(data: str, n: int) -> dict[str, float]:
        assert cli(["bench", "floor", "--data", data, "--n", str(n)]) == 0
        rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:] if line]
        return {row[0]: float(row[1]) for row in rows}

    ring = printed("ring8", 10_000)
    assert ring["hq"] == pytest.approx(98.889, abs=0.01)
    assert ring["modes"] == 8
    assert ring["jsd_grid"] == pytest.approx(0.0009, abs=0.0004)
    stacks = printed("digits_stack", 26_000)
    assert round(stacks["modes"]) == 1000
    assert stacks["kl_modes"] == pytest.approx(0.0194, abs=0.0009)
