"""Which statistics batch norms use while a trained model samples."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from ganvas.data.batch import Batch
from ganvas.errors import UsageError
from ganvas.networks.conditions import Given
from ganvas.nn import BatchNorm, Standing, estimated, of_each_batch, standing
from ganvas.play import Noise

if TYPE_CHECKING:
    from ganvas.model.trained import Trained

OPTION = "statistics"
PASSES = 50
"""Batches whose statistics are averaged."""
SEED = 6_283_185_307
"""Of their latents, which are no sample's that anybody is likely to ask for."""


class Normalising:
    """Statistics of a model's batch norms, estimated once for all options of samples that differ.

    Args:
        model: whose samples are made with the weights that it has, the averaged ones of a training.
        block: how many samples are one batch.
    """

    def __init__(self, model: Trained, block: int) -> None:
        self._model, self._block = model, block
        self._known: dict[str, Standing] = {}

    def by(self, told: Mapping[str, Any], blocks: bool) -> AbstractContextManager[object]:
        """Return a block in which the model samples with the statistics that options ask for.

        Args:
            told: options that are not at their defaults.
            blocks: whether samples are made in whole blocks of a seed.

        Raises:
            UsageError: there are no batch norms, or a batch's statistics make no sense.
        """
        which = told.get(OPTION, "running")
        if which == "running":
            return nullcontext()
        if which == "batch" and not blocks:
            raise UsageError(
                f"{OPTION}=batch normalises each sample by the others of its seed, and latents "
                f"between seeds have none: use {OPTION}=re-estimated"
            )
        return self._each_batch() if which == "batch" else self._standing(told)

    @contextmanager
    def _each_batch(self) -> Generator[None]:
        with of_each_batch(self._model.game) as passed:
            yield
        self._require(passed, "batch")

    @contextmanager
    def _standing(self, told: Mapping[str, Any]) -> Generator[None]:
        # A generator, so that passes are made where the game is posed as options say.
        key = repr(sorted(told.items()))
        if key not in self._known:
            self._known[key] = self._estimated(told)
        self._require(self._known[key], told[OPTION])
        with standing(self._known[key]):
            yield

    def _require(self, norms: Collection[BatchNorm], which: str) -> None:
        if not norms:
            raise UsageError(
                f"{OPTION}={which} is for generators with batch norm, and this model's has none"
            )

    def _estimated(self, told: Mapping[str, Any]) -> Standing:
        """Return statistics over fresh samples, drawn as options say."""
        model = self._model
        z, y = model.latents(PASSES * self._block, SEED, **told)
        given = self._conditions(len(z), told[OPTION]) if y is None else y

        def play() -> None:
            for _ in model.outputs(z, given, self._block, SEED):
                pass

        return estimated(model.game, play, pooled=told[OPTION] == "pooled")

    def _conditions(self, n: int, which: str) -> Given:
        known = self._model.game.conditions
        for name, domain in known.items():
            if not domain.classes:
                raise UsageError(
                    f"{OPTION}={which} draws conditions uniformly, and there is no such draw "
                    f"of '{name}': use {OPTION}=batch or running"
                )
        if not known:
            return None
        drawn = known.draw(n, Noise(SEED))
        return known.of(Batch(drawn, main=next(iter(drawn))))
