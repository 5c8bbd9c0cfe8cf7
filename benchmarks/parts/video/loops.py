"""What the loop costs MoCoGAN, TGAN and VGAN at 32×32×16, against rounds written by hand.

Runs: ``mocogan``, ``tgan`` and ``vgan``: 20 alternating blocks of the same networks, rules, data;
batch and width 16, processor seconds of one thread. By hand nothing is logged, checked or saved.
"""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from common import Row
from overhead import Case, library_loop
from torch import Tensor, nn

from ganvas.data.feed import Feed
from ganvas.nn import set_tracking
from ganvas.play import Noise

MINUTES = 2
BLOCKS = 20
CASES = {
    "mocogan": Case(
        "mocogan/sprites",
        [
            "data={source: shapes, size: 32, variant: {directions: 4, hues: 6}}",
            "game.discriminator.noise=0",
            "game.frame_discriminator.noise=0",
        ],
        1,
    ),
    "tgan": Case(
        "tgan/shapes",
        [
            "data.size=32",
            "game.temporal.norm=batch",
            "game.generator={width: 8, init: dcgan}",
            "game.discriminator={width: 16, stages: null, norm: batch}",
            "game.constraint.every=5",
            "game.generator_optimiser={kind: rmsprop, lr: 2e-4}",
            "game.discriminator_optimiser={kind: rmsprop, lr: 2e-4}",
            "train.average=null",
        ],
        1,
    ),
    "vgan": Case(
        "vgan/shapes",
        [
            "data={size: 32, variant: {directions: 4, hues: 6}}",
            "game.mask=0.1",
            "game.instance_noise=0",
            "game.generator_optimiser.lr=2e-4",
            "game.discriminator_optimiser.lr=2e-4",
            "train.average=null",
        ],
        1,
    ),
}


def free(network: nn.Module, on: bool) -> None:
    """Let gradients and statistics follow, or not."""
    network.requires_grad_(on)
    set_tracking(network, on)


class ByHand:
    """One game's round, written out.

    Args:
        game: whose networks are trained.
        feed: its data.
    """

    def __init__(self, game: Any, feed: Feed) -> None:
        self.game, self.feed, self.noise = game, feed, Noise(0)
        self.g, self.d_v = game.generator, game.discriminator
        self.rounds = 0

    def adam(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return the optimiser of MoCoGAN's players."""
        return torch.optim.Adam(
            network.parameters(), 4e-4, (0.5, 0.999), weight_decay=1e-5, fused=True
        )

    def step(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        """Descend."""
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


class MoCoGAN(ByHand):
    """D_I, D_V, then G_I with R_M."""

    def __init__(self, game: Any, feed: Feed) -> None:
        super().__init__(game, feed)
        self.d_i = game.frame_judge.network
        self.optimisers = {id(n): self.adam(n) for n in (self.g, self.d_v, self.d_i)}

    def __call__(self) -> None:
        """Play it."""
        one, y_one, g = *self.fields("frames"), self.g
        free(g, False), free(self.d_i, True), free(self.d_v, False)
        with torch.no_grad():
            fake = self.still(len(one), y_one)
        loss = F.softplus(-self.d_i(one)).mean() + F.softplus(self.d_i(fake)).mean()
        self.step(self.optimisers[id(self.d_i)], loss)
        x, y = self.fields("main")
        free(self.d_i, False), free(self.d_v, True)
        with torch.no_grad():
            fake = g(self.game.prior(len(x), self.noise), y)
        real, h = self.d_v.judge(x)
        loss = F.softplus(-real).mean() + F.softplus(self.d_v(fake)).mean()
        loss = loss + F.cross_entropy(self.d_v.classify(h), y)
        self.step(self.optimisers[id(self.d_v)], loss)
        free(self.d_v, False), free(g, True)
        logits, h = self.d_v.judge(g(self.game.prior(len(x), self.noise), y))
        loss = F.softplus(-logits).mean() + F.cross_entropy(self.d_v.classify(h), y)
        loss = loss + F.softplus(-self.d_i(self.still(len(one), y_one))).mean()
        self.step(self.optimisers[id(g)], loss)

    def fields(self, stream: str) -> tuple[Tensor, Tensor]:
        """Return items and classes of a stream."""
        batch = self.feed.next(stream)
        return batch.x, batch["label"]

    def still(self, n: int, y: Tensor) -> Tensor:
        """Return one frame of each of n clips."""
        return self.g.still(self.game.prior(n, self.noise), y, self.noise.integers(n, 16))


class TGAN(ByHand):
    """The critic, clipped every fifth step, then G0 and G1."""

    def __init__(self, game: Any, feed: Feed) -> None:
        super().__init__(game, feed)
        self.optimisers = [
            torch.optim.RMSprop(n.parameters(), 2e-4, foreach=True) for n in (self.g, self.d_v)
        ]

    def __call__(self) -> None:
        """Play it."""
        x, g, critic = self.feed.next().x, self.g, self.d_v
        free(g, False), free(critic, True)
        with torch.no_grad():
            fake = g(self.game.prior(len(x), self.noise))
        self.step(self.optimisers[1], critic(fake).mean() - critic(x).mean())
        self.rounds += 1
        if self.rounds % 5 == 0:
            self.game.constraint.enforce(critic)
        free(critic, False), free(g, True)
        self.step(self.optimisers[0], -critic(g(self.game.prior(len(x), self.noise))).mean())


class VGAN(ByHand):
    """D, then G, which pays for its mask."""

    def __init__(self, game: Any, feed: Feed) -> None:
        super().__init__(game, feed)
        self.optimisers = [
            torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999), fused=True)
            for n in (self.g, self.d_v)
        ]

    def __call__(self) -> None:
        """Play it."""
        x, g, d = self.feed.next().x, self.g, self.d_v
        free(g, False), free(d, True)
        with torch.no_grad():
            fake = g(self.game.prior(len(x), self.noise))
        self.step(self.optimisers[1], F.softplus(-d(x)).mean() + F.softplus(d(fake)).mean())
        free(d, False), free(g, True)
        clip, _, mask, _ = g.scene(self.game.prior(len(x), self.noise))
        self.step(self.optimisers[0], F.softplus(-d(clip)).mean() + 0.1 * mask.mean())


HANDS: dict[str, type[Any]] = {"mocogan": MoCoGAN, "tgan": TGAN, "vgan": VGAN}


def compared(name: str) -> Row:
    """Return the median ratio of both loops over alternating blocks, and its quartiles."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        loop = library_loop(CASES[name], Path(folder) / "run")
        game = copy.deepcopy(loop.game).requires_grad_()
        feed = Feed(loop.feed.source, batch=16, seed=0, streams=loop.game.streams())
        hand = HANDS[name](game, feed)

        def library() -> None:
            loop.play_round()
            loop.after_round()

        def seconds(play: Callable[[], None]) -> float:
            start = time.process_time()
            for _ in range(CASES[name].rounds):
                play()
            return time.process_time() - start

        seconds(library), seconds(hand)
        pairs: list[tuple[float, float]] = []
        for block in range(BLOCKS):
            order: list[Callable[[], None]] = [library, hand] if block % 2 else [hand, library]
            taken = {play: seconds(play) for play in order}
            pairs.append((taken[library], taken[hand]))
    low, middle, high = statistics.quantiles([a / b for a, b in pairs], n=4)
    return {
        "ratio": middle,
        "quartiles": f"{low:.3f}–{high:.3f}",
        "by hand, ms": 1000 * statistics.median(b for _, b in pairs),
        "ganvas, ms": 1000 * statistics.median(a for a, _ in pairs),
    }


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give the runs."""
    for name in CASES:
        yield name, partial(compared, name)
