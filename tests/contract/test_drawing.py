"""Layers that draw: masks of the run's noise on any number of processes, parts and resumes."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganvas.abilities.export import export_model
from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.data.spec import DataSpec
from ganvas.model import Model, Provenance
from ganvas.model.trained import BLOCK
from ganvas.nn import Drawing, Dropout, adopt, drawing, drawing_whole
from ganvas.play import SGD, Game, Noise, Player, Ranks, Turns
from ganvas.training.average import MovingAverage
from ganvas.training.settings import Average
from tests.contract.cases import ring
from tests.contract.games.drawn import Drawn, Speckle


def masked(layer: nn.Module, n: int) -> Tensor:
    """Return which of ones (n, 5) a layer leaves."""
    return layer(torch.ones(n, 5)) > 0


def turns_of(layer: nn.Module, noise: Noise, accumulate: int = 1) -> Turns:
    player = Player(nn.Sequential(nn.Linear(1, 1), layer), SGD())
    return Turns({"one": player}, noise, noise.ranks, accumulate)


def layer_of(turns: Turns) -> nn.Module:
    return turns.players["one"].networks[0].get_submodule("1")


@pytest.mark.parametrize("world", [2, 4])
def test_masks_of_several_processes_are_slices_of_those_of_one(world: int) -> None:
    alone = turns_of(nn.Dropout(0.5), Noise(3))
    whole = [masked(layer_of(alone), 8) for _ in range(3)]
    parts = [turns_of(nn.Dropout(0.5), Noise(3, ranks=Ranks(r, world))) for r in range(world)]
    for wanted in whole:
        found = torch.cat([masked(layer_of(table), 8 // world) for table in parts])
        assert found.equal(wanted)
    assert not whole[0].equal(whole[1])  # each pass has masks of its own


def test_masks_of_parts_are_those_of_the_whole_on_any_number_of_processes() -> None:
    def masks(rank: int, world: int, parts: int) -> tuple[Tensor, Tensor]:
        noise = Noise(5, ranks=Ranks(rank, world))
        turns = turns_of(nn.Dropout(0.3), noise, parts)
        batch = Batch(torch.ones(12 // world, 5))
        seen = [layer_of(turns)(part.x) > 0 for (part,) in turns.parts(batch)]
        return torch.cat(seen), noise.normal(2 // world)

    whole, after = masks(0, 1, 1)
    for world, parts in [(1, 3), (2, 1), (2, 3)]:
        found, further = zip(*(masks(rank, world, parts) for rank in range(world)), strict=True)
        assert torch.cat(found).equal(whole)
        assert torch.cat(further).equal(after)  # the stream goes on where it would


def test_a_position_in_the_stream_is_a_position_of_the_masks() -> None:
    noise = Noise(1)
    layer = layer_of(turns_of(nn.Dropout(0.5), noise))
    masked(layer, 3)
    position = noise.state_dict()
    wanted = masked(layer, 7)
    assert not masked(layer, 7).equal(wanted)
    noise.load_state_dict(position)
    assert masked(layer, 7).equal(wanted)


def test_a_batch_that_all_processes_have_is_masked_the_same() -> None:
    found: list[Tensor] = []
    for ranks in (Ranks(), Ranks(0, 2), Ranks(1, 2)):
        layer = layer_of(turns_of(nn.Dropout(0.5), Noise(2, ranks=ranks)))
        with drawing_whole(layer):
            found.append(masked(layer, 6))
    assert found[0].equal(found[1])
    assert found[0].equal(found[2])


@pytest.mark.parametrize(
    ("theirs", "shape"), [(nn.Dropout, (4000, 3)), (nn.Dropout2d, (2000, 3, 4, 4))]
)
def test_dropout_of_torch_becomes_ours_and_keeps_its_law(
    theirs: type[nn.Dropout], shape: tuple[int, ...]
) -> None:
    net = cast(nn.Sequential, adopt(nn.Sequential(theirs(0.3)).train()))
    assert isinstance(net[0], Dropout)
    x = torch.ones(shape)
    with drawing(net, Noise(0)):
        y = net(x)
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.7])
    kept = (y > 0).double().mean(tuple(range(2, x.dim()))) if x.dim() > 2 else (y > 0).double()
    assert set(kept.unique().tolist()) == {0.0, 1.0}  # whole maps, or single numbers
    deviation = (0.3 * 0.7 / kept.numel()) ** 0.5
    assert float(kept.mean()) == pytest.approx(0.7, abs=4 * deviation)
    assert net.eval()(x).equal(x)
    assert Dropout(1.0).train()(x).abs().max() == 0


# ---- in sampling --------------------------------------------------------------------------------


def model() -> Model:
    return Model(Drawn(Settings(), ring().spec), Provenance(), "cpu")


def test_samples_draw_from_their_seed_whatever_they_are_computed_with() -> None:
    made = model()
    whole = made.sample(2 * BLOCK + 9, seed=3).x
    for n, batch in [(5, 256), (BLOCK + 1, 10), (2 * BLOCK + 9, 50)]:
        assert torch.from_numpy(made.sample(n, seed=3, batch=batch).x).allclose(
            torch.from_numpy(whole[:n]), atol=1e-6
        )
    z, _ = made.latents(1, seed=3)
    with drawing(made.game, Noise(77)):
        other = made.game.sample(z) if isinstance(made.game, Drawn) else z
    assert not other.allclose(made.domain.encode(whole[:1]))  # the layer does draw
    assert (made.sample(1, seed=4).x != made.sample(1, seed=3).x).all()


def test_the_way_between_two_samples_does_not_flicker() -> None:
    """All samples of a way have the same noise: equal latents give equal samples."""
    made = model()
    z, _ = made.latents(1, seed=0)
    still = made.decode(z.expand(7, -1).numpy(), batch=3).x
    assert np.allclose(still, still[0], atol=1e-6)


def test_a_graph_holds_its_noise(tmp_path: Path) -> None:
    made = model()
    done = export_model(made, tmp_path / "graph.pt2", "torch")
    assert done.difference < 1e-5
    graph = torch.export.load(tmp_path / "graph.pt2").module()
    z, _ = made.latents(4, seed=1)
    wanted = made.decode(z.numpy()).x
    assert torch.from_numpy(made.domain.decode(graph(z))).allclose(torch.from_numpy(wanted))


# ---- looks --------------------------------------------------------------------------------------


def test_looks_and_averages_leave_the_run_s_stream_alone() -> None:
    class Noisy(Game):
        system = "noisy"

        def __init__(self, config: Settings, spec: DataSpec) -> None:
            super().__init__(config, spec)
            self.net = nn.Sequential(nn.Linear(2, 2), Speckle())
            self.players = {"net": Player(self.net, SGD())}

    game = Noisy(Settings(), ring().spec)
    noise = Noise(0)
    turns = Turns(game.players, noise)
    average = MovingAverage([game.net], Average())
    before = noise.state_dict()["generator"]
    with drawing(game, noise.branch("inference").whole()), average.applied():
        game.net(torch.ones(3, 2))
    assert noise.state_dict()["generator"].equal(before)
    layer = turns.players["net"].networks[0].get_submodule("1")
    assert isinstance(layer, Drawing)
    assert layer.source is noise
