"""S-VGAE: a graph autoencoder with codes on the sphere, to predict links (Davidson et al. 2018).

A graph convolutional encoder gives each node a distribution of codes; two nodes are linked with
probability σ(z_iᵀz_j). With normal codes it is the VGAE of Kipf & Welling (2016), its twin.
"""

from __future__ import annotations

import copy
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganvas.config import Amount, Settings, value_at
from ganvas.data.feed import Feed
from ganvas.data.graph_source import LINKS
from ganvas.data.graphs import TEST, VALIDATION, HeldOut
from ganvas.data.samplers import Streaming, Whole
from ganvas.data.source import Source
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.latents import Latent, VMFLatent
from ganvas.metrics.links import evaluate_links, link_auc
from ganvas.metrics.protocol import Score
from ganvas.networks.gcn import GCN, propagation
from ganvas.play import Adam, Game, OptimiserConfig, Player, Turns


class SVGAEConfig(Settings):
    """The settings of the paper's appendix F.3; the rates are those of its grid.

    Attributes:
        latent: where codes live: on the sphere (``vmf``), or in the plane (``normal``).
        encoder: the graph convolutional network.
        optimiser: of the encoder; the decoder has no weights.
        kl_weight: factor on the divergence from the prior, besides 1/N (Kipf & Welling's code).
        keep: what the model is made of: the encoder of the round that predicted the validation
            links ``best``, as in the paper, or the ``last`` one.
        look_every: rounds between two predictions of the validation links.
    """

    latent: Latent = VMFLatent(dim=15)
    encoder: GCN = GCN()
    optimiser: OptimiserConfig = Adam(lr=0.01, beta1=0.9, beta2=0.999)
    kl_weight: Amount = 1.0
    keep: Literal["best", "last"] = "best"
    look_every: int = Field(default=5, ge=1)


class Kept(nn.Module):
    """An encoder as it was when it predicted the validation links best."""

    auc: Tensor

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.register_buffer("auc", torch.zeros(()))

    def offer(self, encoder: nn.Module, auc: float) -> None:
        """Take over an encoder's weights if it is better."""
        if auc > float(self.auc):
            self.encoder.load_state_dict(encoder.state_dict())
            self.auc.fill_(auc)


class SVGAE(Game[SVGAEConfig]):
    """One player, the encoder of a variational graph autoencoder."""

    system: ClassVar[str] = "svgae"
    one_process: ClassVar[str | None] = "each round plays the whole graph, which is not shared out"

    def __init__(self, config: SVGAEConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        if LINKS not in spec.fields or spec.size is None:
            raise UsageError(
                f"svgae predicts links between the nodes of a graph, and {spec.name} holds no "
                f"links but {spec.domain.plural}. Graphs are citation, blocks, or files of links: "
                "see docs/data.md."
            )
        self.nodes = spec.size
        self.latent = config.latent
        self.encoder = config.encoder.build(
            spec.shape[0], config.latent.width, config.latent.spread
        )
        self.kept = Kept(self.encoder)
        self.players = {"encoder": Player(self.encoder, config.optimiser)}

    def streams(self) -> dict[str, Streaming]:
        """Return that every batch is the whole graph."""
        return {"main": Streaming(batch=self.nodes, sampler=Whole())}

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one epoch: all nodes, all training links, and as many pairs at random."""
        graph = data.next()
        links, propagate = _linked(graph.x, graph[LINKS])
        with turn("encoder") as encoder:
            posterior = self.latent.posterior(*self.encoder(graph.x, propagate))  # q(Z | X, A)
            z = posterior.draw((), turn.noise, "implicit").z  # exact gradients
            others = turn.noise.integers(2 * len(links), self.nodes).view(-1, 2)
            # −E log p(A | Z), where p(A_ij = 1 | Z) = σ(z_iᵀz_j), and KL(q ‖ p)/N
            missed = F.softplus(-_logits(z, links)).mean()
            invented = F.softplus(_logits(z, others)).mean()
            kl = posterior.kl_to_prior().mean()
            weight = value_at(self.config.kl_weight, turn.progress) / self.nodes
            encoder.minimise((missed + invented) / 2 + weight * kl, kl=kl)
        if turn.due(self.config.look_every):
            self._look(data.source, graph.x, propagate, turn)

    @torch.no_grad()
    def _look(self, source: Source, x: Tensor, propagate: Tensor, turn: Turns) -> None:
        """Predict the validation links from means; keep the encoder if none was better."""
        if VALIDATION in source.splits:
            held_out = HeldOut.of(source.items(VALIDATION))
            self.encoder.eval()
            z = self._centres(self.encoder, x, propagate)
            self.encoder.train()
            logits = _logits(z, torch.from_numpy(held_out.pairs).to(z.device))
            auc = link_auc(logits.cpu(), held_out.linked)
            self.kept.offer(self.encoder, auc)
            turn.log(**{"validation/auc": auc})
        elif self.config.keep == "best":
            raise UsageError(
                "game.keep=best compares encoders by links that are kept out of training: set "
                "data.hold_out=0.1, or game.keep=last."
            )

    def _centres(self, encoder: nn.Module, x: Tensor, propagate: Tensor) -> Tensor:
        return self.latent.posterior(*encoder(x, propagate)).centre

    # ---- what a trained model can do ------------------------------------------------------------

    def model(self) -> dict[str, nn.Module]:
        """Return the encoder that inference uses."""
        best = self.config.keep == "best"
        return {"kept": self.kept} if best else {"encoder": self.encoder}

    def encode_nodes(self, x: Tensor, links: Tensor) -> Tensor:
        """Return the codes (N, K) of a graph's nodes with features (N, F) and links (E, 2)."""
        encoder = self.kept.encoder if self.config.keep == "best" else self.encoder
        _, propagate = _linked(x, links)
        return self._centres(encoder, x, propagate)

    def predict_links(self, x: Tensor, links: Tensor, pairs: Tensor) -> Tensor:
        """Return the probabilities (M,) of links between pairs (M, 2) of a graph's nodes."""
        return _logits(self.encode_nodes(x, links), pairs).sigmoid()

    @torch.no_grad()
    def measures(self, source: Source, seed: int = 0) -> dict[str, Score]:
        """Return how well the source's test links are predicted; nothing without any."""
        if TEST not in source.splits:
            return {}
        graph = source.items(TEST)
        held_out = HeldOut.of(graph)
        device = next(self.parameters()).device
        x = source.spec.domain.encode(graph.x).to(device)
        z = self.encode_nodes(x, torch.from_numpy(graph[LINKS]).to(device))
        logits = _logits(z, torch.from_numpy(held_out.pairs).to(device))  # chances round to ties
        reference = f"{source.spec.name}, {TEST} links"
        return evaluate_links(logits.cpu(), held_out, reference, encoder=self.config.keep)


def _linked(x: Tensor, links: Tensor) -> tuple[Tensor, Tensor]:
    """Return links (E, 2) and the matrix Â by which nodes with features (N, F) see one another."""
    return links, propagation(links, len(x), x.dtype)


def _logits(z: Tensor, pairs: Tensor) -> Tensor:
    """Return z_iᵀz_j for pairs (M, 2)."""
    return (z[pairs[:, 0]] * z[pairs[:, 1]]).sum(1)
