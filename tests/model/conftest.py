from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

import ganvas.model
from ganvas.data.domains.images import Images
from ganvas.data.domains.points import Points
from ganvas.data.spec import spec_of
from ganvas.games.gan import GAN, GANConfig
from ganvas.games.parts.priors.normal import Normal
from ganvas.model import Model, Provenance, save_model
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator
from ganvas.play import Game, build

POINTS = spec_of(
    name="ring", domain=Points(dim=2, shift=[3.0, -1.0], scale=2.0), classes=3, class_names=[*"abc"]
)
PICTURES = spec_of(name="pictures", domain=Images(channels=1, height=16, width=16), size=100)
MLPS = GANConfig(
    latent=Normal(dim=5),
    generator=MLPGenerator(widths=(16,), batch_norm=True),
    discriminator=MLPDiscriminator(widths=(16,)),
)


class Own(GAN):
    """A game of the user's own."""

    system: ClassVar[str] = "own"


def build_game(kind: str, seed: int = 1) -> Game:
    if kind == "points":
        return build(GAN, MLPS, POINTS, seed)
    if kind == "classes":
        return build(GAN, MLPS.model_copy(update={"conditional": True}), POINTS, seed)
    config = GANConfig(
        latent=Normal(dim=5),
        generator=DCGANGenerator(width=4),
        discriminator=DCGANDiscriminator(width=4),
    )
    return build(GAN, config, PICTURES, seed)


def saved(folder: Path, kind: str) -> Model:
    """Save a fresh game of this kind and load it again."""
    save_model(folder, build_game(kind), Provenance(recipe="gan/test", rounds=3))
    return ganvas.model.load(folder, device="cpu")


@pytest.fixture(params=["points", "classes", "pictures"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(tmp_path: Path, kind: str) -> Model:
    return saved(tmp_path / "model", kind)
