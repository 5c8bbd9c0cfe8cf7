"""Attributes of a model's samples: one pass of scores, planes in each space, measured effects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ganvas.model
from ganvas.errors import UsageError
from ganvas.latent.combining import conditioned
from ganvas.latent.directions import Direction
from ganvas.model import Model, Provenance, save_model
from ganvas.model.attributes import Formula, boundaries, drawn, effects, made, scores_of
from ganvas.model.directions import load_direction, save_direction, space_in
from ganvas.model.maps import first_map, first_outputs, style_maps
from tests.latent.styled import CLASSES, C, D, Styled, styled
from tests.model.conftest import saved

GREY = Formula(("red", "level"), lambda x: np.stack([x[..., 0].mean((1, 2)), x.mean((1, 2, 3))], 1))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("models") / "styled"
    save_model(folder, styled(), Provenance(recipe="styled/test", rounds=3))
    return ganvas.model.load(folder, Styled, device="cpu")


def test_samples_lead_to_codes_and_their_own_items(model: Model) -> None:
    samples = drawn(model, 70, seed=3)
    expected = model.sample(70, seed=3).x
    for name in ("z", "w", "w+", "s"):
        codes = samples.of(name)
        assert codes.shape == (70, *samples.spaces[name].shape)
        items = np.concatenate(list(made(model, samples.spaces[name], codes, batch=32)))
        assert np.abs(items.astype(int) - expected).max() <= 1
    again = drawn(model, [(3, 0), (3, 69), (5, 2)])
    assert torch.equal(again.z[:2], samples.z[[0, 69]])
    assert torch.equal(again.z[2], model.latents(3, 5)[0][2])
    scores = scores_of(model, GREY, samples.spaces["z"], samples.z)
    assert np.allclose(scores, GREY(expected), atol=0.5)


def test_planes_part_what_a_formula_scores(model: Model) -> None:
    samples = drawn(model, 1500)
    scores = scores_of(model, GREY, samples.spaces["z"], samples.z)
    for name in ("z", "w"):
        found = boundaries(
            samples.of(name), scores, GREY.names, share=0.1, threshold=scores[:, 0].mean()
        )
        assert found["red"].validation > 0.85
        assert found["red"].remaining is not None
        assert found["red"].direction.vector.shape == samples.spaces[name].shape
    with pytest.raises(UsageError, match=r"level: 1500 scores, and a share of 0.002"):
        boundaries(samples.of("z"), scores[:, 1:], ["level"], share=0.002)
    with pytest.raises(UsageError, match=r"an array \(5, 2\), and this one is \(5, 1\)"):
        Formula(("a", "b"), lambda x: x.mean((1, 2, 3)))(np.zeros((5, 8, 8, 3), np.uint8))


def test_effects_of_moves_are_those_of_items_one_by_one(model: Model) -> None:
    samples = drawn(model, 20)
    space, codes = samples.spaces["w"], samples.of("w")
    moves = {
        "first": Direction(torch.eye(D)[0], 0.0),
        "nothing": Direction(torch.full((D,), 1e-9), 0.0),
    }
    found = effects(model, GREY, space, codes, moves, [0, 1, 2])
    before = GREY(np.concatenate(list(made(model, space, codes))))
    after = GREY(np.concatenate(list(made(model, space, moves["first"].moved(codes, 2)))))
    assert np.allclose(found.changes[0], (after - before).mean(axis=0))
    assert np.allclose(found.agreed[0], (after > before).mean(axis=0))
    assert np.allclose(found.spreads, before.std(axis=0))
    assert not found.changes[1].any()
    assert found.moved[1] == 0
    assert found.moved[0] > 0
    assert (np.abs(found.rising) <= 1 + 1e-9).all()
    with pytest.raises(UsageError, match="two amounts or more, the last one not 0"):
        effects(model, GREY, space, codes, moves, [1, 0])


def test_ranks_rise_with_what_the_amount_adds(model: Model) -> None:
    """An oracle that reads the code itself: linear, so that everything is known."""
    samples = drawn(model, 30)
    codes = samples.of("z")
    normals = torch.nn.functional.normalize(torch.randn(2, 6), dim=1)
    scale = torch.tensor([2.0, 0.5])

    class Oracle:
        names = ("one", "two")

        def __init__(self) -> None:
            self.seen: list[torch.Tensor] = []

        def __call__(self, items: object, /) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            return (self.seen.pop(0) @ normals.T * scale).double().numpy()

    oracle, planes = Oracle(), [Direction(n, 0.0) for n in normals]
    free, share = conditioned(planes[0], planes[1:])
    amounts, moves = [0.0, 1.0, 2.0], {"one": planes[0], "one without two": free}
    oracle.seen = [codes, *(move.moved(codes, a) for move in moves.values() for a in amounts)]
    found = effects(model, oracle, samples.spaces["z"], codes, moves, amounts)
    cosine = float(normals[0] @ normals[1])
    assert found.changes[0] == pytest.approx([2 * 2, 2 * 0.5 * cosine], abs=1e-5)
    assert found.changes[1] == pytest.approx([2 * 2 * share, 0], abs=1e-5)
    assert found.rising[0, 0] == pytest.approx(1)
    assert found.agreed[:, 0].tolist() == [1, 1]


def test_edits_are_deterministic_and_nothing_is_the_sample_itself(model: Model) -> None:
    samples = drawn(model, 5)
    direction = Direction(torch.ones(D), 0.0)
    space, codes = samples.spaces["w"], samples.of("w")
    plain, moved = (
        [np.concatenate(list(made(model, space, direction.moved(codes, a)))) for _ in range(2)]
        for a in (0, 1.3)
    )
    assert np.array_equal(plain[0], np.concatenate(list(made(model, space, codes))))
    assert np.array_equal(*moved)
    assert not np.array_equal(plain[0], moved[0])


def test_the_maps_that_a_generator_begins_with(model: Model, tmp_path: Path) -> None:
    linear = model.game.mapping[0]
    assert torch.allclose(first_map(model), linear.weight, atol=1e-6)
    z = model.latents(9)[0]
    assert torch.allclose(first_outputs(model, z), linear(z), atol=1e-6)
    every = style_maps(model)
    assert [a.shape for a in every] == [(C, D)] * 5
    game = model.game
    second = style_maps(model, [1])  # read by two layers: the second one, and the first colours
    wanted = [game.convolutions[1].affine.weight, game.colours[0].affine.weight]
    assert len(second) == 2
    for one, other in zip(second, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    with pytest.raises(UsageError, match="slots 0 to 3, not 4"):
        style_maps(model, [4])
    plain = saved(tmp_path / "pictures", "pictures")
    assert first_map(plain).shape[1] == 5
    labelled = styled(spec=CLASSES)
    save_model(tmp_path / "classes", labelled, Provenance(recipe="styled/test", rounds=3))
    known = ganvas.model.load(tmp_path / "classes", Styled, device="cpu")
    assert torch.allclose(first_map(known), labelled.mapping[0].weight[:, :6], atol=1e-6)
    assert len(style_maps(known, [3])) == 1


def test_directions_of_any_space_and_those_of_others(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "d.safetensors"
    save_direction(path, Direction(torch.eye(D)[1], 0.5), model, {"method": "test"}, "w")
    assert space_in(path) == "w"
    assert load_direction(path, model, "w").intercept == 0.5
    with pytest.raises(UsageError, match=r"in the space 'w', and these latents are of 'z'"):
        load_direction(path, model)
    array = tmp_path / "boundary.npy"
    np.save(array, np.eye(D)[:1])  # (1, d), as the authors publish them
    found = load_direction(array, model, "w")
    assert (found.vector.tolist(), found.intercept) == ([1, 0, 0, 0, 0], 0)
    assert space_in(array) is None
    with pytest.raises(UsageError, match=r"moves codes of shape \(5,\), not \(6,\)"):
        load_direction(array, model)
    np.save(array, np.array(["a"]))
    with pytest.raises(UsageError, match="expected one vector of numbers"):
        load_direction(array, model, "w")


def test_options_of_samples_are_heeded(tmp_path: Path) -> None:
    plain = saved(tmp_path / "pictures", "pictures")
    samples = drawn(plain, 6, truncation=0.5, statistics="re-estimated")
    assert torch.equal(samples.z, plain.latents(6, truncation=0.5)[0])
    where = samples.spaces["z"]
    found = [
        np.concatenate(list(made(plain, where, samples.z, **options)))
        for options in (samples.options, {})
    ]
    expected = plain.sample(6, **samples.options).x
    assert np.abs(found[0].astype(int) - expected).max() <= 1
    assert not np.array_equal(found[1], found[0])
