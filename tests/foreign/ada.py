"""The public structure of StyleGAN2-ADA's code, in plain torch, and its files.

Names and equations are those of the code and of the sheet; nothing of ours is in it, so that an
import is compared with another program. Modules are pickled as there: what they hold, beside the
source code of their class.
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SOURCE = "import os\nos.environ['GANVAS_RAN'] = 'yes'\n"
"""What files carry as source code: it would leave a trace if anybody ran it."""
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def _reconstruct_persistent_obj(meta: Any) -> Any:
    raise AssertionError("the file was run")


class EasyDict(dict[str, Any]):
    pass


@contextmanager
def their_modules() -> Iterator[None]:
    """Have the modules in which the names of their files lie, as far as pickling asks for them."""
    homes = {"torch_utils.persistence": _reconstruct_persistent_obj, "dnnlib.util": EasyDict}
    made = ["torch_utils", "dnnlib", *homes]
    for name in made:
        sys.modules[name] = types.ModuleType(name)
    for name, thing in homes.items():
        setattr(sys.modules[name], thing.__name__, thing)
        thing.__module__ = name
    try:
        yield
    finally:
        for name in made:
            del sys.modules[name]


class Persistent(nn.Module):
    """A module that is pickled as theirs are; its class is called as theirs."""

    source = SOURCE

    def __reduce__(self) -> tuple[Any, ...]:
        meta = {
            "type": "class",
            "version": 6,
            "module_src": self.source,
            "class_name": type(self).__name__,
            "state": dict(self.__dict__),
        }
        return _reconstruct_persistent_obj, (meta,)


def lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def normal(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape))


def filtered(x: Tensor, pad: int, gain: float) -> Tensor:
    taps = torch.outer(TAPS, TAPS) * gain
    return F.conv2d(x, taps.expand(x.shape[1], 1, 4, 4), padding=pad, groups=x.shape[1])


def unit(x: Tensor) -> Tensor:
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class FullyConnectedLayer(Persistent):
    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.rate = rate
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.randn(outputs) * 0.3 / rate + bias)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * (self.rate / math.sqrt(self.weight.shape[1]))
        return F.linear(x, weight, self.bias * self.rate)


class MappingNetwork(Persistent):
    def __init__(self, z: int, c: int, w: int, layers: int, mean: bool = True) -> None:
        super().__init__()
        self.z_dim, self.layers = z, layers
        self.embed = FullyConnectedLayer(c, w) if c else None
        inputs = [z + (w if c else 0)] + [w] * (layers - 1)
        for number, few in enumerate(inputs):
            self.add_module(f"fc{number}", FullyConnectedLayer(few, w, rate=0.01))
        if mean:
            self.register_buffer("w_avg", torch.randn(w))

    def forward(self, z: Tensor | None, c: Tensor | None) -> Tensor:
        told = [unit(z)] if z is not None and self.z_dim else []
        h = torch.cat([*told, *([unit(self.embed(c))] if self.embed is not None else [])], 1)
        for number in range(self.layers):
            h = lrelu(self.get_submodule(f"fc{number}")(h))
        return h


def modulated(x: Tensor, weight: Tensor, s: Tensor, up: bool, demodulate: bool) -> Tensor:
    found = []
    for one, style in zip(x, s, strict=True):
        w = weight * style[None, :, None, None]
        if demodulate:
            w = w * (w.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
        if up:
            wide = F.conv_transpose2d(one[None], w.transpose(0, 1), stride=2)
            found.append(filtered(wide, 1, 4.0))
        else:
            found.append(F.conv2d(one[None], w, padding=weight.shape[2] // 2))
    return torch.cat(found)


class SynthesisLayer(Persistent):
    def __init__(self, inputs: int, outputs: int, w: int, side: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.affine = FullyConnectedLayer(w, inputs, bias=1.0)
        self.weight, self.bias = normal(outputs, inputs, 3, 3), normal(outputs)
        self.register_buffer("resample_filter", torch.outer(TAPS, TAPS))
        self.register_buffer("noise_const", torch.randn(side, side))
        self.noise_strength = nn.Parameter(torch.tensor(0.4))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = modulated(x, self.weight, self.affine(w), self.up, True)
        return lrelu(x + self.noise_const * self.noise_strength + self.bias[:, None, None])


class ToRGBLayer(Persistent):
    def __init__(self, inputs: int, w: int) -> None:
        super().__init__()
        self.affine = FullyConnectedLayer(w, inputs, bias=1.0)
        self.weight, self.bias = normal(3, inputs, 1, 1), normal(3)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w) / math.sqrt(self.weight.shape[1])
        return modulated(x, self.weight, styles, False, False) + self.bias[:, None, None]


class Conv2dLayer(Persistent):
    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, up: bool = False, down: bool = False,
        bias: bool = True, gain: float = 1.0, linear: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.up, self.down, self.gain, self.linear = up, down, gain, linear
        self.weight = normal(outputs, inputs, kernel, kernel)
        self.bias = normal(outputs) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.shape[2]
        weight = self.weight / math.sqrt(self.weight[0].numel())
        if self.up:
            wide = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = filtered(wide, (5 - kernel) // 2, 4.0)
        elif self.down:
            x = F.conv2d(filtered(x, kernel // 2 + 1, 1.0), weight, stride=2)
        else:
            x = F.conv2d(x, weight, padding=kernel // 2)
        if self.bias is not None:
            x = x + self.bias[:, None, None]
        return (x if self.linear else lrelu(x)) * self.gain


class SynthesisBlock(Persistent):
    def __init__(
        self, inputs: int, outputs: int, w: int, side: int, image: bool, residual: bool
    ) -> None:
        super().__init__()
        if inputs:
            self.conv0 = SynthesisLayer(inputs, outputs, w, side, True)
        else:
            self.const = normal(outputs, side, side)
        self.conv1 = SynthesisLayer(outputs, outputs, w, side, False)
        if image:
            self.torgb = ToRGBLayer(outputs, w)
        if inputs and residual:
            self.skip = Conv2dLayer(inputs, outputs, 1, up=True, bias=False, linear=True)


class SynthesisNetwork(Persistent):
    def __init__(self, widths: list[int], w: int, architecture: str) -> None:
        super().__init__()
        self.architecture, self.sides = architecture, [4 << n for n in range(len(widths))]
        for number, (side, width) in enumerate(zip(self.sides, widths, strict=True)):
            image = architecture == "skip" or number == len(widths) - 1
            few = widths[number - 1] if number else 0
            block = SynthesisBlock(few, width, w, side, image, architecture == "resnet")
            self.add_module(f"b{side}", block)

    def forward(self, w: Tensor) -> Tensor:
        """Return images of styles (N, L, D); an image's layer has the slot after its block's."""
        image, h, slot = None, torch.zeros(0), 0
        for side in self.sides:
            block: Any = self.get_submodule(f"b{side}")
            if side == 4:
                h = block.conv1(block.const.expand(len(w), -1, -1, -1), w[:, 0])
            else:
                x = h
                h = block.conv1(block.conv0(x, w[:, slot]), w[:, slot + 1])
                if self.architecture == "resnet":
                    h = (block.skip(x) + h) / math.sqrt(2)
            slot += 1 if side == 4 else 2
            if image is not None:
                image = filtered(_stuffed(image), 2, 4.0)[:, :, :-1, :-1]
            if hasattr(block, "torgb"):
                share = block.torgb(h, w[:, slot])
                image = share if image is None else image + share
        assert image is not None
        return image


def _stuffed(x: Tensor) -> Tensor:
    """Return an image with zeros after each pixel."""
    wide = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    wide[:, :, ::2, ::2] = x
    return wide


class Generator(Persistent):
    def __init__(
        self, widths: list[int], z: int = 6, c: int = 0, w: int = 5, layers: int = 2,
        architecture: str = "skip",
    ) -> None:  # fmt: skip
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.slots = z, c, w, 2 * len(widths)
        self.synthesis = SynthesisNetwork(widths, w, architecture)
        self.mapping = MappingNetwork(z, c, w, layers)

    def forward(self, z: Tensor, c: Tensor | None = None, psi: float = 1.0) -> Tensor:
        w = self.mapping(z, c)
        w = self.mapping.w_avg + psi * (w - self.mapping.w_avg)
        return self.synthesis(w[:, None].expand(-1, self.slots, -1))


class MinibatchStdLayer(Persistent):
    def forward(self, x: Tensor) -> Tensor:
        group = min(4, len(x))
        y = x.reshape(group, -1, *x.shape[1:])
        y = (y - y.mean(0)).square().mean(0)
        y = (y + 1e-8).sqrt().mean((1, 2, 3)).reshape(-1, 1, 1, 1)
        return torch.cat([x, y.repeat(group, 1, *x.shape[2:])], 1)


class DiscriminatorBlock(Persistent):
    def __init__(self, many: int, few: int, image: bool, residual: bool) -> None:
        super().__init__()
        gain = math.sqrt(0.5) if residual else 1.0
        if image:
            self.fromrgb = Conv2dLayer(3, many, 1)
        self.conv0 = Conv2dLayer(many, many, 3)
        self.conv1 = Conv2dLayer(many, few, 3, down=True, gain=gain)
        if residual:
            self.skip = Conv2dLayer(many, few, 1, down=True, bias=False, gain=gain, linear=True)


class DiscriminatorEpilogue(Persistent):
    def __init__(self, width: int, outputs: int, image: bool) -> None:
        super().__init__()
        if image:
            self.fromrgb = Conv2dLayer(3, width, 1)
        self.mbstd = MinibatchStdLayer()
        self.conv = Conv2dLayer(width + 1, width, 3)
        self.fc = FullyConnectedLayer(width * 16, width)
        self.out = FullyConnectedLayer(width, outputs)


class Discriminator(Persistent):
    def __init__(
        self, widths: list[int], c: int = 0, layers: int = 2, architecture: str = "resnet"
    ) -> None:
        super().__init__()
        self.architecture, self.sides = architecture, [4 << n for n in range(len(widths))][::-1]
        skip, cmap = architecture == "skip", widths[0] if c else 1
        for side, many, few in zip(self.sides, widths[::-1], widths[-2::-1], strict=False):
            image = skip or side == self.sides[0]
            block = DiscriminatorBlock(many, few, image, architecture == "resnet")
            self.add_module(f"b{side}", block)
        self.b4 = DiscriminatorEpilogue(widths[0], cmap, skip)
        if c:
            self.mapping = MappingNetwork(0, c, cmap, layers, mean=False)

    def forward(self, image: Tensor, c: Tensor | None = None) -> Tensor:
        h: Tensor | None = None
        for side in self.sides[:-1]:
            block: Any = self.get_submodule(f"b{side}")
            if hasattr(block, "fromrgb"):
                entered = block.fromrgb(image)
                h = entered if h is None else h + entered
            assert h is not None
            x = h
            h = block.conv1(block.conv0(x))
            if self.architecture == "resnet":
                h = h + block.skip(x)
            if self.architecture == "skip":
                image = filtered(image, 1, 1.0)[:, :, ::2, ::2]
        if hasattr(self.b4, "fromrgb"):
            h = h + self.b4.fromrgb(image)
        h = self.b4.conv(self.b4.mbstd(h))
        out = self.b4.out(lrelu(self.b4.fc(h.flatten(1))))
        if c is None:
            return out[:, 0]
        told = self.mapping(None, c)
        return (out * told).sum(1) / math.sqrt(told.shape[1])
