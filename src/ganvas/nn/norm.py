"""Normalisation layers."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.errors import GanvasError, UsageError
from ganvas.nn.collective import gather
from ganvas.nn.drawing import Dropout
from ganvas.nn.exchange import world_size
from ganvas.nn.labels import lookup
from ganvas.nn.precision import widen
from ganvas.nn.tracking import Tracking


class BatchNorm(Tracking):
    """Batch normalisation of (N, C), (N, C, L), (N, C, H, W) or (N, C, D, H, W), by channel.

    Names and meaning of parameters and buffers are those of ``torch.nn.BatchNorm2d``, and so is
    the cost in a single process. When several processes train together, mean and variance are
    those of the whole batch; gradients, also second ones, flow through them across processes.

    Args:
        channels: C.
        eps: added to the variance.
        momentum: share of the new batch in the running statistics; None averages all batches
            since `restart`.
        affine: whether a gain (1) and an offset (0) for each channel are learned.
        offset: whether the offset is, where the gain is.
        synchronised: whether statistics are shared between processes.
        batch_eval: whether evaluation, too, uses the statistics of its batch (several early
            systems sample so); running statistics are kept all the same.

    Attributes:
        virtual: takes the place of batch statistics if set (`VirtualStatistics`).
    """

    averages: ClassVar[tuple[str, ...]] = ("running_mean", "running_var")
    weight: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        channels: int,
        *,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        offset: bool = True,
        synchronised: bool = True,
        batch_eval: bool = False,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.eps = eps
        self.momentum = momentum
        self.synchronised = synchronised
        self.batch_eval = batch_eval
        self.virtual: VirtualStatistics | None = None
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine and offset else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))

    def restart(self) -> None:
        """Forget the running statistics."""
        self.running_mean.zero_()
        self.running_var.fill_(1.0)
        self.num_batches_tracked.zero_()

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Return the mean and variance (C,) that stand for a batch's own in evaluation."""
        return self.running_mean, self.running_var

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` normalised, scaled and shifted."""
        return self._normalise(x, self.weight, self.bias)

    def _normalise(self, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        if self.virtual is not None:
            return self.virtual(x, weight, bias, self.eps)
        if not (self.training or self.batch_eval):
            mean, var = self.statistics()
            return F.batch_norm(x, mean, var, weight, bias, False, 0.0, self.eps)
        if x.numel() == x.shape[1] and world_size() == 1:
            raise UsageError(
                "batch normalisation needs more than one item, one alone would always become 0: "
                "give a train.batch of 2 or more, or networks without it"
            )
        share = self._share() if self.updates else 0.0
        if self.training and self.synchronised and world_size() > 1:
            return self._across_processes(x, weight, bias, share)
        mean, var = (self.running_mean, self.running_var) if self.updates else (None, None)
        return F.batch_norm(x, mean, var, weight, bias, True, share, self.eps)

    def _share(self) -> float:
        """Count a batch and return its share in the running statistics."""
        self.num_batches_tracked.add_(1)
        return 1.0 / self.num_batches_tracked.item() if self.momentum is None else self.momentum

    def _across_processes(
        self, x: Tensor, weight: Tensor | None, bias: Tensor | None, share: float
    ) -> Tensor:
        wide = widen(x)
        mean, var, count = _pooled_moments(wide)
        if self.updates:
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean), share)
                unbiased = var * (count / (count - 1))
                self.running_var.lerp_(unbiased.to(self.running_var), share)
        gain = torch.rsqrt(var + self.eps)
        if weight is not None:
            gain = gain * weight
        shape = (1, -1, *[1] * (x.dim() - 2))
        out = (wide - mean.view(shape)) * gain.view(shape)
        if bias is not None:
            out = out + bias.view(shape)
        return out.to(x.dtype)

    def extra_repr(self) -> str:
        """Show the channels and what differs from the usual."""
        return f"{self.channels}, eps={self.eps}, momentum={self.momentum}"


def _pooled_moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean (C,), biased variance (C,) and count of the (N, C, …) of all processes."""
    channels = x.shape[1]
    var, mean = torch.var_mean(x, [0, *range(2, x.dim())], correction=0)
    count = x.new_full((1,), x.numel() / channels)
    # One row (count, means, variances) from each process, pooled without cancellation.
    rows = gather(torch.cat([count, mean, var])[None])
    counts, means, variances = rows[:, :1], rows[:, 1 : channels + 1], rows[:, channels + 1 :]
    shares = counts / counts.sum()
    mean = (shares * means).sum(0)
    var = (shares * (variances + (means - mean).square())).sum(0)
    return mean, var, counts.sum()


class ConditionalBatchNorm(BatchNorm):
    """Batch normalisation whose gain and offset depend on a condition (Dumoulin et al. 2017).

    Statistics are shared by all conditions. Exactly one of these is given:

    Args:
        channels: C.
        classes: K. Gains (K, C) start at 1, offsets (K, C) at 0; the condition is a label (N,) or
            weights (N, K), which mix rows.
        features: width of a continuous condition h. Gain 1 + A h, offset B h (Brock et al. 2019).
        eps, momentum, synchronised, batch_eval: as for `BatchNorm`.
    """

    def __init__(
        self,
        channels: int,
        *,
        classes: int = 0,
        features: int = 0,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        synchronised: bool = True,
        batch_eval: bool = False,
    ) -> None:
        if (classes > 0) == (features > 0):
            raise ValueError("a conditional batch norm needs either classes or features")
        super().__init__(
            channels,
            eps=eps,
            momentum=momentum,
            affine=False,
            synchronised=synchronised,
            batch_eval=batch_eval,
        )
        self.condition = _Rows(classes, channels) if classes else _Linear(features, channels)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return ``x`` (N, C, …) normalised, scaled and shifted under the conditions ``y``.

        ``y`` is (N,) int64 or (N, K) for classes, (N, features) otherwise.
        """
        shape = (x.shape[0], self.channels, *[1] * (x.dim() - 2))
        gain, offset = self.condition(y)
        return self._normalise(x, None, None) * gain.view(shape) + offset.view(shape)


class _Rows(nn.Module):
    """Gain and offset of each class, as rows."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(classes, channels))
        self.offset = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        return lookup(self.gain, y), lookup(self.offset, y)


class _Linear(nn.Module):
    """Gain and offset linear in the condition."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.gain = nn.Linear(features, channels, bias=False)
        self.offset = nn.Linear(features, channels, bias=False)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        return 1 + self.gain(h), self.offset(h)


class VirtualStatistics:
    """Virtual batch normalisation: the moments of a fixed reference batch and the sample itself.

    With n reference samples, a sample's mean is (n μ_ref + μ_x)/(n + 1), and so is its mean square;
    the variance follows (Salimans et al. 2016, section 3.5). The layer must see the reference first
    (`collecting`), in every pass: its activations change with the weights, and gradients
    flow through them. What a sample becomes does not depend on the batch it is in.

    Args:
        include_self: count the sample itself; else the reference alone.
    """

    def __init__(self, include_self: bool = True) -> None:
        self.include_self = include_self
        self.collecting = False
        self._moments: tuple[Tensor, Tensor, int] | None = None

    def __call__(self, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
        """Return (N, C, …) normalised with each sample's own moments, scaled and shifted."""
        wide = widen(x)
        places = list(range(2, x.dim()))
        mean = wide.mean(places, keepdim=True) if places else wide
        square = wide.square().mean(places, keepdim=True) if places else wide.square()
        if self.collecting:
            mean, square = mean.mean(0, keepdim=True), square.mean(0, keepdim=True)
            self._moments = mean, square, len(x)
        else:
            if self._moments is None:
                raise GanvasError("virtual batch norm has not seen its reference batch")
            mean_ref, square_ref, n = self._moments
            share = 1 / (n + 1) if self.include_self else 0.0
            mean = mean_ref + share * (mean - mean_ref)
            square = square_ref + share * (square - square_ref)
        gain = torch.rsqrt((square - mean.square()).clamp_min(0) + eps)
        shape = (1, -1, *[1] * len(places))
        if weight is not None:
            gain = gain * weight.view(shape)
        out = (wide - mean) * gain
        return (out if bias is None else out + bias.view(shape)).to(x.dtype)

    def forget(self) -> None:
        """Let go of the reference's moments, and of the graph that they hang on."""
        self._moments = None


class LayerNorm(nn.GroupNorm):
    """Normalisation of each sample over all of (C, H, W), with a gain and offset per channel.

    The critic's replacement for batch norm in WGAN-GP: samples do not see each other.
    Equal to a group norm of one group.
    """

    def __init__(self, channels: int, *, eps: float = 1e-5) -> None:
        super().__init__(1, channels, eps=eps)


_TorchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm
_TorchDropout = nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d


def adopt(module: nn.Module) -> nn.Module:
    """Replace every batch norm and dropout of torch inside ``module`` by ours, in place.

    Parameters and buffers are kept (the very same tensors), so optimisers and state dicts made
    before stay valid.

    Returns:
        ``module``, or its replacement if it is itself such a layer.
    """
    if isinstance(module, _TorchNorm):
        return _adopted(module)
    if isinstance(module, _TorchDropout):
        return Dropout(module.p, not isinstance(module, nn.Dropout)).train(module.training)
    for name, child in module.named_children():
        replacement = adopt(child)
        if replacement is not child:
            module.add_module(name, replacement)
    return module


def _adopted(
    norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm,
) -> BatchNorm:
    ours = BatchNorm(
        norm.num_features,
        eps=norm.eps,
        momentum=norm.momentum,
        affine=norm.affine,
        batch_eval=not norm.track_running_stats,
    )
    if norm.affine:
        ours.to(norm.weight)
    for name, parameter in norm.named_parameters():
        ours.register_parameter(name, parameter)
    for name, buffer in norm.named_buffers():
        ours.register_buffer(name, buffer)
    return ours.train(norm.training)


class PixelNorm(nn.Module):
    """Each pixel's features divided by their root mean square: a/√(mean_c a_c² + ε).

    Source: Karras et al. 2018, section 4.2. Of latents (N, C) it is √C·z/‖z‖.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, …)."""
        scale = widen(x).square().mean(1, keepdim=True).add(1e-8).rsqrt()
        return x * scale.to(x.dtype)
