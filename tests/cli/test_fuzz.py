"""Files that went wrong in any way are refused in words: seeded mutations of all kinds of input."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError
from ganvas.model import MODEL, load
from ganvas.model.sealed import write_sealed
from ganvas.recipes import load_recipe, text
from ganvas.report import write_report
from tests.model.conftest import saved

WORDS = [
    *(b"{", b"}", b"[", b"]", b":", b"- ", b"&a ", b"*a", b"!!int ", b"!!bool ", b"null", b"~"),
    *(b"-1", b"1e999", b".nan", b"-.inf", b"1e300", b"9" * 30, b"010", b"true", b"\x00", b"\xff"),
    *(
        "é".encode("latin-1"),
        b"\n",
        b"\t",
        b"  ",
        b"#",
        b"'",
        b'"',
        b",",
        b"<<: ",
        b"%TAG ! x",
        b"",
    ),
]


def mutants(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Give copies of ``content``, each with a few bytes or words changed, moved or missing."""
    rng = random.Random(seed)
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at, length = rng.randrange(len(changed) + 1), rng.choice((0, 1, 1, 4, 30))
            word = rng.choice((rng.choice(WORDS), rng.randbytes(rng.choice((1, 4)))))
            changed[at : at + length] = word
        if rng.random() < 0.1:
            del changed[rng.randrange(len(changed) + 1) :]
        yield bytes(changed)


def survives(use: Callable[[], object]) -> bool:
    """Use something; return whether it worked, insist on words if not."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numbers that overflow in silence
        try:
            use()
        except GanvasError as error:
            message = str(error)
        else:
            return True
    assert 0 < len(message) < 3000
    return False


def test_recipes(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    content = load_recipe("r3gan/ring8").to_yaml().encode()
    for mutant in mutants(content, 150, seed=0):
        path.write_bytes(mutant)
        survives(lambda: load_recipe(path))


def test_both_readers_of_yaml_say_the_same_of_any_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(mutant: bytes) -> str:
        try:
            return repr(text.parse(mutant.decode(errors="replace"), "it"))
        except GanvasError as error:
            return str(error)

    words = (b"a.lr={start: 1, end: 0}", b"[1, x, {a: b}]", b"a: b\nc:\n- d\n- e: [f, .1]\n")
    found = [mutant for word in words for mutant in mutants(word, 60, seed=7)]
    fast = [said(mutant) for mutant in found]
    monkeypatch.setattr(text, "FLAT", 0)
    assert fast == [said(mutant) for mutant in found]


def test_overrides() -> None:
    words = [b"train.batch=64", b"game.generator_optimiser.lr={start: 1, end: 0}", b"data.size=8"]
    for word in words:
        for mutant in mutants(word, 50, seed=1):
            survives(lambda: load_recipe("r3gan/ring8", [mutant.decode(errors="replace")]))  # noqa: B023


@pytest.mark.parametrize("name", ["points.npy", "points.npz", "packed.npz"])
def test_arrays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    arrays = {"x": np.arange(60.0).reshape(30, 2), "y": np.arange(30) % 3}
    if name == "points.npy":
        np.save(path, arrays["x"])
    else:
        (np.savez if name == "points.npz" else np.savez_compressed)(path, **arrays)
    content = path.read_bytes()
    for mutant in mutants(content, 150, seed=2):
        path.write_bytes(mutant)
        survives(lambda: open_data(DataSettings(source=str(path))))


def test_tables_of_a_graph(tmp_path: Path) -> None:
    links, nodes = tmp_path / "links.csv", tmp_path / "nodes.csv"
    links.write_text("source,target\n" + "".join(f"{i},{(i + 1) % 9}\n" for i in range(9)))
    nodes.write_text("node,label,a\n" + "".join(f"{i},{i % 2},{i * 0.1:.1f}\n" for i in range(9)))
    for path in (links, nodes):
        content = path.read_bytes()
        for mutant in mutants(content, 80, seed=3):
            path.write_bytes(mutant)
            survives(lambda: open_data(DataSettings(source=str(tmp_path))))
        path.write_bytes(content)


def test_models(tmp_path: Path) -> None:
    saved(tmp_path, "points")
    path = tmp_path / MODEL
    content = path.read_bytes()
    for mutant in mutants(content[: len(content) // 2], 100, seed=4):
        path.write_bytes(mutant + content[len(content) // 2 :])
        survives(lambda: load(tmp_path))


def test_settings_of_models(tmp_path: Path) -> None:
    saved(tmp_path, "points")
    tensors = load_file(tmp_path / MODEL)
    content = (tmp_path / "config.json").read_bytes()
    for mutant in mutants(content, 100, seed=5):
        write_sealed(tmp_path / MODEL, tensors, {"ganvas": mutant.decode(errors="replace")})
        survives(lambda: load(tmp_path))


def test_logs_and_findings(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("name: a\n")
    rows = [{"round": n, "loss/a": n / 2, "event": "warning"} if n == 3 else {"round": n, "a": n}
            for n in range(9)]  # fmt: skip
    log = "".join(json.dumps(row) + "\n" for row in rows)
    found = json.dumps({"verdict": {"name": "healthy", "evidence": ["a"]},
                        "scores": {"kl": {"value": 1, "protocol": {"metric": "kl"}}}})  # fmt: skip
    for name, content in (("metrics.jsonl", log), ("evaluation.json", found)):
        for mutant in mutants(content.encode(), 60, seed=6):
            (tmp_path / name).write_bytes(mutant)
            assert survives(lambda: write_report(tmp_path))
