"""How the sets of `ganvas bench stability` that play on pictures are scored, and their networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganvas.recipes import Recipe

Tree = dict[str, Any]

DIGITS: Tree = {"source": "digits", "labels": False}
"""Packaged pictures, of which a classifier is packaged, too."""
INCEPTION = "inception-type score of the digit classifier"
SPLITS = 10
SEED = 777

PENALTY: Tree = {
    "system": "wgan-gp",
    "generator_optimiser": {"kind": "adam", "lr": 1e-4, "beta1": 0.0, "beta2": 0.9},
    "discriminator_optimiser": {"kind": "adam", "lr": 1e-4, "beta1": 0.0, "beta2": 0.9},
}
CLIPPING: Tree = {
    "system": "wgan",
    "constraint": {"kind": "clip", "bound": 0.01},
    "warm_up": {"rounds": 0, "every": 0},
    "generator_optimiser": {"kind": "rmsprop", "lr": 5e-5},
    "discriminator_optimiser": {"kind": "rmsprop", "lr": 5e-5},
}
GAN: Tree = {
    "system": "gan",
    "generator_optimiser": {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.999},
    "discriminator_optimiser": {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.999},
}
LEAST_SQUARES: Tree = {
    "system": "lsgan",
    "objective": {"kind": "least_squares", "real": 1, "fake": 0, "wanted": 1},
    "generator_optimiser": {"kind": "rmsprop", "lr": 1e-4},
    "discriminator_optimiser": {"kind": "rmsprop", "lr": 1e-4},
}
METHODS = {
    "wgan-gp": PENALTY,
    "clipping": CLIPPING,
    "gan": GAN,
    "lsgan": LEAST_SQUARES,
}
"""Rules of WGAN-GP's experiments; five critic steps in the first two, as their systems have.

The authors halve the discriminator's loss of the others, which Adam and RMSProp do not see.
"""


def normed(method: str) -> str:
    """Return the norm of a method's discriminators, where they have one."""
    return "layer" if METHODS[method] is PENALTY else "batch"


def inception(folder: Path, recipe: Recipe, samples: int) -> tuple[float, float]:
    """Return the inception-type scores of samples of a run's model and of as many real items.

    Between 1 and the number of classes.
    """
    from ganvas.data.choice import at_most
    from ganvas.data.open import open_data
    from ganvas.metrics.extractor import extract
    from ganvas.metrics.extractors import default_extractor
    from ganvas.metrics.inception_score import inception_score
    from ganvas.model import load

    model, source = load(folder), open_data(recipe.data)
    extractor = default_extractor(source.spec.name, channels=source.spec.shape[0])

    def of(images: Any) -> float:
        probabilities = extract(extractor, images).probabilities
        assert probabilities is not None, f"there is no classifier for {source.spec.name}"
        return inception_score(probabilities, SPLITS).value

    drawn = model.sample(samples, seed=SEED + recipe.seed).x
    return of(drawn), of(at_most(source.items("train").x, samples))
