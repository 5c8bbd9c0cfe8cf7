"""Self-attention against an explicit loop."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganvas.nn import SelfAttention


def layer(channels: int = 16) -> SelfAttention:
    attention = SelfAttention(channels).double()
    attention.gamma.data.fill_(0.7)
    return attention


def looped(attention: SelfAttention, x: Tensor) -> Tensor:
    """Return the same, place by place and key by key."""
    x = x.detach()
    query, value = attention.query(x), F.max_pool2d(attention.value(x), 2)
    key = F.max_pool2d(attention.key(x), 2)
    taken = torch.zeros(len(x), value.shape[1], *x.shape[2:], dtype=x.dtype)
    places = [(i, j) for i in range(key.shape[2]) for j in range(key.shape[3])]
    for n in range(len(x)):
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                near = [(query[n, :, i, j] @ key[n, :, a, b]).item() for a, b in places]
                weights = torch.tensor(near, dtype=x.dtype).softmax(0)
                for weight, (a, b) in zip(weights, places, strict=True):
                    taken[n, :, i, j] += weight * value[n, :, a, b]
    return x + attention.gamma * attention.out(taken)


@pytest.mark.parametrize("size", [(4, 2), (3, 3)])
def test_attention_is_the_explicit_sum_over_keys(size: tuple[int, int]) -> None:
    attention, x = layer(), torch.randn(2, 16, *size).double()
    torch.testing.assert_close(attention(x), looped(attention, x))


def test_rows_sum_to_one_keys_are_a_quarter_and_it_starts_as_the_identity() -> None:
    attention, x = SelfAttention(8), torch.randn(3, 8, 6, 4)
    assert torch.equal(attention(x), x)
    weights = attention.weights(x)
    assert weights.shape == (3, 24, 6)
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 24))
    assert attention.query.out_channels == 1  # C/8
    assert attention.value.out_channels == 4  # C/2


def test_it_has_second_derivatives() -> None:
    attention, x = layer(8), torch.randn(1, 8, 4, 4).double().requires_grad_()

    def steep(at: Tensor) -> Tensor:
        (slope,) = torch.autograd.grad(attention(at).square().sum(), at, create_graph=True)
        return slope.square().sum()

    way, step = torch.randn_like(x), 1e-5
    (found,) = torch.autograd.grad(steep(x), x)
    ahead, behind = (steep(x + s * step * way) for s in (1, -1))
    torch.testing.assert_close((found * way).sum(), (ahead - behind) / (2 * step))
