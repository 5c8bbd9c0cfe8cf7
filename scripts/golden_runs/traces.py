"""What is kept of a run's tensors and log, and how two such records differ."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

Tree = dict[str, Any]
Rows = list[Tree]


@dataclass(frozen=True)
class Trace:
    """What is kept of one tensor.

    Attributes:
        kind: its role, type and shape.
        content: hash of its bytes.
        numbers: its norm, its product with a fixed vector, its middle entry; a number alone.
    """

    kind: str
    content: str
    numbers: tuple[float, ...]

    @classmethod
    def of(cls, name: str, tensor: Tensor) -> Trace:
        """Return the trace of a tensor."""
        array = tensor.detach().contiguous().numpy()
        shape = "x".join(map(str, array.shape)) or "1"
        flat = array.reshape(-1).astype(np.float64)
        if len(flat) > 1:
            wave = np.cos(1.7 * np.arange(len(flat)) + 0.3)
            flat = np.array([np.linalg.norm(flat), flat @ wave, flat[len(flat) // 2]])
        return cls(
            kind=f"{name.partition('.')[0]} {array.dtype} {shape}",
            content=hashlib.sha256(array.tobytes()).hexdigest()[:16],
            numbers=tuple(flat.tolist()),
        )

    def __str__(self) -> str:
        return " ".join([self.kind, self.content, *map(hexed, self.numbers)])

    @classmethod
    def read(cls, line: str) -> Trace:
        """Return the trace that a line holds."""
        role, dtype, shape, content, *numbers = line.split(" ")
        return cls(f"{role} {dtype} {shape}", content, tuple(map(float.fromhex, numbers)))

    def apart(self, other: Trace) -> float:
        """Return the largest difference of the numbers kept, relative to the norms."""
        scale = max((abs(n) for n in self.numbers[:1] + other.numbers[:1]), default=0.0) or 1.0
        pairs = zip(self.numbers, other.numbers, strict=True)
        return max((abs(one - two) / scale for one, two in pairs), default=0.0)


def hexed(number: float) -> str:
    """Return a number to the last bit, without zeros at its end."""
    return re.sub(r"\.?0*p", "p", float(number).hex())


def digest(traces: dict[str, Trace]) -> str:
    """Return one hash of all tensors, whatever their names."""
    return hashed(sorted(f"{trace.kind} {trace.content}" for trace in traces.values()))


def hashed(tree: Any) -> str:
    """Return the hash of plain values."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def differences(old: Tree, new: Tree) -> list[str]:
    """Return in words what of a record differs from an earlier one; nothing if nothing does."""
    found: list[str] = []
    if old["state"] != new["state"]:
        before, after = (
            {name: Trace.read(line) for name, line in record["tensors"].items()}
            for record in (old, new)
        )
        found += tensor_differences(before, after)
    if old["log"] != new["log"]:
        found += row_differences(old["rows"], new["rows"])
    if found and old["case"] != new["case"]:
        found.insert(0, "the case in the table is another one")
    return found


def tensor_differences(old: dict[str, Trace], new: dict[str, Trace]) -> list[str]:
    """Return which tensors differ and by how much, the largest difference first.

    Tensors with equal content are the same, whatever their names; others are compared by name, or
    else with the nearest one of their kind.
    """
    old, new = unmatched(old, new), unmatched(new, old)
    pairs = [(name, name) for name in old if name in new and old[name].kind == new[name].kind]
    rest = {name for name in new if (name, name) not in pairs}
    gone: list[str] = []
    for name in (name for name in old if (name, name) not in pairs):
        like = [other for other in rest if new[other].kind == old[name].kind]
        if like:
            nearest = min(like, key=lambda other: (old[name].apart(new[other]), other))
            pairs.append((name, nearest))
            rest.remove(nearest)
        else:
            gone.append(f"{name} ({old[name].kind}) is gone")
    apart = sorted(((old[a].apart(new[b]), a, b) for a, b in pairs), reverse=True)
    return [
        *gone,
        *(f"{name} ({new[name].kind}) is new" for name in sorted(rest)),
        *(f"{a}{'' if a == b else f' → {b}'} differs by {size:.1e}" for size, a, b in apart),
    ]


def unmatched(mine: dict[str, Trace], others: dict[str, Trace]) -> dict[str, Trace]:
    """Return the tensors whose content the others do not have, as often; equal names go first."""
    left = Counter((trace.kind, trace.content) for trace in others.values())
    same = [name for name in mine if name in others and mine[name] == others[name]]
    found: dict[str, Trace] = {}
    for name in [*same, *(name for name in mine if name not in same)]:
        key = (mine[name].kind, mine[name].content)
        if left[key]:
            left[key] -= 1
        else:
            found[name] = mine[name]
    return found


def row_differences(old: Rows, new: Rows) -> list[str]:
    """Return which numbers of the log differ, and by how much at most."""
    found = [] if len(old) == len(new) else [f"the log has {len(new)} rows, not {len(old)}"]
    apart: dict[str, tuple[float, int]] = {}
    for number, (before, after) in enumerate(zip(old, new, strict=False)):
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                size = relative(before.get(key), after.get(key))
                apart[key] = max(apart.get(key, (0.0, number)), (size, number))
    return found + [
        f"log: {key} differs by {size:.1e} in row {number}"
        for key, (size, number) in sorted(apart.items(), key=lambda item: item[1], reverse=True)
    ]


def relative(before: Any, after: Any) -> float:
    """Return the relative difference of two logged values, infinite if one is not there."""
    try:
        a, b = (float.fromhex(v) if isinstance(v, str) else float(v) for v in (before, after))
    except (TypeError, ValueError):
        return float("inf")
    return abs(a - b) / (max(abs(a), abs(b)) or 1.0)
