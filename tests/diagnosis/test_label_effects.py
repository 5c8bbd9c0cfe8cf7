"""Labels or latents without effect are called so: in looks, in verdicts, and by evaluation."""

import numpy as np
import pytest
import torch
from torch import nn

from ganvas.api import faults
from ganvas.api.measuring import _label_scores  # pyright: ignore[reportPrivateUsage]
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.diagnosis.look import known_items
from ganvas.diagnosis.obeying import obeying_of
from ganvas.diagnosis.verdicts import diagnose, label_faults
from ganvas.diagnosis.watch import Watch
from ganvas.games.cgan import CGAN, CGANConfig
from ganvas.metrics.protocol import Scores
from ganvas.networks import MLPDiscriminator, MLPGenerator
from ganvas.recipes import load_recipe


@pytest.fixture(scope="module")
def digits():
    return open_data(DataSettings(source="digits"))


def items_by_class(source, labels: np.ndarray) -> np.ndarray:
    """Return a training item of each class (N,), another one each time."""
    train = source.items("train")
    places = [np.flatnonzero(train["label"] == k) for k in range(10)]
    turns = [int((labels[:i] == k).sum()) for i, k in enumerate(labels)]
    return train.x[[places[k][-1 - t] for k, t in zip(labels, turns, strict=True)]]


LABELS = np.arange(300) % 10


def test_real_items_follow_their_labels(digits):
    obeying = obeying_of(digits, known_items(digits))
    assert obeying is not None
    numbers = obeying(items_by_class(digits, LABELS), LABELS)
    assert numbers["label_agreement_fresh"] > 0.85
    assert numbers["label_kappa"] > 0.8
    assert numbers["label_variance"] == pytest.approx(1, abs=0.2)
    assert not label_faults({f"coverage/{name}": value for name, value in numbers.items()})


@pytest.mark.parametrize(
    ("drawn", "verdict"),
    [
        (lambda source: items_by_class(source, np.roll(LABELS, 1)), "labels have no effect"),
        (
            lambda source: items_by_class(source, np.arange(10))[LABELS],
            "latents have no effect",
        ),
    ],
)
def test_scores_name_the_fault(digits, drawn, verdict):
    scores = Scores(_label_scores(digits, drawn(digits), LABELS, seed=0))
    assert set(scores) == {"label_agreement", "label_kappa", "label_variance"}
    assert list(faults(scores)) == [verdict]


@pytest.mark.parametrize("deaf", ["labels", "latents"])
def test_a_look_sees_inputs_without_effect(digits, deaf):
    torch.manual_seed(0)
    networks = {
        "generator": MLPGenerator(widths=(8,), output="tanh"),
        "discriminator": MLPDiscriminator(widths=(8,)),
    }
    game = CGAN(CGANConfig(**networks), digits.spec).eval()
    first = next(m for m in game.generator.modules() if isinstance(m, nn.Linear))
    columns = slice(-10, None) if deaf == "labels" else slice(0, -10)  # [z, y] is its input
    with torch.no_grad():
        first.weight[:, columns] = 0
    numbers = Watch(digits, 0, list, {}).look(game)
    if deaf == "labels":
        assert numbers["coverage/label_kappa"] == pytest.approx(0, abs=0.15)
    else:
        assert numbers["coverage/label_variance"] == pytest.approx(0, abs=1e-6)


def test_the_verdict_has_remedies_that_are_settings_of_the_recipe():
    slow = [f"game.{player}_optimiser.lr=2e-4" for player in ("generator", "discriminator")]
    recipe = load_recipe("sngan/digits", slow)
    source = open_data(recipe.data)
    numbers = {
        "coverage/ratio": 0.9,
        "coverage/label_agreement": 0.13,
        "coverage/label_agreement_fresh": 0.95,
        "coverage/label_kappa": 0.03,
        "coverage/label_kappa_fresh": 0.94,
        "coverage/label_variance": 4.0,
    }
    found = diagnose([], numbers, recipe.tree(), source.spec, recipe.game_type)
    assert found.verdict == "labels have no effect"
    assert "13%" in found.evidence[0]
    words = [word for remedy in found.remedies for word in remedy.settings]
    assert "game.generator_optimiser.lr={start: 0.002, end: 0}" in words
    load_recipe("sngan/digits", words)  # all of them are
    numbers |= {"coverage/label_kappa": 0.93, "coverage/label_variance": 0.01}
    same = diagnose([], numbers, recipe.tree(), source.spec, recipe.game_type)
    assert same.verdict == "latents have no effect"
    assert same.remedies
