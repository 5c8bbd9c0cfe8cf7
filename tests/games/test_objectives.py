"""Losses against hand values, slopes, and optima on discrete distributions."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, tensor

from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.classification import Minimax, NonSaturating
from ganvas.games.parts.objectives.hinge import Hinge
from ganvas.games.parts.objectives.least_squares import LeastSquares
from ganvas.games.parts.objectives.relativistic import Relativistic
from ganvas.games.parts.objectives.wasserstein import Wasserstein

ALL = [Minimax(), NonSaturating(), LeastSquares(), Hinge(), Wasserstein(), Relativistic()]
LN2 = math.log(2)


def estimates(objective, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    return objective.estimates(real, fake, objective.discriminator(real, fake))


def slope(loss, logit: float) -> float:
    x = tensor([logit], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(x), x)
    return float(gradient)


@pytest.mark.parametrize("objective", ALL, ids=lambda o: o.kind)
def test_losses_are_scalars_and_finite_for_huge_logits(objective):
    real, fake = tensor([1e4, -1e4, 3.0]), tensor([-1e4, 1e4, 0.5])
    for loss in (objective.discriminator(real, fake), objective.generator(real, fake)):
        assert loss.shape == ()
        assert loss.isfinite()
    assert all(value.isfinite() for value in estimates(objective, real, fake).values())


@pytest.mark.parametrize("objective", ALL, ids=lambda o: o.kind)
def test_settings_survive_being_written_down(objective):
    assert TypeAdapter(AnyObjective).validate_python(objective.model_dump()) == objective


def test_undecided_discriminator_of_the_original_game():
    zero = torch.zeros(5)
    assert Minimax().discriminator(zero, zero).item() == pytest.approx(1.386294, abs=1e-6)
    assert Minimax().generator(None, zero).item() == pytest.approx(-0.693147, abs=1e-6)
    assert NonSaturating().generator(None, zero).item() == pytest.approx(0.693147, abs=1e-6)
    assert estimates(Minimax(), zero, zero)["estimate/js"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("logit", [-20.0, -2.0, 0.0, 1.5])
def test_slopes_of_the_generator_losses(logit):
    share = 1 / (1 + math.exp(-logit))  # D(x̃)
    saturating = slope(lambda x: Minimax().generator(None, x), logit)
    nonsaturating = slope(lambda x: NonSaturating().generator(None, x), logit)
    assert saturating == pytest.approx(-share, rel=1e-9)  # flat where fakes are bad
    assert nonsaturating == pytest.approx(share - 1, rel=1e-9)  # steep where fakes are bad
    assert saturating * nonsaturating > 0  # both want the same


def test_js_estimate_is_exact_for_the_optimal_discriminator():
    # p = (½, ½, 0), q = (0, ½, ½), as U[0, 1] against U[½, 3/2]: logits log p/q, JS = ½ ln 2.
    real, fake = tensor([60.0, 0.0]), tensor([0.0, -60.0])
    assert Minimax().discriminator(real, fake).item() == pytest.approx(LN2, abs=1e-6)
    assert estimates(Minimax(), real, fake)["estimate/js"].item() == pytest.approx(
        0.346574, abs=1e-6
    )
    # Disjoint supports: log 2.
    apart = estimates(Minimax(), tensor([60.0]), tensor([-60.0]))["estimate/js"]
    assert apart.item() == pytest.approx(LN2, abs=1e-6)


def normals(mean: float, n: int = 100_000) -> Tensor:
    """Return n points of N(mean, 1) that lie evenly: sums over them are integrals."""
    shares = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return math.sqrt(2) * torch.erfinv(2 * shares - 1) + mean


def best_logit(x: Tensor, mean: float) -> Tensor:
    """Return log p(x)/q(x) for p = N(0, 1), q = N(mean, 1): the optimal discriminator's logit."""
    return mean**2 / 2 - mean * x


def jensen_shannon(mean: float) -> float:
    on_real, on_fake = best_logit(normals(0), mean), best_logit(normals(mean), mean)
    return estimates(Minimax(), on_real, on_fake)["estimate/js"].item()


@pytest.mark.parametrize(
    ("mean", "js", "value"), [(1, 0.111421, -1.163451), (2, 0.336831, -0.712633)]
)
def test_value_at_the_optimal_discriminator_is_the_js_identity(mean, js, value):
    on_real, on_fake = best_logit(normals(0), mean), best_logit(normals(mean), mean)
    assert -Minimax().discriminator(on_real, on_fake).item() == pytest.approx(value, abs=1e-4)
    assert jensen_shannon(mean) == pytest.approx(js, abs=1e-4)
    assert value == pytest.approx(-math.log(4) + 2 * js, abs=1e-5)


@pytest.mark.parametrize("mean", [0.5, 1.0, 2.0])
def test_nonsaturating_gradient_is_that_of_reverse_kl_minus_two_js(mean):
    # D stays the optimum for this mean while the generator x = mean + e moves (T2 of the lecture).
    moving = tensor(mean, dtype=torch.float64, requires_grad=True)
    loss = NonSaturating().generator(None, best_logit(normals(0) + moving, mean))
    (gradient,) = torch.autograd.grad(loss, moving)
    step = 1e-3
    slope_of_js = (jensen_shannon(mean + step) - jensen_shannon(mean - step)) / (2 * step)
    assert gradient.item() == pytest.approx(mean - 2 * slope_of_js, abs=1e-3)  # KL = mean²/2


def test_least_squares_hand_values_and_optimum():
    real, fake = tensor([1.0, 3.0]), tensor([0.0, 1.0])
    assert LeastSquares().discriminator(real, fake).item() == pytest.approx(1.25)
    assert LeastSquares().generator(None, fake).item() == pytest.approx(0.25)
    # Where p and q have shares p and q of a point, the best value is (b·p + a·q)/(p + q).
    p, q, b, a = 3, 1, 1.0, -1.0
    loss = LeastSquares(real=b, fake=a)
    value = tensor((b * p + a * q) / (p + q), requires_grad=True)
    total = p * loss.discriminator(value.view(1), tensor([a])) + q * loss.discriminator(
        tensor([b]), value.view(1)
    )
    (gradient,) = torch.autograd.grad(total, value)
    assert gradient.item() == pytest.approx(0, abs=1e-6)


def test_hinge_hand_values():
    real, fake = tensor([2.0, 0.5], requires_grad=True), tensor([-2.0, 0.5], requires_grad=True)
    loss = Hinge().discriminator(real, fake)
    assert loss.item() == pytest.approx(1.0)
    assert Hinge().generator(None, fake).item() == pytest.approx(0.75)
    assert Hinge().discriminator(torch.zeros(3), torch.zeros(3)).item() == 2
    on_real, on_fake = torch.autograd.grad(loss, (real, fake))
    assert on_real.tolist() == [0, -0.5]  # no gradient beyond the margin
    assert on_fake.tolist() == [0, 0.5]


def test_hinge_optimum_on_a_discrete_law_is_twice_one_minus_tv():
    def loss(f: Tensor) -> Tensor:  # p = (½, ½, 0), q = (0, ½, ½): TV = ½
        return Hinge().discriminator(f[:2], f[1:])

    best = tensor([1.0, 0.0, -1.0])  # sign(p − q)
    assert loss(best).item() == pytest.approx(1.0)
    assert estimates(Hinge(), best[:2], best[1:])["estimate/tv"].item() == pytest.approx(0.5)
    others = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * 2
    assert all(loss(f) >= 1 - 1e-6 for f in others)


def test_a_hinge_margin_scales_the_game():
    real, fake = tensor([2.0, 0.5]), tensor([-2.0, 0.5])
    wide = Hinge(margin=3.0)
    assert wide.discriminator(3 * real, 3 * fake) == 3 * Hinge().discriminator(real, fake)
    assert wide.discriminator(tensor([3.0]), tensor([-3.0])) == 0
    told, plain = estimates(wide, 3 * real, 3 * fake), estimates(Hinge(), real, fake)
    for name in ("estimate/tv", "estimate/spread"):
        assert told[name].item() == pytest.approx(plain[name].item())
    assert plain["estimate/spread"].item() == pytest.approx(
        tensor([2, 0.5, -2, 0.5]).std(correction=0)
    )
    same = torch.full((2,), 0.7)
    assert estimates(Hinge(), same, same)["estimate/spread"].item() == pytest.approx(0, abs=1e-6)


def test_wasserstein_hand_values():
    real, fake = tensor([1.0, 3.0]), tensor([0.0, 1.0])
    loss = Wasserstein()
    assert loss.discriminator(real, fake).item() == pytest.approx(-1.5)
    assert estimates(loss, real, fake)["estimate/wasserstein"].item() == pytest.approx(1.5)
    assert loss.generator(None, fake).item() == pytest.approx(-0.5)
    assert loss.discriminator(fake, real).item() == pytest.approx(1.5)  # real and fake swapped


def test_wasserstein_ignores_the_critics_level():
    real, fake = tensor([1.0, 3.0]), tensor([0.0, 1.0], requires_grad=True)
    loss = Wasserstein()
    assert loss.discriminator(real + 7, fake + 7).item() == pytest.approx(
        loss.discriminator(real, fake).item()
    )
    plain = torch.autograd.grad(loss.generator(None, fake), fake)
    lifted = torch.autograd.grad(loss.generator(None, fake + 7), fake)
    assert torch.equal(plain[0], lifted[0])


def test_negated_critic_reproduces_the_official_numbers():
    # The official code minimises f(real) − f(fake) with f = −critic, and prints that as Loss_D.
    real, fake = tensor([1.0, 3.0]), tensor([0.0, 1.0])
    official_d = (-real).mean() - (-fake).mean()
    official_g = (-fake).mean()
    assert Wasserstein().discriminator(real, fake) == official_d
    assert Wasserstein().generator(None, fake) == official_g
    assert estimates(Wasserstein(), real, fake)["estimate/wasserstein"] == -official_d


def test_drift_is_added_to_the_loss_but_not_to_the_estimate():
    real, fake = tensor([1.0, 3.0]), tensor([0.0, 1.0])
    loss = Wasserstein(drift=0.1)
    assert loss.discriminator(real, fake).item() == pytest.approx(-1.5 + 0.1 * 5)
    assert estimates(loss, real, fake)["estimate/wasserstein"].item() == pytest.approx(1.5)


def test_relativistic_at_equal_logits_and_under_shifts():
    logits = tensor([0.3, -2.0, 5.0])
    pairing = Relativistic()
    assert pairing.discriminator(logits, logits).item() == pytest.approx(LN2)
    assert pairing.generator(logits, logits).item() == pytest.approx(LN2)
    real, fake = tensor([1.0, 2.0, 0.0]), tensor([-1.0, 0.5, 3.0])
    for loss in (pairing.discriminator, pairing.generator):
        assert loss(real + 11, fake + 11).item() == pytest.approx(loss(real, fake).item())
    assert estimates(pairing, real, fake)["estimate/preference"].item() == pytest.approx(2 / 3)


def test_relativistic_pairs_by_place():
    real, fake = tensor([0.0, 4.0]), tensor([0.0, 4.0])
    softplus = torch.nn.functional.softplus
    crossed = Relativistic().discriminator(real, fake.flip(0))
    assert crossed.item() == pytest.approx(float(softplus(tensor([4.0, -4.0])).mean()))
    assert crossed > Relativistic().discriminator(real, fake)
    with pytest.raises(ValueError, match="real samples"):
        Relativistic().generator(None, fake)
