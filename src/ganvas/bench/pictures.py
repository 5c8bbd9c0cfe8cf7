"""How the sets of `ganvas bench stability` that play on pictures are scored, and their networks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganvas.recipes import Recipe

if TYPE_CHECKING:
    from ganvas.data.settings import DataSettings
    from ganvas.metrics.extractor import Extractor

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
    from ganvas.model import load

    extractor, real = _truth(type(recipe.data), recipe.data.model_dump_json(), samples)
    drawn = load(folder).sample(samples, seed=SEED + recipe.seed).x
    return _score(extractor, drawn), real


@lru_cache(maxsize=4)
def _truth(kind: type[DataSettings], told: str, samples: int) -> tuple[Extractor, float]:
    """Return what looks at pictures of a data set, and the score of so many of its items.

    Args:
        kind: the class of the settings of the data, which kinds of one's own extend.
        told: these, as JSON.
        samples: how many.
    """
    from ganvas.data.choice import at_most
    from ganvas.data.open import open_data
    from ganvas.metrics.extractors import default_extractor

    source = open_data(kind.model_validate_json(told))
    extractor = default_extractor(source.spec.name, channels=source.spec.shape[0])
    return extractor, _score(extractor, at_most(source.items("train").x, samples))


def _score(extractor: Extractor, images: Any) -> float:
    from ganvas.metrics.extractor import extract
    from ganvas.metrics.inception_score import inception_score

    probabilities = extract(extractor, images).probabilities
    assert probabilities is not None, f"{extractor.name} classifies nothing"
    return inception_score(probabilities, SPLITS).value
