"""Frozen networks: no player's, in no checkpoint or model, and known again by their hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import ganvas
from ganvas import testing
from ganvas.cli.app import run
from ganvas.errors import GanvasError
from ganvas.model.storage import note_scores
from ganvas.nn import Frozen
from ganvas.play import Adam, Player, build
from ganvas.training.average import MovingAverage
from ganvas.training.settings import Average
from tests.contract.test_toys import recipe
from tests.contract.toys.borrowed import WIDTH, Borrowed, BorrowedSettings, features
from tests.contract.toys.cases import TOYS, case, source_of

OWN = ["--game", TOYS["borrowed"].address]
TRAINED = (3 * 8 + 8 + 8 * 2 + 2) + (4 + 1)
"""Numbers of the generator and of the discriminator's last layer."""


def test_rounds_leave_them_as_they_were_found() -> None:
    game, feed, turns = testing.table(case("borrowed"))
    assert isinstance(game, Borrowed)
    testing.play(game, feed, turns, 3)
    for frozen in (game.perceptual, game.discriminator.eyes):
        assert not any(layer.training for layer in frozen.network.modules())
        assert all(p.grad is None for p in frozen.network.parameters())
        wanted = features().state_dict()
        now = frozen.network.state_dict()
        assert all(wanted[name].equal(tensor) for name, tensor in now.items())
    assert sum(p.numel() for player in game.players.values() for p in player.parameters) == TRAINED
    average = MovingAverage.of(game, Average())
    assert sum(tensor.numel() for tensor in average.values) == TRAINED


def test_no_checkpoint_or_model_holds_them_and_other_ones_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, folder = tmp_path / "features.safetensors", tmp_path / "run"
    sound = {name: tensor.clone() for name, tensor in features().state_dict().items()}
    save_file(sound, weights)
    start = ["train", str(recipe("borrowed", tmp_path, 6)), "--out", str(folder), *OWN]
    assert run([*start, f"game.features={weights}", "train.stop_at=4"]) == 0
    model = folder / "model" / "model.safetensors"
    for path in (*(folder / "checkpoints").iterdir(), model):
        assert path.stat().st_size < 4 * WIDTH * WIDTH / 2
    assert not any("eyes" in name or "perceptual" in name for name in load_file(model))
    points = np.array([[1.0, 0.5], [0.0, -2.0]], np.float32)
    judged = ganvas.load(folder, game=Borrowed, device="cpu").score(points)

    save_file({**sound, "0.bias": sound["0.bias"] + 1e-6}, weights)
    np.save(tmp_path / "points.npy", points)
    for words in (["resume", str(folder)], ["score", str(folder), str(tmp_path / "points.npy")]):
        capsys.readouterr()
        assert run([*words, *OWN]) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "other weights of the frozen network 'discriminator.eyes'" in said

    weights.unlink()  # samples do without them
    out = tmp_path / "samples.npy"
    assert run(["sample", str(folder), "--count", "3", "--out", str(out), *OWN]) == 0
    note_scores(folder / "model", ganvas.load(folder, game=Borrowed), {"coverage": 0.125})
    card = (folder / "model" / "README.md").read_text()
    assert "0.125" in card
    assert "| uses, unchanged | perceptual, SHA-256 " in card
    save_file(sound, weights)
    assert judged.tobytes() == ganvas.load(folder, game=Borrowed).score(points).tobytes()
    assert run(["resume", str(folder), *OWN]) == 0


def test_no_player_may_have_one() -> None:
    class Greedy(Borrowed):
        def __init__(self, config: BorrowedSettings, spec: Any) -> None:
            super().__init__(config, spec)
            self.players["eyes"] = Player(self.perceptual.network, Adam())

    with pytest.raises(GanvasError, match="'eyes' has weights of 'perceptual', which is Frozen"):
        build(Greedy, BorrowedSettings(), source_of("borrowed").spec, 0)


def test_a_frozen_network_is_no_part_but_goes_along() -> None:
    inner = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    frozen, late = Frozen(lambda: inner), Frozen(lambda: nn.Linear(2, 2))
    game = nn.ModuleDict({"frozen": frozen, "late": late, "own": nn.Linear(2, 2)})
    x = torch.randn(5, 3, requires_grad=True)
    frozen(x).sum().backward()
    assert x.grad is not None
    assert x.grad.any()
    assert inner[0].weight.grad is None
    assert {name.partition(".")[0] for name in game.state_dict()} == {"own"}
    assert len(list(game.parameters())) == 2
    game.load_state_dict(game.state_dict())
    game.double().train()
    assert inner[0].weight.dtype == torch.float64
    assert not inner[1].training
    assert not late.is_found
    before = torch.get_rng_state()
    assert late(torch.randn(1, 2).double()).dtype == torch.float64
    drawn = torch.get_rng_state()
    torch.set_rng_state(before)
    torch.randn(1, 2)
    assert drawn.equal(torch.get_rng_state())  # whoever finds it draws elsewhere
