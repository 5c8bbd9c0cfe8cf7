"""M1 + M2 with latents in the plane or on a sphere: few labels, many images (Davidson et al. 2018).

Two latents, stacked (Kingma et al. 2014): z1 holds what is needed to show x, and z2 its style, of
which the class y is no part. All networks learn together.
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor

from ganvas.config import Settings
from ganvas.data.feed import Feed
from ganvas.data.samplers import InTurn, Streaming
from ganvas.data.source import Source
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import chosen
from ganvas.games.parts.latents import Latent, Posterior, VMFLatent
from ganvas.games.parts.likelihoods import BernoulliLikelihood, Likelihood
from ganvas.games.svae import baseline, require_plain
from ganvas.metrics.held_out import accuracy_score, labelled_places
from ganvas.metrics.protocol import Score
from ganvas.networks import (
    Classifier,
    EncoderConfig,
    Generator,
    GeneratorConfig,
    Inference,
    MLPEncoder,
    MLPGenerator,
    between,
    inference,
)
from ganvas.networks.mlp import MLPBody
from ganvas.nn import Draw, Gradient, one_hot
from ganvas.play import Adam, Game, Noise, OptimiserConfig, Player, Turns


class SVAEM2Config(Settings):
    """The paper's settings.

    Attributes:
        z1, z2: the spaces of both latents; any of them may be a plane or a sphere.
        labels: how many training items have a label, equally many of each class; all others are
            taken without theirs.
        label_seed: of the choice of these items.
        labelled_batch: labelled items in a round, over all processes; ``train.batch`` is that of
            the others.
        alpha: weight of the classification loss.
        likelihood: what the decoder's numbers mean.
        encoder, decoder: q(z1|x) and p(x|z1).
        between: hidden layers of q(y|z1), q(z2|z1, y) and p(z1|z2, y).
        gradient: as in S-VAE.
        optimiser: of all networks.
    """

    z1: Latent = VMFLatent(dim=50)
    z2: Latent = VMFLatent(dim=50)
    labels: PositiveInt = 100
    label_seed: int = Field(default=0, ge=0)
    labelled_batch: PositiveInt = 100
    alpha: float = Field(default=1.0, ge=0)
    likelihood: Likelihood = BernoulliLikelihood()
    encoder: EncoderConfig = MLPEncoder(widths=(500,), init="glorot")
    decoder: GeneratorConfig = MLPGenerator(widths=(500,), init="glorot")
    between: MLPBody = MLPBody(widths=(500,), init="glorot")
    gradient: Gradient = "corrected"
    optimiser: OptimiserConfig = Adam(lr=1e-3, beta1=0.9, beta2=0.999)


class Shown(NamedTuple):
    """What is known of items once z1 is drawn: its posterior and draw, and log p(x|z1) (N,)."""

    posterior: Posterior
    drawn: Draw
    log_likelihood: Tensor


class Supervised(NamedTuple):
    """Of labelled items, (N,) each: what is maximised, the bound ℒ in it, and −log q(y|z1)."""

    objective: Tensor
    elbo: Tensor
    classification: Tensor


class SVAEM2(Game[SVAEM2Config]):
    """One player of five networks.

    Attributes:
        classes: K.
    """

    system: ClassVar[str] = "svae-m2"

    def __init__(self, config: SVAEM2Config, spec: DataSpec) -> None:
        super().__init__(config, spec)
        if not spec.classes:
            raise UsageError(
                f"svae-m2 learns to tell classes, and {spec.name} has no labels; "
                "train svae/images instead"
            )
        require_plain(config.decoder)
        self.conditions = chosen(["label"], spec)
        self.classes = spec.classes
        z1, z2, body = config.z1, config.z2, config.between
        joined = z1.width + self.classes
        self.encoder: Inference = inference(config.encoder, spec.domain, z1.width, z1.spread)
        self.decoder: Generator = config.decoder.build(spec.domain, z1.width)
        self.classifier = Classifier(body, z1.width, self.classes)
        self.style: Inference = between(body, joined, z2.width, z2.spread)
        self.content: Inference = between(body, z2.width + self.classes, z1.width, z1.spread)
        self.players = {"vae": Player(list(self.children()), config.optimiser)}  # pyright: ignore[reportArgumentType]

    def streams(self) -> dict[str, Streaming]:
        """Return the stream of labelled items, which rounds go through in turn."""
        config = self.config
        chosen = InTurn(lambda items: labelled_places(items, config.labels, config.label_seed))
        return {"labelled": Streaming(batch=config.labelled_batch, sampler=chosen)}

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step on −(Σℒ + Σ𝒰) − α Σ log q(y|z1), means over items (section 5.3)."""
        known = data.next("labelled")
        labelled = self.config.likelihood.observe(known.x, turn.noise)
        unlabelled = self.config.likelihood.observe(data.next().x, turn.noise)
        with turn("vae") as vae:
            # Every image's z1 is drawn once; labelled and unlabelled ones apart.
            known = self.supervised(labelled, known["label"], turn.noise)

            hidden = self.show(unlabelled, turn.noise)
            every = torch.eye(self.classes).to(unlabelled).expand(len(unlabelled), -1, -1)
            weights = self.classifier(hidden.drawn.z).log_softmax(1)
            # Σ_y q(y|z1) (…) + H(q(y|z1)), all y in one pass.
            bounds = self.bound(hidden, every, turn.noise)
            mixed = (weights.exp() * (bounds - weights)).sum(1)
            unsupervised = self.complete(hidden, mixed)

            vae.minimise(
                -known.objective.mean() - unsupervised.mean(),
                labelled_elbo=known.elbo.mean(),
                unlabelled_elbo=unsupervised.mean(),
                classification=known.classification.mean(),
            )

    def supervised(self, x: Tensor, y: Tensor, noise: Noise) -> Supervised:
        """Return ℒ − α · classification loss of observed (N, *shape) with classes y (N,)."""
        shown = self.show(x, noise)
        bound = self.bound(shown, one_hot(y, self.classes, x.dtype)[:, None], noise).squeeze(1)
        classification = F.cross_entropy(self.classifier(shown.drawn.z), y, reduction="none")
        cost = self.config.alpha * classification
        # Both are expectations over z1: its gradient is completed for their sum.
        objective = self.complete(shown, bound - cost)
        return Supervised(objective, objective + cost, classification)

    def show(self, x: Tensor, noise: Noise) -> Shown:
        """Return one draw of z1 ~ q(z1|x) for each of (N, *shape)."""
        q = self.config.z1.posterior(*self.encoder(x))
        drawn = q.draw((), noise, self.config.gradient)
        return Shown(q, drawn, self.log_likelihood(x, drawn.z))

    def log_likelihood(self, x: Tensor, z1: Tensor) -> Tensor:
        """Return log p(x|z1), (N,), of observed (N, *shape) and latents (N, width)."""
        return self.config.likelihood.log_prob(x, self.decoder(z1))

    def bound(self, shown: Shown, y: Tensor, noise: Noise) -> Tensor:
        """Return E log p(z1|z2, y) − KL(q(z2|z1, y) ‖ p(z2)) + log p(y), (N, Y).

        Args:
            shown: of N items.
            y: classes as weights (N, Y, K).
            noise: for z2.
        """
        z1 = shown.drawn.z[:, None].expand(-1, y.shape[1], -1)
        q = self.infer_style(z1, y)
        drawn = q.draw((), noise, self.config.gradient)
        fit = self.infer_content(drawn.z, y).log_prob(z1)
        correction = drawn.correction(fit, baseline(fit.detach().flatten()[None]).view_as(fit))
        return fit + correction - q.kl_to_prior() - math.log(self.classes)

    def complete(self, shown: Shown, rest: Tensor) -> Tensor:
        """Return the ELBO (N,): log p(x|z1) + H(q(z1|x)) and what z1 costs further on, (N,)."""
        f = shown.log_likelihood + rest
        correction = shown.drawn.correction(f, baseline(f.detach()[None])[0])
        return f + correction + shown.posterior.entropy()

    def infer_style(self, z1: Tensor, y: Tensor) -> Posterior:
        """Return q(z2|z1, y) for (…, width) and weights (…, K)."""
        return self.config.z2.posterior(*_along(self.style, z1, y))

    def infer_content(self, z2: Tensor, y: Tensor) -> Posterior:
        """Return p(z1|z2, y) for (…, width) and weights (…, K)."""
        return self.config.z1.posterior(*_along(self.content, z2, y))

    # ---- what a trained model can do ------------------------------------------------------------

    @property
    def latent(self) -> Latent:
        """The space of styles, which samples are drawn from."""
        return self.config.z2

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        """Return n styles z2 of the prior."""
        return self.config.z2.prior(n, noise, truncation)

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the mean items (N, *shape) of styles (N, width) and classes (N,)."""
        if y is None:
            raise UsageError(f"svae-m2 shows a style in one of its {self.classes} classes: give it")
        z1 = self.infer_content(z, one_hot(y, self.classes, z.dtype)).centre
        return self.config.likelihood.mean(self.decoder(z1))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the mean style z2 of each item, (N, width), of its known or predicted class."""
        z1 = self.centre(x)
        weights = self.classifier(z1).softmax(1) if y is None else one_hot(y, self.classes, x.dtype)
        return self.infer_style(z1, weights).centre

    def reconstruct(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return items in the style of x, of classes y (N,); without y: x itself through z1."""
        if y is None:
            return self.config.likelihood.mean(self.decoder(self.centre(x)))
        return self.sample(self.encode(x), y)

    def predict(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the probabilities of the classes, (N, K), from the mean of q(z1|x)."""
        return self.classifier(self.centre(x)).softmax(1)

    def centre(self, x: Tensor) -> Tensor:
        """Return the mean of q(z1|x), (N, width)."""
        return self.config.z1.posterior(*self.encoder(self.config.likelihood.inputs(x))).centre

    def measures(self, source: Source, seed: int) -> dict[str, Score]:
        """Return the accuracy on held-out items."""
        return accuracy_score(self.predict, source, self.config.labels, seed, self.device)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.encoder.location.weight.device


def _along(network: Inference, *inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the place that a network gives, for inputs with any number of leading dimensions."""
    lead = inputs[0].shape[:-1]
    place = network(torch.cat(inputs, dim=-1).flatten(0, -2))
    return place.location.unflatten(0, lead), place.spread.unflatten(0, lead)
