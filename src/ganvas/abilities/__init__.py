"""What trained models are asked for: one file for each command, found by its name.

The file of ``ganvas pairs`` is ``pairs.py``: a function `pairs` with what it works out and draws.
It is imported when somebody asks for it, so it may import whatever it needs. An ability of one's
own (`ganvas.play.abilities`) brings its command along: the function beside it that is called as its
verb, once the game is named by ``--game``. Needs no torch.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from ganvas.errors import UsageError

HERE = Path(__file__).parent
GAME = "--game"

Command = Callable[..., object]


def names() -> list[str]:
    """Return the commands that lie here, in alphabetical order."""
    return sorted(path.stem for path in HERE.glob("[a-z]*.py"))


def summary(name: str) -> str:
    """Return what a command is for, as its function says, without importing it."""
    text = (HERE / f"{name}.py").read_text("utf-8")
    found = re.search(rf'^def {name}\(.*?"""(.+?)$', text, re.DOTALL | re.MULTILINE)
    assert found is not None, f"{name}.py has no function {name} with a docstring"
    return found[1]


def command(name: str) -> Command:
    """Return the function of a command that lies here."""
    return getattr(import_module(f"{__name__}.{name}"), name)


def own_commands(words: Sequence[str]) -> dict[str, Command]:
    """Return the commands of the games of one's own that a command line names by ``--game``.

    Raises:
        UsageError: there is no such game.
    """
    from ganvas.games import own_game
    from ganvas.play.abilities import declared

    addresses = [after for word, after in itertools.pairwise(words) if word == GAME]
    addresses += [w.removeprefix(f"{GAME}=") for w in words if w.startswith(f"{GAME}=")]
    for address in addresses:
        own_game(address)
    found: dict[str, Command] = {}
    for verb, kind in declared() if addresses else ():
        function = getattr(sys.modules[kind.__module__], verb, None)
        if callable(function) and not kind.__module__.startswith("ganvas."):
            if verb in names():
                raise UsageError(
                    f"{kind.__module__} asks for '{verb}', which is a command of ganvas' own; give "
                    "its ability another verb"
                )
            found[verb] = function
    return found
