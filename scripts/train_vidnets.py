"""Train the networks that know clips made by code, and write their weights in half precision.

    python scripts/train_vidnets.py [SET …] [--seed 0]

Each set's network is trained on its own clips, for about 75 seconds of a core that does nothing
else, and told on clips made of other numbers; the rounded network is what is measured. Accuracies
stand in the file: where one is below the gate of `ganvas.metrics.vidnets`, what the network says of
that factor is withheld.

What stands still is learnt first, of single frames, which cost a sixteenth of clips: layers that
look before and after a frame smear a moving thing over its way, and what it is then takes ten times
as long to learn as where it goes. Whole clips with all factors follow.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.data.procedural._clips import Clips
from ganvas.metrics.clips import in_units
from ganvas.metrics.vidnet import EDGE, VidNet
from ganvas.metrics.vidnets import SETS, Known, path_of

FRAMES = 16
TEST = 1_000
BATCH, STILLS = 16, 128
"""Clips, or frames, of a step."""
NOISE = 0.05
RATE, WARM = 2e-3, 0.05
BENT = 0.05
STIR = 0.02
SMOOTH = 0.1
PACES = 3
PACED = {"oscillator": (2 * math.pi / 24, 2 * math.pi / 8), "blobs": (0.015, 0.04)}
"""Between which paces are told apart in equal steps."""

Labels = dict[str, Tensor]


@dataclass(frozen=True)
class Lesson:
    """How a set is taught.

    Attributes:
        stills: steps in which single frames are looked at.
        steps: those after them, of whole clips: many small ones go further than a few large ones.
        around: weights that look before and after a frame, to begin with, over those of the frame.
        turned: frames are turned, stretched and sheared a little, where few things are shown.
        fading: noise falls to nothing, so that norms end with the variances of clips as they are.
        changes: half of the first layer looks at what changes from the frame before to the one
            after, to begin with: what moves then stands out before what rests.
        bent: and what a clip shows is bent in a way of its own before it moves: each clip has
            another digit then, which moves as straight as ever.
        drawn: clips that it is taught with.
    """

    stills: int = 450
    steps: int = 850
    around: float = 0.0
    turned: bool = False
    fading: bool = False
    changes: bool = False
    bent: bool = False
    drawn: int = 12_000


LESSONS = {
    "shapes": Lesson(),
    "bouncing_digits": Lesson(
        stills=1200, steps=1500, around=0.2, turned=True, bent=True, fading=True
    ),
    "oscillator": Lesson(stills=0, steps=2600, around=1),
    "blobs": Lesson(stills=0, steps=3000, around=1, changes=True, fading=True),
    "sprites": Lesson(steps=570),
    "mocap": Lesson(steps=2300, around=1, drawn=9000),
}


def drawn(
    name: str, known: Known, count: int, split: str, *, bent: bool = False
) -> tuple[NDArray[np.uint8], Labels]:
    """Return clips of a set with the factors that are to be told."""
    module = import_module(f"ganvas.data.procedural.{name}")
    kinds = [k for k in vars(module).values() if isinstance(k, type) and issubclass(k, Clips)]
    kind = next(k for k in kinds if k is not Clips)
    clips = kind.draw(count, kind.Variant(**known.variant), FRAMES, EDGE, split)
    factors: dict[str, Any] = dict(clips.factors)
    if bent:
        bend(clips)
    speed = next((factors[k] for k in ("frequency", "velocity") if k in factors), None)
    if "pace" in known.required and speed is not None:  # how fast it swings across, or all go
        there = np.arange(speed.shape[1]) < factors.get("count", np.ones(1))[:, None]
        each = speed * there if speed.ndim == 2 else np.linalg.norm(speed, axis=-1) * there
        fast = each.sum(axis=1) / there.sum(axis=1)
        low, high = PACED[name]
        share = (fast - low) / (high - low)
        factors["pace"] = np.clip((share * PACES).astype(np.int64), 0, PACES - 1)
    if name == "blobs":
        factors["count"] = factors["count"] - 1
    told = {f: torch.from_numpy(np.ravel(factors[f]).astype(np.int64)) for f in known.required}
    return clips.clips(), told


def looking_around(net: VidNet, share: float) -> None:
    """Have layers look before and after a frame that much less; 0: each frame is seen alone."""
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Conv3d):
                layer.weight[:, :, [0, 2]] *= share
                layer.weight *= math.sqrt(3 / (1 + 2 * share**2))  # as much in all as before


def seeing_changes(net: VidNet) -> None:
    """Have half of the first layer's filters be differences of frames."""
    layer = net.body[0]
    assert isinstance(layer, nn.Conv3d)
    with torch.no_grad():
        half = layer.weight[: layer.out_channels // 2]
        half[:, :, 1] = 0
        half[:, :, 2] = -half[:, :, 0]


def bend(clips: Any) -> None:
    """Give each clip of digits an image of its own: its digit, turned and bent."""
    rng = torch.Generator().manual_seed(0)
    images = torch.from_numpy(clips.images[clips.factors["digit"][:, 0]])[:, None, None]
    clips.images = turned(images, rng, BENT)[:, 0, 0].numpy()
    clips.factors["digit"] = np.arange(len(images))[:, None]


def turned(frames: Tensor, rng: torch.Generator, bent: float = 0.0) -> Tensor:
    """Return frames (N, C, 1, H, W) turned by up to 11°, stretched and sheared by up to 15 %.

    ``bent`` is the deviation of where each point comes from beside that, as a share of half an
    edge; it varies smoothly.
    """
    turn, wide, high, shear = (2 * torch.rand(4, len(frames), generator=rng) - 1) * 0.15
    cos, sin, none = torch.cos(4 / 3 * turn), torch.sin(4 / 3 * turn), torch.zeros_like(turn)
    rows = [[(1 + wide) * cos, shear - sin, none], [sin, (1 + high) * cos, none]]
    maps = torch.stack([torch.stack(row, 1) for row in rows], 1)
    size = [len(frames), *frames.shape[1:2], *frames.shape[3:]]
    grid = F.affine_grid(maps, size, align_corners=False)
    if bent:
        coarse = bent * torch.randn(len(frames), 2, 4, 4, generator=rng)
        finer = F.interpolate(coarse, size[2:], mode="bicubic", align_corners=True)
        grid = grid + finer.movedim(1, -1)
    return F.grid_sample(frames[:, :, 0], grid, align_corners=False)[:, :, None]


def train(
    clips: NDArray[np.uint8],
    told: Labels,
    content: set[str],
    lesson: Lesson,
    seed: int,
) -> VidNet:
    """Return a network trained by Adam under a rate that rises and falls.

    Args:
        clips: (N, T, H, W, C).
        told: the factors.
        content: those that a single frame tells.
        lesson: how it is taught.
        seed: of weights, order and noise.
    """
    torch.manual_seed(seed)
    heads = {name: int(labels.max()) + 1 for name, labels in told.items()}
    net = VidNet(clips.shape[-1], heads).train()
    looking_around(net, lesson.around)
    if lesson.changes:
        seeing_changes(net)
    rng = torch.Generator().manual_seed(seed)
    noise = NOISE * torch.randn(1 << 22, generator=rng)
    soft = SMOOTH if lesson.turned else 0.0

    def picked(count: int) -> Tensor:
        return torch.randint(len(clips), (count,), generator=rng)

    def missed(x: Tensor, rows: Tensor, asked: Iterable[str], loud: float) -> Tensor:
        first = int(torch.randint(len(noise) - x.numel(), (1,), generator=rng))
        logits = net(x + loud * noise[first : first + x.numel()].view(x.shape))
        lost = [F.cross_entropy(logits[k], told[k][rows], label_smoothing=soft) for k in asked]
        return torch.stack(lost).sum()

    start, total, every = time.process_time(), 0.0, lesson.stills + lesson.steps
    for step in range(every):
        moving = step >= lesson.stills
        if step in (0, lesson.stills):
            # Weights that frames do not reach have no variance yet: they would leap at first.
            begun, optimiser = step, torch.optim.Adam(net.parameters())
        for group in optimiser.param_groups:
            warm = min((step - begun + 1) / (WARM * every), 1)
            group["lr"] = RATE * warm * (0.5 + 0.5 * math.cos(math.pi * step / every))
        loud = 1 - step / every if lesson.fading else 1.0
        rows = picked(BATCH if moving else STILLS)
        if moving:
            loss = missed(in_units(clips[rows.numpy()]), rows, told, loud)
        else:
            t = int(picked(1)) % clips.shape[1]
            x = in_units(clips[rows.numpy(), t : t + 1])
            x = turned(x, rng, STIR) if lesson.turned else x
            loss = missed(x, rows, content, loud)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item()
        if step % 100 == 99:
            print(f"  step {step + 1} of {every}: loss {total / 100:.4f}", flush=True)
            total = 0.0
    print(f"  {time.process_time() - start:.0f} s of a core", flush=True)
    return net.eval()


@torch.no_grad()
def accuracies(net: VidNet, clips: NDArray[np.uint8], told: Labels) -> dict[str, float]:
    """Return how often each factor is told."""
    right = dict.fromkeys(told, 0)
    for first in range(0, len(clips), BATCH):
        logits = net(in_units(clips[first : first + BATCH]))
        for name, labels in told.items():
            right[name] += int((logits[name].argmax(1) == labels[first : first + BATCH]).sum())
    return {name: count / len(clips) for name, count in right.items()}


def publish(name: str, known: Known, seed: int) -> None:
    """Train a set's network, and write it."""
    lesson, content = LESSONS[name], set(known.content)
    taught = drawn(name, known, lesson.drawn, "train", bent=lesson.bent)
    net = train(*taught, content, lesson, seed)
    kept = {k: (v.half() if v.ndim > 1 else v).contiguous() for k, v in net.state_dict().items()}
    net.load_state_dict(kept)
    clips, told = drawn(name, known, TEST, "test")
    found = accuracies(net, clips, told)
    heads = {factor: head.out_features for factor, head in net.heads.items()}
    about = {"channels": clips.shape[-1], "heads": heads, "accuracies": found}
    metadata = {"vidnet": json.dumps(about), "made_by": f"scripts/train_vidnets.py {name}"}
    save_file(kept, path_of(name), metadata=metadata)
    told_as = ", ".join(f"{factor} {share:.1%}" for factor, share in found.items())
    print(f"{name}: {told_as}; {path_of(name).stat().st_size:,} bytes", flush=True)


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.sets or SETS:
        publish(name, SETS[name], arguments.seed)


if __name__ == "__main__":
    main()
