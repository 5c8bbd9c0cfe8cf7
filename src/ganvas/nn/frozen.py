"""Networks that are used as they are, and known by a hash of their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from ganvas.errors import GanvasError


class Frozen(nn.Module):
    """A network that nobody trains: a perceptual VGG, a face-id network, a pretrained encoder.

    A gradient goes through it, to what it was given, and none to its weights. It is always in
    evaluation mode. It follows the module that it is a part of to its device and type; but its
    weights are no part of that module's: no player has them, nothing averages or clips them, and
    no state dict holds them. They are found again, and only when they are needed: a model whose
    samples do without them does not ask for them.

    Args:
        find: returns the network with its weights, from a file or a seed of its own.
    """

    _here: Tensor

    def __init__(self, find: Callable[[], nn.Module]) -> None:
        super().__init__()
        self._find = find
        self._found: tuple[nn.Module, ...] = ()  # in a tuple: no submodule
        self._digest = ""
        self._expected: tuple[str, str] | None = None
        self.register_buffer("_here", torch.empty(0), persistent=False)

    @property
    def is_found(self) -> bool:
        """Whether it was needed yet."""
        return bool(self._found)

    @property
    def network(self) -> nn.Module:
        """The network itself.

        Raises:
            GanvasError: it is not the one that was expected.
        """
        if not self._found:
            with torch.random.fork_rng(devices=[]), torch.inference_mode(False):
                network = self._find().requires_grad_(False).eval()
                self._found = (network,)
                self._refuse_another()
                network.to(self._here.device, self._here.dtype)
        return self._found[0]

    @property
    def digest(self) -> str:
        """The SHA-256 of its weights and buffers as they are found, or else expected."""
        if self._expected is not None and not self._found:
            return self._expected[0]
        if not self._digest:
            self._digest = hash_of(self.network.state_dict())
        return self._digest

    def expect(self, digest: str, otherwise: str) -> None:
        """Expect a network with a hash, now or when it is found; else say what is wrong.

        Raises:
            GanvasError: it is found already, and is another one.
        """
        self._expected = digest, otherwise
        if self._found:
            self._refuse_another()

    def _refuse_another(self) -> None:
        if self._expected is None:
            return
        (wanted, otherwise), here = self._expected, self.digest
        if here != wanted:
            self._found, self._digest = (), ""
            raise GanvasError(f"{otherwise} (SHA-256 {wanted[:12]}, here {here[:12]})")

    def forward(self, *arguments: Any, **named: Any) -> Any:
        """Return what the network makes of its arguments."""
        return self.network(*arguments, **named)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        for network in self._found:
            network._apply(fn, recurse)  # pyright: ignore[reportPrivateUsage]
        return super()._apply(fn, recurse)


def frozen_in(module: nn.Module) -> dict[str, Frozen]:
    """Return the frozen networks inside a module, each once, by their names in it."""
    inside = cast(Iterator[tuple[str, nn.Module]], module.named_modules())
    return {name: one for name, one in inside if isinstance(one, Frozen)}


def hash_of(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of named tensors: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        array = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {array.dtype} {tuple(array.shape)}".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
