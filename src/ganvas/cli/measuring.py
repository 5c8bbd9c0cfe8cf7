"""``ganvas evaluate``, ``ganvas compare`` and ``ganvas diagnose``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.items import check_file
from ganvas.cli.options import Against, Data, Game, Games, Run
from ganvas.cli.speech import say, table
from ganvas.errors import UsageError, flag, quoted

if TYPE_CHECKING:
    from ganvas.api.checkerboard import Checkerboard
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
    data: Data = None,
    against: Against = None,
    best: Annotated[
        bool, typer.Option("--best", help="The best model, which train.best kept, not the last.")
    ] = False,
    i3d: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A TorchScript file of I3D, which videos are compared by, too."
        ),
    ] = None,
    game: Game = None,
) -> None:
    """Measure a trained model; every score comes with its protocol.

    Example: ganvas evaluate runs/ring --json
    """
    from ganvas import api

    scores = api.evaluate(
        run, count, seed, data=data, against=against, best=best, i3d=i3d, game=game
    )
    if as_json:
        say(json.dumps([json.loads(score.to_json()) for score in scores.values()], indent=2))
        return
    rows = [(name, *_numbers(score), _protocol(score)) for name, score in scores.items()]
    if rows:
        say(table(rows, ("score", "value", "perfect", "protocol")))
    for name, reason in scores.left_out.items():
        say(f"{name} left out: {reason}")
    for verdict, evidence in api.faults(scores).items():
        say(f"{verdict}: {'; '.join(evidence)}. What to change: ganvas diagnose {quoted(run)}")


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Run folders: two or more, measured.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An .html page, with the curves of all runs, too."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Data not their own that they were measured against."),
    ] = None,
    battle: Annotated[
        bool,
        typer.Option(
            "--battle", help="Of two runs: whose samples fool the other's critic more often, too."
        ),
    ] = False,
    game: Games = None,
) -> None:
    """Compare evaluated runs: their settings and their scores.

    Example: ganvas compare runs/a runs/b runs/c --out compared.html
    """
    from ganvas import api

    if battle and len(runs) != 2:
        raise UsageError(f"--battle is between two runs, not {len(runs)}")
    found = api.compare(*runs, against=against, games=game or ())
    page = None if out is None else found.write(out)
    names = [str(run) for run in runs]
    changes = [(key, *words) for key, words in found.settings.items()]
    say(table(changes, ("setting", *names)) if changes else "the same settings")
    say("")
    pair = len(runs) == 2
    rows = [
        (name, *(f"{s.value:.4g}" for s in scores), *_change(scores if pair else []))
        for name, scores in found.scores.items()
    ]
    say(table(rows, ("score", *names, *(["change"] if pair else []))))
    if battle:
        fought = api.battle(*runs, games=game or ())
        say(f"\nbattle of {fought.samples:,} samples: {fought.score:.3g} (above 1 {names[0]} wins)")
        say(f"its fairness: {fought.fairness:.3g} (1: critics are as strict with real items)")
    if page is not None:
        say(f"page: {page}")


def _change(pair: Sequence[Score]) -> list[str]:
    """Return by how much the second of two scores is larger."""
    return [f"{pair[1].minus(pair[0]):+.4g}"] if pair else []


def diagnose(
    run: Annotated[
        str,
        typer.Argument(
            metavar="DIR",
            help="A run folder; with --checkerboard also a model, images of any origin, a recipe.",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="With --checkerboard: changes to a recipe, whose untrained networks are looked "
            "at.",
            show_default=False,
        ),
    ] = None,
    checkerboard: Annotated[
        bool,
        typer.Option("--checkerboard", help="Look for a pattern that up-sampling left instead."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --checkerboard: the .html page; of a run it is checkerboard.html in it.",
        ),
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
    game: Game = None,
) -> None:
    """Say whether a run is healthy, why, and what to change.

    Example: ganvas diagnose runs/ring
    """
    if checkerboard:
        _checkerboard(run, settings or [], out, as_json, data, game)
        return
    if settings or out is not None:
        raise UsageError("KEY=VALUE and --out go with --checkerboard")
    _diagnose(Path(run), as_json, data, game)


def _checkerboard(
    place: str,
    settings: list[str],
    out: Path | None,
    as_json: bool,
    data: str | None,
    game: str | None,
) -> None:
    """Say whether images have a checkerboard, and what to change."""
    from ganvas.api.checkerboard import checkerboard
    from ganvas.training.folder import CONFIG

    check_file(out, ".html")
    found = checkerboard(place, settings=settings, data=data, game=game)
    if out is None and (Path(place) / CONFIG).is_file():
        out = Path(place) / "checkerboard.html"
    if as_json:
        say(json.dumps(found.to_json(), indent=2))
    else:
        _say_checkerboard(found)
    if out is not None:
        written = found.write(out)
        if not as_json:
            say(f"page: {written}")


def _say_checkerboard(found: Checkerboard) -> None:
    from ganvas.api.checkerboard import plain

    say(f"verdict: {found.verdict}")
    for line in found.notes:
        say(f"  {line}")
    say(table(plain(found.measured), ("images", "period", "V", "E", "R")))
    if found.layers:
        rows = [(layer.name, layer.kind, f"{layer.constant:.3g}") for layer in found.layers]
        say(table(rows, ("layer", "kind", "of a constant")))
    for why, command in found.remedies:
        say(f"{why}\n  {command}")


def _diagnose(run: Path, as_json: bool, data: str | None, game: str | None) -> None:
    from ganvas import api

    found = api.diagnose(run, data=data, game=game)
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
