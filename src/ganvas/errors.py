"""Errors meant to be read by people: one clear sentence each, never a traceback."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from typing import Any

ADDRESS = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")
"""``module:Class`` of a game of the user's own."""


PLAIN = (
    (r"\b(Input|Value) should be |^Value error, ", ""),
    (r"^Extra inputs are not permitted$", "there is no such setting"),
    (r"^Field required$", "one more"),
    (r"^\w+ should have (at (?:least|most) \d+ items?) after validation, not \d+$", r"\1"),
    (r"\bgreater than or equal to\b", "at least"),
    (r"\bless than or equal to\b", "at most"),
    (r"\bgreater than\b", "more than"),
    (r"\ba valid integer(, .*)?", "a whole number"),
    (r"\ba valid number(, .*)?", "a number"),
    (r"\ba valid string\b", "text"),
    (r"\ba valid boolean(, .*)?", "true or false"),
    (r"\ba valid (dictionary|mapping)( .*)?", "a mapping"),
    (r"\ba valid (tuple|list)( .*)?", "a list"),
    (r"\ba valid (\w+)", r"a \1"),
)
"""What pydantic says of values, and how it is said here."""


class GanvasError(Exception):
    """A run cannot go on; the message says what, where and what to do. Exit code 1."""

    exit_code = 1


class UsageError(GanvasError):
    """The request itself is wrong (name, key, value, path). Exit code 2."""

    exit_code = 2


class DataError(UsageError):
    """Data cannot be used as they are; the message also says which settings help.

    Attributes:
        found: what is wrong with them, for commands that take no settings.
    """

    def __init__(self, found: str, settings: str) -> None:
        super().__init__(f"{found} {settings}")
        self.found = found


class HaltedError(GanvasError):
    """A signal ended it; the message says what is kept, and the exit code which it was."""

    def __init__(self, message: str, signal: int = 2) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal


class LostError(GanvasError):
    """Another process of the run is gone; the message says how this one noticed."""


@contextmanager
def as_they_are(advice: str = "") -> Generator[None]:
    """Read data where no settings are taken, so that none are advised, but what may be instead.

    Raises:
        UsageError: the data cannot be used as they are.
    """
    try:
        yield
    except DataError as error:
        raise UsageError(f"{error.found} {advice}".rstrip()) from error


def nearest(word: str, options: Iterable[str], cutoff: float = 0.55) -> str | None:
    """Return the option spelt most like ``word``, or None if none is as close as ``cutoff``."""
    known = {option.lower(): option for option in options}
    found = difflib.get_close_matches(word.lower(), known, n=1, cutoff=cutoff)
    return known[found[0]] if found else None


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest option, or an empty string."""
    found = nearest(word, options)
    return f" Did you mean '{found}'?" if found else ""


def wanted(message: str) -> str:
    """Return pydantic's message about a value in plain words, to be read after ``expected``."""
    for words, plain in PLAIN:
        message = re.sub(words, plain, message)
    return message.strip()


def told_at(place: Iterable[str | int], told: Any) -> list[str]:
    """Return the keys of a place among what was told, without the names of pydantic's branches."""
    found: list[str] = []
    for part in place:
        with suppress(LookupError, TypeError):
            told = told[part]
            found.append(str(part))
    return found


def quoted(path: object) -> str:
    """Return a path as a shell takes it, for commands in messages."""
    return shlex.quote(str(path))


def flag(system: str) -> str:
    """Return what a command about this system needs: `` --game module:Class``, or nothing."""
    return f" --game {shlex.quote(system)}" if ADDRESS.fullmatch(system) else ""
