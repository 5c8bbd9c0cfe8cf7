"""Networks: one file for each family of architectures, parametrised by size, channels and width.

Settings build modules: ``settings.build(domain, latent, conditions)`` for a generator,
``settings.build(domain, conditions)`` for a discriminator. In a configuration a network is a
mapping with its family as ``kind``, the name of a preset, or a mapping with a ``preset`` and
changes to it.
"""

from __future__ import annotations

from typing import Annotated

from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    Head,
    LabelUse,
)
from ganvas.networks.biggan import BigGANDiscriminator, BigGANGenerator
from ganvas.networks.biggan_deep import BigGANDeepDiscriminator, BigGANDeepGenerator
from ganvas.networks.bottleneck import BottleneckDiscriminator, BottleneckGenerator
from ganvas.networks.cgan_mlp import CganMLPDiscriminator, CganMLPGenerator
from ganvas.networks.conditions import Conditions
from ganvas.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganvas.networks.describe import Description, describe
from ganvas.networks.joint import (
    JOINT_PRESETS,
    Code,
    DCGANEncoder,
    DCGANJoint,
    Encoder,
    EncoderConfig,
    JointConfig,
    JointDiscriminator,
    MLPEncoder,
    MLPJoint,
)
from ganvas.networks.memory_dcgan import MemoryDCGANDiscriminator, MemoryDCGANGenerator
from ganvas.networks.memory_resnet import MemoryResNetDiscriminator, MemoryResNetGenerator
from ganvas.networks.mlp import MLPDiscriminator, MLPGenerator
from ganvas.networks.named import by_name
from ganvas.networks.presets import PRESETS
from ganvas.networks.r3 import R3Discriminator, R3Generator
from ganvas.networks.resnet import ResNetDiscriminator, ResNetGenerator
from ganvas.networks.vae import Classifier, Inference, Place, between, inference

__all__ = [
    "JOINT_PRESETS",
    "PRESETS",
    "BigGANDeepDiscriminator",
    "BigGANDeepGenerator",
    "BigGANDiscriminator",
    "BigGANGenerator",
    "BottleneckDiscriminator",
    "BottleneckGenerator",
    "CganMLPDiscriminator",
    "CganMLPGenerator",
    "Classifier",
    "Code",
    "Conditions",
    "DCGANDiscriminator",
    "DCGANEncoder",
    "DCGANGenerator",
    "DCGANJoint",
    "Description",
    "Discriminator",
    "DiscriminatorConfig",
    "DiscriminatorSettings",
    "Encoder",
    "EncoderConfig",
    "Generator",
    "GeneratorConfig",
    "GeneratorSettings",
    "Head",
    "Inference",
    "JointConfig",
    "JointDiscriminator",
    "LabelUse",
    "MLPDiscriminator",
    "MLPEncoder",
    "MLPGenerator",
    "MLPJoint",
    "MemoryDCGANDiscriminator",
    "MemoryDCGANGenerator",
    "MemoryResNetDiscriminator",
    "MemoryResNetGenerator",
    "Place",
    "R3Discriminator",
    "R3Generator",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "between",
    "describe",
    "inference",
]

GeneratorConfig = Annotated[GeneratorSettings, *by_name(GeneratorSettings, PRESETS, 0)]
"""Settings of any generator, or the name of a preset."""

DiscriminatorConfig = Annotated[DiscriminatorSettings, *by_name(DiscriminatorSettings, PRESETS, 1)]
"""Settings of any discriminator, or the name of a preset."""
