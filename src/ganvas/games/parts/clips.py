"""What games that make clips frame by frame share: their latents, their samples at any times."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Protocol

import torch
from pydantic import Field, PositiveInt, field_validator, model_validator
from torch import Tensor
from typing_extensions import TypeVar

from ganvas.data.batch import Batch
from ganvas.data.domain import Domain
from ganvas.data.domains.images import Images
from ganvas.errors import UsageError, did_you_mean
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig, Extent, OfGenerators
from ganvas.networks import Encoder
from ganvas.networks import Generator as Network
from ganvas.networks.conditions import Given
from ganvas.networks.temporal import AnyTemporal
from ganvas.networks.video.clips import ClipGenerator, Told, told_conditions
from ganvas.networks.video.layers import clip_shape
from ganvas.play import Noise, Turns
from ganvas.play.abilities import ability

PARTS = ("content", "start", "motion", "future")
"""What rows and columns of a grid may have in common."""


class ClipsConfig(AdversarialConfig):
    """What games of clips can be told.

    Attributes:
        latent: the law of what all frames of a clip share.
        motion: width of the latents that frames have of their own.
        temporal: makes the path of these.
    """

    motion: int = Field(default=10, ge=1)
    temporal: AnyTemporal

    @field_validator("temporal", mode="before")
    @classmethod
    def _by_word(cls, value: object) -> object:
        """Take a kind alone as its settings."""
        return {"kind": value} if isinstance(value, str) else value


class OfClips(OfGenerators):
    """Options of samples that are clips.

    Attributes:
        frames: how many; None: as many as the clips of training.
        rate: frames for one of the clips of training: at 2 everything moves half as fast.
        fps: frames a second instead, as fast as in the data: there are more of the same movement,
            and files show them faster.
        until: where the clip ends, if one of training ends at 1; frames are as many as come so far.
        at: times of all frames, if one of training ends at 1, in place of these.
        backwards: what comes before the first frame, which is then the last one.
        grid: what rows and columns have in common, in this order, with how many there are of each:
            content, motion, start (of the path) and future (of a start), of one kind or two.
        schedule: classes one after the other, each for so many frames of the clips of training.
    """

    posing: ClassVar[frozenset[str]] = OfGenerators.posing
    beside: ClassVar[frozenset[str]] = frozenset({"grid"})

    frames: PositiveInt | None = None
    rate: Annotated[float, Field(gt=0)] = 1.0
    fps: Annotated[float, Field(gt=0)] | None = None
    until: Annotated[float, Field(gt=0)] | None = None
    at: Annotated[list[float], Field(min_length=1)] | None = None
    backwards: bool = False
    grid: dict[str, PositiveInt] | None = None
    schedule: Annotated[list[tuple[str | int, PositiveInt]], Field(min_length=1)] | None = None

    @field_validator("grid")
    @classmethod
    def _of_parts(cls, value: dict[str, int] | None) -> dict[str, int] | None:
        for name in value or ():
            if name not in PARTS:
                raise ValueError(
                    f"{{content: 4, motion: 7}}: a grid is of {', '.join(PARTS)}, not {name}."
                    f"{did_you_mean(name, PARTS)}"
                )
        if value is not None and len(value) != 2:
            raise ValueError("{content: 4, motion: 7}: rows first, then columns")
        return value

    @model_validator(mode="after")
    def _said_once(self) -> OfClips:
        paced = self.rate != 1 or self.fps is not None
        told = [self.frames is not None, paced, self.until is not None]
        if self.rate != 1 and self.fps is not None:
            raise ValueError("rate and fps both say how many frames there are: choose one")
        if sum(told) > 2 or (self.at is not None and any(told)):
            raise ValueError("frames, rate (or fps) and until: two of them at most, or at alone")
        if self.at is not None and self.backwards:
            raise ValueError("at says when all frames are, backwards in time below 0: choose one")
        return self

    @property
    def sheet(self) -> tuple[int, int] | None:
        """Rows and columns of the grid."""
        if self.grid is None:
            return None
        rows, columns = self.grid.values()
        return rows, columns

    def written(self, domain: Domain) -> Domain:
        """Return the domain of clips that are shown at the frames a second that were asked for."""
        return domain if self.fps is None else domain.at_pace(self.fps)


LONGEST = 100_000
"""Frames of a clip: more would fill the memory before anything is seen of them."""

C = TypeVar("C", bound=ClipsConfig, default=ClipsConfig, covariant=True)


@ability("trajectory")
class HasPaths(Protocol):
    """Makes clips of what rests and a path of what moves."""

    def path(self, z: Tensor, y: Given = None) -> dict[str, Tensor]:
        """Return what is between latents and frames, by name: content, path, times, …."""
        ...

    def render(self, content: Tensor, path: Tensor, y: Given = None) -> Tensor:
        """Return clips (N, C, K, H, W) of any content (N, …) along any paths (N, K, …)."""
        ...


class Clips(Adversarial[C]):
    """A generator of clips and a judge of clips; subclasses say how a round goes.

    Attributes:
        shared: whether paths start from what all frames share.
    """

    Sampling = OfClips
    lengthy: ClassVar[frozenset[str]] = frozenset({"score"})
    shared: ClassVar[bool] = False

    # ---- parts ----------------------------------------------------------------------------------

    def build_generator(self, width: int, draw: Callable[[int, Noise], Tensor]) -> Network:
        """Return the generator: of frames with a path between them, or of clips as a whole.

        Raises:
            UsageError: the data are no clips, or the settings do not fit together.
        """
        config = self.config
        shape = clip_shape(self.spec.domain, config.generator.kind)
        if config.virtual_batch_norm is not None:
            raise UsageError("game.virtual_batch_norm is not for clips: leave it out")
        if config.generator.whole:
            return config.generator.build(self.spec.domain, width, self.conditions)
        encoder = self.build_encoder(width)
        paths, rest, frames = told_conditions(self.conditions, self.told)
        start = width if self.shared else config.motion
        temporal = config.temporal.build(
            (start,), (config.motion,), shape[1], paths, from_start=encoder is not None
        )
        made = config.generator.build_frames(self.frame, width + rest, config.motion, frames)
        return ClipGenerator(
            made,
            temporal,
            width,
            self.conditions,
            shape,
            told=self.told,
            shared=self.shared,
            encoder=encoder,
        )

    @property
    def told(self) -> Told:
        """Who hears of categories."""
        return "both"

    def build_encoder(self, content: int) -> Encoder | None:
        """Return what gives content and start of a picture, if clips begin with one."""
        return None

    @property
    def frame(self) -> Images:
        """Kind, shape and units of one frame."""
        channels, _, height, width = clip_shape(self.spec.domain, self.config.generator.kind)
        return Images(channels=channels, height=height, width=width)

    @property
    def clips(self) -> ClipGenerator:
        """The generator, of frame by frame.

        Raises:
            UsageError: it makes clips as a whole.
        """
        if not isinstance(self.generator, ClipGenerator):
            raise self.whole()
        return self.generator

    def whole(self) -> UsageError:
        """Return why there is no path."""
        return UsageError(
            f"game.generator.kind={self.config.generator.kind} makes clips as a whole, of the "
            "length of training: there is no path to look at at other times"
        )

    # ---- the pieces of a round ------------------------------------------------------------------

    def stills(self, z: Batch, turn: Turns) -> Batch:
        """Return one frame of the clip of each latent, at a uniform time: as many pictures."""
        at, y = turn.noise.integers(len(z), self.spec.shape[1]), self.conditions.of(z)
        if isinstance(self.generator, ClipGenerator):
            x = self.generator.still(z.x, y, at)
        else:
            rows = torch.arange(len(z), device=at.device)
            x = self.generator(z.x, y)[rows, :, at]
        return Batch({self.spec.main: x}, main=self.spec.main)

    # ---- what a trained model can do ------------------------------------------------------------

    def prior(
        self,
        n: int,
        noise: Noise,
        truncation: float = 1.0,
        extent: Extent = 1,
        frames: int | None = None,
        rate: float = 1.0,
        fps: float | None = None,
        until: float | None = None,
        at: list[float] | None = None,
        backwards: bool = False,
        grid: Mapping[str, int] | None = None,
        schedule: list[tuple[str | int, int]] | None = None,
        *,
        progress: float = 1.0,
    ) -> Tensor:
        """Return n latents (n, …) of clips that are looked at as options say.

        Fresh noise is drawn step by step: longer clips begin as shorter ones do.

        Raises:
            UsageError: the path knows no such times, or n are too few for a grid.
        """
        times = self.times_of(frames, rate, fps, until, at, backwards, schedule)
        network = self.generator
        if not isinstance(network, ClipGenerator):
            if grid or schedule or times != self.trained:
                raise self.whole()
            return super().prior(n, noise, truncation, extent, progress=progress)
        network.temporal.check(times)
        content = super().prior(n, noise, truncation, extent, progress=progress)
        start = content if network.shared else truncation * noise.normal(n, network.starts)
        steps = network.temporal.steps(times)
        drawn = [
            truncation * noise.normal(n, network.each) for _ in range(steps * bool(network.each))
        ]
        fresh = torch.cat(drawn, 1) if drawn else content[:, :0]
        apart = not network.shared or grid is not None
        if grid is not None:
            content, start, fresh = in_grid(content, start, fresh, grid)
        if network.encoder is not None:
            return fresh
        return torch.cat([content, *([start] if apart else []), fresh], 1)

    def in_common(self, y: Tensor, options: Mapping[str, Any]) -> Tensor:
        """Let cells of a grid that share what a class is told to share the class as well."""
        if (grid := options.get("grid")) is None:
            return y
        contents, starts, _ = cells(len(y), grid)
        return y[starts if self.told == "motion" else contents]

    @property
    def trained(self) -> tuple[float, ...]:
        """Times of the frames of the clips of training."""
        return tuple(float(k) for k in range(self.spec.shape[1]))

    def times_of(
        self,
        frames: int | None = None,
        rate: float = 1.0,
        fps: float | None = None,
        until: float | None = None,
        at: list[float] | None = None,
        backwards: bool = False,
        schedule: list[tuple[str | int, int]] | None = None,
    ) -> tuple[float, ...]:
        """Return when paths are looked at, in frames of the clips of training, in order.

        Raises:
            UsageError: a clip would be longer than `LONGEST`.
        """
        last = self.spec.shape[1] - 1
        if at is not None:
            _require_bearable(len(at), max(map(abs, at)) * last)
            return tuple(time * last for time in at)
        if fps is not None:
            rate = fps / self.spec.domain.pace
        if schedule is not None and frames is None and until is None:
            frames = round(sum(length for _, length in schedule) * rate)
        end = last if until is None else until * last
        if frames is None:
            frames = int(min(end * rate, LONGEST) + 1e-6) + 1
        elif until is not None:
            rate = (frames - 1) / end if frames > 1 else 1.0
        _require_bearable(frames, (frames - 1) / rate)
        times = tuple(k / rate for k in range(frames))
        return tuple(-time for time in reversed(times)) if backwards else times

    @contextmanager
    def posed(self, options: Mapping[str, Any]) -> Generator[None]:
        """Have clips of the times and classes that options name, for a block."""
        named = ("frames", "rate", "fps", "until", "at", "backwards", "schedule")
        told = {name: options[name] for name in named if name in options}
        with super().posed(options):
            if not (told and isinstance(self.generator, ClipGenerator)):
                yield
                return
            pace = None
            if (schedule := told.get("schedule")) is not None:
                classes = self.categories_of()
                pace = [(int(classes.label(name)), length) for name, length in schedule]
            with self.generator.at(self.times_of(**told), pace):
                yield

    def categories_of(self) -> Any:
        """Return the field of classes that a schedule names.

        Raises:
            UsageError: there is none.
        """
        found = [domain for domain in self.conditions.values() if domain.classes]
        if not found:
            raise UsageError(
                "schedule names classes, and this model has none: train with game.conditional=true "
                "or game.categories=infogan"
            )
        return found[0]

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        """Return clips (N, C, K, H, W) in network units for latents, and conditions if any."""
        return self.generator(z, y)

    def score(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the judge's score of each clip, (N,): of a longer one its windows' mean.

        Raises:
            UsageError: a clip is shorter than those of training.
        """
        frames, length = self.spec.shape[1], x.shape[2]
        if length < frames:
            raise UsageError(f"clips of {length} frames: the judge sees {frames} at once")
        starts = range(length - frames + 1)
        judged = [self.discriminator(x[:, :, k : k + frames], y) for k in starts]
        return torch.stack([logits.flatten(1).mean(1) for logits in _rows(judged)]).mean(0)

    def lacks(self) -> Mapping[type, str]:
        """Return that there are no paths of clips that are made as a whole."""
        kind = self.config.generator.kind
        return {HasPaths: f"game.generator.kind={kind}"} if self.config.generator.whole else {}

    def render(self, content: Tensor, path: Tensor, y: Given = None) -> Tensor:
        """Return clips (N, C, K, H, W) of any content (N, …) along any paths (N, K, …)."""
        return self.clips.render(content, path, y)

    def path(self, z: Tensor, y: Given = None) -> dict[str, Tensor]:
        """Return what is between latents and frames, of each clip.

        Returns:
            ``content`` (N, …), what frames share; ``path`` (N, K, fast), what they do not;
            ``times`` (N, K), where a clip of training ends at 1; ``velocity`` (N, K, fast) of
            paths that have one.
        """
        clips = self.clips
        content, path = clips.content_and_path(z, y)
        times = torch.tensor(clips.times) / max(self.spec.shape[1] - 1, 1)
        found = {"content": content, "path": path, "times": times.expand(len(z), -1)}
        if (velocities := getattr(clips.temporal, "velocities", None)) is not None:
            found["velocity"] = velocities(clips.parts(z, y).start, clips.times)
        return found


def _rows(judged: list[Tensor]) -> list[Tensor]:
    """Return logits (N, …) with at least one dimension beside clips."""
    return [logits[:, None] if logits.dim() == 1 else logits for logits in judged]


def in_grid(
    content: Tensor, start: Tensor, fresh: Tensor, grid: Mapping[str, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return parts of latents such that rows and columns of a sheet share what a grid says.

    Cell k of a grid of R rows and S columns is in row k div S and column k mod S; what neither
    shares is that of the first latent, but for content, which goes with the start of the path.
    There may be more latents than cells: they go on.

    Raises:
        UsageError: the grid is larger than what is drawn together, or names a part twice.
    """
    contents, starts, futures = cells(len(content), grid)
    return content[contents], start[starts], fresh[futures]


def cells(n: int, grid: Mapping[str, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return of which of n latents each cell has its content, its start and its future.

    Raises:
        UsageError: as of `in_grid`.
    """
    (row, rows), (column, columns) = grid.items()
    if rows * columns > n:
        raise UsageError(f"a grid of {rows} × {columns} is larger than {n}, what is drawn together")
    number = torch.arange(n)
    at = {row: number // columns % rows, column: number % columns}
    if "motion" in at and len({"start", "future"} & at.keys()):
        raise UsageError("grid: motion is start and future of a path: name both, or motion alone")
    first = torch.zeros_like(number)
    starts = at.get("start", at.get("motion", first))
    futures = at.get("future", at.get("motion", first))
    contents = at.get("content", at.get("start", first))
    return contents, starts, futures


def _require_bearable(frames: int, length: float) -> None:
    """Refuse clips of too many frames, or which end too many frames of training from the first."""
    if max(frames, length) > LONGEST:
        raise UsageError(
            f"clips have at most {LONGEST:,} frames, and are as long as so many of training: "
            "ask for less with frames, rate, until and at"
        )
