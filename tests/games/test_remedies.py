"""Remedies as options of any adversarial game: the lecture's checks T5 to T9, packing, noise."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from ganvas.data.batch import Batch
from ganvas.errors import UsageError
from ganvas.games.parts.objectives.classification import Minimax, NonSaturating
from ganvas.games.parts.terms import History
from ganvas.games.parts.views import Pack, pack_around
from ganvas.networks.base import BatchHead, Head
from ganvas.play import SGD, Noise, Player, Turns
from tests.games.tables import SMALL_IMAGES, TINY, play, rounds

IMAGES = {"generator": SMALL_IMAGES, "discriminator": SMALL_IMAGES}
NORMED = TINY | {"batch_norm": True}
REMEDIES: dict[str, dict[str, Any]] = {
    "packing": {"packing": 2},
    "instance noise": {"instance_noise": {"start": 0.5, "end": 0.0}},
    "discrimination": {"minibatch": {"kind": "discrimination", "kernels": 6, "dim": 3}},
    "deviation": {"minibatch": {"kind": "deviation"}},
    "feature matching": {"feature_matching": {}},
    "both losses": {"feature_matching": {"alone": False, "weight": 0.5}},
    "history": {"historical_averaging": 0.1},
    "smoothing": {"objective": {"kind": "nonsaturating", "real": 0.9}},
}


def weights(game: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in game.parameters()])


UNHURRIED: dict[str, dict[str, Any]] = {"wgan": {"warm_up": {"rounds": 0, "every": 0}}}
"""Settings without which a system's first rounds have a hundred steps."""


def noted(system: str, source: str, **settings: Any) -> tuple[Any, dict[str, float]]:
    game, feed, table = play(system, source, **UNHURRIED.get(system, {}), **settings)
    rounds(game, feed, table, 2)
    return game, table.take_statistics()


@cache
def plain_weights(system: str) -> Tensor:
    """Return the weights of a game without remedies, after its two rounds."""
    return weights(noted(system, "ring8")[0])


# ---- every remedy on every kind of game -----------------------------------------------------


@pytest.mark.parametrize("remedy", [name for name in REMEDIES if name != "smoothing"])
@pytest.mark.parametrize("system", ["gan", "lsgan", "wgan", "wgan-gp", "sngan", "r3gan"])
def test_remedies_combine_with_any_adversarial_game(system: str, remedy: str) -> None:
    game, statistics = noted(system, "ring8", **REMEDIES[remedy])
    assert all(math.isfinite(value) for value in statistics.values())
    assert not torch.equal(weights(game), plain_weights(system))  # no two shapes are equal
    assert game.score(torch.randn(3, 2)).shape == (3,)


@pytest.mark.parametrize(
    "remedy", [*REMEDIES, "virtual batch norm"], ids=lambda name: name.replace(" ", "-")
)
def test_remedies_on_a_dcgan_of_digits(remedy: str) -> None:
    settings = {**REMEDIES, "virtual batch norm": {"virtual_batch_norm": {"reference": 8}}}[remedy]
    game, statistics = noted("dcgan", "digits8", **IMAGES, **settings)
    assert all(math.isfinite(value) for value in statistics.values())
    z = game.prior(5, Noise(0))
    assert game.eval().sample(z).shape == (5, *game.spec.shape)
    assert game.score(game.sample(z)).shape == (5,)


def test_remedies_that_are_off_change_nothing() -> None:
    plain, feed, table = play("gan")
    rounds(plain, feed, table, 3)
    off = {"packing": 1, "instance_noise": 0.0, "historical_averaging": 0.0}
    none = {"minibatch": None, "feature_matching": None, "virtual_batch_norm": None}
    game, feed, table = play("gan", **off, **none)
    rounds(game, feed, table, 3)
    assert weights(game).equal(weights(plain))


# ---- packing --------------------------------------------------------------------------------


def test_packing_one_equals_the_plain_method_bit_for_bit() -> None:
    networks = {"generator": TINY, "discriminator": TINY}
    packed, feed, table = play("pacgan", packing=1, **networks)
    rounds(packed, feed, table, 4)
    settings = packed.config.model_dump(exclude={"packing"})
    plain, feed, table = play("gan", **settings)
    rounds(plain, feed, table, 4)
    assert weights(packed).equal(weights(plain))


def test_packs_are_consecutive_samples_side_by_side() -> None:
    x = torch.arange(12.0).view(6, 2)
    assert Pack(3)(Batch(x)).x.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    images = torch.randn(4, 3, 5, 5)
    packed = Pack(2)(Batch(images)).x
    assert packed.shape == (2, 6, 5, 5)
    assert packed[1, :3].equal(images[2])
    assert packed[1, 3:].equal(images[3])


def test_only_the_first_layer_of_the_discriminator_is_wider() -> None:
    plain, packed = play("gan")[0], play("gan", packing=3)[0]
    assert weights(plain.generator).equal(weights(packed.generator))
    shapes = [[p.shape for p in g.discriminator.parameters()] for g in (plain, packed)]
    assert shapes[1][0] == (8, 6)
    assert shapes[0][0] == (8, 2)
    assert shapes[0][1:] == shapes[1][1:]


def test_packed_loss_is_that_of_the_packs() -> None:
    game, feed, table = play("gan", packing=2)
    real = feed.next()
    fake = Batch(torch.randn_like(real.x))
    loss, *_ = game.judge.loss(game.judge.show(real, table), game.judge.show(fake, table), table)
    on_real, on_fake = (
        game.discriminator(torch.cat([b.x[0::2], b.x[1::2]], 1)) for b in (real, fake)
    )
    torch.testing.assert_close(loss, F.softplus(-on_real).mean() + F.softplus(on_fake).mean())


def test_a_packed_score_reads_on_cyclically() -> None:
    x = torch.tensor([[1.0], [2.0], [3.0]])
    assert pack_around(x, 2).tolist() == [[1, 2], [2, 3], [3, 1]]
    assert pack_around(x, 1) is x


def test_packs_that_do_not_come_out_even_or_have_labels_are_refused() -> None:
    game, feed, table = play("gan", packing=3)
    with pytest.raises(UsageError, match=r"packing=3 does not divide the 16 samples.*train\.batch"):
        rounds(game, feed, table, 1)
    with pytest.raises(ValidationError, match="packing=2 judges samples of any class together"):
        play("dcgan", "digits8", packing=2, conditional=True, **IMAGES)


# ---- instance noise -------------------------------------------------------------------------


def test_instance_noise_has_its_spread_and_fades() -> None:
    game, _, table = play("gan", instance_noise={"start": 0.5, "end": 0.0, "shape": "linear"})
    x = Batch(torch.zeros(20_000, 2))
    assert game.judge.show(x, table).x.std().item() == pytest.approx(0.5, rel=0.02)
    table.progress = 0.5
    assert game.judge.show(x, table).x.std().item() == pytest.approx(0.25, rel=0.02)
    table.progress = 1.0
    assert game.judge.show(x, table).x.equal(x.x)


# ---- T5: minibatch discrimination, and deviation -----------------------------------------------


def test_a_discriminator_with_minibatch_layers_sees_real_and_fake_apart() -> None:
    game, feed, _ = play("gan", minibatch={"kind": "discrimination", "kernels": 4})
    assert isinstance(game.discriminator.head, BatchHead)
    assert game.judge.separate
    real = feed.next()
    fake = Batch(torch.zeros_like(real.x))
    alone = game.judge.verdict(fake).logits
    _, beside = game.judge.both(real, fake)
    assert beside.logits.equal(alone)
    assert not torch.allclose(game.judge.verdict(Batch(fake.x[:4])).logits, alone[:4])


def test_the_batch_head_is_a_linear_score_of_the_features_and_what_they_are_compared_to() -> None:
    game, feed, _ = play("gan", minibatch={"kind": "discrimination", "kernels": 4})
    real = feed.next()
    network = game.discriminator
    h = network.features(real.x)
    both = torch.cat([h, network.head.compare(h)], 1)
    weight = torch.cat([network.head.plain.score.weight, network.head.weigh.weight], 1)
    expected = F.linear(both, weight, network.head.plain.score.bias).squeeze(1)
    torch.testing.assert_close(network(real.x), expected)


def test_penalties_keep_real_and_fake_apart_where_samples_mix() -> None:
    game, feed, table = play("r3gan", minibatch={"kind": "deviation"}, gamma=2.0)
    real = feed.next()
    fake = Batch(torch.randn_like(real.x))
    squares = []
    for batch in (real, fake):
        x = batch.x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(game.discriminator(x).sum(), x)
        squares.append(slope.square().sum(1).mean())
    total, _ = game.judge.penalty(real, fake, table)
    torch.testing.assert_close(total, squares[0] + squares[1])


# ---- T6: feature matching ------------------------------------------------------------------


def test_feature_matching_is_zero_for_identical_batches_and_spares_the_discriminator() -> None:
    game, feed, table = play("gan", feature_matching={})
    real = feed.next()
    loss, *_ = game.judge.lowered(real, real)
    assert loss.item() == 0
    with table("generator") as turn:
        x = game.generator(game.prior(16, table.noise))
        loss, *_ = game.judge.lowered(real, Batch(x))
        turn.minimise(loss)
        assert all(p.grad is None for p in game.discriminator.parameters())
        assert any(p.grad.any() for p in game.generator.parameters())


def test_feature_matching_of_a_linear_feature_and_a_shift() -> None:
    game, *_ = play("gan", feature_matching={"weight": 2.0})
    game.discriminator.hidden = nn.Linear(2, 5, bias=False)
    x, shift = torch.randn(7, 2), torch.tensor([0.3, -1.2])
    game.discriminator.head = Head(5)
    loss, *_ = game.judge.lowered(Batch(x), Batch(x + shift))
    expected = 2 * F.linear(shift, game.discriminator.hidden.weight).square().sum()
    torch.testing.assert_close(loss, expected)


def test_feature_matching_beside_the_objective_adds_up() -> None:
    alone, feed, _ = play("gan", feature_matching={})
    real = feed.next()
    fake = Batch(torch.randn_like(real.x))
    both = play("gan", feature_matching={"alone": False})[0]
    plain = play("gan")[0]
    parts = [game.judge.lowered(real, fake).value for game in (alone, plain)]
    torch.testing.assert_close(both.judge.lowered(real, fake).value, parts[0] + parts[1])


# ---- T7: historical averaging ---------------------------------------------------------------


def test_history_of_a_scalar_sequence() -> None:
    theta = nn.Parameter(torch.tensor([0.0]))
    history = History([theta], weight=1.0)
    assert history([theta]).item() == 0
    theta.data.fill_(2.0)
    loss = history([theta])
    assert loss.item() == pytest.approx(1.0)  # (2 − 1)²
    loss.backward()
    assert theta.grad.item() == pytest.approx(2.0)  # 2λ(θ − m), m constant


@pytest.mark.parametrize(("weight", "radius"), [(0.0, 12.03), (0.1, 0.0057), (1.0, 0.477)])
def test_history_settles_the_bilinear_game(weight: float, radius: float) -> None:
    x, y = (nn.Parameter(torch.tensor([v], dtype=torch.double)) for v in (1.0, 0.0))
    past = [History([p], weight).double() for p in (x, y)]
    players = {"x": Player(Holder(x), SGD(lr=0.1)), "y": Player(Holder(y), SGD(lr=0.1))}
    turns = Turns(players, Noise(0))
    for _ in range(500):
        with turns("x", "y") as (first, second):
            first.minimise((x * y.detach()).sum() + past[0]([x]))
            second.minimise(-(x.detach() * y).sum() + past[1]([y]))
    assert math.hypot(x.item(), y.item()) == pytest.approx(radius, rel=0.02)


class Holder(nn.Module):
    def __init__(self, parameter: nn.Parameter) -> None:
        super().__init__()
        self.parameter = parameter


def test_history_counts_once_however_the_batch_is_cut() -> None:
    whole, feed, table = play("gan", historical_averaging=0.5)
    rounds(whole, feed, table, 4)
    parts, feed, table = play("gan", historical_averaging=0.5, accumulate=4)
    rounds(parts, feed, table, 4)
    torch.testing.assert_close(weights(parts), weights(whole), atol=1e-5, rtol=1e-4)
    assert whole.history["generator"].count == 4
    assert "history" not in whole.model()


# ---- T8: one-sided label smoothing ---------------------------------------------------------


@pytest.mark.parametrize("objective", [Minimax, NonSaturating])
def test_one_sided_smoothing(objective: type[Minimax | NonSaturating]) -> None:
    smooth, plain = objective(real=0.9), objective()
    logit = torch.tensor([math.log(0.9 / 0.1)])
    far = torch.tensor([-50.0])  # a fake that costs nothing
    loss = smooth.discriminator(logit, far)
    assert loss.item() == pytest.approx(0.325083, abs=1e-6)  # H(0.9) at σ = 0.9
    nearby = [smooth.discriminator(logit + d, far).item() for d in (-0.1, 0.1)]
    assert min(nearby) > loss.item()
    # Where p = q the best D is α/2.
    logits = torch.logit(torch.linspace(0.01, 0.99, 981, dtype=torch.double))
    losses = torch.stack([smooth.discriminator(v[None], v[None]) for v in logits])
    assert logits[losses.argmin()].sigmoid().item() == pytest.approx(0.45, abs=0.001)
    fakes = torch.randn(5)
    assert smooth.generator(None, fakes).equal(plain.generator(None, fakes))
    assert smooth.estimates(fakes, fakes, loss) == {}


# ---- T9: virtual batch norm ----------------------------------------------------------------


def virtual(**settings: Any) -> Any:
    return play("gan", generator=NORMED, virtual_batch_norm=settings | {"reference": 8})[0]


def watched(layer: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return lists that fill up with what the layer is given, and what it gives."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []

    def note(_: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        inputs.append(given[0])
        outputs.append(out)

    layer.register_forward_hook(note)
    return inputs, outputs


def test_a_virtually_normalised_sample_does_not_depend_on_its_batch() -> None:
    game = virtual()
    z = game.prior(6, Noise(1))
    whole = game.generator(z)
    torch.testing.assert_close(game.generator(z[2:3]), whole[2:3])
    plain = play("gan", generator=NORMED)[0]
    assert not torch.allclose(plain.generator(z)[:2], plain.generator(z[:2]), atol=1e-3)


def test_virtual_statistics_by_hand() -> None:
    game = virtual()
    inner, z = game.generator.inner, game.prior(3, Noise(2))
    linear, layer = inner.hidden[0], inner.hidden[1]
    reference, a = linear(game.generator.reference_z), linear(z)
    expected = []
    for row in a:
        joint = torch.cat([reference, row[None]])
        normed = (row - joint.mean(0)) / (joint.var(0, correction=0) + layer.eps).sqrt()
        expected.append(normed * layer.weight + layer.bias)
    _, seen = watched(layer)
    game.generator(z)
    torch.testing.assert_close(seen[1], torch.stack(expected))


def test_virtual_batch_norm_of_maps_counts_every_place() -> None:
    game, _, _ = play("dcgan", "digits8", **IMAGES, virtual_batch_norm={"reference": 4})
    z = game.prior(2, Noise(3))
    layer = game.generator.inner.blocks[0].norm
    inputs, outputs = watched(layer)
    game.generator(z)
    reference, x = inputs
    joint = torch.cat([reference, x[:1]])
    mean = joint.mean((0, 2, 3), keepdim=True)
    square = joint.var((0, 2, 3), correction=0, keepdim=True)
    gain, bias = (p.view(1, -1, 1, 1) for p in (layer.weight, layer.bias))
    expected = (x[:1] - mean) / (square + layer.eps).sqrt() * gain + bias
    torch.testing.assert_close(outputs[1][:1], expected, atol=1e-5, rtol=1e-4)


def test_the_reference_alone_is_a_fixed_affine_map() -> None:
    game = virtual(include_self=False)
    layer = game.generator.inner.hidden[1]
    inputs, outputs = watched(layer)
    game.generator(game.prior(40, Noise(0)))
    x, y = inputs[1].double(), outputs[1].double()
    slope = (y - y[0])[1:] / (x - x[0])[1:]
    torch.testing.assert_close(slope, slope[:1].expand_as(slope), atol=1e-3, rtol=1e-2)


def test_the_reference_batch_stays_and_its_activations_follow_the_weights() -> None:
    game, feed, table = play("gan", generator=NORMED, virtual_batch_norm={"reference": 8})
    z, reference = game.prior(4, Noise(1)), game.generator.reference_z.clone()
    rounds(game, feed, table, 3)
    assert game.generator.reference_z.equal(reference)
    before = game.generator(z)
    with torch.no_grad():
        game.generator.inner.hidden[0].weight.mul_(3)  # a batch norm undoes this, reference and all
    torch.testing.assert_close(game.generator(z), before, atol=1e-2, rtol=1e-2)


def test_virtual_batch_norm_needs_a_batch_norm() -> None:
    with pytest.raises(UsageError, match=r"it has none; set game\.generator\.norm=batch"):
        play("gan", virtual_batch_norm={})
