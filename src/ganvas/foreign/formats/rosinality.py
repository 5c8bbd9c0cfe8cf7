"""StyleGAN2 of rosinality's code: dictionaries of state dicts, trained there or converted.

Files of its training have no w̄: it is then the mean of styles that are drawn here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.foreign import stylegan2
from ganvas.foreign.formats import Imported
from ganvas.foreign.torch_files import Content

KIND = "StyleGAN2 of rosinality (.pt)"
LICENCE = (
    "that of the weights: NVIDIA's source code licence, non-commercial, if they were converted "
    "from NVIDIA's; else that of who trained them (the code around them is MIT)"
)

DRAWN = 10_000
"""Styles whose mean stands for w̄."""
RATE = 0.01
"""How fast the mapping learns."""

BLOCK = {"conv1": "conv0", "conv2": "conv1", "skip": "skip"}

State = Mapping[str, Tensor]


def fits(content: Content) -> bool:
    """Whether a file is of this kind, by the names in it."""
    if not isinstance(content.tree, dict) or "g_ema" not in content.tree:
        return False
    return "conv1.conv.modulation.weight" in content.mapping(content.tree["g_ema"])


def read(content: Content, path: Path) -> Imported:
    """Return the averaged generator, and the discriminator if there is one.

    Raises:
        UsageError: the file is damaged, or of another architecture.
    """
    tree = content.mapping(content.tree)
    theirs = content.tensors(tree["g_ema"])
    try:
        generator = dict(_generator(theirs))
        judged = tree.get("d") is not None
        discriminator = dict(_discriminator(content.tensors(tree["d"]))) if judged else None
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise content.refuse(f"its tensors are not those of a StyleGAN2 ({reason})") from error
    mean: Any = tree.get("latent_avg")
    generator["mapping.w_avg"] = _mean(generator) if mean is None else content.tensor(mean)
    about = "a file of rosinality's code"
    if mean is None:
        about += f" without w̄, which is the mean of {DRAWN:,} styles"
    return stylegan2.imported(content, path, generator, discriminator, about=about, licence=LICENCE)


def _generator(state: State) -> Iterator[tuple[str, Tensor]]:
    """Give the generator's tensors by their names in StyleGAN2-ADA's code."""
    for name, value in state.items():
        if name.endswith(".kernel"):  # of filters, constants
            continue
        if match := re.fullmatch(r"style\.(\d+)\.(weight|bias)", name):
            yield f"mapping.fc{int(match[1]) - 1}.{match[2]}", value
        elif name == "input.input":
            yield "synthesis.b4.const", value[0]
        elif match := re.fullmatch(r"noises\.noise_(\d+)", name):
            yield f"{_styled(int(match[1]))}.noise_const", value[0, 0]
        elif match := re.fullmatch(r"conv1\.(.+)", name):
            yield _layer(_styled(0), match[1], value)
        elif match := re.fullmatch(r"convs\.(\d+)\.(.+)", name):
            yield _layer(_styled(int(match[1]) + 1), match[2], value)
        elif match := re.fullmatch(r"to_rgb1\.(.+)", name):
            yield _layer("synthesis.b4.torgb", match[1], value)
        elif match := re.fullmatch(r"to_rgbs\.(\d+)\.(.+)", name):
            yield _layer(f"synthesis.b{8 << int(match[1])}.torgb", match[2], value)
        else:
            raise ValueError(f"'{name}' is not known")


def _styled(number: int) -> str:
    """Return the name of a styled convolution: one at the first side, two at each other."""
    return f"synthesis.b{4 << (number + 1) // 2}.conv{1 - number % 2}"


def _layer(place: str, part: str, value: Tensor) -> tuple[str, Tensor]:
    match part:
        case "conv.weight":
            return f"{place}.weight", value[0]
        case "conv.modulation.weight" | "conv.modulation.bias":
            return f"{place}.affine.{part.rpartition('.')[2]}", value
        case "noise.weight":
            return f"{place}.noise_strength", value
        case "activate.bias" | "bias":
            return f"{place}.bias", value.flatten()
        case _:
            raise ValueError(f"'{part}' of a layer is not known")


def _discriminator(state: State) -> Iterator[tuple[str, Tensor]]:
    """Give the discriminator's tensors by their names in StyleGAN2-ADA's code."""
    finest = 2 + max(int(m[1]) for name in state if (m := re.match(r"convs\.(\d+)\.", name)))
    for name, value in state.items():
        if name.endswith(".kernel"):
            continue
        part = name.rpartition(".")[2]
        if re.match(r"convs\.0\.", name):
            yield f"b{1 << finest}.fromrgb.{part}", value
        elif match := re.fullmatch(r"convs\.(\d+)\.(\w+)\.\d\.(weight|bias)", name):
            side = 1 << (finest + 1 - int(match[1]))
            yield f"b{side}.{BLOCK[match[2]]}.{part}", value
        elif match := re.fullmatch(r"final_(conv|linear)\.(\d)\.(weight|bias)", name):
            layer = "conv" if match[1] == "conv" else ("fc", "out")[int(match[2])]
            yield f"b4.{layer}.{part}", value
        else:
            raise ValueError(f"'{name}' is not known")


def _mean(generator: State) -> Tensor:
    """Return the mean of fresh styles: z, normalised, through the mapping."""
    first = generator["mapping.fc0.weight"]
    h = torch.randn(DRAWN, first.shape[1], generator=torch.Generator().manual_seed(0))
    h = h * (h.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    for number in range(stylegan2.depth_of(generator)):
        weight, bias = (generator[f"mapping.fc{number}.{part}"] for part in ("weight", "bias"))
        scale = RATE / math.sqrt(weight.shape[1])
        h = F.leaky_relu(F.linear(h, weight * scale, bias * RATE), 0.2) * math.sqrt(2)
    return h.mean(0)
