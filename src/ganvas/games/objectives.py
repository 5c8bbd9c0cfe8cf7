"""Adversarial losses: what the discriminator and the generator minimise, on logits.

Each is a pair of functions of per-sample logits (N,), without state. Fakes seen by
`discriminator` carry no gradient to the generator; `generator` is given the logits of real samples
only where ``needs_real`` says so. `estimates` tells what the discriminator's loss on these logits
says about the distance of data and fakes.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganvas.config import Settings


class _Classification(Settings):
    """The discriminator of the original game: a classifier of real against fake.

    Attributes:
        real: target of real samples. Below 1 it is one-sided label smoothing (Salimans et al. 2016,
            section 3.4): D is to be no surer than that, and what fakes are told stays the same.
    """

    needs_real: ClassVar[bool] = False
    real: float = Field(default=1.0, gt=0.5, le=1)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return −E[α log D(x) + (1 − α) log(1 − D(x))] − E log(1 − D(x̃)), D = σ(logit)."""
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        return loss if self.real == 1 else loss + (1 - self.real) * real.mean()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return the lower bound log 2 + V/2 of the Jensen–Shannon divergence, in nats."""
        return {"estimate/js": math.log(2) - loss / 2} if self.real == 1 else {}


class Minimax(_Classification):
    """min_G max_D V = E log D(x) + E log(1 − D(G(z)))   (Goodfellow et al. 2014, Eq. 1)."""

    kind: Literal["minimax"] = "minimax"

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return E log(1 − D(x̃)); its slope −D(x̃) vanishes where fakes are bad."""
        return -F.softplus(fake).mean()


class NonSaturating(_Classification):
    """The same discriminator, and −log D(G(z)) for the generator (Goodfellow et al. 2014, §3)."""

    kind: Literal["nonsaturating"] = "nonsaturating"

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return −E log D(x̃); its slope D(x̃) − 1 is steepest where fakes are bad."""
        return F.softplus(-fake).mean()


class ReverseKL(_Classification):
    """The same discriminator, and both generator losses added up (memoryGAN's code)."""

    kind: Literal["reverse_kl"] = "reverse_kl"

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return E log(1 − D(x̃)) − E log D(x̃) = −E logit: KL(p_G‖p) at the best D."""
        return -fake.mean()


class UpDown(Settings):
    """E D(x̃) − E D(x) and −E D(x̃), D = σ(logit): probabilities without logs (memoryGAN's code)."""

    kind: Literal["updown"] = "updown"
    needs_real: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the difference of the mean probabilities of being real."""
        return fake.sigmoid().mean() - real.sigmoid().mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return −E D(x̃)."""
        return -fake.sigmoid().mean()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return the lower bound −L_D of the total variation between data and fakes."""
        return {"estimate/tv": -loss}


class LeastSquares(Settings):
    """½E(D(x) − b)² + ½E(D(x̃) − a)², and ½E(D(x̃) − c)² for the generator (Mao et al. 2017).

    Attributes:
        real: b, the target of real samples.
        fake: a, the target of fakes.
        wanted: c, what the generator wants fakes to be taken for.
    """

    kind: Literal["least_squares"] = "least_squares"
    needs_real: ClassVar[bool] = False
    real: float = 1.0
    fake: float = 0.0
    wanted: float = 1.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return half the mean squared distances from the targets."""
        return ((real - self.real).square().mean() + (fake - self.fake).square().mean()) / 2

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return half the mean squared distance of fakes from ``wanted``."""
        return (fake - self.wanted).square().mean() / 2

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return nothing: this loss estimates no distance that is reported."""
        return {}


class Hinge(Settings):
    """E max(0, 1 − f(x)) + E max(0, 1 + f(x̃)), and −E f(x̃) (Lim & Ye 2017; Miyato et al. 2018).

    The optimum for densities p, q is f = sign(p − q), of value 2(1 − TV(p, q)).
    """

    kind: Literal["hinge"] = "hinge"
    needs_real: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the mean hinge losses of both sides, margin 1."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return −E f(x̃)."""
        return -fake.mean()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return the lower bound 1 − L_D/2 of the total variation between data and fakes."""
        return {"estimate/tv": 1 - loss / 2}


class Wasserstein(Settings):
    """The critic's E f(x̃) − E f(x) and the generator's −E f(x̃) (Arjovsky et al. 2017, Eq. 3).

    Attributes:
        drift: weight of E f(x)², which keeps the critic's level near 0 (Karras et al. 2018).
    """

    kind: Literal["wasserstein"] = "wasserstein"
    needs_real: ClassVar[bool] = False
    drift: float = Field(default=0.0, ge=0)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return L_C = E f(x̃) − E f(x), plus the drift term if any."""
        loss = fake.mean() - real.mean()
        return loss + self.drift * real.square().mean() if self.drift else loss

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return −E f(x̃)."""
        return -fake.mean()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return E f(x) − E f(x̃): K·W₁ for a well trained K-Lipschitz critic."""
        return {"estimate/wasserstein": real.mean() - fake.mean() if self.drift else -loss}


class Relativistic(Settings):
    """Relativistic pairing, RpGAN (Jolicoeur-Martineau 2019; Huang et al. 2024, Eq. 2).

    Real and fake samples are paired by their place in the batch, so there are as many of each.
    """

    kind: Literal["relativistic"] = "relativistic"
    needs_real: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return E softplus(−(D(x) − D(x̃)))."""
        return F.softplus(fake - real).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """Return E softplus(−(D(x̃) − D(x))).

        Raises:
            ValueError: no logits of real samples were given.
        """
        if real is None:
            raise ValueError("the relativistic generator loss compares fakes with real samples")
        return F.softplus(real - fake).mean()

    def estimates(self, real: Tensor, fake: Tensor, loss: Tensor) -> dict[str, Tensor]:
        """Return the share of pairs in which the discriminator prefers the real sample."""
        return {"estimate/preference": (real > fake).float().mean()}


Objective = Annotated[
    Minimax
    | NonSaturating
    | ReverseKL
    | UpDown
    | LeastSquares
    | Hinge
    | Wasserstein
    | Relativistic,
    Field(discriminator="kind"),
]
