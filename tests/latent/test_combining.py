"""Conditional and joint edits: orthogonal to their conditions, exact by distance."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.combining import Joint, conditioned, over_slots
from ganvas.latent.directions import Direction


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def directions(count: int, size: int = 16, *, unit: bool = True) -> list[Direction]:
    """Return directions that are far from orthogonal."""
    vectors = normal(count, size) + 0.8 * normal(size, seed=1)
    vectors = vectors / vectors.norm(dim=1, keepdim=True) if unit else vectors
    return [Direction(v, float(b)) for v, b in zip(vectors, normal(count, seed=2), strict=True)]


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_nothing_of_any_condition_is_left(count: int) -> None:
    first, *conditions = directions(count + 1)
    found, share = conditioned(first, conditions)
    assert found.length == pytest.approx(1, abs=1e-6)
    for condition in conditions:
        assert abs(float(found.vector @ condition.vector)) < 1e-6
    # α along the result is worth α · share along the direction itself.
    assert float(found.vector @ first.vector) == pytest.approx(share, abs=1e-6)
    again, whole = conditioned(found, conditions)
    torch.testing.assert_close(again.vector, found.vector, rtol=0, atol=1e-6)
    assert whole == pytest.approx(1, abs=1e-6)
    doubled, same = conditioned(first, [*conditions, conditions[0], conditions[-1]])
    torch.testing.assert_close(doubled.vector, found.vector, rtol=0, atol=1e-5)
    assert same == pytest.approx(share, abs=1e-6)


def test_what_is_left_of_one_condition() -> None:
    first, other = directions(2)
    found, share = conditioned(first, [other])
    cosine = float(first.vector @ other.vector)
    assert share == pytest.approx((1 - cosine**2) ** 0.5, abs=1e-6)
    wanted = first.vector - cosine * other.vector
    torch.testing.assert_close(found.vector, wanted / wanted.norm(), rtol=0, atol=1e-6)


def test_no_condition_and_itself_as_one() -> None:
    first, other, third = directions(3)
    assert conditioned(first, []) == (first, 1.0)
    with pytest.raises(UsageError, match="nothing of the direction is left"):
        conditioned(first, [first])
    between = Direction(0.3 * other.vector - 2 * third.vector, 0.0)
    with pytest.raises(UsageError, match="nothing of the direction is left"):
        conditioned(between, [other, third])
    with pytest.raises(UsageError, match=r"of one space: their shapes are \(16,\) and \(4,\)"):
        conditioned(first, [Direction(torch.ones(4), 0.0)])


def test_subtracting_one_condition_after_the_other_leaves_some_of_the_first() -> None:
    first, *conditions = directions(3)
    one_by_one = first.vector
    for condition in conditions:
        one_by_one = one_by_one - (one_by_one @ condition.vector) * condition.vector
    assert abs(float(one_by_one @ conditions[0].vector)) > 0.01
    found, _ = conditioned(first, conditions)
    assert abs(float(found.vector @ conditions[0].vector)) < 1e-6


def test_the_plane_goes_through_where_the_planes_meet() -> None:
    first, *conditions = directions(4)
    found, _ = conditioned(first, conditions)
    meeting = Joint([first, *conditions], [0.0] * 4).brought(normal(5, 16, seed=3).double(), 1)
    for plane in (first, *conditions, found):
        assert float(plane.distances(meeting).abs().max()) < 1e-5


def test_a_condition_keeps_the_length_of_exemplars_directions() -> None:
    first, other = directions(2, unit=False)
    found, share = conditioned(first, [other])
    assert found.length == pytest.approx(first.length, rel=1e-6)
    unit, same = conditioned(
        Direction(first.vector / first.length, first.intercept / first.length), [other]
    )
    assert share == pytest.approx(same)
    z = normal(3, 16, seed=4)
    torch.testing.assert_close(found.distances(z), unit.distances(z), rtol=1e-5, atol=1e-5)


def test_scores_of_linear_attributes_change_as_told() -> None:
    """λ_j α n_jᵀn_i along n_i, and nothing along a direction that is conditioned on j."""
    planes = directions(3)
    scales, z, alpha = torch.tensor([2.0, 0.5, 1.5]).double(), normal(7, 16, seed=5).double(), 1.7
    normals = torch.stack([p.vector for p in planes]).double()

    def scores(z: Tensor) -> Tensor:
        return z @ normals.T * scales

    for i, plane in enumerate(planes):
        change = scores(plane.moved(z, alpha)) - scores(z)
        expected = scales * alpha * (normals @ normals[i])
        torch.testing.assert_close(change, expected.expand(7, -1), rtol=1e-6, atol=1e-6)
    found, share = conditioned(planes[0], planes[1:])
    change = scores(found.moved(z, alpha)) - scores(z)
    torch.testing.assert_close(
        change[:, 0], (scales[0] * alpha * share).expand(7), rtol=1e-5, atol=1e-5
    )
    assert float(change[:, 1:].abs().max()) < 1e-5


def test_a_joint_move_reaches_all_distances_by_the_shortest_way() -> None:
    planes, z = directions(3), normal(6, 16, seed=6).double()
    move = Joint(planes, [1.0, -0.5, 0.0])
    brought = move.brought(z, 2)
    for plane, wanted in zip(planes, (2.0, -1.0, 0.0), strict=True):
        assert plane.distances(brought).tolist() == pytest.approx([wanted] * 6, abs=1e-6)
    moved = move.moved(z, 2)
    for plane, wanted in zip(planes, (2.0, -1.0, 0.0), strict=True):
        change = plane.distances(moved) - plane.distances(z)
        assert change.tolist() == pytest.approx([wanted] * 6, abs=1e-6)
    normals = torch.stack([p.vector for p in planes]).double()
    step = moved - z
    inside = step @ torch.linalg.pinv(normals) @ normals
    torch.testing.assert_close(inside, step, rtol=0, atol=1e-9)  # in the span of the normals
    with pytest.raises(UsageError, match="depend on each other"):
        Joint([planes[0], planes[0]], [1, 0]).moved(z, 1)


def test_every_slot_moves_alike_or_some_of_them_alone() -> None:
    plane, styles = directions(1)[0], normal(4, 5, 16, seed=7)
    moved = over_slots(plane, 5).moved(styles, 1.5)
    assert moved.shape == styles.shape
    torch.testing.assert_close(
        moved - styles, (1.5 * plane.vector).expand(4, 5, 16), atol=1e-6, rtol=0
    )
    some = over_slots(plane, 5, [1, 3]).moved(styles, 1.5) - styles
    assert not some[:, [0, 2, 4]].any()
    torch.testing.assert_close(some[:, 1], (1.5 * plane.vector).expand(4, 16), atol=1e-6, rtol=0)
    with pytest.raises(UsageError, match="slots 0 to 4, not 5"):
        over_slots(plane, 5, [5])
