"""A discriminator's architecture as a classifier, trained from nothing on a few labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.data.progress import Progress
from ganvas.given import batches
from ganvas.metrics.probe import Labelled, Numbers, Probed
from ganvas.model.features import Features, untrained
from ganvas.model.model import Model

RATE = 1e-3
"""Of Adam."""
EVERY = 25
"""Steps between looks at validation items."""
JUDGED = 2_000
"""Validation items that say when to stop."""
BATCH = 50


def labels_alone(
    model: Model,
    pool: Labelled,
    draws: Sequence[Numbers],
    validation: Labelled,
    test: Labelled,
    steps: int = 300,
    side: int = 4,
) -> Probed:
    """Return what a model's discriminator reaches if it is trained on each draw's labels alone.

    Its last maps go into one linear layer with an output for each class, in place of the score;
    all is trained together by cross-entropy, and the step that is best on validation items counts.

    Args:
        model: whose architecture it is.
        pool: labelled items.
        draws: rows of the pool.
        validation: items that say when to stop.
        test: items that it is measured on.
        steps: of each training, at most.
        side: as of `Features`.
    """
    classes = 1 + int(max(part.label.max() for part in (pool, validation, test)))
    judged = validation.at(np.arange(min(len(validation), JUDGED)))
    best, reached, kept = list[float](), list[float](), list[int]()
    with Progress("training on labels alone", len(draws) * steps) as progress:
        for number, rows in enumerate(draws):
            network = Headed(untrained(model, seed=number), classes, side)
            value, step = network.learn(pool.at(rows), judged, steps, number, progress.advance)
            best.append(value)
            kept.append(step)
            reached.append(network.accuracy(test))
    chosen = f"{min(kept)} to {max(kept)} steps"
    return Probed("labels alone", 0, chosen, float(np.mean(best)), np.array(reached))


class Headed(nn.Module):
    """The layers of a discriminator, and a linear layer on the last of them.

    Args:
        model: whose weights it begins with, and trains.
        classes: K.
        side: as of `Features`.
    """

    def __init__(self, model: Model, classes: int, side: int = 4) -> None:
        super().__init__()
        self._features = Features(model, side=side)
        self._last = self._features.known[-1]
        self.game = model.game.requires_grad_(True)
        width = int(np.prod(self._last.shape))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.head = nn.Linear(width, classes).to(model.device)

    def forward(self, x: Tensor) -> Tensor:
        """Return class logits (N, K) of items in network units."""
        return self.head(self._features.maps(x)[self._last.name].flatten(1))

    def learn(
        self,
        drawn: Labelled,
        validation: Labelled,
        steps: int,
        seed: int = 0,
        done: Callable[[], None] = lambda: None,
    ) -> tuple[float, int]:
        """Train; return the best accuracy on validation items, and the step whose weights stay.

        After each step ``done`` hears of it.
        """
        rng = np.random.default_rng(seed)
        optimiser = torch.optim.Adam(self.parameters(), lr=RATE)
        best, at, kept = -1.0, 0, dict[str, Tensor]()
        for step in range(1, steps + 1):
            rows = rng.choice(len(drawn), min(BATCH, len(drawn)), replace=False)
            self.train()
            logits = self(self._encode(drawn.x[rows]))
            optimiser.zero_grad(set_to_none=True)
            F.cross_entropy(
                logits, torch.from_numpy(drawn.label[rows]).to(logits.device)
            ).backward()
            optimiser.step()
            done()
            if step % EVERY == 0 or step == steps:
                value = self.accuracy(validation)
                if value > best:
                    best, at = value, step
                    kept = {name: t.clone() for name, t in self.state_dict().items()}
        self.load_state_dict(kept)
        return best, at

    @torch.no_grad()
    def accuracy(self, items: Labelled, batch: int = 250) -> float:
        """Return the share of items whose class it tells."""
        self.eval()
        right = 0
        for part in batches(len(items), batch):
            guess = self(self._encode(items.x[part])).argmax(1).cpu().numpy()
            right += int((guess == items.label[part]).sum())
        return right / len(items)

    def _encode(self, x: npt.NDArray[np.uint8]) -> Tensor:
        model = self._features.model
        return model.read_by("score").encode(x).to(model.device)
