"""Walks, sums and edits of a model's samples, and direction files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.errors import GanvasError, UsageError
from ganvas.games.gan import GAN
from ganvas.games.parts.priors.uniform import Uniform
from ganvas.latent.directions import Direction, between
from ganvas.latent.walks import walk
from ganvas.model import Model, Provenance
from ganvas.model.directions import load_direction, read_direction, save_direction
from ganvas.model.exemplars import arithmetic, by_legs, edited, latents_at, wander, way_of
from ganvas.model.sealed import read_sealed, write_sealed
from ganvas.play import build
from tests.model.conftest import MLPS, POINTS, saved
from tests.model.test_model import same

A, B, C = [(3, 0), (5, 2)], [(1, 0), (4, 0), (0, 17)], [(7, 0)]


def test_samples_are_named_by_seed_and_number(model: Model) -> None:
    z, y = latents_at(model, [(3, 0), (5, 70)])
    whole, labels = model.latents(71, 5)
    assert torch.equal(z, torch.stack([model.latents(1, 3)[0][0], whole[70]]))
    assert (y is None) == (labels is None)
    with pytest.raises(UsageError, match="no samples were named"):
        latents_at(model, [])


def test_a_walk_passes_through_the_samples_themselves(model: Model) -> None:
    keys = [(seed, 0) for seed in (3, 4, 9)]
    frames = wander(model, keys, steps=5)
    assert len(frames) == 9
    label = model.latents(1, 3)[1]
    told = {} if label is None else {"label": int(label)}
    ends = np.concatenate([model.sample(1, seed=seed, **told).x for seed, _ in keys])
    assert same(frames[::4], ends)
    closed = wander(model, keys, steps=5, loop=True)
    assert len(closed) == 12
    assert same(closed[:9], frames)


def test_rows_of_a_picture_are_legs_with_both_their_ends(model: Model) -> None:
    keys = [(seed, 0) for seed in (3, 4, 9)]
    for steps in (2, 5):
        frames = wander(model, keys, steps)
        rows = by_legs(frames, steps, closed=False).reshape(2, steps, *frames.shape[1:])
        assert np.array_equal(rows[0, -1], rows[1, 0])
        assert np.array_equal(rows[:, 0], frames[[0, steps - 1]])
        assert np.array_equal(rows[1, -1], frames[-1])
        loop = wander(model, keys, steps, loop=True)
        rows = by_legs(loop, steps, closed=True).reshape(3, steps, *frames.shape[1:])
        assert np.array_equal(rows[2, -1], rows[0, 0])


def test_a_circle_closes_after_four_quarters(model: Model) -> None:
    frames = wander(model, [(3, 0), (4, 0)], 4, "circle")
    assert len(frames) == 12
    assert by_legs(frames, 4, closed=True).shape[0] == 16


def test_the_way_follows_the_prior(tmp_path: Path) -> None:
    assert way_of(saved(tmp_path, "points")) == "slerp"
    uniform = build(GAN, MLPS.model_copy(update={"latent": Uniform(dim=5)}), POINTS, 0)
    assert way_of(Model(uniform, Provenance(), "cpu")) == "lerp"


def test_walks_without_a_way_are_refused(model: Model) -> None:
    with pytest.raises(UsageError, match="two samples or more"):
        wander(model, [(3, 0)])
    with pytest.raises(UsageError, match="at least 2 steps"):
        wander(model, [(3, 0), (4, 0)], 1)


def test_options_and_classes_hold_for_the_whole_way(tmp_path: Path) -> None:
    model = saved(tmp_path, "classes")
    keys = [(3, 0), (4, 0)]
    frames = wander(model, keys, 3, label="b", truncation=0.5)
    z = walk(0.5 * latents_at(model, keys)[0], 2)
    assert same(frames, model.decode(z.numpy(), label="b").x)


def test_arithmetic_is_of_means_and_a_minus_b_plus_b_is_a(model: Model) -> None:
    found = arithmetic(model, [(1, A), (-1, B), (1, C)])
    assert [sign for sign, _, _ in found.terms] == [1, -1, 1]
    assert [len(x) for _, x, _ in found.terms] == [2, 3, 1]
    means = [latents_at(model, group)[0].double().mean(0) for group in (A, B, C)]
    wanted = (means[0] - means[1] + means[2]).float()[None].numpy()
    drawn = latents_at(model, A)[1]
    told = {} if drawn is None else {"label": int(drawn)}
    assert same(found.result, model.decode(wanted, **told).x)
    assert len(found.around) == 8
    back = arithmetic(model, [(1, C), (-1, A[:1]), (1, A[:1])])
    assert same(back.result, back.terms[0][1])
    if found.pixels is not None:
        pixels = [x.astype(float).mean(0) for _, x, _ in found.terms]
        wanted = np.clip(np.rint(pixels[0] - pixels[1] + pixels[2]), 0, 255)
        assert np.array_equal(found.pixels[0], wanted)


def test_edits_move_latents_along_the_direction(model: Model) -> None:
    z, _ = latents_at(model, A)
    direction = between(z, latents_at(model, B)[0])
    rows = edited(model, direction, A, [0, 0.5, 1]).reshape(2, 3, *model.domain.array_shape)
    drawn = latents_at(model, A)[1]
    told = {} if drawn is None else {"label": int(drawn)}
    for column, amount in enumerate((0, 0.5, 1)):
        assert same(
            rows[:, column], model.decode((z + amount * direction.vector).numpy(), **told).x
        )
    brought = edited(model, direction, A, [2.0], absolute=True)
    assert same(brought, model.decode(direction.brought(z, 2.0).numpy(), **told).x)
    with pytest.raises(UsageError, match="needs amounts"):
        edited(model, direction, A, [])


def test_a_direction_file_says_of_which_model_and_space_it_is_and_whence(tmp_path: Path) -> None:
    model, path = saved(tmp_path / "model", "points"), tmp_path / "d.safetensors"
    direction = between(latents_at(model, A)[0], latents_at(model, B)[0])
    save_direction(path, direction, model, {"method": "exemplars", "plus": ["3:0"]})
    told, again = read_direction(path)
    assert told["model"] == model.digest
    assert told["space"] == "z"
    assert told["found"]["plus"] == ["3:0"]
    assert torch.equal(again.vector, direction.vector)
    assert again.intercept == direction.intercept
    assert load_direction(path, model).length == direction.length


def test_directions_of_other_models_and_spaces_are_refused_in_a_line(tmp_path: Path) -> None:
    model, path = saved(tmp_path / "model", "points"), tmp_path / "d.safetensors"
    other = saved(tmp_path / "other", "classes")
    save_direction(path, Direction(torch.ones(5), 0.0), model, {})
    with pytest.raises(UsageError, match="direction of another model of gan.*ganvas directions"):
        load_direction(path, other)
    save_direction(path, Direction(torch.ones(5), 0.0), model, {}, space="w")
    with pytest.raises(UsageError, match="in the space 'w', and these latents are of 'z'"):
        load_direction(path, model)
    save_direction(path, Direction(torch.ones(6), 0.0), model, {})
    with pytest.raises(UsageError, match=r"shape \(6,\), not \(5,\)"):
        load_direction(path, model)


def test_files_that_are_no_directions(tmp_path: Path) -> None:
    model, path = saved(tmp_path / "model", "points"), tmp_path / "d.safetensors"
    with pytest.raises(UsageError, match="there is no direction file"):
        load_direction(path, model)
    path.write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="is no direction file: expected one of ganvas dir"):
        load_direction(path, model)
    with pytest.raises(UsageError, match="is no direction file"):
        load_direction(tmp_path / "model" / "model.safetensors", model)
    save_direction(path, Direction(torch.zeros(5), 0.0), model, {})
    with pytest.raises(GanvasError, match="zero or not finite"):
        load_direction(path, model)
    save_direction(path, Direction(torch.ones(5), 0.0), model, {})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(GanvasError, match="damaged"):
        load_direction(path, model)
    told = {"format": "ganvas-direction-1"}
    write_sealed(path, {"vector": torch.ones(5)}, {"ganvas": json.dumps(told)})
    assert read_sealed(path)[1].keys() == {"vector"}
    with pytest.raises(UsageError, match="is no direction file"):
        load_direction(path, model)


def test_directions_belong_to_saved_models(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", "points")
    unsaved = Model(model.game, model.provenance, "cpu")
    with pytest.raises(UsageError, match="saved model"):
        save_direction(tmp_path / "d.safetensors", Direction(torch.ones(5), 0.0), unsaved, {})
