from __future__ import annotations

import hashlib
import json
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ganvas.errors import GanvasError, UsageError
from ganvas.model import MODEL, Provenance, load, save_model
from ganvas.model.sealed import write_sealed
from ganvas.model.storage import digest_of, note_scores
from ganvas.play import build
from tests.model.conftest import MLPS, POINTS, Own, build_game, saved


def test_a_loaded_model_is_the_saved_one(tmp_path: Path, kind: str) -> None:
    game = build_game(kind)
    for network in game.model().values():  # buffers away from their initial values
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer.add_(0.25)
    save_model(tmp_path, game)
    model = load(tmp_path, device="cpu")
    assert model.spec == game.spec
    assert model.game.config == game.config
    loaded = model.game.state_dict()
    for name, tensor in game.state_dict().items():
        assert torch.equal(loaded[name], tensor), name


def test_a_run_folder_is_as_good_as_its_model_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    inner = saved(tmp_path / "run" / "model", "points")
    outer = load(tmp_path / "run")
    assert np.array_equal(inner.sample(5).x, outer.sample(5).x)


def test_the_weight_file_describes_itself(tmp_path: Path) -> None:
    saved(tmp_path, "pictures")
    before = load(tmp_path).sample(3).x
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").unlink()
    (tmp_path / "README.md").unlink()
    assert np.array_equal(load(tmp_path).sample(3).x, before)
    assert config["system"] == "gan"
    assert config["provenance"]["recipe"] == "gan/test"
    assert config["data"]["fields"]["x"] == {
        "kind": "images",
        "channels": 1,
        "height": 16,
        "width": 16,
    }
    assert {"ganvas", "torch"} <= config.keys()


def test_the_card_tells_what_and_how(tmp_path: Path) -> None:
    provenance = Provenance(
        recipe="gan/test",
        about="Learns a ring.",
        licence="cc0-1.0",
        rounds=1234,
        scores={"modes": 8.0},
    )
    save_model(tmp_path, build_game("points"), provenance)
    card = (tmp_path / "README.md").read_text()
    for part in (
        "# gan/test",
        "Learns a ring.",
        "1,234 rounds",
        "ganvas.load(",
        "license: cc0-1.0",
    ):
        assert part in card
    assert "| modes | 8 |" in card
    assert "an endless supply of points with 2 coordinates, in 3 classes" in card


def test_no_weights_of_the_local_machine_only(tmp_path: Path) -> None:
    saved(tmp_path, "points")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "config.json", MODEL]
    assert "+" not in json.loads((tmp_path / "config.json").read_text())["torch"]


# ---- own games --------------------------------------------------------------------------------


def test_an_own_game_needs_its_class(tmp_path: Path) -> None:
    save_model(tmp_path, build(Own, MLPS, POINTS, seed=0))
    with pytest.raises(UsageError, match=r"model of 'own'.*game=MyGame"):
        load(tmp_path)
    assert load(tmp_path, game=Own).system == "own"


def test_a_file_cannot_name_code_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, "points")
    tensors = load_file(tmp_path / MODEL)
    config = json.loads((tmp_path / "config.json").read_text()) | {"system": "evil:Game"}
    write_sealed(tmp_path / MODEL, tensors, {"ganvas": json.dumps(config)})
    with pytest.raises(UsageError, match="code is never loaded by a name"):
        load(tmp_path)


def test_the_class_must_be_of_the_files_system(tmp_path: Path) -> None:
    saved(tmp_path, "points")
    with pytest.raises(UsageError, match="is a model of gan, and Own is own"):
        load(tmp_path, game=Own)


# ---- what cannot be loaded --------------------------------------------------------------------


def refusal(folder: Path) -> str:
    with pytest.raises(GanvasError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_truncated_file(tmp_path: Path, share: float) -> None:
    saved(tmp_path, "points")
    content = (tmp_path / MODEL).read_bytes()
    (tmp_path / MODEL).write_bytes(content[: int(len(content) * share)])
    assert "damaged or cut short" in refusal(tmp_path)


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_single_flipped_bit_is_noticed(tmp_path: Path) -> None:
    saved(tmp_path, "points")
    content = (tmp_path / MODEL).read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    chance = random.Random(0)
    for low, high in ((0, 64), (64, 8 * end), (8 * end, 8 * len(content))):  # length, header, data
        for bit in chance.sample(range(low, high), 60):
            (tmp_path / MODEL).write_bytes(flipped(content, bit))
            assert "damaged or cut short" in refusal(tmp_path), bit
    place = content.index(b'"sha256":"')
    for byte in range(place, place + 75):  # the checksum itself, and its name
        (tmp_path / MODEL).write_bytes(flipped(content, 8 * byte + byte % 8))
        assert "damaged or cut short" in refusal(tmp_path), byte
    (tmp_path / MODEL).write_bytes(content[: len(content) // 2] + bytes(len(content) // 2))
    assert "its checksum is not that of its content" in refusal(tmp_path)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / MODEL)
    assert "damaged or cut short" in refusal(tmp_path)
    (tmp_path / MODEL).write_bytes(pickle.dumps({"a": 1}))
    assert "damaged or cut short" in refusal(tmp_path)


def test_foreign_weights(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / MODEL)
    assert "not a model that ganvas wrote" in refusal(tmp_path)
    save_file({"weight": torch.zeros(3)}, tmp_path / MODEL, {"ganvas": '{"format": "x"}'})
    assert "expected 'ganvas-model-2'" in refusal(tmp_path)


def test_weights_of_another_network(tmp_path: Path) -> None:
    saved(tmp_path, "points")
    tensors = load_file(tmp_path / MODEL)
    config = {"ganvas": (tmp_path / "config.json").read_text()}
    name = sorted(tensors)[0]
    others = {k: v for k, v in tensors.items() if k != name}
    write_sealed(tmp_path / MODEL, others, config)
    assert f"1 tensors differ, the first is '{name}'" in refusal(tmp_path)


def test_settings_of_another_version(tmp_path: Path) -> None:
    saved(tmp_path, "points")
    config = json.loads((tmp_path / "config.json").read_text())
    config["game"]["invented"] = 3
    config["ganvas"] = "9.9"
    write_sealed(tmp_path / MODEL, load_file(tmp_path / MODEL), {"ganvas": json.dumps(config)})
    assert "written by ganvas 9.9" in refusal(tmp_path)


def test_no_model_there(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere")
    assert "has no model in it" in refusal(tmp_path)
    (tmp_path / "notes.txt").touch()
    assert "is a file" in refusal(tmp_path / "notes.txt")
    (tmp_path / "config.yaml").write_text("")
    assert f"ganvas resume {tmp_path}" in refusal(tmp_path)


# ---- writing ----------------------------------------------------------------------------------


def test_what_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GanvasError, match=r"file.*is a file, not a folder"):
        save_model(tmp_path / "file" / "model", build_game("points"))


def test_a_failed_write_keeps_the_old_model(tmp_path: Path) -> None:
    before = saved(tmp_path, "points").sample(4).x
    (tmp_path / "README.md").unlink()
    (tmp_path / "README.md").mkdir()  # the card comes before the weights
    (tmp_path / "README.md" / "x").write_text("")
    with pytest.raises(GanvasError, match=r"README\.md.*is a folder"):
        save_model(tmp_path, build_game("points", seed=2))
    assert np.array_equal(load(tmp_path).sample(4).x, before)
    assert not list(tmp_path.glob(".*"))


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_model(tmp_path / name, build_game("points", seed=1))
    one, other = ((tmp_path / name / MODEL).read_bytes() for name in ("a", "b"))
    assert one == other
    digest = digest_of(tmp_path / "a")
    assert digest
    blank = one.replace(digest.encode(), b"0" * 64)
    assert hashlib.sha256(blank).hexdigest() == digest


def test_scores_go_onto_the_card_of_the_model_that_was_measured(tmp_path: Path) -> None:
    model = saved(tmp_path, "points")
    weights = (tmp_path / MODEL).read_bytes()
    note_scores(tmp_path, model, {"modes": 8.0})
    assert "| modes | 8 |" in (tmp_path / "README.md").read_text()
    assert (tmp_path / MODEL).read_bytes() == weights
    save_model(tmp_path, build_game("points", seed=2))
    card, newer = ((tmp_path / name).read_bytes() for name in ("README.md", MODEL))
    note_scores(tmp_path, model, {"modes": 3.0})  # of weights that are gone
    assert ((tmp_path / "README.md").read_bytes(), (tmp_path / MODEL).read_bytes()) == (card, newer)
