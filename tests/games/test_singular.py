"""Singular value clipping: the decomposition it stands for, gains, and how often it is done."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.games.parts.constraints.singular import Singular
from ganvas.nn import BatchNorm, clip_singular_values, clip_singular_values_, sn
from tests.games.tables import play, rounds


def by_decomposition(matrix: Tensor, limit: float = 1.0) -> Tensor:
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    return (u * s.clamp_max(limit) @ v).to(matrix.dtype)


@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (8, 8), (1, 30), (30, 1), (18, 2100)])
def test_it_is_the_clipped_decomposition(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    for scale, limit in ((1.0, 1.0), (0.01, 1.0), (1.0, 0.3)):
        found = clip_singular_values(scale * matrix, limit)
        assert (found - by_decomposition(scale * matrix, limit)).abs().max() < 1e-6
        values = torch.linalg.svdvals(found)
        assert values.max() <= limit + 1e-6
        small = torch.linalg.svdvals(scale * matrix)
        assert torch.allclose(values[small <= limit], small[small <= limit], atol=1e-6)


def test_it_is_done_once_and_not_where_nothing_is_above():
    torch.manual_seed(0)
    once = clip_singular_values(torch.randn(6, 20).double())
    assert (clip_singular_values(once) - once).abs().max() < 1e-12
    small = torch.randn(6, 20) / 100
    tall = small.T.contiguous()
    assert clip_singular_values(small) is small
    assert clip_singular_values(tall) is tall
    zero = torch.zeros(3, 4)
    assert torch.equal(clip_singular_values(zero), zero)


@pytest.mark.parametrize("scale", [0.01, 5.0])
def test_weights_with_channels_last_are_clipped_as_others_are(scale: float):
    plain = nn.Conv2d(1, 24, 4)  # of one channel, its layout is as good as that of rows
    with torch.no_grad():
        plain.weight *= scale
    other = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    for layer in (plain, other):
        clip_singular_values_(layer)
    assert torch.allclose(plain.weight, other.weight, atol=1e-6)


def test_hand_values():
    assert torch.allclose(
        clip_singular_values(torch.diag(torch.tensor([3.0, 0.5]))),
        torch.diag(torch.tensor([1.0, 0.5])),
    )
    a, b = torch.randn(4), torch.randn(7)
    outer = torch.outer(a, b)
    assert torch.allclose(
        clip_singular_values(outer), outer * min(1, 1 / float(a.norm() * b.norm())), atol=1e-6
    )
    row = torch.randn(1, 50)
    assert torch.allclose(clip_singular_values(row), row / row.norm(), atol=1e-6)


def test_rows_are_outputs_in_every_kind_of_layer():
    """The other way round a convolution's matrix has other singular values."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv3d(3, 5, 2), nn.ConvTranspose1d(4, 6, 3), nn.Linear(5, 2))
    wanted = [
        by_decomposition(5 * network[0].weight.detach().flatten(1)),
        by_decomposition(5 * network[1].weight.detach().movedim(1, 0).flatten(1)),
        by_decomposition(5 * network[2].weight.detach()),
    ]
    biases = [layer.bias.detach().clone() for layer in network]
    with torch.no_grad():
        for layer in network:
            layer.weight *= 5
    clip_singular_values_(network)
    assert torch.allclose(network[0].weight.flatten(1), wanted[0], atol=1e-6)
    assert torch.allclose(network[1].weight.movedim(1, 0).flatten(1), wanted[1], atol=1e-6)
    assert torch.allclose(network[2].weight, wanted[2], atol=1e-6)
    assert all(torch.equal(layer.bias, b) for layer, b in zip(network, biases, strict=True))


def test_gains_stay_below_the_running_deviation_and_above_a_hundredth_of_it():
    norm = BatchNorm(3)
    with torch.no_grad():
        norm.running_var.fill_(4.0)
        norm.weight.copy_(torch.tensor([5.0, -1.0, 1.0]))
        norm.bias.fill_(7.0)
    Singular().enforce(nn.Sequential(norm))
    assert norm.weight.tolist() == pytest.approx([2.0, 0.02, 1.0])
    assert norm.bias.tolist() == [7.0] * 3
    without = BatchNorm(3, offset=False)
    assert without.bias is None
    assert without(torch.randn(4, 3)).shape == (4, 3)


def test_any_adversarial_game_takes_it_and_clips_every_so_many_steps():
    game, feed, table = play("gan", constraint={"kind": "singular", "every": 3, "limit": 0.5})
    assert isinstance(game.constraint, Singular)

    def largest() -> float:
        return float(game.constraint.statistics(game.discriminator)["sigma_max"])

    assert largest() <= 0.5 + 1e-4
    held = []
    for _ in range(6):
        with torch.no_grad():
            game.discriminator.head.score.weight.mul_(100)
        rounds(game, feed, table, 1)
        held.append(largest() <= 0.5 + 1e-4)
    assert held == [False, False, True, False, False, True]


def test_a_second_rule_is_refused():
    with pytest.raises(UsageError, match="without spectral normalisation"):
        Singular().install(sn(nn.Sequential(nn.Linear(3, 2))))
