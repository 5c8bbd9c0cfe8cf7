"""Real games, played in a few lines: what the items that train share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.items import Collection, Items
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, Source
from ganvas.games import find_game
from ganvas.games.parts.adversarial import Adversarial, learn
from ganvas.play import Noise, Turns, build

Look = Callable[[int], None]
ADAM = {"kind": "adam", "lr": 1e-3, "beta1": 0.5, "beta2": 0.999}


def points(name: str, standardise: bool = False) -> Source:
    """Open a point law."""
    return open_data(DataSettings.model_validate({"source": name, "standardise": standardise}))


def images(name: str, **settings: Any) -> Source:
    """Open packaged images, without their labels."""
    return open_data(DataSettings.model_validate({"source": name, "labels": False, **settings}))


def atoms(x: Any) -> Source:
    """Return given points (N, D) as a data set, in their own units."""
    held = np.asarray(x, np.float32)
    plain = DataSettings.model_validate({"source": "points", "standardise": False})
    return ArraySource(Collection("points", {"train": Items(held)}), plain)


class Table(NamedTuple):
    """A game with its data, at the table where it is played."""

    game: Adversarial
    feed: Feed
    turns: Turns

    def play(self, rounds: int, look: Look | None = None, every: int = 1) -> list[dict[str, float]]:
        """Play rounds; return what was logged, averaged over ``every`` rounds.

        ``look`` is called before the first round and after each ``every``, with the rounds played.
        """
        log: list[dict[str, float]] = []
        self.turns.statistics = {}
        if look is not None:
            look(0)
        for number in range(rounds):
            self.turns.round, self.turns.progress = number, number / rounds
            self.game.train()
            self.game.round(self.feed, self.turns)
            if (number + 1) % every == 0 or number + 1 == rounds:
                log.append({"round": number + 1, **self.turns.take_statistics()})
                if look is not None:
                    look(number + 1)
        return log

    def train_discriminator(self, steps: int) -> None:
        """Play the discriminator's steps alone, against the generator as it is."""
        self.game.train()
        for number in range(steps):
            self.turns.round = number
            real = self.feed.next()
            learn(self.game, real, self.game.fakes(real, self.turns), self.turns)
        self.turns.statistics = {}

    def train_against(self, fakes: Callable[[Tensor, Noise], Tensor], steps: int) -> list[float]:
        """Play the discriminator's steps alone, against fakes made from the real batch.

        Returns:
            The loss of each step, penalties included.
        """
        losses = list[Tensor]()
        for number in range(steps):
            self.turns.round, self.turns.progress = number, number / steps
            real = self.feed.next()
            fake = Batch(fakes(real.x, self.turns.noise))
            learn(self.game, real, fake, self.turns, shown=True)
            losses += self.turns.statistics["loss/discriminator"]
            self.turns.statistics = {}
        return [float(loss) for loss in losses]

    def samples(self, n: int, seed: int = 1) -> NDArray[np.float32]:
        """Return n samples in network units, always of the same latents."""
        self.game.eval()
        with torch.no_grad():
            drawn = self.game.sample(self.game.prior(n, Noise(seed)))
        self.game.train()
        return drawn.numpy()

    def real(self, n: int) -> Batch:
        """Return n real samples of a stream of their own."""
        return self.feed.next("gallery", n)

    def scores(self, x: Any) -> NDArray[np.float64]:
        """Return the discriminator's logits (N,) of points or images in network units."""
        self.game.eval()
        with torch.no_grad():
            scores = self.game.score(torch.as_tensor(np.asarray(x, np.float32)))
        self.game.train()
        return scores.double().numpy()


def table(system: str, source: Source, seed: int, batch: int = 128, **settings: Any) -> Table:
    """Set a table: build a system's game for the data, with its first round yet to come."""
    kind = find_game(system)
    game = build(kind, kind.Config.model_validate(settings), source.spec, seed)
    turns = Turns(game.players, Noise(seed))
    turns.hold()
    return Table(cast(Adversarial, game.train()), Feed(source, batch=batch, seed=seed), turns)


def mlp(*widths: int, **settings: Any) -> dict[str, Any]:
    """Return the settings of a fully connected network."""
    return {"kind": "mlp", "widths": widths, **settings}


def gradient_norm(loss: Callable[[], Tensor], network: torch.nn.Module) -> float:
    """Return ‖∇loss‖ over a network's parameters, which may be frozen and stay so."""
    parameters = list(network.parameters())
    free = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(True)
    found = torch.autograd.grad(loss(), parameters, allow_unused=True)
    for parameter, was in zip(parameters, free, strict=True):
        parameter.requires_grad_(was)
    return float(
        torch.nn.utils.get_total_norm(
            [g for g in cast(Sequence[Tensor | None], found) if g is not None]
        )
    )
