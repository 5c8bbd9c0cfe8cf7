"""Blends of a model and its child: levels of one below, of the other above, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganvas.data.domains.images import Images
from ganvas.data.spec import spec_of
from ganvas.errors import UsageError
from ganvas.games.parts.priors.normal import Normal
from ganvas.games.progressive import Progressive, ProgressiveConfig
from ganvas.model import Model, load, save_model
from ganvas.model.blending import blend, save_blend
from ganvas.networks.levelled import levelled
from ganvas.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from ganvas.play import build
from tests.model.conftest import saved as saved_plain

CONFIG = ProgressiveConfig(
    latent=Normal(dim=8),
    generator=ProgressiveGenerator(maps=64, max_maps=16),
    discriminator=ProgressiveDiscriminator(maps=64, max_maps=16),
)


def spec(side: int = 16):
    domain = Images(channels=3, height=side, width=side)
    return spec_of(name="pictures", domain=domain, size=100)


def model_of(folder: Path, seed: int, moved: float = 0.0, side: int = 16) -> Model:
    """Save and load a model, moved from the weights of its seed as if by fine-tuning."""
    game = build(Progressive, CONFIG, spec(side), seed)
    assert isinstance(game, Progressive)
    game.grow(len(game.sizes) - 1)
    generator = torch.Generator().manual_seed(99)
    with torch.no_grad():
        for parameter in game.parameters():
            parameter.add_(moved * torch.randn(parameter.shape, generator=generator))
    save_model(folder, game)
    return load(folder, device="cpu")


@pytest.fixture(scope="module", name="parent")
def fixture_parent(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(tmp_path_factory.mktemp("parent"), 0)


@pytest.fixture(scope="module", name="child")
def fixture_child(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(tmp_path_factory.mktemp("child"), 0, moved=0.3)


def states(*models: Model) -> list[dict[str, torch.Tensor]]:
    return [model.game.generator.state_dict() for model in models]  # type: ignore[union-attr]


def test_a_model_blended_with_itself_is_itself(parent: Model, tmp_path: Path) -> None:
    (mine,) = states(parent)
    for height in (4, 8, 16):
        for width in (0.0, 1.0, 2.5):
            found = blend(parent, parent, height, width)
            assert all(torch.equal(found[name], mine[name]) for name in mine)
    save_blend(tmp_path, parent, parent, 8, 1.0)
    again = load(tmp_path, device="cpu")
    assert (again.sample(4).x == parent.sample(4).x).all()


def test_levels_are_of_one_model_or_the_other_bit_for_bit(parent: Model, child: Model) -> None:
    mine, theirs = states(parent, child)
    found = blend(parent, child, 8)
    above = {n for n in mine if n.startswith(("blocks.1.", "to_image.2."))}
    assert above
    for name in mine:
        assert torch.equal(found[name], (theirs if name in above else mine)[name])
    assert any(not torch.equal(mine[name], theirs[name]) for name in above)


def test_a_soft_blend_mixes_levels_up_to_the_height(parent: Model, child: Model) -> None:
    mine, theirs = states(parent, child)
    found = blend(parent, child, 8, width=1.0)
    shares = {"first.": 0, "blocks.0.": 0.5, "blocks.1.": 1, "to_image.0.": 0, "to_image.1.": 0.5}
    for name in mine:
        share = next((s for part, s in shares.items() if name.startswith(part)), None)
        if share is not None:
            mixture = torch.lerp(mine[name], theirs[name], share)
            torch.testing.assert_close(found[name], mixture)
        if name.startswith(("blocks.1.", "to_image.2.")):
            assert torch.equal(found[name], theirs[name])


def test_a_blend_is_a_model_and_leaves_both_as_they_were(
    parent: Model, child: Model, tmp_path: Path
) -> None:
    before = parent.sample(4).x
    save_blend(tmp_path, parent, child, 4)
    assert (parent.sample(4).x == before).all()
    made = load(tmp_path, device="cpu")
    assert "Levels up to 4 pixels" in made.provenance.about
    assert (made.sample(4).x != before).any()
    whole = blend(parent, child, 16)
    assert all(torch.equal(whole[name], mine) for name, mine in states(parent)[0].items())


def test_levels_of_tensors(parent: Model) -> None:
    found = levelled(parent.game.generator)  # type: ignore[union-attr]
    assert found is not None
    assert found.level_of("first.0.weight") == 0
    assert found.level_of("blocks.0.2.weight") == 1
    assert found.level_of("to_image.2.bias") == 2
    assert found.level_of("growth.level") is None
    assert found.level_of("synthesis.blocks.1.0.affine.weight") == 2
    assert found._replace(images=1).level_of("synthesis.to_image.0.bias") == 2


def test_blends_that_are_refused(parent: Model, child: Model, tmp_path: Path) -> None:
    stranger = model_of(tmp_path / "stranger", 1)
    with pytest.raises(UsageError, match="unrelated: their weights have a cosine of -?0.0"):
        blend(parent, stranger, 8)
    with pytest.raises(UsageError, match="level 12: these models have 4, 8, 16"):
        blend(parent, child, 12)
    with pytest.raises(UsageError, match="images of 16×16 and 32×32 pixels"):
        blend(parent, model_of(tmp_path / "larger", 0, side=32), 8)
    with pytest.raises(UsageError, match="width=-1: expected"):
        blend(parent, child, 8, -1)
    with pytest.raises(UsageError, match="a model of gan is not made of levels"):
        blend(parent, saved_plain(tmp_path / "plain", "pictures"), 8)
