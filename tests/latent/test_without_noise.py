"""Projection into the spaces of a generator with styles that adds no noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.errors import UsageError
from ganvas.latent.likeness import Pixels
from ganvas.latent.projection import Schedule, project
from ganvas.latent.spaces import spaces_of
from ganvas.play import Noise
from tests.latent.styled import styled


def test_without_noisy_layers_there_are_no_maps_to_search_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    game = styled()
    nothing: list[Tensor] = []
    monkeypatch.setattr(game, "maps", lambda n, noise: nothing)
    space = spaces_of(game)["w"]
    with torch.no_grad():
        code = space.of(torch.randn(1, 6, generator=torch.Generator().manual_seed(0)))
        target = space.synthesise(code)
    middle = space.middle(draws=100)
    start = middle[0].expand(1, 1, *space.shape)
    found = project(space, target, Pixels(), start, middle, [Noise(0)], Schedule(steps=60))
    assert not space.noisy
    assert not found.maps
    assert float(found.errors) < 0.1 * float(target.var())
    with pytest.raises(UsageError, match="no noise maps"):
        space.synthesise(code, maps=[torch.zeros(1, 1, 4, 4)])
