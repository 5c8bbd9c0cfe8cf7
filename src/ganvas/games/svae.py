"""S-VAE: an autoencoder with latents on a sphere (Davidson et al. 2018), and its N-VAE twin."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from ganvas.config import Amount, Settings, value_at
from ganvas.data.feed import Feed
from ganvas.data.source import Source
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.latents import Latent, Posterior, VMFLatent
from ganvas.games.parts.likelihoods import BernoulliLikelihood, Likelihood
from ganvas.metrics.held_out import (
    Estimates,
    Evaluation,
    likelihood_scores,
    neighbour_scores,
)
from ganvas.metrics.protocol import Score
from ganvas.networks import (
    EncoderConfig,
    Generator,
    GeneratorConfig,
    Inference,
    MLPEncoder,
    MLPGenerator,
    inference,
)
from ganvas.nn import Gradient, all_reduce, world_size
from ganvas.play import Adam, Game, Noise, OptimiserConfig, Player, Turns
from ganvas.slices import slices

DECODED = 1 << 24
"""Numbers decoded at once, at most, when a likelihood is estimated."""

SCORE_SAMPLES = 50
"""Importance samples behind `SVAE.score`."""


class SVAEConfig(Settings):
    """The paper's settings for binary images.

    Attributes:
        latent: the space of latents and its posteriors; ``kind: normal`` is the N-VAE.
        likelihood: what the decoder's numbers mean.
        encoder, decoder: networks; the decoder must have no last non-linearity.
        gradient: how samples depend on κ: "corrected", "path" (the authors' code, biased),
            or "implicit".
        samples: latents drawn for each item in training.
        kl_weight: β, the weight of the divergence; a schedule warms it up.
        optimiser: of both networks.
        evaluation: what `ganvas evaluate` measures on held-out items.
    """

    latent: Latent = VMFLatent(dim=2)
    likelihood: Likelihood = BernoulliLikelihood()
    encoder: EncoderConfig = MLPEncoder(widths=(256, 128), init="glorot")
    decoder: GeneratorConfig = MLPGenerator(widths=(128, 256), init="glorot")
    gradient: Gradient = "corrected"
    samples: PositiveInt = 1
    kl_weight: Amount = 1.0
    optimiser: OptimiserConfig = Adam(lr=1e-3, beta1=0.9, beta2=0.999)
    evaluation: Evaluation = Evaluation()


class SVAE(Game[SVAEConfig]):
    """One player: encoder q(z|x) and decoder p(x|z)."""

    system: ClassVar[str] = "svae"
    scores_are: ClassVar[str] = "likelihoods"

    def __init__(self, config: SVAEConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.latent = config.latent
        self.likelihood = config.likelihood
        require_plain(config.decoder)
        self.encoder: Inference = inference(
            config.encoder, spec.domain, self.latent.width, self.latent.spread
        )
        self.decoder: Generator = config.decoder.build(spec.domain, self.latent.width)
        self.players = {"vae": Player([self.encoder, self.decoder], config.optimiser)}

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of Adam on the negative ELBO (Eq. 1) of a batch."""
        x = self.likelihood.observe(data.next().x, turn.noise)
        with turn("vae") as vae:
            q = self.infer(x)
            drawn = q.draw((self.config.samples,), turn.noise, self.config.gradient)
            reconstruction = self.log_likelihood(x, drawn.z)
            divergence = q.kl_to_prior()
            # The correction is zero, with the gradient g_cor of f = log p(x|z) (Eq. 39).
            correction = drawn.correction(reconstruction, baseline(reconstruction.detach()))
            weight = value_at(self.config.kl_weight, turn.progress)
            objective = reconstruction + correction - weight * divergence
            vae.minimise(
                -objective.mean(),
                elbo=(reconstruction - divergence).mean(),
                reconstruction=reconstruction.mean(),
                divergence=divergence.mean(),
            )

    def infer(self, x: Tensor) -> Posterior:
        """Return q(z|x) for items as the encoder sees them."""
        return self.latent.posterior(*self.encoder(x))

    def decoded(self, z: Tensor) -> Tensor:
        """Return the decoder's numbers (…, *shape) for latents (…, width)."""
        return self.decoder(z.flatten(0, -2)).unflatten(0, z.shape[:-1])

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z), (…, N), of observed (N, *shape) and latents (…, N, width)."""
        return self.likelihood.log_prob(x, self.decoded(z))

    # ---- what a trained model can do ------------------------------------------------------------

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        """Return n latents of the prior."""
        return self.latent.prior(n, noise, truncation)

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the mean items (N, *shape) of latents (N, width), in network units."""
        return self.likelihood.mean(self.decoder(z))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the mean of q(z|x), or its direction on a sphere, (N, width)."""
        return self.infer(self.likelihood.inputs(x)).centre

    def decode(self, code: Tensor) -> Tensor:
        """Return the mean items (N, *shape) of latents (N, width), as `sample` does."""
        return self.sample(code)

    def draw(self, x: Tensor, noise: Noise) -> Tensor:
        """Return latents (N, width) drawn from q(z|x)."""
        return self.infer(self.likelihood.inputs(x)).draw((), noise, "path").z

    def reconstruct(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the mean item of each item's mean latent."""
        return self.sample(self.encode(x))

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the importance-weighted log-likelihood of each item, (N,), of 50 samples.

        Its random numbers are always the same.
        """
        return self.estimates(x, Noise(0, x.device), SCORE_SAMPLES).log_likelihood

    @torch.no_grad()
    def estimates(self, x: Tensor, noise: Noise, samples: int) -> Estimates:
        """Return what so many samples of q(z|x) tell of the likelihood of items (N, *shape).

        log p(x) ≥ E log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x) (Burda et al. 2016), and the closed-form
        divergence.
        """
        observed = self.likelihood.observe(x, noise)
        step = DECODED // (samples * x[0].numel())
        parts = [self._estimate(observed[part], noise, samples) for part in slices(len(x), step)]
        return Estimates(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def _estimate(self, x: Tensor, noise: Noise, samples: int) -> Estimates:
        q = self.infer(x)
        z = q.draw((samples,), noise, "path").z
        conditional = self.log_likelihood(x, z)
        weights = conditional + self.latent.log_prior(z) - q.log_prob(z)
        return Estimates(
            weights.logsumexp(0) - torch.tensor(samples).log(),
            conditional.mean(0),
            q.kl_to_prior(),
        )

    def measures(self, source: Source, seed: int) -> dict[str, Score]:
        """Return likelihood and neighbour accuracy on held-out items."""
        device = self.encoder.location.weight.device
        asked, noise = (source, self.config.evaluation, seed, device), Noise(seed, device)
        likelihood = likelihood_scores(lambda x, n: self.estimates(x, noise, n), *asked)
        return likelihood | neighbour_scores(self.encode, *asked)


def baseline(f: Tensor) -> Tensor:
    """Return for each of f (S, N) the mean of the others, over all processes, (S, N).

    The others are the same item's samples, where it has several, else the batch's.
    """
    samples = len(f)
    if samples > 1:
        return (f.sum(0) - f) / (samples - 1)
    count = f.numel() * world_size()
    return (all_reduce(f.sum()) - f) / max(count - 1, 1)


def require_plain(decoder: GeneratorConfig) -> None:
    """Refuse a decoder whose output is bounded.

    Raises:
        UsageError: it is: likelihoods take log-odds, or means without bounds.
    """
    output = getattr(decoder, "output", "none")
    if output != "none":
        raise UsageError(
            f"game.decoder.output={output} bounds the decoder, but a likelihood takes unbounded "
            "numbers; use game.decoder.output=none"
        )
