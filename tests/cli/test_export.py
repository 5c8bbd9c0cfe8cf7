"""Exported graphs compute what the model computes, for any batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.abilities.export import TOLERANCE, export_model
from ganvas.data.open import open_data
from ganvas.errors import GanvasError, UsageError
from ganvas.model import CannotError, Model, Provenance
from ganvas.play import build
from ganvas.recipes import load_recipe
from tests.model.conftest import saved


@pytest.mark.parametrize("kind", ["points", "classes", "pictures"])
def test_a_torch_graph(tmp_path: Path, kind: str) -> None:
    model = saved(tmp_path / "model", kind)
    done = export_model(model, tmp_path / "graph.pt2", "torch")
    assert done.difference <= TOLERANCE
    graph = torch.export.load(tmp_path / "graph.pt2").module()
    z, y = model.latents(9, seed=5)
    inner = graph(z) if y is None else graph(z, y)
    assert len(done.inputs) == (1 if y is None else 2)
    x = model.domain.decode(inner).astype(np.float32)
    assert np.allclose(x, model.sample(9, seed=5), atol=1 if kind == "pictures" else 1e-4)


@pytest.mark.skipif(torch.__version__ < (2, 7), reason="torch 2.6 has no ONNX of batch norm")
@pytest.mark.parametrize("kind", ["classes", "pictures"])
def test_an_onnx_graph(tmp_path: Path, kind: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    model = saved(tmp_path / "model", kind)
    done = export_model(model, tmp_path / "graph.onnx", "onnx")
    assert done.difference <= TOLERANCE
    session = runtime.InferenceSession(tmp_path / "graph.onnx")
    z, y = model.latents(9, seed=5)
    inputs = {"latent": z.numpy()} | ({} if y is None else {"label": y.numpy()})
    (inner,) = session.run(None, inputs)
    x = model.domain.decode(torch.from_numpy(inner)).astype(np.float32)
    assert np.allclose(x, model.sample(9, seed=5), atol=1 if kind == "pictures" else 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    ["stylegan2/digits", "mocogan/shapes", "tgan/bouncing_digits", "tganv2/shapes"],
)
def test_styles_and_clips_of_any_number_are_a_graph(recipe: str, tmp_path: Path) -> None:
    words = [] if recipe.endswith("/digits") else ["data.variant={clips: 8, held_out: 4}"]
    told = load_recipe(recipe, words)
    source = open_data(told.data)
    game = build(told.game_type, told.game_config, source.spec, 0).eval()
    model = Model(game, Provenance.model_construct(), "cpu")
    done = export_model(model, tmp_path / "graph.pt2", "torch")
    assert done.difference <= TOLERANCE
    assert done.inputs[0].startswith("latent (N, ")


def test_a_graph_that_disagrees_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.abilities.export.TOLERANCE", -1.0)
    model = saved(tmp_path / "model", "points")
    with pytest.raises(GanvasError, match="differs from the model by .* nothing was written"):
        export_model(model, tmp_path / "graph.pt2", "torch")
    assert not (tmp_path / "graph.pt2").exists()


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    from tests.model.test_model import POINTS, Mute, Settings

    with pytest.raises(CannotError, match="of mute has no 'sample'; it has: nothing"):
        export_model(Model(Mute(Settings(), POINTS), Provenance(), "cpu"), tmp_path / "x", "torch")
    with pytest.raises(UsageError, match="expected torch or onnx"):
        export_model(saved(tmp_path, "points"), tmp_path / "x", "tensorflow")
