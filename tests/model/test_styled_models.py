"""StyleGAN2's own models in every space, projected into, tuned and blended."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganvas.data.domains.images import Images
from ganvas.data.spec import spec_of
from ganvas.errors import UsageError
from ganvas.games.parts.priors.normal import Normal
from ganvas.games.stylegan2 import StyleGAN2, StyleGAN2Config
from ganvas.latent.projection import Schedule
from ganvas.latent.spaces import spaces_of
from ganvas.latent.tuning import Tuning
from ganvas.model import Model, attributes, load, save_model
from ganvas.model.blending import blend
from ganvas.model.codes import codes_at, items_of, lifted
from ganvas.model.maps import first_map
from ganvas.model.projection import errors_of, project_items, tune_to
from ganvas.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from ganvas.nn import MapNoise, noisy
from ganvas.play import Noise, build
from tests.model.test_model import same

SPEC = spec_of(name="pictures", domain=Images(channels=3, height=16, width=16), size=100)
CONFIG = StyleGAN2Config(
    latent=Normal(dim=8),
    generator=StyleGAN2Generator(maps=64, max_maps=8, width=8, depth=2),
    discriminator=StyleGAN2Discriminator(maps=64, max_maps=8),
)


def model_of(folder: Path, moved: float = 0.0) -> Model:
    """Save and load a model with noise that is heard, moved as if by fine-tuning."""
    game = build(StyleGAN2, CONFIG, SPEC, 0)
    assert isinstance(game, StyleGAN2)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in game.modules():
            if isinstance(layer, MapNoise):
                for strength in layer.parameters():
                    strength.fill_(0.3)
        game.generator.mean.value.copy_(game.styles(torch.randn(500, 8))[:, 0].mean(0))
        for parameter in game.generator.parameters():
            parameter.add_(moved * torch.randn(parameter.shape, generator=generator))
    save_model(folder, game)
    return load(folder, device="cpu")


@pytest.fixture(scope="module", name="model")
def fixture_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(tmp_path_factory.mktemp("model"))


def test_all_spaces_meet_in_the_samples_with_stored_noise(model: Model) -> None:
    game = model.game
    assert isinstance(game, StyleGAN2)
    for truncation, cutoff in ((1.0, None), (0.5, 3)):
        spaces = spaces_of(game, truncation=truncation, cutoff=cutoff)
        assert list(spaces) == ["z", "w", "w+", "s"]
        z = spaces["z"].draw(3, Noise(0))
        with noisy(game.generator, "fixed"), torch.no_grad():
            game.generator.truncation = (truncation, cutoff)
            x = game.sample(z)
            game.generator.truncation = (1.0, None)
            for space in spaces.values():
                found = space.synthesise(space.of(z))
                torch.testing.assert_close(found, x, atol=1e-5, rtol=1e-4)
    plain = model.sample(3, seed=4, noise="fixed", truncation=0.7).x
    codes = codes_at(model, [(4, n) for n in range(3)], "w", truncation=0.7)
    assert same(items_of(model, codes, truncation=0.7), plain)
    assert same(items_of(model, lifted(model, codes, "w+")), items_of(model, codes))


def test_no_option_of_samples_goes_unheard(model: Model, tmp_path: Path) -> None:
    for space in ("z", "w"):  # a code is one latent, or one style, and mixed samples have several
        with pytest.raises(UsageError, match="leave"):
            codes_at(model, [(0, 0)], space, mix=2)
        with pytest.raises(UsageError, match="leave"):
            attributes.drawn(model, 3, mix=2).of(space)
    assert codes_at(model, [(0, 0)], "w+", mix=2).x.shape[1:] == (model.game.style_slots, 8)
    codes = codes_at(model, [(0, 0)], "w")
    assert not same(items_of(model, codes), items_of(model, codes, noise="none"))
    quiet = CONFIG.model_copy(
        update={"generator": CONFIG.generator.model_copy(update={"noise": False})}
    )
    save_model(tmp_path / "quiet", build(StyleGAN2, quiet, SPEC, 0))
    for told in ({"noise": "none"}, {"maps": "maps.npz"}):
        with pytest.raises(UsageError, match="this model's generator has no noise maps"):
            load(tmp_path / "quiet", device="cpu").sample(1, **told)


def test_its_samples_are_found_and_tuned_to(model: Model) -> None:
    x = model.sample(3, seed=4).x
    found = project_items(model, x, schedule=Schedule(steps=25))
    start = project_items(model, x, schedule=Schedule(steps=0))
    assert found.errors.mean() < 0.8 * start.errors.mean()
    assert len(found.codes.maps) == 5
    tuned, _ = tune_to(model, found.codes, x, "own", tuning=Tuning(steps=8, rate=1e-2))
    assert errors_of(model, tuned, x).mean() < found.errors.mean()


def test_its_levels_are_blended(model: Model, tmp_path: Path) -> None:
    child = model_of(tmp_path, moved=0.3)
    mine, theirs = (m.game.generator.state_dict() for m in (model, child))  # type: ignore[union-attr]
    itself = blend(model, model, 8, 1.5)
    assert all(torch.equal(itself[name], mine[name]) for name in mine)
    found = blend(model, child, 8)
    above = [n for n in mine if "blocks.1." in n or "to_image.2." in n]
    assert {"mapping", "mean", "synthesis"} == {name.partition(".")[0] for name in mine}
    for name in mine:
        assert torch.equal(found[name], (theirs if name in above else mine)[name])
    assert sum(not torch.equal(mine[name], theirs[name]) for name in above) >= 4


def test_the_first_map_of_latents_is_that_of_the_mapping(model: Model) -> None:
    game = model.game
    assert isinstance(game, StyleGAN2)
    first = next(m for m in game.generator.mapping.modules() if hasattr(m, "weight"))
    z = torch.randn(3, 8)
    expected = first(z) - first(torch.zeros(1, 8))
    torch.testing.assert_close(z @ first_map(model).T, expected, atol=1e-5, rtol=1e-5)
