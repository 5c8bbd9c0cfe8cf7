"""BigGAN's rounds, what its weights cost, what is noted of them, and how samples are truncated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrize

from ganvas.data.domains.tags import Tags
from ganvas.data.feed import Feed
from ganvas.data.items import Collection, Items
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource
from ganvas.diagnosis.following import conditions_like
from ganvas.diagnosis.verdicts import diagnose
from ganvas.diagnosis.watch import Watch
from ganvas.errors import UsageError
from ganvas.games.biggan import EXPLODED, BigGAN, Truncated
from ganvas.games.parts.adversarial import Labels
from ganvas.model import Model, Provenance
from ganvas.nn import SpectralNorm, raw_matrices
from ganvas.play import Noise, Turns, build
from tests.games.cases import digits8
from tests.games.tables import play, rounds

BIG: dict[str, Any] = {"kind": "biggan", "width": 1}


def big(**settings: Any) -> Any:
    networks = {
        "generator": BIG | {"shared": 4, "attention": [8], **settings.pop("generator", {})},
        "discriminator": BIG | {"attention": [4], **settings.pop("discriminator", {})},
    }
    latent = settings.pop("latent", {"kind": "normal", "dim": 6})
    return play("biggan", "digits8", **networks, latent=latent, **settings)


def raw(network: Any) -> dict[str, torch.Tensor]:
    return {name: matrix.detach().clone() for name, matrix in raw_matrices(network)}


def test_two_steps_of_the_discriminator_on_images_of_their_own_then_one_of_the_generator() -> None:
    game, feed, table = big()
    rounds(game, feed, table, 2)
    assert table.order == ["discriminator", "discriminator", "generator"] * 2
    assert feed.seen == 4 * feed.batch


def test_vectors_of_both_networks_advance_in_every_turn() -> None:
    game, feed, table = big()
    for layer in raw_matrices(game):  # of orthogonal weights every vector is a singular one
        layer[1].data.normal_()
    before = {n: m.u.clone() for n, m in game.named_modules() if isinstance(m, SpectralNorm)}
    rounds(game, feed, table, 1)
    after = {n: m.u for n, m in game.named_modules() if isinstance(m, SpectralNorm)}
    assert all(not torch.equal(before[n], after[n]) or after[n].numel() == 1 for n in before)


@pytest.mark.parametrize(
    ("settings", "factor"), [({}, 1.0), ({"parity": True}, 0.5), ({"form": "identity"}, None)]
)
def test_rows_of_all_weights_but_the_shared_embedding_are_held_orthogonal(
    settings: dict[str, Any], factor: float | None
) -> None:
    game, _, table = big(orthogonality={"weight": 0.5, **settings})
    for parameter in game.generator.parameters():  # orthogonal weights would cost nothing
        parameter.data.normal_()
    with table("generator") as generator:
        cost = generator.seats[0].player.terms["orthogonality"]([], 0.0)
        total = torch.zeros(())
        for name, matrix in raw(game.generator).items():
            gram = matrix @ matrix.T
            if factor is not None:
                gram -= gram.diagonal().diag()
            else:
                gram -= torch.eye(len(gram))
            total += 0 if name == "embedding" else gram.square().sum()
        torch.testing.assert_close(cost, 0.5 * (factor or 1.0) * total, rtol=1e-4, atol=0)
        generator.minimise(cost)
        layer = game.generator.blocks[0].conv1.parametrizations.weight.original
        gram = layer.flatten(1) @ layer.flatten(1).T
        gram = gram - (gram.diagonal().diag() if factor is not None else torch.eye(len(gram)))
        slope = 4 * 0.5 * (factor or 1.0) * gram @ layer.flatten(1)
        torch.testing.assert_close(layer.grad.flatten(1), slope.detach(), rtol=1e-4, atol=1e-4)
        grad = game.generator.embedding.weight.grad
        assert grad is None or not grad.any()
        generator.skip()
    game, _, _ = big(orthogonality=None)
    assert not game.players["generator"].terms


def test_the_largest_value_of_each_weight_of_the_generator_is_clamped_after_its_step() -> None:
    game, feed, table = big(sigma_clamp=0.8)
    rounds(game, feed, table, 1)
    for name, matrix in raw(game.generator).items():
        assert torch.linalg.svdvals(matrix)[0] <= 1 + 1e-3, name  # one of many equal ones came down
    values = torch.linalg.svdvals(raw(game.generator)["embedding"])
    assert 0.79 < values.min() < 0.81


def test_the_largest_value_is_drawn_to_a_number_or_to_a_multiple_of_the_second() -> None:
    def cost(**aim: float) -> float:
        _, _, table = big(sigma_penalty={"weight": 2.0, **aim})
        with table("generator") as generator:
            found = generator.seats[0].player.terms["sigma_penalty"]([], 0.0)
            generator.skip()
        return found.item()

    game, _, _ = big()
    layers = raw(game.generator)
    assert cost(target=1.5) == pytest.approx(2 * 0.25 * len(layers), rel=1e-3)
    several = [m for m in layers.values() if min(m.shape) > 1]
    assert cost(ratio=1.5) == pytest.approx(2 * 0.25 * len(several), rel=1e-3)
    with pytest.raises(ValueError, match="either target"):
        big(sigma_penalty={"weight": 1.0})


def test_the_log_has_singular_values_norms_and_class_vectors() -> None:
    game, feed, table = big(monitor_every=2)
    rounds(game, feed, table, 1)
    logged = {name: values[-1].item() for name, values in table.statistics.items()}
    live = game.monitor()
    assert live.keys() <= logged.keys()
    greatest = 0.0
    for network, name in ((game.generator, "generator"), (game.discriminator, "discriminator")):
        for layer, matrix in raw(network).items():
            exact = torch.linalg.svdvals(matrix)
            for i, value in enumerate(exact[:3].tolist()):
                assert live[f"sigma{i}/{name}.{layer}"] == pytest.approx(value, rel=0.01)
            assert live[f"frobenius/{name}.{layer}"] == pytest.approx(
                matrix.norm().item(), rel=1e-4
            )
            if name == "generator":
                greatest = max(greatest, exact[0].item())
    assert live["spectrum/generator"] == pytest.approx(greatest, rel=0.01)
    game.generator.embedding.weight.data[:] = 1.0
    game.generator.embedding.weight.data[7] = 6.0
    noted = game.monitor()
    assert noted["embedding_ratio/generator"] == pytest.approx(6)
    assert noted["embedding/generator largest"] == pytest.approx(12)


def test_what_d_takes_for_real_of_training_and_of_held_out_items_is_in_each_look() -> None:
    source = open_data(DataSettings(source="digits8", hold_out=0.3))
    config = BigGAN.Config.model_validate(
        {"generator": BIG, "discriminator": BIG, "latent": {"kind": "normal", "dim": 4}}
    )
    game = build(BigGAN, config, source.spec, 0).eval()
    scores = list[torch.Tensor]()
    with torch.no_grad():
        for split in ("train", "test"):
            items = source.items(split).rows(np.arange(200))
            x = source.spec.domain.encode(items.x)
            scores.append(game.score(x, torch.from_numpy(items["label"])))
        middle = torch.cat(scores).median()
        game.judge.network.head.score.bias -= middle  # so that about one half is taken for real
        numbers = Watch(source, 0, list, {}).look(game)
    assert 0.2 < numbers["taken_for_real/items_held_out"] < 0.8
    gap = numbers["taken_for_real/items_train"] - numbers["taken_for_real/items_held_out"]
    assert numbers["taken_for_real/items_gap"] == pytest.approx(gap, abs=1e-5)
    estimate = game.estimate(torch.tensor([1.0, -1.0, 0.5, 0.0]), torch.zeros(4))
    assert estimate["taken_for_real/items"] == 0.5


def test_a_discriminator_that_sees_no_difference_is_a_sign_of_collapse() -> None:
    def rows(*spreads: float) -> list[dict[str, Any]]:
        return [
            {"round": 5 * i, "progress": 0.5, "kimg": 1.0, "estimate/spread": spread}
            for i, spread in enumerate(spreads, 1)
        ]

    def verdict(*spreads: float) -> tuple[str, str]:
        spec = digits8().spec
        found = diagnose(rows(*spreads), {}, {"train": {"rounds": 100}}, spec, BigGAN)
        return found.verdict, " ".join(found.evidence)

    assert verdict(9.75, 0.31, 0.064, 3.7e-9, 2.3e-5)[0] == "collapsed"  # measured: rates x 30
    assert "2.3e-05 of its margin" in verdict(9.75, 0.31, 0.064, 3.7e-9, 2.3e-5)[1]
    assert verdict(0.42, 0.28, 0.23, 0.42)[0] == "healthy"  # measured: the recipe's, at distance 0


def test_a_singular_value_that_explodes_is_a_sign_of_collapse() -> None:
    sign, _ = BigGAN.signs
    game, _, _ = big()
    assert game.monitor()[sign.number] < 2
    weight = game.generator.project.parametrizations.weight.original
    weight.data.mul_(2 * EXPLODED)
    assert game.monitor()[sign.number] > sign.above
    assert sign.verdict == "collapsed"


@pytest.mark.parametrize(
    ("options", "std"),
    [
        ({}, 1.0),
        ({"truncation": 0.5}, 0.5),
        ({"truncation": 2.0}, 2.0),
        ({"threshold": 0.5}, 0.2839),
        ({"scaling": 0.5}, 0.4398),
    ],
)
def test_three_truncations_are_three_laws(options: dict[str, float], std: float) -> None:
    game, _, _ = big()
    told = Truncated.model_validate(options).model_dump(exclude_defaults=True)
    z = game.prior(20_000, Noise(0), **told)
    assert z.std().item() == pytest.approx(std, rel=0.01)
    if "threshold" in options:
        assert z.abs().max() <= 0.5
    if "scaling" in options:
        assert 0.9 < z.abs().max() <= 1


def test_two_truncations_at_once_are_refused() -> None:
    game, _, _ = big()
    with pytest.raises(UsageError, match="truncation and threshold are different laws of z"):
        game.prior(4, Noise(0), truncation=0.5, threshold=1.0)


def test_the_law_of_z_follows_its_schedule_in_training_and_samples_are_of_its_end() -> None:
    game, feed, table = big(latent={"kind": "annealed", "dim": 6}, batch=512)
    real = feed.next()
    table.progress = 0.0
    assert game.latents(real, table).x.std().item() == pytest.approx(2, abs=0.1)
    table.progress = 1.0
    assert game.latents(real, table).x.std().item() == pytest.approx(1, abs=0.05)
    assert game.prior(4000, Noise(0)).std().item() == pytest.approx(1, abs=0.05)


def test_tables_of_their_own_train_too_and_dropout_leaves_features_out() -> None:
    game, feed, table = big(
        generator={"shared": None, "skip_z": "none"}, discriminator={"dropout": 0.5}
    )
    rounds(game, feed, table, 1)
    assert parametrize.is_parametrized(game.generator.project)
    x, y = torch.randn(4, 1, 8, 8), torch.arange(4)
    h = game.discriminator.features(x, y)
    assert (h == 0).any()
    game.eval()
    assert torch.equal(game.discriminator(x, y), game.discriminator(x, y))


def test_of_several_tags_one_is_served_at_each_look() -> None:
    kinds = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0]], np.uint8)
    tags = np.tile(kinds, (50, 1))
    x = np.tile(np.arange(4, dtype=np.uint8) * 85, 50).repeat(64).reshape(200, 8, 8, 1)
    domains = {"tags": Tags(called=["a", "b", "c"])}
    items = Items({"x": x, "tags": tags})
    source = ArraySource(Collection("own", {"train": items}, domains=domains))
    config = BigGAN.Config.model_validate(
        {
            "generator": BIG,
            "discriminator": BIG,
            "latent": {"kind": "normal", "dim": 4},
        }
    )
    game = build(BigGAN, config, source.spec, 0).train()
    feed = Feed(source, batch=100, seed=0, streams=game.streams())
    seen = [feed.next() for _ in range(40)]
    shown = torch.cat([batch.x[:, 0, 0, 0] for batch in seen])
    of_kind = ((shown + 1) * 1.5).round().long()  # brightness tells which tags an item has
    found = torch.cat([batch["tags"] for batch in seen])
    for kind, tags_of in enumerate(torch.from_numpy(kinds).float()):
        looks = found[of_kind == kind]
        assert (looks.sum(1) == tags_of.sum().clamp_max(1)).all()
        share = tags_of / tags_of.sum().clamp_min(1)
        torch.testing.assert_close(looks.mean(0), share, atol=0.05, rtol=0)
    table = Turns(game.players, Noise(0))
    table.hold()
    rounds(game, feed, table, 1)
    drawn = game.drawn(seen[0].replace(), Noise(0), "uniform", copies=30)["tags"]
    assert (drawn.sum(1) == 1).all()
    torch.testing.assert_close(drawn.mean(0), torch.full((3,), 1 / 3), atol=0.03, rtol=0)
    asked = conditions_like(game.conditions, source, items, 400)["tags"]  # of what is measured
    known = torch.from_numpy(kinds).float().repeat(100, 1)
    assert (asked <= known).all()
    assert torch.equal(asked.sum(1), known.sum(1).clamp_max(1))
    torch.testing.assert_close(asked[2::4].mean(0), torch.full((3,), 1 / 3), atol=0.02, rtol=0)
    model = Model(game.eval(), Provenance(), device="cpu")
    assert model.sample(3, given={"tags": np.array([0, 1, 0])}).x.shape == (3, 8, 8, 1)
    with pytest.raises(UsageError, match="tags: 2 at once, but this model was told one at a time"):
        model.sample(3, given={"tags": np.array([0, 1, 1])})
    assert model.score(items.rows(np.arange(4))).shape == (4,)  # those of data have several
    several = config.model_copy(update={"one_label": False})
    with pytest.raises(UsageError, match="no uniform draw of tags"):
        build(BigGAN, several, source.spec, 0)
    labels = Labels(fakes="batch", generator="batch")
    plain = build(BigGAN, several.model_copy(update={"labels": labels}), source.spec, 0)
    assert plain.streams() == {}
    assert torch.equal(conditions_like(plain.conditions, source, items, 400)["tags"], known)
