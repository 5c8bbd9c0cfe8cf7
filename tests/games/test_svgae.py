"""S-VGAE: the loss by hand, what is kept, capabilities, and learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ganvas.data.feed import Feed
from ganvas.data.graph_laws import GraphLaw, blocks, citation
from ganvas.data.graph_source import GraphSource
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.games.svgae import SVGAE, SVGAEConfig
from ganvas.networks.gcn import propagation
from ganvas.nn import HypersphericalUniform, VonMisesFisher
from ganvas.play import Noise, Turn, Turns, build

SPHERE = {"kind": "vmf", "dim": 3}
PLANE = {"kind": "normal", "dim": 4}
LEARNT = 0.73


def papers(nodes: int = 120, hold_out: float = 0.2) -> GraphSource:
    law = citation(nodes, 3 * nodes, 40, 3)
    return GraphSource(law.collection, DataSettings(source="papers", hold_out=hold_out), law)


def table(source: Source, kind: type[SVGAE] = SVGAE, **settings: Any) -> tuple[Any, Feed, Turns]:
    """Return a fresh game, its data and its table."""
    game = build(kind, SVGAEConfig.model_validate(settings), source.spec, 0).train()
    turns = Turns(game.players, Noise(0))
    turns.hold()
    return game, Feed(source, batch=1, seed=0, streams=game.streams()), turns


def play(game: Any, feed: Feed, turns: Turns, rounds: int) -> None:
    for number in range(rounds):
        turns.round, turns.progress = number, number / rounds
        game.round(feed, turns)


def graph_of(source: Source) -> tuple[Tensor, Tensor]:
    """Return features and training links."""
    graph = source.items("train")
    assert "links" in graph
    return source.spec.domain.encode(graph.x), torch.from_numpy(graph["links"])


@pytest.mark.parametrize("latent", [SPHERE, PLANE], ids=["vmf", "normal"])
def test_the_loss_is_the_paper_s(latent: dict[str, Any]) -> None:
    """BCE over links and as many pairs at random, and KL/N, with the same draws by hand."""
    source = papers()
    game, feed, turns = table(source, latent=latent, encoder={"dropout": 0.0}, kl_weight=3.0)
    x, links = graph_of(source)
    location, spread = game.encoder(x, propagation(links, len(x)))
    noise = Noise(0)
    if latent is SPHERE:
        q = VonMisesFisher(F.normalize(location, dim=1), F.softplus(spread[:, 0]) + 1)
        z, kl = q.rsample(source=noise), kl_divergence(q, HypersphericalUniform(4))
    else:
        q = Normal(location, F.softplus(spread) + 1e-6)
        z = q.mean + q.stddev * noise.normal(len(x), 1, 4)[:, 0]
        kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
    others = noise.integers(2 * len(links), len(x)).view(-1, 2)
    pairs = torch.cat([links, others])
    logits = torch.einsum("mk,mk->m", z[pairs[:, 0]], z[pairs[:, 1]])
    linked = torch.arange(len(pairs)) < len(links)
    wanted = F.binary_cross_entropy_with_logits(logits, linked.float()) + 3 * kl.mean() / len(x)
    game.round(feed, turns)
    found = turns.take_statistics()
    assert found["loss/encoder"] == pytest.approx(wanted.item(), rel=1e-5)
    assert found["kl"] == pytest.approx(kl.mean().item(), rel=1e-5)


def test_a_round_sees_every_node_once_and_other_pairs_each_time() -> None:
    source = papers()
    game, feed, turns = table(source)
    drawn: list[Tensor] = []

    class Listening(Noise):
        def integers(self, n: int, high: int) -> Tensor:
            drawn.append(super().integers(n, high))
            return drawn[-1]

    turns.noise = Listening(0)
    play(game, feed, turns, 2)
    assert feed.seen == 2 * 120
    _, links = graph_of(source)
    assert [len(one) for one in drawn] == [2 * len(links)] * 2
    assert not torch.equal(*drawn)


def test_links_held_out_do_not_touch_training() -> None:
    """Other held-out links, the same training: weights are equal bit for bit."""
    first, second = papers(), papers()
    linked = second.items("validation")["linked"]
    linked[:] = linked[::-1].copy()
    states: list[dict[str, Tensor]] = []
    for source in (first, second):
        game, feed, turns = table(source, encoder={"dropout": 0.0})
        play(game, feed, turns, 4)
        states.append(game.encoder.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_best_encoder_is_kept() -> None:
    source = papers()
    game, feed, turns = table(source, look_every=1)
    seen: list[tuple[float, dict[str, Tensor]]] = []
    for number in range(25):
        turns.round = number
        game.round(feed, turns)
        auc = turns.take_statistics()["validation/auc"]
        seen.append((auc, {k: v.clone() for k, v in game.encoder.state_dict().items()}))
    best, weights = max(seen, key=lambda one: one[0])  # the first of equals
    assert float(game.kept.auc) == pytest.approx(best)
    kept = game.kept.encoder.state_dict()
    assert all(torch.equal(kept[name], weights[name]) for name in weights)
    assert list(game.model()) == ["kept"]
    last, _, _ = table(source, keep="last")
    assert list(last.model()) == ["encoder"]


def test_codes_lie_on_the_sphere_and_links_are_their_products() -> None:
    source = papers()
    game, feed, turns = table(source, latent=SPHERE)
    play(game, feed, turns, 3)
    game.eval()
    x, links = graph_of(source)
    pairs = torch.tensor([[0, 1], [5, 5], [1, 0]])
    with torch.no_grad():
        z, logits = game.encode_nodes(x, links), game.predict_links(x, links, pairs).logit()
    assert z.shape == (120, 4)
    assert torch.allclose(z.norm(dim=1), torch.ones(120), atol=1e-6)
    assert logits[1].item() == pytest.approx(1, abs=1e-5)  # the largest there is
    assert logits[0] == logits[2]
    assert logits[0].item() == pytest.approx(float(z[0] @ z[1]), abs=1e-5)


@pytest.mark.parametrize("latent", [SPHERE, PLANE], ids=["vmf", "normal"])
def test_nodes_of_which_nothing_is_known(latent: dict[str, Any]) -> None:
    """No features and no links: no direction, and no numbers that are not finite."""
    law = citation(60, 150, 20, 2)
    features, links = law.features.copy(), law.links
    features[:5] = 0
    links = links[(links >= 5).all(axis=1)]
    unknown = GraphLaw(law.name, features, law.label, law.communities, links, law.rates)
    source = GraphSource(unknown.collection, DataSettings(source="unknown", hold_out=0.2))
    game, feed, turns = table(source, latent=latent, encoder={"dropout": 0.5})
    play(game, feed, turns, 5)
    assert float(turns.cancelled) == 0
    game.eval()
    assert game.encode_nodes(*graph_of(source)).isfinite().all()
    assert all(np.isfinite(score.value) for score in game.measures(source).values())


def test_scores_name_the_encoder_and_need_links_held_out() -> None:
    source = papers()
    game, feed, turns = table(source, keep="last")
    play(game, feed, turns, 1)
    scores = game.eval().measures(source)
    assert set(scores) == {"link_auc", "link_ap"}
    assert scores["link_auc"].protocol.settings == (("encoder", "last"),)
    assert scores["link_auc"].floor is not None
    assert scores["link_auc"].floor > 0.9
    everything = papers(hold_out=0.0)
    assert game.measures(everything) == {}
    play(*table(everything, keep="last"), 1)
    with pytest.raises(UsageError, match="set data.hold_out=0.1, or game.keep=last"):
        play(*table(everything), 1)


def test_points_are_no_graph() -> None:
    ring = open_data(DataSettings(source="ring8"))
    with pytest.raises(UsageError, match="ring8 holds no links but points"):
        table(ring)


class Backwards(Turns):
    """A table at which every loss is turned: links are drawn apart and other pairs together."""

    def __call__(self, *names: str, **named: Any) -> Turn:
        class Turned(Turn):
            def minimise(self, loss: Tensor, **statistics: Any) -> None:
                super().minimise(-loss, **statistics)

        return Turned(self, names, 1.0, {*names})


def learnt(kind: str, broken: bool, seed: int = 0) -> float:
    """Train for seconds without the prior's pull; return the AUC on the test links."""
    law = blocks(200, 4)
    source = GraphSource(law.collection, DataSettings(source="papers", hold_out=0.1), law)
    config = {"latent": {"kind": kind, "dim": 7}, "keep": "last", "kl_weight": 0.0}
    game = build(SVGAE, SVGAEConfig.model_validate(config), source.spec, seed).train()
    turns = (Backwards if broken else Turns)(game.players, Noise(seed))
    turns.hold()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        play(game, Feed(source, batch=1, seed=seed, streams=game.streams()), turns, 60)
    return game.eval().measures(source)["link_auc"].value


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vmf", "normal"])
def test_links_are_learnt_and_with_a_turned_loss_unlearnt(kind: str) -> None:
    assert learnt(kind, broken=False) > LEARNT
    assert learnt(kind, broken=True) < LEARNT
