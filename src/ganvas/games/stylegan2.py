"""StyleGAN2: modulated weights, lazy regularisation, path lengths (Karras et al. 2020)."""

from __future__ import annotations

from collections.abc import Generator as Yields
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.data.arrays import load_arrays
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import LATENT, Extent, Labels, Rule
from ganvas.games.parts.growing import GrownSampling
from ganvas.games.parts.grown import Grown, GrownConfig
from ganvas.games.parts.path_length import PathLength, PathMean, path_lengths
from ganvas.games.parts.penalties import AnyPenalty
from ganvas.games.parts.penalties.zero_centred import R1
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import DiscriminatorConfig, GeneratorConfig
from ganvas.networks.base import Discriminator, Generator
from ganvas.networks.conditions import Given
from ganvas.networks.stylegan2 import (
    StyleGAN2Discriminator,
    StyleGAN2Generator,
    StyleGAN2GeneratorNet,
)
from ganvas.nn import NoiseMode, noisy
from ganvas.play import Adam, Fit, Noise, OptimiserConfig, Player, Turns

GAMMA = 2e-4
"""γ · batch / pixels, and"""
DEPTH = 2
"""layers of the mapping, in the ``auto`` configuration of StyleGAN2-ADA's code."""

USED = 64
"""Images over which shares of levels are means."""

Fitting = Literal["gamma", "average", "depth"]


class StyleGAN2Config(GrownConfig):
    """Configuration F of table 1; the ladder from A is in the system's page.

    Attributes:
        penalty_every: k_D, rounds between steps of R1 alone, 16-fold.
        path_length: of G, in steps of its own; None for none.
        mixing: probability with which a batch's images are made of two latents each: from a random
            slot on styles are those of the second.
        auto: what is fitted to the size of images and the batch, as by StyleGAN2-ADA's ``auto``:
            "gamma" of R1, the "average" of G's weights, the "depth" of the mapping.
    """

    latent: AnyPrior = Normal(dim=512)
    generator: GeneratorConfig = StyleGAN2Generator()
    discriminator: DiscriminatorConfig = StyleGAN2Discriminator()
    generator_optimiser: OptimiserConfig = Adam(lr=2e-3, beta1=0.0, beta2=0.99, eps=1e-8)
    discriminator_optimiser: OptimiserConfig = Adam(lr=2e-3, beta1=0.0, beta2=0.99, eps=1e-8)
    penalties: dict[str, AnyPenalty | None] = Field(default={"r1": R1(weight=10.0)})
    penalty_every: int = Field(default=16, ge=1)
    labels: Labels = Labels(fakes="batch", generator="batch")
    path_length: PathLength | None = PathLength()
    mixing: Annotated[float, Field(ge=0, le=1)] = 0.9
    auto: tuple[Fitting, ...] = ()


class OfStyles(GrownSampling):
    """Options of samples.

    Attributes:
        truncation: ψ: styles are w̄ + ψ(w − w̄).
        cutoff: slots, from the coarsest on, in which they are; None: all.
        noise: maps drawn for each sample, "random"; those that the model stores, "fixed"; "none".
        maps: a .npz of arrays 0, 1, …: a noise map (1, 1, h, w) for each noisy layer, coarsest
            first, in place of those that the model stores.
        mix: from this slot on styles are those of a second latent of each sample; None: of one.
    """

    posing: ClassVar[frozenset[str]] = GrownSampling.posing | {
        *("truncation", "cutoff", "noise", "maps")
    }

    cutoff: Annotated[int, Field(ge=0)] | None = None
    noise: NoiseMode = "random"
    maps: str | None = None
    mix: PositiveInt | None = None


class StyleGAN2(Grown[StyleGAN2Config]):
    """A step of each; every k_G rounds one on path lengths alone, every k_D rounds one on R1.

    Attributes:
        style_slots: L.
        path: a, the running mean of path lengths.
    """

    system: ClassVar[str] = "stylegan2"
    Sampling = OfStyles

    generator: StyleGAN2GeneratorNet

    def __init__(self, config: StyleGAN2Config, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.style_slots = self.generator.slots
        self.mixing = config.mixing
        self.path = PathMean(config.path_length) if config.path_length else None

    def networks(self) -> tuple[Generator, Discriminator]:
        """Return networks, the first of which has styles.

        Raises:
            UsageError: it has none.
        """
        generator, discriminator = super().networks()
        if not isinstance(generator, StyleGAN2GeneratorNet):
            raise UsageError(
                "this generator has no styles: set game.generator.kind=stylegan2, or train it by "
                "another system, such as gan"
            )
        return generator, discriminator

    @classmethod
    def fitted(cls, config: StyleGAN2Config, spec: DataSpec, batch: int) -> Fit:
        """Return γ, the average's half-life and the mapping's depth by pixels and batch.

        Raises:
            UsageError: groups of the deviation do not divide the batch.
        """
        refuse_odd_batches(config, spec, batch)
        auto, changes, notes = config.auto, dict[str, Any](), list[str]()
        half_life = None
        if "gamma" in auto:
            pixels = spec.shape[1] * spec.shape[2]
            gamma = float(f"{GAMMA * pixels / batch:.4g}")
            changes["penalties"] = {**config.penalties, "r1": R1(weight=gamma)}
            notes.append(
                f"γ of R1 is {gamma:g}, {GAMMA:g} times {pixels:,} pixels over a batch of {batch}: "
                "slopes are sums over pixels, and smaller batches want weaker penalties"
            )
        if "average" in auto:
            half_life = float(f"{batch * 10 / 32:.4g}")
            notes.append(
                f"the average of weights has a half-life of {half_life:g} kimg, 10 times the batch "
                f"of {batch} over 32: as many steps whatever the batch"
            )
        if "depth" in auto:
            changes["generator"] = config.generator.model_copy(update={"depth": DEPTH})
            notes.append(
                f"the mapping has {DEPTH} layers: 8 are for 70,000 and more faces at 1024 pixels"
            )
        if notes:
            changes["auto"] = ()
            notes.append(f"these were fitted because of game.auto=[{', '.join(auto)}]")
        return Fit(changes, half_life, notes)

    def player(self, name: str, network: nn.Module, optimiser: OptimiserConfig) -> Player:
        """Return a player; the generator has lazy turns of its own."""
        player = super().player(name, network, optimiser)
        if name == "generator" and self.config.path_length is not None:
            player.lazy = self.config.path_length.every
        return player

    # ---- training -------------------------------------------------------------------------------

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of each network, and the lazy ones that are due."""
        real = self.as_grown(data.next())
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # L_G = E softplus(−D(g(w)))
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
        if self.path is not None and turn.due(self.path.settings.every):
            every = self.path.settings.every
            with turn("generator", lazy=every) as generator:
                for (z,) in turn.parts(self.fewer(real, turn)):
                    # k_G · γ_pl E(‖J_wᵀ y‖ − a)²
                    loss = self.path(self.lengths(z, turn.noise), turn.progress)
                    generator.minimise(loss, name="path")
            turn.log(**{"path/mean": self.path.mean.clone()})
        with turn("discriminator") as discriminator:
            for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                # L_D = E softplus(D(g(w))) + E softplus(−D(x)); then k_D · γ/2 E‖∇D(x)‖²
                discriminator.minimise(self.judge.loss(x, x_fake, turn))

    def drawn(
        self, real: Batch, noise: Noise, rule: Rule, copies: int = 1, progress: float = 1.0
    ) -> Batch:
        """Return fresh z with conditions; with mixing, a latent for each slot, (N, L, latent).

        Of all images of a batch the crossover is the same, in {1, …, L − 1}.
        """
        drawn = super().drawn(real, noise, rule, copies, progress)
        if not self.mixing:
            return drawn
        second = self.latent.draw(len(drawn), noise, progress)
        all_alike, slots = (
            noise.whole(),
            2 * (self.stands[0] + 1) if self.phases else self.style_slots,
        )
        mixes = all_alike.uniform(1) < self.mixing
        cut = torch.where(mixes, 1 + all_alike.integers(1, slots - 1), self.style_slots)
        return drawn.replace(**{LATENT: self.crossed(drawn.x, second, cut)})

    def crossed(self, first: Tensor, second: Tensor, cut: Tensor | int) -> Tensor:
        """Return a latent for each slot, (N, L, latent): from slot ``cut`` on the second one's."""
        slot = torch.arange(self.style_slots, device=first.device)[None, :, None]
        return torch.where(slot < cut, first[:, None], second[:, None])

    def fewer(self, real: Batch, turn: Turns) -> Batch:
        """Return fresh latents, fewer than there are real samples, for a step on path lengths."""
        assert self.path is not None
        parts, shrink = self.accumulate, self.path.settings.shrink
        n = parts * max(len(real) // parts // shrink, 1)
        # Every so many-th, so that all processes together take the rows that one would.
        some = {k: v if k in real.loose else v[::shrink][:n] for k, v in real.fields.items()}
        return self.drawn(
            real.like(some), turn.noise, self.labels.generator, progress=turn.progress
        )

    def lengths(self, z: Batch, noise: Noise) -> Tensor:
        """Return the path lengths (n,) of latents, in a random direction of images each."""
        y = self.conditions.of(z)
        w = self.generator.styles(z.x, y)
        return path_lengths(lambda w: self.generator.synthesise(w, y), w, noise)

    @property
    def slots_in_use(self) -> int:
        """How many slots of styles the level has at which the generator stands."""
        return 2 * (self.stands[0] + 1) if self.phases else self.style_slots

    @torch.no_grad()
    def gauge(self, x: Tensor) -> dict[str, float]:
        """Return which share of images comes from each level, where images are added up."""
        noise, y = Noise(0, x.device), None
        z = self.prior(USED, noise)
        if not all(domain.classes for domain in self.conditions.values()):
            return {}  # what the data say of the others is not known here
        if drawn := self.conditions.draw(USED, noise):
            y = self.conditions.of(Batch(drawn, main=next(iter(drawn))))
        with noisy(self.generator, "fixed"):
            shares = self.generator.usage(self.generator.styles(z, y), y)
        sizes = self.generator.sizes
        return {f"usage/{size[0]}": share for size, share in zip(sizes, shares, strict=False)}

    # ---- what a trained model can do ------------------------------------------------------------

    def prior(
        self,
        n: int,
        noise: Noise,
        truncation: float = 1.0,
        extent: Extent = 1,
        mix: int | None = None,
        *,
        progress: float = 1.0,
    ) -> Tensor:
        """Return n latents, (n, latent), or with ``mix`` one for each slot, (n, L, latent).

        Raises:
            UsageError: there is no such slot.
        """
        z = super().prior(n, noise, truncation, extent, progress=progress)
        if mix is None:
            return z
        if mix >= self.style_slots:
            raise UsageError(
                f"mix={mix}: this model has slots 0 to {self.style_slots - 1}, of which the second "
                "latent styles those from mix on"
            )
        return self.crossed(z, super().prior(n, noise, truncation, progress=progress), mix)

    @contextmanager
    def posed(self, options: Mapping[str, Any]) -> Yields[None]:
        """Have samples truncated, with noise, and of the level as options say, for a block.

        Raises:
            UsageError: there is no such slot or level, there is no noise, or maps do not fit.
        """
        cutoff, before = options.get("cutoff"), self.generator.truncation
        if cutoff is not None and cutoff > self.style_slots:
            raise UsageError(f"cutoff={cutoff}: this model has {self.style_slots} slots")
        for name in ("noise", "maps"):
            if options.get(name) is not None and not self.generator.noises:
                raise UsageError(
                    f"{name}={options[name]}: this model's generator has no noise maps"
                )
        with ExitStack() as stack:
            stack.enter_context(super().posed(options))
            if (file := options.get("maps")) is not None:
                stack.enter_context(self.with_maps(Path(file)))
                options = {**options, "noise": "fixed"}
            stack.enter_context(noisy(self.generator, options.get("noise", "random")))
            self.generator.truncation = (options.get("truncation", 1.0), cutoff)
            try:
                yield
            finally:
                self.generator.truncation = before

    @contextmanager
    def with_maps(self, file: Path) -> Yields[None]:
        """Have the noise maps of a file in place of the stored ones, for a block.

        Raises:
            UsageError: they are of other layers.
        """
        layers = self.generator.noises
        found = load_arrays(file, cache="memory")
        given = [found[key] for key in map(str, range(len(found))) if key in found]
        wanted = [tuple(layer.stored.shape) for layer in layers]
        if [one.shape for one in given if one.dtype.kind in "fiu"] != wanted:
            sizes = ", ".join(f"{h}×{w}" for *_, h, w in wanted)
            raise UsageError(
                f"maps={file}: expected (1, 1, h, w) for each of {sizes}, in a .npz of 0, 1, …"
            )
        before = [layer.stored for layer in layers]
        for layer, one in zip(layers, given, strict=True):
            layer.stored = torch.from_numpy(one).to(layer.stored)
        try:
            yield
        finally:
            for layer, one in zip(layers, before, strict=True):
                layer.stored = one

    @property
    def mean_style(self) -> Tensor:
        """w̄, (D,)."""
        return self.generator.mean.value

    def styles(self, z: Tensor, y: Given = None) -> Tensor:
        """Return the style of each slot, (N, L, D), for latents (N, latent) or (N, L, latent)."""
        return self.generator.styles(z, y)

    def synthesise(
        self, w: Tensor, y: Given = None, maps: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Return images (N, C, H, W) of styles, with the stored noise maps unless some are given.

        Posed without noise, they have none.

        Raises:
            UsageError: there are more or fewer of them than noisy layers.
        """
        layers = self.generator.noises
        if maps is not None and len(maps) != len(layers):
            raise UsageError(f"{len(maps)} noise maps for {len(layers)} noisy layers")
        mode = "none" if any(layer.mode == "none" for layer in layers) else "fixed"
        with noisy(self.generator, mode):
            return self.as_large(self.generator.synthesise(w, y, maps))

    def maps(self, n: int, noise: Noise) -> list[Tensor]:
        """Return fresh noise maps of every noisy layer, (n, 1, h, w) each, coarsest first."""
        return [noise.normal(n, 1, *layer.stored.shape[2:]) for layer in self.generator.noises]


def refuse_odd_batches(config: StyleGAN2Config, spec: DataSpec, batch: int) -> None:
    """Refuse batches that groups of the discriminator's deviation do not divide.

    Raises:
        UsageError: they do not; a batch smaller than a group is one.
    """
    judge, told = config.discriminator, {"train.batch": batch}
    group = judge.deviation if isinstance(judge, StyleGAN2Discriminator) else 0
    if config.growing and isinstance(judge, StyleGAN2Discriminator):
        for phase in config.growing.phases(judge.sizes((spec.shape[1], spec.shape[2]))):
            if phase.batch:
                told[f"game.growing.levels.{phase.size[0]}.batch"] = phase.batch
    for setting, images in told.items():
        part = images // config.accumulate
        if group and part > 1 and part % min(group, part):
            whole = -(-part // group) * group * config.accumulate
            raise UsageError(
                f"batches of {part} images are no multiple of the {group} in a group of the "
                f"deviation: set {setting}={whole}, or "
                f"game.discriminator.deviation={_divisor(part, group)}"
            )


def _divisor(batch: int, most: int) -> int:
    """Return the largest divisor of a batch up to some number."""
    return next(size for size in range(most, 0, -1) if batch % size == 0)
