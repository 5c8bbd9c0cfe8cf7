"""Scorers: learnt from labels, with an accuracy of pictures they have not seen, and a gate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.errors import GanvasError, UsageError
from ganvas.metrics.attributes import GATE, Labelled, Scorer, learn
from ganvas.model.scorers import load_scorer, save_scorer
from ganvas.model.sealed import write_sealed

NAMES = ("right", "bar", "nothing")


def pictures(n: int, seed: int = 0) -> Labelled:
    """Return noise with a patch to the left or right, a bar or none, and labels of nothing."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 90, (n, 16, 16, 1), dtype=np.uint8)
    targets = rng.integers(0, 2, (n, 3)).astype(float)
    for image, (right, bar, _) in zip(x, targets, strict=True):
        left = 9 if right else 2
        image[4:9, left : left + 5] = 200
        if bar:
            image[12:14, 3:13] = 230
    return Labelled(NAMES, x, targets, np.ones(targets.shape, np.bool_))


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return learn(pictures(240), kind="network", epochs=4)


def test_what_shows_is_learnt_and_what_does_not_is_withheld(scorer: Scorer) -> None:
    assert scorer.trusted == ("right", "bar")
    assert min(scorer.accuracy[name] for name in scorer.trusted) > GATE
    assert scorer.accuracy["nothing"] < 0.7
    assert "the gate is 95.0%" in scorer.withheld["nothing"]
    new = pictures(100, seed=9)
    logits = scorer(new.x)
    assert logits.shape == (100, 3)
    right = ((logits > 0) == (new.targets == 1)).mean(axis=0)
    assert min(right[:2]) > 0.95
    assert not scorer.network.training
    assert np.allclose(scorer(new.x[:7]), logits[:7], atol=1e-5)


def test_the_same_seed_learns_the_same(scorer: Scorer) -> None:
    some = pictures(80)
    one, two = (learn(some, kind="network", epochs=1).network.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_tens_of_pictures_are_told_by_features_and_judged_in_turn() -> None:
    few = pictures(60)
    found = learn(few)
    assert found.build.kind == "features"
    assert found.accuracy["right"] > 0.9
    assert found.accuracy["nothing"] < 0.75  # of pictures that it was fitted to it would be 1
    new = pictures(200, seed=9)
    right = ((found(new.x) > 0) == (new.targets == 1)).mean(axis=0)
    assert right[0] > 0.9
    assert learn(few, new).accuracy["right"] == pytest.approx(right[0])


def test_unknown_labels_and_pictures_in_doubt_do_not_count() -> None:
    told = pictures(80)
    told.targets[:20, 0] = np.nan
    doubt = told.clear.copy()
    doubt[:, 1] = False
    found = learn(Labelled(NAMES, told.x, told.targets, doubt))
    assert found.accuracy["right"] > 0.9
    assert found.accuracy["bar"] == 0  # of none that are clear none is right: below any gate


@pytest.mark.parametrize("side", [0, 1])
def test_labels_of_one_side_are_refused(side: int) -> None:
    told = pictures(40)
    told.targets[:, 1] = side
    having, lacking = (40, 0) if side else (0, 40)
    with pytest.raises(
        UsageError, match=f"'bar' has {having} pictures labelled 1 and {lacking} labelled 0"
    ):
        learn(told)


def test_pictures_of_another_size_are_refused(scorer: Scorer) -> None:
    with pytest.raises(UsageError, match=r"sees pictures of 16x16 with 1 channels, not of 8x16"):
        scorer(np.zeros((2, 8, 16, 3), np.uint8))


@pytest.mark.parametrize("kind", ["network", "features"])
def test_a_scorer_comes_back_from_its_file(kind: str, scorer: Scorer, tmp_path: Path) -> None:
    mine = scorer if kind == "network" else learn(pictures(60))
    path = tmp_path / "scorer.safetensors"
    save_scorer(path, mine, {"source": "test"})
    again = load_scorer(path)
    x = pictures(5, seed=3).x
    assert np.allclose(again(x), mine(x))
    assert (again.names, again.accuracy, again.gate) == (mine.names, mine.accuracy, mine.gate)
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    with pytest.raises(GanvasError, match="damaged"):
        load_scorer(path)
    write_sealed(path, {"vector": torch.zeros(3)}, {"ganvas": "{}"})
    with pytest.raises(UsageError, match="is no scorer: expected one of ganvas scorer"):
        load_scorer(path)
    with pytest.raises(UsageError, match="there is no scorer"):
        load_scorer(tmp_path / "none.safetensors")
