"""Pickles of other programs, read without running anything that they carry.

`pickle.load` calls whatever a file names. Here its opcodes build plain values, and a name with its
arguments is a `Made`: nothing is imported and nothing is called. Names are admitted from a fixed
list; every other one is refused, and so is what the list's names are not for.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, cast

from ganvas.errors import UsageError

STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
"""Kinds of torch's storages, and the type of their numbers."""

CORES = ("core", "_core")
"""Where numpy's inner parts lie, before version 2 and since."""

ADMITTED = frozenset(
    {
        *("collections.OrderedDict", "argparse.Namespace"),
        *("builtins.set", "builtins.bytearray", "_codecs.encode"),
        *(f"numpy.{core}.multiarray._reconstruct" for core in CORES),
        *(f"numpy.{core}.multiarray.scalar" for core in CORES),
        *(f"numpy.{core}.numeric._frombuffer" for core in CORES),
        *("numpy.ndarray", "numpy.dtype"),
        *(f"torch._utils._rebuild_{n}" for n in ("tensor", "tensor_v2", "parameter")),
        *("torch.storage._load_from_bytes", *(f"torch.{name}" for name in STORAGES)),
        *("dnnlib.util.EasyDict", "dnnlib.tflib.network.Network"),
        "torch_utils.persistence._reconstruct_persistent_obj",
    }
)  # fmt: skip
"""Names that checkpoints of generators are made of; none of them is ever looked up."""


FAULTS = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError)
"""What reading bytes that are no pickle may meet."""


class CarriedError(UsageError):
    """A file carries what is refused, or is no pickle as far as it goes."""


class Made:
    """What a file says is made by a name: read, never made.

    Attributes:
        name: of the class or function, as the file has it.
        args: what it would be called with.
        state: what it would be given afterwards, if anything.
        items, pairs: what would be put into it, of lists and sets, and of mappings.
    """

    def __init__(self, name: str, args: tuple[Any, ...] = ()) -> None:
        self.name, self.args = name, args
        self.state: Any = None
        self.items: list[Any] = []
        self.pairs: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return f"Made({self.name})"


class Name(str):
    """A name of the list, before it is said what it is called with."""


class Stored(tuple[Any, ...]):
    """A persistent id: what a torch file says of a storage that lies elsewhere in it."""


def read_pickle(file: BinaryIO, where: str) -> Any:
    """Return the next pickle of a file, up to its end mark, as plain values and `Made`.

    Args:
        file: read from where it stands.
        where: how the file is called in messages.

    Raises:
        CarriedError: it names what is not admitted, is cut short, or is no pickle.
    """
    machine = _Machine(where)
    try:
        for opcode, argument, _ in cast("Iterator[tuple[Any, Any, Any]]", pickletools.genops(file)):
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.play(opcode.name, argument)
    except CarriedError:
        raise
    except (*FAULTS, MemoryError) as error:
        told = f"{error} is unknown" if isinstance(error, KeyError) else str(error)
        reason = " ".join(told.split())[:120] or type(error).__name__
        raise CarriedError(
            f"{where} is cut short, damaged, or no pickle ({reason}); nothing of it was run"
        ) from error
    raise CarriedError(f"{where} is cut short: it has no end")


def read_pickle_bytes(content: bytes, where: str) -> Any:
    """Return the pickle in bytes, likewise."""
    return read_pickle(io.BytesIO(content), where)


class _Machine:
    """The stack, marks and memo of a pickle."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def play(self, name: str, argument: Any) -> None:
        if name in LITERALS:
            self.stack.append(argument)
        elif name in OPCODES:
            OPCODES[name](self, argument)
        else:
            raise CarriedError(
                f"{self.where} is no checkpoint, or one to keep away from: it has the opcode "
                f"{name}, which none needs; nothing of it was run"
            )

    def marked(self) -> list[Any]:
        """Take what lies above the last mark off the stack."""
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def take(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError("its stack is empty")
        start = len(self.stack) - count
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def name(self, module: str, attribute: str) -> None:
        full = f"{module}.{attribute}".replace("__builtin__.", "builtins.")
        if full not in ADMITTED:
            raise CarriedError(
                f"{self.where} asks for '{full}', which is no part of any checkpoint that is "
                "known here: it is refused, and nothing of it was run"
            )
        self.stack.append(Name(full))

    def make(self, name: Any, args: Any) -> None:
        if not (isinstance(name, Name) and isinstance(args, tuple)):
            raise TypeError("it calls what is no name")
        self.stack.append(Made(str(name), cast("tuple[Any, ...]", args)))

    def put_items(self, items: list[Any]) -> None:
        into = self.stack[-1]
        if isinstance(into, Made):
            into.items += items
        elif isinstance(into, set):
            cast("set[Any]", into).update(items)
        else:
            cast("list[Any]", into).extend(items)

    def put_pairs(self, flat: list[Any]) -> None:
        into = self.stack[-1]
        pairs = dict(zip(flat[::2], flat[1::2], strict=True))
        (into.pairs if isinstance(into, Made) else cast("dict[Any, Any]", into)).update(pairs)

    def build(self, state: Any) -> None:
        into = self.stack[-1]
        if not isinstance(into, Made):
            raise TypeError("it gives a state to what has none")
        into.state = state

    def persist(self, told: Any) -> None:
        if not isinstance(told, tuple):
            raise TypeError("a persistent id is no tuple")
        self.stack.append(Stored(cast("tuple[Any, ...]", told)))


LITERALS = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
    }
)
"""Opcodes that push their argument."""

Play = Callable[[_Machine, Any], object]


def _names(machine: _Machine, argument: str) -> None:
    module, _, attribute = argument.partition(" ")
    machine.name(module, attribute)


def _stacked_names(machine: _Machine, _: Any) -> None:
    module, attribute = machine.take(2)
    machine.name(str(module), str(attribute))


def _reduces(machine: _Machine, _: Any) -> None:
    machine.make(*machine.take(2))


def _reduces_named(machine: _Machine, _: Any) -> None:
    kind, args, named = machine.take(3)
    if named:
        raise CarriedError(f"{machine.where} calls {kind} with arguments by name")
    machine.make(kind, args)


def _tuple_of(count: int) -> Play:
    return lambda machine, _: machine.stack.append(tuple(machine.take(count)))


def _marked_pairs(machine: _Machine, _: Any) -> None:
    flat = machine.marked()
    machine.stack.append(dict(zip(flat[::2], flat[1::2], strict=True)))


def _keep(machine: _Machine, place: Any) -> None:
    machine.memo[len(machine.memo) if place is None else int(place)] = machine.stack[-1]


OPCODES: Mapping[str, Play] = {
    "PROTO": lambda m, _: None,
    "FRAME": lambda m, _: None,
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "POP": lambda m, _: m.take(1),
    "POP_MARK": lambda m, _: m.marked(),
    "DUP": lambda m, _: m.stack.append(m.stack[-1]),
    "NONE": lambda m, _: m.stack.append(None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_SET": lambda m, _: m.stack.append(set()),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "LIST": lambda m, _: m.stack.append(m.marked()),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.marked())),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "FROZENSET": lambda m, _: m.stack.append(frozenset(m.marked())),
    "DICT": _marked_pairs,
    "APPEND": lambda m, _: m.put_items(m.take(1)),
    "APPENDS": lambda m, _: m.put_items(m.marked()),
    "ADDITEMS": lambda m, _: m.put_items(m.marked()),
    "SETITEM": lambda m, _: m.put_pairs(m.take(2)),
    "SETITEMS": lambda m, _: m.put_pairs(m.marked()),
    "GLOBAL": _names,
    "STACK_GLOBAL": _stacked_names,
    "REDUCE": _reduces,
    "NEWOBJ": _reduces,
    "NEWOBJ_EX": _reduces_named,
    "BUILD": lambda m, _: m.build(m.take(1)[0]),
    "BINPERSID": lambda m, _: m.persist(m.take(1)[0]),
    "PUT": _keep,
    "BINPUT": _keep,
    "LONG_BINPUT": _keep,
    "MEMOIZE": _keep,
    "GET": lambda m, place: m.stack.append(m.memo[int(place)]),
    "BINGET": lambda m, place: m.stack.append(m.memo[int(place)]),
    "LONG_BINGET": lambda m, place: m.stack.append(m.memo[int(place)]),
}  # fmt: skip
"""What the others do; all that is not here is refused."""
