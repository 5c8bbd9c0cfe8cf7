"""M1 + M2: bounds summed over classes, labels, styles."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.errors import UsageError
from ganvas.games.svae_m2 import SVAEM2, SVAEM2Config
from ganvas.play import Noise, Turns, build

MLP = {"kind": "mlp", "widths": [16]}
DIGITS = open_data(DataSettings(source="digits8", hold_out=0.2))
STACKS = [("normal", "normal"), ("vmf", "vmf"), ("vmf", "normal")]


def game(z1: str = "vmf", z2: str = "normal", dim: int = 4, **settings: Any) -> SVAEM2:
    spaces = {"z1": {"kind": z1, "dim": dim}, "z2": {"kind": z2, "dim": 3}}
    networks = {"encoder": MLP, "decoder": MLP, "between": MLP}
    config = SVAEM2Config.model_validate(networks | spaces | {"labels": 50} | settings)
    return cast(SVAEM2, build(SVAEM2, config, DIGITS.spec, 0))


def images(n: int = 6) -> Tensor:
    return DIGITS.spec.domain.encode(DIGITS.items("test").x[:n])


class Silent(Noise):
    """Noise that is the same for every row: the sum over classes can then be taken one by one."""

    def normal(self, n: int, *shape: int) -> Tensor:
        return torch.full((n, *shape), 0.3)

    def uniform(self, n: int, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.full((n, *shape), 0.4)


@pytest.mark.parametrize(("z1", "z2"), STACKS)
@torch.no_grad()
def test_all_classes_in_one_pass_are_the_classes_one_by_one(z1: str, z2: str) -> None:
    one, noise = game(z1, z2), Silent(0)
    shown = one.show(one.config.likelihood.inputs(images()), noise)
    every = torch.eye(10).expand(6, -1, -1)
    together = one.bound(shown, every, noise)
    assert together.shape == (6, 10)
    for y in range(10):
        single = one.bound(shown, every[:, y : y + 1], noise)
        torch.testing.assert_close(single[:, 0], together[:, y])


@pytest.mark.parametrize(("z1", "z2"), STACKS)
@torch.no_grad()
def test_the_bound_by_its_formula(z1: str, z2: str) -> None:
    """E[log p(x|z1) + log p(z1|z2,y) + log p(y) + log p(z2) − log q(z1|x) − log q(z2|z1,y)]."""
    one, x = game(z1, z2), images(1).expand(4000, -1, -1, -1)
    x = one.config.likelihood.inputs(x)
    y = F.one_hot(torch.full((4000, 1), 3), 10).float()
    noise = Noise(1)
    shown = one.show(x, noise)
    ours = one.complete(shown, one.bound(shown, y, noise).squeeze(1))

    z = shown.drawn.z
    q2 = one.infer_style(z, y[:, 0])
    z_2 = q2.draw((), noise, "path").z
    plain = (
        one.config.likelihood.log_prob(x, one.decoder(z))
        + one.infer_content(z_2, y[:, 0]).log_prob(z)
        - math.log(10)
        + one.config.z2.log_prior(z_2)
        - shown.posterior.log_prob(z)
        - q2.log_prob(z_2)
    )
    error = (plain.std() + ours.std()).item() / 4000**0.5
    assert ours.mean().item() == pytest.approx(plain.mean().item(), abs=4 * error)


def test_every_network_learns_from_every_term() -> None:
    one = game()
    feed, turns = (
        Feed(DIGITS, batch=20, seed=0, streams=one.streams()),
        Turns(one.players, Noise(0)),
    )
    before = {k: v.clone() for k, v in one.state_dict().items()}
    turns.hold()
    one.round(feed, turns)
    moved = [k for k, v in one.state_dict().items() if not torch.equal(v, before[k])]
    assert {key.split(".")[0] for key in moved} == {
        *("encoder", "decoder", "classifier", "style", "content")
    }


def spread_gradients(gradient: str, chunks: int = 40, n: int = 500) -> Tensor:
    """Return independent estimates of the labelled objective's slope in the spread of q(z1|x)."""
    one = game("vmf", "normal", dim=1, gradient=gradient, alpha=50.0)
    with torch.no_grad():  # a classifier that cares where z1 is
        for weight in one.classifier.parameters():
            weight.mul_(6)
    x = one.config.likelihood.inputs(images(1)).expand(n, -1, -1, -1)
    y = torch.full((n,), 3)
    bias = cast(Tensor, cast(Any, one.encoder).spread.bias)
    found: list[Tensor] = []
    for seed in range(chunks):
        objective = one.supervised(x, y, Noise(seed)).objective.mean()
        found.append(torch.autograd.grad(objective, bias)[0].squeeze())
    return torch.stack(found)


def test_gradients_of_the_labelled_objective_are_exact() -> None:
    """The classification loss is an expectation over z1 as well: g_cor is of the whole sum."""
    exact, corrected, path = map(spread_gradients, ("implicit", "corrected", "path"))
    error = ((exact.var() + corrected.var()) / len(exact)).sqrt().item()
    assert corrected.mean().item() == pytest.approx(exact.mean().item(), abs=4 * error)
    assert abs(path.mean() - exact.mean()).item() > 8 * error


def test_labelled_items_are_few_balanced_and_shared_by_processes() -> None:
    one = game(labels=40, labelled_batch=20)
    streams = one.streams()

    def served(rounds: int, rank: int = 0, world: int = 1) -> list[Tensor]:
        feed = Feed(DIGITS, batch=20, seed=0, rank=rank, world=world, streams=streams)
        return [feed.next("labelled")["index"] for _ in range(rounds)]

    first, second, third = served(3)
    labels = torch.from_numpy(DIGITS.items("train")["label"])
    assert labels[torch.cat([first, second])].bincount().tolist() == [4] * 10
    assert torch.equal(third, first)
    shares = [served(1, rank, 2)[0] for rank in (0, 1)]
    assert torch.equal(torch.cat(shares), first)
    assert [len(share) for share in shares] == [10, 10]


def test_a_style_is_shown_in_any_class() -> None:
    one, x = game().eval(), images()
    y = torch.arange(6)
    style = one.encode(x, y)
    torch.testing.assert_close(one.reconstruct(x, y), one.sample(one.encode(x), y))
    assert not torch.allclose(one.sample(style, y), one.sample(style, (y + 1) % 10))
    assert one.predict(x).sum(1).allclose(torch.ones(6))
    assert one.reconstruct(x).shape == x.shape
    with pytest.raises(UsageError, match="one of its 10 classes"):
        one.sample(style)


def test_data_without_classes_are_refused() -> None:
    spec = open_data(DataSettings(source="digits8", labels=False)).spec
    with pytest.raises(UsageError, match="svae/images"):
        build(SVAEM2, SVAEM2Config(), spec, 0)


def test_accuracy_is_measured_and_grows() -> None:
    quick = {"kind": "adam", "lr": 1e-2, "beta1": 0.9, "beta2": 0.999}
    one = game(alpha=50.0, labels=200, labelled_batch=50, optimiser=quick)
    before = one.measures(DIGITS, 0)["accuracy"]
    assert dict(before.protocol.settings) == {"labels": "200"}
    feed, turns = (
        Feed(DIGITS, batch=20, seed=0, streams=one.streams()),
        Turns(one.players, Noise(0)),
    )
    turns.hold()
    for number in range(100):
        turns.round = number
        one.round(feed, turns)
    after = one.measures(DIGITS, 0)["accuracy"]
    assert after.value > max(0.3, before.value)
