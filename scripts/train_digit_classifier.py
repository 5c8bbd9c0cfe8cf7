"""Train the digit classifier that ganvas ships, on full MNIST, and write its weights.

    python scripts/train_digit_classifier.py [--epochs 12] [--seed 0] [--out FILE]

Reads full MNIST from the data root, where `make data` puts it. Six to eight minutes on two cores.
Nothing is written unless the 10,000 test images are classified
with at least the required accuracy. The test images are read once, after the last epoch.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.data.items import Collection
from ganvas.data.settings import DataSettings
from ganvas.data.standard import mnist
from ganvas.errors import UsageError
from ganvas.metrics.classifiers import DIGITS, refuse_below
from ganvas.metrics.digit_classifier import DigitNet


def read(data: Collection, split: str) -> tuple[Tensor, Tensor, str]:
    """Return images (N, 1, 28, 28) in [0, 1], labels (N,), and the SHA-256 of both as bytes."""
    pixels, labels = data.splits[split].x, data.splits[split]["label"]
    if labels is None:
        raise UsageError(f"split {split} of {data.name} has no labels")
    digest = hashlib.sha256(pixels.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()
    images = torch.from_numpy(np.moveaxis(pixels, -1, 1).astype(np.float32) / 255)
    return images, torch.from_numpy(labels), digest


def jitter(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return the images under random rotations (12 degrees), scales (10 %) and shifts (2 px)."""
    n = len(images)
    angle, zoom, dx, dy = (2 * torch.rand(4, n, generator=rng) - 1).unbind()
    angle, zoom = angle * math.radians(12), 1 + 0.1 * zoom
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    shift = 2 * 2 / 28
    rows = [torch.stack([cos, -sin, dx * shift], 1), torch.stack([sin, cos, dy * shift], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def train(images: Tensor, labels: Tensor, epochs: int, seed: int, batch: int = 128) -> DigitNet:
    """Return a network trained by Adam under a one-cycle rate."""
    torch.manual_seed(seed)  # initial weights and dropout
    rng = torch.Generator().manual_seed(seed)
    net = DigitNet().train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = len(images) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=epochs * steps)
    for epoch in range(epochs):
        started, total = time.perf_counter(), 0.0
        for chosen in torch.randperm(len(images), generator=rng)[: steps * batch].split(batch):
            loss = F.cross_entropy(net(jitter(images[chosen], rng)), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        seconds = time.perf_counter() - started
        print(f"epoch {epoch + 1}/{epochs}: loss {total / steps:.4f}, {seconds:.0f} s", flush=True)
    return net.eval()


@torch.no_grad()
def accuracy(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of images classified rightly."""
    hits = [
        net(x).argmax(1) == y for x, y in zip(images.split(500), labels.split(500), strict=True)
    ]
    return torch.cat(hits).double().mean().item()


def publish(
    net: nn.Module,
    tensors: dict[str, Tensor],
    required: float,
    test: tuple[Tensor, Tensor, str],
    path: Path,
    said: dict[str, str],
) -> None:
    """Write a network's tensors, with what is said of them, if it is as accurate as required."""
    images, labels, digest = test
    reached = accuracy(net, images, labels)
    print(f"test accuracy {reached:.4f} (required {required})")
    refuse_below(reached, required, "the network just trained")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, said | {"test_accuracy": f"{reached:.4f}", "test_sha256": digest})
    print(f"wrote {path} ({path.stat().st_size:,} bytes)")


def main() -> None:
    """Train, check and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=DIGITS.path)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    data = mnist(DataSettings(source="mnist"))
    images, labels, train_hash = read(data, "train")
    net = train(images, labels, options.epochs, options.seed)
    said = {
        "command": "python scripts/train_digit_classifier.py"
        f" --epochs {options.epochs} --seed {options.seed}",
        "data": "MNIST, 60,000 training images; accuracy on the 10,000 test images",
        "train_sha256": train_hash,
    }
    tensors = {name: value.contiguous() for name, value in net.state_dict().items()}
    publish(net, tensors, DIGITS.required, read(data, "test"), options.out, said)


if __name__ == "__main__":
    main()
