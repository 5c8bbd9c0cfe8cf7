"""What a turn promises, on numbers that can be worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganvas.errors import GanvasError
from ganvas.nn import RowTable
from ganvas.play import SGD, Adam, Noise, Player, Ranks, RMSProp, RowAdam, Turns


class Scalar(nn.Module):
    """One number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.value * x


def seat(**players: Player) -> Turns:
    turns = Turns(players, Noise(0))
    turns.hold()
    return turns


def test_losses_add_up_and_step_once() -> None:
    net = Scalar(1.0)
    turn = seat(a=Player(net, SGD(lr=0.1)))
    with turn("a") as a:
        a.minimise(net(torch.tensor(2.0)))
        a.minimise(net(torch.tensor(3.0)))
        assert net.value.item() == 1.0
    assert net.value.item() == pytest.approx(1.0 - 0.1 * 5.0)
    assert turn.steps == {"a": 1}


def test_others_are_frozen_but_pass_gradients_on() -> None:
    inner, outer = Scalar(2.0), Scalar(3.0)
    turn = seat(inner=Player(inner, SGD(lr=1.0)), outer=Player(outer, SGD(lr=1.0)))
    with turn("inner") as player:
        player.minimise(outer(inner(torch.tensor(1.0))))
        assert outer.value.grad is None
        assert not outer.value.requires_grad
    assert inner.value.item() == pytest.approx(2.0 - 3.0)
    assert outer.value.item() == 3.0


def test_simultaneous_players_step_from_one_snapshot_on_their_own_losses() -> None:
    # min over x, max over y of x·y: from (1, 1), a simultaneous step of 0.1 gives (0.9, 1.1).
    x, y = Scalar(1.0), Scalar(1.0)
    turn = seat(x=Player(x, SGD(lr=0.1)), y=Player(y, SGD(lr=0.1)))
    with turn("x", "y") as (first, second):
        value = x.value * y.value
        first.minimise(value, retain=True)
        second.minimise(-value)
    assert (x.value.item(), y.value.item()) == (pytest.approx(0.9), pytest.approx(1.1))


def test_joint_turn_gives_all_players_the_same_loss() -> None:
    x, y = Scalar(1.0), Scalar(2.0)
    turn = seat(x=Player(x, SGD(lr=0.1)), y=Player(y, SGD(lr=0.1)))
    with turn("x", "y") as both:
        both.minimise(x.value * y.value)
    assert (x.value.item(), y.value.item()) == (pytest.approx(0.8), pytest.approx(1.9))


@pytest.mark.parametrize("settings", [SGD(lr=0.1), Adam(lr=0.1), RMSProp(lr=0.1)])
def test_skip_and_nan_leave_weights_and_moments_alone(settings: SGD | Adam | RMSProp) -> None:
    net = Scalar(1.0)
    player = Player(net, settings)
    turn = seat(a=player)
    with turn("a") as a:
        a.minimise(net(torch.tensor(1.0)))
    before = net.value.item()
    moments = [v.clone() for s in player.optimiser.state.values() for v in s.values()]
    with turn("a") as a:
        a.minimise(net(torch.tensor(1.0)))
        a.skip(torch.tensor(True))
    with turn("a") as a:
        a.minimise(net(torch.tensor(float("nan"))))
    assert net.value.item() == before
    after = [v for s in player.optimiser.state.values() for v in s.values()]
    assert all(torch.equal(p, q) for p, q in zip(moments, after, strict=True))
    assert turn.cancelled.item() == 1, "a gate is no accident; only the NaN counts"


@pytest.mark.parametrize("settings", [Adam(lr=0.1), RMSProp(lr=0.1)])
@pytest.mark.parametrize("cancel", [True, False])
def test_step_that_is_taken_back_equals_the_one_not_taken(
    settings: Adam | RMSProp, cancel: bool
) -> None:
    # The path for accelerators without a host decision, against the plain one.
    plain, masked = (Player(nn.Linear(3, 2), settings) for _ in range(2))
    masked.networks[0].load_state_dict(plain.networks[0].state_dict())
    for _ in range(2):
        for player in (plain, masked):
            player.networks[0](torch.ones(4, 3)).square().sum().backward()
            settings.apply(player.optimiser.param_groups[0], 0.0, 1.0, 1.0)
        if not cancel:
            plain.optimiser.step()
        masked._step_unless(torch.tensor(cancel))
        for p, q in zip(plain.parameters, masked.parameters, strict=True):
            assert torch.equal(p, q)
        plain.clear(), masked.clear()


def test_lazy_turn_counts_k_fold_with_corrected_rate_and_betas() -> None:
    k, net = 4, Scalar(1.0)
    player = Player(net, Adam(lr=0.1, beta1=0.9, beta2=0.99), lazy=k)
    turn = seat(a=player)
    with turn("a", lazy=k) as a:
        a.minimise(net(torch.tensor(1.0)))
        assert net.value.grad is not None
        assert net.value.grad.item() == k
    c = k / (k + 1)
    group = player.optimiser.param_groups[0]
    assert group["lr"] == pytest.approx(0.1 * c)
    assert group["betas"] == (pytest.approx(0.9**c), pytest.approx(0.99**c))
    with turn("a") as a:
        a.minimise(net(torch.tensor(1.0)))
    assert group["lr"] == pytest.approx(0.1 * c), "main turns of a lazy player are corrected too"
    assert [r for r in range(9) if setattr(turn, "round", r) or turn.due(k)] == [0, 4, 8]


def test_schedules_and_rollback_rate_reach_the_optimiser() -> None:
    net = Scalar(0.0)
    settings = SGD.model_validate({"lr": {"start": 1.0, "end": 0.0, "shape": "linear"}})
    turn = seat(a=Player(net, settings))
    turn.progress, turn.rate = 0.75, 0.5
    with turn("a") as a:
        a.minimise(net(torch.tensor(1.0)))
    assert net.value.item() == pytest.approx(-0.25 * 0.5)


def test_unknown_player_lazy_mismatch_and_nested_turns_are_named() -> None:
    turn = seat(critic=Player(Scalar(1.0), SGD()), generator=Player(Scalar(1.0), SGD()))
    with pytest.raises(GanvasError, match="Did you mean 'critic'"):
        turn("critc")
    with pytest.raises(GanvasError, match="lazy=16"):
        turn("critic", lazy=16)
    with pytest.raises(GanvasError, match="inside another"), turn("critic"), turn("generator"):
        pass


def test_a_turn_left_by_an_error_does_not_step() -> None:
    net = Scalar(1.0)
    turn = seat(a=Player(net, SGD(lr=1.0)))

    def break_off() -> None:
        with turn("a") as a:
            a.minimise(net(torch.tensor(1.0)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert net.value.item() == 1.0
    assert turn.steps["a"] == 0
    with turn("a") as a:
        a.minimise(net(torch.tensor(1.0)))
    assert net.value.item() == 0.0, "the gradient of the broken turn was not kept"


def test_buffers_follow_only_in_turns_that_declare_them() -> None:
    norms = {name: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)) for name in "gd"}
    turn = seat(**{name: Player(net, SGD()) for name, net in norms.items()})
    x = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))

    def moved(*names: str, tracks: tuple[str, ...] = ()) -> set[str]:
        before = {n: net[1].running_mean.clone() for n, net in norms.items()}
        with turn(*names, tracks=tracks) as players:
            players.minimise(norms["d"](norms["g"](x)).square().mean())
        return {n for n, net in norms.items() if not torch.equal(before[n], net[1].running_mean)}

    assert moved("g") == {"g"}
    assert moved("d") == {"d"}
    assert moved("d", tracks=("g",)) == {"d", "g"}
    held = norms["g"][1].running_mean.clone()
    norms["g"](x)
    assert torch.equal(held, norms["g"][1].running_mean), "between turns buffers rest"


def test_row_table_updates_only_the_rows_of_the_batch() -> None:
    table = RowTable(1000, 3)
    turn = seat(rows=Player(table, RowAdam(lr=0.5)))
    before = table.weight.detach().clone()
    rows = torch.tensor([3, 999, 3])
    with turn("rows") as player:
        player.minimise(table(rows).sum())
    moved = (table.weight.detach() != before).any(1).nonzero().squeeze(1)
    assert moved.tolist() == [3, 999]
    # Adam's first step is the rate times the gradient's sign, on those rows alone.
    assert torch.allclose(table.weight[[3, 999]], before[[3, 999]] - 0.5, atol=1e-4)


def test_noise_of_two_ranks_is_the_noise_of_one() -> None:
    whole = Noise(7)
    halves = [Noise(7, ranks=Ranks(rank, 2)) for rank in range(2)]
    for draw in (
        lambda noise, n: noise.normal(n, 3),
        lambda noise, n: noise.uniform(n, 1, low=-1.0),
        lambda noise, n: noise.integers(n, 10),
    ):
        together = torch.cat([draw(half, 4) for half in halves])
        assert torch.equal(draw(whole, 8), together)


def test_noise_moves_on_to_other_numbers_and_remembers_its_place() -> None:
    noise = Noise(3)
    state = noise.state_dict()
    first = noise.normal(5)
    noise.load_state_dict(state)
    assert torch.equal(noise.normal(5), first)
    noise.load_state_dict(state)
    noise.advance(1)
    assert not torch.equal(noise.normal(5), first)


def test_a_place_in_the_numbers_of_another_device_is_refused() -> None:
    on_a_gpu = {"generator": torch.zeros(16, dtype=torch.uint8)}  # Philox: a seed and an offset
    with pytest.raises(GanvasError, match="not drawn on a cpu"):
        Noise(3).load_state_dict(on_a_gpu)


def test_statistics_are_means_over_rounds() -> None:
    turn = seat(a=Player(Scalar(1.0), SGD()))
    for value in (1.0, 2.0, 6.0):
        turn.log(score=torch.tensor(value))
    assert turn.take_statistics() == {"score": 3.0}
    assert turn.take_statistics() == {}


def test_statistics_survive_a_checkpoint_in_the_middle_of_an_interval() -> None:
    turn, resumed = (seat(a=Player(Scalar(1.0), SGD())) for _ in range(2))
    turn.log(score=1.0)
    resumed.load_state_dict(turn.state_dict())
    resumed.log(score=4.0)
    assert resumed.state_dict()["statistics"]["score"].tolist() == [1.0, 4.0]
    assert resumed.take_statistics() == {"score": 2.5}


def test_cosine_of_step_and_descent_is_that_of_a_calculation() -> None:
    # f = w₁² + 3w₂²/2 from (1, 1): the gradient is (2, 3); plain descent follows it exactly.
    net = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 1.0]]))
    turn = seat(a=Player(net, SGD(lr=0.1)), b=Player(Scalar(1.0), SGD(lr=0.1)))
    turn.cosines = True
    with turn("a") as a:
        first, second = net.weight[0]
        a.minimise(first**2 + 1.5 * second**2)
    assert turn.statistics["cosine/a"][0].item() == pytest.approx(1, abs=1e-6)
    with turn("a") as a:
        a.minimise(net.weight.sum())
        a.skip()
    assert turn.statistics["cosine/a"][1].item() == 0


def test_momentum_can_step_against_the_gradient() -> None:
    # Two losses of opposite slopes: after a step down the first, momentum 0.9 goes on uphill.
    net = Scalar(0.0)
    turn = seat(a=Player(net, SGD(lr=0.1, momentum=0.9)))
    turn.cosines = True
    for slope in (1.0, -0.5):
        with turn("a") as a:
            a.minimise(slope * net.value)
    assert [round(c.item(), 6) for c in turn.statistics["cosine/a"]] == [1, -1]


def test_no_cosine_unless_it_is_asked_for() -> None:
    turn = seat(a=Player(Scalar(1.0), SGD(lr=0.1)))
    with turn("a") as a:
        a.minimise(turn.players["a"].parameters[0] * 1.0)
    assert "cosine/a" not in turn.statistics


def test_a_branch_of_noise_is_known_by_run_and_name_and_not_by_position() -> None:
    noise = Noise(3)
    first = noise.branch("codes", 7).normal(4)
    noise.normal(100)
    assert noise.branch("codes", 7).normal(4).equal(first)
    resumed = Noise(0)
    resumed.load_state_dict(noise.state_dict())
    assert resumed.branch("codes", 7).normal(4).equal(first)
    for other in (Noise(4).branch("codes", 7), noise.branch("codes", 8), noise.branch("parts", 7)):
        assert not other.normal(4).equal(first)
    halves = [Noise(3, ranks=Ranks(rank, 2)).branch("codes", 7) for rank in range(2)]
    assert torch.cat([half.normal(2) for half in halves]).equal(first)
    shared = Noise(3, ranks=Ranks(1, 2)).branch("codes", 7).whole()
    assert shared.normal(4).equal(first)
    noise.advance(1)
    assert not noise.branch("codes", 7).normal(4).equal(first)
