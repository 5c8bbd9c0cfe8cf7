"""Compiled networks: plain passes are compiled, penalties run the same parameters eagerly."""

from __future__ import annotations

import pytest
import torch

from tests.games.tables import play, rounds


@pytest.mark.parametrize("system", ["r3gan", "wgan-gp"])
def test_compiled_and_eager_networks_make_the_same_steps(system: str) -> None:
    settings = {"penalty_every": 2}  # so that there are plain passes and penalties of their own
    eager, data, table = play(system, **settings)
    rounds(eager, data, table, 2)
    compiled, data, table = play(system, **settings)
    for network in compiled.children():
        network.compile(dynamic=False, backend="aot_eager")
    rounds(compiled, data, table, 2)
    for name, value in eager.state_dict().items():
        assert torch.allclose(value, compiled.state_dict()[name], atol=1e-6), name


def test_double_backward_through_a_compiled_call_is_what_the_helper_avoids() -> None:
    game, data, _ = play("r3gan")
    game.discriminator.compile(dynamic=False, backend="aot_eager")
    x = data.next().x.requires_grad_()

    def penalise() -> None:
        (slope,) = torch.autograd.grad(game.discriminator(x).sum(), x, create_graph=True)
        slope.square().sum().backward()

    with pytest.raises(RuntimeError, match="compiled|double backward|does not require grad"):
        penalise()
