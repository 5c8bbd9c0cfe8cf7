"""Distributions on the sphere: densities, samples, their gradients, rotations."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from ganvas.nn import (
    Axial,
    Gradient,
    HypersphericalUniform,
    PowerSpherical,
    VonMisesFisher,
    geodesic,
    log_sphere_area,
    turn_to,
)

FAMILIES = (VonMisesFisher, PowerSpherical)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pole(m: int, *, axis: int = 0, sign: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    mu = torch.zeros(m, dtype=dtype)
    mu[axis] = sign
    return mu


def some_means(n: int, m: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(n, m, generator=generator(9)), dim=1)


class Ends:
    """Uniform numbers that are all the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def uniform(self, n: int, *shape: int) -> Tensor:
        return torch.full((n, *shape), self.value)

    def normal(self, n: int, *shape: int) -> Tensor:
        return torch.randn(n, *shape, generator=generator())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("gradient", ["corrected", "path", "implicit"])
@pytest.mark.parametrize("m", [2, 3, 5, 20, 100, 512])
def test_samples_lie_on_the_sphere_with_finite_gradients(
    family: type[Axial], gradient: Gradient, m: int
) -> None:
    scale = torch.logspace(-3, 4, 64, requires_grad=True)
    loc = some_means(64, m)
    loc[0], loc[1] = pole(m), pole(m, sign=-1)
    loc.requires_grad_()
    q = family(loc, scale)
    drawn = q.draw((7,), generator(), gradient)
    assert drawn.z.shape == (7, 64, m)
    assert (drawn.z.norm(dim=-1) - 1).abs().max() < 1e-6
    f = drawn.z.square() @ torch.linspace(-1, 1, m)
    total = f + drawn.correction(f) + q.log_prob(drawn.z)
    for slope in torch.autograd.grad(total.sum(), (loc, scale)):
        assert slope.isfinite().all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("m", "kappa"), [(2, 1.0), (3, 10.0), (5, 2.0), (11, 10.0), (60, 300.0)])
def test_sample_mean(family: type[Axial], m: int, kappa: float) -> None:
    loc = some_means(1, m)[0]
    q = family(loc, torch.tensor(kappa))
    z = q.sample((40_000,), generator())
    error = (z @ loc).std().item() / 200
    assert (z @ loc).mean().item() == pytest.approx(q.mean_length().item(), abs=4 * error)
    assert (z.mean(0) - q.mean).abs().max() < 0.02
    # The closed forms are the distribution's own: entropy and divergence are its expectations.
    log_prob = q.log_prob(z)
    error = log_prob.std().item() / 200
    assert -log_prob.mean().item() == pytest.approx(q.entropy().item(), abs=4 * error + 1e-4)
    uniform = HypersphericalUniform(m)
    divergence = (log_prob - uniform.log_prob(z)).mean().item()
    assert kl_divergence(q, uniform).item() == pytest.approx(divergence, abs=4 * error + 1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kappa", [0.0, 0.5, 20.0])
def test_densities_integrate_to_one(family: type[Axial], kappa: float) -> None:
    scale = torch.tensor(kappa, dtype=torch.float64)
    angle = (torch.arange(20_000, dtype=torch.float64) + 0.5) * (2 * math.pi / 20_000)
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    q = family(pole(2, axis=1, dtype=torch.float64), scale)
    assert (q.log_prob(circle).exp().mean() * 2 * math.pi).item() == pytest.approx(1, abs=1e-6)
    height = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 10_000 - 1
    zero = torch.zeros_like(height)
    meridian = torch.stack([(1 - height**2).sqrt(), zero, height], dim=1)
    q = family(pole(3, axis=2, dtype=torch.float64), scale)
    assert (q.log_prob(meridian).exp().mean() * 4 * math.pi).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("m", [2, 3, 17])
def test_no_concentration_is_the_uniform_distribution(family: type[Axial], m: int) -> None:
    q = family(pole(m), torch.zeros(()))
    z = q.sample((5,), generator())
    torch.testing.assert_close(q.log_prob(z), torch.full((5,), -log_sphere_area(m)))
    assert q.kl_to_uniform().item() == pytest.approx(0, abs=1e-5)


def test_the_divergence_does_not_depend_on_the_mean() -> None:
    scale = torch.full((6,), 4.0)
    values = kl_divergence(VonMisesFisher(some_means(6, 9), scale), HypersphericalUniform(9))
    torch.testing.assert_close(values, values[:1].expand(6))


def test_the_divergence_between_two_is_an_expectation() -> None:
    p = VonMisesFisher(some_means(1, 4)[0], torch.tensor(6.0))
    q = VonMisesFisher(pole(4), torch.tensor(2.0))
    z = p.sample((50_000,), generator())
    ratio = p.log_prob(z) - q.log_prob(z)
    error = ratio.std().item() / 50_000**0.5
    assert kl_divergence(p, q).item() == pytest.approx(ratio.mean().item(), abs=4 * error)
    assert kl_divergence(p, p).item() == pytest.approx(0, abs=1e-6)


def slope_of_mean(
    family: type[Axial], m: int, kappa: float, gradient: Gradient, n: int
) -> tuple[float, float, float]:
    """Return the estimated d E μᵀz / dκ, its standard error, and the exact value."""
    scale = torch.full((n,), kappa, requires_grad=True)
    loc = pole(m, axis=1)
    q = family(loc, scale, validate_args=False)
    drawn = q.draw((), generator(), gradient)
    f = drawn.z @ loc
    estimate = (f + drawn.correction(f, q.mean_length().detach())).sum()
    (slopes,) = torch.autograd.grad(estimate, scale)
    exact_scale = torch.tensor(kappa, dtype=torch.float64, requires_grad=True)
    (exact,) = torch.autograd.grad(family(loc.double(), exact_scale).mean_length(), exact_scale)
    return slopes.mean().item(), slopes.std().item() / n**0.5, exact.item()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("m", "kappa"), [(2, 4.0), (3, 2.0), (5, 2.0), (20, 50.0), (100, 500.0)])
@pytest.mark.parametrize("gradient", ["corrected", "implicit"])
def test_gradients_are_unbiased(
    family: type[Axial], m: int, kappa: float, gradient: Gradient
) -> None:
    found, error, exact = slope_of_mean(family, m, kappa, gradient, 40_000)
    assert abs(found - exact) < 4 * error


@pytest.mark.parametrize(("m", "kappa", "biased"), [(5, 2.0, 0.12771), (2, 4.0, 0.02679)])
def test_the_path_alone_is_biased_as_much_as_the_literature_says(
    m: int, kappa: float, biased: float
) -> None:
    found, error, exact = slope_of_mean(VonMisesFisher, m, kappa, "path", 60_000)
    assert abs(found - biased) < 4 * error
    assert abs(found - exact) > 40 * error


def test_published_slopes() -> None:
    wanted = {(5, 2.0): 0.147389, (2, 4.0): 0.038448, (20, 50.0): 0.0031451}
    for (m, kappa), value in wanted.items():
        assert slope_of_mean(VonMisesFisher, m, kappa, "path", 2)[2] == pytest.approx(value, 1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("m", [2, 5, 40])
def test_implicit_slopes_keep_the_distribution_function(family: type[Axial], m: int) -> None:
    """By brute force: move κ, and look where the same share of the density lies below."""
    near = 1 - ((torch.arange(400_000, dtype=torch.float64) + 0.5) * (math.pi / 400_000)).cos()

    def below(kappa: float) -> Tensor:
        """Return the share below each of the points ``near``."""
        q = family(pole(m, dtype=torch.float64), torch.tensor(kappa, dtype=torch.float64))
        log_density = q.scale * q.statistic(near) + (m / 2 - 1) * (near * (2 - near)).log()
        return (log_density - log_density.max()).exp().cumsum(0) / (
            (log_density - log_density.max()).exp().sum()
        )

    kappa, h = 6.0, 0.1
    shares = torch.tensor([0.02, 0.2, 0.5, 0.8, 0.98], dtype=torch.float64)
    low, middle, high = (
        near[torch.searchsorted(below(k), shares)] for k in (kappa - h, kappa, kappa + h)
    )
    q = family(pole(m, dtype=torch.float64)[None], torch.tensor([kappa], dtype=torch.float64))
    slopes = q._with_samples()._slope(middle[None])[0]
    torch.testing.assert_close(slopes, (high - low) / (2 * h), rtol=1e-2, atol=1e-5)


TABLE5 = {
    6: (1.020, 1.268, 1.397, 1.458, 1.440),
    11: (1.008, 1.154, 1.411, 1.369, 1.419),
    21: (1.001, 1.085, 1.342, 1.409, 1.407),
    41: (1.000, 1.027, 1.288, 1.433, 1.423),
    101: (1.000, 1.006, 1.163, 1.360, 1.416),
}


@pytest.mark.parametrize("m", TABLE5)
def test_proposals_for_each_sample(m: int) -> None:
    scale = torch.tensor([1.0, 10.0, 100.0, 1000.0, 10000.0])
    drawn = VonMisesFisher(pole(m).expand(5, m), scale).draw((10_000,), generator(), "path")
    means = drawn.proposals.float().mean(0)
    assert (means <= 1.5).all()
    torch.testing.assert_close(means, torch.tensor(TABLE5[m]), atol=0.07, rtol=0)


def test_each_element_keeps_its_own_first_proposal() -> None:
    """A permutation of the batch permutes the samples: no element sees another's proposals."""

    class Fixed:
        def __init__(self, order: Tensor) -> None:
            self.order, self.generator = order, generator(3)

        def uniform(self, n: int, *shape: int) -> Tensor:
            return torch.rand(n, *shape, generator=self.generator)[self.order]

        def normal(self, n: int, *shape: int) -> Tensor:
            return torch.randn(n, *shape, generator=self.generator)[self.order]

    order = torch.randperm(50, generator=generator(1))
    loc, scale = some_means(50, 6), torch.logspace(-1, 3, 50)
    plain = VonMisesFisher(loc, scale).draw((3,), Fixed(torch.arange(50)))
    moved = VonMisesFisher(loc[order], scale[order]).draw((3,), Fixed(order))
    torch.testing.assert_close(moved.z, plain.z[:, order])
    assert (moved.proposals == plain.proposals[:, order]).all()
    single = VonMisesFisher(loc[:1], scale[:1]).draw((), Fixed(torch.arange(1)))
    assert single.z.shape == (1, 6)
    assert single.score is not None
    assert single.score.shape == (1,)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("gradient", ["corrected", "path", "implicit"])
@pytest.mark.parametrize("m", [2, 3, 5])
@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24])
def test_the_ends_of_the_uniform_numbers_have_finite_slopes(
    family: type[Axial], gradient: Gradient, m: int, uniform: float
) -> None:
    scale = torch.logspace(-3, 4, 32, requires_grad=True)
    drawn = family(pole(m).expand(32, m), scale).draw((), Ends(uniform), gradient)
    f = drawn.z[:, 0]
    (slope,) = torch.autograd.grad((f + drawn.correction(f)).sum(), scale)
    assert drawn.z.isfinite().all()
    assert slope.isfinite().all()


def test_the_slope_of_the_closed_form_at_zero_is_that_of_the_smallest_number() -> None:
    """μᵀz = 1 + log(u + (1 − u) exp(−2κ)) / κ, differentiated in double precision."""
    scale = torch.tensor([12.0, 20.0, 300.0], requires_grad=True)
    drawn = VonMisesFisher(pole(3).expand(3, 3), scale).draw((), Ends(0.0))
    (slope,) = torch.autograd.grad(drawn.z[:, 0].sum(), scale)
    kappa = scale.detach().double().requires_grad_()
    u = torch.tensor(2.0**-24, dtype=torch.float64)
    along = 1 + (u + (1 - u) * (-2 * kappa).exp()).log() / kappa
    (exact,) = torch.autograd.grad(along.sum(), kappa)
    torch.testing.assert_close(slope.double(), exact, rtol=1e-3, atol=0)


def test_turning_is_orthogonal_and_defined_at_the_poles() -> None:
    for mu in (*some_means(20, 5), pole(5), pole(5, sign=-1), pole(5, axis=3)):
        rows = turn_to(mu.expand(5, 5), torch.eye(5))
        torch.testing.assert_close(rows[0], mu)
        torch.testing.assert_close(rows @ rows.T, torch.eye(5))


def test_shapes_and_bad_arguments() -> None:
    q = VonMisesFisher(some_means(4, 3), torch.tensor(2.0))
    assert (q.batch_shape, q.event_shape) == ((4,), (3,))
    assert q.rsample((2, 6)).shape == (2, 6, 4, 3)
    assert q.expand((5, 4)).sample().shape == (5, 4, 3)
    assert VonMisesFisher(pole(7), torch.tensor(1.0)).sample((2,)).shape == (2, 7)
    uniform = HypersphericalUniform(3, (4,))
    assert uniform.sample((2,)).shape == (2, 4, 3)
    assert uniform.log_prob(uniform.sample()).shape == uniform.entropy().shape == (4,)
    with pytest.raises(ValueError, match="loc"):
        VonMisesFisher(torch.ones(3), torch.tensor(1.0))
    with pytest.raises(ValueError, match="scale"):
        VonMisesFisher(pole(3), torch.tensor(-1.0))


def test_bad_arguments_are_refused_after_something_was_compiled() -> None:
    """`torch.compile` switches off validation by default, of all distributions and for good."""
    default = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        with pytest.raises(ValueError, match="loc"):
            VonMisesFisher(torch.ones(3), torch.tensor(1.0))
        VonMisesFisher(torch.ones(3), torch.tensor(1.0), validate_args=False)
    finally:
        Distribution.set_default_validate_args(default)


def test_geodesic_ranks_as_the_cosine_does() -> None:
    x, y = some_means(1, 8), some_means(30, 8)
    assert geodesic(x, y).argsort().tolist() == (x @ y.T)[0].argsort(descending=True).tolist()
    assert geodesic(pole(4), pole(4, sign=-1)).item() == pytest.approx(math.pi)
