"""MoCoGAN: content drawn once, motion a recurrent path, judges of frames and of clips.

Source: Tulyakov, Liu, Yang & Kautz 2018; what the paper leaves out is that of the authors' code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.data.domains.classes import Classes
from ganvas.data.feed import Feed
from ganvas.data.one_frame import OneFrame
from ganvas.data.samplers import Streaming
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import Labels
from ganvas.games.parts.clips import Clips, ClipsConfig
from ganvas.games.parts.judge import Judge
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.games.parts.views import InstanceNoise
from ganvas.networks import (
    Conditions,
    DCGANEncoder,
    DCGANGenerator,
    DiscriminatorConfig,
    Encoder,
    EncoderConfig,
    GeneratorConfig,
)
from ganvas.networks.conditions import Given
from ganvas.networks.patch import PatchDiscriminator
from ganvas.networks.temporal import AnyTemporal
from ganvas.networks.temporal.gru import GRU
from ganvas.networks.video.clips import Told
from ganvas.networks.video.critic import VideoDiscriminator
from ganvas.play import Adam, Loss, OptimiserConfig, Turns
from ganvas.play.abilities import CanPredict

FRAMES = "frames"
"""The stream of single frames, and in names of its judge."""
CATEGORY = "category"
"""What a category is called that the data do not know."""

WEIGHED = {"none": (0, 0), "infogan": (0, 1), "supervised": (1, 0), "both": (1, 1)}
"""Whether Q learns from real clips, and from fakes."""

PAPER = Adam(lr=2e-4, beta1=0.5, beta2=0.999, l2=1e-5)


class FromImage(Settings):
    """Clips begin with a picture (§3.3, image to video).

    Attributes:
        encoder: gives content and the state before the first step, which is the first frame's.
        weight: λ of ‖x − x̃⁽¹⁾‖₁; the paper does not say it.
        contrast: pixels count by how far they lie from the mean of their picture, in all colours
            together (an extension): a small thing then weighs as much as what is behind it, where
            black in its place costs all but nothing if every pixel counts alike.
    """

    encoder: EncoderConfig = DCGANEncoder()
    weight: float = Field(default=10.0, ge=0)
    contrast: bool = False

    def apart(self, picture: Tensor, first: Tensor) -> Tensor:
        """Return how far first frames (N, C, H, W) are from their pictures."""
        off = (first - picture).abs()
        if self.contrast:
            weights = (picture - picture.mean((2, 3), keepdim=True)).abs().mean(1, keepdim=True)
            off = off * weights / weights.mean().clamp_min(1e-6)
        return off.mean()


class MoCoGANConfig(ClipsConfig):
    """The authors' settings: z_C normal in R⁵⁰, z_M in R¹⁰, Adam 2e-4 with β = (0.5, 0.999).

    Attributes:
        frame_discriminator: D_I; null for the ablation without it.
        frame_discriminator_optimiser: how it steps.
        categories: who names categories z_A to Q, a head of D_V: nobody; the generator, of its own
            clips (InfoGAN); the data, of real ones; or both. With the data's they are its classes.
        category_count: how many there are, where the generator alone names them.
        category_to: who hears of them: the path of motion (the paper), or the image generator.
        category_weight: λ of Q's cross-entropy.
        image: clips begin with a picture, a field of the data: data.derive={image: {kind:
            first_frame}}.
    """

    latent: AnyPrior = Normal(dim=50)
    temporal: AnyTemporal = GRU()
    generator: GeneratorConfig = DCGANGenerator(init="default")
    discriminator: DiscriminatorConfig = VideoDiscriminator(
        time="slide", bias=False, labels="auxiliary", init="default"
    )
    frame_discriminator: DiscriminatorConfig | None = PatchDiscriminator(init="default")
    labels: Labels = Labels(fakes="batch", generator="batch")
    generator_optimiser: OptimiserConfig = PAPER
    discriminator_optimiser: OptimiserConfig = PAPER
    frame_discriminator_optimiser: OptimiserConfig = PAPER
    categories: Literal["none", "infogan", "supervised", "both"] = "none"
    category_count: int | None = Field(default=None, ge=2)
    category_to: Literal["motion", "image"] = "motion"
    category_weight: float = Field(default=1.0, gt=0)
    image: FromImage | None = None

    @model_validator(mode="after")
    def _categories_are_told_by_somebody(self) -> MoCoGANConfig:
        if self.categories in ("supervised", "both") and not self.conditional:
            raise ValueError(
                f"categories={self.categories} are classes of the data: set conditional=true"
            )
        if (self.categories == "infogan") != (self.category_count is not None):
            raise ValueError(
                "categories=infogan needs category_count, and nothing else does: the data's "
                "classes are counted"
            )
        return self


class MoCoGAN(Clips[MoCoGANConfig]):
    """F_V = E log D_I(S_1(v)) + E log(1 − D_I(S_1(ṽ))) + the same of D_V and S_T   (Eq. 5, 6).

    Attributes:
        frame_judge: D_I, a judge of single frames; None without.
    """

    system: ClassVar[str] = "mocogan"

    def __init__(self, config: MoCoGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        by_data, by_itself = WEIGHED[config.categories]
        if config.categories != "none":
            self.judge.real_weight = by_data * config.category_weight
            self.judge.own_fake_weight = by_itself * config.category_weight
            self.judge.fake_weight = config.category_weight
        self.frame_judge = self.judge_of_frames()
        if self.frame_judge is not None:
            self.players["frame_discriminator"] = self.judging(
                self.frame_judge, config.frame_discriminator_optimiser
            )

    # ---- parts ----------------------------------------------------------------------------------

    def given(self) -> Conditions:
        """Return what the generator is given; categories of its own are no field of the data.

        Raises:
            UsageError: the data have no such fields, or there is no picture to begin with.
        """
        found = super().given()
        if self.config.category_count is not None:
            found = Conditions({**found, CATEGORY: Classes(count=self.config.category_count)})
        if bool(found.maps) != (self.config.image is not None):
            raise UsageError(
                "clips that begin with a picture need both game.image={} and a field of it: "
                "game.conditional=[image] data.derive={image: {kind: first_frame}}"
            )
        return found

    @property
    def judged(self) -> Conditions:
        """What Q guesses; pictures are the generator's alone."""
        return self.conditions.vectors

    @property
    def told(self) -> Told:
        """Who hears of categories."""
        return self.config.category_to

    def build_encoder(self, content: int) -> Encoder | None:
        """Return E, from a picture to [z_C, z_M⁽⁰⁾], if clips begin with one."""
        if self.config.image is None:
            return None
        return self.config.image.encoder.build(self.frame, content + self.config.motion)

    def judge_of_frames(self) -> Judge | None:
        """Return D_I, with the objective, penalties and constraint of D_V; None without it."""
        config = self.config
        if config.frame_discriminator is None:
            return None
        network = config.frame_discriminator.build(self.frame)
        if config.constraint is not None:
            config.constraint.install(network)
        return Judge(
            network,
            config.objective,
            penalties=config.regularisers(),
            views=[InstanceNoise(config.instance_noise)] if config.instance_noise else [],
            lazy=self.judge.lazy,
            player="frame_discriminator",
        )

    def streams(self) -> dict[str, Streaming]:
        """Return the stream of single frames, one of each clip at a uniform time."""
        return {FRAMES: Streaming(views=(OneFrame(),))}

    # ---- training -------------------------------------------------------------------------------

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of D_I, of D_V, and of G_I with R_M, each on fresh latents."""
        stills, frames = list[Batch](), self.frame_judge
        if frames is not None:
            one = self.named(data.next(FRAMES), turn)
            with turn("frame_discriminator") as d_i:
                for x, x_fake in turn.parts(*frames.see(turn, one, self.still_fakes(one, turn))):
                    # −log D_I(S_1(v)) − log(1 − D_I(S_1(ṽ)))
                    d_i.minimise(frames.loss(x, x_fake, turn))
            stills = [one, self.latents(one, turn)]
        real = self.named(data.next(), turn)
        with turn("discriminator") as d_v:
            for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                # −log D_V(S_T(v)) − log(1 − D_V(S_T(ṽ))) + λ CE(Q(v or ṽ), z_A)
                d_v.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z, *of_stills in turn.parts(real, self.latents(real, turn), *stills):
                # −log D_V(S_T(ṽ)) + λ CE(Q(ṽ), z_A) [+ λ ‖x − x̃⁽¹⁾‖₁]
                clips = self.generate(z)
                lost = self.judge.confusion(x, clips, turn)
                generator.minimise(self.beginning(lost, clips, z))
                if frames is not None:
                    # −log D_I(S_1(ṽ))
                    one, z_one = of_stills
                    confused = frames.confusion(one, self.stills(z_one, turn), turn)
                    generator.minimise(confused, name="loss_of_frames")

    def named(self, real: Batch, turn: Turns) -> Batch:
        """Return real clips with the categories that fakes beside them get, if the data have none.

        They say nothing of real clips, and nobody asks.
        """
        count = self.config.category_count
        if count is None:
            return real
        return real.replace(**{CATEGORY: turn.noise.integers(len(real), count)})

    @torch.no_grad()
    def still_fakes(self, real: Batch, turn: Turns) -> Batch:
        """Return fresh single frames for the turn of D_I, without gradient."""
        z = self.drawn(real, turn.noise, self.labels.fakes, progress=turn.progress)
        return self.stills(z, turn)

    def beginning(self, lost: Loss, clips: Batch, z: Batch) -> Loss:
        """Return a loss with how far clips begin from their pictures, where they have some."""
        image = self.config.image
        if image is None:
            return lost
        apart = image.apart(self.clips.picture(self.conditions.of(z)), clips.x[:, :, 0])
        statistics = {**lost.statistics, "reconstruction": apart.detach()}
        return Loss(lost.value + image.weight * apart, statistics)

    # ---- what a trained model can do ------------------------------------------------------------

    def predict(self, x: Tensor, y: Given = None) -> Tensor:
        """Return what Q says of clips: probabilities of categories, (N, V)."""
        _, features = self.discriminator.judge(x)
        return self.discriminator.classify(features).softmax(1)

    def lacks(self) -> Mapping[type, str]:
        """Return that nothing is predicted where there is no Q, beside what others lack."""
        without = {CanPredict: "trained without categories (game.categories=none)"}
        return {**super().lacks(), **(without if self.config.categories == "none" else {})}
