"""Errors meant to be read by people: one clear sentence each, never a traceback."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable

ADDRESS = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")
"""``module:Class`` of a game of the user's own."""


class GanvasError(Exception):
    """A run cannot go on; the message says what, where and what to do. Exit code 1."""

    exit_code = 1


class UsageError(GanvasError):
    """The request itself is wrong (name, key, value, path). Exit code 2."""

    exit_code = 2


class LostError(GanvasError):
    """Another process of the run is gone; the message says how this one noticed."""


def nearest(word: str, options: Iterable[str]) -> str | None:
    """Return the option spelt most like ``word``, or None if none is close."""
    found = difflib.get_close_matches(word.lower(), options := list(options), n=1, cutoff=0.55)
    return found[0] if found else None


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest option, or an empty string."""
    found = nearest(word, options)
    return f" Did you mean '{found}'?" if found else ""


def quoted(path: object) -> str:
    """Return a path as a shell takes it, for commands in messages."""
    return shlex.quote(str(path))


def flag(system: str) -> str:
    """Return what a command about this system needs: `` --game module:Class``, or nothing."""
    return f" --game {shlex.quote(system)}" if ADDRESS.fullmatch(system) else ""
