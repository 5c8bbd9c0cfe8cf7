"""``ganvas ppl``: how evenly samples change with their codes."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ganvas.cli.items import check_file, check_place
from ganvas.cli.options import (
    Game,
    GivenFields,
    Label,
    ModelFolder,
    Options,
    Seed,
    conditions,
    load_model,
    told,
)
from ganvas.cli.speech import say
from ganvas.files import disk_errors

PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
SHOWN = 16
"""Samples with the shortest and with the longest ways that a picture shows."""


class Features(StrEnum):
    """Networks by whose features images are compared; see `ganvas.networks.perceptual`."""

    RANDOM = "random-conv"
    LITE0 = "efficientnet-lite0"
    VGG = "vgg16_shift_tolerant"


class Place(StrEnum):
    """Where on a way lengths are taken."""

    ENDS = "ends"
    FULL = "full"


def ppl(
    run: ModelFolder,
    space: Annotated[
        str | None, typer.Option(help="z, or w of models with styles, which is their default.")
    ] = None,
    where: Annotated[
        Place, typer.Option(help="Where ways begin, or anywhere on them.")
    ] = Place.ENDS,
    count: Annotated[int, typer.Option(help="Ways.", min=2)] = 1_000,
    features: Annotated[
        Features, typer.Option(help="The network by which images are compared.")
    ] = Features.RANDOM,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A .json with every length, or a picture: the shortest above the longest.",
        ),
    ] = None,
    label: Label = None,
    given: GivenFields = None,
    seed: Seed = 0,
    options: Options = None,
    game: Game = None,
) -> None:
    """Measure perceptual path length: how much samples change on short steps between codes.

    Short ways are steps that change little; where they are long, samples are often broken. The
    number is a mean between the 1st and 99th percentile, and depends on the network that compares:
    papers' numbers are by LPIPS.

    Example: ganvas ppl runs/faces --out ranked.png
    """
    import torch

    from ganvas.files import write_whole
    from ganvas.latent.path_length import path_lengths
    from ganvas.latent.spaces import spaces_of
    from ganvas.model.codes import of_styles
    from ganvas.networks.conditions import chosen_rows
    from ganvas.networks.perceptual import feature_network

    model = load_model(run, game)
    if out is not None and out.suffix.lower() != ".json":
        check_place(model, out)
    else:
        check_file(out, ".json")
    network = feature_network(features.value, model.spec.shape[0]).to(model.device)
    asked = told(options, model)
    styles = of_styles(model, **asked)
    there = spaces_of(model.game, **styles)
    chosen = space or ("w" if "w" in there else "z")
    with model.posed(**asked):
        found = path_lengths(
            model.game,
            network.distance,
            count,
            space=chosen,
            where=where.value,
            seed=seed,
            y=model.said(1, label, conditions(given)),
            styles=styles,
            **model.of_latents(**asked),
        )
    quantiles = {p: float(torch.quantile(found.each, p / 100)) for p in PERCENTILES}
    kind = "" if where is Place.ENDS else ", anywhere on a way"
    say(f"ppl[{features.value}] in {chosen}{kind}: {found.value:.6g}")
    say("percentiles: " + ", ".join(f"{p}: {value:.4g}" for p, value in quantiles.items()))
    if out is None:
        return
    with disk_errors(out):
        if out.suffix.lower() == ".json":
            told_: dict[str, Any] = {
                "value": found.value,
                "space": chosen,
                "where": where.value,
                "features": features.value,
                "percentiles": quantiles,
                "each": found.each.tolist(),
            }
            write_whole(out, json.dumps(told_).encode())
        else:
            few = min(SHOWN, count // 2)
            rows = torch.cat([found.order[:few], found.order[-few:]])
            with torch.inference_mode(), model.posed(**asked):
                codes = found.codes[rows.to(found.codes.device)]
                x = there[chosen].synthesise(codes, chosen_rows(found.y, rows))
            model.domain.save(model.domain.decode(x), out, columns=few)
    say(f"{'every length' if out.suffix.lower() == '.json' else 'shortest above longest'}: {out}")
