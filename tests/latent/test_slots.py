"""Ways through a memory, against brute force and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from ganvas.errors import UsageError
from ganvas.latent.interpolation import line, square
from ganvas.latent.neighbours import most_similar
from ganvas.latent.slots import by_rank, readings, settle, settled
from ganvas.nn.memory import Memory


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def filled(slots: int = 12, dim: int = 5, seed: int = 0, kappa: float = 1.0) -> Memory:
    """Return a memory whose even slots are real and whose last two are empty."""
    memory = Memory(slots, dim, neighbours=3, kappa=kappa)
    memory.keys.copy_(F.normalize(normal(slots, dim, seed=seed), dim=1))
    memory.keys[-2:] = 0
    memory.values.copy_((torch.arange(slots) % 2 == 0).float())
    memory.histogram.copy_(normal(slots, seed=seed + 1).exp())
    return memory


# ---- settling on a slot -----------------------------------------------------------------------


@pytest.mark.parametrize("kappa", [1.0, 20.0])
def test_a_direction_settles_on_the_likeliest_real_slot(kappa: float) -> None:
    memory, directions = filled(kappa=kappa), 3 * normal(40, 5, seed=7)
    found = settle(memory, directions)
    for direction, slot in zip(directions, found.tolist(), strict=True):
        unit = direction / direction.norm()
        joint = {
            i: float(memory.histogram[i] * (kappa * memory.keys[i] @ unit).exp())
            for i in range(10)  # the last two hold nothing
            if memory.values[i] == 1
        }
        assert slot == max(joint, key=joint.__getitem__)
    assert (memory.values[found] == 1).all()
    assert memory.populated[found].all()


def test_the_length_of_a_direction_does_not_matter() -> None:
    memory, directions = filled(), normal(20, 5)
    assert torch.equal(settle(memory, directions), settle(memory, 0.01 * directions))


def test_corners_of_a_square_keep_their_slots_where_those_are_likeliest() -> None:
    """Invariant 13: with a sharp posterior every key is its own argmax."""
    memory = filled(kappa=200.0)
    slots = torch.tensor([0, 4, 6, 8])
    corners = torch.cat([memory.keys[slots], normal(4, 3)], dim=1)
    z = settled(memory, square(corners, 8))
    assert z.shape == (64, 8)
    torch.testing.assert_close(z[[0, 7, 56, 63]], corners)
    keys = {tuple(memory.keys[i].tolist()) for i in range(10) if memory.values[i] == 1}
    assert {tuple(row) for row in z[:, :5].tolist()} <= keys
    # The continuous part is untouched: bilinear between the corners.
    torch.testing.assert_close(z[:, 5:], square(corners[:, 5:], 8))


def test_with_a_flat_posterior_a_frequent_slot_wins_the_corner() -> None:
    memory = filled(kappa=0.1)
    memory.histogram[2] = 1e3
    assert settle(memory, memory.keys[[0, 4, 6]]).tolist() == [2, 2, 2]


# ---- the prior and the likelihood -------------------------------------------------------------


def test_ranks_are_powers_of_two_of_the_sorted_prior() -> None:
    prior = torch.tensor([0.1, 0.4, 0.0, 0.2, 0.3])
    assert by_rank(prior) == pytest.approx({1: 0.4, 2: 0.3, 4: 0.1})


def test_the_effective_number_of_equal_slots_is_their_number() -> None:
    memory = filled()
    memory.histogram.fill_(0.7)
    found = readings(memory, F.normalize(normal(6, 5), dim=1))
    assert found["slots/effective"] == pytest.approx(6)  # 0, 2, …, 10: half of twelve
    assert found["slots/populated"] == 10
    assert found["slots/real"] == 5
    assert found["prior/rank 4"] == pytest.approx(1 / 6)


def test_the_biased_likelihood_stays_within_its_bounds() -> None:
    """Invariant 11: [−2.9189, −0.9189] at κ = 1, and −1.9189 for keys that are all zero."""
    low, middle, high = (-0.5 * math.log(2 * math.pi) - by for by in (2, 1, 0))
    for seed in range(20):
        memory = filled(seed=seed)
        q = torch.cat(
            [F.normalize(normal(50, 5, seed=seed), dim=1), memory.keys[:10], -memory.keys[:10]]
        )
        each = memory.log_likelihood(q)
        assert low - 1e-5 <= float(each.min())
        assert float(each.max()) <= high + 1e-5
    new = readings(Memory(16, 5, neighbours=3), F.normalize(normal(9, 5), dim=1))
    assert new["likelihood/biased"] == pytest.approx(middle, abs=1e-5)
    assert middle == pytest.approx(-1.9189, abs=1e-4)


@pytest.mark.parametrize(("dim", "constant"), [(256, 344.3329225), (512, 867.9671266)])
def test_the_true_likelihood_has_the_normaliser_of_the_sphere(dim: int, constant: float) -> None:
    memory, q = filled(dim=dim), F.normalize(normal(30, dim), dim=1)
    found = readings(memory, q)
    prior = memory.histogram.double() * memory.values + memory.beta
    inner = (memory.keys.double() @ q.double().T).exp()
    expected = constant + (prior / prior.sum() @ inner).log().mean()
    assert found["likelihood/true"] == pytest.approx(float(expected), abs=1e-4)
    shift = constant + 1 + 0.5 * math.log(2 * math.pi)
    assert found["likelihood/true"] - found["likelihood/biased"] == pytest.approx(shift, abs=1e-3)


# ---- lines, squares, neighbours ---------------------------------------------------------------


def test_a_square_is_bilinear() -> None:
    corners = normal(4, 6).double()
    z = square(corners, 5).view(5, 5, 6)
    for row in range(5):
        for column in range(5):
            u, v = row / 4, column / 4
            weights = torch.tensor([(1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v]).double()
            torch.testing.assert_close(z[row, column], weights @ corners)


def test_the_edges_of_a_square_are_lines() -> None:
    corners = normal(4, 6).double()
    for how in ("lerp", "slerp"):
        z = square(corners, 5, how).view(5, 5, 6)
        torch.testing.assert_close(z[0], line(corners[[0, 1]], 5, how))
        torch.testing.assert_close(z[:, 0], line(corners[[0, 2]], 5, how))


@pytest.mark.parametrize("ends", [3, 5])
def test_wrong_numbers_of_ends_are_refused(ends: int) -> None:
    with pytest.raises(UsageError, match="four corners"):
        square(normal(ends, 2), 4)
    with pytest.raises(UsageError, match="two ends"):
        line(normal(ends, 2), 4)
    with pytest.raises(UsageError, match="at least 2"):
        square(normal(4, 2), 1)


def test_neighbours_by_cosine_are_those_of_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, gallery = normal(11, 4), normal(30, 4, seed=1)
    cosine = F.cosine_similarity(queries[:, None], gallery[None], dim=2)
    expected = cosine.sort(dim=1, descending=True)
    for block in (1 << 24, 90):  # at once, or three queries at a time
        monkeypatch.setattr("ganvas.latent.neighbours.BLOCK", block)
        index, similarity = most_similar(queries, gallery, 7)
        assert torch.equal(index, expected.indices[:, :7])
        torch.testing.assert_close(similarity, expected.values[:, :7])
    with pytest.raises(UsageError, match="31 neighbours among 30 items"):
        most_similar(queries, gallery, 31)
    with pytest.raises(UsageError, match="differ in width"):
        most_similar(queries[:, :3], gallery, 2)
