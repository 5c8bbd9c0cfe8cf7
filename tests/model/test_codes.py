"""Codes of a model's spaces: samples as codes, ways through them, files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.errors import UsageError
from ganvas.model import Model
from ganvas.model.codes import (
    codes_at,
    items_of,
    lifted,
    load_codes,
    read_codes,
    save_codes,
    wander_between,
)
from ganvas.model.exemplars import wander
from ganvas.model.sealed import write_sealed
from ganvas.play import Noise
from tests.latent.styled import CLASSES, saved
from tests.model.conftest import saved as saved_plain
from tests.model.test_model import same

PLACES = [(3, 0), (5, 2), (7, 0)]


@pytest.fixture(scope="module", name="model")
def fixture_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return saved(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("space", ["z", "w", "w+", "s"])
def test_codes_of_samples_give_the_samples(model: Model, space: str) -> None:
    codes = codes_at(model, PLACES, space)
    wanted = np.concatenate([model.sample(n + 1, seed=seed).x[-1:] for seed, n in PLACES])
    assert same(items_of(model, codes), wanted)
    assert same(items_of(model, codes.rows([2, 0]), batch=1), wanted[[2, 0]])
    with pytest.raises(UsageError, match="there is no code 3: these are 0 to 2"):
        codes.rows([3])


def test_codes_are_lifted_into_larger_spaces(model: Model) -> None:
    z = codes_at(model, PLACES, "z")
    wanted = items_of(model, z)
    for path in (["w"], ["w+"], ["s"], ["w", "w+"], ["w", "s"], ["w", "w+", "s"]):
        codes = z
        for space in path:
            codes = lifted(model, codes, space)
        assert codes.space == path[-1]
        assert same(items_of(model, codes), wanted)
    with pytest.raises(UsageError, match=r"no way from 'w\+' to 'w': it leads to: s"):
        lifted(model, codes_at(model, PLACES, "w+"), "w")


def test_a_way_passes_through_codes_with_their_own_noise(model: Model) -> None:
    plain = codes_at(model, PLACES, "w")
    maps = model.game.maps(3, Noise(4))  # pyright: ignore[reportAttributeAccessIssue]
    keys = dataclasses.replace(plain, maps=maps)
    frames = wander_between(model, keys, 5)
    assert len(frames) == 9
    assert same(frames[::4], items_of(model, keys))
    assert not same(frames[::4], items_of(model, plain))
    closed = wander_between(model, keys, 5, loop=True)
    assert len(closed) == 12
    assert same(closed[:9], frames)
    middle = plain.x[:2].mean(0, keepdim=True)
    halfway = wander_between(model, plain.rows([0, 1]), 3)[1:2]
    assert same(halfway, items_of(model, dataclasses.replace(plain, x=middle)))
    with pytest.raises(UsageError, match="lie around no middle: choose lerp or slerp"):
        wander_between(model, plain.rows([0, 1]), 3, "circle")
    with pytest.raises(UsageError, match="at least 2 steps"):
        wander_between(model, plain, 1)


def test_ways_in_z_are_those_of_wander(tmp_path: Path) -> None:
    model = saved_plain(tmp_path, "classes")
    keys = codes_at(model, PLACES, "z", label="b", truncation=0.5)
    for how in ("slerp", "lerp"):
        frames = wander_between(model, keys, 4, how, truncation=0.5)
        assert same(frames, wander(model, PLACES, 4, how, label="b", truncation=0.5))
    around = wander_between(model, keys.rows([0, 1]), 4, "circle")
    assert same(around, wander(model, PLACES[:2], 4, "circle", label="b", truncation=0.5))


def test_a_file_of_codes_says_of_which_model_they_are(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "codes.safetensors"
    maps = model.game.maps(3, Noise(4))  # pyright: ignore[reportAttributeAccessIssue]
    codes = dataclasses.replace(codes_at(model, PLACES, "w+"), maps=maps, found={"loss": "pixels"})
    save_codes(path, codes, model)
    again = load_codes(path, model)
    assert again.space == "w+"
    assert torch.equal(again.x, codes.x)
    assert all(map(torch.equal, again.maps, maps))
    assert again.found == {"loss": "pixels"}
    assert read_codes(path)[0]["model"] == model.digest
    other = saved(tmp_path / "other", seed=1)
    with pytest.raises(UsageError, match="codes of another model of styled.*ganvas project"):
        load_codes(path, other)


def test_classes_go_along(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", spec=CLASSES)
    codes = codes_at(model, PLACES, "w", label=1)
    save_codes(tmp_path / "codes.safetensors", codes, model)
    again = load_codes(tmp_path / "codes.safetensors", model)
    assert again.y is not None
    assert again.y.tolist() == [1, 1, 1]
    assert same(items_of(model, again), items_of(model, codes_at(model, PLACES, "z", label=1)))


def test_files_that_are_no_codes(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "codes.safetensors"
    with pytest.raises(UsageError, match="there is no file of codes"):
        load_codes(str(path), model)
    with pytest.raises(UsageError, match="path is 3: expected a path"):
        load_codes(3, model)  # type: ignore[arg-type]
    path.write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="is no file of codes: expected one of ganvas project"):
        load_codes(path, model)
    assert model.folder is not None
    with pytest.raises(UsageError, match="is no file of codes"):
        load_codes(model.folder / "model.safetensors", model)
    told = {"format": "ganvas-codes-1", "space": "w", "system": "styled", "model": model.digest}
    write_sealed(path, {"codes": torch.zeros(2, 7)}, {"ganvas": json.dumps(told)})
    with pytest.raises(UsageError, match=r"codes of shape \(7,\), not \(5,\)"):
        load_codes(path, model)
    write_sealed(path, {"codes": torch.zeros(2, 7)}, {"ganvas": json.dumps(told | {"space": "v"})})
    with pytest.raises(UsageError, match="no space 'v'"):
        load_codes(path, model)
    unsaved = Model(model.game, model.provenance, "cpu")
    with pytest.raises(UsageError, match="saved model"):
        save_codes(path, codes_at(model, PLACES, "z"), unsaved)
