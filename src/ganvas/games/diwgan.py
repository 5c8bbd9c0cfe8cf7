"""DIW-GAN: an importance-weighted distance to representative data (dual importance weights).

The generator also lowers a one-to-one distance, in the latents of a frozen autoencoder, between
its batch and a fixed set of representative reals. A pair counts more where the real sample is still
badly met (w_r) and less where the fake is an outlier of the generator's own recent output (w_g).
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.config import Amount, value_at
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts import matching
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.density import distinct, leave_one_out_bandwidth, log_density
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.games.parts.representatives import (
    Choice,
    Pairs,
    Summary,
    Trail,
    bounded,
    chosen,
    entropy,
)
from ganvas.networks import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    MLPDiscriminator,
    MLPEncoder,
    MLPGenerator,
)
from ganvas.nn import BatchNorm, gather, world_size
from ganvas.play import Adam, Loss, Noise, OptimiserConfig, Player, Stage, Turns
from ganvas.play.advice import Offer, Sign

BANDWIDTH_POINTS = 2_000
SAME = 1e-3
"""Share of pairs of real samples that are as near as a sample and its repetition."""


class DIWGANConfig(AdversarialConfig):
    """The sheet's settings for points.

    Attributes:
        encoder, decoder: the autoencoder; no batch norm, so that a code is its sample's own.
        autoencoder_optimiser, autoencoder_rounds, autoencoder_batch: how it is trained beforehand.
        code: width k of its latents; None: the number of coordinates, at most 16.
        alpha: weight of the distance.
        representatives: reals that are met, at least ``train.batch``, and all where there are
            fewer; of more than a batch, each step meets a random part.
        candidates: encoded training items among which representatives are chosen; all where there
            are fewer.
        choose: how: by herding, by draws from their density, by k-means, or at random.
        pairing: exact, auction, sinkhorn (rounded to pairs), soft (its plan), or identity (none).
        huber: distances below it count quadratically; 0 for never.
        weigh_fakes: by the density of recent fakes, by its ratio to the data's, or not.
        weigh_reals: by the running distance of a real's own partner, of its nearest fake, or not.
        past: batches of fakes that are remembered.
    """

    latent: AnyPrior = Normal(dim=256)
    generator: GeneratorConfig = MLPGenerator(widths=(128, 128), init="glorot")
    discriminator: DiscriminatorConfig = MLPDiscriminator(
        widths=(128,), activation="relu", init="glorot"
    )
    generator_optimiser: OptimiserConfig = Adam(lr=1e-3, beta1=0.5, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=1e-4, beta1=0.5, beta2=0.999)
    encoder: EncoderConfig = MLPEncoder(widths=(128, 128))
    decoder: GeneratorConfig = MLPGenerator(widths=(128, 128), init="glorot")
    autoencoder_optimiser: OptimiserConfig = Adam(lr=1e-3, beta1=0.9, beta2=0.999)
    autoencoder_rounds: int = Field(default=3000, ge=1)
    autoencoder_batch: int = Field(default=256, ge=1)
    code: int | None = Field(default=None, ge=1)
    alpha: Amount = 1.0
    representatives: int = Field(default=128, ge=2)
    candidates: int = Field(default=4000, ge=2, le=10_000)
    choose: Choice = "herding"
    pairing: Literal["exact", "auction", "sinkhorn", "soft", "identity"] = "exact"
    huber: float = Field(default=0.0, ge=0)
    weigh_fakes: Literal["density", "ratio", "off"] = "density"
    weigh_reals: Literal["paired", "nearest", "off"] = "paired"
    past: int = Field(default=10, ge=1)


class DIWGAN(Adversarial[DIWGANConfig]):
    """Three stages: the autoencoder, the choice of representatives, and the weighted game."""

    system: ClassVar[str] = "diwgan"
    offer: ClassVar[Offer | None] = Offer(
        why="weights on both sides draw the generator to items that it hardly ever meets",
        method="diwgan",
    )
    signs: ClassVar[tuple[Sign, ...]] = (
        Sign(
            number="entropy/reals",
            below=0.85,
            verdict="dropping modes",
            words="a few representatives of the data are hardly met: the entropy of their weights "
            "is {value:.2f} of that of equal ones",
        ),
    )

    def __init__(self, config: DIWGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        if config.accumulate > 1 or config.generator_batch > 1:
            raise UsageError(
                "fakes are matched a whole batch at a time: set game.accumulate=1 and "
                "game.generator_batch=1"
            )
        flat = 1
        for edge in spec.shape:
            flat *= edge
        k = config.code or min(flat, 16)
        self.encoder = config.encoder.build(spec.domain, k)
        self.decoder = config.decoder.build(spec.domain, k)
        if any(isinstance(layer, BatchNorm) for layer in self.encoder.modules()):
            plain = "batch_norm=false" if config.encoder.kind == "mlp" else "norm=none"
            raise UsageError(
                "a code must be its sample's own, but the encoder has batch norm, which mixes the "
                f"samples of a batch: set game.encoder.{plain}"
            )
        self.players["autoencoder"] = Player(
            [self.encoder, self.decoder], config.autoencoder_optimiser
        )
        size = min(config.representatives, spec.size or config.representatives)
        self.summary = Summary(size, k)
        self.trail = Trail(config.past * size, size, k)

    # ---- before the game ------------------------------------------------------------------------

    def stages(self) -> list[Stage]:
        """Return the autoencoder's training, one round that chooses representatives, the game."""
        return [
            Stage("autoencoder", self.learn_codes, self.config.autoencoder_rounds, prepares=True),
            Stage("representatives", self.choose, 1, prepares=True),
            Stage("main", self.round),
        ]

    def learn_codes(self, data: Feed, turn: Turns) -> None:
        """Take one step on ‖x − Dec(E(x + noise))‖², also off the data.

        Its data and noise come from streams of the run that are their own: with alpha = 0 the game
        is then, bit for bit, what it would be without an autoencoder.
        """
        x = data.next("autoencoder", self.config.autoencoder_batch // world_size()).x
        noise = turn.noise.branch("autoencoder", turn.round)
        if not self.spec.domain.grid:
            low, high = gather(x).min(0).values, gather(x).max(0).values
            count = max(len(x) // 10, 1)
            anywhere = low + (high - low) * noise.uniform(count, *x.shape[1:])
            seen = wanted = torch.cat([x, anywhere])
        else:
            seen, wanted = x + 0.05 * noise.normal(*x.shape), x
        with turn("autoencoder") as autoencoder:
            found = self.decoder(self.encoder(seen).mean)
            autoencoder.minimise((found - wanted).square().mean())

    @torch.no_grad()
    def choose(self, data: Feed, turn: Turns) -> None:
        """Fix the latents' normalisation, the bandwidth of the data, and the representatives."""
        config, size = self.config, len(self.summary.representatives)
        # A finite stream goes through all items before it repeats one.
        wanted = max(config.candidates, size)
        count = min(wanted, self.spec.size or wanted)
        x = data.next("representatives", math.ceil(count / world_size())).x
        codes = gather(torch.cat([self.encoder(part).mean for part in torch.split(x, 512)]))[:count]
        self.summary.shift.copy_(codes.mean(0))
        self.summary.scale.copy_(codes.std(0).clamp_min(1e-6))
        codes = (codes - self.summary.shift) / self.summary.scale
        some = codes[:BANDWIDTH_POINTS]
        self.summary.bandwidth.copy_(leave_one_out_bandwidth(some))
        self.summary.border.copy_(torch.pdist(distinct(some)).quantile(SAME))
        noise = turn.noise.branch("representatives").whole()
        self.summary.representatives.copy_(
            chosen(config.choose, codes, size, self.summary.bandwidth, noise)
        )

    # ---- the game -------------------------------------------------------------------------------

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of D, one of G on −E log D(G(z)) + α E[w_r w_g ‖s_r − s_g‖]  (Eq. 3)."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as discriminator:
                real_seen, fake_seen = self.judge.see(turn, real, self.fakes(real, turn))
                discriminator.minimise(self.judge.loss(real_seen, fake_seen, turn))
        with turn("generator") as generator:
            fake = self.generate(self.latents(real, turn))
            loss = self.judge.confusion(real, fake, turn)
            alpha = value_at(self.config.alpha, turn.progress)
            if alpha:
                distance, statistics = self.weighted_distance(fake.x, turn)
                loss = Loss(loss.value + alpha * distance, {**loss.statistics, **statistics})
            generator.minimise(loss)

    def weighted_distance(self, x: Tensor, turn: Turns) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean weighted distance of this process's fakes to their reals, and numbers."""
        s = self.normalised(x)
        with torch.no_grad():
            every = gather(s.detach())
            rows = self._rows(len(every), turn)
            reals = self.summary.representatives[rows]
            cost = torch.cdist(reals, every)
            fakes_weight = self.fake_weights(every, *self.trail.known())
            reals_weight = self.real_weights(rows)
            mine = slice(turn.ranks.rank * len(s), (turn.ranks.rank + 1) * len(s))
            plan = self.pair(cost, rows)
            weights = plan * reals_weight[:, None] * fakes_weight
        if self.config.pairing == "soft":
            apart = torch.cdist(reals, s)
            loss = (weights[:, mine] * self.bent(apart)).sum() / len(s)
        else:
            partner = plan.argmax(0)[mine]
            apart = ((reals[partner] - s).square().sum(1) + 1e-12).sqrt()
            weight = weights[partner, torch.arange(len(every), device=s.device)[mine]]
            loss = (weight * self.bent(apart)).mean()
        with torch.no_grad():
            paired = (plan * cost).sum(1) / plan.sum(1).clamp_min(1e-12)
            met = cost.min(1).values if self.config.weigh_reals == "nearest" else paired
            self.summary.distances[rows] = 0.9 * self.summary.distances[rows] + 0.1 * met
            self.trail.recent.copy_(torch.cat([self.trail.recent[len(every) :], every]))
            most = self.config.past * len(every)
            self.trail.filled.copy_((self.trail.filled + len(every)).clamp_max(most))
        return loss, {
            "distance": paired.mean(),
            "entropy/reals": entropy(reals_weight),
            "entropy/fakes": entropy(fakes_weight),
        }

    def normalised(self, x: Tensor) -> Tensor:
        """Return the normalised latents (N, k) of samples."""
        return (self.encoder(x).mean - self.summary.shift) / self.summary.scale

    def pair(self, cost: Tensor, rows: Tensor) -> Tensor:
        """Return which real goes with which fake, as a (B, B) plan with columns that sum to 1.

        Fakes bid for reals, whose prices last from step to step.

        Args:
            cost: of each real with each fake, (B, B).
            rows: which representatives the reals are, (B,).
        """
        match self.config.pairing:
            case "exact":
                partner = matching.exact(cost.T)
            case "identity":
                return torch.eye(len(cost), dtype=cost.dtype, device=cost.device)
            case "auction":
                partner, prices = matching.auction(cost.T, self.trail.potential[rows])
                self.trail.potential[rows] = (prices - prices.mean()).to(cost.dtype)
            case "sinkhorn" | "soft":
                plan, potential = matching.sinkhorn(cost.T, self.trail.potential[rows])
                self.trail.potential[rows] = potential
                if self.config.pairing == "soft":
                    return plan.T / plan.sum(1)
                partner = matching.rounded(plan, cost.T, potential)
        return torch.zeros_like(cost).scatter_(0, partner[None], 1.0)

    def fake_weights(self, every: Tensor, past: Tensor, known: Tensor) -> Tensor:
        """Return w_g (B,): how usual each fake is among past ones; 1 before there are any.

        Args:
            every: normalised latents of the batch, (B, k).
            past: of earlier fakes, (P, k).
            known: which rows of ``past`` there are, (P,) bool.
        """
        if self.config.weigh_fakes == "off":
            return every.new_ones(len(every))
        k = every.shape[1]
        count = known.sum().clamp_min(1)
        mean = (past * known[:, None]).sum(0) / count
        spread = (((past - mean).square() * known[:, None]).sum(0) / count).mean().sqrt()
        scott = 0.25 * spread * count ** (-1.0 / (k + 4))
        width = torch.maximum(self.summary.bandwidth, scott.to(self.summary.bandwidth.dtype))
        log_p = log_density(every, past, width, known)
        if self.config.weigh_fakes == "ratio":
            log_p = log_density(every, self.summary.representatives, self.summary.bandwidth) - log_p
        raw = torch.exp((log_p - log_p.max()) / max(2, k))
        return torch.where(known.any(), bounded(raw), torch.ones_like(raw))

    def real_weights(self, rows: Tensor) -> Tensor:
        """Return w_r (B,): how far each real has been from its partner lately, over the mean."""
        if self.config.weigh_reals == "off":
            return self.summary.distances.new_ones(len(rows))
        return bounded(self.summary.distances[rows])

    def bent(self, distance: Tensor) -> Tensor:
        """Return distances, quadratic below ``huber`` and continuous with slope there."""
        delta = self.config.huber
        if not delta:
            return distance
        return torch.where(distance < delta, distance.square() / (2 * delta), distance - delta / 2)

    def _rows(self, count: int, turn: Turns) -> Tensor:
        """Return which representatives this step meets, (count,).

        Raises:
            UsageError: there are fewer.
        """
        size = len(self.summary.representatives)
        if count > size:
            more = f"game.representatives={count} or more, or " if size != self.spec.size else ""
            raise UsageError(
                f"train.batch={count} fakes meet only {size} representatives; set "
                f"{more}train.batch={size}"
            )
        if count == size:
            return torch.arange(size, device=self.summary.representatives.device)
        share = turn.noise.branch("part", turn.round).whole().uniform(size)
        return share.argsort()[:count]

    # ---- what a trained model can do ------------------------------------------------------------

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the autoencoder's latents (N, k) of samples."""
        return self.encoder(x).mean

    def reconstruct(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what the autoencoder makes of samples, (N, *shape)."""
        return self.decode(self.encode(x))

    def decode(self, code: Tensor) -> Tensor:
        """Return what the autoencoder makes of latents (N, k), (N, *shape)."""
        return self.decoder(code)

    def model(self) -> dict[str, nn.Module]:
        """Return the networks and the summary of the data."""
        return {name: part for name, part in super().model().items() if name != "trail"}

    def log_density(self, x: Tensor, among: Tensor | None = None) -> Tensor:
        """Return the log density of samples' latents, (N,): log p̂_r, that of the representatives.

        Given other samples ``among`` (M, *shape) it is theirs: log p̂_G for the generator's.
        """
        centres = self.summary.representatives if among is None else self.normalised(among)
        return log_density(self.normalised(x), centres, self.summary.bandwidth)

    def pairs(self, x: Tensor, past: Tensor) -> Pairs:
        """Return how fakes (B, *shape) would be paired and weighted in a step of training.

        Args:
            x: as many fakes as a batch, at most one for each representative.
            past: fakes of which the usual ones weigh more, (P, *shape).
        """
        fakes, size = self.normalised(x), len(self.summary.representatives)
        rows = torch.arange(size, device=x.device)
        if len(x) < size:
            share = Noise(0, x.device).uniform(size)
            rows = share.argsort()[: len(x)]
        reals = self.summary.representatives[rows]
        cost = torch.cdist(reals, fakes)
        fake = matching.exact(cost)
        known = torch.ones(len(past), dtype=torch.bool, device=x.device)
        return Pairs(
            rows=rows,
            columns=fake,
            reals=reals,
            fakes=fakes[fake],
            distances=cost.gather(1, fake[:, None])[:, 0],
            real_weights=self.real_weights(rows),
            fake_weights=self.fake_weights(fakes, self.normalised(past), known)[fake],
        )

    def repeated(self, x: Tensor) -> Tensor:
        """Return the pairs (P, 2) of samples (N, *shape) nearer than nearly all pairs of reals.

        Of real samples 0.1 % of the pairs are that near; a collapsed generator has many more.
        """
        latents = self.normalised(x)
        near = torch.cdist(latents, latents) <= self.summary.border
        return near.triu(1).nonzero()

    def uncovered(self) -> Tensor:
        """Return w_r of every representative, (R,): above 1 where the generator hardly comes."""
        return bounded(self.summary.distances)

    def represented(self) -> Tensor:
        """Return the representatives decoded, (R, *shape): a summary of the data."""
        return self.decode(self.summary.representatives * self.summary.scale + self.summary.shift)
