"""The contract of a game: the rules of one system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Generic, Literal, get_args

import torch
from pydantic import Field
from torch import Tensor, nn
from typing_extensions import TypeVar, get_original_bases

from ganvas.config import Settings
from ganvas.data.domain import Domain
from ganvas.data.feed import Feed
from ganvas.data.samplers import Streaming
from ganvas.data.spec import DataSpec
from ganvas.errors import GanvasError
from ganvas.networks.conditions import NONE, Conditions
from ganvas.play.advice import Offer, Proposal, Setup, Sign
from ganvas.play.frozen import refuse_trained
from ganvas.play.player import Player
from ganvas.play.turn import Turns

Play = Callable[[Feed, Turns], None]
C = TypeVar("C", bound=Settings, default=Settings, covariant=True)
"""The settings of a game."""


class Sampling(Settings):
    """What samples of a trained model can be told; a game with more of it has a subclass.

    Attributes:
        posing: names of those that are no matter of latents: `Game.posed` heeds them.
        beside: names of those that say how several samples lie together, or what is given beside
            each: where samples stand for themselves, as on a way between two, nobody heeds them.
        truncation: below 1, latents closer to the middle of the prior: cleaner samples, less
            variety.
        statistics: by which batch norms normalise: those that training kept, those of the samples'
            own batch, or some estimated for the purpose, with the weights that sample and latents
            drawn as theirs are: means over batches, or pooled, those of all batches as one. The
            model sees to it.
    """

    posing: ClassVar[frozenset[str]] = frozenset({"statistics"})
    beside: ClassVar[frozenset[str]] = frozenset()

    truncation: Annotated[float, Field(ge=0)] = 1.0
    statistics: Literal["running", "batch", "re-estimated", "pooled"] = "running"

    @property
    def sheet(self) -> tuple[int, int] | None:
        """Rows and columns that samples with these options fill; None: there may be any number."""
        return None

    def written(self, domain: Domain) -> Domain:
        """Return the domain by which samples with these options are written, from the data's."""
        return domain


OfSamples = Sampling  # a game has an attribute of that name


@dataclass(frozen=True)
class Stage:
    """A named part of training, played one round at a time.

    Attributes:
        name: how logs and checkpoints call it.
        play: plays one round.
        rounds, kimg: its length, in rounds or in thousands of real items of the main stream;
            neither for the recipe's own horizon (one stage at most).
        prepares: the generator is not trained yet, so nobody looks whether it drops modes.
        streams: what it wants of streams of data, in place of what `Game.streams` says of them:
            another size, another batch. Where they stand is kept.
        restarts: players whose optimisers begin anew.
    """

    name: str
    play: Play
    rounds: int | None = None
    prepares: bool = False
    kimg: float | None = None
    streams: Mapping[str, Streaming] = field(default_factory=dict[str, Streaming])
    restarts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rounds is not None and self.kimg is not None:
            raise GanvasError(f"stage {self.name} has both rounds and kimg: give one of them")

    def length(self, rounds: int | None, kimg: float | None) -> tuple[int | None, float | None]:
        """Return how long it is, in rounds or in kimg: its own length, or that of the recipe."""
        own = self.rounds is not None or self.kimg is not None
        return (self.rounds, self.kimg) if own else (rounds, kimg)

    def begin(self, game: Game, data: Feed, turn: Turns) -> None:
        """Begin it: streams as it wants them, optimisers anew, its rounds counted from 0."""
        self.serve(game, data)
        turn.begin_stage(self.restarts)

    def serve(self, game: Game, data: Feed) -> None:
        """Have streams of data served as this stage of a game wants them."""
        data.serve({**game.streams(), **self.streams})


@dataclass(frozen=True)
class Fit:
    """What a system's settings become by the size of its data, and of a batch.

    Attributes:
        changes: settings that differ, by name.
        half_life: of the moving average, in kimg; None: as it is told.
        notes: what was chosen and why, a line each.
    """

    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    half_life: float | None = None
    notes: Sequence[str] = ()


class Game(nn.Module, Generic[C]):
    """The rules of one system: which players there are and how a round goes.

    A subclass builds its networks and `players` in ``__init__`` and plays one iteration of the
    paper's algorithm in `round`. It may list `stages`, and it defines the methods of the abilities
    that its trained model has, such as ``sample`` (see `ganvas.play.abilities`). Its settings are
    named once, ``class MyGame(Game[MySettings])``, and are then of this type in `config`.

    Networks that it does not train, such as a VGG that compares features, are `ganvas.nn.Frozen`:
    it says where they are found. Runs and models have a hash of them, by which others are refused,
    and no copy.

    Attributes:
        system: the name in recipes, such as ``wgan-gp``.
        Config: the settings this game accepts: those in the brackets of its base.
        config: these settings, as the recipe has them.
        Sampling: options of its samples: `prior` takes them by name, but for those that `posed`
            heeds.
        averaged: names of submodules, or of buffers, of which inference uses the moving average;
            of a submodule it takes the buffers that its layers declare (`averaged_buffers`).
        conditions: the fields of the data that samples are given, by name.
        reads: which field ``encode``, ``reconstruct``, ``score`` and the like are asked about, by
            verb; the main one of those that are not named. Such as pictures of objects in 3D.
        lengthy: verbs that are asked about items of any length in time.
        accumulate: parts into which a round that is a sum over items cuts its batches.
        scores_are: what `score` gives: "judgements" of a discriminator, which the monitor compares
            between real and generated items, or "likelihoods".
        signs: numbers of its log that say what is wrong with a run.
        advice: what a diagnosis may propose of the game's own options, by the names that
            `ganvas.diagnosis.remedies` asks for.
        measured: of its options, those that the benchmark measured, by the benchmark's names.
        offer: what the system says for itself to runs of others.
        one_process: why this game cannot be split over processes, or None if it can.
    """

    system: ClassVar[str]
    Config: ClassVar[type[Settings]] = Settings
    Sampling: ClassVar[type[OfSamples]] = Sampling
    averaged: ClassVar[tuple[str, ...]] = ()
    scores_are: ClassVar[str] = "judgements"
    reads: ClassVar[Mapping[str, str]] = {}
    lengthy: ClassVar[frozenset[str]] = frozenset()
    signs: ClassVar[tuple[Sign, ...]] = ()
    advice: ClassVar[Mapping[str, Proposal]] = {}
    measured: ClassVar[Mapping[str, Proposal]] = {}
    offer: ClassVar[Offer | None] = None
    one_process: ClassVar[str | None] = None

    config: C
    players: dict[str, Player]
    conditions: Conditions
    accumulate: int = 1

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        named = [of for base in get_original_bases(cls) for of in get_args(base)]
        for kind in named:
            if "Config" not in vars(cls) and isinstance(kind, type) and issubclass(kind, Settings):
                cls.Config = kind

    def __init__(self, config: C, spec: DataSpec) -> None:
        super().__init__()
        self.config = config
        self.spec = spec
        self.conditions = NONE

    def vet(self) -> None:
        """Refuse a new run with networks that do not fit the settings, before anything is written.

        Networks were taken over from another run by now, if there is one; by default nothing is
        refused.

        Raises:
            UsageError: they do not fit; the message says what to set.
        """

    def begin(self, data: Feed) -> None:
        """Do what is done once before the first round, after networks were taken over from a run.

        Such as a mean image, a reference batch, or the embedding of a new person: by default
        nothing. Parameters and buffers may be changed; a resumed run does not begin again.
        """

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one iteration of the paper's algorithm."""
        raise NotImplementedError(f"{type(self).__name__} must define round(self, data, turn)")

    def stages(self) -> list[Stage]:
        """Return the parts of training in order; by default one, of the recipe's length."""
        return [Stage("main", self.round)]

    def streams(self) -> dict[str, Streaming]:
        """Return what the game wants of its streams of data; others are served as stored."""
        return {}

    def model(self) -> dict[str, nn.Module]:
        """Return the submodules that inference needs, by their attribute names."""
        return dict(self.named_children())

    @property
    def scored_with(self) -> Conditions:
        """The conditions without which it scores nothing; by default all that samples are given."""
        return self.conditions

    def settle(self, z: Tensor) -> Tensor:
        """Return latents (N, …) between others as the generator knows them; by default unchanged.

        Of latents with a discrete part, a mixture of two is no latent: it settles on the nearest.
        """
        return z

    def in_common(self, y: Tensor, options: Mapping[str, Any]) -> Tensor:
        """Return classes drawn for n samples, (n,), as samples with options have them in common.

        By default each has its own.
        """
        return y

    def posed(self, options: Mapping[str, Any]) -> AbstractContextManager[object]:
        """Have samples made as options say that do not concern latents, for a block.

        Such as the resolution of a model that grew. By default nothing is done.

        Args:
            options: those of `Sampling` that are not at their defaults, by name.
        """
        return nullcontext()

    def gauge(self, x: Tensor) -> dict[str, float]:
        """Return numbers of the game's own for the log; by default none.

        Args:
            x: held-out samples (N, *shape), over which numbers are means, if they depend on them.

        Returns:
            Values by names ``group/name``; a group shares a chart in the report.
        """
        return {}

    def estimate(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        """Return distances of data and samples by the discriminator's scores; by default none.

        Args:
            real: what `score` gives of real items, (N,).
            fake: the same of as many samples.

        Returns:
            Values by names ``group/name``, those that the game logs of its batches.
        """
        return {}

    def lacks(self) -> Mapping[type, str]:
        """Return the abilities that the class has and these settings have not; by default none.

        Returns:
            By ability, how the settings are: ``trained without a memory (game.memory=null)``.
        """
        return {}

    @classmethod
    def fitted(cls, config: Any, spec: DataSpec, batch: int) -> Fit:
        """Return what its settings become by data and batch, before it is built; by default none.

        Args:
            config: the settings as they are told.
            spec: of the data.
            batch: real samples in a turn, over all processes.
        """
        return Fit()

    @staticmethod
    def measured_as(setup: Setup) -> str:
        """Return as which method of the benchmark a run with these settings is measured."""
        return setup.system


def networks_of(game: Game) -> list[nn.Module]:
    """Return what is called as a whole in a game: its direct parts, and its players' networks."""
    players: dict[str, Player] = getattr(game, "players", {})  # who only samples has none
    parts = [*game.children(), *(part for p in players.values() for part in p.networks)]
    return list({id(part): part for part in parts if any(True for _ in part.parameters())}.values())


def build(game: type[Game], config: Settings, spec: DataSpec, seed: int) -> Game:
    """Build a game with its networks initialised from ``seed``; global randomness is untouched.

    Raises:
        GanvasError: a player would train a network that is frozen.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = game(config, spec)
    refuse_trained(built, built.players)
    return built
