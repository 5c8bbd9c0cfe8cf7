"""A weight file whose settings say another thing than its tensors is refused before it costs."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.model import MODEL, fitting, load
from ganvas.model.fitting import AllocationError, Bounded
from ganvas.model.sealed import write_sealed
from tests.model.conftest import saved


def altered(folder: Path, tensors: dict[str, Tensor] | None = None, **game: Any) -> str:
    """Change a saved model's tensors or settings, and return the complaint about it."""
    config = json.loads((folder / "config.json").read_text())
    config["game"].update(game)
    kept = load_file(folder / MODEL) | (tensors or {})
    write_sealed(folder / MODEL, kept, {"ganvas": json.dumps(config)})
    with pytest.raises(GanvasError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "widths", [[200_000, 200_000], [10**10], [3] * 3_000], ids=["160 GB", "one", "many layers"]
)
def test_declared_widths_allocate_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, widths: list[int]
) -> None:
    saved(tmp_path, "points")
    monkeypatch.setattr(fitting, "ALWAYS", 2**24)  # a thousand small tensors
    tracemalloc.start()
    message = altered(tmp_path, generator={"kind": "mlp", "widths": widths})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "networks much larger than its tensors" in message
    assert peak < fitting.ALWAYS


def test_a_width_that_no_tensor_can_have(tmp_path: Path) -> None:
    saved(tmp_path, "points")
    message = altered(tmp_path, generator={"kind": "mlp", "widths": [10**30]})
    assert "no network can be made" in message


def test_settings_that_are_no_numbers(tmp_path: Path) -> None:
    saved(tmp_path, "points")
    assert "latent" in altered(tmp_path, latent={"kind": "normal", "dim": -1})


@pytest.mark.parametrize("value", [torch.nan, -torch.nan])
def test_tensors_that_are_not_numbers(tmp_path: Path, value: float) -> None:
    saved(tmp_path, "points")
    name, tensor = next((n, t) for n, t in load_file(tmp_path / MODEL).items() if t.dim() == 2)
    tensor[0, 1] = value
    assert f"'{name}' holds numbers that are not a number" in altered(tmp_path, {name: tensor})


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int32])
def test_tensors_of_another_type(tmp_path: Path, dtype: torch.dtype) -> None:
    saved(tmp_path, "points")
    name, tensor = next(iter(load_file(tmp_path / MODEL).items()))
    assert f"'{name}'" in altered(tmp_path, {name: tensor.to(dtype)})


def test_the_bound_counts_what_is_made_from_sizes() -> None:
    with Bounded(4 * 10**6) as bound:
        x = torch.zeros(1000, 100)
        assert bound.left == 4 * 10**6 - x.nbytes
        x + x  # made of tensors that are counted already
        assert bound.left == 4 * 10**6 - x.nbytes
        for make in (
            lambda: torch.empty(10**9),
            lambda: torch.eye(10**6),
            lambda: torch.arange(1e9),
        ):
            with pytest.raises(AllocationError):
                make()
            bound.left = 4 * 10**6
