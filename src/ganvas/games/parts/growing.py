"""Growing: which levels are trained when, on which images, and what is shown meanwhile.

A level is faded in over some thousand images, then trained at full strength over others. Networks
that grow have a `ganvas.nn.Growth`; games set it at the beginning of each round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Protocol, cast

from pydantic import Field, PositiveInt, field_validator
from torch import Tensor

from ganvas.config import Settings
from ganvas.data.feed import MAIN, Feed
from ganvas.data.samplers import Streaming
from ganvas.errors import UsageError
from ganvas.nn import blend, downsample_average, upsample_nearest
from ganvas.play import Sampling, Stage, Turns

Size = tuple[int, int]
Kimg = Annotated[float, Field(ge=0)]


class Level(Settings):
    """What differs from a level on; None: as before.

    Attributes:
        fade, rest: kimg, as in `Growing`.
        batch: real samples in a batch, over all processes.
    """

    fade: Kimg | None = None
    rest: Kimg | None = None
    batch: PositiveInt | None = None


class Growing(Settings):
    """How long each level is trained, on how many images at a time.

    Attributes:
        fade: thousands of real images over which a level is faded in; 0 for at once.
        rest: over which it is then trained; the last level rests for ``train.kimg``.
        levels: what differs from levels on, by the height of their images; without a batch there
            it is ``train.batch``.
        restart: optimisers begin anew at each level.
        grown: height of the images to which networks taken over (``--from``) have grown: the next
            level is faded in first.
    """

    fade: Kimg = 800.0
    rest: Kimg = 800.0
    levels: dict[int, Level] = Field(
        default={256: Level(batch=14), 512: Level(batch=6), 1024: Level(batch=3)}
    )
    restart: bool = True
    grown: int | None = None

    @field_validator("levels", mode="before")
    @classmethod
    def _by_height(cls, value: Any) -> Any:
        named: Mapping[Any, Any] = {}
        if isinstance(value, Mapping):
            named = cast(Mapping[Any, Any], value)
        for key in named:
            if not str(key).isdecimal():
                raise ValueError(
                    f"levels are named by the height of their images in pixels, such as "
                    f"levels.64, not by '{key}'"
                )
        return cast(Any, value)

    def at(self, height: int) -> Level:
        """Return what holds for the level of images of a height."""
        told = {"fade": self.fade, "rest": self.rest}
        for start in sorted(self.levels):
            if start <= height:
                told |= self.levels[start].model_dump(exclude_none=True)
        return Level.model_validate(told)

    def phases(self, sizes: Sequence[Size]) -> list[Phase]:
        """Return the phases of levels of these sizes, coarsest first.

        Raises:
            UsageError: ``grown`` is none of the levels.
        """
        done = -1 if self.grown is None else level_of(self.grown, sizes, "game.growing.grown")
        found: list[Phase] = []
        for level, size in enumerate(sizes):
            if level <= done and level + 1 < len(sizes):
                continue
            told, last = self.at(size[0]), level + 1 == len(sizes)
            assert told.fade is not None
            if level and level > done and told.fade:
                found.append(Phase(level, size, True, last, told.fade, told.batch))
            if last or told.rest:
                kimg = None if last else told.rest
                found.append(Phase(level, size, False, last, kimg, told.batch))
        return found


@dataclass(frozen=True)
class Phase:
    """A part of training at one level.

    Attributes:
        level: 0 for the coarsest.
        size: (height, width) of its images.
        fades: whether α rises from 0 to 1 meanwhile.
        last: whether there is no finer level.
        kimg: its length; None: the recipe's.
        batch: of real samples; None: the recipe's.
    """

    level: int
    size: Size
    fades: bool
    last: bool
    kimg: float | None
    batch: int | None

    @property
    def name(self) -> str:
        """How logs call it."""
        return f"{self.size[0]}x{self.size[1]}{' fade-in' if self.fades else ''}"

    def alpha(self, progress: float) -> float:
        """Return α at a share of the phase."""
        return min(progress, 1.0) if self.fades else 1.0


class Play(Protocol):
    """Plays one round of a phase."""

    def __call__(self, phase: Phase, data: Feed, turn: Turns) -> None:
        """Play it."""
        ...


def stages_of(
    phases: Sequence[Phase], play: Play, restarts: Iterable[str], stream: Streaming | None = None
) -> list[Stage]:
    """Return phases as stages of training.

    Args:
        phases: in order.
        play: plays a round of one.
        restarts: players whose optimisers begin anew at each further level.
        stream: what else the game wants of its main stream.
    """
    wanted = stream or Streaming()
    again, before = tuple(restarts), phases[0].level
    found: list[Stage] = []
    for phase in phases:
        served = Streaming(wanted.fields, phase.size, phase.batch, wanted.sampler, wanted.views)
        found.append(
            Stage(
                phase.name,
                partial(play, phase),
                kimg=phase.kimg,
                prepares=not phase.last,  # coarse images lack what there is to be covered
                streams={MAIN: served},
                restarts=again if phase.level != before else (),
            )
        )
        before = phase.level
    return found


class GrownSampling(Sampling):
    """Options of samples.

    Attributes:
        level: height of the images of a level, which are given as large as all others; None: the
            finest that the model has grown to.
    """

    posing: ClassVar[frozenset[str]] = Sampling.posing | {"level"}

    level: int | None = None


def level_of(height: int, sizes: Sequence[Size], what: str) -> int:
    """Return the number of the level of images of a height.

    Raises:
        UsageError: there is none.
    """
    heights = [size[0] for size in sizes]
    if height not in heights:
        nearest = min(heights, key=lambda one: abs(one - height))
        there = ", ".join(map(str, heights))
        raise UsageError(f"{what}={height} is no level; the nearest is {nearest}, of {there}")
    return heights.index(height)


def faded(x: Tensor, alpha: float) -> Tensor:
    """Return real images (N, C, H, W) as those of a level fading in: (1 − α)·up(pool(x)) + α·x."""
    if alpha == 1:
        return x
    return blend(upsample_nearest(downsample_average(x)), x, alpha)
