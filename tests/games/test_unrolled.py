"""Unrolled GAN: gradients against closed forms and a naive reference; what stays untouched."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.data.batch import Batch
from ganvas.errors import UsageError
from ganvas.nn import orthonormality
from ganvas.play import SGD, Noise, Player, Turns
from tests.games.tables import SMALL_IMAGES, TINY, generator_learns, play, rounds

SMOOTH = TINY | {"activation": "tanh"}
ADAM = {"kind": "adam", "lr": 0.05, "beta1": 0.5, "beta2": 0.9}
PLAIN = {"kind": "sgd", "lr": 0.1}


def made(optimiser: dict[str, Any], **settings: Any) -> tuple[Any, Any, Any]:
    """Return a game in double precision after two rounds, so that D has live moments."""
    game, feed, table = play(
        "unrolled",
        generator=SMOOTH,
        discriminator=SMOOTH,
        latent={"kind": "normal", "dim": 3},
        discriminator_optimiser=optimiser,
        **settings,
    )
    rounds(game, feed, table, 2)
    player: Player = table.players["discriminator"]
    for state in player.optimiser.state.values():
        state |= {k: v.double() for k, v in state.items() if isinstance(v, Tensor) and k != "step"}
    for parameter in game.parameters():
        parameter.requires_grad_(True)
    return game.double(), feed, table


def batches(game: Any) -> tuple[Batch, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(6, 2, generator=generator, dtype=torch.double)
    return Batch(x), torch.randn(6, 3, generator=generator, dtype=torch.double)


def gradient(game: Any, table: Any, steps: int, second_order: bool = True) -> list[Tensor]:
    """Return ∇_γ of what the generator minimises, by the game's own pieces."""
    real, z = batches(game)
    fake = Batch(game.generator(z))
    seen = fake if second_order else Batch(fake.x.detach())
    ahead = table.lookahead(
        "discriminator",
        lambda judge: game.judge.loss_ahead(real, seen, table, judge),
        steps,
        second_order,
    )
    loss = game.judge.lowered(real, fake, of=ahead, saturating=game.saturating).value
    return list(torch.autograd.grad(loss, list(game.generator.parameters())))


def loss_of(network: Any, x: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-network(x)).mean() + F.softplus(network(fake)).mean()


def test_without_steps_it_is_the_saturating_minimax_gradient() -> None:
    game, _, table = made(ADAM, unrolling_steps=0)
    found = gradient(game, table, 0)
    _, z = batches(game)
    loss = -F.softplus(game.discriminator(game.generator(z))).mean()
    expected = torch.autograd.grad(loss, list(game.generator.parameters()))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_without_steps_training_is_that_of_the_minimax_game() -> None:
    networks = {"generator": TINY, "discriminator": TINY}
    unrolled, feed, table = play("unrolled", unrolling_steps=0, **networks)
    rounds(unrolled, feed, table, 3)
    kept = {"latent", "objective", "generator_optimiser", "discriminator_optimiser"}
    settings = unrolled.config.model_dump(include=kept)
    plain, feed, table = play("gan", **networks, **settings)
    rounds(plain, feed, table, 3)
    for a, b in zip(unrolled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


COSTS: dict[str, Any] = {
    "historical_averaging": 0.7,
    "constraint": {"kind": "orthonormal", "weight": 0.3},
}


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(
    ("optimiser", "settings"),
    [(ADAM, {}), (PLAIN, {}), (ADAM, COSTS)],
    ids=["adam", "sgd", "costs"],
)
def test_second_order_gradient_is_the_finite_difference_of_real_steps(
    optimiser: dict[str, Any], settings: dict[str, Any], steps: int
) -> None:
    game, _, table = made(optimiser, **settings)
    found = gradient(game, table, steps)
    real, z = batches(game)
    player: Player = table.players["discriminator"]
    state = copy.deepcopy(player.optimiser.state_dict())
    weights = copy.deepcopy(game.discriminator.state_dict())

    def weights_cost() -> Tensor | float:
        if not settings:
            return 0.0
        means = game.history["discriminator"].means
        apart = [p - m for p, m in zip(player.parameters, means, strict=True)]
        from_mean = torch.stack([one.square().sum() for one in apart]).sum()
        return 0.7 * from_mean + 0.3 * orthonormality(game.discriminator)

    @torch.enable_grad()
    def value() -> float:
        """Return −L_D after so many ordinary steps of the live optimiser, all undone again."""
        fake = game.generator(z).detach()
        for _ in range(steps):
            player.optimiser.zero_grad()
            (loss_of(game.discriminator, real.x, fake) + weights_cost()).backward()
            player.optimiser.step()
        after = -loss_of(game.discriminator, real.x, fake).item()
        game.discriminator.load_state_dict(weights)
        player.optimiser.load_state_dict(copy.deepcopy(state))
        return after

    parameter = game.generator.last.weight
    place = [name for name, _ in game.generator.named_parameters()].index("last.weight")
    for i, j in ((0, 0), (1, 3), (0, 7)):
        step = 1e-6
        with torch.no_grad():
            parameter[i, j] += step
            above = value()
            parameter[i, j] -= 2 * step
            below = value()
            parameter[i, j] += step
        numeric = (above - below) / (2 * step)
        assert found[place][i, j].item() == pytest.approx(numeric, rel=1e-4, abs=1e-8)


def test_one_sgd_step_of_a_scalar_game_by_hand() -> None:
    """f(γ, ω) = ωγ − ω²/2, ascended by ω: ω¹ = ω + η(γ − ω), df/dγ = ω¹ + (γ − ω¹)·η."""
    holder = nn.Linear(1, 1, bias=False).double()
    player = Player(holder, SGD(lr=0.25))
    table = Turns({"omega": player}, Noise(0))
    table.hold()
    omega, gamma = 0.7, torch.tensor([[1.3]], dtype=torch.double, requires_grad=True)
    holder.weight.data.fill_(omega)

    def f(network: Any) -> Tensor:
        one = torch.ones(1, 1, dtype=torch.double)
        return (network(gamma) - network(one).square() / 2).sum()

    ahead = table.lookahead("omega", lambda network: -f(network), steps=1)
    (found,) = torch.autograd.grad(f(ahead), gamma)
    moved = omega + 0.25 * (1.3 - omega)
    assert found.item() == pytest.approx(moved + (1.3 - moved) * 0.25)
    first = table.lookahead("omega", lambda n: -f(n).detach() - f(n) + f(n).detach(), 1, False)
    (partial,) = torch.autograd.grad(f(first), gamma)
    assert partial.item() == pytest.approx(moved)  # the second term is what first order leaves out


def test_first_order_drops_the_reaction_and_nothing_else() -> None:
    game, _, table = made(ADAM)
    first, second = gradient(game, table, 3, second_order=False), gradient(game, table, 3)
    assert not torch.allclose(first[0], second[0], rtol=1e-2)
    real, z = batches(game)
    moved = copy.deepcopy(game.discriminator)
    twin = Player(moved, table.players["discriminator"].settings)
    twin.optimiser.load_state_dict(table.players["discriminator"].optimiser.state_dict())
    fake = game.generator(z)
    for _ in range(3):
        twin.optimiser.zero_grad()
        loss_of(moved, real.x, fake.detach()).backward()
        twin.optimiser.step()
    loss = -loss_of(moved, real.x, fake)
    expected = torch.autograd.grad(loss, list(game.generator.parameters()))
    for a, b in zip(first, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("second_order", [True, False])
def test_a_generator_step_leaves_the_discriminator_and_its_moments_alone(
    second_order: bool,
) -> None:
    networks = {"generator": SMOOTH, "discriminator": SMOOTH}
    game, feed, table = play("unrolled", second_order=second_order, **networks, **COSTS)
    rounds(game, feed, table, 2)
    past = copy.deepcopy(game.history["discriminator"].state_dict())
    weights = copy.deepcopy(game.discriminator.state_dict())
    moments = copy.deepcopy(table.players["discriminator"].optimiser.state_dict())
    before = [p.clone() for p in game.generator.parameters()]
    generator_learns(game, feed.next(), table)
    for name, value in game.discriminator.state_dict().items():
        assert value.equal(weights[name])
    for name, value in game.history["discriminator"].state_dict().items():
        assert value.equal(past[name])
    after = table.players["discriminator"].optimiser.state_dict()
    for key, values in moments["state"].items():
        for name, value in values.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(after["state"][key][name]))
    assert any(not a.equal(b) for a, b in zip(before, game.generator.parameters(), strict=True))


@pytest.mark.parametrize("second_order", [True, False])
def test_unrolling_on_a_dcgan_of_digits_with_penalty_and_batch_norm(second_order: bool) -> None:
    images = {"generator": SMALL_IMAGES, "discriminator": SMALL_IMAGES}
    game, feed, table = play(
        "unrolled", "digits8", second_order=second_order, unrolling_steps=2, **images
    )
    statistics = copy.deepcopy(game.discriminator.state_dict())
    generator_learns(game, feed.next(), table)
    after = game.discriminator.state_dict()
    assert all(after[name].equal(value) for name, value in statistics.items())
    rounds(game, feed, table, 1)
    free = SMALL_IMAGES | {"norm": "none"}
    game, feed, table = play(
        "unrolled",
        "digits8",
        second_order=second_order,
        unrolling_steps=2,
        generator=SMALL_IMAGES,
        discriminator=free,
        penalties={"r1": {"kind": "r1"}},
    )
    rounds(game, feed, table, 2)
    assert all(p.isfinite().all() for p in game.parameters())


def test_the_objective_stays_free() -> None:
    game, _, _ = made(ADAM, saturating=False, objective={"kind": "nonsaturating"})
    real, z = batches(game)
    fake = Batch(game.generator(z))
    loss = game.judge.lowered(real, fake, of=game.judge).value
    torch.testing.assert_close(loss, F.softplus(-game.discriminator(fake.x)).mean())


def test_what_cannot_be_unrolled_says_so() -> None:
    with pytest.raises(UsageError, match=r"unrolled on a whole batch: set game\.accumulate=1"):
        play("unrolled", accumulate=2)


def test_the_discriminator_ahead_is_clipped_as_the_real_one_is() -> None:
    """Else three layers of 2, 8 and 8 inputs could not give numbers that small."""
    game, feed, table = play(
        "unrolled", constraint={"kind": "clip", "bound": 0.01}, discriminator_optimiser=ADAM
    )
    x = torch.rand(50, 2)
    seen: list[Tensor] = []
    lookahead = table.lookahead

    def spied(*arguments: Any) -> Any:
        network = lookahead(*arguments)
        seen.append(network(x).logits.detach())
        return network

    table.lookahead = spied
    rounds(game, feed, table, 2)
    first = 0.01 * 2 + 0.01
    last = 0.01 * (8 * (0.01 * 8 * first + 0.01)) + 0.01
    assert max(float(logits.abs().max()) for logits in seen) <= last
