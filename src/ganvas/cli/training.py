"""``ganvas train`` and ``ganvas resume``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.options import Data, Game, Run, Settings
from ganvas.cli.speech import say
from ganvas.errors import UsageError, flag, quoted

if TYPE_CHECKING:
    from ganvas.api import Ending


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A name from ganvas recipes, or a YAML file.")
    ],
    settings: Settings = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The run folder to make.")] = None,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="Your own data instead of the recipe's.")
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Start from the networks of another run."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be trained; write nothing.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run that is in --out.")
    ] = False,
    game: Game = None,
) -> None:
    """Train a recipe into a new run folder.

    Example: ganvas train r3gan/ring8 --out runs/ring train.rounds=2000
    """
    from ganvas.recipes.catalogue import locate
    from ganvas.recipes.overrides import parse_overrides

    locate(recipe)
    parse_overrides(settings or [])  # what is misspelt is told before torch is there
    from ganvas import api
    from ganvas.recipes import load_recipe

    loaded = load_recipe(recipe, settings or [], data, game)
    if dry_run:
        from ganvas.cli.plan import plan

        say(plan(loaded, start_from))
        return
    if out is None:
        raise UsageError(
            "train needs a folder to write to, for example: ganvas train "
            f"{quoted(recipe)}{flag(loaded.system)} --out runs/{_folder_name(loaded.name)}"
        )
    ending = api.train(loaded, out, overwrite=overwrite, start_from=start_from)
    _conclude(ending, loaded.system)


def resume(
    run: Run,
    settings: Settings = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Go on in a new run, with other settings; this one stays."
        ),
    ] = None,
    at: Annotated[
        int | None,
        typer.Option(metavar="ROUND", help="With --out: from the checkpoint of this round."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run that is in --out.")
    ] = False,
    restore: Annotated[
        bool,
        typer.Option(
            "--restore",
            help="Write a lost or damaged config.yaml anew, as the last checkpoint has it.",
        ),
    ] = False,
    game: Game = None,
) -> None:
    """Continue a run from its last checkpoint to its horizon.

    Example: ganvas resume runs/ring train.stop_at=3000

    With --out it goes on in a new folder, and all but data and seed may change there, such as
    train.interventions='[{at: 600, players: [generator], frozen: true}]'.
    """
    from ganvas import api

    if out is not None:
        if data is not None or restore:
            raise UsageError(
                "--data and --restore are for a run in its own folder: leave --out out"
            )
        ending = api.branch(run, out, settings or [], at=at, overwrite=overwrite, game=game)
    elif at is not None or overwrite:
        raise UsageError("--at and --overwrite go with --out, the new run's folder")
    else:
        ending = api.resume(run, settings or [], data=data, game=game, restore=restore)
    _conclude(ending, game or "")


def _folder_name(recipe: str) -> str:
    """Return a folder's name for runs of a recipe: ``gan-ring8``, or that of its file."""
    return quoted(
        Path(recipe).stem if recipe.endswith((".yaml", ".yml")) else recipe.replace("/", "-")
    )


def _conclude(ending: Ending, system: str) -> None:
    """Say how it ended and what to do next."""
    from ganvas.training.folder import RunFolder

    folder = ending.folder
    run = f"{quoted(folder)}{flag(system)}"
    how = {
        "finished": f"finished at round {ending.rounds:,}",
        "stopped": f"stopped at round {ending.rounds:,}; go on with: ganvas resume {run}",
        "converged": f"came to rest at round {ending.rounds:,} (train.stop_on)",
        "interrupted": f"saved at round {ending.rounds:,}; go on with: ganvas resume {run}",
        "collapsed": f"collapsed at round {ending.rounds:,}; see: ganvas diagnose {run}",
    }[ending.outcome]
    lines = [how]
    if pictures := RunFolder(folder).list_samples():
        lines.append(f"samples: {pictures[-1]}")
    lines += [f"report:  {folder / 'report.html'}", f"model:   {folder / 'model'}"]
    say("\n".join(lines))
    if ending.outcome == "collapsed":
        raise typer.Exit(1)
    if ending.signal is not None:  # as shells say it: a script must not take it for finished
        raise typer.Exit(128 + ending.signal)
