"""Pictures that raise a number: they do, rolls are undone, and jitter averages a pattern out."""

import torch
import torch.nn.functional as F

from ganvas.diagnosis.visualising import rolled, visualise
from ganvas.metrics.checkerboard import patterns

KERNEL = torch.randn(8, 1, 3, 3, generator=torch.Generator().manual_seed(3))


def strided(x: torch.Tensor) -> torch.Tensor:
    return F.relu(F.conv2d(x, KERNEL, stride=2)).sum((1, 2, 3))


def test_a_step_of_nothing_is_nothing():
    still = visualise(strided, (2, 1, 20, 20), steps=5, rate=0.0)
    start = visualise(strided, (2, 1, 20, 20), steps=0)
    assert torch.equal(still, start.clamp(-1, 1))
    x = torch.randn(1, 2, 5, 7)
    assert torch.equal(rolled(rolled(x, 2, -3), -2, 3), x)


def test_jitter_lowers_the_peak_of_a_strided_layers_gradient():
    fixed, jittered = (visualise(strided, (8, 1, 40, 40), jitter=j) for j in (0, 8))
    start = visualise(strided, (8, 1, 40, 40), steps=0)
    for made in (fixed, jittered):
        assert strided(made).min() > 2 * strided(start).max()
    peaks = [patterns(made, border=8)[2].peak for made in (fixed, jittered)]
    assert peaks[1] < 0.5 * peaks[0]
