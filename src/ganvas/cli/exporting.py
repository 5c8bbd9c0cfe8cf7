"""``ganvas export``: the generator as a graph that needs no ganvas."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say
from ganvas.errors import UsageError


class Format(StrEnum):
    """What kind of file is written."""

    TORCH = "torch"
    ONNX = "onnx"


SUFFIXES = {Format.TORCH: (".pt2",), Format.ONNX: (".onnx",)}


def export(
    run: ModelFolder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")],
    format: Annotated[Format, typer.Option(help="torch.export, or ONNX.")] = Format.TORCH,
    game: Game = None,
) -> None:
    """Write the generator as a graph, checked against the model.

    Its inputs are latents and, with classes, labels; its outputs are in network units: images in
    [-1, 1] with channels first, points as (data - shift) / scale.

    Example: ganvas export runs/digits --format onnx --out digits.onnx
    """
    if out.suffix.lower() not in SUFFIXES[format]:
        wanted = " or ".join(SUFFIXES[format])
        raise UsageError(f"--out {out}: a file of --format {format.value} ends in {wanted}")
    from ganvas.api.export import export_model

    done = export_model(load_model(run, game, device="cpu"), out, format.value)
    say(f"{out}: differs from the model by at most {done.difference:.2g} in {done.samples} samples")
    say(f"inputs: {', '.join(done.inputs)}; output: {done.output}")
