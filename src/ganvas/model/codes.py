"""Codes: points of a model's spaces, with all that their items depend on; files of them.

A file is safetensors that say of which model and space codes are: ``codes`` float32 (N, …), and
where there are any ``map.0``, ``map.1``, … (N, 1, h, w) of noise and ``condition`` (N, …), or
``condition.NAME`` of each field where maps are among them. What the model was tuned to
(`ganvas.model.kept`) is named by its hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.given import batches, require_place
from ganvas.latent.interpolation import BLENDS
from ganvas.latent.spaces import Space, space_of
from ganvas.latent.walks import circle, walk
from ganvas.model.exemplars import Place, latents_at
from ganvas.model.kept import tuned_by
from ganvas.model.labels import Labels
from ganvas.model.model import Model
from ganvas.model.sealed import not_such, read_named, write_told
from ganvas.model.trained import Array, FieldValues, Trained
from ganvas.networks.conditions import Given, at, chosen_rows, in_turn
from ganvas.play import has
from ganvas.play.abilities import HasStyles

FORMAT = "ganvas-codes-1"
FILE = ("file of codes", "ganvas project")
"""In words, and what makes such files."""
SUFFIX = ".safetensors"
MAP, CONDITION = "map.", "condition"


@dataclass(frozen=True, eq=False)
class Codes:
    """N codes of a model.

    Attributes:
        space: its name.
        x: the codes, (N, *shape), on the CPU.
        y: classes (N,) or other conditions as networks take them, if the model has any; on the CPU.
        maps: noise maps of every noisy layer, (N, 1, h, w) each; empty for those that it stores.
        tuning: hash of what the model is tuned to; "" for the model as it is.
        found: how they were found, in plain values.
    """

    space: str
    x: Tensor
    y: Given = None
    maps: Sequence[Tensor] = ()
    tuning: str = ""
    found: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, which: Sequence[int]) -> Codes:
        """Return some of them, by their numbers.

        Raises:
            UsageError: there is no such number.
        """
        for number in which:
            if not 0 <= number < len(self):
                raise UsageError(f"there is no code {number}: these are 0 to {len(self) - 1}")
        rows = torch.tensor(which, dtype=torch.long)
        y = chosen_rows(self.y, rows)
        return replace(self, x=self.x[rows], y=y, maps=[one[rows] for one in self.maps])


def space_in(model: Trained, name: str, **options: Any) -> Space:
    """Return a space of a model, with styles truncated as options of samples say.

    Raises:
        UsageError: the model has no such space, or an option makes no sense.
    """
    return space_of(model.game, name, **of_styles(model, **options))


def of_styles(model: Trained, **options: Any) -> dict[str, Any]:
    """Return those options of samples that say how styles are truncated; none without styles.

    Raises:
        UsageError: an option makes no sense.
    """
    told = model.sampling(**options)
    styled = has(model.game, HasStyles)
    return {k: told[k] for k in ("truncation", "cutoff") if styled and k in told}


def codes_at(
    model: Model,
    places: Sequence[Place],
    space: str,
    *,
    label: Labels = None,
    given: FieldValues = None,
    **options: Any,
) -> Codes:
    """Return the codes of some samples, all of one class: by default that of the first one.

    Args:
        model: draws them.
        places: which samples.
        space: of the codes.
        label: another class.
        given: other conditions, as for `Model.sample`.
        options: of samples.

    Raises:
        UsageError: no samples are named, or the model has no such space, condition or option.
        CannotError: the system has no samples.
    """
    z, drawn = latents_at(model, places, **options)
    y = model.wanted(len(z), label, given, None if drawn is None else drawn.expand(len(z)))
    where = space_in(model, space, **options)
    with torch.no_grad():
        x = where.of(z.clone().to(where.device), y).cpu()
    return Codes(space, x.clone(), at(y, slice(None), "cpu"))


@torch.no_grad()
def items_of(model: Trained, codes: Codes, batch: int = 64, **options: Any) -> Array:
    """Return the items of codes in data units.

    Raises:
        UsageError: the model has no such space or option, or its tuning is gone.
    """
    space = space_in(model, codes.space, **options)
    tuning = tuned_by(model, codes.tuning) if codes.tuning else nullcontext()
    found: list[Array] = []
    with model.posed(**options), tuning:
        for part in batches(len(codes), batch):
            maps = [one[part].to(space.device) for one in codes.maps]
            y = at(codes.y, part, space.device)
            x = space.synthesise(codes.x[part].to(space.device), y, maps or None)
            found.append(model.domain.decode(x))
    return np.concatenate(found)


def lifted(model: Trained, codes: Codes, space: str) -> Codes:
    """Return codes as those of a space that theirs leads into: W into W+ and S, W+ into S.

    Raises:
        UsageError: there is no way there.
    """
    if codes.space == space:
        return codes
    where, y = space_in(model, codes.space), at(codes.y, slice(None), model.device)
    found = where.lift(codes.x.to(model.device), space, y)
    return replace(codes, space=space, x=found.cpu())


def wander_between(
    model: Trained,
    keys: Codes,
    steps: int = 10,
    how: str | None = None,
    *,
    loop: bool = False,
    batch: int = 64,
    **options: Any,
) -> Array:
    """Return the items on a way through codes, in data units.

    Noise is the same throughout: the stored one, or where codes have maps of their own a way from
    each to the next along the sphere, on which noise stays noise. So is the class.

    Args:
        model: whose codes they are.
        keys: two codes or more; of a circle two.
        steps: items of a leg, both its ends among them, at least 2.
        how: "slerp", "lerp" or "circle"; None: as suits the space.
        loop: come back to the first, which is then not repeated at the end.
        batch: how many go through the network at once.
        options: of samples.

    Raises:
        UsageError: there are too few codes or steps, or a circle is asked for outside of Z.
    """
    if steps < 2:
        raise UsageError(f"a leg has its two ends, so at least 2 steps, not {steps}")
    space = space_in(model, keys.space, **options)
    if how == "circle" and space.way != "slerp":
        raise UsageError(
            f"a circle goes around normal latents, and codes of '{keys.space}' lie around no "
            f"middle: choose {' or '.join(BLENDS)}"
        )
    way = how or space.way
    if way == "circle":
        x, maps = circle(keys.x, steps - 1), [circle(one, steps - 1) for one in keys.maps]
    else:
        x = walk(keys.x, steps - 1, how=way, loop=loop)
        maps = [walk(one, steps - 1, how="slerp", loop=loop) for one in keys.maps]
    y = in_turn(at(keys.y, slice(1)), len(x))
    return items_of(model, replace(keys, x=x, y=y, maps=maps), batch, **options)


# ---- files --------------------------------------------------------------------------------------


def check_code_file(path: Path, option: str = "--codes") -> None:
    """Refuse a name that is no file of codes', before any work is done.

    Raises:
        UsageError: it is not.
    """
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"{option} {path}: codes are a {SUFFIX} file")
    require_place(path, option)


def save_codes(path: str | Path, codes: Codes, model: Trained) -> None:
    """Write codes of a model.

    Raises:
        UsageError: the model was never saved, so that nothing tells it from others.
        GanvasError: the file cannot be written.
    """
    if not model.digest:
        raise UsageError("codes belong to a saved model: save it, and load it again")
    told = {
        "format": FORMAT,
        "space": codes.space,
        "system": model.system,
        "model": model.digest,
        "tuning": codes.tuning,
        "found": dict(codes.found),
    }
    tensors = {"codes": codes.x.float(), **{f"{MAP}{n}": m for n, m in enumerate(codes.maps)}}
    if isinstance(codes.y, Tensor):
        tensors[CONDITION] = codes.y
    elif codes.y is not None:
        tensors |= {f"{CONDITION}.{name}": values for name, values in codes.y.items()}
    write_told(path, tensors, told)


def load_codes(path: str | Path, model: Trained) -> Codes:
    """Return the codes in a file, if they are of this model.

    Raises:
        UsageError: there are none, or they are of another model.
        GanvasError: the file is damaged.
    """
    told, codes = read_codes(path)
    if told["model"] != model.digest:
        raise UsageError(
            f"{path} holds codes of another model of {told['system']} (sha256 "
            f"{told['model'][:12]}…, not {model.digest[:12]}…): other weights have other spaces; "
            "find them anew with: ganvas project"
        )
    wanted = space_in(model, codes.space).shape
    if tuple(codes.x.shape[1:]) != wanted:
        found = tuple(codes.x.shape[1:])
        raise UsageError(f"{path} holds codes of shape {found}, not {wanted}")
    return codes


def read_codes(path: str | Path) -> tuple[dict[str, Any], Codes]:
    """Return what a file of codes says of itself, and the codes.

    Raises:
        UsageError: there is no such file, or it holds something else.
        GanvasError: it is damaged.
    """
    known, tensors, _ = read_named(path, FORMAT, *FILE)
    fits = "codes" in tensors and all(len(t) == len(tensors["codes"]) for t in tensors.values())
    if not fits or not {"space", "system", "model"} <= {*known}:
        raise not_such(path, *FILE)
    count = sum(name.startswith(MAP) for name in tensors)
    maps = [tensors[f"{MAP}{number}"] for number in range(count)]
    several = f"{CONDITION}."
    fields = {n.removeprefix(several): t for n, t in tensors.items() if n.startswith(several)}
    x, y = tensors["codes"], fields or tensors.get(CONDITION)
    tuning, found = str(known.get("tuning", "")), cast(dict[str, Any], known.get("found", {}))
    return known, Codes(str(known["space"]), x, y, maps, tuning, found)
