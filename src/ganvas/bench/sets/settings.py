"""Six settings of Adam and n_dis by four normalisers, on a ring (Miyato et al. 2018, figure 1)."""

from __future__ import annotations

from pathlib import Path

from ganvas.bench.contest import Budget, Entry, Tree
from ganvas.recipes import Recipe

DATA: Tree = {"source": "ring8", "labels": False}
UNIT = "modes of the ring that samples of high quality are near"
PAIRS = (("SN", "none"), ("SN", "clipping"), ("SN", "GP"))
TIERS = {
    "smoke": Budget(rounds=5, batch=32, samples=500, seeds=1),
    "cpu": Budget(rounds=1000, batch=64, samples=2500, seeds=3),
    "long": Budget(rounds=5000, batch=64, samples=2500, seeds=1),
    "paper": Budget(rounds=50_000, batch=64, samples=2500, seeds=3),
}
SETTINGS = {
    "A": (1e-4, 0.5, 0.9, 5),
    "B": (1e-4, 0.5, 0.999, 1),
    "C": (2e-4, 0.5, 0.999, 1),
    "D": (1e-3, 0.5, 0.9, 5),
    "E": (1e-3, 0.5, 0.999, 5),
    "F": (1e-3, 0.9, 0.999, 5),
}
"""α, β₁, β₂ and n_dis."""
NORMALISERS: dict[str, Tree] = {
    "none": {"constraint": None},
    "SN": {"constraint": {"kind": "spectral"}},
    # c = 0.01 lets the gradients of plain MLPs vanish.
    "clipping": {"constraint": {"kind": "clip", "bound": 0.1}},
    "GP": {
        "constraint": None,
        "objective": {"kind": "wasserstein"},
        "penalties": {"gradient": {"kind": "gradient", "weight": 10}},
    },
}
"""What keeps the discriminator in bounds; the penalty plays its own objective, the others hinge."""


def entries(budget: Budget) -> list[Entry]:
    """Return every setting with every normaliser, on the networks of the recipe ``sngan/ring8``."""
    del budget
    layers: Tree = {"kind": "mlp", "widths": [128, 128, 128]}
    return [
        Entry(
            case,
            method,
            {
                "system": "sngan",
                "latent": {"kind": "normal", "dim": 2},
                "generator": layers,
                "discriminator": layers | {"input_scale": 5},
                "discriminator_steps": steps,
                "generator_batch": 1,
                "monitor_every": 0,
                "generator_optimiser": _adam(rate, beta1, beta2),
                "discriminator_optimiser": _adam(rate, beta1, beta2),
                **normaliser,
            },
        )
        for case, (rate, beta1, beta2, steps) in SETTINGS.items()
        for method, normaliser in NORMALISERS.items()
    ]


def _adam(rate: float, beta1: float, beta2: float) -> Tree:
    return {"kind": "adam", "lr": rate, "beta1": beta1, "beta2": beta2}


def score(folder: Path, recipe: Recipe, samples: int) -> tuple[float, float]:
    """Return how many modes have a sample of high quality, of the model's and of the law's own."""
    from ganvas.bench.coverage import SAMPLE_SEED
    from ganvas.data.laws import law
    from ganvas.metrics.measures import coverage_measures
    from ganvas.model import load

    ring = law(recipe.data.source)
    drawn = load(folder).sample(samples, seed=SAMPLE_SEED + recipe.seed).x
    real, _ = ring.reference(samples)
    return coverage_measures(drawn, ring)["modes"], coverage_measures(real, ring)["modes"]
