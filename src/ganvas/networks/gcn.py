"""Graph convolutions (Kipf & Welling 2017): each layer averages over neighbours, then is linear.

Links enter as the sparse matrix Â = D^(−1/2) (A + I) D^(−1/2) of `propagation`.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.nn import Dropout, initialise


class GCN(Settings):
    """Settings of a graph encoder with one hidden layer.

    Attributes:
        width: units of the hidden layer.
        dropout: share of each layer's inputs that is left out in training.
    """

    kind: Literal["gcn"] = "gcn"
    width: PositiveInt = 32
    dropout: float = Field(default=0.1, ge=0, lt=1)

    def build(self, features: int, *heads: int) -> GCNNet:
        """Return the network for nodes with so many features, with heads of these widths."""
        return GCNNet(self, features, heads)


class GCNNet(nn.Module):
    """(N, F), Â (N, N) → hidden layer → one (N, width) for each head; no biases, Glorot's weights.

    The heads share one propagation: Â (H W) = (Â H) W.
    """

    def __init__(self, config: GCN, features: int, heads: tuple[int, ...]) -> None:
        super().__init__()
        self.dropout = Dropout(config.dropout)
        self.hidden = nn.Linear(features, config.width, bias=False)
        self.heads = nn.ModuleList(nn.Linear(config.width, n, bias=False) for n in heads)
        initialise(self, "glorot")

    def forward(self, x: Tensor, propagate: Tensor) -> list[Tensor]:
        """Return the outputs of the heads for features (N, F) and Â, in the precision of Â."""
        h = torch.relu(propagate @ self.hidden(self.dropout(x)))
        h = propagate @ self.dropout(h)
        return [head(h).to(propagate.dtype) for head in self.heads]


def propagation(links: Tensor, nodes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return Â = D^(−1/2) (A + I) D^(−1/2) as a sparse (nodes, nodes) matrix.

    Args:
        links: each undirected link once, (E, 2), none from a node to itself.
        nodes: N; a node without links keeps its own features.
        dtype: of the entries.
    """
    own = torch.arange(nodes, device=links.device)
    i = torch.cat([links[:, 0], links[:, 1], own])
    j = torch.cat([links[:, 1], links[:, 0], own])
    root = torch.bincount(i, minlength=nodes).to(dtype).rsqrt()
    entries = torch.sparse_coo_tensor(
        torch.stack([i, j]), root[i] * root[j], (nodes, nodes), check_invariants=False
    )
    return entries.coalesce()
