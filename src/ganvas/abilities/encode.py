"""``ganvas encode``: the codes of items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganvas.cli.items import ARRAYS, Items, check_file, read_graph, read_items, write_array
from ganvas.cli.options import Game, GivenFields, Label, ModelFolder, conditioned, load_model
from ganvas.cli.spaces import SpaceName
from ganvas.cli.speech import say


def encode(
    run: ModelFolder,
    items: Items,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="A .npy or .npz array, or a .safetensors file of codes as of ganvas project.",
        ),
    ],
    space: SpaceName = None,
    label: Label = None,
    given: GivenFields = None,
    game: Game = None,
) -> None:
    """Write the latents of items, (n, K) float32, or their codes in a space.

    Systems with an encoder of their own have latents; of others it is the encoder that ganvas teach
    taught for a space.

    Example: ganvas encode runs/veegan points.npy --out codes.npy
    """
    from ganvas.model.codes import SUFFIX, save_codes
    from ganvas.model.projection import codes_of

    whole = out.suffix.lower() == SUFFIX
    check_file(out, *ARRAYS, SUFFIX)
    model, of = load_model(run, game), conditioned(label, given)
    if space is None and not whole and "encode" in model.capabilities:
        if model.spec.loose:
            graph, links = read_graph(str(items), model)
            latents = model.encode(graph.x, links=links)
        else:
            latents = model.encode(read_items(items, model, "encode"), **of)
        write_array(out, "latents", latents)
        say(f"{len(latents)} latents of width {latents.shape[1]}: {out}")
        return
    codes = codes_of(model, read_items(items, model), space, **of)
    if whole:
        save_codes(out, codes, model)
    else:
        write_array(out, "codes", codes.x.numpy())
    say(f"codes in {codes.space}: {out}")
