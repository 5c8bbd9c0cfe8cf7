"""``ganvas bench``: methods against methods, under one protocol."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.options import Game
from ganvas.cli.speech import say, table
from ganvas.errors import HaltedError
from ganvas.given import require_folder, require_place

if TYPE_CHECKING:
    from ganvas.bench.trial import Trial

RESULTS = Path("benchmarks/results/modes.jsonl")
SPEEDS = Path("benchmarks/results/speed.jsonl")
STABILITY = Path("benchmarks/results/stability.jsonl")

bench = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Compare methods by modes and by networks that they train; time training.\n\n"
    "Example: ganvas bench modes --tier smoke --data ring8",
)

Results = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help=f"JSON lines of results; by default {RESULTS}."),
]
Kept = Annotated[
    Path, typer.Option(metavar="FILE", help="JSON lines of results; rows there are kept.")
]
Methods = Annotated[list[str] | None, typer.Option(help="A method; may be repeated. Default: all.")]
Seeds = Annotated[int | None, typer.Option(help="How many; by default as the tier says.", min=1)]
Jobs = Annotated[int, typer.Option(help="Runs at a time, each on one thread.", min=1)]
Shard = Annotated[
    str, typer.Option(metavar="I/N", help="Only every N-th run, from the I-th: for N hosts.")
]
Retry = Annotated[bool, typer.Option("--retry", help="Run again what failed.")]


@bench.command()
def modes(
    data: Annotated[
        list[str] | None, typer.Option(help="A data set; may be repeated. Default: the mixtures.")
    ] = None,
    method: Methods = None,
    preset: Annotated[
        list[str] | None,
        typer.Option(
            help="Networks and rates: toyV, toyV_torch, toyU, toyP, dig, smD, smU2, smU4, smR, "
            "or native."
        ),
    ] = None,
    tier: Annotated[str, typer.Option(help="Budget: smoke, cpu, paper or gpu.")] = "smoke",
    seeds: Seeds = None,
    jobs: Jobs = 1,
    shard: Shard = "1/1",
    out: Annotated[Path, typer.Option(help="Where the run folders go.")] = Path("runs/bench"),
    results: Kept = RESULTS,
    retry: Retry = False,
) -> None:
    """Train and measure what has no row yet; stop and start it as you like.

    Example: ganvas bench modes --tier cpu --data ring8 --method nsgan --method pacgan --jobs 2
    """
    from ganvas.bench import METHODS, plan
    from ganvas.bench.tables import DATA, MIXTURES, known

    chosen = [known("data set", name, DATA) for name in data or MIXTURES]
    work = plan(chosen, method or list(METHODS), preset or [], tier, seeds)
    first, of = _shard(shard)
    _run(work[first - 1 :: of], results, out, jobs, retry)


@bench.command()
def stability(
    which: Annotated[
        str,
        typer.Argument(metavar="SET", help="random, robustness, settings, generators or speed."),
    ],
    count: Annotated[
        int | None, typer.Option(help="Of random: how many architectures.", min=1)
    ] = None,
    method: Methods = None,
    tier: Annotated[
        str, typer.Option(help="Budget: smoke, cpu or paper; of random gpu, too.")
    ] = "cpu",
    seeds: Seeds = None,
    jobs: Jobs = 1,
    shard: Shard = "1/1",
    out: Annotated[Path, typer.Option(help="Where the run folders go.")] = Path("runs/stability"),
    results: Kept = STABILITY,
    retry: Retry = False,
    only_table: Annotated[
        bool, typer.Option("--table", help="Play nothing: print the table of what is there.")
    ] = False,
) -> None:
    """Train networks that were not made for it, by several methods, and say which do train.

    Stop and start it as you like: what has a row is not played again.

    Example: ganvas bench stability random --count 24 --jobs 2
    """
    from ganvas.bench import read_rows
    from ganvas.bench.contest import KEY, plan
    from ganvas.bench.standings import markdown

    work = plan(which, tier, seeds, count, method or [])
    first, of = _shard(shard)
    if only_table:
        _refuse_missing(results)
    else:
        _run(work[first - 1 :: of], results, out, jobs, retry)
    asked = {tuple(match.key.values()) for match in work}
    rows = [row for row in read_rows([results], KEY) if tuple(row[k] for k in KEY) in asked]
    say(markdown(which, tier, rows))


@bench.command()
def report(
    results: Results = None,
    tier: Annotated[str, typer.Option(help="Budget: smoke, cpu, paper or gpu.")] = "cpu",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .md, .csv, .json or .html file.")
    ] = None,
) -> None:
    """Print the table of all results, or write it: Markdown, CSV, JSON, or a page with figures.

    Example: ganvas bench report --tier cpu --out modes.html
    """
    from ganvas.bench import read_rows
    from ganvas.bench.report import write

    for path in results or [RESULTS]:
        _refuse_missing(path)
    say(write(read_rows(results or [RESULTS]), tier, out))


@bench.command()
def speed(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RECIPE | KEY=VALUE]...",
            help="Recipes, by default seven; and changes to all of them, such as train.batch=64.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Your own data instead of the recipes'.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="For each recipe, about.", min=0)] = 60,
    threads: Annotated[int | None, typer.Option(help="By default all.", min=1)] = None,
    clock: Annotated[
        str, typer.Option(help="wall, or cpu for one thread on a machine with other work.")
    ] = "wall",
    compiled: Annotated[
        bool, typer.Option("--compiled", help="With compiled networks, too: does it pay?")
    ] = False,
    results: Annotated[
        Path, typer.Option(metavar="FILE", help="JSON lines, to which rows are added.")
    ] = SPEEDS,
    game: Game = None,
) -> None:
    """Time training: in single precision, as auto chooses, and by a plain loop.

    Example: ganvas bench speed r3gan/digits --seconds 30
    """
    from ganvas.bench.rows import append
    from ganvas.bench.speed import HEAD, cases, cells, in_words, measure
    from ganvas.bench.workers import CLOCKS
    from ganvas.errors import UsageError

    if clock not in CLOCKS:
        raise UsageError(f"--clock {clock}: expected one of {', '.join(CLOCKS)}")
    require_place(results, "--results")
    rows: list[tuple[str, ...]] = []
    for case in cases(what or []):
        found = measure(
            case,
            data=data,
            game=game,
            seconds=seconds,
            threads=threads,
            clock=clock,
            compiled=compiled,
            say=say,
        )
        for row in found:
            append(results, row)
            rows.append(cells(row))
        say(in_words(found))
    say(table(rows, HEAD))


@bench.command()
def floor(
    data: Annotated[list[str] | None, typer.Option(help="A data set; may be repeated.")] = None,
    count: Annotated[int, typer.Option("--n", help="How many samples.", min=2)] = 10_000,
) -> None:
    """Print what a perfect generator scores: the true law's own samples.

    Example: ganvas bench floor --data ring8 --n 2500
    """
    from ganvas.bench.report import floors
    from ganvas.bench.tables import DATA, MIXTURES, known

    for name in data or MIXTURES:
        say(table(floors(known("data set", name, DATA), count), (name, "value", "spread")))
        say("")


@bench.command()
def found(
    results: Annotated[Path, typer.Option(metavar="FILE", help="JSON lines of results.")] = RESULTS,
    out: Annotated[Path, typer.Option(metavar="FILE", help="What the diagnosis reads.")] = Path(
        "src/ganvas/diagnosis/found.json"
    ),
) -> None:
    """Write what `ganvas diagnose` ranks its remedies by: mean strict modes of each method.

    Example: ganvas bench found --out src/ganvas/diagnosis/found.json
    """
    import json

    from ganvas.bench.found import distil
    from ganvas.bench.rows import read_rows
    from ganvas.files import write_whole

    _refuse_missing(results)
    rows, lines = read_rows([results]), results.read_bytes().count(b"\n")
    summary = distil(rows, lines)
    write_whole(out, (json.dumps(summary, indent=2) + "\n").encode())
    say(f"{len(summary['tables'])} tables from {lines} lines of {results}: {out}")


def _shard(text: str) -> tuple[int, int]:
    from ganvas.errors import UsageError

    first, _, of = text.partition("/")
    if first.isdecimal() and of.isdecimal() and 1 <= int(first) <= int(of):
        return int(first), int(of)
    raise UsageError(f"--shard {text}: expected I/N with I from 1 to N, such as 2/4")


def _refuse_missing(results: Path) -> None:
    """Refuse to print what is in a file of results that is not there."""
    from ganvas.errors import UsageError
    from ganvas.files import misspelt

    if not results.is_file():
        raise UsageError(f"there is no file of results {results}{misspelt(results)}")


def _run(work: Sequence[Trial], results: Path, out: Path, jobs: int, retry: bool) -> None:
    """Play what has no row yet.

    Raises:
        UsageError: rows or runs cannot go where they are to.
        HaltedError: a signal ended it.
    """
    from ganvas.bench import run

    require_place(results, "--results")
    require_folder(out)
    try:
        run(work, results, out, processes=jobs, retry=retry, say=say)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        kept = f"rows are in {results}, runs in {out}; the same command goes on"
        raise HaltedError(f"interrupted: {kept}", int(number)) from None
