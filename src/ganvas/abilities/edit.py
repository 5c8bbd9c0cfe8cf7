"""``ganvas edit``: samples moved along a direction, or along several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.exemplars import OneLabel, numbers, places, slot_numbers
from ganvas.cli.items import check_place, read_items
from ganvas.cli.moves import GivenOrKept, load_moves, parted, shared
from ganvas.cli.options import Game, ModelFolder, Options, Out, load_model, told
from ganvas.cli.spaces import CodeFile, read_chosen
from ganvas.cli.speech import say
from ganvas.errors import UsageError
from ganvas.files import disk_errors

if TYPE_CHECKING:
    from ganvas.latent.combining import Move
    from ganvas.model import Model
    from ganvas.model.codes import Codes
    from ganvas.model.trained import Array


def edit(
    run: ModelFolder,
    direction: Annotated[
        list[str],
        typer.Option(
            metavar="FILE",
            help="What ganvas directions wrote for this model, or a .npy of one vector. Several "
            "are moved jointly, each by its share of an amount: age.safetensors=-1.",
        ),
    ],
    out: Out,
    given: GivenOrKept = None,
    amounts: Annotated[
        str,
        typer.Option(metavar="NUMBERS", help="Multiples of the direction, 0 for samples as such."),
    ] = "-1,-0.5,0,0.5,1",
    absolute: Annotated[
        bool,
        typer.Option(
            "--absolute", help="Amounts are signed distances from the direction's plane instead."
        ),
    ] = False,
    slots: Annotated[
        str | None,
        typer.Option(
            metavar="SLOTS",
            help="Move the styles of some layers only: 0-3, or 2. Of directions in w.",
        ),
    ] = None,
    space: Annotated[
        str | None, typer.Option(help="Of .npy files, which do not say: z, w, w+ or s.")
    ] = None,
    seeds: Annotated[
        str,
        typer.Option(metavar="SEEDS", help="Which samples: 0-8, or 3,5,9; 0:17 is number 17 of 0."),
    ] = "0-7",
    codes: CodeFile = None,
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The items of --codes: shown first, with how near codes come."
        ),
    ] = None,
    label: OneLabel = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Move samples along a direction, each by every amount: a picture has a row for each sample.

    With --given DIRECTION only what is orthogonal to others is moved along (InterFaceGAN).

    Example: ganvas edit runs/digits --direction slant.safetensors --amounts 0,0.5,1 --out more.png
    """
    from ganvas.model.editing import edited_in

    wanted, which = numbers(amounts, "--amounts"), places(seeds, "--seeds")
    shares = shared(direction)
    picked = None if slots is None else slot_numbers(slots)
    if picked is not None and absolute:
        raise UsageError("--slots moves some layers by amounts: leave --absolute out")
    if items is not None and codes is None:
        raise UsageError("--items are those of --codes: find these first, by ganvas project")
    model = load_model(run, game)
    check_place(model, out)
    told_of, kept = parted(given)
    name, move = _move(model, shares, kept, space)
    asked = told(options, model)
    known = None if codes is None else read_chosen(codes, model, **asked)
    of = which if known is None else known
    how = {"absolute": absolute, "slots": picked, "label": label, "given": told_of}
    x = None if items is None or known is None else _items(items, model, known)
    found = edited_in(model, name, move, of, wanted, **how, **asked)
    shown, columns = found.items, len(wanted)
    if x is not None:
        shown, columns = beside(x, shown), columns + 1
    with disk_errors(out):
        model.written(**asked).save(shown, out, columns=columns)
    what = "samples" if codes is None else "codes"
    say(f"{len(of)} {what} at {len(wanted)} amounts: {out}")
    if found.far:
        say(
            f"{found.far} of {len(found.items)} edits are farther than 5 from the plane, where "
            "normal latents never are: expect extremes, and other identities"
        )


def _items(path: Path, model: Model, codes: Codes) -> Array:
    """Return the items of codes, and say how near what is made of these comes.

    Raises:
        UsageError: there is not one for each code.
    """
    from ganvas.abilities.project import worded
    from ganvas.model.projection import errors_of

    x = read_items(path, model)
    if len(x) != len(codes):
        raise UsageError(f"--items {path} are {len(x)}, and there are {len(codes)} codes")
    error = float(errors_of(model, codes, x).mean())
    say(f"mean squared error of codes before any edit: {worded(model, error)}")
    return x


def beside(x: Array, edits: Array) -> Array:
    """Return items (n, …) before their edits (n · amounts, …), row by row."""
    import numpy as np

    rows = edits.reshape(len(x), -1, *x.shape[1:])
    return np.concatenate([x[:, None], rows], axis=1).reshape(-1, *x.shape[1:])


def _move(
    model: Model, shares: dict[Path, float], given: Sequence[Path], space: str | None
) -> tuple[str, Move]:
    """Return the space of some directions, and the one or the joint move along them."""
    from ganvas.latent.combining import Joint

    name, moves = load_moves(list(shares), given, model, space)
    alone = next(iter(moves.values()))
    if len(moves) == 1 and next(iter(shares.values())) == 1:
        return name, alone
    return name, Joint(list(moves.values()), list(shares.values()))
