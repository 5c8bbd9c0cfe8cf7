"""TGANv2: trained sparsely, generating densely (Saito, Saito, Koyama & Kobayashi 2020).

One pass of the generator gives a clip at several levels: all frames at the lowest, few frames at
full size at the highest; each level has a critic of its own. Samples are clips of all frames.
"""

from __future__ import annotations

from collections.abc import Generator as Yields
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, cast

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor

from ganvas.config import Schedule, Settings
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.source import Source
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import (
    LATENT,
    Adversarial,
    AdversarialConfig,
    Extent,
    OfGenerators,
)
from ganvas.games.parts.advice import ADVICE
from ganvas.games.parts.clips import LONGEST
from ganvas.games.parts.growing import level_of
from ganvas.games.parts.penalties import AnyPenalty
from ganvas.games.parts.penalties.shards import SummedR1
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.uniform import Uniform
from ganvas.metrics.protocol import Protocol, Score, settings
from ganvas.metrics.similarity import psnr, ssim
from ganvas.networks import DiscriminatorConfig, GeneratorConfig
from ganvas.networks.base import Discriminator, Generator
from ganvas.networks.conditions import Given
from ganvas.networks.video.tganv2 import (
    TGANv2Discriminator,
    TGANv2DiscriminatorNet,
    TGANv2Generator,
    TGANv2GeneratorNet,
)
from ganvas.nn import Pyramid
from ganvas.play import Adam, Noise, OptimiserConfig, Turns
from ganvas.play.advice import Proposal, Remedy, Setup, tree_of
from ganvas.slices import slices

FALLING = Schedule(start=1e-4, end=0.0, shape="linear")
"""To nothing at the end, after 100,000 updates in the paper."""

UNUSED = ("packing", "augment", "minibatch", "memory", "virtual_batch_norm")
"""Settings of adversarial games that concern items of one size, which rows of a pyramid are not."""

COMPARED = 64
"""Clips of which an evaluation compares the levels; the paper has 1,000."""
TOGETHER = 32
"""Clips that are made at once for it."""


class Subsampling(Settings):
    """What is left out between two levels in training.

    Attributes:
        stride: s_t, every which frame is kept; one for all layers, or one for each. 1: all frames.
        thinning: s_b, every which clip of a batch; the paper's experiments keep all.
    """

    stride: PositiveInt | tuple[PositiveInt, ...] = 2
    thinning: PositiveInt = 1

    def strides(self, levels: int) -> tuple[int, ...]:
        """Return s_t of each layer between so many levels.

        Raises:
            UsageError: there are more or fewer.
        """
        if isinstance(self.stride, int):
            return (self.stride,) * (levels - 1)
        if len(self.stride) != levels - 1:
            raise UsageError(
                f"game.subsampling.stride lists {len(self.stride)} numbers, and between {levels} "
                f"levels there are {levels - 1} layers: give so many, or one for all"
            )
        return self.stride


class TGANv2Config(AdversarialConfig):
    """The paper's settings.

    Attributes:
        subsampling: between the levels.
    """

    latent: AnyPrior = Uniform(dim=256)
    generator: GeneratorConfig = TGANv2Generator()
    discriminator: DiscriminatorConfig = TGANv2Discriminator()
    penalties: dict[str, AnyPenalty | None] = Field(default={"r1": SummedR1()})
    generator_optimiser: OptimiserConfig = Adam(lr=FALLING, beta1=0.0, beta2=0.9, eps=8e-8)
    discriminator_optimiser: OptimiserConfig = Adam(lr=FALLING, beta1=0.0, beta2=0.9, eps=8e-8)
    subsampling: Subsampling = Subsampling()

    @model_validator(mode="after")
    def _rows_are_no_items(self) -> TGANv2Config:
        plain = AdversarialConfig.model_fields
        for name in UNUSED:
            if getattr(self, name) != plain[name].default:
                raise ValueError(f"tganv2 judges clips at several levels at once: leave {name} out")
        if self.subsampling.thinning > 1 and self.conditional:
            raise ValueError(
                "subsampling.thinning leaves out clips, whose labels the critics would still be "
                "told: use it with conditional: false"
            )
        return self


def keep_frames(setup: Setup) -> Remedy | None:
    """Every frame, or every second one, in place of fewer."""
    stride = tree_of(setup.game.get("subsampling")).get("stride")
    if not isinstance(stride, int) or stride == 1:
        return None
    why = "critics of large frames that see more of them can tell how they move"
    return Remedy(why, (f"game.subsampling.stride={stride // 2}",))


class OfLevels(OfGenerators):
    """Options of samples.

    Attributes:
        frames: of each clip; None: as many as in training. Longer ones sometimes break.
        level: height of the frames of a level, all of which are given, with pixels as squares;
            None: the highest.
    """

    posing: ClassVar[frozenset[str]] = OfGenerators.posing | {"level"}

    frames: Annotated[int, Field(gt=0, le=LONGEST)] | None = None
    level: int | None = None


class TGANv2(Adversarial[TGANv2Config]):
    """One step of each, on one batch of clips at all levels.

    Attributes:
        pyramid: which frames, and how large, the levels hold.
    """

    system: ClassVar[str] = "tganv2"
    Sampling = OfLevels
    advice: ClassVar[Mapping[str, Proposal]] = {**ADVICE, "move": keep_frames}

    generator: TGANv2GeneratorNet

    def __init__(self, config: TGANv2Config, spec: DataSpec) -> None:
        super().__init__(config, spec)
        critic = cast(TGANv2DiscriminatorNet, self.judge.network)
        self.pyramid = critic.pyramid = self.levels_of(critic)

    def networks(self) -> tuple[Generator, Discriminator]:
        """Return networks of as many levels.

        Raises:
            UsageError: one of them has none, or they have other levels.
        """
        generator, critic = super().networks()
        if not isinstance(generator, TGANv2GeneratorNet):
            raise UsageError("this generator has no levels: set game.generator.kind=tganv2")
        if not isinstance(critic, TGANv2DiscriminatorNet):
            raise UsageError("this discriminator has no levels: set game.discriminator.kind=tganv2")
        few, many = len(generator.renderers), critic.levels
        if few != many:
            raise UsageError(
                f"the generator has {few} levels and the discriminator {many}: give "
                "game.generator.levels and game.discriminator.levels the same number"
            )
        return generator, critic

    def levels_of(self, critic: TGANv2DiscriminatorNet) -> Pyramid:
        """Return what the critics are shown of clips."""
        if critic.pyramid.zoom == 1:  # whole clips, and one of their frames
            return critic.pyramid
        how = self.config.subsampling
        return Pyramid(critic.pyramid.shape, how.strides(critic.levels), how.thinning)

    # ---- training -------------------------------------------------------------------------------

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of the generator, then one of the critics on the same fakes."""
        batch = data.next()
        real = self.leveled(batch, turn.noise)
        fakes = list[Batch]()
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(batch, turn)):
                fake = self.sparse(z, turn.noise)
                # softplus(−D(x̃))
                generator.minimise(self.judge.confusion(x, fake, turn))
                fakes.append(fake.like({name: v.detach() for name, v in fake.fields.items()}))
        self.criticise(real, Batch.cat(fakes), turn)
        for batch in data.take(self.discriminator_steps - 1):  # the paper has none
            self.criticise(self.leveled(batch, turn.noise), self.fakes(batch, turn), turn)

    def criticise(self, real: Batch, fake: Batch, turn: Turns) -> None:
        """Play one step of the critics."""
        with turn("discriminator") as critics:
            for x, x_fake in turn.parts(*self.judge.see(turn, real, fake)):
                # softplus(−D(x)) + softplus(D(x̃)) + λ Σ_l Σ_i ‖∇D_l(x_i)‖²  (Eq. 4, 10)
                critics.minimise(self.judge.loss(x, x_fake, turn))

    def leveled(self, batch: Batch, noise: Noise) -> Batch:
        """Return real clips as rows of the pyramid, with frames of its own kept of each clip."""
        rows = self._at_random(batch.x, noise)
        return Batch({batch.main: rows, **self.conditions.only(batch)}, main=batch.main)

    def sparse(self, z: Batch, noise: Noise) -> Batch:
        """Return x̃'_1, …, x̃'_L of one pass (Eq. 6) as rows of the pyramid.

        Each layer keeps the same frames of all clips.
        """
        given = self.conditions.of(z)
        if self.pyramid.zoom > 1:
            cuts = self.pyramid.cuts(lambda high: noise.whole().integers(1, high))
            rows = self.generator(z.x, given, cuts, self.pyramid)
        else:  # whole clips, and single frames of them
            rows = self._at_random(self.generator(z.x, given), noise)
        return Batch({self.spec.main: rows, **self.conditions.only(z)}, main=self.spec.main)

    def _at_random(self, clips: Tensor, noise: Noise) -> Tensor:
        cuts = self.pyramid.cuts(lambda high: noise.integers(len(clips), high))
        return self.pyramid.packed(self.pyramid.of(clips, cuts))

    @torch.no_grad()
    def fakes(self, real: Batch, turn: Turns) -> Batch:
        """Return fresh fakes for the critics' turn, as many as real clips, without gradient."""
        rule = self.labels.fakes
        z = self.drawn(real, turn.noise, rule, progress=turn.progress)
        return self.sparse(z, turn.noise)

    # ---- what a trained model can do ------------------------------------------------------------

    def prior(
        self,
        n: int,
        noise: Noise,
        truncation: float = 1.0,
        extent: Extent = 1,
        frames: int | None = None,
        *,
        progress: float = 1.0,
    ) -> Tensor:
        """Return n latents: z, and what paths in time draw anew on their way, if they do.

        Raises:
            UsageError: these paths do not go on so long.
        """
        with self.lasting(frames):
            z = super().prior(n, noise, truncation, extent, progress=progress)
            fresh = self.generator.fresh
            return torch.cat([z, truncation * noise.normal(n, fresh)], 1) if fresh else z

    @contextmanager
    def lasting(self, frames: int | None) -> Yields[None]:
        """Have clips of so many frames, for a block."""
        generator, before = self.generator, self.generator.frames
        generator.frames = frames or before
        try:
            yield
        finally:
            generator.frames = before

    @contextmanager
    def posed(self, options: Mapping[str, Any]) -> Yields[None]:
        """Have clips of as many frames, and of the level, that options name, for a block.

        Raises:
            UsageError: there is no such level.
        """
        generator, before = self.generator, self.generator.level
        if (height := options.get("level")) is not None:
            sizes = [(shape[2], shape[3]) for shape in self.pyramid.shapes]
            generator.level = level_of(height, sizes, "level")
        try:
            with super().posed(options), self.lasting(options.get("frames")):
                yield
        finally:
            generator.level = before

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        """Return dense clips (N, C, T, H, W): those of a lower level have its pixels as squares.

        Raises:
            UsageError: the model is conditional, and there are none.
        """
        clips = self.generator(z, y)
        size = (clips.shape[2], *self.spec.shape[2:])
        return clips if clips.shape[2:] == size else F.interpolate(clips, size)

    @torch.no_grad()
    def agreement(self, n: int, noise: Noise) -> dict[str, Tensor]:
        """Return how alike the levels of n dense clips are: of each frame, (n, T).

        Frames of the first level, enlarged between their pixels, and of the last: their peak
        signal-to-noise ratio in dB, and their structural similarity.
        """
        first, last = (shape[2] for shape in (self.pyramid.shapes[0], self.pyramid.shapes[-1]))
        told = {LATENT: self.prior(n, noise), **self.conditions.draw(n, noise)}
        found: dict[str, list[Tensor]] = {"psnr": [], "ssim": []}
        for part in slices(n, TOGETHER):
            z = Batch({name: rows[part] for name, rows in told.items()}, main=LATENT)
            made = list[Tensor]()
            for height in (first, last):
                with self.posed({"level": height}):
                    made.append(self.generator(z.x, self.conditions.of(z)).transpose(1, 2))
            small, large = (((clips.flatten(0, 1) + 1) / 2).clamp(0, 1) for clips in made)
            wide = F.interpolate(small, large.shape[2:], mode="bilinear", align_corners=False)
            found["psnr"].append(psnr(wide, large).view(made[1].shape[:2]))
            found["ssim"].append(ssim(wide, large).view(made[1].shape[:2]))
        return {name: torch.cat(parts).float() for name, parts in found.items()}

    def measures(self, source: Source, seed: int) -> dict[str, Score]:
        """Return the mean agreement of the first level with the last, over frames and clips."""
        if self.pyramid.levels == 1:
            return {}
        noise = Noise(seed, next(self.generator.parameters()).device)
        levels = " and ".join(
            f"{s[2]}×{s[3]}" for s in (self.pyramid.shapes[0], self.pyramid.shapes[-1])
        )
        scores: dict[str, Score] = {}
        for name, each in self.agreement(COMPARED, noise).items():
            how = Protocol(
                metric=f"level_{name}",
                samples=COMPARED,
                reference=f"frames of {levels}",
                seed=seed,
                settings=settings(enlarged="bilinear", frames=each.shape[1]),
            )
            scores[how.name] = Score(value=float(each.mean()), protocol=how)
        return scores

    def score(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the critics' mean logit of each clip, (N,), of the first frames at each level.

        Raises:
            UsageError: the model is conditional, and there are none.
        """
        return super().score(x, y).view(len(x), -1).mean(1)
