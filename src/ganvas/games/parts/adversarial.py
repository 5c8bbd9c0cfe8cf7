"""What adversarial games are made of: a generator, a judge, and how both use conditions.

Objective, penalties, constraint, prior, views and conditions are values of the configuration and
combine freely. A system is these parts with its paper's values, and a `round` of its own that says
who steps when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Generator as Yields
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn
from typing_extensions import TypeVar

from ganvas.config import Amount, Settings
from ganvas.data.batch import Batch
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError, did_you_mean
from ganvas.games.parts.ada import Ada
from ganvas.games.parts.advice import ADVICE, MEASURED
from ganvas.games.parts.augmentation import Augment
from ganvas.games.parts.constraints import AnyConstraint
from ganvas.games.parts.diffaugment import Policy
from ganvas.games.parts.heads import Minibatch, VirtualBatchNorm, add_minibatch
from ganvas.games.parts.judge import Judge
from ganvas.games.parts.lecam import LeCam
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.classification import NonSaturating
from ganvas.games.parts.penalties import AnyPenalty, Penalty
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.games.parts.remembering import Remembering
from ganvas.games.parts.shown import views_of
from ganvas.games.parts.terms import FeatureMatching, History
from ganvas.games.parts.views import UnitPixels, pack_around, packed
from ganvas.networks import Conditions, DiscriminatorConfig, GeneratorConfig
from ganvas.networks.base import Discriminator, Generator
from ganvas.networks.conditions import Given
from ganvas.nn import awakened
from ganvas.play import Adam, Game, Noise, OptimiserConfig, Player, Sampling, Turns
from ganvas.play.abilities import CanScore
from ganvas.play.advice import Proposal

Rule = Literal["batch", "uniform"]
Extent = PositiveInt | tuple[PositiveInt, PositiveInt]
LATENT = "z"
"""The main field of a batch of latents; its others are conditions."""


class Labels(Settings):
    """How labels are used where a game is conditional.

    Attributes:
        fakes: labels of the fakes that the discriminator is shown: those of the real batch, or
            uniform over the classes.
        generator: the same in the generator's turn.
        real_weight, fake_weight: weights of the losses of guessed conditions, of real samples in
            the discriminator's turn and of fakes in the generator's, if the discriminator guesses
            them (``labels: auxiliary``), with the weights of Gulrajani et al. 2017.
        own_fake_weight: the same of fakes in the discriminator's turn, as in AC-GAN's own paper.
    """

    fakes: Rule = "batch"
    generator: Rule = "uniform"
    real_weight: float = Field(default=1.0, ge=0)
    fake_weight: float = Field(default=0.1, ge=0)
    own_fake_weight: float = Field(default=0.0, ge=0)


class OfGenerators(Sampling):
    """Options of samples that concern what is in generators.

    Attributes:
        dropout: awake or asleep; None: as the network says (``dropout_awake``).
        extent: how many latents lie below and beside one another: larger pictures of generators
            that are convolutions throughout.
    """

    posing: ClassVar[frozenset[str]] = Sampling.posing | {"dropout"}

    dropout: bool | None = None
    extent: Extent = 1


def sides(extent: Extent) -> tuple[int, int]:
    """Return how many latents lie below and beside one another."""
    return (extent, extent) if isinstance(extent, int) else extent


def area(extent: Extent, generator: Generator) -> int:
    """Return how many latents one sample of a generator is made of.

    Raises:
        UsageError: it takes one only.
    """
    rows, columns = sides(extent)
    if rows * columns > 1 and not generator.extends:
        raise UsageError(
            f"extent={rows}x{columns}: this generator makes samples of one size only; those that "
            "are convolutions throughout take several latents: game.generator.kind=dcgan, with "
            "projection_norm=channel"
        )
    return rows * columns


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
        conditional: give both networks all fields of the data that can be a condition, such as
            class labels; or those named.
        labels: how labels are used.
        accumulate: parts into which a batch is cut; their gradients are added up.
        packing: samples that the discriminator judges together, as one (PacGAN).
        instance_noise: standard deviation of the noise on all that the discriminator is shown.
        augment: random changes of all images that the discriminator is shown.
        ada: the same with a probability that follows how sure it is of training images.
        diffaugment: the same always, by a policy such as color,translation,cutout.
        pixels: range in which it is shown them: [−1, 1], or the unit interval of codes whose
            generators end in a sigmoid. Penalties on its slope are per this unit.
        minibatch: what the discriminator is told of a sample's batch.
        virtual_batch_norm: bind the generator's batch norms to a reference batch.
        memory: a memory of clusters in the place of the discriminator's linear score (memoryGAN).
        feature_matching: let the generator match mean features, instead of or beside its loss.
        lecam: keep logits near those of the other kind before.
        historical_averaging: λ of each player's distance from the mean of its past.
        judged: false of a model that was imported without a discriminator: it has none.
    """

    latent: AnyPrior = Normal()
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    generator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    objective: AnyObjective = NonSaturating()
    penalties: dict[str, AnyPenalty | None] = Field(default={})
    penalty_every: int = Field(default=1, ge=1)
    constraint: AnyConstraint | None = None
    discriminator_steps: int = Field(default=1, ge=1)
    generator_batch: int = Field(default=1, ge=1)
    conditional: bool | list[str] = False
    labels: Labels = Labels()
    accumulate: int = Field(default=1, ge=1)
    packing: int = Field(default=1, ge=1)
    instance_noise: Amount = 0.0
    augment: Augment | None = None
    ada: Ada | None = None
    diffaugment: Policy | None = None
    pixels: Literal["symmetric", "unit"] = "symmetric"
    minibatch: Minibatch | None = None
    virtual_batch_norm: VirtualBatchNorm | None = None
    memory: Remembering | None = None
    feature_matching: FeatureMatching | None = None
    lecam: LeCam | None = None
    historical_averaging: float = Field(default=0.0, ge=0)
    judged: bool = True

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


C = TypeVar("C", bound=AdversarialConfig, default=AdversarialConfig, covariant=True)


class Adversarial(Game[C]):
    """A generator and a judge; subclasses say in which order they step.

    Attributes:
        conditions: the fields that both networks are given.
        generator: G.
        judge: the discriminator with everything by which it judges.
        history: past weights of each player, with historical averaging.
    """

    Sampling = OfGenerators
    advice: ClassVar[Mapping[str, Proposal]] = ADVICE
    measured: ClassVar[Mapping[str, Proposal]] = MEASURED

    averaged: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, config: C, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.conditions = self.given()
        self.labels = config.labels
        if "uniform" in (config.labels.fakes, config.labels.generator):
            self.conditions.require_uniform()
        self.latent = config.latent
        self.discriminator_steps = config.discriminator_steps
        self.generator_batch = config.generator_batch
        self.accumulate = config.accumulate
        self.packing = config.packing
        self.unit = UnitPixels(spec) if config.pixels == "unit" else None
        self.constraint = config.constraint
        self.generator, discriminator = self.networks()
        self.judge = Judge(
            discriminator,
            config.objective,
            penalties=config.regularisers(),
            views=views_of(config, spec, self.conditions),
            conditions=self.judged,
            real_weight=config.labels.real_weight,
            fake_weight=config.labels.fake_weight,
            own_fake_weight=config.labels.own_fake_weight,
            matching=config.feature_matching,
            lecam=config.lecam,
            lazy=config.penalty_every if config.penalty_every > 1 else 0,
        )
        self.history = nn.ModuleDict()
        self.players = {
            "generator": self.player("generator", self.generator, config.generator_optimiser),
            "discriminator": self.judging(self.judge, config.discriminator_optimiser),
        }

    # ---- parts ----------------------------------------------------------------------------------

    def given(self) -> Conditions:
        """Return the fields that the generator is given.

        Raises:
            UsageError: there are none, or none of a name.
        """
        return chosen(self.config.conditional, self.spec)

    @property
    def judged(self) -> Conditions:
        """Those of them that the judge is given or guesses: by default all."""
        return self.conditions

    def networks(self) -> tuple[Generator, Discriminator]:
        """Return generator and discriminator, with weights drawn in this order."""
        latent = self.config.latent
        return self.build_generator(latent.dim, latent.draw), self.build_discriminator()

    def build_generator(self, width: int, draw: Callable[[int, Noise], Tensor]) -> Generator:
        """Return the generator that the settings ask for, of latents of a width, drawn so."""
        config = self.config
        generator: Generator = config.generator.build(self.spec.domain, width, self.conditions)
        if config.virtual_batch_norm is None:
            return generator
        return config.virtual_batch_norm.wrap(generator, draw, self.conditions)

    def build_discriminator(self) -> Discriminator:
        """Return the discriminator that the settings ask for, with its head and its constraint."""
        config = self.config
        domain = packed(self.spec.domain, config.packing)
        network: Discriminator = config.discriminator.build(domain, self.judged)
        _refuse_useless(self.judged, network)
        if config.minibatch is not None:
            add_minibatch(config.minibatch, network)
        if config.memory is not None:
            config.memory.install(network)
        if config.constraint is not None:
            config.constraint.install(network)
        return network

    def judging(self, judge: Judge, optimiser: OptimiserConfig) -> Player:
        """Return a judge as a player, whose constraint holds after its turns."""
        player = self.player(judge.player, judge, optimiser)
        player.lazy = judge.lazy
        rule, network = self.config.constraint, judge.network
        if rule is None:
            player.afterwards = [judge.remember]
            return player

        def cost(_: Sequence[Tensor], progress: float) -> Tensor:
            return rule.cost(network, progress)

        def enforce(turns: Turns) -> None:
            if turns.steps[judge.player] % rule.period == 0:
                rule.enforce(network)

        if rule.costs:
            player.terms = {"constraint": cost, **player.terms}
        player.afterwards = [enforce, judge.remember]
        return player

    def player(self, name: str, network: nn.Module, optimiser: OptimiserConfig) -> Player:
        """Return a player, which is drawn towards its past where the settings say so."""
        player = Player(network, optimiser)
        weight = self.config.historical_averaging
        if weight:
            past = self.history[name] = History(player.parameters, weight)
            player.terms["history"] = past
        return player

    @property
    def discriminator(self) -> Discriminator:
        """The judge's network."""
        return self.judge.network

    # ---- the pieces of a round ------------------------------------------------------------------

    def latents(self, real: Batch, turn: Turns) -> Batch:
        """Return fresh z for the generator's turn, with conditions as `Labels` has them."""
        rule, copies = self.labels.generator, self.generator_batch
        return self.drawn(real, turn.noise, rule, copies, turn.progress)

    def drawn(
        self, real: Batch, noise: Noise, rule: Rule, copies: int = 1, progress: float = 1.0
    ) -> Batch:
        """Return fresh z, with conditions, for ``copies`` fakes per real sample.

        Args:
            real: whose conditions fakes take by the rule "batch"; by "uniform" they are drawn.
            noise: where z comes from.
            rule: where conditions come from.
            copies: fakes for each real sample.
            progress: share of the horizon that is played, on which the law of z may depend.
        """
        n = copies * len(real)
        z = self.prior(n, noise, progress=progress)
        if not self.conditions:
            given = dict[str, Tensor]()
        elif rule == "uniform":
            given = self.conditions.draw(n, noise)
        else:
            given = self.conditions.only(real, copies)
        return Batch({LATENT: z, **given}, main=LATENT)

    def generate(self, z: Batch) -> Batch:
        """Return x̃ = G(z) with the conditions that it was given."""
        x = self.generator(z.x, self.conditions.of(z))
        return Batch({self.spec.main: x, **self.conditions.only(z)}, main=self.spec.main)

    @torch.no_grad()
    def fakes(self, real: Batch, turn: Turns) -> Batch:
        """Return fresh fakes for the judge's turn, as many as real samples, without gradient."""
        rule = self.labels.fakes
        return self.generate(self.drawn(real, turn.noise, rule, progress=turn.progress))

    # ---- what a trained model can do ------------------------------------------------------------

    def prior(
        self,
        n: int,
        noise: Noise,
        truncation: float = 1.0,
        extent: Extent = 1,
        *,
        progress: float = 1.0,
    ) -> Tensor:
        """Return n latents; below 1, ``truncation`` draws them towards the middle of the prior.

        With an ``extent`` they lie in space, (n, dim, a, b).

        Raises:
            UsageError: this generator makes samples of one size only.
        """
        z = self.latent.draw(n * area(extent, self.generator), noise, progress)
        if extent != 1:
            z = z.view(n, *sides(extent), -1).movedim(-1, 1)
        middle = self.latent.centre
        return z if truncation == 1 else middle + truncation * (z - middle)

    @contextmanager
    def posed(self, options: Mapping[str, Any]) -> Yields[None]:
        """Have samples made with dropout awake or asleep as options say, for a block.

        Raises:
            UsageError: the generator has none.
        """
        with ExitStack() as stack:
            if (awake := options.get("dropout")) is not None:
                stack.enter_context(awakened(self.generator, awake))
            yield

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        """Return samples (N, *shape) in network units for latents, and conditions if there are any.

        Raises:
            UsageError: the model is conditional, and there are none.
        """
        return self.generator(z, y)

    def score(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the discriminator's logit of each sample, (N,), given conditions if there are any.

        With packing it is that of the sample and those after it, cyclically.

        Raises:
            UsageError: the model is conditional, and there are none.
        """
        return self.discriminator(pack_around(self.in_range(Batch(x)).x, self.packing), y)

    @property
    def scored_with(self) -> Conditions:
        """What the discriminator is given beside items: nothing, where it guesses or ignores it."""
        given = self.discriminator.labels in ("concat", "projection")
        return self.judged if given else Conditions()

    def in_range(self, batch: Batch) -> Batch:
        """Return items in network units with pixels in the range that the judge is shown."""
        return batch if self.unit is None else self.unit(batch)

    def estimate(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        """Return what the objective estimates of the distance of data and samples."""
        objective = self.judge.objective
        loss = objective.discriminator(real, fake)
        return {k: float(v) for k, v in objective.estimates(real, fake, loss).items()}

    def model(self) -> dict[str, nn.Module]:
        """Return the networks; the past is not needed any more."""
        left = {"history"} if self.config.judged else {"history", "judge"}
        return {name: part for name, part in super().model().items() if name not in left}

    def lacks(self) -> Mapping[type, str]:
        """Return what needs a discriminator, where there is none."""
        return {} if self.config.judged else {CanScore: "imported without a discriminator"}


def learn(game: Adversarial, real: Batch, fake: Batch, turn: Turns, *, shown: bool = False) -> None:
    """Play one turn of the judge alone, on given real samples and fakes.

    ``shown`` says that both are as the judge is to see them.
    """
    seen = [real, fake] if shown else game.judge.see(turn, real, fake)
    with turn("discriminator") as discriminator:
        for x, x_fake in turn.parts(*seen):
            discriminator.minimise(game.judge.loss(x, x_fake, turn))


def chosen(conditional: bool | list[str], spec: DataSpec) -> Conditions:
    """Return the fields that networks are given, as ``game.conditional`` asks for them.

    Raises:
        UsageError: there are none, or none of a name.
    """
    if conditional is False or conditional == []:
        return Conditions()
    there = spec.conditions
    if not there:
        raise UsageError(
            f"game.conditional={str(conditional).lower()} needs labels, but {spec.name} has none, "
            "or data.labels=false leaves them out; give one sub-folder per class, or train with "
            "game.conditional=false"
        )
    if conditional is True:
        return Conditions(there)
    for name in conditional:
        if name not in there:
            raise UsageError(
                f"game.conditional names '{name}', which is no field of {spec.name} that networks "
                f"can be given.{did_you_mean(name, there)} It has: {', '.join(there)}"
            )
    return Conditions({name: there[name] for name in conditional})


def _refuse_useless(conditions: Conditions, discriminator: Discriminator) -> None:
    """Refuse conditional training where the discriminator makes nothing of the conditions."""
    if conditions and discriminator.labels == "none":
        raise UsageError(
            "game.conditional=true gives labels to the generator, but the discriminator ignores "
            "them; choose game.discriminator.labels=concat, projection or auxiliary"
        )
