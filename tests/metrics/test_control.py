"""Content and motion told apart: swaps, control, and two models before each other's critics."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.metrics.control import motion_control, swap, win_rate
from ganvas.metrics.unmeasurable import UnmeasurableError

N = 2000
SIDES = (["hue", "shape"], ["label"])


def drawn(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    hue, shape, label = (torch.randint(k, (N,), generator=g) for k in (6, 2, 4))
    return hue, shape, label, torch.randperm(N, generator=g)


def told(hue: Tensor, shape: Tensor, label: Tensor) -> dict[str, Tensor]:
    return {"hue": hue, "shape": shape, "label": torch.nn.functional.one_hot(label).float()}


def test_who_renders_both_apart_keeps_both() -> None:
    hue, shape, label, j = drawn(0)
    found = swap(told(hue, shape, label), told(hue, shape, label[j]), j, *SIDES)
    assert (found.content_kept, found.motion_kept, found.score) == (1, 1, 1)
    assert found.leak == pytest.approx(found.chance, abs=0.03)
    assert found.chance == pytest.approx(1 / 12, abs=0.01)


def test_who_ignores_content_keeps_it_by_chance() -> None:
    hue, shape, label, j = drawn(1)
    other, form, *_ = drawn(2)
    found = swap(told(hue, shape, label), told(other, form, label[j]), j, *SIDES)
    assert found.content_kept == pytest.approx(1 / 12, abs=0.03)
    assert found.score == pytest.approx(2 / 13, abs=0.05)


def test_content_that_comes_with_the_motion_is_a_leak() -> None:
    hue, shape, label, j = drawn(3)
    found = swap(told(hue, shape, label), told(hue[j], shape[j], label[j]), j, *SIDES)
    assert found.leak == 1
    with pytest.raises(UnmeasurableError, match="each one at least"):
        swap(told(hue, shape, label), told(hue, shape, label), j, ["hue"], [])


def test_control_does_not_mind_names_that_are_not_there_yet() -> None:
    shown = drawn(4)[2]
    renamed = torch.tensor([2, 0, 3, 1])[shown]
    assert motion_control(shown, renamed) < 0.05
    assert motion_control(shown, renamed, matched=True) == 1
    wrong = torch.where(torch.arange(N) < N // 4, (shown + 1) % 4, shown)
    assert motion_control(wrong, shown) == 0.75
    assert motion_control(wrong, renamed, matched=True) == pytest.approx(0.75, abs=0.02)


def test_who_is_nearer_to_the_law_of_real_features_is_preferred() -> None:
    g = torch.Generator().manual_seed(6)
    mixed = torch.randn(5, 5, generator=g)
    real, alike, other = (torch.randn(400, 5, generator=g) @ mixed for _ in range(3))
    assert win_rate(alike, alike, real) == 0.5
    assert win_rate(alike, other, real) == pytest.approx(0.5, abs=0.06)
    assert win_rate(alike, 3 * other, real) > 0.95
    assert win_rate(alike, other + 4 * real.std(0), real) > 0.95
    turned = torch.randn(5, 5, generator=g)  # units of features do not matter
    assert win_rate(alike @ turned, 2 * other @ turned, real @ turned) == pytest.approx(
        win_rate(alike, 2 * other, real), abs=1e-6
    )
    with pytest.raises(UnmeasurableError, match="two real items"):
        win_rate(alike, other, real[:1])
