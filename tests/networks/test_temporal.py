"""Temporal generators: counts of the papers' tables, and what each kind of path keeps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganvas.errors import UsageError
from ganvas.networks.temporal.conv1d import Conv1d
from ganvas.networks.temporal.conv_lstm import ConvLSTM
from ganvas.networks.temporal.equations import ODE, ODE2, ODE3, SDE
from ganvas.networks.temporal.gru import GRU
from ganvas.nn import round_inside

FRAMES = range(16)
BEFORE = (512, 512, 512)
WIDE = {"rhs": "two-layers", "hidden": 49}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# settings, width, categories, parameters: tables of MoCoGAN, TGAN and Gordon & Parde 2020
COUNTS = [
    (GRU(), 10, 0, 660),
    (GRU(), 10, 6, 840),
    (GRU(), 16, 0, 1_632),
    (Conv1d(), 100, 0, 826_468),
    (Conv1d(offset=False), 100, 0, 825_444),
    (Conv1d(offset=False, norm="step"), 100, 0, 825_444),
    (ODE(before=BEFORE), 100, 0, 638_424),
    (ODE(before=BEFORE, rhs="two-layers"), 100, 0, 648_524),
    (ODE(before=BEFORE, rhs="two-layers", hidden=978), 100, 0, 825_002),
    (ODE2(before=BEFORE), 100, 0, 658_624),
    (ODE3(before=BEFORE), 100, 0, 668_724),
    (SDE(before=BEFORE), 100, 0, 648_524),
    (ODE(before=(64,)), 16, 0, 2_400),
    (ODE(before=(64,), rhs="two-layers"), 16, 0, 2_672),
    (ODE(**WIDE), 16, 0, 1_633),
    (ODE2(**WIDE), 16, 0, 2_177),
    (ODE3(**WIDE), 16, 0, 2_449),
    (SDE(**WIDE), 16, 0, 3_266),
]


@pytest.mark.parametrize(("settings", "width", "given", "parameters"), COUNTS)
def test_published_counts(settings, width, given, parameters):
    assert count(settings.build((width,), (width,), 16, given)) == parameters


def made(settings, width: int = 6, frames: int = 16, given: int = 0, **more):
    torch.manual_seed(0)
    return settings.build((width,), (width,), frames, given, **more).double()


def noise(path, times=FRAMES, n: int = 3):
    generator = torch.Generator().manual_seed(1)
    draw = {"dtype": torch.float64, "generator": generator}
    fresh = torch.randn(n, path.steps(times), *(path.fresh or (0,)), **draw)
    return torch.randn(n, *path.start, **draw), fresh


EVERY = [GRU(), Conv1d(widths=(8, 4)), ConvLSTM(), ODE(), ODE2(), ODE3(), SDE(), ODE(rhs="gru")]
EVERY += [Conv1d(widths=(8, 4), norm="step")]


def called(settings) -> str:
    return f"{settings.kind} {getattr(settings, 'rhs', getattr(settings, 'norm', ''))}"


@pytest.mark.parametrize("settings", EVERY, ids=called)
def test_times_come_second_and_longer_paths_begin_as_shorter_ones(settings):
    path = made(settings).eval()
    start, fresh = noise(path)
    whole = path(start, fresh, FRAMES)
    assert whole.shape == (3, 16, 6)
    few = path(start, fresh[:, : path.steps(range(4))], range(4))  # sde: 8 whole steps
    assert torch.allclose(few, whole[:, :4], atol=1e-12)
    twice = path(start, fresh, [k / 2 for k in range(31)])
    assert torch.allclose(twice[:, ::2], whole, atol=1e-12)
    assert torch.allclose(path(start, fresh, [3.0, 1.0]), whole[:, [3, 1]], atol=1e-12)


@pytest.mark.parametrize("keep", [0.0, 2.0])
def test_states_fade_as_the_gate_that_keeps_them_begins(keep: float):
    """Without weights a step takes h to σ(k) h."""
    network = GRU(keep=keep).build((4,), (4,), 6)
    bias = network.cell.bias_ih_l0.detach().clone()
    with torch.no_grad():
        for weight in network.cell.parameters():
            weight.zero_()
        network.cell.bias_ih_l0[4:8] = keep
    start = torch.randn(3, 4)
    path = network(start, torch.randn(3, 6, 4), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    fading = torch.sigmoid(torch.tensor(keep)) ** torch.arange(1, 7)
    torch.testing.assert_close(path, start[:, None] * fading[:, None])
    assert (bias[4:8] - keep).abs().max() <= 0.5
    assert bias.abs()[[*range(4), *range(8, 12)]].max() <= 0.5


@pytest.mark.parametrize("norm", ["batch", "step"])
def test_norms_of_each_step_keep_what_clips_differ_by_from_a_way_that_they_share(norm: str):
    """Here the way is a thousand times as large: norms over all steps leave a thousandth."""
    path = made(Conv1d(widths=(8, 8), norm=norm))
    first = path.layers[0]
    with torch.no_grad():
        first.bias.fill_(1000.0)
        path.layers[3].weight[:, :, 1] *= -1  # the second of two steps goes the other way
    seen = []
    path.layers[4].register_forward_hook(lambda layer, args, out: seen.append(out))
    path.layers[1] = nn.Identity()
    start, fresh = noise(path, n=64)
    path(start, fresh, FRAMES)
    apart = seen[0].std(0).min()
    assert apart > 0.99 if norm == "step" else apart < 0.01


def test_a_state_that_lasts_can_be_told_where_to_begin():
    """With a gate that keeps all of it, it is for ever what a linear layer makes of both."""
    network = GRU(keep=100, told_start=True, apart=1.0).build((4,), (4,), 6, given=3)
    start, told = torch.randn(2, 4), torch.eye(3)[:2]
    path = network(start, torch.randn(2, 6, 4), [0.0, 5.0], told)
    begun = network.into(torch.cat([start, told], 1))
    torch.testing.assert_close(path, begun[:, None].expand(-1, 2, -1))
    several = told[:, None].expand(-1, 6, -1)
    torch.testing.assert_close(network(start, torch.randn(2, 6, 4), [0.0, 5.0], several), path)
    assert 0.5 < network.into.weight[:, 4:].std() < 2
    assert 0.5 < network.cell.weight_ih_l0[:, :3].std() < 2


def test_one_call_is_the_loop_of_cells():
    path = made(GRU(), given=2)
    start, fresh = noise(path)
    told = torch.eye(2, dtype=torch.float64)[[0, 1, 1]]
    cell = nn.GRUCell(8, 6).double()
    for name, weight in path.cell.named_parameters():
        setattr(cell, name.removesuffix("_l0"), weight)
    h, states = start, []
    for step in range(16):
        h = cell(torch.cat([told, fresh[:, step]], 1), h)
        states.append(h)
    assert torch.allclose(path(start, fresh, FRAMES, told), torch.stack(states, 1), atol=1e-12)


def test_recurrent_states_stay_within_their_start_or_one():
    path = made(GRU())
    start, fresh = noise(path, n=50)
    bound = (3 * start).abs().clamp_min(1)
    assert (path(3 * start, fresh, FRAMES).abs() <= bound[:, None] + 1e-12).all()


def test_from_the_start_on_the_first_frame_is_the_start_itself():
    path = made(GRU(), from_start=True)
    start, fresh = noise(path)
    assert path.steps(FRAMES) == 15
    states = path(start, fresh, FRAMES)
    assert torch.equal(states[:, 0], start)
    later = made(GRU())
    assert torch.allclose(states[:, 1:], later(start, fresh, range(15)), atol=1e-12)


def test_what_a_path_is_told_may_change_on_the_way():
    path = made(GRU(), given=2)
    start, fresh = noise(path)
    a, b = (torch.eye(2, dtype=torch.float64)[k].expand(3, -1) for k in (0, 1))
    changing = torch.cat([a[:, None].expand(-1, 8, -1), b[:, None].expand(-1, 8, -1)], 1)
    states = path(start, fresh, FRAMES, changing)
    assert torch.allclose(states[:, :8], path(start, fresh, FRAMES, a)[:, :8], atol=1e-12)
    assert not torch.allclose(states[:, 8:], path(start, fresh, FRAMES, a)[:, 8:])


def test_convolutions_in_time_give_any_length_and_stay_within_tanh():
    for frames in (1, 2, 7, 8, 20):
        path = made(Conv1d(widths=(8, 6, 4)), frames=frames)
        start, fresh = noise(path, range(frames))
        states = path(start, fresh, range(frames))
        assert states.shape == (3, frames, 6)
        assert (states.abs() < 1).all()


def test_the_convolutional_lstm_is_the_loop_of_its_equations():
    torch.manual_seed(0)
    path = ConvLSTM().build((5, 3, 3), (5, 3, 3), 4)
    start = torch.randn(2, 5, 3, 3)
    states = path(start, start.new_zeros(2, 0, 0), range(4))
    h = c = torch.zeros(2, 5, 3, 3)
    for step in range(4):
        x = start if step == 0 else torch.zeros_like(start)
        i, f, o, g = (path.heard(x) + path.state(h)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        assert torch.allclose(states[:, step], h, atol=1e-6)


@pytest.mark.parametrize("settings", [ODE(), ODE2(), ODE3()])
def test_without_a_slope_all_frames_share_their_first_latent(settings):
    path = made(settings)
    for weight in path.system.parameters():
        nn.init.zeros_(weight)
    start, fresh = noise(path)
    states = path.states(start, FRAMES)
    derivative = states[:, 0, 0]  # the highest that is kept rests
    assert torch.allclose(states[:, :, 0], derivative[:, None].expand(-1, 16, -1), atol=1e-12)
    if settings.kind == "ode":
        assert torch.equal(path(start, fresh, FRAMES)[:, 0], start)


def constant(path, a: torch.Tensor) -> None:
    """Let f be a, whatever it sees."""
    for weight in path.system.parameters():
        nn.init.zeros_(weight)
    path.system.f = nn.Linear(6, 6).double()
    nn.init.zeros_(path.system.f.weight)
    with torch.no_grad():
        path.system.f.bias.copy_(a)


def test_constant_acceleration_and_jerk_are_exact():
    a, t = torch.linspace(-1, 1, 6, dtype=torch.float64), torch.tensor(FRAMES).double() / 15
    for settings, order in ((ODE2(), 2), (ODE3(), 3)):
        path = made(settings)
        constant(path, a)
        start, fresh = noise(path)
        values = [encoder(start) for encoder in path.encoders]
        z, v = values[-1], values[-2]
        wanted = z[:, None] + v[:, None] * t[:, None]
        if order == 2:
            wanted = wanted + a * t[:, None] ** 2 / 2
        else:
            wanted = wanted + values[0][:, None] * t[:, None] ** 2 / 2 + a * t[:, None] ** 3 / 6
        assert torch.allclose(path(start, fresh, FRAMES), wanted, atol=1e-12)
        assert torch.allclose(path.velocities(start, [0]), v[:, None], atol=1e-12)


def test_what_the_right_hand_side_sees_decides_whether_position_matters():
    for sees, shifts in (("highest", True), ("position", False)):
        path = made(ODE2(rhs_input=sees))
        start, fresh = noise(path)
        before = path(start, fresh, FRAMES)
        with torch.no_grad():
            path.encoders[-1].bias += 1.0
        moved = path(start, fresh, FRAMES) - before
        assert torch.allclose(moved, torch.ones_like(moved), atol=1e-12) == shifts
    assert made(ODE2(rhs_input="full")).system.f[0].in_features == 12


def test_one_layer_of_tanh_moves_no_number_faster_than_one():
    path = made(ODE())
    start, fresh = noise(path, n=20)
    apart = (path(start, fresh, FRAMES) - start[:, None]).abs().amax((0, 2))
    assert (apart <= torch.tensor(FRAMES) / 15 + 1e-12).all()


def test_a_gated_equation_stays_within_its_start_or_one():
    path = made(ODE(rhs="gru"))
    start, fresh = noise(path, n=50)
    bound = (3 * start).abs().clamp_min(1)[:, None]
    assert (path(3 * start, fresh, [15 * k for k in range(8)]).abs() <= bound + 1e-6).all()


def test_backwards_paths_of_equations_lead_to_where_forward_ones_come_from():
    path = made(ODE())
    start, fresh = noise(path)
    before = path(start, fresh, [-15.0, -1.0, 0.0])
    assert torch.equal(before[:, -1], start)
    assert torch.allclose(path(before[:, 0], fresh, [15.0])[:, 0], start, atol=1e-6)


def test_increments_decide_the_future_and_the_start_the_first_frame():
    path = made(SDE())
    start, fresh = noise(path)
    assert path.steps(FRAMES) == 40
    assert path.steps(range(31)) == 80
    one, same = path(start, fresh, FRAMES), path(start, fresh.clone(), FRAMES)
    assert torch.equal(one, same)
    other = path(start, torch.randn_like(fresh), FRAMES)
    assert torch.equal(other[:, 0], one[:, 0])
    assert (other[:, 1:] != one[:, 1:]).any(-1).all()


def test_the_adjoint_has_the_gradients_of_the_plain_path():
    grads = []
    for adjoint in (False, True):
        path = made(ODE2(adjoint=adjoint))
        start, fresh = noise(path)
        path(start, fresh, FRAMES).square().sum().backward()
        grads.append(torch.cat([p.grad.flatten() for p in path.parameters()]))
    assert (grads[0] - grads[1]).norm() / grads[0].norm() < 1e-4


@pytest.mark.parametrize("settings", [ODE(), ODE(substeps=2, **WIDE), ODE2(), ODE(adjoint=True)])
def test_jacobians_of_trained_paths_are_the_gradients_of_training(settings):
    """Forward through the plain path in evaluation, back by what is written out in training."""
    path = made(settings)
    start, _ = noise(path)
    one, weights = start[:1].requires_grad_(), torch.randn(16, 6, dtype=torch.float64)
    (back,) = torch.autograd.grad((path.states(one, FRAMES)[0, :, -1] * weights).sum(), one)
    path.eval()
    jacobian = torch.func.jacfwd(lambda x: path.states(x[None], FRAMES)[0, :, -1])(one[0].detach())
    found = (jacobian * weights[..., None]).sum((0, 1))
    torch.testing.assert_close(found, back[0], rtol=1e-6, atol=1e-8)  # the adjoint is followed anew


@pytest.mark.parametrize("settings", [ODE(before=(8,)), ODE2(), ODE(adjoint=True), SDE()])
def test_equations_are_solved_as_exactly_in_networks_that_round(settings):
    path = made(settings).float()
    start, fresh = (x.float() for x in noise(path))
    exact = path(start, fresh, FRAMES)
    round_inside(path)
    assert torch.equal(path(start, fresh, FRAMES), exact)
    assert path(start.bfloat16(), fresh.bfloat16(), FRAMES).dtype == torch.float32


def test_maps_have_equations_of_convolutions():
    path = ODE().build((4, 3, 3), (4, 3, 3), 16)
    start = torch.randn(2, 4, 3, 3)
    assert path(start, start.new_zeros(2, 0, 0), FRAMES).shape == (2, 16, 4, 3, 3)
    assert count(path) == 4 * 4 * 9 + 4


def test_times_that_a_path_does_not_know_are_refused():
    recurrent, convolved = made(GRU()), made(Conv1d(widths=(8, 4)))
    start, fresh = noise(recurrent)
    with pytest.raises(UsageError, match="backwards: .* ode, ode2 and ode3, not to gru"):
        recurrent(start, fresh, [-1.0, 0.0])
    with pytest.raises(UsageError, match="ends with frame 16"):
        convolved(start, fresh, [0.0, 16.0])
    with pytest.raises(UsageError, match="maps of shape"):
        GRU().build((4, 3, 3), (4, 3, 3), 16)
    with pytest.raises(UsageError, match=r"category_to=image"):
        ODE().build((4,), (4,), 16, given=2)
