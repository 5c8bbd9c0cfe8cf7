"""What games do that nobody has told anything else: the papers' settings, number by number."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import pytest

from ganvas.games import find_game

BOTH = ("generator_optimiser", "discriminator_optimiser")
PUBLISHED: dict[str, dict[str, Any]] = {
    "biggan": {
        "latent.kind": "normal",
        "objective.kind": "hinge",
        "objective.margin": 1.0,
        "discriminator_steps": 2,
        "generator_optimiser.lr": 5e-5,
        "discriminator_optimiser.lr": 2e-4,
        **{f"{who}.beta1": 0.0 for who in BOTH},
        **{f"{who}.beta2": 0.999 for who in BOTH},
        "orthogonality.weight": 1e-4,
        "orthogonality.form": "off-diagonal",
        "orthogonality.parity": False,
    },
    "stylegan2": {
        "latent.kind": "normal",
        "latent.dim": 512,
        **{f"{who}.lr": 2e-3 for who in BOTH},
        **{f"{who}.beta1": 0.0 for who in BOTH},
        **{f"{who}.beta2": 0.99 for who in BOTH},
        **{f"{who}.eps": 1e-8 for who in BOTH},
        "penalty_every": 16,
        "path_length.weight": 2.0,
        "path_length.every": 4,
        "path_length.decay": 0.01,
        "path_length.shrink": 2,
        "mixing": 0.9,
    },
    "vgan": {
        "latent.kind": "normal",
        "latent.dim": 100,
        **{f"{who}.lr": 2e-4 for who in BOTH},
        **{f"{who}.beta1": 0.5 for who in BOTH},
        "discriminator_steps": 1,
        "mask": 0.1,
        "first_frame": 10.0,
    },
    "tgan": {
        "latent.kind": "uniform",
        "latent.dim": 100,
        "motion": 100,
        "temporal.kind": "conv1d",
        "objective.kind": "wasserstein",
        "constraint.kind": "singular",
        "constraint.limit": 1.0,
        "constraint.every": 5,
        **{f"{who}.kind": "rmsprop" for who in BOTH},
        **{f"{who}.lr": 5e-5 for who in BOTH},
        **{f"{who}.alpha": 0.99 for who in BOTH},
        **{f"{who}.momentum": 0.0 for who in BOTH},
    },
    "mocogan": {
        "latent.kind": "normal",
        "latent.dim": 50,
        "motion": 10,
        "temporal.kind": "gru",
        **{f"{who}.lr": 2e-4 for who in (*BOTH, "frame_discriminator_optimiser")},
        **{f"{who}.beta1": 0.5 for who in (*BOTH, "frame_discriminator_optimiser")},
        **{f"{who}.l2": 1e-5 for who in (*BOTH, "frame_discriminator_optimiser")},
        "category_weight": 1.0,
    },
    "tganv2": {
        "latent.kind": "uniform",
        "latent.dim": 256,
        **{f"{who}.beta1": 0.0 for who in BOTH},
        **{f"{who}.beta2": 0.9 for who in BOTH},
        "subsampling.stride": 2,
        "subsampling.thinning": 1,
    },
}
R1 = {"stylegan2": 10.0, "tganv2": 0.5}


@pytest.mark.parametrize("system", PUBLISHED)
def test_defaults_are_the_papers(system: str) -> None:
    config: Any = find_game(system).Config()
    found = {name: attrgetter(name)(config) for name in PUBLISHED[system]}
    assert found == PUBLISHED[system]
    assert [p.weight for p in config.penalties.values() if p] == [R1[k] for k in R1 if k == system]
