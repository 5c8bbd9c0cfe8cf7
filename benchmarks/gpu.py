"""Trainings for a machine with a GPU, in parts that end within nine minutes and can be resumed.

    python benchmarks/gpu.py --part fashion --out OUT     # again with the same OUT: goes on
    python benchmarks/gpu.py --list

A part trains its recipe until it is done or its minutes are over; the run then saves and stops as
on any SIGTERM. When it is done the model is evaluated and the scores are printed with their
protocol. On a machine without a network, `make gpu-bundle` has brought wheels and data.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Part:
    """A recipe with overrides."""

    recipe: str
    overrides: tuple[str, ...] = ()
    about: str = ""


BF16 = ("train.precision=bf16", "train.channels_last=true")
ROOMS = ("data.source=rooms",)
GOOD = ("game.generator.preset=goodW", "game.discriminator.preset=goodW")
PARTS = {
    "fashion": Part("r3gan/fashion_mnist", about="R3GAN on real Fashion-MNIST"),
    "fashion-bf16": Part("r3gan/fashion_mnist", BF16, "the same in bf16, channels last"),
    "fashion-compile": Part("r3gan/fashion_mnist", ("train.compile=true",), "the same, compiled"),
    "mnist-sngan": Part("sngan/mnist", about="SN-GAN, class-conditional, on full MNIST"),
    "mnist-wgan-gp": Part("wgan-gp/mnist", about="WGAN-GP on full MNIST"),
    "memorygan": Part("memorygan/fashion_mnist", about="memoryGAN at the paper's settings"),
    "memorygan-em": Part("memorygan/fashion_mnist_no_em", about="its ablations: - EM"),
    "memorygan-mcgn": Part("memorygan/fashion_mnist_no_mcgn", about="- MCGN"),
    "memorygan-memory": Part("memorygan/fashion_mnist_no_memory", about="- Memory, a DCGAN"),
    "digits": Part("sngan/digits", about="the demo"),
    "dcgan64": Part(
        "dcgan/images", (*ROOMS, "data.size=64", "train.rounds=6000"), "DCGAN on rooms"
    ),
    "goodresnet64": Part(
        "wgan-gp/images",
        (*ROOMS, "data.size=64", *GOOD, "train.rounds=1500"),
        "WGAN-GP's good ResNet on rooms",
    ),
    "progressive128": Part(
        "progressive/images",
        (*ROOMS, "data.size=128", "game.growing.fade=20", "game.growing.rest=20", "train.kimg=20"),
        "Progressive GAN on rooms, 4 to 128 pixels",
    ),
}


def stop_after(minutes: float) -> None:
    """Ask this process to save and stop when the time is over."""
    timer = threading.Timer(60 * minutes, os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()


def play(part: Part, folder: Path, accelerator: str) -> bool:
    """Train or resume the part; return whether it is done."""
    from ganvas import api

    if (folder / "config.yaml").exists():
        ending = api.resume(folder, [f"train.accelerator={accelerator}"])
    else:
        words = dict(word.split("=", 1) for word in part.overrides)
        ending = api.train(part.recipe, folder, **{**words, "train.accelerator": accelerator})
    return ending.outcome == "finished"


def machine() -> str:
    """Say what ran this."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return f"{name}, torch {torch.__version__.split('+')[0]}, commit {commit.stdout.strip() or '-'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"))
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--accelerator", default="cuda", choices=["cuda", "cpu"])
    arguments = parser.parse_args()
    if arguments.list or arguments.part is None:
        for name, part in PARTS.items():
            print(f"{name:16} {part.recipe:32} {part.about}")
        return
    if arguments.accelerator == "cuda" and not torch.cuda.is_available():
        sys.exit("there is no CUDA device here; try --accelerator cpu")
    part, folder = PARTS[arguments.part], arguments.out / arguments.part
    print(machine())
    stop_after(arguments.minutes)
    if not play(part, folder, arguments.accelerator):
        print(
            f"not done yet; go on with: python benchmarks/gpu.py --part {arguments.part} "
            f"--out {arguments.out}"
        )
        return
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    speeds = sorted(row["img_per_s"] for row in rows if "img_per_s" in row)
    print(f"median speed {speeds[len(speeds) // 2]:,.0f} img/s")
    print((folder / "evaluation.json").read_text())


if __name__ == "__main__":
    main()
