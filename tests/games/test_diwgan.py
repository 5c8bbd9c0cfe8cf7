"""DIW-GAN: the sheet's invariants."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.data.laws import law
from ganvas.errors import UsageError
from ganvas.games.parts import matching
from ganvas.games.parts.density import (
    herd,
    kmeans,
    leave_one_out_bandwidth,
    log_density,
    log_sum_exp,
    perturbed,
)
from ganvas.games.parts.representatives import bounded, entropy
from ganvas.play import Noise
from ganvas.play.ranks import Ranks
from tests.games.tables import SMALL_IMAGES, TINY, play

B = 16
SMALL: dict[str, Any] = {
    "encoder": TINY,
    "decoder": TINY,
    "representatives": B,
    "candidates": 200,
    "latent": {"kind": "normal", "dim": 4},
    "past": 3,
}


def made(**settings: Any) -> tuple[Any, Any, Any]:
    """Return a game whose autoencoder and representatives are ready."""
    game, feed, table = play("diwgan", batch=B, **(SMALL | settings))
    for number in range(30):
        table.round = number
        game.learn_codes(feed, table)
    game.choose(feed, table)
    table.round = 0
    return game, feed, table


def weights(module: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def step(game: Any, feed: Any, table: Any, count: int = 1) -> None:
    for _ in range(count):
        game.round(feed, table)
        table.round += 1


def weigh(game: Any, fakes: Tensor) -> Tensor:
    return game.fake_weights(fakes, *game.trail.known())


# ---- the game -------------------------------------------------------------------------------


def test_without_alpha_it_is_the_plain_game_bit_for_bit() -> None:
    game, feed, table = made(alpha=0.0)
    step(game, feed, table, 4)
    kept = ("latent", "generator_optimiser", "discriminator_optimiser", "objective")
    settings = game.config.model_dump(include=set(kept))
    plain, feed, table = play("gan", batch=B, **settings)
    step(plain, feed, table, 4)
    assert weights(game.generator).equal(weights(plain.generator))
    assert weights(game.discriminator).equal(weights(plain.discriminator))


def test_the_encoder_rests_but_the_distance_reaches_the_generator_through_it() -> None:
    game, feed, table = made()
    before = weights(game.encoder), weights(game.decoder)
    chosen = game.summary.representatives.clone()
    step(game, feed, table, 3)
    assert weights(game.encoder).equal(before[0])
    assert weights(game.decoder).equal(before[1])
    assert game.summary.representatives.equal(chosen)
    x = torch.randn(B, 2, requires_grad=True)
    loss, _ = game.weighted_distance(x, table)
    (gradient,) = torch.autograd.grad(loss, x)
    assert gradient.abs().sum() > 0
    assert gradient.isfinite().all()


@pytest.mark.parametrize("pairing", ["exact", "auction", "sinkhorn", "soft", "identity"])
def test_every_pairing_plays(pairing: str) -> None:
    game, feed, table = made(pairing=pairing, representatives=2 * B)
    step(game, feed, table, 4)
    statistics = table.take_statistics()
    assert all(math.isfinite(value) for value in statistics.values())
    assert game.trail.filled == 3 * B
    plan = game.pair(torch.rand(B, B), torch.arange(B))
    torch.testing.assert_close(plan.sum(0), torch.ones(B), atol=1e-4, rtol=1e-4)
    if pairing != "soft":
        assert (plan == 1).sum() == B
        assert plan.sum(1).eq(1).all()


def test_a_generator_that_hits_every_representative_costs_nothing_and_stays_finite() -> None:
    game, _, table = made()
    order = torch.randperm(B)
    game.normalised = lambda x: x
    s = game.summary.representatives[order].clone().requires_grad_()
    loss, noted = game.weighted_distance(s, table)
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert noted["distance"].item() == pytest.approx(0, abs=1e-5)
    loss.backward()
    assert s.grad.isfinite().all()


def test_the_first_weights_are_one_and_all_weights_have_mean_one_and_bounds() -> None:
    game, feed, table = made()
    fakes = torch.randn(B, 2)
    assert weigh(game, fakes).eq(1).all()
    assert game.real_weights(torch.arange(B)).eq(1).all()
    step(game, feed, table, 5)
    for found in (weigh(game, fakes), game.real_weights(torch.arange(B))):
        assert found.mean().item() == pytest.approx(1, abs=1e-5)
        assert found.min() > 0
        assert found.max() <= 10 / 0.1
        assert not found.requires_grad
    spread = bounded(torch.tensor([1e-9, 1.0, 1.0, 1e9]))
    assert (spread.max() / spread.min()).item() == pytest.approx(4.0 / 0.1, rel=1e-3)


def test_weights_of_reals_follow_the_distance_of_their_partners() -> None:
    game, _, table = made(weigh_fakes="off")
    game.normalised = lambda x: x
    far = torch.full((B, 2), 0.1)
    far[0] = 0.2
    shifted = game.summary.representatives + far
    game.pair = lambda cost, rows: torch.eye(len(cost))
    for _ in range(120):
        game.weighted_distance(shifted, table)
    found = game.real_weights(torch.arange(B))
    assert (found[0] / found[1]).item() == pytest.approx(2, rel=1e-3)
    assert found[0].item() == pytest.approx(2 * B / (B + 1), rel=1e-3)


def test_a_collapsed_batch_has_equal_weights_and_still_a_slope() -> None:
    game, _, table = made()
    game.normalised = lambda x: x
    point = torch.zeros(B, 2, requires_grad=True)
    for _ in range(4):
        loss, _ = game.weighted_distance(point, table)
    torch.testing.assert_close(weigh(game, point.detach()), torch.ones(B))
    order = game.summary.representatives.norm(dim=1)
    assert (order.argsort() == game.summary.distances.argsort()).float().mean() > 0.8
    (gradient,) = torch.autograd.grad(loss, point)
    assert gradient.abs().sum() > 0


def test_an_outlier_among_fakes_weighs_least() -> None:
    game, _, table = made()
    game.normalised = lambda x: x
    cloud = 0.1 * torch.randn(B, 2, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        game.weighted_distance(cloud, table)
    batch = cloud.clone()
    batch[5] = 4.0
    assert weigh(game, batch).argmin() == 5
    opposite, _, table = made(weigh_fakes="ratio")
    opposite.normalised = lambda x: x
    for _ in range(3):
        opposite.weighted_distance(cloud, table)
    assert weigh(opposite, batch).isfinite().all()


def test_the_trail_holds_the_last_batches_and_never_the_present_one() -> None:
    game, _, table = made()
    game.normalised = lambda x: x
    batches = [torch.full((B, 2), float(number)) for number in range(5)]
    seen: list[Tensor] = []
    weigh = game.fake_weights

    def spy(every: Tensor, past: Tensor, known: Tensor) -> Tensor:
        seen.append(past[-B:].clone())
        return weigh(every, past, known)

    game.fake_weights = spy
    for batch in batches:
        game.weighted_distance(batch, table)
    assert game.trail.recent.shape == (3 * B, 2)
    assert game.trail.recent[:, 0].tolist() == [2.0] * B + [3.0] * B + [4.0] * B
    assert [float(rows[0, 0]) for rows in seen[1:]] == [0, 1, 2, 3]


@pytest.mark.parametrize("reals", ["paired", "off"])
@pytest.mark.parametrize("fakes", ["density", "off"])
def test_each_weight_can_be_left_out(reals: str, fakes: str) -> None:
    game, feed, table = made(weigh_reals=reals, weigh_fakes=fakes)
    step(game, feed, table, 4)
    x = game.sample(torch.randn(B, 4))
    w_r, w_g = game.real_weights(torch.arange(B)), weigh(game, game.normalised(x).detach())
    assert w_r.eq(1).all() == (reals == "off")
    assert w_g.eq(1).all() == (fakes == "off")
    s = game.normalised(x).detach()
    cost = torch.cdist(game.summary.representatives, s)
    partner = matching.exact(cost.T)
    expected = (w_r[partner] * w_g * cost[partner, torch.arange(B)]).mean()
    loss, _ = game.weighted_distance(x, table)
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-4)


def test_huber_distances_are_quadratic_below_and_join_smoothly() -> None:
    game, _, _ = made(huber=0.5)
    d = torch.tensor([0.1, 0.5, 2.0], requires_grad=True)
    bent = game.bent(d)
    torch.testing.assert_close(bent, torch.tensor([0.01, 0.25, 1.75]))
    (slope,) = torch.autograd.grad(bent.sum(), d)
    torch.testing.assert_close(slope, torch.tensor([0.2, 1.0, 1.0]))


def test_latents_are_normalised_on_the_data_and_stay_so() -> None:
    game, feed, table = made()
    again = play("diwgan", batch=B, **SMALL)[1]  # the same stream from its beginning
    codes = game.normalised(again.next("representatives", SMALL["candidates"]).x)
    assert codes.mean(0).abs().max() < 1e-4
    torch.testing.assert_close(codes.std(0), torch.ones(2), atol=1e-4, rtol=0)
    shift = game.summary.shift.clone()
    step(game, feed, table, 3)
    assert game.summary.shift.equal(shift)


def test_what_a_trained_model_tells_of_its_data() -> None:
    game, feed, _ = made()
    x = feed.next().x
    assert game.reconstruct(x).shape == x.shape
    assert game.represented().shape == (B, 2)
    assert game.uncovered().eq(1).all()
    far = game.log_density(x + 50)
    assert (game.log_density(x) > far).all()
    assert entropy(torch.ones(8)).item() == pytest.approx(1)
    assert "trail" not in game.model()
    assert "summary" in game.model()


def test_pairs_of_a_trained_model_are_those_of_a_step() -> None:
    game, feed, table = made(representatives=2 * B)
    step(game, feed, table, 4)
    x, past = game.sample(torch.randn(B, 4)), game.sample(torch.randn(3 * B, 4))
    found = game.pairs(x, past)
    torch.testing.assert_close(found.reals, game.summary.representatives[found.rows])
    assert len(set(found.rows.tolist())) == B
    torch.testing.assert_close(found.fakes, game.normalised(x)[found.columns])
    torch.testing.assert_close(found.distances, (found.reals - found.fakes).norm(dim=1))
    cost = torch.cdist(found.reals, game.normalised(x))
    assert found.distances.sum().item() == pytest.approx(total(cost.detach(), matching.exact(cost)))
    assert found.real_weights.mean().item() == pytest.approx(1)
    known = torch.ones(3 * B, dtype=torch.bool)
    expected = game.fake_weights(found.fakes, game.normalised(past), known)
    torch.testing.assert_close(found.fake_weights, expected)
    whole = game.pairs(game.sample(torch.randn(2 * B, 4)), past)
    assert whole.rows.tolist() == list(range(2 * B))


def test_repeated_samples_are_nearer_than_nearly_all_reals() -> None:
    game, feed, _ = made(candidates=600)
    reals = feed.next("representatives", 600).x
    share = len(game.repeated(reals)) / (600 * 599 / 2)
    assert share == pytest.approx(1e-3, rel=0.5)
    collapsed = reals[:1].expand(5, 2)
    assert game.repeated(collapsed).tolist() == [
        list(p) for p in itertools.combinations(range(5), 2)
    ]


def test_density_of_the_generator_is_that_of_its_samples() -> None:
    game, feed, _ = made()
    x = feed.next().x
    elsewhere = x + 3
    assert (
        game.log_density(x, among=elsewhere) < game.log_density(elsewhere, among=elsewhere)
    ).all()
    assert (game.log_density(x, among=x) > game.log_density(x, among=elsewhere)).all()


@pytest.mark.parametrize("choose", ["herding", "kde", "kmeans", "random"])
def test_every_choice_of_representatives_is_made_once_for_all(choose: str) -> None:
    game, feed, table = made(choose=choose)
    chosen = game.summary.representatives.clone()
    assert len(chosen.unique(dim=0)) == B
    again, _, _ = made(choose=choose)
    assert again.summary.representatives.equal(chosen)
    step(game, feed, table, 2)
    assert game.summary.representatives.equal(chosen)


def test_images_with_a_convolutional_autoencoder() -> None:
    game, feed, table = play(
        "diwgan",
        "digits8",
        batch=B,
        **(SMALL | {"generator": SMALL_IMAGES, "discriminator": SMALL_IMAGES}),
    )
    assert game.encoder.mean.out_features == 16
    for stage in game.stages():
        stage.play(feed, table)
    assert game.eval().reconstruct(feed.next().x).shape == (B, 1, 8, 8)


@pytest.mark.parametrize(
    ("source", "encoder", "plain"),
    [
        ("ring8", TINY | {"batch_norm": True}, r"batch_norm=false"),
        ("digits8", SMALL_IMAGES | {"norm": "batch"}, r"norm=none"),
    ],
)
def test_codes_that_depend_on_their_batch_are_refused(
    source: str, encoder: dict[str, Any], plain: str
) -> None:
    with pytest.raises(UsageError, match=rf"batch norm.*set game\.encoder\.{plain}"):
        play("diwgan", source, batch=B, **(SMALL | {"encoder": encoder}))


def test_a_batch_of_another_size_and_cut_batches_are_refused() -> None:
    game, feed, table = play("diwgan", batch=32, **SMALL)
    with pytest.raises(
        UsageError, match=r"set game\.representatives=32 or more, or train\.batch=16"
    ):
        game.round(feed, table)
    smaller, feed, table = play("diwgan", batch=8, **SMALL)
    step(smaller, feed, table, 4)
    assert smaller.trail.filled == 3 * 8  # N batches as they are
    with pytest.raises(UsageError, match=r"set game\.accumulate=1"):
        play("diwgan", batch=B, **(SMALL | {"accumulate": 2}))


# ---- matching -------------------------------------------------------------------------------


def total(cost: Tensor, column: Tensor) -> float:
    return float(cost[torch.arange(len(cost)), column].sum())


@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_exact_pairs_are_the_cheapest_of_all(n: int) -> None:
    cost = torch.rand(n, n)
    best = min(total(cost, torch.tensor(p)) for p in itertools.permutations(range(n)))
    column = matching.exact(cost)
    assert sorted(column.tolist()) == list(range(n))
    assert total(cost, column) == pytest.approx(best)
    bid, _ = matching.auction(cost)
    assert total(cost, bid) <= best + n * 1e-3 * float(cost.max()) + 1e-6


@pytest.mark.parametrize("warm", [False, True])
def test_auction_and_sinkhorn_are_within_one_per_cent(warm: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(256, 2, generator=generator) for _ in range(2))
    cost = torch.cdist(x, y)
    best = total(cost.detach(), matching.exact(cost))
    prices = potential = None
    if warm:  # what a slightly different problem left behind
        before = torch.cdist(x, y + 0.01)
        _, prices = matching.auction(before)
        _, potential = matching.sinkhorn(before)
    column, _ = matching.auction(cost, prices)
    assert sorted(column.tolist()) == list(range(256))
    assert total(cost, column) <= best * 1.01
    plan, potential = matching.sinkhorn(cost, potential)
    torch.testing.assert_close(plan.sum(0), torch.ones(256), atol=1e-3, rtol=1e-3)
    column = matching.rounded(plan, cost, potential)
    assert sorted(column.tolist()) == list(range(256))
    assert total(cost, column) <= best * 1.01
    unsure = matching.rounded(torch.full_like(plan, 1 / 256), cost, potential)
    assert total(cost, unsure) == pytest.approx(best)


def test_errors_of_rounding_decide_no_auction() -> None:
    """They differ from one number of processes to another; the pairs must not."""
    generator = torch.Generator().manual_seed(0)
    prices = others = None
    reals = torch.randn(8, 2, dtype=torch.double, generator=generator)
    fakes = 0.1 * torch.randn(8, 2, dtype=torch.double, generator=generator)
    for _ in range(40):
        fakes = fakes + 0.01 * torch.randn(8, 2, dtype=torch.double, generator=generator)
        cost = torch.cdist(fakes, reals)
        shaken = cost + 1e-15 * torch.randn(8, 8, dtype=torch.double, generator=generator)
        column, prices = auction_centred(cost, prices)
        found, others = auction_centred(shaken, others)
        assert found.equal(column)
        torch.testing.assert_close(others, prices, atol=1e-8, rtol=0)


def auction_centred(cost: Tensor, prices: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return what a step of training finds, and the prices that it keeps."""
    column, prices = matching.auction(cost, prices)
    return column, prices - prices.mean()


def plan_in_logarithms(cost: Tensor, stages: int = 5, rounds: int = 20) -> Tensor:
    """Sinkhorn's updates as they are written, in double precision."""
    cost = cost.double()
    f = g = torch.zeros_like(cost[0])
    epsilon = middle = cost.median()
    for stage in range(stages):
        epsilon = middle * 0.01 ** (stage / (stages - 1))
        for _ in range(rounds):
            f = -epsilon * ((g - cost) / epsilon).logsumexp(1)
            g = -epsilon * ((f[:, None] - cost) / epsilon).logsumexp(0)
    return torch.exp((f[:, None] + g - cost) / epsilon)


@pytest.mark.parametrize("outlier", [0.0, 30.0, 1000.0])
@pytest.mark.parametrize("modes", [1, 8])
def test_the_fast_plan_is_that_of_plain_updates(modes: int, outlier: float) -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(200, 2, generator=generator) for _ in range(2))
    if modes > 1:  # tight and far apart, shares alike on one side only
        x = 0.01 * x + torch.arange(200)[:, None] % modes
        y = 0.01 * y + (torch.rand(200, 1, generator=generator) * modes).floor()
    y[0] += outlier
    cost = torch.cdist(x, y)
    plan, _ = matching.sinkhorn(cost)
    torch.testing.assert_close(plan.double(), plan_in_logarithms(cost), atol=2e-3, rtol=0)


# ---- densities and representatives ----------------------------------------------------------


def ring(n: int) -> tuple[Tensor, Tensor]:
    points, modes = law("ring8").reference(n)
    return torch.from_numpy(points), torch.from_numpy(modes)


def test_the_bandwidth_is_that_of_a_mode_not_of_the_ring() -> None:
    points, _ = ring(2000)
    scaled = (points - points.mean(0)) / points.std(0)
    sigma = 0.01 / float(points.std(0).mean())
    assert 0.2 * sigma <= leave_one_out_bandwidth(scaled).item() <= sigma


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dim", [0, 1])
def test_terms_that_underflow_are_left_out_of_no_sum(dtype: torch.dtype, dim: int) -> None:
    generator = torch.Generator().manual_seed(0)
    exponents = -(10 ** torch.empty(50, 400, dtype=dtype).uniform_(-2, 4, generator=generator))
    exponents[:, 3] = -torch.inf
    assert log_sum_exp(exponents, dim).equal(exponents.logsumexp(dim))
    nothing = torch.full((2, 2), -torch.inf, dtype=dtype)
    assert log_sum_exp(nothing, dim).equal(nothing[0])


def test_log_density_is_a_mixture_of_gaussians() -> None:
    x, centres = torch.randn(6, 3, dtype=torch.double), torch.randn(9, 3, dtype=torch.double)
    normal = torch.distributions.MultivariateNormal(
        centres, 0.25 * torch.eye(3, dtype=torch.double)
    )
    expected = torch.logsumexp(normal.log_prob(x[:, None]), 1) - math.log(9)
    torch.testing.assert_close(log_density(x, centres, 0.5), expected)


def test_herding_gives_every_mode_its_share() -> None:
    points, modes = ring(2000)
    scaled = (points - points.mean(0)) / points.std(0)
    rows = herd(scaled, 64, leave_one_out_bandwidth(scaled))
    assert len(set(rows.tolist())) == 64
    counts = torch.bincount(modes[rows], minlength=8)
    shares = torch.bincount(modes, minlength=8) / len(modes) * 64
    assert (counts - shares).abs().max() <= 1.5


def test_densities_are_drawn_from_and_k_means_takes_middles() -> None:
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0]], dtype=torch.double)
    draws = perturbed(centres, 4000, 0.5, Noise(0))
    left = draws[draws[:, 0] < 5]
    assert len(left) / 4000 == pytest.approx(0.5, abs=0.03)
    torch.testing.assert_close(
        left.std(0), torch.full((2,), 0.5, dtype=torch.double), atol=0.03, rtol=0
    )
    points, modes = ring(800)
    rows = kmeans(points, 8, Noise(0))
    assert modes[rows].unique().tolist() == list(range(8))
    middle = torch.stack([points[modes == mode].mean(0) for mode in modes[rows]])
    assert (points[rows] - middle).norm(dim=1).max() < 0.006  # σ is 0.01
    assert len(kmeans(points[:20], 20, Noise(0)).unique()) == 20
    assert len(kmeans(points[:5].repeat(4, 1), 9, Noise(0)).unique()) == 9


def test_k_means_is_the_same_in_every_process_and_another_for_every_seed() -> None:
    points, _ = ring(800)
    rows = kmeans(points, 30, Noise(3, ranks=Ranks(0, 2)).branch("choice").whole())
    other = kmeans(points, 30, Noise(3, ranks=Ranks(1, 2)).branch("choice").whole())
    assert rows.equal(other)
    assert not rows.equal(kmeans(points, 30, Noise(4).branch("choice").whole()))


def bandwidth_by_hand(codes: Tensor) -> float:
    """Return the likeliest of 24 widths, every point's density summed over all others."""
    x, n, k = codes.double(), *codes.shape

    def likelihood(width: float) -> float:
        total = 0.0
        for i in range(n):
            apart = (x[torch.arange(n) != i] - x[i]).square().sum(1)
            total += float((-apart / (2 * width**2)).logsumexp(0)) - k * math.log(width)
        return total

    return max(np.logspace(math.log10(0.003), 0, 24), key=likelihood)


@pytest.mark.parametrize("copies", [1, 2])
def test_of_few_items_each_counts_once(tmp_path: Path, copies: int) -> None:
    """However many are asked for, and however often the data have them."""
    points = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    np.save(tmp_path / "points.npy", np.concatenate([points] * copies))
    few: dict[str, Any] = SMALL | {"candidates": 4000, "representatives": 500}
    game, feed, table = play("diwgan", str(tmp_path / "points.npy"), batch=B, **few)
    game.choose(feed, table)
    assert len(game.summary.representatives) == len(game.summary.distances) == 60 * copies
    whole = game.normalised(next(feed.epoch("train", 500)).x).detach()
    codes = whole[:60]
    torch.testing.assert_close(whole.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.std(0), torch.ones(4))
    assert game.summary.bandwidth.item() == pytest.approx(bandwidth_by_hand(codes))
    pairs = torch.tensor([(a - b).norm() for a, b in itertools.combinations(codes, 2)])
    assert game.summary.border.item() == pytest.approx(pairs.quantile(1e-3).item(), rel=1e-3)
    order = [found[:, 0].argsort() for found in (game.summary.representatives, whole)]
    torch.testing.assert_close(game.summary.representatives[order[0]], whole[order[1]])
    for number in range(2):
        table.round = number
        game.round(feed, table)


def test_a_batch_larger_than_the_data_is_told_of_the_data(tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", np.random.default_rng(0).normal(size=(10, 2)))
    game, feed, table = play("diwgan", str(tmp_path / "points.npy"), batch=B, **SMALL)
    with pytest.raises(UsageError, match=r"only 10 representatives; set train\.batch=10$"):
        game.round(feed, table)


def test_what_is_drawn_beside_the_game_differs_from_run_to_run() -> None:
    """Of equal weights and data: the autoencoder's noise, and the part that a step meets."""

    def drawn(seed: int) -> tuple[Tensor, Tensor, Tensor]:
        game, feed, table = play(
            "diwgan", batch=B, **(SMALL | {"representatives": 3 * B, "choose": "kde"})
        )
        table.noise = Noise(seed)
        game.learn_codes(feed, table)
        game.choose(feed, table)
        return weights(game.decoder), game.summary.representatives, game._rows(B, table)

    for mine, same, others in zip(drawn(1), drawn(1), drawn(2), strict=True):
        assert mine.equal(same)
        assert not mine.equal(others)


def test_autoencoder_noise_does_not_touch_the_games_own() -> None:
    game, feed, table = play("diwgan", batch=B, **SMALL)
    before = table.noise.generator.get_state()
    game.learn_codes(feed, table)
    game.choose(feed, table)
    assert table.noise.generator.get_state().equal(before)
    assert isinstance(table.noise, Noise)
