"""``ganvas import``: checkpoints of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.speech import say
from ganvas.errors import quoted


def import_checkpoint(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .pkl, .pt or .bin of another program.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run folder to make.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run that is in --out.")
    ] = False,
) -> None:
    """Read a checkpoint of another program into a run folder, without running what it carries.

    Known are StyleGAN2 (TensorFlow), StyleGAN2-ADA and the stylegan2 configuration of StyleGAN3,
    rosinality's StyleGAN2, and BigGAN-deep of Hugging Face.

    Example: ganvas import ffhq.pkl --out runs/ffhq
    """
    from ganvas import api

    found = api.import_model(file, out, overwrite=overwrite)
    lines = [found.about, *found.notes, f"licence of the weights: {found.licence}"]
    say("\n".join([*lines, f"samples: ganvas sample {quoted(out)} --count 16 --out samples.png"]))
