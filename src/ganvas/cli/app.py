"""The program: its commands, and what becomes of errors."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import sysconfig
import threading
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from ganvas import abilities
from ganvas.cli import comparing, importing, looking, measuring, showing, training, wording
from ganvas.cli.benching import bench
from ganvas.cli.speech import complain
from ganvas.errors import GanvasError, HaltedError, wanted
from ganvas.process import prepare_threads

MISUSE = 2
FAILURE = 1
INTERRUPTED = 130

ENDING: tuple[tuple[int, Any], ...] = (
    (signal.SIGINT, signal.default_int_handler),
    *((getattr(signal, n), signal.SIG_DFL) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)),
)
"""Signals that end a program, and what becomes of them where nobody has chosen otherwise."""

NO_MEMORY = re.compile(r"MemoryError|out of memory|(can't|Unable to) allocate|not enough memory")
WHAT_IF_NOT = "the memory does not suffice: ask for fewer or smaller items, batches or networks"
"""Said of what PyTorch and NumPy raise then, which has many classes and words."""

ClickException: type[Exception] = typer.BadParameter.__mro__[2]
"""The base of all complaints about options and arguments; typer does not export it."""

PLAIN: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None}  # quick; alike anywhere


class Asked(TyperCommand):
    """A command of `ganvas.abilities`, which is imported when it is called."""

    def __init__(self, name: str) -> None:
        super().__init__(name, help=abilities.summary(name))

    def whole(self) -> Any:
        """Return the command itself."""
        assert self.name is not None
        return made(abilities.command(self.name))

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """Return the context in which the command itself is called."""
        return self.whole().make_context(*arguments, **named)


class Commands(TyperGroup):
    """All commands: those of `ganvas.abilities`, and of a game of one's own, beside the others."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        for name in abilities.names():
            self.commands[name] = Asked(name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called, with its name and arguments."""
        if args[0] not in self.commands:
            own = abilities.own_commands(args)
            self.commands.update({name: made(function) for name, function in own.items()})
        return super().resolve_command(ctx, args)


def made(function: abilities.Command) -> Any:
    """Return a function as a command."""
    single = typer.Typer(**PLAIN)
    single.command()(function)
    return typer.main.get_command(single)


def known() -> dict[str, Any]:
    """Return all commands that are there without a game of one's own, by name, imported."""
    group: Any = typer.main.get_command(app)
    commands: dict[str, Any] = group.commands
    return {n: c.whole() if isinstance(c, Asked) else c for n, c in commands.items()}


app = typer.Typer(
    name="ganvas",
    cls=Commands,
    help="Train, measure, explain and serve adversarial generative models.",
    no_args_is_help=True,
    **PLAIN,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

for command in (
    *(training.train, training.resume),
    *(measuring.evaluate, measuring.compare, measuring.diagnose),
    comparing.distance,
    *(looking.recipes, looking.data),
    wording.words,
    showing.gallery,
):
    app.command()(command)
app.command("import")(importing.import_checkpoint)
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
    prepare_threads()  # nothing has loaded torch yet
    if isinstance(sys.stdout, io.TextIOWrapper):  # signs that a terminal does not know are escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; return 0 if done, 1 if it failed, 2 if it was asked wrongly."""
    with _noticed() as pressed:
        try:
            code = app(
                [at_home(word) for word in arguments], prog_name="ganvas", standalone_mode=False
            )
            if not (pressed and code == INTERRUPTED):  # which typer makes of it, without a word
                return code if isinstance(code, int) else 0
        except (KeyboardInterrupt, typer.Abort):
            pass
        except Exception as error:
            if not pressed or isinstance(error, HaltedError):
                return _failed(error)
        number = pressed[0] if pressed else signal.SIGINT
        told = number != signal.SIGINT
        complain(f"ended by {signal.Signals(number).name}" if told else "interrupted")
        return 128 + number


def at_home(word: str) -> str:
    """Return an argument such as --out=~/runs with the home folder, which shells leave as it is."""
    option, equals, path = word.partition("=")
    known = equals and option.startswith("--") and path.startswith("~/")
    return f"{option}={os.path.expanduser(path)}" if known else word


@contextmanager
def _noticed() -> Generator[list[int]]:
    """Notice a Ctrl-C: whatever fails after it, such as a module half imported, does by it.

    So do signals that would end the process at once, and leave a part of what it was writing.
    Where one is ignored, as in the background, it stays so.
    """
    pressed = list[int]()

    def handler(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt(number)

    here = threading.current_thread() is threading.main_thread()
    taken = {
        number: usual for number, usual in ENDING if here and signal.getsignal(number) is usual
    }
    for number in taken:
        signal.signal(number, handler)
    try:
        yield pressed
    finally:
        for number, usual in taken.items():
            signal.signal(number, usual)


def _failed(error: Exception) -> int:
    """Say what an error was, and return the exit code."""
    if isinstance(error, GanvasError):
        complain(str(error))
        return error.exit_code
    if isinstance(error, OSError):
        from ganvas.files import explain

        complain(str(explain(error)))
        return FAILURE
    if isinstance(error, ClickException):
        if type(error).__name__ == "NoArgsIsHelpError":  # typer does not export it either
            typer.echo(str(error), err=True)
            return MISUSE
        complain(_misuse(error))
        return MISUSE
    lacks_memory = isinstance(error, MemoryError | RuntimeError) and NO_MEMORY.search(repr(error))
    complain(f"{WHAT_IF_NOT} ({_reason(error)})" if lacks_memory else _unforeseen(error))
    return FAILURE


def _misuse(error: Exception) -> str:
    """Return what is wrong with the arguments, and where to read how they go."""
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "ganvas")
    message = str(getattr(error, "format_message", error.__str__)()).strip()
    option, mark, reason = message.rpartition(": ")
    said = wanted(reason)
    message = option + mark + (f"expected {said}" if reason.startswith("Input") else said)
    message = message if message.endswith((".", "?", "!")) else f"{message}."
    return f"{' '.join(message.split())} How it goes: {command} --help"


def _unforeseen(error: Exception) -> str:
    """Return an error that nobody foresaw as a line; all of it on request."""
    if os.environ.get("GANVAS_TRACEBACK"):
        return traceback.format_exc()
    last = _place(traceback.extract_tb(error.__traceback__))
    notes: list[str] = getattr(error, "__notes__", [])
    hint = notes or ["Set GANVAS_TRACEBACK=1 to see where it comes from."]
    where = f"{last.filename}:{last.lineno}"
    return f"{type(error).__name__}: {_reason(error)} ({where}). {' '.join(hint)}"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())


def _place(frames: Sequence[traceback.FrameSummary]) -> traceback.FrameSummary:
    """Return where an error comes from: the user's own code, else ganvas', else anybody's."""
    ours = str(Path(__file__).parents[1])
    foreign = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    own = [f for f in frames if not f.filename.startswith((ours, *foreign, "<"))]
    inside = [f for f in frames if f.filename.startswith(ours)]
    return (own or inside or [*frames])[-1]
