"""Statistics of batch norms in evaluation: of each batch, or of passes made for nothing else.

Running statistics were kept while the weights changed, and an average of weights never made a pass
at all; these belong to the weights as they are (BigGAN's standing statistics, Brock et al. 2019,
section 4.1; the first author's code of DCGAN re-estimates them likewise).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from ganvas.nn.norm import BatchNorm
from ganvas.nn.precision import widen

Standing = dict[BatchNorm, dict[str, Tensor]]
"""Buffers of batch norms, by their names."""


def batch_norms(module: nn.Module) -> list[BatchNorm]:
    """Return the batch norms inside ``module`` that have statistics of their own."""
    found = [layer for layer in module.modules() if isinstance(layer, BatchNorm)]
    return [layer for layer in found if layer.virtual is None]


@contextmanager
def of_each_batch(module: nn.Module) -> Generator[set[BatchNorm]]:
    """Let batch norms use the statistics of what goes through them at once, for a block.

    Gives those that something went through, once it did.
    """
    norms, passed = batch_norms(module), set[BatchNorm]()
    before = [norm.batch_eval for norm in norms]

    def note(norm: nn.Module, given: object, made: object) -> None:
        passed.add(cast(BatchNorm, norm))

    hooks = [norm.register_forward_hook(note) for norm in norms]
    for norm in norms:
        norm.batch_eval = True
    try:
        yield passed
    finally:
        for norm, hook, alone in zip(norms, hooks, before, strict=True):
            hook.remove()
            norm.batch_eval = alone


def own_mean(x: Tensor) -> Tensor:
    """Return the mean of each channel of a batch (N, C, …), (C,), in single precision at least."""
    return widen(x).transpose(0, 1).flatten(1).mean(1)


@torch.no_grad()
def estimated(module: nn.Module, play: Callable[[], object], pooled: bool = False) -> Standing:
    """Return the statistics of passes: means over them of each batch's mean and variance.

    The module is left as it was; its other layers compute as they do outside.

    Args:
        module: whose batch norms are looked at.
        play: makes the passes, each of one batch of two items or more.
        pooled: add the variance of the batches' means to the mean of their variances: that of all
            passes as one batch.

    Returns:
        Buffers of the batch norms that something went through.
    """
    norms = batch_norms(module)
    kept = _buffers(norms)
    before = [(norm.training, norm.tracking, norm.momentum) for norm in norms]
    for norm in norms:
        norm.restart()
        norm.train()
        norm.tracking, norm.momentum = True, None  # all batches weigh alike
    squares = {norm: torch.zeros_like(norm.running_mean) for norm in norms}

    def note(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        own = cast(BatchNorm, norm)
        squares[own] += own_mean(given[0]).square().to(squares[own].dtype)

    hooks = [norm.register_forward_pre_hook(note) for norm in norms if pooled]
    try:
        play()
        used = [norm for norm in norms if norm.num_batches_tracked]
        for norm in used if pooled else ():
            mean_square = squares[norm] / norm.num_batches_tracked
            norm.running_var += (mean_square - norm.running_mean.square()).clamp_min(0)
        return _buffers(used)
    finally:
        for hook in hooks:
            hook.remove()
        for norm, (training, tracking, momentum) in zip(norms, before, strict=True):
            norm.train(training)
            norm.tracking, norm.momentum = tracking, momentum
        _put(kept)


@contextmanager
def standing(statistics: Standing) -> Generator[None]:
    """Let batch norms use statistics that `estimated` gave, for a block."""
    kept = _buffers(list(statistics))
    _put(statistics)
    try:
        yield
    finally:
        _put(kept)


class StoredStatistics(nn.Module):
    """Statistics of batch norms for several shares in [0, 1] of an option, such as a truncation.

    They come with released models; none are there before they are put into the buffers, ``means.i``
    and ``variances.i``, (sets, C) of the i-th norm, for the shares 0, 1/(sets − 1), …, 1.

    Args:
        network: whose batch norms they are for, in its order.
        sets: how many shares there are, two or more.
    """

    def __init__(self, network: nn.Module, sets: int) -> None:
        super().__init__()
        self.sets = sets
        norms = batch_norms(network)
        self._norms = [(norm,) for norm in norms]  # in tuples: they are no parts of this one
        self.means, self.variances = nn.Module(), nn.Module()
        for place, norm in enumerate(norms):
            name = str(place)
            self.means.register_buffer(name, norm.running_mean.expand(sets, -1).clone())
            self.variances.register_buffer(name, norm.running_var.expand(sets, -1).clone())

    def at(self, share: float) -> Standing:
        """Return the statistics for a share, between those of its neighbours (linearly)."""
        place = share * (self.sets - 1)
        low = min(int(place), self.sets - 2)
        found: Standing = {}
        for name, (norm,) in enumerate(self._norms):
            means, variances = (
                table.get_buffer(str(name))[low : low + 2] for table in (self.means, self.variances)
            )
            found[norm] = {
                **dict(norm.named_buffers(recurse=False)),
                "running_mean": torch.lerp(means[0], means[1], place - low),
                "running_var": torch.lerp(variances[0], variances[1], place - low),
            }
        return found


def _buffers(norms: list[BatchNorm]) -> Standing:
    return {norm: {n: b.clone() for n, b in norm.named_buffers(recurse=False)} for norm in norms}


@torch.no_grad()
def _put(statistics: Standing) -> None:
    for norm, buffers in statistics.items():
        for name, values in buffers.items():
            norm.get_buffer(name).copy_(values)
