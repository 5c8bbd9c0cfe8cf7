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


@dataclass(frozen=True)
class Study:
    """A set of ``ganvas bench stability``, at a tier, so many runs at a time."""

    name: str
    tier: str
    jobs: int
    about: str

    @property
    def recipe(self) -> str:
        """What it is, as a list of parts says it."""
        return f"bench stability {self.name}"


BF16 = ("train.precision=bf16", "train.channels_last=true")
ROOMS = ("data.source=rooms",)
GOOD = ("game.generator.preset=goodW", "game.discriminator.preset=goodW")
STYLED = (*ROOMS, "data.size=256", "train.kimg=20", "train.batch=32", "evaluate.at_end=false")
EMOJI = ("train.kimg=400",)
BRIEF = ("train.watch_every=0", "train.sample_every=0", "evaluate.at_end=false")
PUBLISHED = 12.5
"""s/kimg of StyleGAN2 at 256 pixels with compiled extensions on one A100 (StyleGAN2-ADA's code)."""
PARTS: dict[str, Part | Study] = {
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
    "stylegan2-256": Part("stylegan2/images", STYLED, "StyleGAN2 on rooms of 256 pixels"),
    "stylegan2-256-bf16": Part("stylegan2/images", (*STYLED, *BF16), "the same in bf16"),
    "stylegan2-256-compile": Part(
        "stylegan2/images", (*STYLED, *BF16, "train.compile=true"), "in bf16, compiled"
    ),
    "biggan128": Part(
        "biggan/images",
        (
            *ROOMS,
            "data.size=128",
            "game.conditional=false",
            "game.labels.fakes=batch",
            "game.labels.generator=batch",
            "train.batch=256",
            "game.accumulate=2",
            "train.kimg=40",
            "train.rounds=null",
            *BF16,
        ),
        "BigGAN's networks at 128 pixels, 158 million weights, on rooms without classes",
    ),
    "emoji64": Part("stylegan2/emoji", EMOJI, "StyleGAN2 on 64-pixel emoji"),
    "emoji64-ada": Part(
        "stylegan2/emoji", (*EMOJI, "game.ada={kimg: 100}"), "the same with adaptive augmentation"
    ),
    "faces64": Part(
        "stylegan2/faces",
        (
            *("data.size=64", "game.generator.maps=4096", "game.generator.max_maps=256"),
            *("game.discriminator.maps=4096", "game.discriminator.max_maps=256", "train.kimg=600"),
        ),
        "StyleGAN2 on drawn faces of 64 pixels, for planes of attributes",
    ),
    "vgan64": Part(
        "vgan/videos",
        ("train.rounds=300", *BRIEF),
        "VGAN's networks on moving shapes, 32 frames of 64 pixels",
    ),
    "tganv2-192": Part(
        "tganv2/videos",
        ("train.rounds=100", "train.batch=8", "data.variant={clips: 256, held_out: 64}", *BRIEF),
        "TGANv2's networks on moving shapes of 192 pixels, every second frame left out",
    ),
    "tganv2-192-naive": Part(
        "tganv2/videos",
        (
            *("train.rounds=30", "train.batch=8", "game.subsampling.stride=1"),
            *("data.variant={clips: 256, held_out: 64}", *BRIEF),
        ),
        "the same with all frames at all levels",
    ),
    "mocogan64": Part(
        "mocogan/videos",
        (
            "data.variant={directions: 4, hues: 6, clips: 2000, held_out: 1024}",
            *("game.conditional=[label]", "game.categories=supervised", "train.rounds=1500"),
            *("train.watch_every=0", "train.sample_every=0", "evaluate.samples=1024"),
        ),
        "MoCoGAN's networks on moving shapes of 64 pixels, told their directions",
    ),
    "progressive128": Part(
        "progressive/images",
        (*ROOMS, "data.size=128", "game.growing.fade=20", "game.growing.rest=20", "train.kimg=20"),
        "Progressive GAN on rooms, 4 to 128 pixels",
    ),
    "stability": Study(
        "random", "gpu", 8, "12 random architectures at 32 pixels, WGAN-GP against the GAN"
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


def study(of: Study, folder: Path, accelerator: str) -> int:
    """Play what has no row yet, print the tables, and return the exit status.

    A run that was stopped goes on from its checkpoint when it is asked for again.
    """
    from ganvas.cli.app import run

    if accelerator == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    words = ["bench", "stability", of.name, "--tier", of.tier, "--jobs", str(of.jobs)]
    return run([*words, "--out", str(folder), "--results", str(folder / "rows.jsonl")])


def profiled(part: Part, accelerator: str) -> str:
    """Return which operations 32 rounds spend their time in, after eight that are not counted."""
    from torch.profiler import ProfilerActivity, profile

    from ganvas.data.feed import Feed
    from ganvas.data.open import open_data
    from ganvas.nn import Arithmetic, arrange
    from ganvas.play import Noise, Turns, build, networks_of
    from ganvas.recipes import load_recipe

    recipe = load_recipe(part.recipe, list(part.overrides))
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed)
    game = game.to(accelerator).train()
    rounded = recipe.train.precision == "bf16"
    arrange(networks_of(game), Arithmetic("bf16" if rounded else "fp32", True))
    device = torch.device(accelerator)
    streams = game.streams()
    feed = Feed(source, batch=recipe.train.batch, seed=0, device=device, streams=streams)
    turns = Turns(game.players, Noise(0, accelerator))
    turns.hold()

    def play(rounds: int) -> None:
        for _ in range(rounds):
            game.round(feed, turns)
            turns.round += 1

    play(8)
    kinds = [ProfilerActivity.CPU]
    if accelerator == "cuda":
        kinds.append(ProfilerActivity.CUDA)
    with profile(activities=kinds) as found:
        play(32)
    by = "self_cuda_time_total" if accelerator == "cuda" else "self_cpu_time_total"
    return found.key_averages().table(sort_by=by, row_limit=25)


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
    parser.add_argument("--profile", action="store_true", help="32 rounds, by what takes the time")
    arguments = parser.parse_args()
    if arguments.list or arguments.part is None:
        for name, part in PARTS.items():
            print(f"{name:22} {part.recipe:32} {part.about}")
        return
    if arguments.accelerator == "cuda" and not torch.cuda.is_available():
        sys.exit("there is no CUDA device here; try --accelerator cpu")
    part, folder = PARTS[arguments.part], arguments.out / arguments.part
    print(machine())
    if isinstance(part, Study):
        folder.mkdir(parents=True, exist_ok=True)
        stop_after(arguments.minutes)
        sys.exit(study(part, folder, arguments.accelerator))
    if arguments.profile:
        print(profiled(part, arguments.accelerator))
        return
    stop_after(arguments.minutes)
    if not play(part, folder, arguments.accelerator):
        print(
            f"not done yet; go on with: python benchmarks/gpu.py --part {arguments.part} "
            f"--out {arguments.out}"
        )
        return
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    speeds = sorted(row["img_per_s"] for row in rows if "img_per_s" in row)
    speed = speeds[len(speeds) // 2]
    print(f"median speed {speed:,.0f} img/s, {1000 / speed:.2f} s/kimg")
    if "stylegan2-256" in arguments.part:
        print(f"published for one A100 with compiled extensions: {PUBLISHED} s/kimg")
    if (folder / "evaluation.json").exists():
        print((folder / "evaluation.json").read_text())


if __name__ == "__main__":
    main()
