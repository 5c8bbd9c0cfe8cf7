"""Training in bfloat16: what networks do inside is rounded, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganvas.data.feed import Feed
from ganvas.games.parts import penalties
from ganvas.nn import as_called, round_inside
from ganvas.play import Noise, Turns, networks_of
from ganvas.training.folder import RunFolder
from ganvas.training.launch import launch
from ganvas.training.loop import Loop
from ganvas.training.settings import TrainSettings
from tests.games.cases import CASES


def made(name: str, path: Path, **settings: Any) -> Loop:
    case = CASES[name]
    train = TrainSettings.model_validate({"rounds": 8, "batch": 16, "sample_every": 0, **settings})
    return Loop(case.build(), case.source(), train, RunFolder.create(path, ""), launch(train))


class Rounded(TorchDispatchMode):
    """Counts operations that give bfloat16, forward, in networks and elsewhere."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self.within, self.outside = 0, Counter[str]()
        self.depth = 0
        for network in networks_of(loop.game):
            network.register_forward_pre_hook(lambda *_: self._step(1))
            network.register_forward_hook(lambda *_: self._step(-1))

    def _step(self, by: int) -> None:
        self.depth += by

    @contextmanager
    def as_called(self, network: nn.Module | None, x: Tensor) -> Generator[None]:
        """Tell the block of a penalty in which a network's ``forward`` is called."""
        with as_called(network, x):
            self._step(1)
            yield
            self._step(-1)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if any(t.dtype == torch.bfloat16 for t in tree_leaves(made) if isinstance(t, Tensor)):
            if self.depth or torch._C._current_graph_task_id() != -1:
                self.within += 1
            else:
                self.outside[str(func)] += 1
        return made


@pytest.mark.parametrize(
    "name",
    [
        *("dcgan digits", "dcgan with remedies", "gan with remedies", "gan orthonormal"),
        *("r3gan smR", "r3gan lazy", "wgan-gp resnet", "sngan resnet", "unrolled points"),
        *("veegan pretrained digits", "memorygan digits", "r3gan with a memory"),
        *("diwgan points", "svgae vmf", "svae vmf", "svae normal", "svae-m2 both"),
    ],
)
def test_losses_steps_and_averages_never_see_bfloat16(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = made(name, tmp_path / "run", precision="bf16", rounds=1, batch=4)
    with Rounded(loop) as seen:
        monkeypatch.setattr(penalties, "as_called", seen.as_called)
        loop.run()
    assert seen.within  # else nothing was computed in bfloat16
    assert not seen.outside
    kept = [*loop.game.state_dict().values(), *loop.average.values]
    moments = (player.optimiser.state_dict() for player in loop.game.players.values())
    kept += [t for state in moments for t in tree_leaves(state) if isinstance(t, Tensor)]
    assert {t.dtype for t in kept if t.is_floating_point()} == {torch.float32}


@pytest.mark.parametrize("name", ["r3gan lazy", "wgan-gp points", "dcgan digits", "svgae vmf"])
def test_bfloat16_trains_as_single_precision_does(name: str, tmp_path: Path) -> None:
    weights: list[Tensor] = []
    for precision in ("fp32", "bf16"):
        loop = made(name, tmp_path / precision, precision=precision)
        start = torch.cat([p.detach().flatten().clone() for p in loop.game.parameters()])
        assert loop.run() == "finished"
        logged = {k: v for row in loop.folder.rows() for k, v in row.items() if "/" in k}
        assert all(np.isfinite(v) for v in logged.values())
        weights.append(torch.cat([p.detach().flatten() for p in loop.game.parameters()]))
    exact, rounded = weights
    assert not exact.equal(rounded)
    assert (exact - rounded).norm() < 0.5 * (exact - start).norm()


@pytest.mark.parametrize("name", ["r3gan lazy", "r3gan smR", "wgan-gp resnet"])
def test_penalties_are_rounded_inside_as_the_discriminator_is(name: str) -> None:
    """Both in one pass and in one of their own; sums and weighed costs are in single precision."""
    case = CASES[name]
    game, feed = case.build(), Feed(case.source(), batch=16, seed=0)
    judge, real, fake = game.judge, feed.next(), feed.next()
    slopes: dict[str, list[Tensor]] = {}
    for kind, on in (("fp32", False), ("bf16", True)):
        round_inside(judge, on)
        penalty, parts = judge.penalty(real, fake, Turns(game.players, Noise(0)))
        assert {part.dtype for part in (penalty, *parts.values())} == {torch.float32}
        weights = [p for p in judge.parameters() if p.requires_grad]
        slopes[kind] = list(
            torch.autograd.grad(penalty, weights, allow_unused=True, materialize_grads=True)
        )
    exact, rounded = (torch.cat([g.flatten() for g in slopes[kind]]) for kind in ("fp32", "bf16"))
    assert 1e-4 < (exact - rounded).norm() / exact.norm() < 0.1
