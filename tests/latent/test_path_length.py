"""Perceptual path length: closed forms, trimming, spaces, and the same noise for both items."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from ganvas.errors import UsageError
from ganvas.games import find_game
from ganvas.latent.interpolation import slerp
from ganvas.latent.path_length import EPS, PathLengths, path_lengths
from ganvas.latent.spaces import spaces_of
from ganvas.play import Game, Noise, build
from tests.games.cases import DCGAN, STYLED, digits8, ring


def squared(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).double().flatten(1).square().sum(1)


def game(system: str, source: Any = digits8, **settings: Any) -> Game:
    kind = find_game(system)
    return build(kind, kind.Config.model_validate(settings), source().spec, 0).eval()


def styled(**settings: Any) -> Game:
    networks = {"generator": STYLED | {"width": 4, "depth": 1}, "discriminator": STYLED}
    return game("stylegan2", latent={"kind": "normal", "dim": 4}, **networks, **settings)


class Linear:
    """g(w) = A w₀ as images."""

    def __init__(self, width: int) -> None:
        self.matrix = torch.randn(64, width, dtype=torch.float64)

    def __call__(self, w: Tensor, *_: Any) -> Tensor:
        return (w[:, 0].double() @ self.matrix.T).view(-1, 1, 8, 8)


def test_of_a_linear_generator_it_is_the_squared_length_of_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, law = styled(), Linear(4)
    monkeypatch.setattr(model, "synthesise", law)
    found = path_lengths(model, squared, 40, batch=40)
    noise, space = Noise(0), spaces_of(model)["w"]
    start, end = (space.draw(40, noise).double() for _ in range(2))
    wanted = ((end - start) @ law.matrix.T).square().sum(1)
    torch.testing.assert_close(found.each, wanted, rtol=2e-2, atol=1e-6)
    torch.testing.assert_close(found.codes.double(), start)
    anywhere = path_lengths(model, squared, 40, where="full", batch=40)
    assert anywhere.each.mean() == pytest.approx(wanted.mean().item(), rel=0.5)
    # of a linear map they are the same all along the way
    assert found.value <= found.each.max()


def test_ways_are_looked_at_where_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of g(w) = A w² the speed is 2 A (w ⊙ ẇ), another one all along the way."""
    model, law = styled(), Linear(4)
    monkeypatch.setattr(model, "synthesise", lambda w, *_: law(w.double().square()))
    noise, space = Noise(0), spaces_of(model)["w"]
    start, end = (space.draw(40, noise).double() for _ in range(2))
    share = noise.uniform(40, 1).double()
    for where, at in (("ends", 0 * share), ("full", share)):
        speed = 2 * torch.lerp(start, end, at) * (end - start)
        wanted = (speed @ law.matrix.T).square().sum(1)
        found = path_lengths(model, squared, 40, where=where, batch=40)
        torch.testing.assert_close(found.each, wanted, rtol=5e-2, atol=1e-6)


def test_ways_between_normal_latents_go_along_the_sphere(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = game("dcgan", generator=DCGAN, discriminator=DCGAN, latent={"kind": "normal", "dim": 4})
    law, noise = Linear(4), Noise(0)
    monkeypatch.setattr(plain, "sample", lambda z, *_: law(z[:, None]))
    space = spaces_of(plain)["z"]
    start, end = (space.draw(40, noise).double() for _ in range(2))
    speed = (slerp(start, end, torch.full((40, 1), 1e-6)) - start) / 1e-6
    found = path_lengths(plain, squared, 40, space="z", batch=40)
    wanted = (speed @ law.matrix.T).square().sum(1)
    torch.testing.assert_close(found.each, wanted, rtol=5e-2, atol=1e-6)
    straight = ((end - start) @ law.matrix.T).square().sum(1)
    assert not torch.allclose(wanted, straight, rtol=0.2)


def test_the_tails_are_cut_off() -> None:
    each = torch.arange(201.0)
    each[0], each[-1] = -1e9, 1e9
    found = PathLengths(each, torch.zeros(201, 1), "w")
    assert found.value == pytest.approx(100)
    assert found.order[0] == 0


def test_both_items_have_the_same_noise() -> None:
    model = cast(Any, styled())
    for layer in model.generator.noises:
        nn.init.constant_(layer.strength, 5.0)
    loud = path_lengths(model, squared, 30).value
    assert loud < 0.01 / EPS**2  # other noise would give 1/ε² and more
    assert path_lengths(model, squared, 30).value == loud


def test_every_generator_has_lengths_in_z_and_those_with_styles_in_w() -> None:
    plain = game("dcgan", generator=DCGAN, discriminator=DCGAN, latent={"kind": "normal", "dim": 4})
    ends = path_lengths(plain, squared, 20, space="z")
    assert (ends.each > 0).all()
    assert torch.isfinite(path_lengths(plain, squared, 20, space="z", where="full").each).all()
    with pytest.raises(UsageError, match=r"ways of this model lie in z, not in 'w'"):
        path_lengths(plain, squared, 20)
    told = styled(conditional=True)
    for space in ("z", "w"):
        assert (path_lengths(told, squared, 10, space=space).each > 0).all()
    points = game("gan", ring)
    with pytest.raises(
        UsageError, match=r"path lengths are of images, and this model makes points"
    ):
        path_lengths(points, squared, 20, space="z")
