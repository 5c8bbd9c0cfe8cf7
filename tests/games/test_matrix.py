"""Every option works with every adversarial system, or is refused in one line for a reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from ganvas.errors import UsageError
from tests.games.tables import TINY, play

SYSTEMS = (
    *("gan", "lsgan", "cgan", "acgan", "dcgan", "wgan", "wgan-gp", "sngan", "r3gan", "pacgan"),
    *("unrolled", "diwgan", "memorygan"),
)
PLAIN: dict[str, dict[str, Any]] = {
    "cgan": {"conditional": False},
    "acgan": {"conditional": False},
    "wgan": {"warm_up": {"rounds": 0, "every": 0}, "discriminator_steps": 1},
    "wgan-gp": {"discriminator_steps": 1},
    "sngan": {"discriminator_steps": 1, "generator_batch": 1},
    "pacgan": {"packing": 1},
    "diwgan": {"representatives": 16, "candidates": 32, "autoencoder_rounds": 1},
    "memorygan": {"memory": {"slots": 64, "dim": 4, "neighbours": 48}},
}
R1 = {"extra": {"kind": "r1", "weight": 5.0}}
OPTIONS: dict[str, dict[str, Any]] = {
    "packing": {"packing": 2},
    "instance noise": {"instance_noise": 0.3},
    "minibatch discrimination": {"minibatch": {"kind": "discrimination", "kernels": 3, "dim": 2}},
    "minibatch deviation": {"minibatch": {"kind": "deviation"}},
    "feature matching": {"feature_matching": {"weight": 3.0, "alone": False}},
    "historical averaging": {"historical_averaging": 5.0},
    "LeCam": {"lecam": {"weight": 3.0}},
    "penalty": {"penalties": R1},
    "lazy penalty": {"penalties": R1, "penalty_every": 2},
    "clipping": {"constraint": {"kind": "clip", "bound": 0.02}},
    "sphere": {"constraint": {"kind": "sphere"}},
    "spectral": {"constraint": {"kind": "spectral", "factor": 0.5}},
    "weight": {"constraint": {"kind": "weight"}},
    "orthonormal": {"constraint": {"kind": "orthonormal", "weight": 2.0}},
    "memory": {"memory": {"slots": 8, "dim": 3, "neighbours": 3}},
    "virtual batch norm": {
        "generator": {**TINY, "batch_norm": True},
        "virtual_batch_norm": {"reference": 8},
    },
    "labels": {"conditional": True, "discriminator": {**TINY, "labels": "concat"}},
    "steps of D": {"discriminator_steps": 2},
    "fakes of G": {"generator_batch": 2},
    "accumulation": {"accumulate": 2},
}
BARRED = {
    ("r3gan", "fakes of G"): "pairs fakes with real samples",
    ("unrolled", "accumulation"): "unrolled on a whole batch",
    ("diwgan", "accumulation"): "fakes are matched a whole batch at a time",
    ("diwgan", "fakes of G"): "fakes are matched a whole batch at a time",
    ("memorygan", "packing"): "no single key",
    ("memorygan", "minibatch discrimination"): "takes the place of the discriminator's head",
    ("memorygan", "minibatch deviation"): "takes the place of the discriminator's head",
}
"""What is refused, and why: each says which setting to change."""


def outcome(system: str, **changes: Any) -> Tensor:
    """Return all weights and the next random number after two rounds of the main stage."""
    game, feed, table = play(system, batch=16, **{**PLAIN.get(system, {}), **changes})
    stages = game.stages()
    for stage in stages[:-1]:
        stage.play(feed, table)
    for _ in range(2):
        stages[-1].play(feed, table)
        table.round += 1
    weights = [p.detach().flatten() for p in game.parameters()]
    return torch.cat([*weights, table.noise.uniform(1)])


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_option_changes_what_is_learnt_or_is_refused(system: str) -> None:
    plain = outcome(system)
    assert plain.isfinite().all()
    for name, option in OPTIONS.items():
        reason = BARRED.get((system, name))
        if reason is not None:
            with pytest.raises((UsageError, ValidationError), match=reason):
                outcome(system, **option)
            continue
        found = outcome(system, **option)
        assert found.isfinite().all(), name
        if name == "accumulation":  # the same sum, rounded otherwise
            assert torch.allclose(found[:-1], plain[:-1], atol=1e-3), name
            continue
        same = found.shape == plain.shape and torch.equal(found, plain)
        assert not same, f"{name} changes nothing"


def test_packs_have_no_labels() -> None:
    both = {**OPTIONS["packing"], **OPTIONS["labels"]}
    with pytest.raises(ValidationError, match="judges samples of any class together"):
        outcome("gan", **both)
