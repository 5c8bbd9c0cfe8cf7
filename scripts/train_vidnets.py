"""Train the networks that know clips made by code, and write their weights in half precision.

    python scripts/train_vidnets.py [SET …] [--seconds 75] [--seed 0]

Each set's network is trained on its own clips for so many seconds of one core, and told on clips
made of other numbers; the rounded network is what is measured. Accuracies stand in the file:
where one is below the gate of `ganvas.metrics.vidnets`, scores of that network are withheld.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from ganvas.data.procedural._clips import Clips
from ganvas.metrics.clips import in_units
from ganvas.metrics.vidnet import EDGE, VidNet
from ganvas.metrics.vidnets import SETS, Known, path_of

FRAMES = 16
TRAIN, TEST = 4_000, 1_000
BATCH = 64
NOISE = 0.05
RATE = 2e-3
PACES = 3
PACED = {"oscillator": (2 * math.pi / 24, 2 * math.pi / 8), "blobs": (0.015, 0.04)}
"""Between which paces are told apart in equal steps."""

Labels = dict[str, Tensor]


def drawn(name: str, known: Known, count: int, split: str) -> tuple[NDArray[np.uint8], Labels]:
    """Return clips of a set with the factors that are to be told."""
    module = import_module(f"ganvas.data.procedural.{name}")
    kinds = [k for k in vars(module).values() if isinstance(k, type) and issubclass(k, Clips)]
    kind = next(k for k in kinds if k is not Clips)
    clips = kind.draw(count, kind.Variant(**known.variant), FRAMES, EDGE, split)
    factors: dict[str, Any] = dict(clips.factors)
    speed = next((factors[k] for k in ("frequency", "velocity") if k in factors), None)
    if "pace" in known.required and speed is not None:  # how fast the first thing goes
        fast = speed[:, 0] if speed.ndim == 2 else np.linalg.norm(speed[:, 0], axis=-1)
        low, high = PACED[name]
        share = (fast - low) / (high - low)
        factors["pace"] = np.clip((share * PACES).astype(np.int64), 0, PACES - 1)
    if name == "blobs":
        factors["count"] = factors["count"] - 1
    told = {f: torch.from_numpy(np.ravel(factors[f]).astype(np.int64)) for f in known.required}
    return clips.clips(), told


def train(clips: NDArray[np.uint8], told: Labels, seconds: float, seed: int) -> VidNet:
    """Return a network trained by Adam under a rate that rises and falls, for so much time."""
    torch.manual_seed(seed)
    heads = {name: int(labels.max()) + 1 for name, labels in told.items()}
    net = VidNet(clips.shape[-1], heads).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE)
    rng = torch.Generator().manual_seed(seed)
    start, step, total = time.process_time(), 0, 0.0
    while (share := (time.process_time() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(share / 0.1, 1) * (0.5 + 0.5 * math.cos(math.pi * share))
        rows = torch.randint(len(clips), (BATCH,), generator=rng)
        x = in_units(clips[rows.numpy()])
        x = x + NOISE * torch.randn(x.shape, generator=rng)
        logits = net(x)
        loss = torch.stack([F.cross_entropy(logits[k], told[k][rows]) for k in told]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step, total = step + 1, total + loss.item()
        if step % 100 == 0:
            print(f"  step {step}: loss {total / 100:.4f}", flush=True)
            total = 0.0
    print(f"  {step} steps", flush=True)
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


def publish(name: str, known: Known, seconds: float, seed: int) -> None:
    """Train a set's network, and write it."""
    net = train(*drawn(name, known, TRAIN, "train"), seconds, seed)
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
    parser.add_argument("--seconds", type=float, default=75.0, help="of one core, for each set")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.sets or SETS:
        publish(name, SETS[name], arguments.seconds, arguments.seed)


if __name__ == "__main__":
    main()
