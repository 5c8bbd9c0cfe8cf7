"""Layers: what every network is built from. They know tensors, never networks, data or games."""

from ganvas.nn.collective import all_reduce, gather, world_size
from ganvas.nn.init import Init, initialise
from ganvas.nn.labels import lookup, one_hot
from ganvas.nn.layers import (
    Activation,
    FourierFeatures,
    Gate,
    MaxOut,
    RowTable,
    SmoothStep,
    activation,
    fan,
)
from ganvas.nn.memory import Lookup, Memory
from ganvas.nn.minibatch import MinibatchDeviation, MinibatchDiscrimination, Mixing
from ganvas.nn.norm import (
    BatchNorm,
    ConditionalBatchNorm,
    LayerNorm,
    VirtualStatistics,
    adopt,
)
from ganvas.nn.resample import BilinearDown, BilinearUp, downsample_average, upsample_nearest
from ganvas.nn.spectral import SpectralNorm, orthonormality, singular_values, sn, spectral_norm
from ganvas.nn.tracking import Tracking, held, set_tracking

__all__ = [
    "Activation",
    "BatchNorm",
    "BilinearDown",
    "BilinearUp",
    "ConditionalBatchNorm",
    "FourierFeatures",
    "Gate",
    "Init",
    "LayerNorm",
    "Lookup",
    "MaxOut",
    "Memory",
    "MinibatchDeviation",
    "MinibatchDiscrimination",
    "Mixing",
    "RowTable",
    "SmoothStep",
    "SpectralNorm",
    "Tracking",
    "VirtualStatistics",
    "activation",
    "adopt",
    "all_reduce",
    "downsample_average",
    "fan",
    "gather",
    "held",
    "initialise",
    "lookup",
    "one_hot",
    "orthonormality",
    "set_tracking",
    "singular_values",
    "sn",
    "spectral_norm",
    "upsample_nearest",
    "world_size",
]
