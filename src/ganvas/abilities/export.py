"""``ganvas export``: the generator as a graph that needs no ganvas, checked against the model."""

from __future__ import annotations

import importlib
import io
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from ganvas.cli.options import Game, ModelFolder, load_model
from ganvas.cli.speech import say
from ganvas.errors import GanvasError, UsageError
from ganvas.files import write_whole
from ganvas.model import Model
from ganvas.nn import exactly
from ganvas.play.abilities import CanSample

TOLERANCE = 1e-4
"""Largest difference between graph and model; outputs are of order 1."""
CHECKED = (1, 5, 64)
"""Batch sizes that are compared."""
TRACED = 3
"""Batch size with which the graph is traced: not 1, which would be taken for a constant."""

Run = Callable[..., Tensor]


class Format(StrEnum):
    """What kind of file is written."""

    TORCH = "torch"
    ONNX = "onnx"


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

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Return samples in network units."""
        return self.sample(latent, label)


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
    traced = _inputs(model, TRACED)
    generator = _Generator(model).eval()
    with torch.no_grad():
        generator(*traced)  # what layers draw is there before the graph is traced
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporters, about themselves
        content, run = WRITERS[kind](generator, traced)
    difference = 0.0
    with torch.no_grad():
        for n in CHECKED:
            inputs = _inputs(model, n, seed=n)
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
    names = [f"latent (N, {', '.join(map(str, traced[0].shape[1:]))})", "label (N,) int64"]
    output = f"(N, {', '.join(map(str, model.spec.shape))}) float32"
    return Exported(tuple(names[: len(traced)]), output, difference, sum(CHECKED))


def _inputs(model: Model, n: int, seed: int = 0) -> tuple[Tensor, ...]:
    z, y = model.latents(n, seed)
    # Clones are ordinary tensors, which inference tensors are not: tracing needs those.
    return (z.clone(),) if y is None else (z.clone(), y.clone())


def _trace(generator: nn.Module, inputs: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("N")
    shapes = tuple({0: batch} for _ in inputs)
    try:
        return torch.export.export(generator, inputs, dynamic_shapes=shapes, strict=False)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise GanvasError(f"this network has no graph of its own: {reason}") from error


def _write_torch(generator: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[bytes, Run]:
    content = io.BytesIO()
    torch.export.save(_trace(generator, inputs), content)
    content.seek(0)
    read = torch.export.load(content).module()
    return content.getvalue(), read


def _write_onnx(generator: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[bytes, Run]:
    try:
        onnxruntime: Any = importlib.import_module("onnxruntime")
        importlib.import_module("onnx")
        importlib.import_module("onnxscript")
    except ImportError as error:
        raise UsageError(
            f"ONNX needs packages that are not here ({error}): pip install 'ganvas[export]'"
        ) from error
    names = ["latent", "label"][: len(inputs)]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(
        _trace(generator, inputs),
        inputs,
        input_names=names,
        output_names=["sample"],
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise GanvasError("torch.onnx gave no program")
    content: bytes = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(*given: Tensor) -> Tensor:
        arrays = dict(zip(names, (tensor.numpy() for tensor in given), strict=True))
        (output,) = session.run(None, arrays)
        return torch.from_numpy(np.asarray(output))

    return content, run


WRITERS: dict[str, Callable[[nn.Module, tuple[Tensor, ...]], tuple[bytes, Run]]] = {
    "torch": _write_torch,
    "onnx": _write_onnx,
}
