"""StyleGAN2's first code: pickles of TensorFlow networks (G, D, averaged G), and those of its ADA.

Networks are lists of named arrays, beside the source code that builds them, which stays where it
is. Weights of dense layers and of convolutions are turned, kernels of doubling ones mirrored, and
styles begin around 0 there and around 1 here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from ganvas.foreign import stylegan2
from ganvas.foreign.formats import Imported
from ganvas.foreign.pickles import CarriedError, Made
from ganvas.foreign.torch_files import Content

KIND = "StyleGAN2 of TensorFlow (.pkl)"
LICENCE = (
    "NVIDIA's source code licence of StyleGAN2, non-commercial, if NVIDIA released the weights; "
    "else that of who trained them"
)

NETWORK = "dnnlib.tflib.network.Network"
LABELS = "mapping/LabelConcat/weight"
"""Of conditional models of the first code, whose labels are joined with z."""
FIRST = re.compile(r"style_?mod", re.IGNORECASE)
"""In names of StyleGAN's first version."""

Arrays = Mapping[str, Tensor]


def fits(content: Content) -> bool:
    """Whether a file is of this kind, by the names in it."""
    tree = content.tree
    return (
        isinstance(tree, tuple | list)
        and len(cast("list[Any]", tree)) == 3
        and all(isinstance(node, Made) and node.name == NETWORK for node in cast("list[Any]", tree))
    )


def read(content: Content, path: Path) -> Imported:
    """Return the averaged generator and the discriminator.

    Raises:
        UsageError: the file is damaged, or of another architecture.
    """
    _, judge, averaged = content.tree
    arrays, judging = (dict(_arrays(content, node, "")) for node in (averaged, judge))
    if any(FIRST.search(name) for name in arrays):
        raise CarriedError(
            f"{content.where} is a StyleGAN of the first version, and ganvas imports the second"
        )
    try:
        generator = dict(_generator(arrays))
        alike = LABELS not in arrays  # there, scores of classes are told apart by the last layer
        discriminator = dict(_discriminator(judging)) if alike else None
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise content.refuse(f"its arrays are not those of a StyleGAN2 ({reason})") from error
    return stylegan2.imported(
        content,
        path,
        generator,
        discriminator,
        about="a file of StyleGAN2's code for TensorFlow",
        licence=LICENCE,
        joined=LABELS in arrays,
    )


def _arrays(content: Content, node: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Give the arrays of a network and of its parts, by their names.

    Raises:
        CarriedError: it is no network.
    """
    if not (isinstance(node, Made) and node.name == NETWORK) or prefix.count("/") > 1:
        raise content.refuse(f"'{prefix}' is no network of its code")
    state = content.mapping(node.state)
    for pair in cast("list[Any]", state.get("variables") or []):
        if not (isinstance(pair, tuple) and len(cast("tuple[Any, ...]", pair)) == 2):
            raise content.refuse("a variable has no name and value")
        name, value = cast("tuple[Any, Any]", pair)
        yield f"{prefix}{name}", content.tensor(value)
    for name, part in content.mapping(state.get("components") or {}).items():
        yield from _arrays(content, part, f"{prefix}{name}/")


def _generator(arrays: Arrays) -> Iterator[tuple[str, Tensor]]:
    """Give the generator's tensors by their names in StyleGAN2-ADA's code."""
    for name, value in arrays.items():
        if name == "dlatent_avg":
            yield "mapping.w_avg", value
        elif match := re.fullmatch(r"mapping/(\w+)/(weight|bias)", name):
            yield f"mapping.{_dense(match[1])}.{match[2]}", _turned(value)
        elif name == "synthesis/4x4/Const/const":
            yield "synthesis.b4.const", value[0]
        elif match := re.fullmatch(r"synthesis/noise(\d+)", name):
            number = int(match[1])  # two for each side, of the first side one
            side, conv = 4 << (number + 1) // 2, 1 - number % 2
            yield f"synthesis.b{side}.conv{conv}.noise_const", value[0, 0]
        elif match := re.fullmatch(r"synthesis/(\d+)x\1/(\w+)/(\w+)", name):
            yield _synthesis(int(match[1]), match[2], match[3], value)
        elif name not in ("lod", "synthesis/lod"):
            raise ValueError(f"'{name}' is not known")


def _synthesis(side: int, layer: str, part: str, value: Tensor) -> tuple[str, Tensor]:
    place = f"synthesis.b{side}.{LAYERS[layer]}"
    if part == "mod_bias":
        return f"{place}.affine.bias", value + 1
    if part == "mod_weight":
        return f"{place}.affine.weight", _turned(value)
    if part == "weight" and layer in ("Conv0_up", "Skip"):
        value = value.flip(0, 1)
    return f"{place}.{part}", _turned(value)


def _discriminator(arrays: Arrays) -> Iterator[tuple[str, Tensor]]:
    """Give the discriminator's tensors by their names in StyleGAN2-ADA's code."""
    for name, value in arrays.items():
        if match := re.fullmatch(r"(\d+)x\1/(\w+)/(weight|bias)", name):
            yield f"b{match[1]}.{JUDGING[match[2]]}.{match[3]}", _turned(value)
        elif match := re.fullmatch(r"Output/(weight|bias)", name):
            yield f"b4.out.{match[1]}", _turned(value)
        elif match := re.fullmatch(r"(LabelEmbed|Mapping\d+)/(weight|bias)", name):
            yield f"mapping.{_dense(match[1])}.{match[2]}", _turned(value)
        elif name != "lod":
            raise ValueError(f"'{name}' is not known")


LAYERS = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb", "Skip": "skip"}
"""Of the generator."""
JUDGING = {
    "FromRGB": "fromrgb",
    "Conv0": "conv0",
    "Conv1_down": "conv1",
    "Skip": "skip",
    "Conv": "conv",
    "Dense0": "fc",
}
"""Of the discriminator."""


def _dense(layer: str) -> str:
    if layer in ("LabelConcat", "LabelEmbed"):
        return "embed"
    return f"fc{re.sub('Dense|Mapping', '', layer)}"


def _turned(value: Tensor) -> Tensor:
    """Return weights with outputs first: (in, out), or (height, width, in, out)."""
    if value.dim() == 4:
        return value.permute(3, 2, 0, 1).contiguous()
    return value.T.contiguous() if value.dim() == 2 else value
