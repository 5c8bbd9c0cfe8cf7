"""Spaces and files of codes as commands are told of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganvas.cli.exemplars import places
from ganvas.errors import UsageError

if TYPE_CHECKING:
    from ganvas.model import Model
    from ganvas.model.codes import Codes

ROWS = re.compile(r"(?P<path>.+\.safetensors):(?P<rows>[\d,\- ]+)", re.IGNORECASE)

SpaceName = Annotated[
    str | None,
    typer.Option(
        "--space",
        metavar="NAME",
        help="z, or where a generator has styles w, w+ or s; by default w, without styles z.",
        show_default=False,
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="pixels, random-conv, efficientnet-lite0, stlpips[vgg], or a TorchScript file (.pt) "
        "of your own; several joined by +. By default pixels.",
        show_default=False,
    ),
]
CodeFile = Annotated[
    str | None,
    typer.Option(
        "--codes",
        metavar="FILE",
        help="Codes of ganvas project or tune in place of seeds: given items; FILE:0,3 are two.",
    ),
]


def read_chosen(words: str, model: Model, **options: Any) -> Codes:
    """Return the codes in a file, or those of ``FILE:0,3-5``.

    Args:
        words: the file's name, and perhaps numbers.
        model: whose codes they are.
        options: of samples, by which items are made of them.

    Raises:
        UsageError: there are none, or they are of another model; or an option says how latents are
            drawn.
        GanvasError: the file is damaged.
    """
    from ganvas.model.codes import load_codes

    for name, value in model.of_latents(**options).items():
        raise UsageError(
            f"{name}={value} says how latents are drawn, and codes of a file are there already: "
            "leave it out"
        )
    match = ROWS.fullmatch(words)
    if match is None:
        return load_codes(Path(words), model)
    rows = [number for number, _ in places(match["rows"], "--codes")]
    return load_codes(Path(match["path"]), model).rows(rows)


def chosen(
    model: Model, codes: str | None, seeds: str, option: str, space: str, **told: Any
) -> Codes:
    """Return codes from a file, or of samples.

    Args:
        model: whose they are.
        codes: a file's name, if one is given.
        seeds: otherwise the samples, as ``option`` tells them.
        option: how it is called.
        space: of the samples' codes.
        told: label, other conditions and options of the samples.

    Raises:
        UsageError: there are none, or no such space.
    """
    from ganvas.model.codes import codes_at

    if codes is None:
        return codes_at(model, places(seeds, option), space, **told)
    for name in ("label", "given"):
        if told.pop(name, None):
            raise UsageError(f"codes of a file have their own conditions: leave out --{name}")
    return read_chosen(codes, model, **told)
