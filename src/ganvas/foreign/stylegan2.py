"""StyleGAN2's networks in the names of StyleGAN2-ADA's code, as ours.

All formats are brought into these names first. Weights are stored alike there and here, for the
equalised rate, so tensors are taken as they are; only where they stand differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ganvas.foreign.formats import Imported, images_spec
from ganvas.foreign.torch_files import Content

State = Mapping[str, Tensor]
"""Tensors by their names in StyleGAN2-ADA's code."""

BASE = 4
"""Side of the coarsest maps."""
HELD = re.compile(r"(.*\.)?resample_filter$")
"""Constants, which are ours too."""
STYLED = {
    "weight": "conv.weight",
    "noise_strength": "noise.strength",
    "noise_const": "noise.stored",
}
"""Parts of a styled layer that are called otherwise here."""


def imported(
    content: Content,
    path: Path,
    generator: State,
    discriminator: State | None,
    *,
    about: str,
    licence: str,
    joined: bool = False,
) -> Imported:
    """Return the model of both networks.

    Args:
        content: the file.
        path: where it lies.
        generator: the averaged weights.
        discriminator: None if the file has none, or none that is made as ours.
        about: what the file is, for a sentence.
        licence: of such weights.
        joined: labels reach the mapping beside z, as in the first code.

    Raises:
        CarriedError: the tensors are not those of a StyleGAN2.
    """
    try:
        return _imported(path, generator, discriminator, about, licence, joined)
    except (KeyError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:120]
        raise content.refuse(f"its tensors are not those of a StyleGAN2 ({reason})") from error


def _imported(
    path: Path,
    generator: State,
    discriminator: State | None,
    about: str,
    licence: str,
    joined: bool,
) -> Imported:
    sides = _sides(generator)
    image = generator[f"synthesis.b{sides[-1]}.torgb.bias"]
    widths = [generator[f"synthesis.b{side}.conv1.bias"].shape[0] for side in sides]
    width, depth = generator["mapping.w_avg"].shape[0], depth_of(generator)
    embed = generator.get("mapping.embed.weight")
    classes = 0 if embed is None else embed.shape[1]
    told = 0 if embed is None else embed.shape[0]
    latent = generator["mapping.fc0.weight"].shape[1] - told
    network: dict[str, Any] = {"kind": "stylegan2", **_maps(widths, sides), "base": BASE}
    made: dict[str, Any] = {
        **network,
        "architecture": _generating(generator, sides),
        "width": width,
        "depth": depth,
        "labels": "joined" if joined else "embedded",
        "noise": any(name.endswith(".noise_const") for name in generator),
    }
    level = {side: number for number, side in enumerate(sides)}
    tensors = dict(_renamed(generator, lambda name: _in_generator(name, level, made)))
    judging: dict[str, Any] = {**network}
    if discriminator is not None:
        judging |= _judging(discriminator, sides)
        tensors |= _renamed(discriminator, lambda name: _in_discriminator(name, level, judging))
    notes = [f"{len(sides)} levels, {depth} layers of mapping, w̄ and averaged weights"]
    if discriminator is None:
        notes.append("no discriminator is taken over: the model scores nothing")
    side = sides[-1]
    return Imported(
        system="stylegan2",
        game={
            "latent": {"kind": "normal", "dim": latent},
            "generator": made,
            "discriminator": judging,
            "conditional": classes > 0,
            "judged": discriminator is not None,
        },
        spec=images_spec(path.stem, image.shape[0], side, side, classes),
        tensors=tensors,
        about=f"StyleGAN2 at {side}×{side}, imported from {path.name}, {about}.",
        licence=licence,
        notes=tuple(notes),
    )


def _sides(generator: State) -> list[int]:
    found = {int(m[1]) for name in generator if (m := re.match(r"synthesis\.b(\d+)\.", name))}
    sides = sorted(found)
    if sides != [BASE << level for level in range(len(sides))]:
        raise ValueError(f"its levels are {', '.join(map(str, sides)) or 'none'}")
    return sides


def depth_of(state: State) -> int:
    """Return how many layers the mapping of a network has."""
    return sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)


def _maps(widths: list[int], sides: list[int]) -> dict[str, int]:
    """Return the two numbers from which ours has the maps of all levels.

    Raises:
        ValueError: they are no min(maps/side, most).
    """
    most = max(widths)
    maps = max(width * side for width, side in zip(widths, sides, strict=True))
    if widths != [min(maps // side, most) for side in sides]:
        raise ValueError(f"its levels have {', '.join(map(str, widths))} maps")
    return {"maps": maps, "max_maps": most}


def _generating(generator: State, sides: list[int]) -> str:
    if any(name.endswith(".skip.weight") for name in generator):
        return "residual"
    every = all(f"synthesis.b{side}.torgb.weight" in generator for side in sides)
    return "skip" if every else "original"


def _judging(state: State, sides: list[int]) -> dict[str, Any]:
    every = all(f"b{side}.fromrgb.weight" in state for side in sides)
    residual = any(name.endswith(".skip.weight") for name in state)
    beside = state["b4.conv.weight"].shape[1] - state["b4.conv.weight"].shape[0]
    found: dict[str, Any] = {
        "architecture": "residual" if residual else "skip" if every else "original",
        "deviation": 4 if beside else 0,
    }
    if depth := depth_of(state):
        found |= {"label_depth": depth, "label_width": state["b4.out.weight"].shape[0]}
    return found


def _renamed(state: State, ours: Callable[[str], str]) -> Iterator[tuple[str, Tensor]]:
    """Give tensors by our names, in the shapes that they have here."""
    for name, tensor in state.items():
        if HELD.fullmatch(name):
            continue
        if name.endswith((".const", ".noise_const")):
            tensor = tensor.reshape(1, -1, *tensor.shape[-2:])
        elif name.endswith(".noise_strength"):
            tensor = tensor.reshape(1)
        yield ours(name), tensor


def _in_generator(name: str, level: Mapping[int, int], made: Mapping[str, Any]) -> str:
    """Return what a tensor of the generator is called here.

    Raises:
        ValueError: there is none such.
    """
    if name == "mapping.w_avg":
        return "generator.mean.value"
    if match := re.fullmatch(r"mapping\.(embed|fc\d+)\.(weight|bias)", name):
        return f"generator.mapping.{_mapped(match[1])}.{match[2]}"
    if name == "synthesis.b4.const":
        return "generator.synthesis.constant"
    match = re.fullmatch(r"synthesis\.b(\d+)\.(conv0|conv1|torgb|skip)\.(.+)", name)
    if match is None:
        raise ValueError(f"'{name}' is not known")
    number, layer, part = level[int(match[1])], match[2], match[3]
    if layer == "skip":
        return f"generator.synthesis.shortcuts.{number - 1}.{part}"
    part = STYLED.get(part, part)
    if layer == "torgb":
        place = number if made["architecture"] == "skip" else 0
        return f"generator.synthesis.to_image.{place}.{part}"
    place = f"blocks.{number - 1}.{layer[-1]}" if number else "first.0"
    return f"generator.synthesis.{place}.{part}"


def _in_discriminator(name: str, level: Mapping[int, int], judging: Mapping[str, Any]) -> str:
    """Return what a tensor of the discriminator is called here.

    Raises:
        ValueError: there is none such.
    """
    if match := re.fullmatch(r"mapping\.(embed|fc\d+)\.(weight|bias)", name):
        return f"judge.network.head.{_mapped(match[1])}.{match[2]}"
    if match := re.fullmatch(r"b4\.(conv|fc|out)\.(weight|bias)", name):
        return f"judge.network.{COARSEST[match[1]]}.{match[2]}"
    match = re.fullmatch(r"b(\d+)\.(conv0|conv1|fromrgb|skip)\.(weight|bias)", name)
    if match is None:
        raise ValueError(f"'{name}' is not known")
    number, layer, part = level[int(match[1])], match[2], match[3]
    if layer == "fromrgb":
        place = number if judging["architecture"] == "skip" else 0
        return f"judge.network.from_image.{place}.{part}"
    if layer == "skip":
        return f"judge.network.shortcuts.{number - 1}.{part}"
    return f"judge.network.blocks.{number - 1}.{layer[-1]}.{part}"


COARSEST = {"conv": "last", "fc": "whole", "out": "head.score"}


def _mapped(layer: str) -> str:
    return layer if layer == "embed" else f"layers.{layer.removeprefix('fc')}"
