"""The adversarial game: a generator against a discriminator, with exchangeable parts.

Objective, penalties, constraint, prior and the use of labels are values of the configuration and
combine freely; a system is this game with its paper's values, and its own `round` where the
paper's algorithm goes another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, cast

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from ganvas.config import Amount, Settings, value_at
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.augmentation import Augment
from ganvas.games.constraints import Constraint
from ganvas.games.objectives import NonSaturating, Objective
from ganvas.games.penalties import (
    Penalty,
    logits_and_gradient,
    penalise,
    refuse_batch_norm,
    squared_norms,
)
from ganvas.games.priors import Normal, Prior
from ganvas.games.remedies import (
    FeatureMatching,
    History,
    Minibatch,
    VirtualBatchNorm,
    pack,
    pack_around,
    packed_spec,
    tell,
)
from ganvas.games.remembering import Remembering, remember
from ganvas.networks import DiscriminatorConfig, GeneratorConfig
from ganvas.networks.base import Discriminator, Generator
from ganvas.nn import Mixing, Tracking
from ganvas.play import Adam, Game, Noise, OptimiserConfig, Player, Turn, Turns

Rule = Literal["batch", "uniform"]
Parts = list[Batch]
Latents = Sequence[tuple[Tensor, Tensor | None]]
Statistics = dict[str, Tensor]


class Labels(Settings):
    """How labels are used where a game is conditional.

    Attributes:
        fakes: labels of the fakes that the discriminator is shown: those of the real batch, or
            uniform over the classes.
        generator: the same in the generator's turn.
        real_weight, fake_weight: weights of the classification losses, of real samples in the
            discriminator's turn and of fakes in the generator's, if the discriminator classifies
            (AC-GAN, with the weights of Gulrajani et al. 2017).
    """

    fakes: Rule = "batch"
    generator: Rule = "uniform"
    real_weight: float = Field(default=1.0, ge=0)
    fake_weight: float = Field(default=0.1, ge=0)


class AdversarialConfig(Settings):
    """What every adversarial game can be told.

    Attributes:
        latent: the prior of z.
        generator, discriminator: the networks, by preset name or in full.
        generator_optimiser, discriminator_optimiser: how they step.
        objective: the pair of losses.
        penalties: by free names; null takes one away.
        penalty_every: k > 1 plays penalties in a turn of their own every k-th step, k-fold.
        constraint: on the discriminator's weights.
        discriminator_steps: per round.
        generator_batch: fakes per real sample of the batch in the generator's turn.
        conditional: give both networks the data's class labels.
        labels: how labels are used.
        accumulate: parts into which a batch is cut; their gradients are added up.
        packing: samples that the discriminator judges together, as one (PacGAN).
        instance_noise: standard deviation of the noise on all that the discriminator is shown.
        augment: random changes of all images that the discriminator is shown.
        minibatch: what the discriminator is told of a sample's batch.
        virtual_batch_norm: bind the generator's batch norms to a reference batch.
        memory: a memory of clusters in the place of the discriminator's linear score (memoryGAN).
        feature_matching: let the generator match mean features, instead of or beside its loss.
        historical_averaging: λ of each player's distance from the mean of its past.
    """

    latent: Prior = Normal()
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    generator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    objective: Objective = NonSaturating()
    penalties: dict[str, Penalty | None] = Field(default={})
    penalty_every: int = Field(default=1, ge=1)
    constraint: Constraint | None = None
    discriminator_steps: int = Field(default=1, ge=1)
    generator_batch: int = Field(default=1, ge=1)
    conditional: bool = False
    labels: Labels = Labels()
    accumulate: int = Field(default=1, ge=1)
    packing: int = Field(default=1, ge=1)
    instance_noise: Amount = 0.0
    augment: Augment | None = None
    minibatch: Minibatch | None = None
    virtual_batch_norm: VirtualBatchNorm | None = None
    memory: Remembering | None = None
    feature_matching: FeatureMatching | None = None
    historical_averaging: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _pairs_need_equal_numbers(self) -> AdversarialConfig:
        if self.objective.needs_real and self.generator_batch > 1:
            raise ValueError(
                f"objective {self.objective.kind} pairs fakes with real samples: generator_batch "
                f"must be 1, not {self.generator_batch}"
            )
        return self

    @model_validator(mode="after")
    def _packs_have_no_labels(self) -> AdversarialConfig:
        if self.packing > 1 and self.conditional:
            raise ValueError(
                f"packing={self.packing} judges samples of any class together: use it with "
                "conditional=false, or minibatch={kind: discrimination} with labels"
            )
        return self

    def regularisers(self) -> dict[str, Penalty]:
        """Return the penalties in force, by name."""
        return {name: penalty for name, penalty in self.penalties.items() if penalty is not None}


class Verdict(NamedTuple):
    """What the discriminator says of a batch: logits (N,), and class logits (N, K) or None."""

    logits: Tensor
    classes: Tensor | None


class Adversarial(Game):
    """A generator against a discriminator.

    Attributes:
        classes: number of classes if conditional, else 0.
        apart: whether the discriminator must see real and fake samples in separate passes, because
            it has layers that follow or mix what they see (batch norm, power iteration, minibatch
            discrimination).
        packing, instance_noise, matching: the remedies of these names (`games.remedies`).
        augment: random changes of images, if any (`games.augmentation`).
        history: past weights of each player, with historical averaging.
        remembers: whether the discriminator's head is a memory, which follows what it judges.
        at_once: whether one pass gives logits and all gradients that are penalised (R1 with R2).
        lazy: steps between turns of the penalties; 0 if they are part of every turn.
        followers: other players whose buffers follow the data in the generator's turn.
    """

    Config = AdversarialConfig
    averaged: ClassVar[tuple[str, ...]] = ("generator",)
    followers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: AdversarialConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.classes = spec.classes if config.conditional else 0
        self.labels = config.labels
        self.latent = config.latent
        self.objective = config.objective
        self.penalties = config.regularisers()
        self.constraint = config.constraint
        self.discriminator_steps = config.discriminator_steps
        self.generator_batch = config.generator_batch
        self.accumulate = config.accumulate
        self.lazy = config.penalty_every if self.penalties and config.penalty_every > 1 else 0
        self.packing = config.packing
        self.instance_noise = config.instance_noise
        self.augment = config.augment
        if self.augment is not None:
            self.augment.check(spec)
        self.matching = config.feature_matching
        self.generator: Generator = config.generator.build(spec, config.latent.dim, self.classes)
        self.discriminator: Discriminator = config.discriminator.build(
            packed_spec(spec, config.packing), self.classes
        )
        _refuse_useless_labels(config, spec, self.discriminator)
        if config.virtual_batch_norm is not None:
            self.generator = config.virtual_batch_norm.wrap(
                self.generator, config.latent, self.classes
            )
        if config.minibatch is not None:
            tell(config.minibatch, self.discriminator)
        if config.memory is not None:
            config.memory.install(self.discriminator)
        self.remembers = config.memory is not None
        if self.constraint is not None:
            self.constraint.install(self.discriminator)
        self.players = {
            "generator": Player(self.generator, config.generator_optimiser),
            "discriminator": Player(
                self.discriminator, config.discriminator_optimiser, lazy=self.lazy
            ),
        }
        refuse_batch_norm(self.discriminator, self.penalties)
        self.history = nn.ModuleDict(
            {
                name: History(player.parameters, config.historical_averaging)
                for name, player in self.players.items()
                if config.historical_averaging
            }
        )
        self.apart = any(
            isinstance(layer, Tracking | Mixing) for layer in self.discriminator.modules()
        )
        self.at_once = (
            {penalty.on for penalty in self.penalties.values()} == {"real", "fake"}
            and not (self.lazy or self.apart)
            and self.discriminator.labels != "auxiliary"
        )

    # ---- training -------------------------------------------------------------------------------

    def round(self, data: Feed, turn: Turns) -> None:
        """Play k steps of the discriminator, then one of the generator (Goodfellow's Alg. 1)."""
        real, noted = Parts(), Statistics()
        for _ in range(self.discriminator_steps):
            real = self.real(data)
            noted = self.discriminator_step(real, turn)
        self.generator_step(real, turn)
        turn.log(**noted)

    def discriminator_step(self, real: Parts, turn: Turns) -> Statistics:
        """Update the discriminator on real samples x and fresh fakes x̃ = G(z); say what it saw."""
        with torch.no_grad():
            latents = self.latents(real, self.labels.fakes, turn.noise)
            fake = [Batch(self.generator(z, y), y) for z, y in latents]
            real, fake = ([self.shown(x, turn) for x in parts] for parts in (real, fake))
        return self.discriminator_turn(real, fake, turn)

    def discriminator_turn(self, real: Parts, fake: Parts, turn: Turns) -> Statistics:
        """Update the discriminator on samples as it is shown them, in `accumulate` parts each."""
        noted = Statistics()
        with self.in_parts(turn("discriminator")) as discriminator:
            for x, x_fake in zip(real, fake, strict=True):
                loss, noted = self.discriminator_loss(x, x_fake, turn)
                discriminator.minimise(loss)
            self.charge(discriminator, turn.progress)
            self.look_back(discriminator)
            if self.remembers and not turn.steps["discriminator"]:
                discriminator.skip()  # an empty memory has no slope
        if self.lazy and turn.due(self.lazy):
            with self.in_parts(turn("discriminator", lazy=self.lazy)) as discriminator:
                for x, x_fake in zip(real, fake, strict=True):
                    penalty, parts = self.penalty(x, x_fake, turn)
                    discriminator.minimise(penalty, name="penalty")
                    noted |= parts
        if self.constraint is not None:
            self.constraint.enforce(self.discriminator)
        if self.remembers:
            noted |= remember(self.discriminator, real, fake)
        return noted

    def generator_step(self, real: Parts, turn: Turns) -> None:
        """Update the generator on fresh latents, through the frozen discriminator."""
        latents = self.latents(real, self.labels.generator, turn.noise, self.generator_batch)
        with self.in_parts(turn("generator", tracks=self.followers)) as generator:
            for x, (z, y) in zip(real, latents, strict=True):
                fake = self.shown(Batch(self.generator(z, y), y), turn)
                loss, noted = self.generator_loss(self.shown(x, turn), fake, turn)
                generator.minimise(loss)
                turn.log(**noted)
            self.look_back(generator)

    def discriminator_loss(
        self, real: Batch, fake: Batch, turn: Turns
    ) -> tuple[Tensor, Statistics]:
        """Return what the discriminator minimises, and named statistics."""
        squared = None
        if self.at_once:
            (on_real, on_fake), squared = self.judge_with_slopes(real, fake)
        else:
            on_real, on_fake = self.judge_both(real, fake)
        loss = self.objective.discriminator(on_real.logits, on_fake.logits)
        noted = self.objective.estimates(
            on_real.logits.detach(), on_fake.logits.detach(), loss.detach()
        )
        if on_real.classes is not None and (target := real.get("label")) is not None:
            noted["classification/real"] = F.cross_entropy(on_real.classes, target)
            loss = loss + self.labels.real_weight * noted["classification/real"]
        if self.penalties and not self.lazy:
            penalty, parts = self.penalty(real, fake, turn, squared)
            loss, noted = loss + penalty, noted | parts
        return loss, noted

    def penalty(
        self, real: Batch, fake: Batch, turn: Turns, squared: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Statistics]:
        """Return the sum of the weighted penalties, and each one alone for the log."""
        total, parts = penalise(
            self.discriminator,
            self.penalties,
            real,
            fake,
            turn.noise,
            turn.progress,
            squared,
            self.apart,
        )
        return total, {f"penalty/{name}": part for name, part in parts.items()}

    def generator_loss(self, real: Batch, fake: Batch, turn: Turns) -> tuple[Tensor, Statistics]:
        """Return what the generator minimises, and named statistics."""
        noted, matched = Statistics(), None
        if self.matching is not None:
            with torch.no_grad():
                wanted = self.discriminator.features(real.x, real.get("label"))
            found = self.discriminator.features(fake.x, fake.get("label"))
            matched = noted["feature_matching"] = self.matching.loss(wanted, found)
            if self.matching.alone:
                return matched, noted
        on_fake = self.judge(fake)
        on_real = self.judge(real).logits if self.objective.needs_real else None
        loss = self.objective.generator(on_real, on_fake.logits)
        if matched is not None:
            loss = loss + matched
        if on_fake.classes is not None and (target := fake.get("label")) is not None:
            noted["classification/fake"] = F.cross_entropy(on_fake.classes, target)
            loss = loss + self.labels.fake_weight * noted["classification/fake"]
        return loss, noted

    # ---- the pieces of a round ------------------------------------------------------------------

    def real(self, data: Feed) -> Parts:
        """Return the next real batch, cut into `accumulate` parts."""
        return self.cut(data.next())

    def cut(self, batch: Batch) -> Parts:
        """Return a batch in `accumulate` parts, with labels if conditional.

        Raises:
            UsageError: it cannot be shared out evenly.
        """
        if len(batch) % self.accumulate:
            raise UsageError(
                f"game.accumulate={self.accumulate} does not divide the {len(batch)} samples that "
                "each process gets; choose a divisor of train.batch"
            )
        fields = batch.only("label") if self.classes else batch.only()
        return fields.chunk(self.accumulate)

    def latents(self, real: Parts, rule: Rule, noise: Noise, copies: int = 1) -> Latents:
        """Return fresh z, and labels if conditional, for ``copies`` fakes per real sample."""
        n = copies * sum(len(part) for part in real)
        z = self.prior(n, noise).chunk(len(real))
        if not self.classes:
            return [(part, None) for part in z]
        if rule == "uniform":
            return list(zip(z, noise.integers(n, self.classes).chunk(len(real)), strict=True))
        labels = [part["label"].repeat(copies) for part in real]
        return list(zip(z, labels, strict=True))

    def shown(self, batch: Batch, turn: Turns) -> Batch:
        """Return samples as the discriminator sees them: changed, noisy, in packs, if at all."""
        if self.augment is not None:
            p = value_at(self.augment.probability, turn.progress)
            batch = Batch(self.augment.change(batch.x, p, turn.noise), batch.get("label"))
        spread = value_at(self.instance_noise, turn.progress)
        if spread:
            noise = turn.noise.normal(*batch.x.shape)
            batch = Batch(batch.x + spread * noise, batch.get("label"))
        return pack(batch, self.packing)

    def look_back(self, update: Turn) -> None:
        """Draw the players of a turn towards the mean of their past, if it is to be so."""
        for seat in update if self.history else ():
            past = cast(History, self.history[seat.name])
            loss = past.loss(seat.player.parameters)
            seat.minimise(loss * self.accumulate, name="history")

    def charge(self, update: Turn, progress: float) -> None:
        """Add what the constraint costs, where it is paid for rather than enforced."""
        cost = self.constraint and self.constraint.cost(self.discriminator, progress)
        if cost is not None:
            update.minimise(cost * self.accumulate, name="constraint")

    def judge(self, batch: Batch) -> Verdict:
        """Return what the discriminator says of samples and their labels."""
        if self.discriminator.labels != "auxiliary":
            return Verdict(_wide(self.discriminator(batch.x, batch.get("label"))), None)
        features = self.discriminator.features(batch.x, batch.get("label"))
        logits = self.discriminator.head(features, batch.get("label"))
        return Verdict(_wide(logits), _wide(self.discriminator.classify(features)))

    def judge_both(self, real: Batch, fake: Batch) -> tuple[Verdict, Verdict]:
        """Return the verdicts on real and fake samples, from one pass where that is the same."""
        if self.apart:
            return self.judge(real), self.judge(fake)
        logits, classes = self.judge(Batch.cat([real, fake]))
        n = len(real)
        if classes is None:
            return Verdict(logits[:n], None), Verdict(logits[n:], None)
        return Verdict(logits[:n], classes[:n]), Verdict(logits[n:], classes[n:])

    def judge_with_slopes(
        self, real: Batch, fake: Batch
    ) -> tuple[tuple[Verdict, Verdict], tuple[Tensor, Tensor]]:
        """Return the verdicts, and squared gradient norms on real samples and fakes, (N,) each."""
        joined, n = Batch.cat([real, fake]), len(real)
        logits, gradient = logits_and_gradient(self.discriminator, joined.x, joined.get("label"))
        squared = squared_norms(gradient)
        verdicts = Verdict(logits[:n], None), Verdict(logits[n:], None)
        return verdicts, (squared[:n], squared[n:])

    def in_parts(self, update: Turn) -> Turn:
        """Let each of the `accumulate` losses of a turn count for its share of the batch."""
        update.weight /= self.accumulate
        return update

    # ---- what a trained model can do ------------------------------------------------------------

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        """Return n latents; below 1, ``truncation`` draws them towards the middle of the prior."""
        z = self.latent.draw(n, noise)
        middle = self.latent.centre
        return z if truncation == 1 else middle + truncation * (z - middle)

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return samples (N, *shape) in network units for latents, and labels if conditional.

        Raises:
            UsageError: the model is conditional, and there are no labels.
        """
        return self.generator(z, y)

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the discriminator's logit of each sample, (N,), given labels if conditional.

        With packing it is that of the sample and those after it, cyclically.

        Raises:
            UsageError: the model is conditional, and there are no labels.
        """
        return self.discriminator(pack_around(x, self.packing), y)

    def estimate(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        """Return what the objective estimates of the distance of data and samples."""
        loss = self.objective.discriminator(real, fake)
        return {k: float(v) for k, v in self.objective.estimates(real, fake, loss).items()}

    def model(self) -> dict[str, nn.Module]:
        """Return the networks; the past is not needed any more."""
        return {name: part for name, part in super().model().items() if name != "history"}


def _refuse_useless_labels(
    config: AdversarialConfig, spec: DataSpec, discriminator: Discriminator
) -> None:
    """Refuse conditional training where labels are missing, or would do nothing."""
    if config.conditional and not spec.classes:
        raise UsageError(
            f"game.conditional=true needs labels, but {spec.name} has none; give one sub-folder "
            "per class, or train with game.conditional=false"
        )
    if config.conditional and discriminator.labels == "none":
        raise UsageError(
            "game.conditional=true gives labels to the generator, but the discriminator ignores "
            "them; choose game.discriminator.labels=concat, projection or auxiliary"
        )


def _wide(logits: Tensor) -> Tensor:
    """Return logits in single precision at least: differences of half-precision ones are coarse."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
