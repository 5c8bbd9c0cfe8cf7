"""The same networks in other layouts: TensorFlow's arrays, rosinality's dictionaries."""

from __future__ import annotations

import math
import re
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tests.foreign.ada import SOURCE

Arrays = list[tuple[str, npt.NDArray[Any]]]


class Network:
    """``dnnlib.tflib.network.Network``: what is pickled of it."""

    def __init__(self, variables: Arrays, components: Mapping[str, Network] | None = None) -> None:
        self.variables, self.components = variables, dict(components or {})

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": 4,
            "name": "G",
            "static_kwargs": {"resolution": 16},
            "components": self.components,
            "build_module_src": SOURCE,
            "build_func_name": "G_main",
            "variables": self.variables,
        }


@contextmanager
def tensorflow() -> Iterator[None]:
    """Have the module in which their class lies, as far as pickling asks for it."""
    name = "dnnlib.tflib.network"
    made = ["dnnlib", "dnnlib.tflib", name]
    for module in made:
        sys.modules[module] = types.ModuleType(module)
    sys.modules[name].Network = Network  # type: ignore[attr-defined]
    Network.__module__ = name
    try:
        yield
    finally:
        for module in made:
            del sys.modules[module]


def turned(tensor: Tensor) -> npt.NDArray[Any]:
    """Return weights with outputs last."""
    axes = (2, 3, 1, 0) if tensor.dim() == 4 else tuple(range(tensor.dim()))[::-1]
    return np.ascontiguousarray(tensor.detach().permute(axes).numpy())


def tf_generator(model: nn.Module, joined: Tensor | None = None) -> Network:
    """Return a generator as the first code keeps it; with a matrix of labels that join z."""
    synthesis, mapping, main = Arrays(), Arrays(), Arrays()
    for name, tensor in model.state_dict().items():
        if name == "mapping.w_avg":
            main.append(("dlatent_avg", tensor.numpy()))
        elif match := re.fullmatch(r"mapping\.fc(\d+)\.(\w+)", name):
            mapping.append((f"Dense{match[1]}/{match[2]}", turned(tensor)))
        elif name == "synthesis.b4.const":
            synthesis.append(("4x4/Const/const", tensor[None].numpy()))
        elif match := re.fullmatch(r"synthesis\.b(\d+)\.(\w+)\.(.+)", name):
            synthesis += _tf_layer(int(match[1]), match[2], match[3], tensor)
    if joined is not None:
        mapping.append(("LabelConcat/weight", joined.numpy()))
    synthesis.append(("lod", np.float32(0)))
    parts = {"synthesis": Network(synthesis), "mapping": Network(mapping)}
    return Network([*main, ("lod", np.float32(0))], parts)


def _tf_layer(side: int, layer: str, part: str, tensor: Tensor) -> Arrays:
    if part == "resample_filter":
        return []
    first = {"conv0": "Conv0_up", "conv1": "Conv" if side == 4 else "Conv1"}
    place = f"{side}x{side}/{({**first, 'torgb': 'ToRGB', 'skip': 'Skip'})[layer]}"
    if part == "noise_const":
        number = 2 * int(math.log2(side)) - (5 if layer == "conv0" else 4)
        return [(f"noise{number}", tensor[None, None].numpy())]
    if part == "affine.bias":
        return [(f"{place}/mod_bias", tensor.numpy() - 1)]
    if part == "affine.weight":
        return [(f"{place}/mod_weight", turned(tensor))]
    if part == "weight" and layer in ("conv0", "skip"):
        tensor = tensor.flip(2, 3)
    return [(f"{place}/{part}", turned(tensor))]


def tf_discriminator(model: nn.Module) -> Network:
    found = Arrays()
    names = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip"}
    names |= {"conv": "Conv", "fc": "Dense0"}
    for name, tensor in model.state_dict().items():
        match = re.fullmatch(r"b(\d+)\.(\w+)\.(\w+)", name)
        assert match is not None
        side, layer = match[1], match[2]
        place = "Output" if layer == "out" else f"{side}x{side}/{names[layer]}"
        found.append((f"{place}/{match[3]}", turned(tensor)))
    return Network([("lod", np.float32(0)), *found])


def rosinality_generator(model: nn.Module) -> dict[str, Tensor]:
    """Return a skip generator as rosinality's code keeps it."""
    found = dict[str, Tensor]()
    parts = {
        "weight": "conv.weight", "affine.weight": "conv.modulation.weight",
        "affine.bias": "conv.modulation.bias", "noise_strength": "noise.weight",
        "bias": "activate.bias",
    }  # fmt: skip
    for name, tensor in model.state_dict().items():
        if match := re.fullmatch(r"mapping\.fc(\d+)\.(\w+)", name):
            found[f"style.{int(match[1]) + 1}.{match[2]}"] = tensor
        elif name == "synthesis.b4.const":
            found["input.input"] = tensor[None]
        elif match := re.fullmatch(r"synthesis\.b(\d+)\.(\w+)\.(.+)", name):
            level, layer, part = int(math.log2(int(match[1]))) - 2, match[2], match[3]
            number = 2 * level - (layer == "conv0")
            if part == "resample_filter":
                continue
            if part == "noise_const":
                found[f"noises.noise_{number}"] = tensor[None, None]
                continue
            value = tensor[None] if part == "weight" else tensor
            if layer == "torgb":
                place = f"to_rgbs.{level - 1}" if level else "to_rgb1"
                value = value.view(1, 3, 1, 1) if part == "bias" else value
                part = "bias" if part == "bias" else parts[part]
            else:
                place, part = f"convs.{number - 1}" if number else "conv1", parts[part]
            found[f"{place}.{part}"] = value.reshape(1) if part == "noise.weight" else value
    found["convs.0.conv.blur.kernel"] = torch.ones(4, 4)
    found["to_rgbs.0.upsample.kernel"] = torch.ones(4, 4)
    return found


def rosinality_discriminator(model: nn.Module, finest: int) -> dict[str, Tensor]:
    """Return a residual discriminator of images of 2^finest pixels as that code keeps it."""
    found = {"convs.1.conv2.0.kernel": torch.ones(4, 4)}
    inside = {"conv0": ("conv1", 0, 1), "conv1": ("conv2", 1, 2), "skip": ("skip", 1, 1)}
    coarse = {"conv": ("final_conv", 0, 1), "fc": ("final_linear", 0, 0)}
    coarse["out"] = ("final_linear", 1, 1)
    for name, tensor in model.state_dict().items():
        match = re.fullmatch(r"b(\d+)\.(\w+)\.(\w+)", name)
        assert match is not None
        layer, part = match[2], match[3]
        if layer == "fromrgb":
            found[f"convs.0.{'0' if part == 'weight' else '1'}.{part}"] = tensor
        elif layer in inside:
            place, *numbers = inside[layer]
            block = finest + 1 - int(math.log2(int(match[1])))
            found[f"convs.{block}.{place}.{numbers[part == 'bias']}.{part}"] = tensor
        else:
            place, *numbers = coarse[layer]
            found[f"{place}.{numbers[part == 'bias']}.{part}"] = tensor
    return found
