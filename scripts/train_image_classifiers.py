"""Train the clothing and the affine-digit classifier that ganvas ships, and write their weights.

    python scripts/train_image_classifiers.py clothing|affine-digits [--epochs N] [--seed 0]
        [--out FILE]

Reads full Fashion-MNIST or MNIST from the data root, where `make data` puts them. About a minute an
epoch on one core that multiplies bfloat16 in hardware. Weight matrices are rounded to half
precision; the rounded network is what is measured and shipped. Nothing is written unless
the 10,000 test images are classified with at least the required accuracy. The test images are read
once, after the last epoch.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from train_digit_classifier import publish, read

from ganvas.data.affine import paste, turn
from ganvas.data.items import Collection
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.standard import fashion_mnist, mnist
from ganvas.metrics.classifiers import AFFINE_DIGITS, CLOTHING, Shipped
from ganvas.metrics.residual_classifier import ResidualNet

BATCH = 128


@dataclass(frozen=True)
class Lesson:
    """What is trained, on what, and how each batch (N, 1, H, W) in [0, 1] is varied."""

    shipped: Shipped
    data: Callable[[DataSettings], Collection]
    vary: Callable[[Tensor, torch.Generator], Tensor]
    epochs: int


def crop_and_mirror(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return the images moved by at most a pixel each way, every other one mirrored."""
    n, _, height, width = images.shape
    top, left = torch.randint(3, (2, n, 1), generator=rng)
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    mirror = torch.rand(n, 1, generator=rng) < 0.5
    columns = torch.where(mirror, columns.flip(1), columns)
    padded = F.pad(images, (1, 1, 1, 1))[:, 0]
    return padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]][:, None]


def turn_and_paste(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return the digits turned by up to 20 whole degrees, anywhere on canvases of 40×40."""
    n = len(images)
    degrees = torch.randint(-20, 21, (n,), generator=rng)
    corner = torch.randint(13, (n, 2), generator=rng)
    return paste(turn(images, degrees), corner, 40)


def affine_mnist(settings: DataSettings) -> Collection:
    """Return plain training digits, and each test digit at one fixed place on a canvas."""
    plain = mnist(settings)
    fixed = open_data(DataSettings(source="affine_mnist")).items("test")
    splits = {"train": plain.splits["train"], "test": fixed}
    return Collection("affine_mnist", splits, plain.class_names)


LESSONS = {
    "clothing": Lesson(CLOTHING, fashion_mnist, crop_and_mirror, epochs=15),
    "affine-digits": Lesson(AFFINE_DIGITS, affine_mnist, turn_and_paste, epochs=6),
}


def train(lesson: Lesson, images: Tensor, labels: Tensor, epochs: int, seed: int) -> ResidualNet:
    """Return a network trained by SGD with Nesterov momentum under a one-cycle cosine rate."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    net = lesson.shipped.build().train()
    assert isinstance(net, ResidualNet)
    net.to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(
        net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    steps = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 0.1, total_steps=epochs * steps, pct_start=0.2
    )
    for epoch in range(epochs):
        started, total = time.perf_counter(), 0.0
        for chosen in torch.randperm(len(images), generator=rng)[: steps * BATCH].split(BATCH):
            x = lesson.vary(images[chosen], rng).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(x)
            loss = F.cross_entropy(logits.float(), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        seconds = time.perf_counter() - started
        print(f"epoch {epoch + 1}/{epochs}: loss {total / steps:.4f}, {seconds:.0f} s", flush=True)
    return net.eval()


def halved(net: ResidualNet) -> dict[str, Tensor]:
    """Return the weights with all matrices in half precision; ``net`` gets the rounded ones."""
    kept = {
        name: (value.half() if value.ndim > 1 else value).contiguous()
        for name, value in net.state_dict().items()
    }
    net.load_state_dict(kept)
    return kept


def main() -> None:
    """Train, check and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lesson", choices=LESSONS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    lesson = LESSONS[options.lesson]
    shipped, epochs = lesson.shipped, options.epochs or lesson.epochs
    data = lesson.data(DataSettings(source="standard"))
    images, labels, train_hash = read(data, "train")
    net = train(lesson, images, labels, epochs, options.seed)
    test = read(data, "test")
    said = {
        "command": f"python scripts/train_image_classifiers.py {options.lesson}"
        f" --epochs {epochs} --seed {options.seed}",
        "data": f"{data.name}, {len(images):,} training images; "
        f"accuracy on the {len(test[0]):,} test images",
        "train_sha256": train_hash,
    }
    publish(net, halved(net), shipped.required, test, options.out or shipped.path, said)


if __name__ == "__main__":
    main()
