"""How far apart the states of two checkouts are, tensor by tensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file

LIMITS = {1: 1e-12, 40: 1e-7}
"""How far apart two checkouts may be in double precision after so many rounds."""


class Apart(NamedTuple):
    """The largest relative difference of two states, and the tensor that has it."""

    size: float
    where: str


def compare_dumps(first: Path, second: Path) -> dict[int, Apart]:
    """Print each case's largest differences, and return the largest of all, by rounds played."""
    here, there = ({p.name for p in folder.glob("*.safetensors")} for folder in (first, second))
    for file in sorted(here ^ there):
        print(f"{file.partition('.')[0]} is a case of one checkout only")
    worst = dict.fromkeys(LIMITS, Apart(0.0, ""))
    for case in sorted({file.partition(".")[0] for file in here & there}):
        line = f"{case:40}"
        for rounds in LIMITS:
            file = f"{case}.{rounds}.safetensors"
            apart = furthest(load_file(first / file), load_file(second / file))
            line += f"  after {rounds:2}: {apart.size:7.1e} {apart.where:44.44}"
            worst[rounds] = max(worst[rounds], Apart(apart.size, f"({case}: {apart.where})"))
        print(line.rstrip())
    return worst


def furthest(one: dict[str, Any], two: dict[str, Any]) -> Apart:
    """Return the largest relative difference of any tensor: ‖a − b‖∞ over the larger ‖·‖∞.

    Sums that cancel leave tensors far smaller than their rounding's cause, so no tensor counts as
    smaller than a thousandth of the median of its group (weights, averages, first moments …).
    Tensors go together by name, or else with the nearest one of the same group and shape.
    """
    sizes: dict[str, list[float]] = {}
    for name, array in one.items():
        if array.dtype.kind == "f" and (size := largest(array)):
            sizes.setdefault(group(name), []).append(size)
    least = {key: float(np.median(found)) / 1000 for key, found in sizes.items()}

    def distance(name: str, other: str) -> float:
        a, b = one[name], two[other]
        scale = max(largest(a), largest(b), least.get(group(name), 0.0))
        return largest(a.astype(np.float64) - b) / (scale or 1.0)

    rest = set(two)
    pairs = [(name, name) for name in one if name in two and one[name].shape == two[name].shape]
    rest -= {name for name, _ in pairs}
    for name in [name for name in one if (name, name) not in pairs]:
        like = [n for n in rest if group(n) == group(name) and two[n].shape == one[name].shape]
        if not like:
            return Apart(float("inf"), f"{name} is in one only")
        pairs.append((name, min(like, key=lambda other, name=name: (distance(name, other), other))))
        rest.remove(pairs[-1][1])
    if rest:
        return Apart(float("inf"), f"{min(rest)} is in one only")
    apart = [Apart(distance(a, b), a if a == b else f"{a} → {b}") for a, b in pairs]
    return max((found for found in apart if found.size), default=Apart(0.0, ""))


def group(name: str) -> str:
    """Return what kind of numbers a tensor holds: its role, and its entry in an optimiser."""
    role, entry = name.partition(".")[0], name.rpartition(".")[2]
    return f"{role}.{entry}" if role == "optimisers" else role


def largest(array: Any) -> float:
    """Return ‖·‖∞, 0 of an empty array."""
    return float(np.abs(array.astype(np.float64)).max(initial=0.0))
