"""BigGAN-deep of Hugging Face (``pytorch-pretrained-biggan``): released generators, 128 to 512 px.

A state dict of torch; ``config.json`` beside it is not needed, since shapes say the same. Weights
are taken as they are used, W/σ: the file keeps its own vectors of spectral normalisation, and its
last layer has σ of 128 channels, three of which are the image. So the model is without spectral
normalisation, and exact. Three layouts differ: conditions stand as [z, c] there and [c, z] here,
the first layer's maps have their channels last, and the class table is a linear map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganvas.foreign.formats import Imported, images_spec
from ganvas.foreign.pickles import Made
from ganvas.foreign.torch_files import Content

KIND = "BigGAN-deep of Hugging Face (pytorch_model.bin)"
LICENCE = "apache-2.0"
"""Of DeepMind's released weights, which these files hold; the program around them is MIT."""

BASE = 4
"""Side of the coarsest maps."""
FIRST = "generator.gen_z.weight_orig"
ATTENTION = {"theta": "query", "phi": "key", "g": "value", "o_conv": "out"}

State = Mapping[str, Tensor]


def fits(content: Content) -> bool:
    """Whether a file is of this kind, by the names in it."""
    tree = content.tree
    pairs = tree.pairs if isinstance(tree, Made) else tree
    return isinstance(pairs, dict) and FIRST in pairs and "embeddings.weight" in pairs


def read(content: Content, path: Path) -> Imported:
    """Return the generator.

    Raises:
        UsageError: the file is damaged, or no BigGAN-deep.
    """
    state = content.tensors(content.tree)
    try:
        return _read(state, path)
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise content.refuse(f"its tensors are not those of a BigGAN-deep ({reason})") from error


def _read(state: State, path: Path) -> Imported:
    shared, classes = state["embeddings.weight"].shape
    latent = state[FIRST].shape[1] - shared
    layers = sorted({int(name.split(".")[2]) for name in state if ".layers." in name})
    blocks = [n for n in layers if f"generator.layers.{n}.conv_0.bias" in state]
    attention = [n for n in layers if n not in blocks]
    ends = [_widths(state, n) for n in blocks]
    width = state["generator.bn.weight"].shape[0]
    stages = list(zip(ends[::2], ends[1::2], strict=True))
    multiples = [ends[0][0] // width, *(up[1] // width for _, up in stages)]
    heights = [BASE << (len([b for b in blocks if b < n]) // 2) for n in attention]
    size = BASE << len(stages)
    sets = state["generator.bn.running_means"].shape[0]
    network = {
        "kind": "biggan_deep",
        "width": width,
        "multiples": multiples,
        "base": BASE,
        "attention": heights,
        "shared": shared,
    }
    game: dict[str, Any] = {
        "latent": {"kind": "normal", "dim": latent},
        "generator": {**network, "spectral": False, "stored": sets},
        "discriminator": {"kind": "biggan_deep", "width": width},
        "judged": False,
    }
    return Imported(
        system="biggan-deep",
        game=game,
        spec=images_spec(path.stem, 3, size, size, classes),
        tensors=dict(_generator(state, latent, blocks, attention)),
        about=f"BigGAN-deep at {size}×{size}, imported from {path.name} of Hugging Face.",
        licence=LICENCE,
        notes=(
            "its weights are kept as they are used, divided by σ: spectral normalisation is off",
            f"it brings statistics for {sets} truncations, which scaling=S heeds",
            "the file has no discriminator: the model scores nothing",
        ),
    )


def _widths(state: State, layer: int) -> tuple[int, int]:
    """Return the channels that a block is given, and those that it gives."""
    name = f"generator.layers.{layer}"
    wide = state[f"{name}.conv_0.weight_orig"].shape[1]
    return wide, state[f"{name}.conv_3.weight_orig"].shape[0]


def used(state: State, layer: str) -> Tensor:
    """Return a weight as evaluation uses it there: W/σ, σ = uᵀWv of the stored vectors."""
    weight = state[f"{layer}.weight_orig"]
    matrix = weight.double().flatten(1)
    sigma = state[f"{layer}.weight_u"].double() @ matrix @ state[f"{layer}.weight_v"].double()
    return (weight.double() / sigma).float()


def _generator(
    state: State, latent: int, blocks: list[int], attention: list[int]
) -> Iterator[tuple[str, Tensor]]:
    """Give all tensors by their names in the game."""
    yield "generator.embedding.weight", state["embeddings.weight"].T.contiguous()
    first, bias = used(state, "generator.gen_z"), state["generator.gen_z.bias"]
    yield "generator.project.weight", _channels_first(_condition_first(first, latent))
    yield "generator.project.bias", _channels_first(bias)
    norms = list[str]()
    for place, layer in enumerate(blocks):
        theirs, ours = f"generator.layers.{layer}", f"generator.blocks.{place}"
        for number in range(4):
            mine = f"{ours}.norms.{number}.norm"
            norms.append(f"{theirs}.bn_{number}")
            for there, here in (("scale", "gain"), ("offset", "offset")):
                linear = used(state, f"{theirs}.bn_{number}.{there}")
                yield f"{mine}.condition.{here}.weight", _condition_first(linear, latent)
            yield from _statistics(state, norms[-1], mine)
            yield f"{ours}.convs.{number}.weight", used(state, f"{theirs}.conv_{number}")
            yield f"{ours}.convs.{number}.bias", state[f"{theirs}.conv_{number}.bias"]
    for layer in attention:
        before = sum(block < layer for block in blocks) - 1
        for there, here in ATTENTION.items():
            weight = used(state, f"generator.layers.{layer}.snconv1x1_{there}")
            yield f"generator.attention.{before}.{here}.weight", weight
        gamma = state[f"generator.layers.{layer}.gamma"].reshape(())
        yield f"generator.attention.{before}.gamma", gamma
    norms.append("generator.bn")
    yield "generator.last_norm.weight", state["generator.bn.weight"]
    yield "generator.last_norm.bias", state["generator.bn.bias"]
    yield from _statistics(state, norms[-1], "generator.last_norm")
    yield "generator.last.weight", used(state, "generator.conv_to_rgb")[:3]
    yield "generator.last.bias", state["generator.conv_to_rgb.bias"][:3]
    for place, name in enumerate(norms):
        yield f"generator.stored.means.{place}", state[f"{name}.running_means"]
        yield f"generator.stored.variances.{place}", state[f"{name}.running_vars"]


def _statistics(state: State, theirs: str, ours: str) -> Iterator[tuple[str, Tensor]]:
    """Give the statistics of a norm without truncation, which are those of the last set."""
    yield f"{ours}.running_mean", state[f"{theirs}.running_means"][-1]
    yield f"{ours}.running_var", state[f"{theirs}.running_vars"][-1]


def _condition_first(weight: Tensor, latent: int) -> Tensor:
    """Return a weight on [z, c] as one on [c, z]."""
    return torch.cat([weight[:, latent:], weight[:, :latent]], 1)


def _channels_first(rows: Tensor) -> Tensor:
    """Return rows that make maps (4, 4, C) as rows that make maps (C, 4, 4)."""
    maps = rows.view(BASE, BASE, -1, *rows.shape[1:])
    return maps.movedim(2, 0).flatten(0, 2).contiguous()
