"""Graph convolutions against the dense formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.networks.gcn import GCN, propagation

NODES = 7
LINKS = torch.tensor([[0, 1], [1, 2], [0, 2], [3, 4], [2, 4]])  # nodes 5 and 6 are alone


def dense() -> Tensor:
    """Return D^(−1/2) (A + I) D^(−1/2) by its definition."""
    a = torch.eye(NODES, dtype=torch.float64)
    for i, j in LINKS.tolist():
        a[i, j] = a[j, i] = 1
    root = torch.diag(a.sum(1) ** -0.5)
    return root @ a @ root


def test_propagation_is_its_definition() -> None:
    found = propagation(LINKS, NODES, torch.float64).to_dense()
    assert torch.allclose(found, dense(), atol=1e-15)
    largest = torch.linalg.eigvalsh(found)[-1]
    assert largest.item() == pytest.approx(1)
    assert found[5].tolist() == [0, 0, 0, 0, 0, 1, 0]


def test_the_network_is_two_dense_products() -> None:
    net = GCN(width=4, dropout=0.5).build(3, 2, 1).double().eval()
    x = torch.randn(NODES, 3, dtype=torch.float64)
    a, w = dense(), [head.weight.T for head in net.heads]  # pyright: ignore
    h = a @ torch.relu(a @ x @ net.hidden.weight.T)
    location, spread = net(x, propagation(LINKS, NODES, torch.float64))
    assert torch.allclose(location, h @ w[0], atol=1e-12)
    assert torch.allclose(spread, h @ w[1], atol=1e-12)
    gradient = torch.autograd.grad(location.sum(), net.hidden.weight)[0]
    wanted = torch.autograd.grad((h @ w[0]).sum(), net.hidden.weight)[0]
    assert torch.allclose(gradient, wanted, atol=1e-12)


def test_names_of_nodes_do_not_matter() -> None:
    net = GCN(width=4).build(3, 2).eval()
    x, order = torch.randn(NODES, 3), torch.randperm(NODES)
    place = order.argsort()
    (plain,) = net(x, propagation(LINKS, NODES))
    (renamed,) = net(x[order], propagation(place[LINKS], NODES))
    assert torch.allclose(renamed, plain[order], atol=1e-6)


def test_dropout_is_for_training() -> None:
    net = GCN(dropout=0.5).build(3, 2)
    x, a = torch.randn(NODES, 3), propagation(LINKS, NODES)
    assert not torch.equal(net(x, a)[0], net(x, a)[0])
    net.eval()
    assert torch.equal(net(x, a)[0], net(x, a)[0])
