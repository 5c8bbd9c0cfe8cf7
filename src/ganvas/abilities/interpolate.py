"""``ganvas interpolate``: samples on the way from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.items import check_place, read_items
from ganvas.cli.options import (
    Game,
    GivenFields,
    Label,
    ModelFolder,
    Options,
    Out,
    conditioned,
    load_model,
    told,
)
from ganvas.cli.spaces import CodeFile, SpaceName, chosen
from ganvas.cli.speech import say
from ganvas.errors import UsageError
from ganvas.files import disk_errors

BETWEEN = "between="
"""The option of a way in time."""


class How(StrEnum):
    """The way between two latents."""

    SLERP = "slerp"
    LERP = "lerp"


def interpolate(
    run: ModelFolder,
    out: Out,
    from_seed: Annotated[int, typer.Option(help="Where the way begins.", min=0)] = 0,
    to_seed: Annotated[int, typer.Option(help="Where it ends.", min=0)] = 1,
    corners: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C,D", help="Four seeds, for a square between them instead of a line."
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option(help="How many samples along a line or edge, ends included.", min=2)
    ] = 8,
    how: Annotated[
        How | None,
        typer.Option(help="Along the sphere, or straight; by default slerp, in squares lerp."),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Two items of data, a folder or an array, in place of seeds."
        ),
    ] = None,
    label: Label = None,
    to_label: Annotated[
        str | None, typer.Option(help="The class where a line ends, if that is another one.")
    ] = None,
    corner_labels: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C,D",
            help="The classes of four corners, which are --from-seed's if unsaid.",
        ),
    ] = None,
    given: GivenFields = None,
    space: SpaceName = None,
    codes: CodeFile = None,
    options: Options = None,
    game: Game = None,
) -> None:
    """Draw the samples on the way between two seeds or two items, or in a square of four seeds.

    Classes mix on the way: from one to another, or between those of four corners.

    In models with a memory the way leads through the space of keys, and each sample is drawn from
    the slot that is nearest there; with slot=17 it stays in that slot and only the noise changes.

    With between=4 it leads from frame to frame of one clip, that of --from-seed: three others are
    drawn between each two of its own.

    With --space w the way leads through styles, or between two --codes of ganvas project; noise is
    the stored one, or codes' own.

    Example: ganvas interpolate runs/digits --corners 3,4,5,6 --steps 8 --out square.png
    """
    classes = None if corner_labels is None else _parts(corner_labels)
    four = None if corners is None else _seeds(corners)
    if classes is not None and four is None:
        four = [from_seed] * 4
    way = (how or (How.SLERP if four is None else How.LERP)).value
    options, between = _between(options or ())
    model, asked = load_model(run, game), conditioned(label, given)
    check_place(model, out)
    if between is not None:
        if any(end is not None for end in (items, four, to_label, space, codes)):
            raise UsageError(f"{BETWEEN}{between} is the way through one clip, without other ends")
        if "rate" not in model.game.Sampling.model_fields:
            raise UsageError(
                f"{BETWEEN}{between}: samples of {model.system} have no frames between frames"
            )
        posing = told(options, model)
        clip = model.sample(1, seed=from_seed, **asked, rate=between, **posing)
        with disk_errors(out):
            model.written(**posing).save(clip.x, out)
        say(f"{clip.x.shape[1]} frames: {out}")
        return
    if items is not None and (four is not None or options or given):
        raise UsageError(
            "items of data are the ends of a line, of which their codes are all there is: give "
            "--items, or seeds with options and conditions"
        )
    if classes is not None and (items is not None or label is not None):
        raise UsageError("--corner-labels are the classes of a square, without --items or --label")
    if to_label is not None and (items is not None or four is not None):
        raise UsageError("--to-label is the end of a line between seeds, without other ends")
    if space is not None or codes is not None:
        if items is not None or four is not None or to_label is not None:
            raise UsageError("--space and --codes are of a line between two, of one class")
        from ganvas.model.codes import lifted, wander_between

        seeds = f"{from_seed},{to_seed}"
        ends = chosen(
            model, codes, seeds, "--from-seed", space or "z", **asked, **told(options, model)
        )
        if len(ends) != 2:
            raise UsageError(
                f"a line has two ends, not {len(ends)}: name two, such as --codes {codes}:0,1"
            )
        ends = lifted(model, ends, space or ends.space)
        samples = wander_between(model, ends, steps, how and how.value, **told(options, model))
    elif items is not None:
        samples = model.between(read_items(items, model, "encode")[:2], steps, way)
    elif four is not None:
        samples = model.square(
            four, steps, way, corner_labels=classes, **asked, **told(options, model)
        )
    else:
        ends = (from_seed, to_seed)
        samples = model.interpolate(
            *ends, steps, way, to_label=to_label, **asked, **told(options, model)
        )
    with disk_errors(out):
        model.written(**told(options, model)).save(samples, out, columns=steps)
    say(f"{len(samples)} samples: {out}")


def _between(words: Sequence[str]) -> tuple[list[str], int | None]:
    """Return the other options, and how many steps there are from frame to frame, if that is said.

    Raises:
        UsageError: it is no whole number.
    """
    others = [word for word in words if not word.startswith(BETWEEN)]
    found = [word.removeprefix(BETWEEN) for word in words if word.startswith(BETWEEN)]
    for number in found:
        if not number.isdecimal() or len(number) > 6 or not int(number):
            raise UsageError(f"{BETWEEN}{number}: expected a whole number, such as {BETWEEN}4")
    return others, int(found[-1]) if found else None


def _seeds(words: str) -> list[int]:
    """Return four seeds from words such as 3,4,5,6.

    Raises:
        UsageError: they are not four whole numbers from 0 on.
    """
    parts = _parts(words)
    if len(parts) != 4 or not all(part.isdecimal() and len(part) < 19 for part in parts):
        raise UsageError(f"--corners {words}: expected four seeds, such as --corners 0,1,2,3")
    return [int(part) for part in parts]


def _parts(words: str) -> list[str]:
    return [part.strip() for part in words.split(",")]
