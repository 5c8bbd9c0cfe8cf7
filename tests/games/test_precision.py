"""Training in bfloat16: activations are rounded, weights and penalties are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.training.folder import RunFolder
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.settings import TrainSettings
from tests.games.cases import CASES


@pytest.mark.parametrize("name", ["r3gan lazy", "wgan-gp points", "dcgan digits", "svgae vmf"])
def test_bfloat16_keeps_weights_and_penalties_in_single_precision(
    name: str, tmp_path: Path
) -> None:
    case = CASES[name]
    weights: list[Tensor] = []
    for precision in ("fp32", "bf16"):
        train = TrainSettings.model_validate({"rounds": 8, "batch": 16, "precision": precision})
        loop = Loop(
            case.build(),
            case.source(),
            train,
            RunFolder.create(tmp_path / precision, ""),
            launch(train),
        )
        assert loop.run() == "finished"
        assert all(p.dtype == torch.float32 for p in loop.game.parameters())
        logged = {k: v for row in loop.folder.rows() for k, v in row.items() if "/" in k}
        assert all(np.isfinite(v) for v in logged.values())
        weights.append(torch.cat([p.detach().flatten() for p in loop.game.parameters()]))
    start = torch.cat([p.detach().flatten() for p in case.build().parameters()])
    exact, rounded = weights
    assert not exact.equal(rounded)  # else nothing was computed in bfloat16
    assert (exact - rounded).norm() < 0.5 * (exact - start).norm()
