"""Files that ``torch.save`` wrote, in its zip format or the one before, and pickles with tensors.

Their objects come as `ganvas.foreign.pickles` reads them; storages are bytes, and tensors are views
of them within their bounds.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import torch
from torch import Tensor

from ganvas.files import disk_errors
from ganvas.foreign.pickles import (
    CORES,
    STORAGES,
    CarriedError,
    Made,
    Name,
    Stored,
    read_pickle,
    read_pickle_bytes,
)

MAGIC = 0x1950A86A20F9469CFC6C
"""The number with which the older format begins."""
PROTOCOL = 1001
DICTIONARIES = ("collections.OrderedDict", "dnnlib.util.EasyDict")
NESTED = 4
"""So deep lie tensors in one another, such as that of a parameter."""


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        tree: plain values and `Made`.
        where: how the file is called in messages.
        storages: bytes by key, of what lies outside the pickle.
    """

    tree: Any
    where: str
    storages: Mapping[str, bytes]

    def refuse(self, what: str) -> CarriedError:
        """Return the error that the file is not what it seems."""
        return CarriedError(f"{self.where} is damaged, or no checkpoint of its kind: {what}")

    def mapping(self, node: Any) -> dict[str, Any]:
        """Return a mapping by names, of whichever kind.

        Raises:
            CarriedError: it is none.
        """
        if isinstance(node, Made) and node.name in DICTIONARIES:
            node = node.pairs
        if not isinstance(node, dict):
            raise self.refuse(f"a {_called(node)} stands where names and values should")
        return {str(key): value for key, value in cast("dict[Any, Any]", node).items()}

    def tensors(self, node: Any) -> dict[str, Tensor]:
        """Return a mapping of names to tensors.

        Raises:
            CarriedError: it is none.
        """
        return {name: self.tensor(value) for name, value in self.mapping(node).items()}

    def tensor(self, node: Any) -> Tensor:
        """Return a tensor, a parameter or an array as a tensor of its own.

        Raises:
            CarriedError: it is none, or lies outside of its storage.
        """
        try:
            return self._tensor(node, NESTED).clone()
        except CarriedError:
            raise
        except (ValueError, TypeError, IndexError, RuntimeError, OverflowError) as error:
            reason = " ".join(str(error).split())[:120]
            raise self.refuse(f"a tensor in it is none ({reason})") from error

    def _tensor(self, node: Any, depth: int) -> Tensor:
        if not (isinstance(node, Made) and depth):
            raise self.refuse(f"a {_called(node)} stands where a tensor should")
        maker = MAKERS.get(node.name)
        if maker is None:
            raise self.refuse(f"{node.name} stands where a tensor should")
        return maker(self, node, depth)

    def _storage(self, node: Any) -> Tensor:
        """Return all numbers of a storage, one after the other."""
        if isinstance(node, Made) and node.name == "torch.storage._load_from_bytes":
            inner = read_torch(io.BytesIO(_bytes(node.args[0])), self.where)
            node, storages = inner.tree, inner.storages
        else:
            storages = self.storages
        if not (isinstance(node, Stored) and node[0] == "storage"):
            raise self.refuse(f"a {_called(node)} stands where a storage should")
        kind = str(node[1]).removeprefix("torch.") if isinstance(node[1], Name) else ""
        content = storages.get(str(node[2]))
        if kind not in STORAGES or content is None:
            raise self.refuse("a storage is of no known kind, or is not there")
        dtype = cast(torch.dtype, getattr(torch, STORAGES[kind]))
        return torch.frombuffer(bytearray(content), dtype=dtype) if content else torch.empty(0)


def read_torch(file: BinaryIO, where: str) -> Content:
    """Return what a torch file, or a plain pickle, holds.

    Raises:
        CarriedError: as of `read_pickle`, or a storage is cut short.
    """
    start = file.read(2)
    file.seek(0)
    if start == b"PK":
        return _zipped(file, where)
    first = read_pickle(file, where)
    if first != MAGIC:
        return Content(first, where, {})
    if read_pickle(file, where) != PROTOCOL:
        raise CarriedError(f"{where} is a torch file of an unknown protocol")
    read_pickle(file, where)  # byte order and sizes of the machine
    tree = read_pickle(file, where)
    kinds = _kinds(tree)
    storages = dict[str, bytes]()
    for key in cast("list[Any]", read_pickle(file, where)):
        count = int.from_bytes(_exactly(file, 8, where), "little")
        size = torch.empty(0, dtype=kinds.get(str(key), torch.float32)).element_size()
        storages[str(key)] = _exactly(file, count * size, where)
    return Content(tree, where, storages)


def read_file(path: Path) -> Content:
    """Return what a file holds.

    Raises:
        CarriedError: as of `read_torch`.
        GanvasError: the disk does not give it.
    """
    with disk_errors(path), open(path, "rb") as file:
        return read_torch(file, str(path))


def _zipped(file: BinaryIO, where: str) -> Content:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            (place,) = [n for n in names if n.count("/") == 1 and n.endswith("/data.pkl")]
            if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                raise CarriedError(f"{where} is a compressed archive, and torch writes none")
            inside = f"{place.removesuffix('data.pkl')}data/"
            tree = read_pickle_bytes(archive.read(place), where)
            names = [name for name in names if name.startswith(inside)]
            storages = {name.removeprefix(inside): archive.read(name) for name in names}
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise CarriedError(f"{where} is cut short, or no torch file ({error})") from error
    return Content(tree, where, storages)


def _exactly(file: BinaryIO, count: int, where: str) -> bytes:
    found = file.read(count) if 0 <= count < 2**48 else b""
    if len(found) != count:
        raise CarriedError(f"{where} is cut short: a storage of {count:,} bytes is not whole")
    return found


def _kinds(tree: Any) -> dict[str, torch.dtype]:
    """Return the types of all storages that a tree names, by their keys."""
    found, open_ends, seen = dict[str, torch.dtype](), [tree], set[int]()
    while open_ends:
        node = open_ends.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        match node:
            case Stored():
                kind = STORAGES.get(str(node[1]).removeprefix("torch.")) if len(node) > 2 else None
                if kind is not None:
                    found[str(node[2])] = cast(torch.dtype, getattr(torch, kind))
            case Made():
                open_ends += [*node.args, node.state, *node.items, *node.pairs.values()]
            case dict():
                open_ends += cast("dict[Any, Any]", node).values()
            case list() | tuple():
                open_ends += cast("list[Any]", node)
            case _:
                pass
    return found


def _called(node: Any) -> str:
    return node.name if isinstance(node, Made) else type(node).__name__


# ---- what makes a tensor ------------------------------------------------------------------------


def _of_storage(content: Content, node: Made, depth: int) -> Tensor:
    """``_rebuild_tensor_v2(storage, offset, size, stride, …)``."""
    storage, offset, size, stride = node.args[:4]
    values = content._storage(storage)  # pyright: ignore[reportPrivateUsage]
    sizes = [int(n) for n in size]
    strides = [int(n) for n in stride]
    last = int(offset) + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True))
    inside = int(offset) >= 0 and min([0, *sizes, *strides]) == 0 and last < len(values)
    if math.prod(sizes) and not inside:
        raise ValueError("it lies outside of its storage")
    return (
        values.as_strided(sizes, strides, int(offset)) if math.prod(sizes) else torch.empty(sizes)
    )


def _of_parameter(content: Content, node: Made, depth: int) -> Tensor:
    """``_rebuild_parameter(tensor, …)``."""
    return content._tensor(node.args[0], depth - 1)  # pyright: ignore[reportPrivateUsage]


def _of_array(content: Content, node: Made, depth: int) -> Tensor:
    """``numpy._reconstruct(…)`` with the state (version, shape, dtype, Fortran order, bytes)."""
    _, shape, dtype, fortran, raw = node.state
    return _shaped(raw, dtype, shape, "F" if fortran else "C")


def _of_buffer(content: Content, node: Made, depth: int) -> Tensor:
    """``numpy._frombuffer(bytes, dtype, shape, order)``."""
    raw, dtype, shape, order = node.args
    return _shaped(raw, dtype, shape, "F" if order == "F" else "C")


def _shaped(raw: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> Tensor:
    flat = np.frombuffer(_bytes(raw), _dtype(dtype))
    values = flat.reshape([int(n) for n in shape], order=order)
    return torch.from_numpy(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="))))


def _of_scalar(content: Content, node: Made, depth: int) -> Tensor:
    """``numpy.scalar(dtype, bytes)``."""
    dtype, raw = node.args
    return torch.from_numpy(np.frombuffer(_bytes(raw), _dtype(dtype)).astype(np.float64))[0]


def _bytes(node: Any) -> bytes:
    if isinstance(node, Made) and node.name == "_codecs.encode":  # bytes in old protocols
        node = node.args[0]
    if isinstance(node, str):
        return node.encode("latin1")
    if not isinstance(node, bytes | bytearray):
        raise TypeError("bytes are missing")
    return bytes(node)


def _dtype(node: Any) -> np.dtype[Any]:
    """Return a type of numbers; no structure, no objects."""
    if not (isinstance(node, Made) and node.name == "numpy.dtype"):
        raise TypeError("an array has no type")
    kind = str(node.args[0])
    if kind not in {f"{letter}{size}" for letter in "fiu" for size in (1, 2, 4, 8)} - {"f1"}:
        raise TypeError(f"an array holds '{kind}', no numbers")
    order = str(node.state[1]) if node.state else "<"
    return np.dtype(kind).newbyteorder(">" if order == ">" else "<")


MAKERS: Mapping[str, Callable[[Content, Made, int], Tensor]] = {
    "torch._utils._rebuild_tensor": _of_storage,
    "torch._utils._rebuild_tensor_v2": _of_storage,
    "torch._utils._rebuild_parameter": _of_parameter,
    **{f"numpy.{core}.multiarray._reconstruct": _of_array for core in CORES},
    **{f"numpy.{core}.numeric._frombuffer": _of_buffer for core in CORES},
    **{f"numpy.{core}.multiarray.scalar": _of_scalar for core in CORES},
}
"""What each name makes of a `Made` with it."""
