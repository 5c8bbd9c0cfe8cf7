"""Blending: the coarse levels of one generator with the fine ones of another of its family.

Source: Pinkney & Adler 2020, "Resolution Dependent GAN Interpolation". Of a model and one that was
fine-tuned from it, the first gives pose and shape and the second colours and textures, or the other
way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.files import disk_errors
from ganvas.model.model import Model
from ganvas.model.storage import save_model
from ganvas.networks.levelled import Levelled, levelled
from ganvas.play import Game

RELATED = 0.2
"""Least cosine of related models' weights; that of independent ones is near 0."""


def blend(below: Model, above: Model, height: int, width: float = 0.0) -> dict[str, Tensor]:
    """Return the tensors of a generator with coarse levels of one model and fine ones of another.

    All that belongs to no level, such as the way from latents to styles, is of the first.

    Args:
        below: gives the levels up to a height.
        above: gives all finer ones, bit for bit.
        height: of the images of the finest level that ``below`` gives.
        width: over so many levels, down from this one, the second sets in by equal steps; 0: at
            once.

    Raises:
        UsageError: generators have no levels, other ones, none of this height, or are unrelated.
    """
    if width < 0:
        raise UsageError(f"width={width:g}: expected how many levels are mixed, 0 for none")
    first, second = _generator(below), _generator(above)
    if [*first.sizes] != [*second.sizes]:
        sizes = " and ".join("{}×{}".format(*one.sizes[-1]) for one in (first, second))
        raise UsageError(f"models of images of {sizes} pixels have other levels: a blend is of one")
    heights = [size[0] for size in first.sizes]
    if height not in heights:
        raise UsageError(f"level {height}: these models have {', '.join(map(str, heights))}")
    mine, theirs = first.network.state_dict(), second.network.state_dict()
    _refuse_unrelated(mine, theirs)
    found: dict[str, Tensor] = {}
    for name, tensor in mine.items():
        level = first.level_of(name)
        share = 0.0 if level is None else _share(level - heights.index(height), width)
        mixed = 0 < share < 1 and tensor.is_floating_point()
        nearest = theirs[name] if share > 0.5 else tensor
        found[name] = (torch.lerp(tensor, theirs[name], share) if mixed else nearest).clone()
    return found


def save_blend(folder: Path, below: Model, above: Model, height: int, width: float = 0.0) -> None:
    """Write a model folder with a `blend`; all other networks are those of the first model.

    Raises:
        UsageError: as of `blend`.
        GanvasError: a file cannot be written.
    """
    tensors = blend(below, above, height, width)
    network = _generator(below).network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    made, other = below.provenance, above.provenance
    about = (
        f"Levels up to {height} pixels of {made.recipe or below.system}, finer ones of "
        f"{other.recipe or above.system}."
    )
    data = made.data if made.data == other.data else f"{made.data}; {other.data}"
    told = made.model_copy(update={"about": about, "data": data, "scores": {}})
    try:
        network.load_state_dict(tensors)
        with disk_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
        save_model(folder, below.game, told)
    finally:
        network.load_state_dict(before)


def _share(above: int, width: float) -> float:
    """Return the second model's share in a level, so many above the last one of the first."""
    return min(1.0, max(0.0, (above + width) / (width + 1)))


def _generator(model: Model) -> Levelled:
    """Return the generator of a model, which is made of levels.

    Raises:
        UsageError: it is not.
    """
    game: Game = model.game
    network = getattr(game, "generator", None)
    found = None if network is None else levelled(network)
    if found is None:
        raise UsageError(
            f"a model of {model.system} is not made of levels: blend models of stylegan2 or "
            "progressive"
        )
    return found


def _refuse_unrelated(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    """Refuse networks of other shapes, or with weights that have nothing in common.

    Raises:
        UsageError: they are such.
    """
    for name in (*mine, *theirs):
        a, b = mine.get(name), theirs.get(name)
        if a is None or b is None or a.shape != b.shape:
            raise UsageError(
                f"these generators differ, in {name} for one: a blend is of a model and one that "
                "was trained from it with: ganvas train … --from RUN"
            )
    cosines = [
        float(torch.cosine_similarity(a.flatten().double(), theirs[name].flatten().double(), dim=0))
        for name, a in mine.items()
        if a.is_floating_point() and a.dim() > 1 and bool(a.any()) and bool(theirs[name].any())
    ]
    typical = sorted(cosines)[len(cosines) // 2]
    if typical < RELATED:
        raise UsageError(
            f"these models are unrelated: their weights have a cosine of {typical:.2f}, and so no "
            "level of one knows what to make of the other's maps. Blend a model and one that was "
            "trained from it with: ganvas train … --from RUN"
        )
