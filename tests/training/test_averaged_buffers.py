"""Buffers that are means, and means of buffers: each as it is declared, by closed form."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.spec import DataSpec
from ganvas.errors import GanvasError
from ganvas.model import load, save_model
from ganvas.nn import RunningMean, held
from ganvas.play import SGD, Game, Noise, Player
from ganvas.training.average import MovingAverage
from ganvas.training.settings import Average
from tests.contract.cases import ring


class Mapping(nn.Module):
    """A layer with a mean that is averaged, and a map that is not."""

    averages: ClassVar[tuple[str, ...]] = ("mean_w",)
    mean_w: Tensor
    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.register_buffer("mean_w", torch.zeros(2))
        self.register_buffer("seen", torch.zeros(()))


class Kept(Game):
    system = "kept"
    averaged: ClassVar[tuple[str, ...]] = ("mapping", "length")
    length: Tensor

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.mapping = Mapping()
        self.register_buffer("length", torch.tensor(1.0))
        self.players = {"one": Player(self.mapping, SGD())}

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 2)

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.mapping.mean_w + self.length * z


def after(rounds: int) -> tuple[Kept, MovingAverage, float]:
    """Return a game whose buffers were i in round i, and their average's β."""
    game = Kept(Settings(), ring().spec)
    average = MovingAverage.of(game, Average(half_life=0.1, ramp_up=0))
    for i in range(1, rounds + 1):
        game.mapping.mean_w.fill_(float(i))
        game.mapping.seen.fill_(float(i))
        game.length.fill_(float(-i))
        average.update(50, 50 * i, 0.0)
    return game, average, 0.5 ** (50 / 100)


def test_declared_buffers_are_averaged_and_others_copied() -> None:
    """β^n a₀ + (1 − β) Σ β^(n−i) b_i for buffers b_i = ±i."""
    game, average, beta = after(6)
    sums = sum((1 - beta) * beta ** (6 - i) * i for i in range(1, 7))
    with average.applied():
        assert game.mapping.mean_w.tolist() == pytest.approx([sums] * 2, rel=1e-6)
        assert game.length.item() == pytest.approx(beta**6 - sums, rel=1e-6)
        assert game.mapping.seen.item() == 6
    assert game.mapping.mean_w.tolist() == [6.0, 6.0]
    assert game.length.item() == -6


def test_they_are_part_of_checkpoints_and_of_the_model(tmp_path: Path) -> None:
    game, average, _ = after(4)
    _, other, _ = after(2)
    other.load_state_dict(average.state_dict())
    assert all(map(torch.equal, other.values, average.values))
    with average.applied():
        save_model(tmp_path / "model", game)
        wanted = game.mapping.mean_w.clone(), game.length.clone()
    loaded = load(tmp_path / "model", game=Kept, device="cpu").game
    assert isinstance(loaded, Kept)
    assert loaded.mapping.mean_w.equal(wanted[0])
    assert loaded.length.equal(wanted[1])
    assert loaded.mapping.seen.item() == 4


def test_a_name_that_is_nothing_is_refused() -> None:
    class Wrong(Kept):
        averaged: ClassVar[tuple[str, ...]] = ("maping",)

    with pytest.raises(GanvasError, match="averaged names 'maping'.* Did you mean 'mapping'"):
        MovingAverage.of(Wrong(Settings(), ring().spec), Average())


@pytest.mark.parametrize("share", [0.01, 0.005])
def test_a_running_mean_of_a_constant(share: float) -> None:
    """a after n batches of ℓ is ℓ(1 − (1 − share)ⁿ); a pass that may not follow leaves it."""
    mean = RunningMean((3,), share)
    items = torch.tensor([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    for _ in range(40):
        found = mean(items)
    wanted = items.mean(0) * (1 - (1 - share) ** 40)
    torch.testing.assert_close(found, wanted)
    with held(mean):
        torch.testing.assert_close(mean(items), wanted)
    torch.testing.assert_close(mean.eval()(items), wanted)
