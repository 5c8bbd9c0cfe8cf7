"""The loop that a good engineer writes by hand for one game: what training is compared with.

It has the game's own networks, losses and data path, fused optimisers and a foreach moving average;
it logs, checks and saves nothing, and leaves precision, layout and allocator as they come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ganvas.config import value_at
from ganvas.data.feed import Feed
from ganvas.data.records import LABEL
from ganvas.data.source import Source
from ganvas.errors import GanvasError
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.constraints.clip import Clip
from ganvas.games.parts.grown import Grown
from ganvas.games.wgan import WGAN
from ganvas.nn import kinds_apart
from ganvas.play import Game, Noise, OptimiserConfig
from ganvas.training.settings import TrainSettings

Judged = tuple[Tensor, Tensor, Tensor | float]
"""Logits of real samples and of fakes, and what else the discriminator lowers."""

SYSTEMS = (
    *("gan", "dcgan", "lsgan", "wgan", "wgan-gp", "sngan", "cgan", "acgan", "r3gan"),
    "progressive",
)
"""Games whose round it is; Progressive GAN's once its networks have grown."""
EXTRAS = (
    *("accumulate", "packing", "instance_noise", "augment", "ada", "diffaugment", "lecam"),
    *("minibatch", "virtual_batch_norm", "memory", "feature_matching", "historical_averaging"),
)
"""Settings of adversarial games that it knows nothing of."""


class PlainLoop:
    """Discriminator steps, then one of the generator, written out.

    Args:
        game: whose networks are trained, and whose rules are followed.
        source: its data.
        settings: batch and average.

    Raises:
        GanvasError: no such loop is written for the game; the message says why.
    """

    def __init__(self, game: Game, source: Source, settings: TrainSettings) -> None:
        self.game = known(game)
        config = self.game.config
        if isinstance(self.game, Grown):
            for phase in self.game.phases:  # the last level alone
                self.game.grow(phase.level)
        self.g, self.d = self.game.generator, self.game.discriminator
        self.objective = config.objective
        self.penalties = {p.kind: cast(Any, p) for p in config.regularisers().values()}
        self.penalised = RULES[frozenset(self.penalties)]
        self.lazy = config.penalty_every if self.penalties and config.penalty_every > 1 else 0
        self.judge = unpenalised if self.lazy else self.penalised
        self.rounds = 0
        self.unit = config.pixels == "unit"
        self.apart = kinds_apart(self.d)
        self.classes = self.game.conditions.classes
        self.names = self.d.labels == "auxiliary"
        rule = config.constraint
        self.bound = rule.bound if isinstance(rule, Clip) else 0.0
        self.device = next(self.g.parameters()).device
        self.data = Feed(source, batch=settings.batch, seed=0, device=self.device)
        self.noise = Noise(0, self.device)
        self.opt_g = _optimiser(config.generator_optimiser, self.g)
        self.opt_d = _optimiser(config.discriminator_optimiser, self.d)
        self.live = list(self.g.parameters()) if settings.average else []
        self.average = [p.detach().clone() for p in self.live]
        self.half_life = 1000 * value_at(settings.average.half_life, 0.5) if settings.average else 0

    def play_round(self) -> None:
        """Play one round."""
        before, labels = self.data.seen, self.game.labels
        game = self.game
        warm = isinstance(game, WGAN)  # its critic may have more steps at first
        for _ in range(game.critic_steps(self.rounds) if warm else game.discriminator_steps):
            batch = self.data.next()
            x, y = self.shown(batch.x), batch[LABEL] if self.classes else None
            with torch.no_grad():
                fake = self.shown(self.g(*self.latents(len(x), y, labels.fakes)))
            on_real, on_fake, penalty = self.judge(self, x, fake, y)
            self.step_d(self.objective.discriminator(on_real, on_fake) + penalty)
            if self.lazy and self.rounds % self.lazy == 0:
                self.step_d(self.lazy * self.penalised(self, x, fake, y)[2])
        z, wanted = self.latents(self.game.generator_batch * len(x), y, labels.generator)
        self.d.requires_grad_(False)
        on_real = self.d(x, y) if self.objective.needs_real else None
        self.opt_g.zero_grad()
        on_fake, named = self.told(self.shown(self.g(z, wanted)), wanted)
        (self.objective.generator(on_real, on_fake) + labels.fake_weight * named).backward()
        self.opt_g.step()
        self.d.requires_grad_(True)
        if self.live:
            decay = 0.5 ** ((self.data.seen - before) / max(self.half_life, 1.0))
            cast(Any, get_ema_multi_avg_fn(decay))(self.average, self.live, None)
        self.rounds += 1

    def shown(self, x: Tensor) -> Tensor:
        """Return items as the discriminator is shown them."""
        return (x + 1) / 2 if self.unit else x

    def step_d(self, loss: Tensor | float) -> None:
        """Take a step of the discriminator."""
        self.opt_d.zero_grad()
        cast(Tensor, loss).backward()
        self.opt_d.step()
        for weight in self.d.parameters() if self.bound else ():
            weight.data.clamp_(-self.bound, self.bound)

    def latents(self, n: int, y: Tensor | None, rule: str) -> tuple[Tensor, Tensor | None]:
        """Return n latents with their classes: those of a batch, or drawn uniformly."""
        z = self.game.latent.draw(n, self.noise)
        if y is None:
            return z, None
        uniform = rule == "uniform"
        return z, self.noise.integers(n, self.classes) if uniform else y.repeat(n // len(y))

    def told(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor | float]:
        """Return the logits of items, and how badly their classes are guessed if they are."""
        if not self.names or y is None:
            return self.d(x, y), 0.0
        logits, h = self.d.judge(x)
        return logits, F.cross_entropy(self.d.classify(h), y)

    def logits(self, x: Tensor, fake: Tensor, y: Tensor | None) -> Judged:
        """Return the logits of both, from one pass where layers allow it; and guesses' cost."""
        if self.names:
            labels = self.game.labels
            (on_real, real), (on_fake, guessed) = self.told(x, y), self.told(fake, y)
            named = labels.real_weight * real
            if labels.own_fake_weight:
                named += labels.own_fake_weight * guessed
            return on_real, on_fake, named
        if self.apart:
            return self.d(x, y), self.d(fake, y), 0.0
        on_real, on_fake = self.d(torch.cat([x, fake]), _twice(y)).chunk(2)
        return on_real, on_fake, 0.0


def unpenalised(loop: PlainLoop, x: Tensor, fake: Tensor, y: Tensor | None) -> Judged:
    """Judge without a penalty."""
    return loop.logits(x, fake, y)


def between(loop: PlainLoop, x: Tensor, fake: Tensor, y: Tensor | None) -> Judged:
    """Judge with λ(‖∇D‖ − 1)² between real samples and fakes (WGAN-GP)."""
    ratio = loop.noise.uniform(len(x)).view(-1, *[1] * (x.dim() - 1))
    squared = _squared(_slope(loop.d, ratio * x + (1 - ratio) * fake, y)[1])
    cost = ((squared + 1e-12).sqrt() - 1).square().mean()
    on_real, on_fake, named = loop.logits(x, fake, y)
    return on_real, on_fake, named + value_at(loop.penalties["gradient"].weight, 0.5) * cost


def everywhere(loop: PlainLoop, x: Tensor, fake: Tensor, y: Tensor | None) -> Judged:
    """Judge with (γ/2)‖∇D‖² on real samples and fakes, all from one pass (R3GAN)."""
    logits, slope = _slope(loop.d, torch.cat([x, fake]), _twice(y))
    (on_real, on_fake), (real, fakes) = _squared(slope).chunk(2), logits.chunk(2)
    first, second = (value_at(loop.penalties[kind].weight, 0.5) / 2 for kind in ("r1", "r2"))
    return real, fakes, first * on_real.mean() + second * on_fake.mean()


RULES: dict[frozenset[str], Callable[[PlainLoop, Tensor, Tensor, Tensor | None], Judged]] = {
    frozenset(): unpenalised,
    frozenset({"gradient"}): between,
    frozenset({"r1", "r2"}): everywhere,
}
"""How judging is written out, by the kinds of penalties."""


def known(game: Game) -> Adversarial[AdversarialConfig]:
    """Return a game for which the loop is written.

    Raises:
        GanvasError: there is none; the message says what of the game it does not know.
    """
    if not isinstance(game, Adversarial) or game.system not in SYSTEMS:
        raise GanvasError(f"no plain loop is written for {game.system}")
    config = cast(AdversarialConfig, game.config)
    fields = AdversarialConfig.model_fields
    others = [name for name in EXTRAS if getattr(config, name) != fields[name].default]
    if others:
        raise GanvasError(f"no plain loop is written with game.{others[0]}")
    if isinstance(game, Grown) and len(game.phases) > 1:
        raise GanvasError(
            "no plain loop is written for networks that grow; with game.growing.fade=0 "
            "game.growing.rest=0 they stand at their last level from the start"
        )
    if config.constraint is not None and config.constraint.kind not in ("spectral", "clip"):
        raise GanvasError(f"no plain loop is written with the constraint {config.constraint.kind}")
    kinds = frozenset(str(penalty.kind) for penalty in config.regularisers().values())
    if kinds not in RULES:
        raise GanvasError(f"no plain loop is written with the penalties {', '.join(sorted(kinds))}")
    if game.conditions and not game.conditions.classes:
        raise GanvasError("no plain loop is written for conditions that are no classes")
    guesses = game.discriminator.labels == "auxiliary"
    if guesses and ("r1" in kinds or config.labels.fakes != "batch"):
        raise GanvasError(
            "no plain loop is written for a discriminator that guesses classes, with R1 and R2 or "
            "with other labels of fakes than the batch's"
        )
    return cast(Adversarial[AdversarialConfig], game)


def _optimiser(settings: OptimiserConfig, network: nn.Module) -> torch.optim.Optimizer:
    optimiser = settings.build(network.parameters())
    for group in optimiser.param_groups:
        settings.apply(group, progress=0.5, rate=1.0, correction=1.0)
    return optimiser


def _slope(network: nn.Module, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the logits of items and their gradient there."""
    x = x.requires_grad_()
    logits = network(x, y)
    (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return logits, slope


def _squared(slope: Tensor) -> Tensor:
    return slope.flatten(1).square().sum(1)


def _twice(y: Tensor | None) -> Tensor | None:
    return None if y is None else torch.cat([y, y])
