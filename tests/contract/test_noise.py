"""The streams of one run are different numbers."""

from __future__ import annotations

import pytest
import torch

from ganvas.play import Noise, global_seed

SEEDS = [*range(200), 777, 2**31, 2**32 - 1, 2**62]
RANKS = range(64)


def test_no_process_has_the_seed_of_the_noise_or_of_another_on_any_device() -> None:
    """Accelerators hear 64 bits, of which no noise has the highest; the CPU hears the lower 32."""
    for seed in SEEDS:
        of_run = [Noise(seed).generator.initial_seed(), *(global_seed(seed, r) for r in RANKS)]
        assert len({heard % 2**32 for heard in of_run}) == len(of_run)
        assert of_run[0] < 2**63 <= min(of_run[1:])


def test_seeds_that_roll_backs_draw_stay_below_those_of_the_global_generators() -> None:
    noise = Noise(5)
    for _ in range(20):
        noise.advance(1)
        assert noise.generator.initial_seed() < 2**63
    assert Noise(global_seed(5)).generator.initial_seed() < 2**63


@pytest.mark.parametrize("seed", [0, 1, 777])
def test_dropout_and_noise_are_independent(seed: int) -> None:
    """With one seed for both, the uniform numbers behind dropout are those of the noise."""
    noise = Noise(seed).uniform(4000)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(global_seed(seed))
        mine = torch.rand(4000)
        torch.manual_seed(seed)
        assert torch.equal(torch.rand(4000), noise)
    correlation = torch.corrcoef(torch.stack([mine, noise]))[0, 1]
    assert abs(correlation) < 4 / 4000**0.5
