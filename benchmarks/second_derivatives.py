"""What second derivatives cost: `ganvas.nn.Twice` against PyTorch's own.

Both are played in turn in one process and one thread, and timed in seconds of the processor, so
that other work disturbs little; ratios are medians of neighbours, with quartiles.

    python benchmarks/second_derivatives.py layers          # double backward of single convolutions
    python benchmarks/second_derivatives.py rounds          # whole rounds of recipes
    python benchmarks/second_derivatives.py bf16            # penalties rounded, against exact ones

The last is of networks that round, channels last: whole rounds with penalties in bfloat16 over
rounds with penalties in single precision; and how far the gradient of E‖∇D‖² by the weights is
from that in double precision, by norm, beside what rounding does to the gradient of E D itself.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import commit
from torch import Tensor, nn

from ganvas.api.environment import machine
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.records import LABEL
from ganvas.games.parts import penalties
from ganvas.nn import Arithmetic, Twice, arrange, as_called, round_inside, unrounded
from ganvas.play import Noise, Turns, build
from ganvas.play.game import networks_of
from ganvas.process import keep_memory
from ganvas.recipes import load_recipe

LAYOUTS = {"as stored": torch.contiguous_format, "channels last": torch.channels_last}
LAYERS = {  # channels in and out, side of images, kernel, stride, groups
    "pointwise": [(3, 64, 32, 1, 1, 1), (64, 128, 32, 1, 1, 1), (256, 128, 8, 1, 1, 1)],
    "grouped": [(128, 128, 32, 3, 1, 8), (256, 256, 16, 3, 1, 16), (256, 256, 4, 3, 1, 16)],
    "depthwise": [(128, 128, 16, 3, 1, 128), (64, 64, 32, 4, 2, 64)],
    "dense": [(64, 64, 32, 3, 1, 1), (64, 64, 16, 3, 1, 1), (128, 128, 8, 3, 1, 1)],
    "strided": [(3, 64, 32, 4, 2, 1), (64, 128, 16, 4, 2, 1), (64, 128, 14, 4, 2, 1)],
    "small": [(256, 256, 8, 3, 1, 1), (128, 256, 8, 4, 2, 1), (128, 256, 8, 5, 2, 1)],
}
RECIPES = {  # images (side, channels) in the place of a recipe's data, and changes
    "r3gan/digits": (None, []),
    "r3gan/cifar10": ((32, 3), ["game.generator.width=64", "game.discriminator.width=64"]),
    "wgan-gp/images": ((32, 3), []),
    "wgan-gp/cifar10": ((32, 3), []),
    "wgan-gp/ring8": (None, []),
    "r3gan/ring8": (None, []),
}
Play = Callable[[], object]


def ratios(plain: Play, ours: Play, blocks: int) -> dict[str, Any]:
    """Return milliseconds of both, and how many times as fast ours is."""
    times: dict[Play, list[float]] = {plain: [], ours: []}
    for block in range(blocks + 1):
        for play in (plain, ours) if block % 2 else (ours, plain):
            start = time.process_time()
            play()
            if block:  # the first warms up
                times[play].append(1e3 * (time.process_time() - start))
    low, middle, high = statistics.quantiles(
        [a / b for a, b in zip(times[plain], times[ours], strict=True)]
    )
    return {
        "plain_ms": round(statistics.median(times[plain]), 2),
        "ours_ms": round(statistics.median(times[ours]), 2),
        "ratio": [round(value, 3) for value in (middle, low, high)],
    }


def layers(blocks: int) -> Iterator[dict[str, Any]]:
    """Measure the double backward of single convolutions of 64 images."""
    for name, several in LAYERS.items():
        for inputs, outputs, side, kernel, stride, groups in several:
            for layout, form in LAYOUTS.items():
                padding = (kernel - 1) // 2
                layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
                layer.to(memory_format=form)  # pyright: ignore[reportCallIssue]
                x = torch.randn(64, inputs, side, side).to(memory_format=form).requires_grad_()
                plain, ours = (again(layer, x, mode) for mode in (nullcontext(), Twice()))
                yield {
                    "layer": f"{name} {inputs}→{outputs}, {side}×{side}, kernel {kernel}, "
                    f"stride {stride}, groups {groups}",
                    "layout": layout,
                    **ratios(plain, ours, blocks),
                }


def again(layer: nn.Module, x: Tensor, mode: AbstractContextManager[Any]) -> Play:
    """Return what runs the backward pass of a convolution's gradient by its input."""
    with mode:
        y = layer(x)
    above = torch.randn_like(y).requires_grad_()
    (slope,) = torch.autograd.grad(y, x, above, create_graph=True)
    wanted, weight = torch.randn_like(slope), next(layer.parameters())
    return lambda: torch.autograd.grad(slope, [above, weight], wanted, retain_graph=True)


def table(recipe: str, layout: str, folder: Path) -> tuple[Callable[[int], None], Any, Feed]:
    """Return what plays rounds of a recipe, with networks in a layout, its game and its data."""
    shape, changes = RECIPES[recipe]
    if shape is not None:
        side, channels = shape
        noise = np.random.default_rng(0)
        x = noise.integers(0, 256, (512, side, side, channels), dtype=np.uint8)
        np.savez(folder / "noise.npz", x=x, y=np.arange(512) % 10)
        changes = ["train.batch=8", *changes]
    settings = load_recipe(recipe, changes, folder / "noise.npz" if shape else None)
    source = open_data(settings.data)
    game = build(settings.game_type, settings.game_config, source.spec, seed=0).train()
    game.to(memory_format=LAYOUTS[layout])  # pyright: ignore[reportCallIssue]
    feed = Feed(source, batch=settings.train.batch, seed=0)
    turns = Turns(game.players, Noise(0))
    turns.hold()
    stage = game.stages()[0]

    def play(rounds: int) -> None:
        for _ in range(rounds):
            stage.play(feed, turns)
            turns.round += 1
        turns.take_statistics()

    return play, game, feed


def rounds(blocks: int, names: list[str]) -> Iterator[dict[str, Any]]:
    """Measure whole rounds, from where a penalty is due to the next time."""
    for recipe in names or RECIPES:
        for layout in LAYOUTS if "ring8" not in recipe else ["as stored"]:
            with tempfile.TemporaryDirectory() as name:
                play, _, _ = table(recipe, layout, Path(name))
                count = 1 if recipe == "r3gan/cifar10" or "wgan" in recipe else 8
                modes = (partial(under, mode, play, count) for mode in (nullcontext, Twice))
                yield {
                    "recipe": recipe,
                    "layout": layout,
                    "rounds": count,
                    **ratios(*modes, blocks),
                }


def rounded(blocks: int, names: list[str]) -> Iterator[dict[str, Any]]:
    """Measure penalties in bfloat16: what they gain, and how far they are from exact ones."""
    for recipe in names or [name for name in RECIPES if "ring8" not in name]:
        with tempfile.TemporaryDirectory() as name:
            play, game, feed = table(recipe, "channels last", Path(name))
            batch = feed.next()
            row: dict[str, Any] = {"recipe": recipe, "errors": errors(game.discriminator, batch)}
            arrange(networks_of(game), Arithmetic("bf16", channels_last=True))
            play(8)
            row["errors_later"] = errors(game.discriminator, batch)
            count = 1 if recipe == "r3gan/cifar10" or "wgan" in recipe else 8
            exact, ours = (partial(within, block, play, count) for block in (_exact, as_called))
            yield {**row, "rounds": count, **ratios(exact, ours, blocks)}


def _exact(network: nn.Module | None, x: Tensor) -> AbstractContextManager[object]:
    return unrounded(x)


def within(block: Any, play: Callable[[int], None], count: int) -> None:
    """Play rounds whose penalties are computed in a block."""
    penalties.as_called = block  # pyright: ignore[reportAttributeAccessIssue]
    play(count)


def errors(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return how far gradients in bfloat16 and in single precision are from exact ones, by norm."""
    found: dict[str, dict[str, list[Tensor]]] = {}
    for kind in ("exact", "fp32", "bf16"):
        played = copy.deepcopy(network).requires_grad_()
        played.to(torch.double if kind == "exact" else torch.float)
        round_inside(played, kind == "bf16")
        x, y = batch.x.double() if kind == "exact" else batch.x, batch.get(LABEL)
        steep = penalties.squared_norms(penalties.input_gradient(played, x, y, played)).mean()
        found[kind] = {
            name: _gradient(value, played)
            for name, value in {"penalty": steep, "logits": played(x, y).mean()}.items()
        }
    return {
        f"{name} {kind}": _distance(found[kind][name], exact)
        for name, exact in found["exact"].items()
        for kind in ("fp32", "bf16")
    }


def _gradient(value: Tensor, network: nn.Module) -> list[Tensor]:
    weights = list(network.parameters())
    grads = torch.autograd.grad(value, weights, allow_unused=True, materialize_grads=True)
    return [g.double() for g in grads]


def _distance(found: list[Tensor], exact: list[Tensor]) -> float:
    off = sum(float((a - b).square().sum()) for a, b in zip(found, exact, strict=True))
    return float(f"{math.sqrt(off / sum(float(b.square().sum()) for b in exact)):.3g}")


def under(mode: type[AbstractContextManager[Any]], play: Callable[[int], None], count: int) -> None:
    """Play rounds whose penalties are under a mode."""
    penalties.Twice = mode  # pyright: ignore[reportAttributeAccessIssue]
    play(count)


def main() -> None:
    """Print a line of JSON for each measurement, after one that says where and of what."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["layers", "rounds", "bf16"])
    parser.add_argument("recipes", nargs="*", help=f"of {', '.join(RECIPES)}; all without")
    parser.add_argument("--blocks", type=int, default=9, help="pairs that are timed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()
    print(json.dumps({"commit": commit(), "torch": torch.__version__, "machine": machine()}))
    measured = layers(options.blocks)
    if options.what == "rounds":
        measured = rounds(options.blocks, options.recipes)
    elif options.what == "bf16":
        measured = rounded(options.blocks, options.recipes)
    for row in measured:
        print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
