"""Normalisation layers against torch's own and against their definitions."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganvas.nn import BatchNorm, ConditionalBatchNorm, LayerNorm, adopt, held, set_tracking

SHAPES = [(6, 4), (6, 4, 5), (6, 4, 3, 5), (3, 4, 2, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_is_torchs_in_training_and_evaluation(shape):
    theirs = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    reference = theirs[len(shape)](4)
    ours = BatchNorm(4)
    nn.init.uniform_(reference.weight)
    nn.init.uniform_(reference.bias)
    ours.load_state_dict(reference.state_dict())
    for _ in range(2):
        x = torch.randn(shape) * 3 + 1
        assert torch.equal(ours(x), reference(x))
    for mine, other in zip(
        ours.state_dict().values(), reference.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, other)
    x = torch.randn(shape)
    assert torch.equal(ours.eval()(x), reference.eval()(x))


def test_batch_norm_moves_its_statistics_only_in_training_while_tracking():
    norm = BatchNorm(3)
    before = copy.deepcopy(norm.state_dict())
    x = torch.randn(8, 3) + 5

    norm.eval()(x)
    with held(norm):
        frozen = norm.train()(x)
    set_tracking(norm, False)
    norm(x)
    assert all(torch.equal(norm.state_dict()[k], v) for k, v in before.items())

    set_tracking(norm, True)
    assert torch.equal(norm(x), frozen)  # a held layer still normalises by its batch
    torch.testing.assert_close(norm.running_mean, 0.1 * x.mean(0))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * x.var(0))


def test_held_restores_what_was_held_before():
    net = nn.Sequential(BatchNorm(2), BatchNorm(2))
    net[0].tracking = False
    with held(net):
        assert not net[1].tracking
    assert [layer.tracking for layer in net] == [False, True]


def test_without_momentum_running_statistics_are_plain_averages_since_restart():
    norm = BatchNorm(3, momentum=None)
    norm(torch.randn(8, 3) + 100)
    norm.restart()
    batches = [torch.randn(8, 3) + i for i in range(4)]
    for batch in batches:
        norm(batch)
    torch.testing.assert_close(norm.running_mean, torch.stack(batches).mean((0, 1)))
    torch.testing.assert_close(norm.running_var, torch.stack([b.var(0) for b in batches]).mean(0))


def test_batch_eval_normalises_by_the_batch_and_keeps_the_statistics():
    norm = BatchNorm(3, batch_eval=True).eval()
    x = torch.randn(8, 3) * 4 + 2
    torch.testing.assert_close(norm(x), F.batch_norm(x, None, None, training=True))
    assert torch.equal(norm.running_mean, torch.zeros(3))


def test_batch_norm_is_twice_differentiable():
    norm = BatchNorm(2).double()
    norm.tracking = False
    x = torch.randn(4, 2, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(norm, x)
    assert torch.autograd.gradgradcheck(norm, x)


def test_conditional_batch_norm_starts_as_batch_norm_without_affine():
    x, y = torch.randn(6, 4, 3, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    conditional, plain = ConditionalBatchNorm(4, classes=3), BatchNorm(4, affine=False)
    assert torch.equal(conditional(x, y), plain(x))
    assert torch.equal(conditional.running_mean, plain.running_mean)  # shared by all classes
    assert torch.equal(conditional.running_var, plain.running_var)


def _varied(classes: int = 3) -> ConditionalBatchNorm:
    norm = ConditionalBatchNorm(4, classes=classes)
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    return norm.eval()


def test_weights_on_one_class_equal_its_label_and_mixtures_mix_gains_and_offsets():
    norm, x = _varied(), torch.randn(2, 4, 3, 3)
    rows = torch.eye(3)[[2, 0]]
    torch.testing.assert_close(norm(x, rows), norm(x, torch.tensor([2, 0])))
    share = torch.tensor([[0.25, 0.75, 0.0]]).expand(2, -1)
    first, second = (norm(x, torch.tensor([k, k])) for k in (0, 1))
    # gain and offset enter linearly
    torch.testing.assert_close(norm(x, share), 0.25 * first + 0.75 * second)


def test_only_rows_of_classes_in_the_batch_receive_gradients():
    norm = _varied(5).train()
    norm(torch.randn(4, 4, 2, 2), torch.tensor([1, 3, 3, 1])).square().sum().backward()
    for table in norm.parameters():
        assert table.grad is not None
        touched = table.grad.abs().sum(1) > 0
        assert touched.tolist() == [False, True, False, True, False]


def test_continuous_conditions_centre_gains_at_one():
    norm = ConditionalBatchNorm(4, features=5)
    x, h = torch.randn(6, 4, 2), torch.randn(6, 5)
    plain = BatchNorm(4, affine=False)(x)
    assert torch.equal(norm(x, torch.zeros(6, 5)), plain)
    gain, offset = 1 + h @ norm.condition.gain.weight.T, h @ norm.condition.offset.weight.T
    torch.testing.assert_close(norm(x, h), plain * gain[:, :, None] + offset[:, :, None])


@pytest.mark.parametrize("given", [{}, {"classes": 2, "features": 3}])
def test_a_conditional_norm_has_exactly_one_kind_of_condition(given):
    with pytest.raises(ValueError, match="either classes or features"):
        ConditionalBatchNorm(4, **given)


@pytest.mark.parametrize("shape", [(3, 6), (3, 6, 4, 5)])
def test_layer_norm_is_per_sample_over_everything_and_equals_one_group(shape):
    x = torch.randn(shape) * 3 + 2
    norm = LayerNorm(6)
    flat = norm(x).flatten(1)
    torch.testing.assert_close(flat.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(flat.var(1, correction=0), torch.ones(3), atol=1e-4, rtol=0)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    torch.testing.assert_close(norm(x), F.group_norm(x, 1, norm.weight, norm.bias))
    torch.testing.assert_close(norm(x)[:1], norm(x[:1]))


def test_layer_norm_is_twice_differentiable():
    norm = LayerNorm(3).double()
    x = torch.randn(2, 3, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradgradcheck(norm, x)


def test_adopt_replaces_in_place_and_keeps_tensors_and_function():
    net = nn.Sequential(
        nn.Linear(3, 4),
        nn.BatchNorm1d(4, eps=1e-3, momentum=0.3),
        nn.Sequential(nn.Unflatten(1, (4, 1, 1)), nn.BatchNorm2d(4, affine=False)),
    ).double()
    net(torch.randn(5, 3, dtype=torch.double))
    reference = copy.deepcopy(net)
    parameters, buffers = list(net.parameters()), list(net.buffers())

    assert adopt(net) is net
    assert isinstance(net[1], BatchNorm)
    assert isinstance(net[2][1], BatchNorm)
    assert all(a is b for a, b in zip(net.parameters(), parameters, strict=True))
    assert all(a is b for a, b in zip(net.buffers(), buffers, strict=True))
    assert net.state_dict().keys() == reference.state_dict().keys()

    x = torch.randn(5, 3, dtype=torch.double)
    assert torch.equal(net(x), reference(x))
    assert torch.equal(net.eval()(x), reference.eval()(x))
    assert adopt(net) is net  # nothing left to do


def test_adopt_returns_the_replacement_of_a_bare_norm():
    bare = nn.BatchNorm2d(3, track_running_stats=False).eval()
    x = torch.randn(4, 3, 2, 2)
    ours = adopt(bare)
    assert isinstance(ours, BatchNorm)
    assert not ours.training
    assert torch.equal(ours(x), bare(x))
