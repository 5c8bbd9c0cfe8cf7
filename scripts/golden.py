"""Golden runs: 40 rounds of every kind of training, and what they come to, bit for bit.

The cases are in ``golden_runs/cases.yaml``: a recipe each, made small. A case leaves a file in
``tests/golden/``: one hash of all weights, buffers, optimiser states and moving averages, one of
the log's numbers, and a line per tensor that says how large a difference is. The hash is of
contents alone, sorted, so tensors may be renamed; the lines carry names for people. Sums in another
order change the last bits, so hashes are of one kind of machine, on one thread.

Usage (NAME: a case, or how several begin; without any, all):
    python scripts/golden.py record [NAME ...]      play, and write tests/golden/NAME.json
    python scripts/golden.py check [NAME ...]       play, and say what differs from there
    python scripts/golden.py compare A B [NAME ...] [--double]
                                                    play two checkouts, and say how far apart
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
# Before torch is imported: the number of threads decides the order of sums.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import json
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.numpy import save_file
from torch import Tensor

from scripts.golden_runs.apart import LIMITS, compare_dumps
from scripts.golden_runs.double import precision
from scripts.golden_runs.files import FILES
from scripts.golden_runs.traces import Rows, Trace, Tree, differences, digest, hashed, hexed

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "scripts" / "golden_runs" / "cases.yaml"
GOLDEN = ROOT / "tests" / "golden"

Tensors = dict[str, Tensor]


# ---- the one door into ganvas -------------------------------------------------------------------


def play(recipe: str, settings: Tree, folder: Path) -> tuple[Tree, Rows]:
    """Train a recipe with changes into a new run folder; return its state and its log.

    The state is nested, its tensors in the parts ``game`` (weights and buffers), ``average`` and
    ``optimisers``.
    """
    import ganvas
    from ganvas.recipes import load_recipe
    from ganvas.training.folder import RunFolder

    ending = ganvas.train(load_recipe(recipe, words(settings)), folder, quiet=True)
    if ending.outcome not in ("finished", "stopped"):
        sys.exit(f"{recipe} ended at round {ending.rounds} ({ending.outcome}): not recorded")
    run = RunFolder.open(folder)
    state, problems = run.load_checkpoint()
    if state is None:
        raise RuntimeError(f"{folder} has no checkpoint that can be read: {problems}")
    optimisers = state["turns"]["optimisers"]
    parts = {"game": state["game"], "average": state["average"], "optimisers": optimisers}
    # What is said at the start names the processor.
    return parts, [row for row in run.rows() if row.get("event") != "start"]


def words(case: Tree) -> list[str]:
    """Return a case's changes to its recipe as ``key=value``."""
    parts = (part for part in case if part != "recipe")
    return [f"{part}={json.dumps(case[part])}" for part in parts]


def source() -> Path:
    """Return the folder of the ganvas that is played."""
    import ganvas

    return Path(ganvas.__file__).resolve().parent


# ---- cases --------------------------------------------------------------------------------------


def table() -> dict[str, Tree]:
    """Return all cases by name: a recipe, and changes to its parts (data, game, train)."""
    text: Tree = yaml.safe_load(TABLE.read_text("utf-8"))
    return {name: merged(text["all"], case) for name, case in text["cases"].items()}


def merged(below: Tree, above: Tree) -> Tree:
    """Return two nested settings in one, ``above`` on top."""
    both = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            both[key] = merged(below[key], above[key])
    return both


def chosen(names: Sequence[str]) -> dict[str, Tree]:
    """Return the cases of these names, or whose names begin so; all without any."""
    cases = table()
    found: set[str] = set() if names else set(cases)
    for name in names:
        like = {name} & cases.keys() or {case for case in cases if case.startswith(name)}
        if not like:
            sys.exit(f"no case begins with '{name}'; the cases are {', '.join(cases)}")
        found |= like
    return {name: case for name, case in cases.items() if name in found}


def run(case: Tree, **train: Any) -> tuple[Tensors, Rows]:
    """Play a case with further settings of training; return its tensors and log rows.

    Rows keep numbers and kinds of events; times, speeds and messages are left out.
    """
    case = merged(case, {"train": train})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if (source := case.get("data", {}).get("source")) in FILES:
            case = merged(case, {"data": {"source": str(FILES[source](folder))}})
        state, rows = play(case["recipe"], case, folder / "run")
    return dict(tensors(state)), [numbers_of(row) for row in rows]


def tensors(tree: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Give name and content of every tensor in a nested state; the first part is its role."""
    if isinstance(tree, Tensor):
        yield name, tree
    elif isinstance(tree, Mapping | list | tuple):
        for key, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
            yield from tensors(value, f"{name}.{key}" if name else str(key))


def numbers_of(row: Tree) -> Tree:
    """Return what of a log row does not depend on the machine's speed or on words."""
    timed = ("time", "img_per_s", "gpu_gib", "progress")  # progress follows from the round
    return {
        key: value
        for key, value in row.items()
        if key not in timed and (key == "event" or isinstance(value, int | float))
    }


# ---- what is kept of a run ----------------------------------------------------------------------


def record_of(case: Tree) -> Tree:
    """Play a case, and return all that its file holds."""
    found, rows = run(case)
    traces = {name: Trace.of(name, tensor) for name, tensor in found.items()}
    log = [{k: hexed(v) if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    return {
        "machine": machine(),
        "case": case,
        "state": digest(traces),
        "log": hashed(log),
        "tensors": {name: str(trace) for name, trace in traces.items()},
        "rows": log,
    }


def machine() -> Tree:
    """Return what decides the order of sums: processor, its instructions, versions, threads."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    said = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    wanted = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile")
    switches = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS")
    return {
        "processor": said.get("model name", platform.processor()),
        "family": f"{said.get('cpu family')}.{said.get('model')}",
        "instructions": sorted(set(wanted) & set(said.get("flags", "").split())),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__.partition("+")[0],
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "switches": {name: os.environ[name] for name in switches if name in os.environ},
    }


# ---- commands -----------------------------------------------------------------------------------


def record(names: Sequence[str], folder: Path) -> int:
    """Play cases and write their files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, case in chosen(names).items():
        began, path = time.monotonic(), folder / f"{name}.json"
        made = record_of(case)
        changed = [] if not path.exists() else differences(json.loads(path.read_text()), made)
        path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
        tell(name, began, changed, "recorded")
    return 0


def check(names: Sequence[str], folder: Path) -> int:
    """Play cases; return 1 if any differs from its file, 2 if that is of another machine."""
    cases = chosen(names)
    failed = 0
    if not names and (left := {p.stem for p in folder.glob("*.json")} - cases.keys()):
        failed = 1
        print(f"no case any more: {', '.join(sorted(left))}")
    for name, case in cases.items():
        began, path = time.monotonic(), folder / f"{name}.json"
        if not path.exists():
            failed = 1
            print(f"{name:40} was never recorded")
            continue
        old = json.loads(path.read_text("utf-8"))
        if old["machine"] != (here := machine()):
            print(f"{name} was recorded on {old['machine']}, and this is {here}: not comparable")
            return 2
        found = differences(old, record_of(case))
        tell(name, began, found, "the same")
        failed = failed or bool(found)
    return int(failed)


def tell(name: str, began: float, found: Sequence[str], good: str, most: int = 8) -> None:
    """Print one line for a case, and one for each difference."""
    what = f"{len(found)} differences" if found else good
    print(f"{name:40} {what} ({time.monotonic() - began:.1f} s)", flush=True)
    for line in found[:most]:
        print(f"    {line}")
    if len(found) > most:
        print(f"    and {len(found) - most} more")


def dump(names: Sequence[str], folder: Path, double: bool) -> int:
    """Play cases to their first round and to their end, and write their tensors."""
    print(f"playing {source()}", flush=True)
    for name, case in chosen(names).items():
        for rounds, settings in ((1, {"stop_at": 1}), (40, {})):
            with precision(double):
                found, _ = run(case, **settings)
            arrays = {key: tensor.detach().contiguous().numpy() for key, tensor in found.items()}
            save_file(arrays, folder / f"{name}.{rounds}.safetensors")
    return 0


def compare(trees: Sequence[Path], names: Sequence[str], double: bool) -> int:
    """Play two checkouts, and print how far apart they are; return 1 if further than `LIMITS`.

    Each is played by its own script and table, or by these if it has none.
    """
    with tempfile.TemporaryDirectory() as name:
        for side, tree in zip("ab", trees, strict=True):
            root = tree.resolve().parent if tree.name == "src" else tree.resolve()
            script = root / "scripts" / "golden.py"
            script = script if script.exists() else Path(__file__).resolve()
            (Path(name) / side).mkdir()
            command = [sys.executable, script, "dump", Path(name) / side, *names]
            command += ["--double"] if double else []
            environment = {**os.environ, "PYTHONPATH": str(root / "src")}
            subprocess.run(command, check=True, env=environment, cwd=name)
        worst = compare_dumps(Path(name) / "a", Path(name) / "b")
    for rounds, apart in worst.items():
        print(f"largest after {rounds:2} rounds: {apart.size:.1e} {apart.where}")
    return int(double and any(worst[rounds].size > limit for rounds, limit in LIMITS.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("record", "check"):
        command = commands.add_parser(name)
        command.add_argument("--folder", type=Path, default=GOLDEN)
    commands.add_parser("dump").add_argument("folder", type=Path)
    commands.add_parser("compare").add_argument("trees", type=Path, nargs=2, metavar="CHECKOUT")
    for name, command in commands.choices.items():
        command.add_argument("names", nargs="*", metavar="NAME")
        if name in ("dump", "compare"):
            command.add_argument("--double", action="store_true")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    match given.command:
        case "record":
            return record(given.names, given.folder)
        case "check":
            return check(given.names, given.folder)
        case "dump":
            return dump(given.names, given.folder, given.double)
        case _:
            return compare(given.trees, given.names, given.double)


if __name__ == "__main__":
    sys.exit(main())
