"""The ``train:`` part of a recipe: horizon, batch, devices, averaging, checkpoints, watching."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ganvas.config import Amount, Settings
from ganvas.processor import Precision


class Average(Settings):
    """The moving average of the weights that inference uses.

    Attributes:
        half_life: in thousands of real images (kimg) seen.
        ramp_up: the half-life is at most this share of the kimg seen so far; 0 for none.
        start: kimg before which it is the last iterate, whose bad beginnings are left out.
    """

    half_life: Amount = 10.0
    ramp_up: float = Field(default=0.05, ge=0)
    start: float = Field(default=0.0, ge=0)


class Guard(Settings):
    """What happens when numbers stop being finite, or the generator collapses.

    A step with non-finite gradients is always left out. When more than ``tolerance`` of an
    interval's steps were, the run goes back to its last good checkpoint with all learning rates
    halved, at most ``rollbacks`` times; then it fails with a crash report.
    """

    tolerance: float = Field(default=0.1, ge=0, le=1)
    rollbacks: int = Field(default=3, ge=0)
    on_collapse: Literal["warn", "stop", "rollback"] = "warn"


class Intervention(Settings):
    """What is changed in the middle of a run, to learn what it collapses of, or to outlive that.

    It holds from its round on, until another one names the player (Brock et al. 2019, section 4.2
    and appendix H).

    Attributes:
        at: rounds that are played before.
        players: whom it is about; empty: all.
        rate: a factor on the learning rate that the recipe gives them.
        frozen: whether their weights rest: their turns are played, and no step is taken.
        reset: whether their optimisers begin anew at that round, without moments.
    """

    at: int = Field(ge=0)
    players: tuple[str, ...] = ()
    rate: float = Field(default=1.0, ge=0)
    frozen: bool = False
    reset: bool = False


class AllBut(Settings):
    """All parts of a player but some.

    Attributes:
        all_but: their names, joined by commas.
    """

    all_but: str = Field(min_length=1)


Rest = Annotated[int, Field(ge=1)] | Annotated[str, Field(min_length=1)] | AllBut
"""What of a player rests: so many of its first layers, parts by name, or all but some."""


class StopOn(Settings):
    """When a run has come to rest: a number of the log that has stopped getting better.

    Attributes:
        number: its name in ``metrics.jsonl``.
        better: which way it goes in a good run.
        window: log rows whose running median is compared; the official code of WGAN filters its
            curve so, over 101 rounds.
        patience: rounds without a better median after which the run ends.
        tolerance: by which share of the best median a better one must differ.
    """

    number: str = "estimate/wasserstein"
    better: Literal["lower", "higher"] = "lower"
    window: int = Field(default=11, ge=1)
    patience: int = Field(default=5000, ge=1)
    tolerance: float = Field(default=0.01, ge=0)


HIGHER = (
    *("hq", "modes", "modes_strict", "log_likelihood", "parzen"),
    *("precision", "recall", "density", "coverage", "coverage_ratio", "diversity", "support"),
    *("is", "confidence", "class_share_min", "within_class_variance", "link_auc", "link_ap"),
    *("label_accuracy", "label_agreement", "label_kappa", "label_variance"),
)
"""Measures of which a higher value is better, without their feature networks; of all others a lower
one is."""


class Best(Settings):
    """By which measure the best model is kept beside the last iterate.

    It is measured whenever a checkpoint is written on schedule, and at the end.

    Attributes:
        measure: a score by its name, such as ``fid[digit-classifier]`` or ``parzen``.
        better: which way it goes; None: as the measure has it.
        samples: how many are drawn.
        seed: with which.
    """

    measure: str = Field(min_length=1)
    better: Literal["lower", "higher"] | None = None
    samples: int = Field(default=2000, ge=2)
    seed: int = Field(default=0, ge=0)

    @property
    def higher(self) -> bool:
        """Whether a higher value is better."""
        if self.better is not None:
            return self.better == "higher"
        return self.measure.partition("[")[0] in HIGHER


class TrainSettings(Settings):
    """How long, on what, and how a game is trained.

    Attributes:
        rounds, kimg: the horizon of all schedules; exactly one of the two.
        stop_at: stop after this round, without any change to schedules.
        batch: real samples per turn, over all processes together.
        devices, nodes, accelerator: as in Lightning Fabric. Launchers of clusters, such as
            torchrun, know devices and nodes themselves.
        timeout: seconds that processes wait for one another, at the start and in each exchange.
        precision: of products inside of networks. ``auto`` is bfloat16 where the processor
            multiplies it in hardware and the networks are wide convolutions, else single precision.
        channels_last: whether images lie pixel by pixel in memory; ``auto`` is what is faster.
        chosen_for: the kind of processor for which one of these was chosen; a run writes it down.
        tf32: let CUDA round what goes into products in single precision to ten bits.
        threads: CPU threads per process; None leaves the library's default.
        checkpoint_every, keep: rounds between checkpoints; how many are kept.
        log_every, sample_every, watch_every: rounds between log rows, sample grids and looks at
            coverage; 0 for never (samples and looks).
        average: the weights' moving average, or None for the last iterate.
        freeze: parts of players whose weights rest throughout: ``{discriminator: 3}`` its first
            layers, counted from the image; ``{generator: mapping}`` parts called so, joined by
            commas; ``{generator: {all_but: affine}}`` the others.
        guard: what happens when things go wrong.
        interventions: what is changed on the way, in the order of their rounds.
        stop_on: end the run where a number of the log stops getting better.
        best: keep the best model by a measure, too.
        cosines: log the cosine between each player's step and its gradient: it turns negative where
            momentum destabilises a critic.
        compile: compile the networks' plain passes, which takes a C++ compiler and a minute at the
            start; penalties stay eager.
    """

    rounds: int | None = Field(default=None, ge=1)
    kimg: float | None = Field(default=None, gt=0, lt=1e15)
    stop_at: int | None = Field(default=None, ge=1)
    batch: int = Field(default=64, ge=1)
    devices: int | Literal["auto"] = 1
    nodes: int = Field(default=1, ge=1)
    timeout: float = Field(default=1800, gt=0)
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Precision | Literal["auto"] = "auto"
    channels_last: bool | Literal["auto"] = "auto"
    chosen_for: str | None = None
    tf32: bool = False
    threads: int | None = Field(default=None, ge=1)
    checkpoint_every: int = Field(default=1000, ge=1)
    keep: int = Field(default=3, ge=2)
    log_every: int = Field(default=100, ge=1)
    sample_every: int = Field(default=1000, ge=0)
    watch_every: int = Field(default=1000, ge=0)
    average: Average | None = Average()
    freeze: dict[str, Rest] = Field(default={})
    guard: Guard = Guard()
    interventions: tuple[Intervention, ...] = ()
    stop_on: StopOn | None = None
    best: Best | None = None
    cosines: bool = False
    compile: bool = False
    tensorboard: bool = True

    @model_validator(mode="after")
    def _one_horizon(self) -> TrainSettings:
        if (self.rounds is None) == (self.kimg is None):
            raise ValueError("exactly one of rounds and kimg must be given (the other: null)")
        return self
