"""Point laws with known modes, drawn online.

The laws are those of the mode-coverage literature: ring and grid of Gaussians (Metz et al. 2017;
Srivastava et al. 2017), random and cubic arrangements (DIW-GAN), ten modes in 1,200 dimensions
(VEEGAN, section 4.1), the Swiss roll (Gulrajani et al. 2017), and a circle hidden in 100 dimensions
(S-VAE, section 5.1). Every draw takes the component indices first and the normal noise last, in
float64, and casts to float32 at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ganvas.errors import UsageError, did_you_mean

Float = npt.NDArray[np.float64]
Points = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]

REFERENCE_SEED = 424242
"""Seed of every fixed evaluation set."""


@dataclass(frozen=True, eq=False)
class Law:
    """A mixture of ``K`` Gaussians of equal weight in ``dim`` dimensions.

    Attributes:
        name: the law's name.
        centres: (K, dim) float64; K is 0 for a law without modes.
        sigma: standard deviation of the noise along each noisy axis; None where ``factors`` say it.
        box: (dim, 2) float64, lowest and highest coordinate of the evaluation box, or None.
        factors: (K, dim, dim) float64 matrices A with covariance A Aᵀ, or None.
        noisy: how many leading coordinates carry noise; None: all.
    """

    name: str
    centres: Float
    sigma: float | None
    box: Float | None
    factors: Float | None = None
    noisy: int | None = None

    @property
    def K(self) -> int:
        """Number of modes."""
        return self.centres.shape[0]

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return self.centres.shape[1]

    @property
    def covariances(self) -> Float:
        """Covariance of each mode, (K, dim, dim); one shared read-only matrix where all agree."""
        if self.factors is not None:
            return self.factors @ self.factors.transpose(0, 2, 1)
        variances = np.zeros(self.dim)
        variances[: self.noisy] = (self.sigma or 0.0) ** 2
        return np.broadcast_to(np.diag(variances), (self.K, self.dim, self.dim))

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Points, Index]:
        """Draw ``n`` points.

        Returns:
            The points, (n, dim) float32, and the mode each came from, (n,) int64.
        """
        component = rng.integers(self.K, size=n)
        noise = rng.standard_normal((n, self.dim if self.noisy is None else self.noisy))
        if self.factors is not None:
            noise = (self.factors[component] * noise[:, None, :]).sum(axis=2)
        else:
            noise *= self.sigma or 0.0
        points = self.centres[component]
        points[:, : noise.shape[1]] += noise
        return points.astype(np.float32), component

    def reference(self, n: int, seed: int = REFERENCE_SEED) -> tuple[Points, Index]:
        """Return the fixed evaluation set of ``n`` points; another ``n`` gives another set."""
        return self.sample(n, np.random.Generator(np.random.PCG64(seed)))


@dataclass(frozen=True, eq=False)
class SwissRoll(Law):
    """The planar Swiss roll of Gulrajani et al. (2017): noise 0.25, divided by 7.5, no modes.

    With t = 3π/2·(1 + 2u), u ~ U[0, 1): x = ((t cos t, t sin t) + 0.25 ε) / 7.5, ε ~ N(0, I).
    """

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Points, Index]:
        """Draw ``n`` points, (n, 2) float32; the component of every point is 0."""
        angle = 1.5 * np.pi * (1 + 2 * rng.random(n))
        roll = angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points = (roll + 0.25 * rng.standard_normal((n, 2))) / 7.5
        return points.astype(np.float32), np.zeros(n, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class HiddenCircle(Law):
    """Three clusters on a circle, bent into 100 dimensions (Davidson et al. 2018, section 5.1).

    Angles are von Mises with κ = 10 around 0, 2π/3 and 4π/3. The map is a fixed random network
    of 64 tanh units; every coordinate then has variance near 1, and gets noise 0.1.
    """

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Points, Index]:
        """Draw ``n`` points, (n, 100) float32; the component is the cluster, 0 to 2."""
        points, component, _ = self.with_angles(n, rng)
        return points, component

    def with_angles(self, n: int, rng: np.random.Generator) -> tuple[Points, Index, Float]:
        """Draw points as `sample` does, and return their true angles (n,) as well."""
        component = rng.integers(3, size=n)
        angle = rng.vonmises(0.0, 10.0, n) + 2 * np.pi * component / 3
        weights = np.random.Generator(np.random.PCG64(11))
        first, second = weights.standard_normal((2, 64)), weights.standard_normal((64, self.dim))
        hidden = np.tanh(np.stack([np.cos(angle), np.sin(angle)], axis=1) @ first)
        points = hidden @ second / 5 + 0.1 * rng.standard_normal((n, self.dim))
        return points.astype(np.float32), component, angle


def _cube(half: float, dim: int) -> Float:
    """Return the box [−half, half]^dim as (dim, 2)."""
    return np.tile(np.array([-half, half], np.float64), (dim, 1))


def _ring(name: str, radius: float, sigma: float, half: float) -> Law:
    # k = 0..7 over 8: an inclusive linspace(0, 2π, 8) would put two modes in one place.
    angle = 2 * np.pi * np.arange(8) / 8
    centres = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Law(name, centres, sigma, _cube(half, 2))


def _lattice(name: str, ticks: list[float], dim: int, half: float) -> Law:
    """Return modes on the product grid of ``ticks``, row-major (the last axis runs fastest)."""
    axes = np.meshgrid(*[np.array(ticks, np.float64)] * dim, indexing="ij")
    return Law(name, np.stack([axis.ravel() for axis in axes], axis=1), 0.05, _cube(half, dim))


def _rand25() -> Law:
    """Return 25 tilted ellipses at random places; order of draws: all μ, then all φ, then all ρ."""
    rng = np.random.Generator(np.random.PCG64(7))
    centres: list[Float] = []
    while len(centres) < 25:
        centre = rng.uniform(-4, 4, size=2)
        if all(np.linalg.norm(centre - other) >= 1.0 for other in centres):
            centres.append(centre)
    phi = rng.uniform(0, np.pi, size=25)
    rho = rng.uniform(1, 3, size=25)
    rotation = np.array([[np.cos(phi), -np.sin(phi)], [np.sin(phi), np.cos(phi)]])
    axes = np.stack([0.05 * rho, 0.05 / rho], axis=1)
    factors = rotation.transpose(2, 0, 1) * axes[:, None, :]
    return Law("rand25", np.stack(centres), None, _cube(5, 2), factors=factors)


def _mix1200() -> Law:
    levels = np.array([-1.0, -0.5, 0, 0.5, -2, -2.5, 10, 0.25, -13, -5.5])
    centres = np.repeat(levels[:, None], 1200, axis=1)
    return Law("mix1200", centres, 1.0, None, noisy=700)


_LAWS: dict[str, Callable[[], Law]] = {
    "ring8": lambda: _ring("ring8", 1.0, 0.01, 1.25),
    "ring8_wide": lambda: _ring("ring8_wide", 2.0, 0.02, 2.5),
    "grid25": lambda: _lattice("grid25", [-4, -2, 0, 2, 4], 2, 5),
    "rand25": _rand25,
    "cube27": lambda: _lattice("cube27", [-2, 0, 2], 3, 3),
    "mix1200": _mix1200,
    "circle": lambda: HiddenCircle("circle", np.empty((0, 100)), None, None),
    "swiss_roll": lambda: SwissRoll("swiss_roll", np.empty((0, 2)), None, _cube(3, 2)),
}

LAW_NAMES: tuple[str, ...] = tuple(_LAWS)
"""Names of all point laws."""


@cache
def law(name: str) -> Law:
    """Return the point law called ``name``.

    Raises:
        UsageError: no law has this name.
    """
    if name not in _LAWS:
        raise UsageError(
            f"There is no point law '{name}'.{did_you_mean(name, LAW_NAMES)} "
            f"The laws are {', '.join(LAW_NAMES)}."
        )
    return _LAWS[name]()
