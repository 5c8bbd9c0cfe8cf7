"""StyleGAN2's game: path lengths, lazy steps, mixing, w̄, and what samples can be told."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from ganvas.data.domains.images import Images
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.path_length import PathLength, PathMean, path_lengths
from ganvas.games.parts.penalties import penalise
from ganvas.games.parts.penalties.zero_centred import R1
from ganvas.games.stylegan2 import StyleGAN2, StyleGAN2Config
from ganvas.latent.spaces import space_of
from ganvas.networks.conditions import NONE
from ganvas.networks.stylegan2 import (
    PRESETS,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
    StyleGAN2GeneratorNet,
)
from ganvas.nn import noisy
from ganvas.play import Adam, Noise, Player, Turns, build, has
from ganvas.play.abilities import HasStyles
from ganvas.recipes import load_recipe
from ganvas.training.average import MovingAverage
from ganvas.training.settings import Average
from tests.games.cases import PLAIN, STYLED, digits8, digits16

TINY = STYLED | {"width": 8, "depth": 2}


def made(source: Any = digits8, **settings: Any) -> StyleGAN2:
    networks = {"generator": TINY, "discriminator": STYLED}
    told = {**networks, "latent": {"kind": "normal", "dim": 8}} | settings
    game = build(StyleGAN2, StyleGAN2.Config.model_validate(told), source().spec, 0)
    return cast(StyleGAN2, game)


def table(game: StyleGAN2, batch: int = 8) -> tuple[Feed, Turns]:
    feed = Feed(digits8(), batch=batch, seed=0, streams=game.streams())
    turns = Turns(game.train().players, Noise(0))
    turns.hold()
    return feed, turns


# ---- path lengths -------------------------------------------------------------------------------


def linear(matrices: Tensor, side: int) -> Callable[[Tensor], Tensor]:
    """Return g(w) = Σ_l A_l w_l as images (N, 1, side, side), of matrices (L, side², D)."""
    return lambda w: torch.einsum("lpd,nld->np", matrices, w).view(-1, 1, side, side)


def test_a_linear_generator_has_the_length_of_its_matrix() -> None:
    matrix = torch.randn(1, 64, 200)
    found = path_lengths(linear(matrix, 8), torch.randn(4096, 1, 200), Noise(0))
    wanted = matrix.norm() / 8  # ‖A‖_F/√(HW)
    assert found.square().mean().sqrt() == pytest.approx(wanted.item(), rel=0.02)
    orthogonal = torch.linalg.qr(torch.randn(200, 64)).Q.T[None] * 8
    lengths = path_lengths(linear(orthogonal, 8), torch.randn(4096, 1, 200), Noise(1))
    # y of unit variance has a length of variance ½ in many dimensions
    assert (lengths * 8).var() / 64 == pytest.approx(0.5, abs=0.05)


def check_slots(lengths: Callable[..., Tensor] = path_lengths) -> None:
    """Assert that a length is √ of the mean over slots, each with its own share."""
    game = made().double()
    w = torch.randn(3, game.style_slots, 8, dtype=torch.float64)
    made_of = game.generator.synthesise
    with noisy(game.generator, "fixed"):
        found = lengths(made_of, w, _Fixed())
        step, count = 1e-6, w[0].numel()
        away = step * torch.eye(count, dtype=torch.float64).view(count, 1, *w.shape[1:])
        there, back = (made_of((w + way).flatten(0, 1)) for way in (away, -away))
        change = (there - back).sum((1, 2, 3)) / 8 / (2 * step)  # y of ones, over √(8·8)
        slopes = change.view(count, 3).T.view_as(w)
    wanted = slopes.square().sum(2).mean(1).sqrt()
    torch.testing.assert_close(found.detach(), wanted, rtol=1e-5, atol=1e-8)


class _Fixed:
    """Directions of ones."""

    def normal(self, n: int, *shape: int) -> Tensor:
        return torch.ones(n, *shape, dtype=torch.float64)


def test_lengths_are_finite_differences_of_each_slot() -> None:
    check_slots()


def test_directions_are_scaled_by_places_and_not_by_channels() -> None:
    matrix = torch.randn(3 * 16, 20)
    found = path_lengths(
        lambda w: (w[:, 0] @ matrix.T).view(-1, 3, 4, 4), torch.randn(4096, 1, 20), Noise(0)
    )
    assert found.square().mean().sqrt() == pytest.approx(matrix.norm().item() / 4, rel=0.03)


def test_lengths_of_a_game_are_those_of_each_slot() -> None:
    game, z = made(mixing=0.0), next_batch()
    z = game.drawn(z, Noise(0), "batch")
    with noisy(game.generator, "fixed"):
        found = game.lengths(z, _Ones())
        w = game.styles(z.x).detach().requires_grad_()
        pulled = game.generator.synthesise(w).sum() / 8  # y of ones, over √(8·8)
        (slopes,) = torch.autograd.grad(pulled, w)
    torch.testing.assert_close(found.detach(), slopes.square().sum(2).mean(1).sqrt())


class _Ones(Noise):
    """Directions of ones."""

    def __init__(self) -> None:
        super().__init__(0)

    def normal(self, n: int, *shape: int) -> Tensor:
        return torch.ones(n, *shape)


def test_the_mean_length_moves_first_and_is_a_constant() -> None:
    path = PathMean(PathLength())
    lengths = torch.full((4,), 3.0, requires_grad=True)
    for n in range(1, 6):
        cost = path(lengths)
        assert path.mean.item() == pytest.approx(3 * (1 - 0.99**n), rel=1e-5)
        assert cost.item() == pytest.approx(2 * (3 - path.mean.item()) ** 2, rel=1e-5)
    (slope,) = torch.autograd.grad(cost, lengths)
    torch.testing.assert_close(slope, (4 * (lengths - path.mean) / 4).detach())


@pytest.mark.parametrize(
    ("side", "gamma"), [(256, 2.17983e-6), (512, 4.76837e-7), (1024, 1.05964e-7)]
)
def test_weight_2_is_the_papers_weight_of_lengths_summed_over_slots(
    side: int, gamma: float
) -> None:
    assert math.log(2) / (side**2 * (math.log(side) - math.log(2))) == pytest.approx(gamma, 1e-5)
    slots = 2 * int(math.log2(side)) - 2
    summed, a = torch.rand(8) * 100, 40.0  # √Σ_l ‖J_lᵀ y‖², y of variance 1
    mean_of_slots = summed / math.sqrt(slots) / side
    mine = 2 * (mean_of_slots - a / math.sqrt(slots) / side).square()
    torch.testing.assert_close(mine, gamma * (summed - a).square(), rtol=1e-4, atol=0)


# ---- steps --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "lr", "beta2"),
    [(16, 1.88235e-3, 0.990585), (8, 1.77778e-3, 0.991106), (4, 1.6e-3, 0.991992)],
)
def test_lazy_steps_correct_the_optimiser(k: int, lr: float, beta2: float) -> None:
    player = Player(nn.Linear(1, 1), Adam(lr=2e-3, beta1=0.0, beta2=0.99), lazy=k)
    group: dict[str, Any] = {}
    player.settings.apply(group, 0.0, 1.0, player.correction)
    assert group["lr"] == pytest.approx(lr, rel=1e-5)
    assert group["betas"] == (0.0, pytest.approx(beta2, abs=1e-6))


def check_lazy_factor() -> None:
    """Assert that the gradient of a step on path lengths is k times that of the penalty."""
    found = []
    for every in (1, 4):
        game = made(path_length={"every": every}, mixing=0.0)
        _, turns = table(game)
        assert game.path is not None
        with turns("generator", lazy=every) as generator:
            z = game.drawn(next_batch(), turns.noise, "batch")
            generator.minimise(game.path(game.lengths(z, turns.noise)))
            found.append(
                [p.grad.clone() for p in generator.seats[0].player.parameters if p.grad is not None]
            )
            generator.skip()
    for one, four in zip(*found, strict=True):
        torch.testing.assert_close(4 * one, four)


def next_batch() -> Any:
    return Feed(digits8(), batch=8, seed=0).next()


def test_gradients_of_lazy_steps_count_k_fold() -> None:
    check_lazy_factor()


def test_a_round_steps_as_the_algorithm_says() -> None:
    game = made(path_length={"every": 2}, penalty_every=4)
    feed, turns = table(game)
    taken = []
    for _ in range(5):
        before = dict(turns.steps)
        game.round(feed, turns)
        taken.append(tuple(turns.steps[name] - before[name] for name in before))
        turns.round += 1
    assert taken == [(2, 2), (1, 1), (2, 1), (1, 1), (2, 2)]
    statistics = turns.take_statistics()
    assert {"loss/generator", "path/generator", "path/mean", "penalty/r1"} <= set(statistics)
    assert game.path is not None
    assert game.path.mean > 0


def test_parts_of_a_batch_are_steps_of_the_whole() -> None:
    game = made(accumulate=2, path_length={"every": 1}, penalty_every=1)
    feed, turns = table(game)
    game.round(feed, turns)
    assert turns.steps == {"generator": 2, "discriminator": 1}
    assert len(game.fewer(next_batch(), turns)) == 4
    six = Feed(digits8(), batch=6, seed=0).next()
    assert len(game.fewer(six, turns)) == 2, "parts are equal"


def test_losses_of_a_discriminator_that_says_nothing() -> None:
    game = made()
    _, turns = table(game)
    for parameter in game.discriminator.parameters():
        nn.init.zeros_(parameter)
    real = next_batch()
    fake = game.fakes(real, turns)
    game.judge.lazy, game.judge.penalties = 0, {}
    assert game.judge.loss(real, fake, turns).value == pytest.approx(2 * math.log(2))
    assert game.judge.confusion(real, fake, turns).value == pytest.approx(math.log(2))


def test_r1_of_a_linear_judge() -> None:
    v, real = torch.randn(64), next_batch()
    cost, _ = penalise(
        lambda x, _: x.flatten(1) @ v, {"r1": R1(weight=10.0)}, real, real, Noise(0), 0.0
    )
    assert cost.item() == pytest.approx(5 * v.square().sum().item(), rel=1e-5)


# ---- styles -------------------------------------------------------------------------------------


def test_mixing_crosses_two_latents_at_one_slot_of_the_batch() -> None:
    game, real, cuts = made(mixing=1.0), next_batch(), set[int]()
    without = made(mixing=0.0)
    for seed in range(20):
        z = game.drawn(real, Noise(seed), "batch").x
        assert z.shape == (8, game.style_slots, 8)
        first = (z == z[:, :1]).all(2)
        assert (first == first[:1]).all()  # the same crossover for all
        cuts.add(int(first[0].sum()))
        assert torch.equal(z[:, 0], without.drawn(real, Noise(seed), "batch").x)
    assert cuts == set(range(1, game.style_slots))
    assert without.drawn(real, Noise(0), "batch").x.shape == (8, 8)
    often = made(mixing=0.9)
    kept = [often.drawn(real, Noise(s), "batch").x for s in range(20)]
    mixed = sum(not z.eq(z[:, :1]).all() for z in kept)
    assert 14 <= mixed <= 20


def check_mean_style_of_the_average() -> None:
    """Assert that what inference uses has w̄, near the mean of its styles."""
    game = made(generator=TINY | {"mean_decay": 0.5})
    feed, turns = table(game)
    average = MovingAverage.of(game, Average(half_life=0.016, ramp_up=0))
    for _ in range(6):
        game.round(feed, turns)
        average.update(8, 48, 1.0)
    with average.applied():
        game.eval()
        mean = game.styles(Noise(5).normal(512, 8))[:, 0].mean(0)
        apart, length = (game.mean_style - mean).norm(), mean.norm()
    assert apart < 0.6 * length
    assert game.mean_style.abs().sum() > 0


def test_averaged_models_have_the_mean_of_styles() -> None:
    check_mean_style_of_the_average()


def test_styles_are_an_ability() -> None:
    game = made().eval()
    assert has(game, HasStyles)
    z = torch.randn(3, 8)
    w = game.styles(z)
    assert w.shape == (3, game.style_slots, 8)
    for layer in game.generator.noises:
        nn.init.constant_(layer.strength, 0.5)
    x = game.synthesise(w)
    assert torch.equal(x, game.synthesise(w))  # stored maps
    stored = [layer.stored for layer in game.generator.noises]
    assert torch.equal(x, game.synthesise(w, maps=stored))
    with torch.no_grad():
        space = space_of(game, "w")
        assert torch.equal(space.synthesise(w[:, 0]), x)
    maps = game.maps(3, Noise(0))
    assert [m.shape for m in maps] == [(3, 1, s, s) for s in (4, 8, 8)]
    assert not torch.allclose(game.synthesise(w, maps=maps), x)
    assert torch.equal(game.synthesise(w, maps=maps), game.synthesise(w, maps=maps))
    one = game.maps(1, Noise(0))
    alike = [m.expand(3, -1, -1, -1) for m in one]
    assert torch.equal(game.synthesise(w, maps=one), game.synthesise(w, maps=alike))
    with pytest.raises(UsageError, match=r"2 noise maps for 3 noisy layers"):
        game.synthesise(w, maps=maps[:2])


def test_options_of_samples() -> None:
    game = made().eval()
    game.generator.mean.value.fill_(0.3)
    for layer in game.generator.noises:
        nn.init.constant_(layer.strength, 0.2)
    z = torch.randn(4, 8)
    with game.posed({"truncation": 0.0, "noise": "none"}):
        x = game.sample(z)
        assert torch.allclose(x, x[:1])
    with game.posed({"truncation": 0.0, "cutoff": 2, "noise": "fixed"}):
        cut = game.sample(z)
    assert not torch.allclose(cut, cut[:1])
    assert game.generator.truncation == (1.0, None)
    assert all(layer.mode == "random" for layer in game.generator.noises)
    mixed = game.prior(4, Noise(0), mix=2)
    w = game.styles(mixed)
    assert torch.equal(w[:, 0], w[:, 1])
    assert not torch.allclose(w[:, 1], w[:, 2])
    with pytest.raises(UsageError, match=r"mix=4: this model has slots 0 to 3"):
        game.prior(4, Noise(0), mix=4)
    with (
        pytest.raises(UsageError, match=r"cutoff=5: this model has 4 slots"),
        game.posed({"cutoff": 5}),
    ):
        pass


# ---- settings -----------------------------------------------------------------------------------


def test_every_configuration_of_the_ladder_plays_a_round() -> None:
    growing = {"fade": 0.008, "rest": 0.008, "restart": False}
    grown = {"generator": PLAIN | {"width": 8, "depth": 1}, "discriminator": PLAIN}
    ladder: dict[str, dict[str, Any]] = {
        "a": {**grown, "growing": growing, "penalty_every": 1, "path_length": None},
        "c": {**grown, "growing": growing, "penalty_every": 16, "path_length": None},
        "d": {**grown, "growing": growing, "penalty_every": 16},
        "f": {},
    }
    ladder["a"]["generator"] |= {"style": "adain"}
    for settings in ladder.values():
        game = made(**settings)
        feed, turns = table(game)
        for stage in game.stages():
            stage.serve(game, feed)
            stage.play(feed, turns)
        assert all(math.isfinite(v) for v in turns.take_statistics().values())
    assert game.slots_in_use == game.style_slots == 4


@pytest.mark.parametrize(
    ("name", "count", "penalty_every", "lengths", "grows"),
    [
        ("A", 26_219_627, 1, False, True),
        ("B", None, 1, False, True),
        ("C", None, 16, False, True),
        ("D", None, 16, True, True),
        ("E", 24_900_764, 16, True, False),
        ("F", 30_370_060, 16, True, False),
    ],
)
def test_configurations_of_the_page_are_those_of_table_1(
    name: str, count: int | None, penalty_every: int, lengths: bool, grows: bool
) -> None:
    page = Path(__file__).parents[2] / "docs" / "systems" / "stylegan2.md"
    told = re.findall(
        r"^\| ([A-F]), [^|]*\| (?:([A-D]) with )?`([^`]*)` \|$", page.read_text(), re.M
    )
    rows: dict[str, list[str]] = {}
    for row, base, words in told:
        rows[row] = [*rows.get(base, []), *words.split()]
    recipe = load_recipe("stylegan2/images", ["game.auto=[]", *rows[name]])
    config = recipe.game_config
    assert isinstance(config, StyleGAN2Config)
    assert config.penalty_every == penalty_every
    assert (config.path_length is not None) == lengths
    assert (config.growing is not None) == grows
    assert isinstance(config.generator, StyleGAN2Generator)
    assert (config.generator.style == "adain") == (name == "A")
    with torch.device("meta"):
        made = StyleGAN2GeneratorNet(config.generator, (3, 1024, 1024), config.latent.dim, NONE)
    # B to D: as E with images of the finest level alone, and one of each while it grows.
    images = sum(p.numel() for one in made.synthesis.to_image[:-1] for p in one.parameters())
    found = sum(p.numel() for p in made.parameters())
    assert found == (count or 23_596_292 + images)


def test_ablations_of_table_4() -> None:
    game = made(
        generator=TINY | {"spectral": True, "demodulate": False},
        constraint={"kind": "spectral"},
        path_length=None,
    )
    feed, turns = table(game)
    game.round(feed, turns)
    assert game.path is None
    assert game.players["generator"].lazy == 0


def test_what_fits_size_and_batch() -> None:
    config = StyleGAN2.Config.model_validate({"auto": ["gamma", "average", "depth"]})
    spec = digits16().spec
    fit = StyleGAN2.fitted(config, spec, 32)
    assert fit.changes["penalties"]["r1"].weight == pytest.approx(2e-4 * 256 / 32)
    assert fit.half_life == 10
    assert fit.changes["generator"].depth == 2
    assert fit.changes["auto"] == ()
    assert len(fit.notes) == 4
    told = StyleGAN2.Config.model_validate(config.model_dump() | dict(fit.changes))
    assert not StyleGAN2.fitted(told, spec, 32).notes
    recipe = load_recipe("stylegan2/images")
    assert recipe.game_config.auto == ("gamma", "average", "depth")  # pyright: ignore[reportAttributeAccessIssue]


def test_batches_that_groups_do_not_divide_are_refused() -> None:
    def refuse(batch: int, **settings: Any) -> None:
        config = StyleGAN2.Config.model_validate({"discriminator": STYLED} | settings)
        StyleGAN2.fitted(config, digits8().spec, batch)

    for batch in (8, 3, 1):  # 3 are one group, and 1 is alone
        refuse(batch)
    with pytest.raises(UsageError, match=r"6 images .* 4 in .*train.batch=8, or .*deviation=3"):
        refuse(6)
    with pytest.raises(UsageError, match=r"batches of 6 images .* train.batch=16"):
        refuse(12, accumulate=2)
    levels = {"8": {"batch": 6}, "256": {"batch": 14}}  # of which digits have no such one
    with pytest.raises(UsageError, match=r"set game.growing.levels.8.batch=8, or"):
        refuse(16, growing={"levels": levels})
    refuse(6, discriminator=STYLED | {"deviation": 0})


def test_sizes_that_no_level_reaches_are_refused() -> None:
    images = Images(channels=1, height=15, width=15)
    for settings in (StyleGAN2Generator(), StyleGAN2Discriminator()):
        with pytest.raises(UsageError, match=r"stylegan2 networks need sides .* data.size=16"):
            build_any(settings, images)


def build_any(settings: StyleGAN2Generator | StyleGAN2Discriminator, images: Images) -> Any:
    return settings.build(images, *((8,) if isinstance(settings, StyleGAN2Generator) else ()))


def test_networks_that_do_not_belong_here_are_refused() -> None:
    dcgan = {"kind": "dcgan", "width": 4, "stages": 2}
    with pytest.raises(UsageError, match=r"has no styles: set game.generator.kind=stylegan2"):
        made(generator=dcgan)
    with pytest.raises(UsageError, match=r"this generator grows: set game.growing"):
        made(generator=PLAIN)
    with pytest.raises(UsageError, match=r"this generator does not grow"):
        made(growing={})


def test_usage_of_levels_is_logged() -> None:
    shares = made().eval().gauge(torch.zeros(1))
    assert list(shares) == ["usage/4", "usage/8"]
    assert sum(shares.values()) == pytest.approx(1)


def test_presets_are_the_ladder() -> None:
    assert set(PRESETS) == {"stylegan2", "stylegan2_e", "stylegan2_d", "stylegan2_a"}
    assert isinstance(made().generator, StyleGAN2GeneratorNet)
    assert isinstance(digits8().spec, DataSpec)


# ---- mistakes -----------------------------------------------------------------------------------


def test_mistakes_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganvas.networks import styled
    from tests.networks.test_stylegan2 import check_gains

    def broken(module: Any, name: str, value: Any, check: Callable[[], None]) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            with pytest.raises(AssertionError):
                check()

    torch.manual_seed(0)
    plain = styled.affine
    broken(
        styled, "affine", lambda width, outputs, bias=1.0: plain(width, outputs, 0.0), check_gains
    )
    broken(styled, "SQRT2", 1.0, check_gains)
    kind = styled.ModulatedConv
    broken(
        styled,
        "ModulatedConv",
        lambda *a, **k: kind(*a, **k | {"demodulate": True}),  # of images, too
        check_gains,
    )

    def of_one_style(make: Any, w: Tensor, noise: Any) -> Tensor:
        return path_lengths(lambda v: make(v.expand(w.shape)), w[:, :1], noise)

    with pytest.raises(AssertionError):
        check_slots(of_one_style)
    from ganvas.play import turn

    seat = turn.Seat.minimise

    def once(self: Any, loss: Any, **options: Any) -> None:
        self._turn.weight = 1.0
        seat(self, loss, **options)

    broken(turn.Seat, "minimise", once, check_lazy_factor)
    from ganvas.networks.styled import MeanStyle

    broken(MeanStyle, "follow", lambda self, w: None, check_mean_style_of_the_average)
