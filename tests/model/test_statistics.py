"""Whose statistics batch norms use while a model samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.data.domains.vector import Vector
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.gan import GAN, GANConfig
from ganvas.games.parts.heads import VirtualBatchNorm
from ganvas.games.parts.priors.normal import Normal
from ganvas.model import Model, load, save_model
from ganvas.model.normalising import PASSES, SEED
from ganvas.networks import MLPDiscriminator, MLPGenerator
from ganvas.nn import BatchNorm
from ganvas.play import Game, build
from ganvas.training.average import MovingAverage
from ganvas.training.settings import Average
from tests.model.conftest import MLPS, POINTS, build_game


def shaken(game: Game, seed: int) -> Game:
    """Move weights and running statistics away from where they began."""
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in [*game.parameters(), *game.buffers()]:
            if tensor.is_floating_point():
                tensor.add_(0.3 * torch.rand(tensor.shape, generator=noise))
    return game


def kept(game: Game, folder: Path) -> Model:
    save_model(folder, game)
    return load(folder, device="cpu")


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return kept(shaken(build_game("points"), 1), tmp_path)


def norm_of(game: Game) -> BatchNorm:
    return next(m for m in game.generator.modules() if isinstance(m, BatchNorm))


def by_hand(game: Game, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return means of means and variances of what comes to the only norm, in blocks of 64."""
    first = game.generator.hidden[0]
    blocks = [first(part) for part in z.split(64)]
    return torch.stack([b.mean(0) for b in blocks]).mean(0), torch.stack(
        [b.var(0) for b in blocks]
    ).mean(0)


def samples_by_hand(game: Game, z: torch.Tensor, mean: torch.Tensor, var: torch.Tensor):
    """Return samples of a model's one hidden layer, normalised so, in data units."""
    linear, norm, act = game.generator.hidden
    h = torch.nn.functional.batch_norm(linear(z), mean, var, norm.weight, norm.bias, eps=norm.eps)
    x = game.generator.output(game.generator.last(act(h)))
    return x.numpy() * 2.0 + [3.0, -1.0]


@torch.no_grad()
def test_re_estimated_statistics_are_those_of_the_averaged_weights(tmp_path: Path) -> None:
    live = shaken(build_game("points"), 1)
    average = MovingAverage.of(live, Average(half_life=1.0))
    shaken(live, 2)  # training goes on; the average stays behind
    with average.applied():
        model = kept(live, tmp_path)
        z = model.latents(PASSES * 64, SEED)[0]
        wanted = by_hand(live, z)
        x = samples_by_hand(live, model.latents(9)[0], *wanted)
    assert np.allclose(model.sample(9, statistics="re-estimated").x, x, atol=1e-4)
    mean, var = by_hand(live, z)  # the mistake: statistics of the live weights
    with average.applied():
        wrong = samples_by_hand(live, model.latents(9)[0], mean, var)
    assert np.abs(wrong - x).max() > 0.1


@torch.no_grad()
def test_each_truncation_has_standing_statistics_of_its_own(model: Model) -> None:
    for truncation in (1.0, 0.5):
        told = {"truncation": truncation, "statistics": "re-estimated"}
        found = model.sample(9, **told).x
        z = model.latents(PASSES * 64, SEED, truncation=truncation)[0]
        latents = model.latents(9, truncation=truncation)[0]
        assert np.allclose(found, samples_by_hand(model.game, latents, *by_hand(model.game, z)))


def test_re_estimated_samples_do_not_depend_on_chunks_and_leave_the_model_alone(
    model: Model,
) -> None:
    before = {k: v.clone() for k, v in model.game.state_dict().items()}
    whole = model.sample(150, seed=2, statistics="re-estimated").x
    for batch in (1, 7, 64):
        again = model.sample(150, seed=2, batch=batch, statistics="re-estimated").x
        assert np.allclose(again, whole, atol=1e-5)
    assert np.allclose(model.sample(3, seed=2, statistics="re-estimated").x, whole[:3], atol=1e-5)
    assert all(torch.equal(v, before[k]) for k, v in model.game.state_dict().items())
    assert not np.allclose(model.sample(150, seed=2).x, whole, atol=1e-2)


@torch.no_grad()
def test_a_batch_is_a_block_of_its_seed_however_many_are_asked_for(model: Model) -> None:
    z = model.latents(128, 5)[0]
    blocks = [model.game.generator.hidden[0](part) for part in z.split(64)]
    wanted = np.concatenate(
        [
            samples_by_hand(model.game, part, b.mean(0), b.var(0, correction=0))
            for part, b in zip(z.split(64), blocks, strict=True)
        ]
    )
    for n in (1, 64, 100):
        for batch in (1, 33, 256):
            found = model.sample(n, seed=5, statistics="batch", batch=batch).x
            assert np.allclose(found, wanted[:n], atol=1e-4)


def test_classes_of_a_batch_are_those_asked_for_or_those_of_the_block(tmp_path: Path) -> None:
    model = kept(shaken(build_game("classes"), 1), tmp_path)
    drawn = model.sample(5, statistics="batch")
    assert np.allclose(drawn.x, model.sample(64, statistics="batch").x[:5], atol=1e-5)
    assert drawn["label"].tolist() == model.sample(5)["label"].tolist()
    one = model.sample(5, label="b", statistics="batch")
    assert np.allclose(one.x, model.sample(64, label=1, statistics="batch").x[:5], atol=1e-5)
    assert one["label"].tolist() == [1] * 5
    assert len(model.sample(3, label=[0, 1, 2], statistics="batch").x) == 3
    standing = model.sample(5, statistics="re-estimated")
    assert not np.allclose(standing.x, model.sample(5).x, atol=1e-2)


def plain(folder: Path) -> Model:
    networks = {"generator": MLPGenerator(widths=(4,)), "discriminator": MLPDiscriminator()}
    return kept(build(GAN, GANConfig(latent=Normal(dim=3), **networks), POINTS, 0), folder)


def virtual(folder: Path) -> Model:
    config = MLPS.model_copy(update={"virtual_batch_norm": VirtualBatchNorm(reference=8)})
    return kept(build(GAN, config, POINTS, 0), folder)


@pytest.mark.parametrize("made", [plain, virtual])
@pytest.mark.parametrize("which", ["batch", "re-estimated"])
def test_generators_without_statistics_of_their_own_are_told_so(
    made: Callable[[Path], Model], which: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"statistics={which} is for generators with batch norm"):
        made(tmp_path).sample(2, statistics=which)


def test_ways_between_seeds_have_no_batch(model: Model) -> None:
    with pytest.raises(UsageError, match="use statistics=re-estimated"):
        model.interpolate(0, 1, statistics="batch")
    way = model.interpolate(0, 1, 3, statistics="re-estimated")
    ends = [model.sample(1, seed=s, statistics="re-estimated").x[0] for s in (0, 1)]
    assert np.allclose(way[[0, -1]], ends, atol=1e-5)


def test_an_unknown_kind_of_statistics(model: Model) -> None:
    with pytest.raises(UsageError, match=r"statistics=standing: expected 'running', 'batch', "):
        model.sample(1, statistics="standing")


def test_conditions_without_a_uniform_draw(tmp_path: Path) -> None:
    fields = {"x": POINTS.domain, "speed": Vector(shift=[0.0], scale=[1.0])}
    labels = {"fakes": "batch", "generator": "batch"}
    told = {"conditional": ["speed"], "labels": labels}
    config = GANConfig.model_validate({**MLPS.model_dump(), **told})
    spec = DataSpec(name="ring", fields=fields)
    model = kept(build(GAN, config, spec, 0), tmp_path)
    with pytest.raises(UsageError, match="no such draw of 'speed'"):
        model.sample(2, given={"speed": np.ones(1)}, statistics="re-estimated")
    assert len(model.sample(2, given={"speed": np.ones(1)}, statistics="batch").x) == 2
