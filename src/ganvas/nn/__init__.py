"""Layers: what every network is built from. They know tensors, never networks, data or games."""

from ganvas.nn.arithmetic import Arithmetic, arrange, choose
from ganvas.nn.attention import SelfAttention
from ganvas.nn.axial import Axial, Draw, Gradient
from ganvas.nn.bessel import (
    log_bessel,
    log_normaliser,
    log_sphere_area,
    mean_resultant_length,
    vmf_kl_to_uniform,
)
from ganvas.nn.collective import all_reduce, gather
from ganvas.nn.drawing import (
    Drawing,
    Draws,
    Dropout,
    OvershootNoise,
    Source,
    awakened,
    bind,
    drawing,
    drawing_whole,
    draws_from,
    dropouts,
    hold_still,
)
from ganvas.nn.equalised import Equalised, equalised
from ganvas.nn.exchange import everyones, from_first_, rank, sum_, traffic, world_size
from ganvas.nn.frozen import Frozen, frozen_in, hash_of
from ganvas.nn.growth import Growth, blend
from ganvas.nn.init import Init, initialise
from ganvas.nn.input_gradients import gradient_map
from ganvas.nn.inside import dropped, guided, layers_of
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
from ganvas.nn.lipschitz import lipschitz
from ganvas.nn.memory import Lookup, Memory
from ganvas.nn.minibatch import MinibatchDeviation, MinibatchDiscrimination, Mixing, kinds_apart
from ganvas.nn.norm import (
    BatchNorm,
    ConditionalBatchNorm,
    LayerNorm,
    PixelNorm,
    VirtualStatistics,
    adopt,
)
from ganvas.nn.precision import exactly, round_inside, unrounded, widen
from ganvas.nn.resample import BilinearDown, BilinearUp, downsample_average, upsample_nearest
from ganvas.nn.running import RunningMean
from ganvas.nn.spectral import (
    SpectralNorm,
    orthonormality,
    settled,
    singular_values,
    sn,
    spectral_norm,
)
from ganvas.nn.spectrum import (
    Triplets,
    clamp_largest_,
    largest,
    off_diagonal,
    raw_matrices,
    top_singular,
)
from ganvas.nn.sphere import HypersphericalUniform, geodesic, to_front, turn_to
from ganvas.nn.standing import Standing, estimated, of_each_batch, standing
from ganvas.nn.tracking import Tracking, averaged_buffers, held, set_tracking
from ganvas.nn.twice import Twice
from ganvas.nn.upsample import (
    Padding,
    Resize,
    Shuffle,
    UpConv1d,
    UpConv2d,
    UpConv3d,
    Upsample,
    as_transposed,
    box_kernel,
    upsampler,
)
from ganvas.nn.vmf import PowerSpherical, VonMisesFisher
from ganvas.nn.weight_norm import weight_norm

__all__ = [
    "Activation",
    "Arithmetic",
    "Axial",
    "BatchNorm",
    "BilinearDown",
    "BilinearUp",
    "ConditionalBatchNorm",
    "Draw",
    "Drawing",
    "Draws",
    "Dropout",
    "Equalised",
    "FourierFeatures",
    "Frozen",
    "Gate",
    "Gradient",
    "Growth",
    "HypersphericalUniform",
    "Init",
    "LayerNorm",
    "Lookup",
    "MaxOut",
    "Memory",
    "MinibatchDeviation",
    "MinibatchDiscrimination",
    "Mixing",
    "OvershootNoise",
    "Padding",
    "PixelNorm",
    "PowerSpherical",
    "Resize",
    "RowTable",
    "RunningMean",
    "SelfAttention",
    "Shuffle",
    "SmoothStep",
    "Source",
    "SpectralNorm",
    "Standing",
    "Tracking",
    "Triplets",
    "Twice",
    "UpConv1d",
    "UpConv2d",
    "UpConv3d",
    "Upsample",
    "VirtualStatistics",
    "VonMisesFisher",
    "activation",
    "adopt",
    "all_reduce",
    "arrange",
    "as_transposed",
    "averaged_buffers",
    "awakened",
    "bind",
    "blend",
    "box_kernel",
    "choose",
    "clamp_largest_",
    "downsample_average",
    "drawing",
    "drawing_whole",
    "draws_from",
    "dropouts",
    "dropped",
    "equalised",
    "estimated",
    "everyones",
    "exactly",
    "fan",
    "from_first_",
    "frozen_in",
    "gather",
    "geodesic",
    "gradient_map",
    "guided",
    "hash_of",
    "held",
    "hold_still",
    "initialise",
    "kinds_apart",
    "largest",
    "layers_of",
    "lipschitz",
    "log_bessel",
    "log_normaliser",
    "log_sphere_area",
    "lookup",
    "mean_resultant_length",
    "of_each_batch",
    "off_diagonal",
    "one_hot",
    "orthonormality",
    "rank",
    "raw_matrices",
    "round_inside",
    "set_tracking",
    "settled",
    "singular_values",
    "sn",
    "spectral_norm",
    "standing",
    "sum_",
    "to_front",
    "top_singular",
    "traffic",
    "turn_to",
    "unrounded",
    "upsample_nearest",
    "upsampler",
    "vmf_kl_to_uniform",
    "weight_norm",
    "widen",
    "world_size",
]
