"""``ganvas export``: the generator as a graph that needs no ganvas, checked against the model."""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor, nn

from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say
from ganvas.data.batch import Batch
from ganvas.errors import GanvasError, UsageError
from ganvas.files import write_whole
from ganvas.given import require_place
from ganvas.loading import extra
from ganvas.model import Model
from ganvas.nn import dropouts, exactly
from ganvas.play import Noise
from ganvas.play.abilities import CanSample

TOLERANCE = 1e-4
"""Largest difference between graph and model; outputs are of order 1."""
CHECKED = (1, 5, 64)
"""Batch sizes that are compared."""
TRACED = 3
"""Batch size with which the graph is traced: not 1, which would be taken for a constant."""

MOST = 2**31 - 1
"""Samples at once; torch 2.6 refuses a graph for any number at all."""

Run = Callable[..., Tensor]


class Format(StrEnum):
    """What kind of file is written."""

    TORCH = "torch"
    ONNX = "onnx"


ONNX_PACKAGES = ("onnxruntime", "onnx", "onnxscript")
SUFFIXES = {Format.TORCH: (".pt2",), Format.ONNX: (".onnx",)}


def export(
    run: ModelFolder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")],
    format: Annotated[Format, typer.Option(help="torch.export, or ONNX.")] = Format.TORCH,
    game: Game = None,
) -> None:
    """Write the generator as a graph, checked against the model.

    Its inputs are latents and, with classes, labels; its outputs are in network units: images in
    [-1, 1] with channels first, points as (data - shift) / scale.

    Example: ganvas export runs/digits --format onnx --out digits.onnx
    """
    if out.suffix.lower() not in SUFFIXES[format]:
        wanted = " or ".join(SUFFIXES[format])
        raise UsageError(f"--out {out}: a file of --format {format.value} ends in {wanted}")
    require_place(out)
    done = export_model(load_model(run, game, device="cpu"), out, format.value)
    say(f"{out}: differs from the model by at most {done.difference:.2g} in {done.samples} samples")
    say(f"inputs: {', '.join(done.inputs)}; output: {done.output}")


@dataclass(frozen=True)
class Exported:
    """What an export made.

    Attributes:
        inputs: names and shapes of the graph's inputs, N being the batch.
        output: the same of its output.
        difference: largest absolute difference from the model.
        samples: how many were compared.
    """

    inputs: tuple[str, ...]
    output: str
    difference: float
    samples: int


class _Generator(nn.Module):
    """A model's ``sample`` as a module of its own."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.game = model.game
        self.sample = model.asked(CanSample).sample
        self.dropping = [layer for layer in dropouts(model.game) if layer.awake]
        self.width = 0
        if self.dropping:
            latent, *given = _inputs(model, TRACED)
            told = self._told(torch.empty(TRACED, 0))
            with torch.no_grad():
                self._made(latent, given)
            self.width = told.width
        self.names = ["latent", *model.game.conditions, *["dropout"] * bool(self.width)]

    def inputs(self, model: Model, n: int, seed: int = 0) -> tuple[Tensor, ...]:
        """Return inputs of n samples: latents, conditions in turn, and chances of dropout."""
        found = _inputs(model, n, seed)
        return (*found, Noise(seed).uniform(n, self.width)) if self.width else found

    def forward(self, latent: Tensor, *others: Tensor) -> Tensor:
        """Return samples in network units."""
        if self.width:
            self._told(others[-1])
            others = others[:-1]
        return self._made(latent, others)

    def _made(self, latent: Tensor, given: Sequence[Tensor]) -> Tensor:
        conditions = self.game.conditions
        fields = dict(zip(conditions, given, strict=True))
        return self.sample(
            latent, conditions.of(Batch(fields, main=next(iter(fields)))) if fields else None
        )

    def _told(self, chances: Tensor) -> _Told:
        """Let layers of dropout that are awake have chances (N, width), one after the other."""
        told = _Told(chances)
        for layer in self.dropping:
            layer.source = told
        return told


class _Told:
    """Draws that are an input of the graph: uniform numbers (N, width), column after column.

    Of no width it gives halves, and counts how many are asked for.
    """

    def __init__(self, numbers: Tensor) -> None:
        self.numbers = numbers
        self.width = 0

    def uniform(self, n: int, *shape: int) -> Tensor:
        """Return (n, *shape) numbers of [0, 1)."""
        first, self.width = self.width, self.width + math.prod(shape)
        if not self.numbers.shape[1]:
            return torch.full((n, *shape), 0.5)
        return self.numbers[:, first : self.width].reshape(-1, *shape)

    def normal(self, n: int, *shape: int) -> Tensor:
        """Refuse: dropout asks for no such numbers."""
        raise GanvasError("dropout draws uniform numbers")


@exactly()
def export_model(model: Model, path: Path, kind: str) -> Exported:
    """Write a model's generator as ``torch`` (`torch.export`) or ``onnx`` file.

    The graph is in single precision, whatever the model computes in. Nothing is left behind unless
    the written one agrees with the model within `TOLERANCE`.

    Raises:
        CannotError: the model has no samples.
        UsageError: the kind is unknown, or the packages for it are missing.
        GanvasError: the network has no such graph, or the graph disagrees.
    """
    model.asked(CanSample)
    if kind not in WRITERS:
        raise UsageError(f"unknown format '{kind}': expected {' or '.join(WRITERS)}")
    generator = _Generator(model).eval()
    traced = generator.inputs(model, TRACED)
    with torch.no_grad():
        generator(*traced)  # what layers draw is there before the graph is traced
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporters, about themselves
        content, run = WRITERS[kind](generator, traced)
    difference = 0.0
    with torch.no_grad():
        for n in CHECKED:
            inputs = generator.inputs(model, n, seed=n)
            ours, theirs = generator(*inputs), run(*inputs)
            if ours.shape != theirs.shape:
                raise GanvasError(f"the graph gives {tuple(theirs.shape)}, not {tuple(ours.shape)}")
            difference = max(difference, float((ours - theirs).abs().max()))
    if not difference <= TOLERANCE:  # also if it is not a number
        raise GanvasError(
            f"the {kind} graph differs from the model by {difference:.2g}, more than "
            f"{TOLERANCE:g}; nothing was written"
        )
    write_whole(path, content)
    named = zip(generator.names, traced, strict=True)
    output = f"(N, {', '.join(map(str, model.spec.shape))}) float32"
    return Exported(tuple(_words(*one) for one in named), output, difference, sum(CHECKED))


def _words(name: str, value: Tensor) -> str:
    """Return name, shape and type of an input, in words."""
    kind = " int64" if value.dtype == torch.int64 else ""
    shape = "".join(f" {side}," for side in value.shape[1:]).rstrip(",")
    return f"{name} (N,{shape}){kind}"


def _inputs(model: Model, n: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Return latents and conditions of n samples, in network units."""
    z, y = model.latents(n, seed)
    noise, given = Noise(seed + 1), list[Tensor]()
    for domain in model.game.conditions.values():
        drawn = domain.draw(n, noise) if y is None else y
        given.append(noise.uniform(n, *domain.shape) if drawn is None else drawn.clone())
    # Clones are ordinary tensors, which inference tensors are not: tracing needs those.
    return (z.clone(), *given)


def _trace(generator: nn.Module, inputs: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("N", max=MOST)
    others = tuple({0: batch} for _ in inputs[1:])
    shapes = ({0: batch}, others) if others else ({0: batch},)
    try:
        with torch.no_grad():  # as in parts of networks, so that the graph has no such parts
            return torch.export.export(generator, inputs, dynamic_shapes=shapes, strict=False)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise GanvasError(f"this network has no graph of its own: {reason}") from error


def _write_torch(generator: _Generator, inputs: tuple[Tensor, ...]) -> tuple[bytes, Run]:
    content = io.BytesIO()
    torch.export.save(_trace(generator, inputs), content)
    content.seek(0)
    read = torch.export.load(content).module()
    return content.getvalue(), read


def _write_onnx(generator: _Generator, inputs: tuple[Tensor, ...]) -> tuple[bytes, Run]:
    onnxruntime, *_ = (extra(name, "ONNX", "export") for name in ONNX_PACKAGES)
    names = generator.names
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    graph = _trace(generator, inputs)
    try:
        program = torch.onnx.export(
            graph,
            inputs,
            input_names=names,
            output_names=["sample"],
            dynamo=True,
            verbose=False,
        )
    except Exception as error:  # torch's own class, whose text is a report over many lines
        raise GanvasError(
            f"torch {torch.__version__} has no ONNX for a layer of this network; a newer torch may "
            "have, and --format torch writes a graph of torch's own"
        ) from error
    if program is None:
        raise GanvasError("torch.onnx gave no program")
    content: bytes = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(*given: Tensor) -> Tensor:
        arrays = dict(zip(names, (tensor.numpy() for tensor in given), strict=True))
        (output,) = session.run(None, arrays)
        return torch.from_numpy(np.asarray(output))

    return content, run


WRITERS: dict[str, Callable[[_Generator, tuple[Tensor, ...]], tuple[bytes, Run]]] = {
    "torch": _write_torch,
    "onnx": _write_onnx,
}
