"""``ganvas evaluate``, ``ganvas compare`` and ``ganvas diagnose``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.options import Game, Games, Run
from ganvas.cli.speech import say, table
from ganvas.errors import UsageError, flag, quoted

if TYPE_CHECKING:
    from ganvas.metrics.protocol import Score

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def evaluate(
    run: Run,
    count: Annotated[
        int | None, typer.Option(help="How many samples; by default as the recipe says.", min=2)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Their seed; by default as the recipe says.", min=0)
    ] = None,
    as_json: AsJson = False,
    game: Game = None,
) -> None:
    """Measure a trained model; every score comes with its protocol.

    Example: ganvas evaluate runs/ring --json
    """
    from ganvas import api

    scores = api.evaluate(run, count, seed, game=game)
    if as_json:
        say(json.dumps([json.loads(score.to_json()) for score in scores.values()], indent=2))
        return
    rows = [(name, *_numbers(score), _protocol(score)) for name, score in scores.items()]
    if rows:
        say(table(rows, ("score", "value", "perfect", "protocol")))
    for name, reason in scores.left_out.items():
        say(f"{name} left out: {reason}")


def compare(
    first: Run,
    second: Annotated[Path, typer.Argument(metavar="DIR", help="Another run folder.")],
    game: Games = None,
) -> None:
    """Compare two evaluated runs: their settings and their scores.

    Example: ganvas compare runs/a runs/b
    """
    from ganvas.metrics.protocol import require_comparable

    changes = differences(first, second, game or ())
    say(table(changes, ("setting", str(first), str(second))) if changes else "the same settings")
    scores = [_scores(run) for run in (first, second)]
    shared = [name for name in scores[0] if name in scores[1]]
    if not shared:
        raise UsageError(f"{first} and {second} have no score in common")
    pairs: list[tuple[Score, Score]] = [(scores[0][name], scores[1][name]) for name in shared]
    for a, b in pairs:
        require_comparable([a, b])
    rows = [(a.name, f"{a.value:.4g}", f"{b.value:.4g}", f"{b.minus(a):+.4g}") for a, b in pairs]
    say("")
    say(table(rows, ("score", str(first), str(second), "change")))


def diagnose(run: Run, as_json: AsJson = False, game: Game = None) -> None:
    """Say whether a run is healthy, why, and what to change.

    Example: ganvas diagnose runs/ring
    """
    from ganvas import api

    found = api.diagnose(run, game=game)
    if as_json:
        say(json.dumps(found.to_json(), indent=2))
        return
    say(f"verdict: {found.verdict}")
    for line in found.evidence:
        say(f"  {line}")
    if found.remedies:
        say("what to try, the most promising first:")
    again = f"ganvas train {quoted(run / 'config.yaml')}{flag(game or '')} --out DIR"
    for number, remedy in enumerate(found.remedies, 1):
        say(f"  {number}. {remedy.why}")
        if remedy.settings or remedy.command:
            say(f"     {remedy.command or f'{again} {remedy.text}'}")


def differences(first: Path, second: Path, games: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    """Return the settings in which two runs differ, each with both values.

    Of runs of the user's own games, ``games`` names them.
    """
    from ganvas.games import permitted
    from ganvas.recipes import load_recipe
    from ganvas.recipes.layers import leaves
    from ganvas.recipes.loader import named_system
    from ganvas.recipes.text import show
    from ganvas.training.folder import CONFIG, RunFolder

    trees: list[dict[str, Any]] = []
    for run in (first, second):
        config = RunFolder.open(run).path / CONFIG
        recipe = load_recipe(config, game=permitted(named_system(config), games))
        trees.append({".".join(path): value for path, value in leaves(recipe.tree())})
    a, b = trees
    keys = [*a, *(key for key in b if key not in a)]
    return [
        (key, show(a[key]) if key in a else "–", show(b[key]) if key in b else "–")
        for key in keys
        if a.get(key) != b.get(key) or (key in a) != (key in b)
    ]


def _scores(run: Path) -> dict[str, Score]:
    from ganvas.api.measuring import EVALUATION
    from ganvas.metrics.protocol import Score
    from ganvas.report.run import read_json

    scores = read_json(run, EVALUATION).get("scores")
    measure = f"ganvas evaluate {quoted(run)}"
    if not scores:
        raise UsageError(f"{run} has not been measured yet: {measure}")
    try:
        return {name: Score.from_json(json.dumps(score)) for name, score in scores.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        problem = f"the scores in {run / EVALUATION} are damaged; measure again: {measure}"
        raise UsageError(problem) from None


def _numbers(score: Score) -> tuple[str, str]:
    value = f"{score.value:.4g}"
    if score.spread is not None:
        value += f" ± {score.spread:.2g}"
    return value, "" if score.floor is None else f"{score.floor:.4g}"


def _protocol(score: Score) -> str:
    """Return the protocol in a few words; the JSON has all of it."""
    said = score.protocol
    parts = [f"{said.samples:,} samples", f"seed {said.seed}"]
    if said.reference:
        parts.append(f"against {said.reference} ({said.reference_samples:,})")
    if said.weights:
        parts.append(f"weights {said.weights[:8]}")
    return ", ".join(parts)
