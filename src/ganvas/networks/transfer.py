"""A network from pictures to pictures of the same size: style transfer in one pass.

Source: Johnson, Alahi & Fei-Fei 2016, with instance norms (Ulyanov et al. 2016) and reflections at
the borders: a 9×9 convolution, two that halve, residual blocks, two up-samplers, a 9×9 convolution.
Deconvolutions in the places of its up-samplers leave heavy checkerboards (Odena et al. 2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.networks.convolutional import image_shape
from ganvas.networks.upsampling import Upsampling, deconvolution
from ganvas.nn import Resize, UpConv2d

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

HALVINGS = 2


class TransferNetwork(Upsampling):
    """Settings of the network.

    Attributes:
        width: channels at the full resolution; twice as many after each halving.
        blocks: residual blocks at the coarsest level.
        kernel: of deconvolutions.
    """

    width: PositiveInt = 32
    blocks: NonNegativeInt = 5
    kernel: PositiveInt = 3

    def build(self, domain: Domain) -> TransferNet:
        """Return the network.

        Raises:
            UsageError: the data are no images, or of sides that cannot be halved twice.
        """
        shape = image_shape(domain, "transfer")
        if any(side % (1 << HALVINGS) for side in shape[1:]):
            good = " ".join(str(-(-side // 4) * 4) for side in shape[1:])
            raise UsageError(
                f"a transfer network halves its maps twice, and {shape[1]}×{shape[2]} does not: "
                f"set data.size={good.split()[0]} data.resize=fit-crop"
            )
        return TransferNet(self, shape[0])


class TransferNet(nn.Module):
    """Pictures (N, C, H, W) in [−1, 1] to such pictures."""

    def __init__(self, config: TransferNetwork, channels: int) -> None:
        super().__init__()
        width = config.width
        grow = config.growing(HALVINGS, deconvolution)
        self.down = nn.Sequential(
            *_same(channels, width, 9),
            *_halving(width, 2 * width),
            *_halving(2 * width, 4 * width),
        )
        self.blocks = nn.Sequential(*(_Residual(4 * width) for _ in range(config.blocks)))
        self.up = nn.Sequential(
            *_normed(grow[0](4 * width, 2 * width, config.kernel), 2 * width),
            *_normed(grow[1](2 * width, width, config.kernel), width),
        )
        self.last = _conv(width, channels, 9)

    def forward(self, x: Tensor) -> Tensor:
        """Return pictures of the same shape."""
        return self.last(self.up(self.blocks(self.down(x)))).tanh()


class _Residual(nn.Module):
    """x + norm(conv3×3(ReLU(norm(conv3×3(x)))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *_same(channels, channels, 3),
            _conv(channels, channels, 3),
            nn.InstanceNorm2d(channels, affine=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        return x + self.branch(x)


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Module:
    return UpConv2d(inputs, outputs, kernel, Resize((1, 1), "reflect"), True)


def _normed(layer: nn.Module, channels: int) -> list[nn.Module]:
    return [layer, nn.InstanceNorm2d(channels, affine=True), nn.ReLU()]


def _same(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    return _normed(_conv(inputs, outputs, kernel), outputs)


def _halving(inputs: int, outputs: int) -> list[nn.Module]:
    pad, conv = nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3, 2)
    return [pad, *_normed(conv, outputs)]
