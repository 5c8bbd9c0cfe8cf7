"""StyleGAN2-ADA's pickles, and those of StyleGAN3's code with its ``stylegan2`` configuration.

Modules lie in them as what they hold, beside the source code of their classes, which the official
loader executes. Here the code is left where it is: classes are known by their names, and any other
one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from ganvas.foreign import stylegan2
from ganvas.foreign.formats import Imported
from ganvas.foreign.pickles import CarriedError, Made
from ganvas.foreign.torch_files import Content

KIND = "StyleGAN2-ADA or StyleGAN3's stylegan2 configuration (.pkl)"
LICENCE = (
    "NVIDIA's source code licence of StyleGAN2-ADA or StyleGAN3, for research and evaluation only, "
    "if NVIDIA released the weights; else that of who trained them"
)

PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
CLASSES = frozenset(
    {
        *("Generator", "MappingNetwork", "SynthesisNetwork", "SynthesisBlock", "SynthesisLayer"),
        *("ToRGBLayer", "FullyConnectedLayer", "Conv2dLayer"),
        *("Discriminator", "DiscriminatorBlock", "DiscriminatorEpilogue", "MinibatchStdLayer"),
    }
)
"""Of modules that are known by what they hold."""
ALIAS_FREE = "SynthesisInput"
"""A module that generators of StyleGAN3-T and -R have, and no others."""


def fits(content: Content) -> bool:
    """Whether a file is of this kind, by the names in it."""
    if not isinstance(content.tree, dict):
        return False
    node = content.mapping(content.tree).get("G_ema")
    return isinstance(node, Made) and node.name == PERSISTENT


def read(content: Content, path: Path) -> Imported:
    """Return generator and discriminator.

    Raises:
        UsageError: the file is damaged, or of another architecture.
    """
    tree = content.mapping(content.tree)
    generator = dict(_tensors(content, tree["G_ema"], ""))
    judged = isinstance(tree.get("D"), Made)
    return stylegan2.imported(
        content,
        path,
        generator,
        dict(_tensors(content, tree["D"], "")) if judged else None,
        about="a file of StyleGAN2-ADA's or StyleGAN3's code",
        licence=LICENCE,
    )


def _tensors(content: Content, node: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Give all tensors of a module and those in it, by their names.

    Raises:
        CarriedError: it is none, or of another class.
    """
    if not (isinstance(node, Made) and node.name == PERSISTENT and len(node.args) == 1):
        raise content.refuse(f"'{prefix}' is no module of its code")
    if prefix.count(".") > DEEP:
        raise content.refuse("modules lie in modules without end")
    told = content.mapping(node.args[0])
    kind = str(told.get("class_name"))
    if kind == ALIAS_FREE:
        raise CarriedError(
            f"{content.where} is a StyleGAN3-T or -R: of StyleGAN3's code, ganvas imports the "
            "stylegan2 configuration alone"
        )
    if kind not in CLASSES:
        raise CarriedError(
            f"{content.where} carries the source code of '{kind}', which is no module of "
            "StyleGAN2: it is refused, and nothing of it was run"
        )
    state = content.mapping(told.get("state"))
    for group in ("_parameters", "_buffers"):
        for name, value in content.mapping(state.get(group)).items():
            if value is not None:
                yield f"{prefix}{name}", content.tensor(value)
    for name, module in content.mapping(state.get("_modules")).items():
        yield from _tensors(content, module, f"{prefix}{name}.")


DEEP = 8
"""Modules lie in one another at most so deep."""
