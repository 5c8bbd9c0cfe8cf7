"""The memory of memoryGAN: the sheet's invariants, and loops as the reference."""

from __future__ import annotations

import copy
import math
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.memory import alone
from ganvas.nn import Memory
from tests.nn.naive_memory import naive_update

BUFFERS = ("keys", "values", "ages", "histogram")


def units(n: int, dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(n, dim, generator=generator, dtype=torch.float64), dim=1)


def empty(slots: int = 24, dim: int = 5, neighbours: int = 4, **settings: Any) -> Memory:
    return Memory(slots, dim, neighbours=neighbours, **settings).double()


def filled(slots: int = 24, dim: int = 5, neighbours: int = 4, **settings: Any) -> Memory:
    """Return a memory of which every second slot is real, with weights of all sizes."""
    memory = empty(slots, dim, neighbours, **settings)
    memory.keys.copy_(units(slots, dim, 1))
    memory.values.copy_(torch.arange(slots) % 2)
    memory.ages.copy_(torch.arange(slots).flip(0) * 7 % slots)
    memory.histogram.copy_(0.1 + torch.arange(slots) / slots)
    return memory


def state(memory: Memory) -> dict[str, Tensor]:
    return {name: getattr(memory, name).clone() for name in BUFFERS}


# ---- reading ------------------------------------------------------------------------------------


def test_top_slots_are_those_of_largest_joint_probability() -> None:
    memory, q = filled(), units(6, 5)
    slots, weights = memory.lookup(q)
    joint = (q @ memory.keys.T).exp() * (memory.histogram + memory.beta)
    for b in range(6):
        assert set(slots[b].tolist()) == set(joint[b].argsort(descending=True)[:4].tolist())
    assert torch.allclose(weights.sum(1), torch.ones(6).double())
    assert torch.allclose(weights, joint.gather(1, slots) / joint.gather(1, slots).sum(1)[:, None])


def test_all_neighbours_give_the_full_posterior() -> None:
    memory, q = filled(neighbours=24), units(6, 5)
    posterior = memory.posterior(q)
    assert torch.allclose(posterior.sum(1), torch.ones(6).double())
    assert torch.allclose(memory.probability(q), posterior @ memory.values)
    slots, weights = memory.lookup(q)
    assert torch.allclose(weights, posterior.gather(1, slots))


def test_gradient_of_the_probability() -> None:
    memory, q = filled(kappa=1.7, clip=0.0), units(6, 5).requires_grad_()
    p = memory.probability(q)
    p.sum().backward()
    slots, weights = memory.lookup(q.detach())
    pull = weights * (memory.values[slots] - p.detach()[:, None])
    wanted = 1.7 * (pull[..., None] * memory.keys[slots]).sum(1)
    assert q.grad is not None
    assert torch.allclose(q.grad, wanted)
    assert not any(getattr(memory, name).requires_grad for name in BUFFERS)


def test_probabilities_are_clipped_and_logits_invert_the_sigmoid() -> None:
    memory, q = filled(), units(6, 5)
    assert torch.allclose(memory.logit(q).sigmoid(), memory.probability(q))
    memory.values.fill_(1)
    assert torch.allclose(memory.probability(q), torch.full((6,), 0.999).double())
    memory.values.zero_()
    assert torch.allclose(memory.probability(q), torch.full((6,), 0.001).double())


def test_equal_masses_bound_the_probability() -> None:
    memory = filled(neighbours=24)
    memory.histogram.fill_(0.3)
    low, high = 1 / (1 + math.e**2), math.e**2 / (1 + math.e**2)
    memory.keys.copy_(units(1, 5).expand(24, 5) * torch.where(memory.values == 1, 1, -1)[:, None])
    for q in (units(1, 5), -units(1, 5)):
        assert low - 1e-6 <= float(memory.probability(q)) <= high + 1e-6
    assert float(memory.probability(units(1, 5))) == pytest.approx(high, abs=1e-6)


def test_biased_likelihood_is_bounded_and_known_for_an_empty_memory() -> None:
    memory, q = filled(), units(50, 5)
    found = memory.log_likelihood(q)
    assert (found >= -2.9189386).all()
    assert (found <= -0.9189385).all()
    assert torch.allclose(empty().log_likelihood(q), torch.full((50,), -1.9189385).double())


def test_likelihood_is_a_density_on_the_circle() -> None:
    memory = filled(dim=2, kappa=3.0)
    angle = torch.arange(1000, dtype=torch.float64) * 2 * math.pi / 1000
    q = torch.stack([angle.cos(), angle.sin()], dim=1)
    density = memory.log_likelihood(q, memory.log_normaliser).exp()
    assert float(density.mean()) * 2 * math.pi == pytest.approx(1, abs=1e-5)


def test_normalisers_of_the_papers_memories() -> None:
    assert Memory(4, 256, neighbours=2).log_normaliser == pytest.approx(344.3329225, abs=1e-6)
    assert Memory(4, 512, neighbours=2).log_normaliser == pytest.approx(867.9671266, abs=1e-6)


# ---- the prior ----------------------------------------------------------------------------------


def test_draws_follow_the_histogram_and_are_never_fake() -> None:
    memory = filled()
    n = 200_000
    u = (torch.arange(n) + 0.5) / n
    slots = memory.draw(u)
    assert (memory.values[slots] == 1).all()
    share = torch.bincount(slots, minlength=24) / n
    wanted = memory.histogram * memory.values / (memory.histogram * memory.values).sum()
    assert torch.allclose(share.double(), wanted, atol=2 / n)


def test_the_ends_of_the_unit_interval_are_real_slots() -> None:
    memory = filled(slots=1000, neighbours=4).float()
    memory.values.zero_()
    memory.values[[3, 700]] = 1
    memory.histogram[3] = 1e-5
    ends = torch.tensor([0.0, 1e-7, 1 - 2**-24])
    assert memory.draw(ends).tolist()[0] == 3
    assert memory.draw(ends).tolist()[-1] == 700


def test_effective_slots() -> None:
    memory = filled()
    memory.histogram.fill_(0.2)
    assert float(memory.effective_slots()) == pytest.approx(12)
    memory.histogram.zero_()
    memory.histogram[5] = 1
    assert float(memory.effective_slots()) == pytest.approx(1)


# ---- learning -----------------------------------------------------------------------------------


def test_one_sample_by_hand() -> None:
    memory = filled(increment="posterior", correct_in_top=4)
    before, q = state(memory), units(1, 5)
    memory.update(q, q[:0])
    joint = (q @ before["keys"].T)[0].exp() * (before["histogram"] / 2 + memory.beta)
    score = (q @ before["keys"].T)[0] + (before["histogram"] + memory.beta).log()
    real = score.masked_fill(before["values"] == 0, -9).topk(4).indices
    gamma = joint[real] / joint[real].sum()
    halved = before["histogram"][real] / 2
    assert torch.allclose(memory.histogram[real], halved + gamma)
    assert float(memory.histogram[real].sum()) == pytest.approx(float(halved.sum()) + 1)
    mixed = halved[:, None] * before["keys"][real] + gamma[:, None] * q
    assert torch.allclose(memory.keys[real], F.normalize(mixed, dim=1))
    others = torch.ones(24).bool().index_fill(0, real, False)
    assert torch.equal(memory.keys[others], before["keys"][others])
    assert torch.equal(memory.histogram[others], before["histogram"][others])
    assert torch.equal(memory.values, before["values"])
    assert torch.equal(memory.ages[others], before["ages"][others] + 1)
    assert not memory.ages[real].any()


SETTINGS = [
    {"merge": merge, "increment": increment, "iterations": t, "correct_in_top": top}
    for merge, increment, t, top in product(
        ("winner", "sum"), ("unit", "posterior"), (1, 2, 4), (1, 4)
    )
] + [{"rule": "kaiser", "correct_in_top": top} for top in (1, 2)]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def test_one_pass_equals_the_loops(settings: dict[str, Any]) -> None:
    fast = empty(**settings)
    slow = copy.deepcopy(fast)
    for step in range(6):  # from nothing: the first queries all refill
        real, fake = units(7, 5, 10 + step), units(7, 5, 100 + step)
        assert int(fast.update(real, fake).refilled) == naive_update(slow, real, fake)
        for name in BUFFERS:
            found, wanted = getattr(fast, name), getattr(slow, name)
            assert torch.allclose(found, wanted, atol=1e-9), f"{name}, step {step}"
    lengths = fast.keys.norm(dim=1)
    assert torch.allclose(lengths[fast.populated], torch.ones(()).double())


def test_more_queries_than_slots() -> None:
    memory = Memory(6, 3, neighbours=2).double()
    twin = copy.deepcopy(memory)
    for step in range(3):
        real, fake = units(9, 3, step), units(9, 3, 50 + step)
        memory.update(real, fake)
        naive_update(twin, real, fake)
        assert all(torch.allclose(getattr(memory, b), getattr(twin, b)) for b in BUFFERS)


def test_unit_increments_saturate_at_two() -> None:
    memory = filled()
    memory.histogram.fill_(1e-5)
    for step in range(200):
        memory.update(units(20, 5, 2 * step), units(20, 5, 2 * step + 1))
        assert float(memory.histogram.max()) <= 2 + 1e-12
    assert float(memory.histogram.max()) == pytest.approx(2)


def test_lost_queries_refill_the_oldest_slots_each_its_own() -> None:
    memory = filled()
    memory.values.zero_()  # no slot is real: every real query is lost
    before, q = state(memory), units(5, 5, 3)
    change = memory.update(q, q[:0])
    oldest = before["ages"].argsort(descending=True)[:5]
    assert (int(change.refilled), int(change.moved)) == (5, 0)
    assert torch.equal(memory.keys[oldest], q)
    assert memory.values[oldest].all()
    assert not memory.ages[oldest].any()
    assert torch.allclose(memory.histogram[oldest], before["histogram"].mean())


def test_correct_in_top_decides_who_is_lost() -> None:
    memory, q = filled(), units(64, 5, 4)
    slots = memory.lookup(q).slots
    strict, lenient = copy.deepcopy(memory), filled(correct_in_top=4)
    wrong_first = memory.values[slots[:, 0]] == 0
    wrong_all = (memory.values[slots] == 0).all(1)
    assert 0 < int(wrong_all.sum()) < int(wrong_first.sum())
    assert int(strict.update(q, q[:0]).refilled) == min(int(wrong_first.sum()), 24)
    assert int(lenient.update(q, q[:0]).refilled) == min(int(wrong_all.sum()), 24)


def test_two_runs_are_equal_bit_for_bit() -> None:
    one, two = (Memory(64, 8, neighbours=8) for _ in range(2))
    for memory in (one, two):
        for step in range(20):
            memory.update(units(16, 8, step).float(), units(16, 8, 99 - step).float())
    assert all(torch.equal(getattr(one, name), getattr(two, name)) for name in BUFFERS)


def test_a_state_dict_restores_everything() -> None:
    memory = filled()
    memory.update(units(8, 5, 5), units(8, 5, 6))
    twin = empty()
    twin.load_state_dict(memory.state_dict())
    assert all(torch.equal(getattr(twin, name), getattr(memory, name)) for name in BUFFERS)
    assert not list(memory.parameters())


def test_memory_arithmetic_stays_in_single_precision_under_autocast() -> None:
    memory, q = filled().float(), units(8, 5).float()
    with torch.autocast("cpu", torch.bfloat16):
        assert memory.logit(q).dtype == torch.float32
        half = memory.logit(q)
    assert torch.equal(half, memory.logit(q))


def test_reading_and_updating_compile_without_breaks() -> None:
    memory = filled(iterations=2)
    twin, q, r = copy.deepcopy(memory), units(8, 5, 7), units(8, 5, 8)
    torch._dynamo.reset()
    options: dict[str, Any] = {"fullgraph": True, "backend": "aot_eager", "dynamic": False}
    assert torch.allclose(torch.compile(twin.logit, **options)(q), memory.logit(q))
    update = torch.compile(twin.update, **options)
    for _ in range(2):
        update(q, r)
        memory.update(q, r)
    assert all(torch.allclose(getattr(twin, b), getattr(memory, b)) for b in BUFFERS)


def test_sizes_must_fit() -> None:
    with pytest.raises(ValueError, match="neighbours"):
        Memory(4, 2, neighbours=5)


# ---- the experiment of benchmarks/memory.py -----------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_default_finds_clusters(seed: int) -> None:
    found = alone(seed)
    assert found.cosine >= 0.9
    assert found.least >= 0.03
    assert found.most <= 0.25
    assert found.refilled < 1
    assert found.real_8 - found.fake_8 >= 0.4
    assert found.real > found.fake


def test_adding_up_all_queries_collapses() -> None:
    found = alone(0, steps=150, merge="sum", increment="posterior")
    assert found.cosine < 0.8
    assert found.most > 0.9
    assert found.refilled > 50
    healthy = alone(0, steps=150, merge="sum", increment="posterior", kappa=10.0)
    assert healthy.cosine > 0.9
    assert healthy.most < 0.25
