"""The one choice of items where a set is cut."""

from __future__ import annotations

import numpy as np
import torch

from ganvas.data.choice import at_most, places, some


def test_the_choice_is_random_without_repeats_and_always_the_same() -> None:
    chosen = places(16_000, 10_000)
    assert len(set(chosen.tolist())) == 10_000
    assert (chosen == places(16_000, 10_000)).all()
    # Of items sorted by class, each of eight classes keeps its share: 1,250 ± 21.6.
    kept = np.bincount(chosen // 2_000)
    assert np.abs(kept - 1_250).max() < 4 * np.sqrt(10_000 / 8 * (7 / 8) * (6 / 16))
    assert sorted(places(5)) == [0, 1, 2, 3, 4]
    assert (places(16_000)[:10_000] == chosen).all()


def test_arrays_and_tensors_are_cut_alike_and_small_sets_stay_as_they_are() -> None:
    x = np.arange(40.0).reshape(20, 2)
    assert (some(x, 7) == some(torch.from_numpy(x), 7).numpy()).all()
    assert at_most(x, 20) is x
    assert (at_most(x, 19) == some(x, 19)).all()
