"""What foreign pickles may hold: plain values and tensors; nothing that they carry is run."""

from __future__ import annotations

import io
import os
import pickle
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganvas.api import import_model
from ganvas.cli.app import run
from ganvas.foreign.pickles import CarriedError, Made, read_pickle_bytes
from ganvas.foreign.torch_files import Content, read_file, read_torch


class Calls:
    """Pickled as a call of something with arguments."""

    def __init__(self, what: Any, *arguments: Any) -> None:
        self.what, self.arguments = what, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.what, self.arguments


def loaded(value: Any, protocol: int = 4) -> Content:
    return read_torch(io.BytesIO(pickle.dumps(value, protocol)), "file")


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_arrays_and_tensors_are_read_in_every_protocol(protocol: int) -> None:
    values = {"a": [1, -2.5, None, True], "b": (1, (2,), ()), "c": {"d": "é"}, 3: 2**70}
    assert loaded(values, protocol).tree == values
    shared = torch.arange(12.0).reshape(3, 4)
    both = {"t": shared.T[1:], "p": torch.nn.Parameter(torch.ones(2)), "e": torch.empty(0, 3)}
    numbers = {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "i": np.array([1], ">i4")}
    content = loaded({**both, **numbers, "s": np.float32(2.5)}, protocol)
    found = content.tensors(content.tree)
    for name, tensor in both.items():
        torch.testing.assert_close(found[name], tensor.detach())
    for name, array in numbers.items():
        np.testing.assert_array_equal(found[name].numpy(), array)
    assert found["s"].item() == 2.5


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch_in_both_formats(tmp_path: Path, zipped: bool) -> None:
    base = torch.arange(20.0)
    state = OrderedDict(
        half=torch.randn(3).half(), part=base[4:8], long=torch.tensor([7]), of=base.view(4, 5).T
    )
    told = {"g_ema": state, "args": Namespace(size=8), "empty": OrderedDict()}
    torch.save(told, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    content = read_file(tmp_path / "x.pt")
    tree = content.mapping(content.tree)
    found = content.tensors(tree["g_ema"])
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(found[name], tensor)
    assert isinstance(tree["args"], Made)
    assert tree["args"].state == {"size": 8}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("wrap", [lambda evil: evil, lambda evil: {"G": [evil]}])
def test_a_file_that_calls_the_system_is_refused_by_name_and_calls_nothing(
    tmp_path: Path, protocol: int, wrap: Any
) -> None:
    mark = tmp_path / "ran"
    evil = wrap(Calls(os.system, f"touch {mark}"))
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(evil, protocol))
    with pytest.raises(CarriedError, match=r"asks for '(posix|nt)\.system'.*nothing of it was run"):
        import_model(path, tmp_path / "out")
    assert run(["import", str(path), "--out", str(tmp_path / "out")]) == 2
    assert not mark.exists()
    assert not (tmp_path / "out").exists()


def evil_by_name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n(S'import os'\ntR.".encode()


@pytest.mark.parametrize(
    "name",
    [
        *("builtins.eval", "builtins.exec", "__builtin__.getattr", "builtins.__import__"),
        *("importlib.import_module", "subprocess.Popen", "os.system", "torch.load"),
        *("collections.OrderedDict.fromkeys", "torch.hub.load", "numpy.load", "builtins.getattr"),
        *("torch.jit.load", "pickle.loads", "types.CodeType", "functools.partial"),
    ],
)  # fmt: skip
def test_no_name_off_the_list_is_admitted(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    with pytest.raises(CarriedError, match="it is refused"):
        read_pickle_bytes(evil_by_name(module, attribute), "file")
    deep = pickle.dumps({"a": 1}, 4)[:-1] + evil_by_name(module, attribute)
    with pytest.raises(CarriedError, match="it is refused"):
        read_pickle_bytes(deep, "file")


def test_admitted_names_are_read_and_not_called() -> None:
    made = read_pickle_bytes(b"ccollections\nOrderedDict\n(I1\nI2\ntR.", "file")
    assert isinstance(made, Made)
    assert made.args == (1, 2)
    spoilt = pickle.dumps(OrderedDict(a=1), 2)
    assert read_pickle_bytes(spoilt, "file").pairs == {"a": 1}
    assert OrderedDict(b=2) == {"b": 2}  # no state of a file reached the class


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80", b"hello", b"(lp0\n", b".", b"(.", b"0.", b"\x80\x04]q\x00h\x05.", b"N(K\x01e.",
     b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.", b"Nb.", b"NNR.", b"K\x01K\x02s.",
     b"}]K\x01s.", b"\x82\x01.", b"(i__main__\nfoo\n."],
)  # fmt: skip
def test_what_is_no_pickle_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(CarriedError) as error:
        import_model(tmp_path / "x.pkl", tmp_path / "out")
    assert "\n" not in str(error.value)
    assert "x.pkl" in str(error.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, zipped: bool) -> None:
    state = {"embeddings.weight": torch.randn(3, 4), "generator.gen_z.weight_orig": torch.ones(2)}
    torch.save(state, tmp_path / "x.bin", _use_new_zipfile_serialization=zipped)
    whole = (tmp_path / "x.bin").read_bytes()
    for end in range(0, len(whole) - 1, max(len(whole) // 40, 1)):
        (tmp_path / "cut.bin").write_bytes(whole[:end])
        with pytest.raises(CarriedError, match="cut short|damaged|no pickle|no torch file"):
            import_model(tmp_path / "cut.bin", tmp_path / "out")


def test_a_tensor_outside_of_its_storage_is_none() -> None:
    content = loaded(torch.arange(4.0))
    args = content.tree.args
    outside = [(2, (3,), (1,)), (-1, (2,), (1,)), (0, (2, 2), (3, 1)), (0, (2,), (-1,))]
    for offset, size, stride in outside:
        content.tree.args = (args[0], offset, size, stride, *args[4:])
        with pytest.raises(CarriedError, match="outside of its storage"):
            content.tensor(content.tree)


def test_arrays_of_objects_and_records_are_none() -> None:
    for array in (np.array([None]), np.zeros(2, "f4,i4"), np.array(["a"])):
        content = loaded(array)
        with pytest.raises(CarriedError, match="a tensor in it is none|damaged"):
            content.tensor(content.tree)
