"""The program: its commands, and what becomes of errors."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli import (
    comparing,
    encoding,
    exporting,
    judging,
    latents,
    linking,
    looking,
    measuring,
    pairing,
    sampling,
    showing,
    slots,
    training,
)
from ganvas.cli.benching import bench
from ganvas.cli.speech import complain
from ganvas.errors import GanvasError

MISUSE = 2
FAILURE = 1
INTERRUPTED = 130

ClickException: type[Exception] = typer.BadParameter.__mro__[2]
"""The base of all complaints about options and arguments; typer does not export it."""

app = typer.Typer(
    name="ganvas",
    help="Train, measure, explain and serve adversarial generative models.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: quick, and the same in every terminal
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

for command in (
    *(training.train, training.resume),
    *(sampling.sample, sampling.interpolate),
    *(encoding.encode, encoding.reconstruct, encoding.project, latents.latents),
    linking.predict,
    *(pairing.pairs, pairing.codes),
    *(judging.score, judging.posterior),
    *(slots.slots, slots.nearest),
    *(measuring.evaluate, measuring.compare, measuring.diagnose),
    comparing.distance,
    *(looking.recipes, looking.data),
    showing.gallery,
    exporting.export,
):
    app.command()(command)
app.add_typer(bench, name="bench")


def _show_version(wanted: bool) -> None:
    if wanted:
        from ganvas import __version__

        typer.echo(f"ganvas {__version__}")
        raise typer.Exit


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Train, measure, explain and serve adversarial generative models."""


def main() -> None:
    """Run the program and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; return 0 if done, 1 if it failed, 2 if it was asked wrongly."""
    try:
        code = app(list(arguments), prog_name="ganvas", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except GanvasError as error:
        complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    except OSError as error:
        from ganvas.files import explain

        complain(str(explain(error)))
        return FAILURE
    except ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # typer does not export it either
            typer.echo(str(error), err=True)
            return MISUSE
        complain(_misuse(error))
        return MISUSE
    except Exception as error:
        complain(_unforeseen(error))
        return FAILURE


def _misuse(error: Exception) -> str:
    """Return what is wrong with the arguments, and where to read how they go."""
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "ganvas")
    message = str(getattr(error, "format_message", error.__str__)()).strip()
    message = message if message.endswith((".", "?", "!")) else f"{message}."
    return f"{' '.join(message.split())} How it goes: {command} --help"


def _unforeseen(error: Exception) -> str:
    """Return an error that nobody foresaw as a line; all of it on request."""
    if os.environ.get("GANVAS_TRACEBACK"):
        return traceback.format_exc()
    last = _place(traceback.extract_tb(error.__traceback__))
    notes: list[str] = getattr(error, "__notes__", [])
    hint = notes or ["Set GANVAS_TRACEBACK=1 to see where it comes from."]
    reason = " ".join(str(error).split())
    return f"{type(error).__name__}: {reason} ({last.filename}:{last.lineno}). {' '.join(hint)}"


def _place(frames: Sequence[traceback.FrameSummary]) -> traceback.FrameSummary:
    """Return where an error comes from: the user's own code, else ganvas', else anybody's."""
    ours = str(Path(__file__).parents[1])
    foreign = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    own = [f for f in frames if not f.filename.startswith((ours, *foreign, "<"))]
    inside = [f for f in frames if f.filename.startswith(ours)]
    return (own or inside or [*frames])[-1]
